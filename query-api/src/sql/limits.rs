//! How much a statement may cost.

use std::time::Duration;

use beidou_store::sql::SqlBounds;

use crate::app;

/// Statements that run at once. Each may take a third of the embedded engine's memory; the last third is for inserts
/// and for all other questions.
pub(crate) const PLACES: usize = 2;
/// Rows of an answer; who wants more makes an export.
pub(crate) const MOST_ROWS: u64 = 100_000;
/// Rows where nobody says: what a screen and a small script take.
pub(crate) const USUAL_ROWS: u64 = 10_000;
/// Bytes of an answer. It is held whole, so that no error comes in its middle: 64 MB for both places.
pub(crate) const MOST_BYTES: u64 = 32 << 20;
/// Rows that a statement may read: two cores read some 20 M rows of a few narrow columns in a second, and it has 20 s.
pub(crate) const MOST_READ_ROWS: u64 = 500_000_000;
/// Times the limit of our own questions: they are quick by design, those of people are not. An estimate that runs
/// subqueries may take as long once more: the limit of a request, which is three times, ends both.
const TIME_FACTOR: u32 = 2;
/// An export may run for hours: a year of a large fleet is a few hundred GB to read.
const EXPORT_TIME: Duration = Duration::from_secs(6 * 3600);

/// Whose limits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limits {
    /// Of an answer, with so many rows.
    Answer(u64),
    /// Of an export.
    Export,
}

impl Limits {
    pub(super) fn bounds(self, of_app: app::Limits) -> SqlBounds {
        let memory_bytes = of_app.query_memory_bytes;
        match self {
            Self::Answer(rows) => SqlBounds {
                time: of_app.query_time * TIME_FACTOR,
                memory_bytes,
                read_rows: Some(MOST_READ_ROWS),
                result: Some((rows, MOST_BYTES)),
            },
            Self::Export => SqlBounds { time: EXPORT_TIME, memory_bytes, read_rows: None, result: None },
        }
    }
}

/// Seconds that a statement may take.
pub(crate) fn answer_seconds(of_app: app::Limits) -> u64 {
    (of_app.query_time * TIME_FACTOR).as_secs()
}
