//! What retention may remove, and what consumers have released. The plan is pure; the writer's thread carries it out.
//!
//! A release is a small file per consumer. Losing the newest one in a power loss is harmless: an older one holds more
//! back. One that cannot be read holds back everything. A consumer that is gone for good is forgotten by deleting its file.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use beidou_schemas::Offset;

use super::{
    layout::{Sync, failed, replace},
    partition::{Partition, locked},
};
use crate::LogError;

/// Consumer names are file names.
const MAX_NAME_BYTES: usize = 100;

/// A closed segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sealed {
    pub base: Offset,
    /// The offset behind its last record.
    pub next: Offset,
    pub bytes: u64,
    /// No record in it is newer; `None` when not known.
    pub newest_ms: Option<u64>,
}

/// What must be kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keep {
    /// Records before this may go by age.
    pub since_ms: u64,
    /// Bytes that all segments may have.
    pub max_bytes: u64,
    /// Bytes of the active segment and of what is about to be written.
    pub active_bytes: u64,
    /// No consumer needs records below this.
    pub released: Offset,
}

/// How many of the oldest segments go.
pub(super) fn plan(sealed: &[Sealed], keep: Keep) -> usize {
    let mut total = keep.active_bytes + sealed.iter().map(|s| s.bytes).sum::<u64>();
    let mut remove = 0;
    for segment in sealed {
        let old = segment.newest_ms.is_some_and(|newest| newest < keep.since_ms);
        if segment.next > keep.released || !(old || total > keep.max_bytes) {
            break;
        }
        total -= segment.bytes;
        remove += 1;
    }
    remove
}

/// The consumer that holds back most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slowest {
    pub consumer: String,
    pub released: Offset,
}

fn consumers_dir(partition_dir: &Path) -> PathBuf {
    partition_dir.join("consumers")
}

/// The slowest registered consumer of a partition, if there is any.
pub(super) fn slowest(partition_dir: &Path) -> Result<Option<Slowest>, LogError> {
    let dir = consumers_dir(partition_dir);
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("list", &dir, error)),
    };
    let mut slowest: Option<Slowest> = None;
    for entry in entries {
        let entry = entry.map_err(|e| failed("list", &dir, e))?;
        let consumer = entry.file_name().to_string_lossy().into_owned();
        if !is_name(&consumer) {
            continue;
        }
        let released = read_release(&entry.path())?.unwrap_or(0);
        if slowest.as_ref().is_none_or(|found| released < found.released) {
            slowest = Some(Slowest { consumer, released });
        }
    }
    Ok(slowest)
}

fn read_release(path: &Path) -> Result<Option<Offset>, LogError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path, error)),
    };
    let released = text.trim_end().parse().ok();
    if released.is_none() {
        tracing::warn!(file = %path.display(), "a consumer's release is unreadable, so it holds back everything");
    }
    Ok(released)
}

/// Names are file names; one with a second dot is a file that is just being replaced.
fn is_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.chars().all(letter)
}

/// Writes what a consumer has released. It only ever grows.
pub(super) fn release(partition: &Partition, consumer: &str, upto: Offset) -> Result<(), LogError> {
    let dir = consumers_dir(&partition.dir);
    let path = dir.join(consumer);
    if !is_name(consumer) {
        let what =
            format!("a consumer's name has 1 to {MAX_NAME_BYTES} letters, digits, '-' and '_'; this is {consumer:?}");
        return Err(LogError::Refused { path: dir, what });
    }
    // Held over the write: two releases of one consumer must not overtake one another.
    let mut released = locked(&partition.released);
    let before = match released.get(consumer) {
        Some(before) => Some(*before),
        None => read_release(&path)?,
    };
    if before.is_none_or(|before| before < upto) {
        fs::create_dir_all(&dir).map_err(|e| failed("create", &dir, e))?;
        replace(&path, format!("{upto}\n").as_bytes(), Sync::No)?;
    }
    released.insert(consumer.to_owned(), before.unwrap_or(0).max(upto));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_by_table() {
        // Three closed segments of 100 bytes with ten records each, the newest of 10, 20 and 30 ms.
        let sealed: Vec<Sealed> = (0..3)
            .map(|n| Sealed { base: n * 10, next: n * 10 + 10, bytes: 100, newest_ms: Some(n * 10 + 10) })
            .collect();
        let all = Offset::MAX;
        let table = [
            ("young and small", 0, 1000, 0, all, 0),
            ("one is old", 11, 1000, 0, all, 1),
            ("as old as the limit is kept", 10, 1000, 0, all, 0),
            ("all are old", 99, 1000, 0, all, 3),
            ("old but needed", 99, 1000, 0, 0, 0),
            ("old, one released", 99, 1000, 0, 10, 1),
            ("a segment released in part stays", 99, 1000, 0, 19, 1),
            ("over the cap", 0, 250, 50, all, 1),
            ("at the cap", 0, 350, 50, all, 0),
            ("far over the cap", 0, 10, 50, all, 3),
            ("over the cap but needed", 0, 10, 50, 20, 2),
        ];
        for (case, since_ms, max_bytes, active_bytes, released, expected) in table {
            assert_eq!(plan(&sealed, Keep { since_ms, max_bytes, active_bytes, released }), expected, "{case}");
        }
        let unknown = [Sealed { newest_ms: None, ..sealed[0] }];
        assert_eq!(plan(&unknown, Keep { since_ms: 99, max_bytes: 1000, active_bytes: 0, released: all }), 0);
    }
}
