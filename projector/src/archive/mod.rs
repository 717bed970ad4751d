//! The archive stage: the rows of every cut once more, as files of ranges of their log partition.
//!
//! ```text
//!  worker: cut ─► table ─► DONE ─► rows ──(bounded)──► stage: open file ─► full or old ─► ARCHIVING ─► put ─► ARCHIVED
//!                                                                                             (if absent)    │
//!  log release = min(table, archive) - memory of the index ◄──────────────── watermark ◄─────────────────────┘
//! ```
//!
//! Invariants:
//! - The archive never runs ahead of the table. After a start the worker encodes again what lies between both watermarks:
//!   the index of seen states is a function of the log alone, so that the rows are the same. Where the log has not all that the
//!   index is made from any more, the rows are read from the table.
//! - A range that was announced and not noted as archived is repeated exactly; a file of that name is compared, not replaced.
//! - An archive that refuses is waited for. The tables go on meanwhile until [`DEFAULT_BUDGET`] is full of rows that wait
//!   for it; then the workers of the Event partitions wait too. Nothing is dropped, and coverage goes on.

mod daily;
mod follow;
mod metrics;
mod open;
mod stage;

pub(crate) use daily::compact_daily;
pub(crate) use follow::needed;
pub use metrics::ArchiveMetrics;
pub(crate) use stage::{Portion, Stage, StageParts};

use std::time::Duration;

use beidou_store::archive::Archive;

/// Rows in memory that may wait for the archive, over all partitions: a full cut of each of two partitions.
pub const DEFAULT_BUDGET: usize = 32 << 20;
/// A range file has at most so many rows unless configured otherwise: some 3 MB, so that a day of a busy fleet has
/// hundreds of files and not thousands.
pub const DEFAULT_MAX_ROWS: u64 = 65_536;
/// A range file is closed so long after its first cut: what a restart encodes again, and what a lost disk of the log costs.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(300);

/// How and where rows are archived.
#[derive(Debug, Clone)]
pub struct ArchiveConfig {
    /// Where.
    pub archive: Archive,
    /// Closes a file at so many rows, exceeded by less than one cut.
    pub max_rows: u64,
    /// Closes a file so long after its first cut.
    pub max_age: Duration,
    /// Rows in memory that may wait, in bytes, over all partitions.
    pub budget: usize,
    /// Its figures.
    pub metrics: ArchiveMetrics,
}

impl ArchiveConfig {
    /// The defaults for this archive.
    pub fn new(archive: Archive) -> Self {
        Self {
            archive,
            max_rows: DEFAULT_MAX_ROWS,
            max_age: DEFAULT_MAX_AGE,
            budget: DEFAULT_BUDGET,
            metrics: ArchiveMetrics::default(),
        }
    }
}
