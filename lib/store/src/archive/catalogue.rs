//! Which files count: the manifests folded in order, and the range files that none of them removed.
//!
//! Range files are listed first and manifests are read after: whatever a compaction does meanwhile, no row is missed and
//! none is seen twice. A file may be gone by the time it is opened; then the catalogue is read again.

use std::collections::{BTreeMap, BTreeSet};

use beidou_schemas::{
    Micros,
    archive::{Collection, FileEntry, Manifest, PartitionRange, join_range},
};
use bytes::Bytes;

use super::{Archive, ArchiveError, Listed, sha256_of};

/// A range file that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeFile {
    /// Where it is.
    pub path: String,
    /// What it holds.
    pub range: PartitionRange,
    /// Its size.
    pub bytes: u64,
}

/// What files of one sort hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Their rows; `None` where the files were not opened.
    pub rows: Option<u64>,
}

impl Held {
    /// Both together; rows are known where they are known of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let rows = self.rows.zip(other.rows).map(|(own, others)| own + others);
        Self { files: self.files + other.files, bytes: self.bytes + other.bytes, rows }
    }
}

/// The archive at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Of what.
    pub collection: Collection,
    /// The last generation; 0 before the first compaction.
    pub generation: u64,
    /// SHA-256 of its manifest; empty before the first.
    pub sha256: String,
    /// Compacted files, by path.
    pub days: BTreeMap<String, FileEntry>,
    /// Files of ranges that no compaction has taken in, by partition and offset.
    pub ranges: Vec<RangeFile>,
    /// Files that count no longer, or never did: a compaction ended before it had removed them.
    pub leftovers: Vec<String>,
    /// Generations whose manifests are lost, where that is gone on from: which range files they removed is not known.
    pub lost: BTreeSet<u64>,
    pub(super) removed: BTreeSet<String>,
}

impl Archive {
    /// Reads which files count now.
    ///
    /// # Errors
    /// [`ArchiveError::Chain`] when manifests are missing or were changed; [`Archive::salvage`] goes on then.
    pub async fn catalogue(&self) -> Result<Catalogue, ArchiveError> {
        let ranges = self.list(&self.collection.ranges()).await?;
        let mut catalogue = Catalogue::new(self.collection);
        self.follow(&mut catalogue).await?;
        let days = self.list(self.collection.folder()).await?;
        catalogue.complete(ranges, &days);
        Ok(catalogue)
    }

    /// Reads on from a catalogue that was read before: which day files count now. Range files are left as they were.
    ///
    /// # Errors
    /// As of [`Archive::catalogue`].
    pub async fn days_since(&self, mut known: Catalogue) -> Result<Catalogue, ArchiveError> {
        self.follow(&mut known).await?;
        Ok(known)
    }

    /// The same, range files too, in the place of what was known. After an error that may pass it goes on from where it came to.
    ///
    /// # Errors
    /// As of [`Archive::catalogue`]; then what is known is to be thrown away.
    pub async fn read_on(&self, known: &mut Catalogue) -> Result<(), ArchiveError> {
        let ranges = self.list(&self.collection.ranges()).await?;
        self.follow(known).await?;
        (known.ranges, known.leftovers) = (Vec::new(), Vec::new());
        known.complete(ranges, &[]);
        Ok(())
    }

    /// Takes the manifests in that follow what is known.
    async fn follow(&self, known: &mut Catalogue) -> Result<(), ArchiveError> {
        for listed in self.list(&self.collection.manifests()).await? {
            let generation = self.collection.manifest_generation(&listed.path);
            if generation.is_none_or(|generation| generation > known.generation) {
                let content = self.read(&listed.path).await?;
                known.follow(&listed.path, &content)?;
            }
        }
        Ok(())
    }

    /// Stores the manifest that follows a catalogue.
    ///
    /// # Errors
    /// [`ArchiveError::Raced`] when somebody else has written that generation.
    pub(super) async fn store_manifest(
        &self,
        before: &Catalogue,
        added: Vec<FileEntry>,
        removed: Vec<String>,
        time: Micros,
    ) -> Result<u64, ArchiveError> {
        let generation = before.generation + 1;
        let manifest = Manifest { generation, previous_sha256: before.sha256.clone(), time, added, removed };
        if self.put_new(&self.collection.manifest_path(generation), manifest.to_json().into()).await? {
            Ok(generation)
        } else {
            Err(ArchiveError::Raced { generation })
        }
    }
}

impl Catalogue {
    /// One of which nothing is known yet.
    pub fn new(collection: Collection) -> Self {
        Self { collection, ..Self::default() }
    }

    /// What the day files hold.
    pub fn in_days(&self) -> Held {
        let rows = self.days.values().map(|file| file.note.rows).sum();
        let bytes = self.days.values().map(|file| file.bytes).sum();
        Held { files: self.days.len() as u64, bytes, rows: Some(rows) }
    }

    /// What the day files cover of the log.
    pub fn covered_by_days(&self) -> Vec<PartitionRange> {
        let mut covered = Vec::new();
        for range in self.days.values().flat_map(|entry| &entry.note.ranges) {
            join_range(&mut covered, *range);
        }
        covered
    }

    /// What the range files hold.
    pub fn in_ranges(&self) -> Held {
        Held { files: self.ranges.len() as u64, bytes: self.ranges.iter().map(|file| file.bytes).sum(), rows: None }
    }

    /// Whether a manifest says that this file counts no longer.
    pub fn was_removed(&self, path: &str) -> bool {
        self.removed.contains(path)
    }

    /// Takes the next manifest in.
    fn follow(&mut self, path: &str, content: &Bytes) -> Result<(), ArchiveError> {
        let broken = |what: String| ArchiveError::Chain { path: path.into(), what };
        let manifest = Manifest::from_json(content).map_err(|error| broken(error.to_string()))?;
        let expected = self.generation + 1;
        if self.collection.manifest_generation(path) != Some(expected) || manifest.generation != expected {
            return Err(broken(format!("generation {expected} is missing before it, or its name is another's")));
        }
        if manifest.previous_sha256 != self.sha256 {
            let what = format!(
                "it follows a manifest with SHA-256 {:?}, and the one before it has {:?}",
                manifest.previous_sha256, self.sha256
            );
            return Err(broken(what));
        }
        for path in manifest.removed {
            if self.collection.parse_range_path(&path).is_none() && self.days.remove(&path).is_none() {
                return Err(broken(format!("it removes {path}, which did not count")));
            }
            self.removed.insert(path);
        }
        for entry in manifest.added {
            if let Some(twice) = self.days.insert(entry.path.clone(), entry) {
                return Err(broken(format!("it adds {} a second time", twice.path)));
            }
        }
        (self.generation, self.sha256) = (expected, sha256_of(content));
        Ok(())
    }

    /// Adds what no manifest speaks of.
    pub(super) fn complete(&mut self, ranges: Vec<Listed>, all: &[Listed]) {
        for Listed { path, bytes } in ranges {
            match self.collection.parse_range_path(&path) {
                Some(_) if self.removed.contains(&path) => self.leftovers.push(path),
                Some(range) => self.ranges.push(RangeFile { path, range, bytes }),
                // Not ours: it is left alone.
                None => tracing::warn!(path, "a file among the range files of the archive has an unknown name"),
            }
        }
        self.ranges.sort_unstable_by_key(|file| file.range);
        // Those of a later generation may belong to a compaction that runs now.
        let stale =
            |path: &str| self.collection.day_generation(path).is_some_and(|generation| generation <= self.generation);
        let forgotten = all.iter().filter(|file| stale(&file.path) && !self.days.contains_key(&file.path));
        self.leftovers.extend(forgotten.map(|file| file.path.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(generation: u64, previous: &str, removed: &[&str]) -> Manifest {
        let removed = removed.iter().map(|path| (*path).to_owned()).collect();
        Manifest { generation, previous_sha256: previous.into(), time: Micros(0), added: vec![], removed }
    }

    async fn put(archive: &Archive, manifest: &Manifest) -> String {
        let content = manifest.to_json();
        assert!(
            archive
                .put_new(&Collection::Events.manifest_path(manifest.generation), content.clone().into())
                .await
                .unwrap()
        );
        sha256_of(&content)
    }

    async fn refused(manifests: &[Manifest]) -> String {
        let archive = Archive::in_memory();
        for manifest in manifests {
            put(&archive, manifest).await;
        }
        archive.catalogue().await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_broken_chain_is_refused_with_the_manifest() {
        let first = manifest(1, "", &[]);
        let hash = sha256_of(&first.to_json());
        let hole = refused(&[first.clone(), manifest(3, &hash, &[])]).await;
        assert!(hole.contains("00000003.json") && hole.contains("generation 2 is missing"), "{hole}");
        let other = refused(&[first.clone(), manifest(2, "00", &[])]).await;
        assert!(other.contains("00000002.json") && other.contains(&hash), "{other}");
        let changed = Manifest { time: Micros(1), ..first.clone() };
        assert!(refused(&[changed, manifest(2, &hash, &[])]).await.contains("00000002.json"));
        let unknown = refused(&[manifest(1, "", &["events/dt=2026-11-23/cluster=a/00000001-0001-x.parquet"])]).await;
        assert!(unknown.contains("did not count"), "{unknown}");
        let begin = refused(&[manifest(2, &hash, &[])]).await;
        assert!(begin.contains("generation 1 is missing"), "{begin}");
    }

    #[tokio::test]
    async fn what_a_manifest_removed_is_a_leftover_and_the_rest_counts() {
        let archive = Archive::in_memory();
        let ranges = [(0, 0, 10), (0, 10, 20), (1, 0, 10)].map(|(p, a, b)| Collection::Events.range_path(p, a, b));
        for path in &ranges {
            archive.put_new(path, Bytes::from_static(b"x")).await.unwrap();
        }
        let hash = put(&archive, &manifest(1, "", &[&ranges[0]])).await;
        for name in ["00000001-0001-x", "00000002-0001-y"] {
            let path = format!("events/dt=2026-11-23/cluster=a/{name}.parquet");
            archive.put_new(&path, Bytes::from_static(b"x")).await.unwrap();
        }
        let found = archive.catalogue().await.unwrap();
        assert_eq!((found.generation, found.sha256.as_str()), (1, hash.as_str()));
        let counting: Vec<_> = found.ranges.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(counting, [&ranges[1], &ranges[2]]);
        let forgotten = "events/dt=2026-11-23/cluster=a/00000001-0001-x.parquet";
        assert_eq!(found.leftovers, [ranges[0].as_str(), forgotten]);
    }
}
