//! Which states of Events a partition has already seen, and how much of each Event's count is already stored.
//!
//! ```text
//!  offsets   … ├──────────── window ───────────┤ next
//!  records       e1/rv7  e2/rv3  e1/rv9  e1/rv8   ◄─ e1/rv9 again: duplicate
//!  greatest      e1: max of what is inside        ◄─ e1/rv12 count 9: delta = 9 - greatest
//! ```
//!
//! All states of one Event stand in one partition (see `topic::partition_of`), so one index per partition suffices.
//!
//! Invariants:
//! - The index before offset `a` is a pure function of the records at `[a - window, a)`. An index rebuilt from the log
//!   gives the very answers of one that never stopped, so that a repeated cut yields identical rows.
//! - Inside the window the deltas of an Event add up to its greatest count, whatever the order of its states, and whatever
//!   lives of its cluster's etcd they are of: what a restore brings again is another state, and no new occurrence.
//! - Memory is bounded by the window: see [`RecentStates::memory_bytes`].
//!
//! The window counts offsets, not records: a log with holes then needs no search for the place where to begin.

mod key;
mod span;
mod window;

pub use key::StateKey;
pub use span::WindowSpan;
pub use window::{DEFAULT_WINDOW, MAX_WINDOW, MIN_WINDOW, RecentStates, Verdict};
