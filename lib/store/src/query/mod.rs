//! Questions to the tables, each with its SQL, its parameters and its row type. Reading only.
//!
//! ```text
//!  filter, range, cursor ──► Statement (SQL + named parameters) ──► Reader ──► rows, at most so many, at most so large
//! ```
//!
//! What holds:
//! - What a caller wrote reaches the server as a parameter, never as part of the SQL.
//! - Every question over Events has a time range, a limit, a time limit, and the name of who asked (`log_comment`).
//! - Pages are found by the key of the last row (keyset), never by an offset.
//! - A caller that goes away drops the future, which closes the connection, which ends the query.

pub mod at;
pub mod clusters;
pub mod cold;
pub mod coverage;
mod error;
pub mod events;
pub mod explain;
pub(crate) mod export;
pub mod facets;
mod field;
pub mod histogram;
pub mod known;
pub mod lag;
pub mod lanes;
mod life;
mod line;
pub mod neighbours;
pub mod occurrences;
pub mod patterns;
pub mod reach;
mod reader;
pub mod rejects;
mod rolled_up;
mod row;
pub mod run_events;
pub mod running;
pub mod signals;
pub mod space;
mod statement;
pub mod states;
pub mod timeline;
pub mod values;
mod waited;

#[cfg(test)]
mod tests;

pub use error::QueryError;
pub(crate) use error::engine_code;
pub use field::Field;
pub use reader::{Bounds, Caller, Page, Reader};
pub use row::{EventRow, StateRow};
pub use waited::Waited;

use beidou_schemas::{Micros, time::SECOND};

/// A range of time: `from <= t < until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between {
    /// First moment.
    pub from: Micros,
    /// First moment behind it.
    pub until: Micros,
}

impl Between {
    /// All the time that a column holds: from 1970 to the end of 2299.
    pub const ALL: Self = Self { from: Micros(0), until: Micros(10_413_792_000 * SECOND - 1) };
}
