//! What retention takes: day files whose day lies before the cutoff of their cluster.
//!
//! ```text
//!  range files with rows that old ─► compacted ─► day files before the cutoff ─► manifest takes them out ─► removed
//! ```
//!
//! The order is that of a compaction: a file goes only after the manifest that takes it out is stored. A crash leaves files
//! that do not count, which the next compaction removes.

use beidou_schemas::{Micros, archive::FileEntry, time::DAY};

use super::{Archive, ArchiveError, Compaction};

/// What was taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expired {
    /// Day files.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Archive {
    /// Removes every day file whose whole day lies before `cutoff` of its cluster. Range files with a row before `newest`,
    /// the latest cutoff of all clusters, become day files first. Repeat it after any error.
    ///
    /// # Errors
    /// Those of [`Archive::compact`]; [`ArchiveError::Raced`] when a compaction was faster.
    pub async fn expire(
        &self,
        newest: Micros,
        now: Micros,
        cutoff: impl Fn(&FileEntry) -> Option<Micros>,
    ) -> Result<Expired, ArchiveError> {
        let all = Compaction::new(Micros(i64::MAX), now);
        self.compact(&Compaction { older_than: Some(newest), ..all }).await?;
        let catalogue = self.going_on().await?;
        let goes = |entry: &&FileEntry| cutoff(entry).is_some_and(|cutoff| day_is_before(entry, cutoff));
        let taken: Vec<&FileEntry> = catalogue.days.values().filter(goes).collect();
        let mut done = Expired::default();
        if taken.is_empty() {
            return Ok(done);
        }
        let paths: Vec<String> = taken.iter().map(|entry| entry.path.clone()).collect();
        self.store_manifest(&catalogue, Vec::new(), paths, now).await?;
        for entry in taken {
            self.remove(&entry.path).await?;
            done.files += 1;
            done.rows += entry.note.rows;
            done.bytes += entry.bytes;
        }
        Ok(done)
    }
}

/// Cutoffs are midnights, so that a day lies before one or behind it.
fn day_is_before(entry: &FileEntry, cutoff: Micros) -> bool {
    let end = Micros::parse(&format!("{}T00:00:00Z", entry.dt)).map(|day| day.plus(DAY));
    end.is_some_and(|end| end <= cutoff)
}
