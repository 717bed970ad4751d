//! Exports as jobs: a folder with a file and a note for each. No row is too many; disk and age are bounded.
//!
//! ```text
//!  POST ─► note (running) ─► engine ─► ID.part ─► ID.parquet, note (done, rows, bytes)
//!                                └── cancelled, failed; running at a start ─► interrupted
//! ```
//!
//! Notes are written anew and renamed, so that a crash leaves the old one or the new one. Names are made of ids alone.

mod note;
mod work;

pub(crate) use note::{Export, ExportFormat, State};
pub(crate) use work::begin;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use beidou_schemas::{Micros, time::SECOND};
use beidou_service::CancellationToken;
use beidou_store::sql::Exported;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{
    app::now,
    problem::{Kind, Problem},
};

/// Exports that run at once: one reads, another writes.
const PLACES: usize = 2;
/// Between two looks for files that have become too old.
const LOOK_EVERY: Duration = Duration::from_secs(3600);

/// All exports of this process's folder.
pub(crate) struct Exports {
    folder: Option<PathBuf>,
    most_bytes: u64,
    keep: i64,
    notes: Mutex<BTreeMap<Uuid, Export>>,
    pub places: Arc<Semaphore>,
}

impl Exports {
    /// Reads the folder. What ran when the process ended is marked as interrupted, and its part is removed.
    pub(crate) fn open(folder: Option<PathBuf>, most_bytes: u64, keep_days: u32) -> Self {
        let keep = i64::from(keep_days) * 24 * 3600 * SECOND;
        let notes = Mutex::new(folder.as_deref().map(read).unwrap_or_default());
        let exports = Self { folder, most_bytes, keep, notes, places: Arc::new(Semaphore::new(PLACES)) };
        for export in exports.all() {
            if export.state == State::Running {
                let why = "the process ended meanwhile; begin it anew".to_owned();
                exports.end(Export { state: State::Interrupted, why: Some(why), ended: Some(now()), ..export });
            }
        }
        exports
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Uuid, Export>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All, oldest first: ids are made in the order of time.
    pub(crate) fn all(&self) -> Vec<Export> {
        self.lock().values().cloned().collect()
    }

    /// One of them.
    pub(crate) fn get(&self, id: &str) -> Result<Export, Problem> {
        let known = id.parse().ok().and_then(|id: Uuid| self.lock().get(&id).cloned());
        known.ok_or_else(|| Problem::new(Kind::NoExport, "there is no export of this id; /api/v1/exports lists them"))
    }

    /// The file of an export.
    pub(crate) fn file(&self, export: &Export) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{}.{}", export.id, export.format.extension())))
    }

    /// Where it is written until it is whole.
    fn part(&self, export: &Export) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{}.part", export.id)))
    }

    /// Whether there is room for a new one. While it is written, [`Exports::at`] says how much.
    pub(crate) fn room(&self) -> Result<(), Problem> {
        if self.folder.is_none() {
            return Err(Problem::new(Kind::ExportsFull, "exports have no folder: set query_api.exports_folder"));
        }
        self.forget_old();
        let used: u64 = self.lock().values().map(|export| export.bytes).sum();
        if used < self.most_bytes {
            return Ok(());
        }
        let detail = format!("exports take {used} of {} bytes: remove some", self.most_bytes);
        Err(Problem::new(Kind::ExportsFull, detail))
    }

    /// Removes what has become too old until the end of the process, whether anybody asks or not.
    pub(crate) async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.forget_old();
        }
    }

    /// Removes what is older than is kept.
    pub(crate) fn forget_old(&self) {
        let before = now().plus(-self.keep);
        let old = |export: &Export| export.ended.is_some_and(|ended: Micros| ended < before);
        self.all().into_iter().filter(old).for_each(|export| self.remove(&export));
    }

    /// Removes an export that has ended.
    pub(crate) fn remove(&self, export: &Export) {
        self.lock().remove(&export.id);
        let note = self.folder.as_ref().map(|folder| note_path(folder, export.id));
        for path in [self.file(export), self.part(export), note].into_iter().flatten() {
            gone(&path);
        }
    }

    /// Notes a new one, or how it is now.
    fn note(&self, export: &Export) -> io::Result<()> {
        if let Some(folder) = &self.folder {
            write(folder, export)?;
        }
        self.lock().insert(export.id, export.clone());
        Ok(())
    }

    /// Tells how far one is, in memory alone. Returns how large it may become beside all others, those that grow too.
    fn at(&self, id: Uuid, Exported { rows, bytes }: Exported) -> u64 {
        let mut notes = self.lock();
        if let Some(export) = notes.get_mut(&id) {
            (export.rows, export.bytes) = (rows, bytes);
        }
        let others: u64 = notes.values().filter(|other| other.id != id).map(|other| other.bytes).sum();
        self.most_bytes.saturating_sub(others)
    }

    /// Notes the end of one: a part that is whole becomes the file, any other goes.
    fn end(&self, mut export: Export) {
        if let (Some(part), Some(file)) = (self.part(&export), self.file(&export)) {
            if export.state == State::Done
                && let Err(error) = std::fs::rename(&part, &file)
            {
                (export.state, export.why) = (State::Failed, Some(format!("cannot name its file: {error}")));
            }
            if export.state != State::Done {
                export.bytes = 0;
                gone(&part);
            }
        }
        if let Err(error) = self.note(&export) {
            tracing::warn!(id = %export.id, %error, "cannot note the end of an export");
            self.lock().insert(export.id, export);
        }
    }
}

fn note_path(folder: &Path, id: Uuid) -> PathBuf {
    folder.join(format!("{id}.json"))
}

fn gone(path: &Path) {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "cannot remove a file of an export");
        }
        Ok(()) | Err(_) => {}
    }
}

fn write(folder: &Path, export: &Export) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let (path, new) = (note_path(folder, export.id), folder.join(format!("{}.new", export.id)));
    std::fs::write(&new, serde_json::to_vec(export)?)?;
    std::fs::rename(new, path)
}

fn read(folder: &Path) -> BTreeMap<Uuid, Export> {
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeMap::new() };
    let notes =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "json"));
    let read = notes.filter_map(|path| {
        let note = std::fs::read(&path).map_err(|error| error.to_string());
        let note: Result<Export, String> =
            note.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string()));
        note.inspect_err(|error| tracing::warn!(path = %path.display(), error, "an export's note cannot be read")).ok()
    });
    read.map(|export| (export.id, export)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::SqlFormat;

    fn export(state: State, ended: Option<Micros>) -> Export {
        Export {
            id: Uuid::now_v7(),
            subject: "ops".into(),
            question: "SELECT 1".into(),
            format: SqlFormat::Csv,
            state,
            began: now(),
            ended,
            rows: 3,
            bytes: 10,
            why: None,
            range: None,
            coverage: serde_json::json!([]),
            cold: None,
        }
    }

    fn open(folder: &Path, most: u64) -> Exports {
        Exports::open(Some(folder.into()), most, 1)
    }

    #[test]
    fn a_restart_keeps_what_is_done_and_marks_what_ran() {
        let folder = tempfile::tempdir().unwrap();
        let exports = open(folder.path(), 100);
        let (done, ran) = (export(State::Done, Some(now())), export(State::Running, None));
        for one in [&done, &ran] {
            exports.note(one).unwrap();
            std::fs::write(exports.part(one).unwrap(), "x").unwrap();
        }
        exports.end(done.clone());
        let again = open(folder.path(), 100);
        assert_eq!(again.get(&done.id.to_string()).unwrap().state, State::Done);
        assert!(again.file(&done).unwrap().exists());
        let interrupted = again.get(&ran.id.to_string()).unwrap();
        assert!(interrupted.state == State::Interrupted && interrupted.why.is_some(), "{interrupted:?}");
        assert!(!again.part(&ran).unwrap().exists());
    }

    #[test]
    fn the_folder_is_bounded_by_bytes_and_age() {
        let folder = tempfile::tempdir().unwrap();
        let exports = open(folder.path(), 10);
        let old = export(State::Done, Some(now().plus(-25 * 3600 * SECOND)));
        exports.note(&old).unwrap();
        assert!(exports.room().is_ok(), "the old one has gone");
        exports.note(&export(State::Done, Some(now()))).unwrap();
        assert_eq!(exports.room().unwrap_err().kind, Kind::ExportsFull);
        assert!(exports.get("../../etc/passwd").is_err() && exports.get(&old.id.to_string()).is_err());
        assert!(Exports::open(None, 10, 1).room().is_err());
    }

    #[test]
    fn exports_that_run_at_once_share_the_room() {
        let folder = tempfile::tempdir().unwrap();
        let exports = open(folder.path(), 25);
        let running = [export(State::Running, None), export(State::Running, None)];
        running.iter().for_each(|one| exports.note(&Export { bytes: 0, ..one.clone() }).unwrap());
        let grown = |one: &Export, bytes| exports.at(one.id, Exported { rows: 1, bytes });
        assert_eq!(grown(&running[0], 10), 25);
        assert_eq!(grown(&running[1], 15), 15, "as much as the other one leaves");
        assert_eq!(grown(&running[0], 11), 10, "what both take together is bounded");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_old_goes_though_nobody_asks() {
        let folder = tempfile::tempdir().unwrap();
        let exports = Arc::new(open(folder.path(), 100));
        let [old, young] = [25, 23].map(|hours| export(State::Done, Some(now().plus(-hours * 3600 * SECOND))));
        [&old, &young].into_iter().for_each(|one| exports.note(one).unwrap());
        let following = exports.clone().follow(CancellationToken::new());
        assert!(tokio::time::timeout(LOOK_EVERY / 2, following).await.is_err(), "it goes on");
        let left: Vec<_> = exports.all().into_iter().map(|one| one.id).collect();
        assert_eq!(left, [young.id]);
    }
}
