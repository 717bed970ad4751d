//! What callers get: the shapes of all answers, as the API document describes them.

pub(crate) mod compared;
pub(crate) mod coverage;
pub(crate) mod event;

use std::io;

use beidou_schemas::Micros;
use beidou_store::query::cold::ColdSize;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::coverage::ClusterCoverage;
use crate::ask::Range;

/// No list is larger.
pub(crate) const MOST_ANSWER_BYTES: usize = 1_000_000;
/// Names, range, cursor and commas of a list.
const LIST_FRAME_BYTES: usize = 4096;
/// Rows get at least this much, however long the list of what is not complete.
const LEAST_ROW_BYTES: usize = 100_000;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The rows of this page.
    pub items: Vec<T>,
    /// Pass it as `cursor`, with all other parameters unchanged, for the page behind this one; null on the last page.
    pub next: Option<String>,
    /// How many rows match in all; only where `total=true` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Total>,
    /// The effective range.
    pub range: RangeAnswer,
    /// How completely the range is known, for each cluster concerned.
    pub coverage: Vec<ClusterCoverage>,
    /// What was read of the archive; missing where the tables had all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cold: Option<ColdRead>,
}

/// What was read of the archive for an answer whose range begins before what the tables hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ColdRead {
    /// Files that can hold rows of the range.
    pub files: u64,
    /// Rows of these files.
    pub rows: u64,
    /// Their bytes; of each the engine reads the parts that it needs.
    pub bytes: u64,
}

impl ColdRead {
    /// `None` where nothing was read.
    pub(crate) fn of(size: ColdSize) -> Option<Self> {
        let ColdSize { files, rows, bytes } = size;
        (files > 0).then_some(Self { files, rows, bytes })
    }
}

/// A number of rows.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Total {
    /// The number.
    pub value: u64,
    /// Whether it is exact.
    pub exact: bool,
}

/// A range of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RangeAnswer {
    /// First moment.
    #[schema(value_type = String, format = DateTime)]
    pub from: Micros,
    /// First moment behind it.
    #[schema(value_type = String, format = DateTime)]
    pub to: Micros,
}

impl From<Range> for RangeAnswer {
    fn from(range: Range) -> Self {
        Self { from: range.from, to: range.until }
    }
}

/// Drops rows from the end until the list is small enough; keeps at least one. `more` is set when rows were dropped.
pub(crate) fn fit<T: Serialize>(items: &mut Vec<T>, more: &mut bool, coverage: &[ClusterCoverage]) {
    fit_in(items, more, row_room(coverage));
}

/// How many bytes the rows of an answer may have beside this coverage.
pub(crate) fn row_room(coverage: &[ClusterCoverage]) -> usize {
    MOST_ANSWER_BYTES.saturating_sub(LIST_FRAME_BYTES + bytes_of(&coverage)).max(LEAST_ROW_BYTES)
}

/// As [`fit`], for so many bytes.
pub(crate) fn fit_in<T: Serialize>(items: &mut Vec<T>, more: &mut bool, room: usize) {
    let mut used = 0;
    let keep = items.iter().position(|item| {
        used += bytes_of(item) + 1;
        used > room
    });
    if let Some(keep) = keep.map(|keep| keep.max(1)).filter(|keep| *keep < items.len()) {
        items.truncate(keep);
        *more = true;
    }
}

/// As many of these as have room, at least one, and whether that is all. They are told one by one: of what has no room only the first is.
pub(crate) fn fill<T: Serialize>(items: impl Iterator<Item = T>, room: usize) -> (Vec<T>, bool) {
    let (mut kept, mut used) = (Vec::new(), 0);
    for item in items {
        used += bytes_of(&item) + 1;
        if used > room && !kept.is_empty() {
            return (kept, false);
        }
        kept.push(item);
    }
    (kept, true)
}

/// The length of a value as JSON.
fn bytes_of(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).expect("answers have string keys, and counting cannot fail");
    count.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_to_their_size() {
        let mut items: Vec<String> = (0..30).map(|_| "\u{1}".repeat(20_000)).collect();
        let mut more = false;
        fit(&mut items, &mut more, &[]);
        assert!(more && bytes_of(&items) <= MOST_ANSWER_BYTES, "escaped bytes count, not the text's");
        assert_eq!(items.len(), 8);
        let mut one = vec!["x".repeat(2 * MOST_ANSWER_BYTES)];
        let mut more = false;
        fit(&mut one, &mut more, &[]);
        assert!(!more && one.len() == 1);
    }

    #[test]
    fn what_has_no_room_is_not_told() {
        for (room, kept) in [(0, 1_usize), (24, 2), (26, 2), (1000, 30)] {
            let mut told = 0_usize;
            let items = (0..30).map(|_| {
                told += 1;
                "x".repeat(9)
            });
            let (items, whole) = fill(items, room);
            assert_eq!((items.len(), whole, told), (kept, kept == 30, (kept + 1).min(30)));
        }
    }
}
