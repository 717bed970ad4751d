//! Copies of a bucket's files in a folder of this machine, for the embedded engine, which reaches no other one.
//!
//! ```text
//!  file that a question needs ─► there, with its size? ─► no: fetched, SHA-256 compared, renamed ─► read by the engine
//!                                                               └─ room is made: those used longest ago go
//! ```
//!
//! A file never changes, so that a copy is good until it is removed. One that a question needs is pinned meanwhile.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use futures::{StreamExt, TryStreamExt, stream};

use super::{Archive, ArchiveError, blocking, sha256_of};

/// Files on their way at once: each is held whole, and has 256 MB at most.
const AT_ONCE: usize = 4;
/// What a copy is called until it is whole.
const PART: &str = "part";

/// A file that is to be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where it is in the archive.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal; empty where it is not known.
    pub sha256: String,
}

/// The copies.
#[derive(Debug)]
pub struct Shelf {
    archive: Archive,
    folder: PathBuf,
    most_bytes: u64,
    turn: tokio::sync::Mutex<()>,
    pinned: Mutex<BTreeMap<String, usize>>,
}

/// Copies that stay while this is there.
#[derive(Debug)]
pub struct Pins {
    shelf: Arc<Shelf>,
    paths: Vec<String>,
}

impl Shelf {
    /// Copies of this archive's files below a folder, of so many bytes together.
    pub fn new(archive: Archive, folder: PathBuf, most_bytes: u64) -> Arc<Self> {
        // The engine has a working directory of its own.
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        Arc::new(Self { archive, folder, most_bytes, turn: tokio::sync::Mutex::default(), pinned: Mutex::default() })
    }

    /// Where they lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Keeps copies of these paths, as far as they are there or come.
    pub fn pin(self: &Arc<Self>, paths: impl Iterator<Item = String>) -> Pins {
        let pins = Pins { shelf: self.clone(), paths: paths.collect() };
        let mut pinned = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        pins.paths.iter().for_each(|path| *pinned.entry(path.clone()).or_default() += 1);
        drop(pinned);
        pins
    }

    /// Returns when all of these are there.
    ///
    /// # Errors
    /// When one cannot be fetched or is not what was recorded, or they do not fit.
    pub async fn bring(&self, wanted: &[Wanted]) -> Result<(), ArchiveError> {
        // Who has all it needs, and has it pinned, waits for nobody's copies.
        if wanted.iter().all(|file| self.has(file)) {
            return Ok(());
        }
        // One at a time: two questions that need the same file fetch it once.
        let _turn = self.turn.lock().await;
        let missing: Vec<Wanted> = wanted.iter().filter(|file| !self.has(file)).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.make_room(missing.iter().map(|file| file.bytes).sum()).map_err(|source| self.failed(source))?;
        let fetched = stream::iter(missing).map(|file| self.fetch(file)).buffer_unordered(AT_ONCE);
        fetched.try_collect::<()>().await
    }

    fn failed(&self, source: io::Error) -> ArchiveError {
        ArchiveError::Io { act: "keep copies in", path: self.folder.display().to_string(), source }
    }

    /// Whether a copy is there; it counts as used now.
    fn has(&self, wanted: &Wanted) -> bool {
        let path = self.folder.join(&wanted.path);
        let found = fs::metadata(&path).is_ok_and(|found| found.len() == wanted.bytes);
        if found && let Ok(file) = fs::File::open(&path) {
            // Without it, it goes a little earlier.
            let _untouched = file.set_modified(SystemTime::now());
        }
        found
    }

    async fn fetch(&self, wanted: Wanted) -> Result<(), ArchiveError> {
        let content = self.archive.read(&wanted.path).await?;
        let target = self.folder.join(&wanted.path);
        let stored = blocking(move || {
            let found = sha256_of(&content);
            if !wanted.sha256.is_empty() && found != wanted.sha256 {
                let what = format!("its SHA-256 is {found}, it was stored with {}", wanted.sha256);
                return Err(ArchiveError::Differs { path: wanted.path, what });
            }
            Ok(store(&target, &content))
        });
        stored.await?.map_err(|source| self.failed(source))
    }

    /// Removes copies that nobody needs now, those used longest ago first, until so many bytes fit.
    fn make_room(&self, needed: u64) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut copies = Vec::new();
        gather(&self.folder, &mut copies)?;
        copies.sort_unstable();
        let mut used: u64 = copies.iter().map(|(_, bytes, _)| bytes).sum();
        let pinned = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, bytes, path) in copies {
            if used.saturating_add(needed) <= self.most_bytes {
                return Ok(());
            }
            let name = path.strip_prefix(&self.folder).ok().and_then(Path::to_str).unwrap_or_default();
            if !pinned.contains_key(name) {
                fs::remove_file(&path)?;
                used -= bytes;
            }
        }
        if used.saturating_add(needed) <= self.most_bytes {
            return Ok(());
        }
        let (most, has) = (self.most_bytes, used);
        Err(io::Error::other(format!("{needed} bytes more do not fit: {has} of {most} are in use by questions")))
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        let mut pinned = self.shelf.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        for path in &self.paths {
            match pinned.get_mut(path) {
                Some(count) if *count > 1 => *count -= 1,
                Some(_) | None => drop(pinned.remove(path)),
            }
        }
    }
}

/// A crash leaves a part, which counts as a copy that nobody needs.
fn store(target: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    let part = target.with_extension(PART);
    fs::write(&part, content)?;
    fs::rename(part, target)
}

/// All files below a folder: when each was used, its size, its path.
fn gather(folder: &Path, found: &mut Vec<(SystemTime, u64, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        if about.is_dir() {
            gather(&entry.path(), found)?;
        } else {
            found.push((about.modified()?, about.len(), entry.path()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shelf(most_bytes: u64) -> (Arc<Shelf>, tempfile::TempDir) {
        let (archive, folder) = (Archive::in_memory(), tempfile::tempdir().unwrap());
        for name in ["a", "b", "c"] {
            archive.put_new(&format!("events/{name}"), vec![name.as_bytes()[0]; 10].into()).await.unwrap();
        }
        (Shelf::new(archive, folder.path().join("copies"), most_bytes), folder)
    }

    fn wanted(name: &str) -> Wanted {
        let sha256 = sha256_of(&[name.as_bytes()[0]; 10]);
        Wanted { path: format!("events/{name}"), bytes: 10, sha256 }
    }

    #[tokio::test]
    async fn copies_are_fetched_once_and_those_used_longest_ago_make_room() {
        let (shelf, _folder) = shelf(20).await;
        let there = |name: &str| shelf.folder.join("events").join(name).exists();
        shelf.bring(&[wanted("a")]).await.unwrap();
        shelf.bring(&[wanted("b")]).await.unwrap();
        shelf.archive.remove("events/a").await.unwrap();
        shelf.bring(&[wanted("a")]).await.unwrap();
        shelf.bring(&[wanted("c")]).await.unwrap();
        assert_eq!(["a", "b", "c"].map(there), [true, false, true], "b was used before a");
    }

    #[tokio::test]
    async fn who_has_all_waits_for_nobody() {
        let (shelf, _folder) = shelf(20).await;
        shelf.bring(&[wanted("a")]).await.unwrap();
        let _somebody_copies = shelf.turn.lock().await;
        let brought = futures::FutureExt::now_or_never(shelf.bring(&[wanted("a")]));
        assert!(matches!(brought, Some(Ok(()))));
        assert!(futures::FutureExt::now_or_never(shelf.bring(&[wanted("b")])).is_none());
    }

    #[tokio::test]
    async fn what_a_question_needs_stays_and_what_does_not_fit_is_refused() {
        let (shelf, _folder) = shelf(20).await;
        let pins = shelf.pin(["events/a".to_owned(), "events/b".to_owned()].into_iter());
        let again = shelf.pin(std::iter::once("events/a".to_owned()));
        shelf.bring(&[wanted("a"), wanted("b")]).await.unwrap();
        let refused = shelf.bring(&[wanted("c")]).await.unwrap_err();
        assert!(matches!(refused, ArchiveError::Io { .. }), "{refused}");
        drop(pins);
        shelf.bring(&[wanted("c")]).await.unwrap();
        assert!(shelf.folder.join("events/a").exists() && !shelf.folder.join("events/b").exists());
        drop(again);
        assert!(shelf.pinned.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_file_that_is_not_what_was_recorded_is_no_copy() {
        let (shelf, _folder) = shelf(20).await;
        let other = Wanted { sha256: sha256_of(b"x"), ..wanted("a") };
        assert!(shelf.bring(&[other]).await.unwrap_err().is_damage());
        assert!(shelf.bring(&[Wanted { path: "events/z".into(), ..wanted("a") }]).await.unwrap_err().is_missing());
        assert!(!shelf.folder.join("events/a").exists());
    }
}
