//! What audit and rebuild ask the table, and how they change it.
//!
//! ```text
//!  look     hours of a day, states of an hour, rows of a range            counted and hashed by the engine
//!  mend     insert rows, merge doubled ones away, delete states by identity and hash
//!  rebuild  kube_event_next ◄── archive, log; EXCHANGE with kube_event     readers see one table or the other
//!  operations   rows of operation_event by their place in the log, deleted by place and hash
//! ```
//!
//! Rows of Events are compared with what the archive covers: one whose place in the log no file covers is left out.

mod fill;
mod look;
mod mend;
mod operations;

pub use fill::{FillError, Filling, NEXT};
pub(crate) use look::covered_by;
pub use look::{
    HourRow, StateRow, days, hours_of_day, known, rows_at, rows_of_day_file, rows_of_range, states_at, states_of_hour,
};
pub use mend::{MOST_DELETED, MOST_DELETIONS, delete_states, deletions, insert_rows, merge_doubled};
pub use operations::{
    OperationRow, count_operation_rows, delete_operation_rows, operation_rows, operation_rows_at, operation_rows_like,
};

use crate::StoreError;

/// The table of Events.
pub const TABLE: &str = "kube_event";

/// A text as SQL.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn failed(act: &'static str) -> impl Fn(clickhouse::error::Error) -> StoreError {
    move |source| StoreError::ClickHouse { act, source }
}
