//! What the archive takes. It is read beside whoever asks: months of manifests in a bucket take longer than a scraper waits.

use std::{
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use beidou_schemas::archive::Collection;
use beidou_service::telemetry::chain;
use beidou_store::{
    archive::{Archive, ArchiveError, Catalogue, Held},
    query::space::DiskSpace,
};

/// Who asks waits no longer: tables, disks and log are told without it.
const LIMIT: Duration = Duration::from_secs(2);
const LATE: &str = "the archive does not answer in time";
const BROKEN: &str = "the archive's newest manifest cannot be read";
const AWAY: &str = "the archive cannot be read";

/// What files of days and of ranges take.
pub(super) type Both = (Held, Held);

/// The archive, as far as it was read.
pub(super) struct Archived {
    archive: Archive,
    /// Of each collection. One reads at a time, from where the last one came to.
    known: Arc<tokio::sync::Mutex<Vec<Catalogue>>>,
    last: Mutex<Option<Both>>,
    /// Whether it was told that it cannot be read.
    told: AtomicBool,
}

impl Archived {
    pub(super) fn new(archive: Archive) -> Self {
        let known: Vec<_> = Collection::ALL.map(Catalogue::new).into();
        let known = Arc::new(tokio::sync::Mutex::new(known));
        Self { archive, known, last: Mutex::default(), told: AtomicBool::default() }
    }

    /// What it takes now, or why that is not known.
    pub(super) async fn held(&self) -> Result<Both, &'static str> {
        let read = async {
            let mut known = self.known.clone().lock_owned().await;
            let archive = self.archive.clone();
            // It goes on when nobody waits any more.
            let reading = tokio::spawn(async move { read_on(&archive, &mut known).await });
            reading.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
        };
        let (why, cause) = match tokio::time::timeout(LIMIT, read).await {
            Ok(Ok(both)) => {
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(both);
                self.told.store(false, Ordering::Relaxed);
                return Ok(both);
            }
            Ok(Err(error @ ArchiveError::Chain { .. })) => (BROKEN, chain(&error)),
            Ok(Err(error)) => (AWAY, chain(&error)),
            Err(_) => (LATE, String::new()),
        };
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(why, cause, "what the archive takes is not measured");
        }
        Err(why)
    }

    /// Whether it lies on one of these disks: not a bucket, nor a folder elsewhere.
    pub(super) async fn is_on(&self, disks: &[DiskSpace]) -> bool {
        let Some(root) = self.archive.root() else { return false };
        let look = async {
            let own = device(root).await?;
            for disk in disks {
                if device(Path::new(&disk.path)).await == Some(own) {
                    return Some(());
                }
            }
            None
        };
        matches!(tokio::time::timeout(LIMIT, look).await, Ok(Some(())))
    }

    /// What it took when it was read last.
    pub(super) fn last(&self) -> Option<Both> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// On which device of this machine something lies; `None` where it is not there.
async fn device(path: &Path) -> Option<u64> {
    Some(tokio::fs::metadata(path).await.ok()?.dev())
}

async fn read_on(archive: &Archive, known: &mut [Catalogue]) -> Result<Both, ArchiveError> {
    let (mut days, mut ranges) = (Held { rows: Some(0), ..Held::default() }, Held::default());
    for known in known {
        let archive = archive.of(known.collection);
        let salvaged;
        let found = match archive.read_on(known).await {
            Ok(()) => &*known,
            Err(ArchiveError::Chain { .. }) => {
                *known = Catalogue::new(archive.collection());
                salvaged = archive.salvage().await?.catalogue;
                &salvaged
            }
            Err(error) => return Err(error),
        };
        (days, ranges) = (days.and(found.in_days()), ranges.and(found.in_ranges()));
    }
    Ok((days, ranges))
}

#[cfg(test)]
mod tests {
    use beidou_schemas::{Micros, archive::Manifest};

    use super::*;

    async fn put_manifest(archive: &Archive, generation: u64) -> String {
        let previous_sha256 = archive.catalogue().await.unwrap().sha256;
        let manifest = Manifest { generation, previous_sha256, time: Micros(0), added: vec![], removed: vec![] };
        let path = archive.collection().manifest_path(generation);
        assert!(archive.put_new(&path, manifest.to_json().into()).await.unwrap());
        path
    }

    #[tokio::test]
    async fn it_is_read_on_and_a_lost_manifest_hides_nothing() {
        let archive = Archive::in_memory();
        let held = |files, bytes| Held { files, bytes, rows: None };
        let days = Held { rows: Some(0), ..Held::default() };
        archive.put_new(&Collection::Events.range_path(0, 0, 5), vec![0; 100].into()).await.unwrap();
        let first = put_manifest(&archive, 1).await;
        let archived = Archived::new(archive.clone());
        assert_eq!(archived.held().await, Ok((days, held(1, 100))));
        archive.put_new(&Collection::Operations.range_path(0, 0, 5), vec![0; 10].into()).await.unwrap();
        put_manifest(&archive, 2).await;
        assert_eq!(archived.held().await, Ok((days, held(2, 110))));
        archive.remove(&first).await.unwrap();
        assert_eq!(Archived::new(archive.clone()).held().await, Ok((days, held(2, 110))));
        archive.put_new(&Collection::Events.manifest_path(3), vec![b'{'].into()).await.unwrap();
        assert_eq!(archived.held().await, Err(BROKEN));
        assert_eq!(archived.last(), Some((days, held(2, 110))));
    }

    #[tokio::test]
    async fn it_counts_on_the_disk_that_it_lies_on() {
        let folder = tempfile::tempdir().unwrap();
        let disk = |path: &Path| DiskSpace {
            disk: "default".into(),
            path: path.display().to_string(),
            free_bytes: 0,
            total_bytes: 0,
        };
        let here = disk(folder.path());
        let archived = Archived::new(Archive::folder(&folder.path().join("archive")).unwrap());
        assert!(archived.is_on(std::slice::from_ref(&here)).await);
        assert!(!archived.is_on(&[disk(&folder.path().join("nowhere")), disk(Path::new("/dev"))]).await);
        assert!(!Archived::new(Archive::in_memory()).is_on(&[here]).await);
    }

    #[tokio::test(start_paused = true)]
    async fn an_archive_that_does_not_answer_is_not_waited_for() {
        let archived = Archived::new(Archive::in_memory());
        let reading = archived.known.clone().lock_owned().await;
        assert_eq!(archived.held().await, Err(LATE));
        drop(reading);
        assert!(archived.held().await.is_ok());
    }
}
