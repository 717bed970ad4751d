//! Interval algebra: what the watches of one cluster proved, and what the table holds, against a range that was asked for.
//!
//! ```text
//!  watcher A   ──complete──┐ degraded ┌──complete──►
//!  watcher B        ──────complete──────┐
//!  projected   ───────────────────────────────┐
//!  asked            [                               ]
//!  answer           complete            degraded complete unknown
//! ```
//!
//! What holds:
//! - What any watcher proved complete is complete; of two that were not, the better one counts: degraded before gap.
//! - What a watch did not bring though it went beyond it makes the time degraded, for the session that calls it complete
//!   was wrong.
//! - What was removed from the log before it was in the table is lost, whoever had delivered it; what retention removed is
//!   gone too, from the first watch of the cluster on.
//! - Nothing behind the projected moment is complete or degraded: the table does not hold it yet. A gap stays a gap,
//!   for what is lost will not come.
//! - Time that no interval covers is unknown, and the answer says why. So is time of which not every interval was read.
//! - The answer does not depend on the order of the intervals; its parts are sorted, disjoint, and cover exactly what
//!   is not complete.

mod merge;
mod summary;

#[cfg(test)]
mod tests;

use std::ops::Range;

use beidou_schemas::{Micros, coverage::CoverageState};

pub use merge::merge;
pub use summary::{Because, Summary, percent, summarise};

/// A stored interval of one cluster: a session's complete one, or one that no chain covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First moment.
    pub from: Micros,
    /// First moment behind it.
    pub until: Micros,
    /// What is known of it.
    pub state: CoverageState,
    /// Why it ended (complete), or why the chain broke; empty while the session runs.
    pub reason: String,
}

/// What is known of one cluster over all time, as far as it bears on a range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The intervals that touch the range, in any order.
    pub spans: Vec<Span>,
    /// From this moment on they are all there are; before it there are more than were read.
    pub whole_from: Micros,
    /// The first moment that any interval of the cluster covers; `None` where it was never watched.
    pub first: Option<Micros>,
    /// Imports alone brought what is stored of the cluster. It means something only of one that was never watched.
    pub imported: bool,
    /// The last proven moment of a session that still runs; `None` where none does.
    pub running: Option<Micros>,
    /// Everything before this moment is in the table.
    pub projected: Micros,
}

/// What is known of a part of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PartState {
    /// Every Event that still existed when the chain was taken up again is there; intermediate states are lost.
    Degraded,
    /// Lost.
    Gap,
    /// Neither proven nor known to be lost.
    Unknown,
}

impl PartState {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Degraded => "degraded",
            Self::Gap => "gap",
            Self::Unknown => "unknown",
        }
    }
}

/// Before the first watch of the cluster.
pub const NOT_WATCHED_YET: &str = "not_watched_yet";
/// It has left the tables, which alone are asked. Said of a gap; the archive has it.
pub const IN_ARCHIVE_ONLY: &str = "in_archive_only";
/// The cluster was never watched, and is known by imports alone: what they lack nobody can tell.
pub const IMPORTED_ONLY: &str = "imported_only";
/// No watch covered it: the collector did not run, or had no way to the cluster.
pub const NOT_WATCHED: &str = "not_watched";
/// A watch runs; its next heartbeat will prove the time.
pub const NOT_YET_PROVEN: &str = "not_yet_proven";
/// There are more intervals than one answer reads, and a break among those left out would be missed.
pub const TOO_MANY_BREAKS: &str = "too_many_breaks";
/// In the log, but not yet in the table.
pub const NOT_YET_PROJECTED: &str = "not_yet_projected";

/// A part of the range that is not complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What is known of it.
    pub state: PartState,
    /// Why: a reason of the coverage topic, or one of those of this module.
    pub reason: String,
    /// First moment.
    pub from: Micros,
    /// First moment behind it.
    pub until: Micros,
}

/// How completely a range is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Coverage {
    /// The share of the range that is complete, 0 to 1; 1 for an empty range.
    pub share: f64,
    /// The whole range is complete.
    pub complete: bool,
    /// What is not, in order of time.
    pub parts: Vec<Part>,
}

/// Length of a range in microseconds; 0 where it ends before it begins.
fn length(range: &Range<Micros>) -> i64 {
    range.end.0.saturating_sub(range.start.0).max(0)
}
