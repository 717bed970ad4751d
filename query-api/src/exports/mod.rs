//! Exports as jobs: a folder with a file and a note for each. No row is too many; disk and age are bounded.
//!
//! ```text
//!  POST ─► note (running) ─► engine ─► ID.part ─► ID.parquet, note (done, rows, bytes)
//!                                └── cancelled, failed; running at a start ─► interrupted
//! ```
//!
//! Notes are written anew and renamed, so that a crash leaves the old one or the new one. Names are made of ids alone. What else
//! a crash leaves goes at the next start: halves, and files of which no note says that they are whole.

mod note;
mod work;

pub(crate) use note::{Export, ExportFormat, State};
pub(crate) use work::begin;

use std::{
    collections::{BTreeMap, BTreeSet},
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
    /// Reads the folder. What ran when the process ended is marked as interrupted, what has lost its file as failed, and files
    /// that belong to no export go.
    pub(crate) fn open(folder: Option<PathBuf>, most_bytes: u64, keep_days: u32) -> Self {
        let keep = i64::from(keep_days) * 24 * 3600 * SECOND;
        let notes = Mutex::new(folder.as_deref().map(read).unwrap_or_default());
        let exports = Self { folder, most_bytes, keep, notes, places: Arc::new(Semaphore::new(PLACES)) };
        for export in exports.all() {
            let ended =
                |state, why: &str| Export { state, why: Some(why.into()), ended: Some(now()), ..export.clone() };
            match export.state {
                State::Running => exports.end(ended(State::Interrupted, "the process ended meanwhile; begin it anew")),
                State::Done if exports.file(&export).is_some_and(|file| !file.exists()) => {
                    exports.end(ended(State::Failed, "its file is no longer there; begin it anew"));
                }
                State::Done | State::Failed | State::Cancelled | State::Interrupted => {}
            }
        }
        exports.sweep();
        exports
    }

    /// Removes what has our names and belongs to no export: nobody could fetch it, and nobody would ever remove it.
    fn sweep(&self) {
        let Some(folder) = &self.folder else { return };
        let file = |export: &Export| self.file(export).filter(|_| export.state == State::Done);
        let paths = |export: Export| [Some(note_path(folder, export.id)), file(&export)];
        let known: BTreeSet<PathBuf> = self.all().into_iter().flat_map(paths).flatten().collect();
        let found = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        for path in found.filter(|path| is_ours(path) && !known.contains(path)) {
            tracing::warn!(path = %path.display(), "a file of an export that did not come to its end is removed");
            gone(&path);
        }
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

/// Whether the name is an id with something behind it. Other files in the folder are somebody else's.
fn is_ours(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).filter(|_| path.extension().is_some());
    stem.is_some_and(|stem| stem.parse().is_ok_and(|id: Uuid| id.to_string() == stem))
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

    pub(super) fn export(state: State, ended: Option<Micros>) -> Export {
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
    fn a_start_removes_what_a_crash_left_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let exports = open(folder.path(), 100);
        // One whose file was named before its end was noted, one whose file somebody removed, one that is whole.
        let (named, lost, whole) =
            (export(State::Running, None), export(State::Done, Some(now())), export(State::Done, Some(now())));
        [&named, &lost, &whole].into_iter().for_each(|one| exports.note(one).unwrap());
        [&named, &whole].into_iter().for_each(|one| std::fs::write(exports.file(one).unwrap(), "x").unwrap());
        let leave = |name: String| std::fs::write(folder.path().join(name), "x").unwrap();
        for ending in ["part", "csv", "new", "json"] {
            leave(format!("{}.{ending}", Uuid::now_v7()));
        }
        leave(format!("{}.new", whole.id));
        leave("notes of mine.json".into());
        let again = open(folder.path(), 100);
        let states = [&named, &lost, &whole].map(|one| again.get(&one.id.to_string()).unwrap());
        assert_eq!(states.each_ref().map(|one| one.state), [State::Interrupted, State::Failed, State::Done]);
        assert!(states.iter().all(|one| one.why.is_some() == (one.state != State::Done)), "{states:?}");
        assert_eq!(states.map(|one| one.bytes), [0, 0, 10], "what is not there takes no room");
        let mut left: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort_unstable();
        let mut expected = [&named, &lost, &whole].map(|one| format!("{}.json", one.id)).to_vec();
        expected.extend([format!("{}.csv", whole.id), "notes of mine.json".into()]);
        expected.sort_unstable();
        assert_eq!(left, expected);
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
