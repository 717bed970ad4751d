//! What changed between two ranges of the same length, value by value.
//!
//! The measure is the log-likelihood ratio G of "the value came as often in both ranges" (T. Dunning, 1993), for two
//! counts `a` (after) and `b` (before) over equal times:
//!
//! ```text
//! G = 2 · ( a · ln(2a / (a + b)) + b · ln(2b / (a + b)) ),   0 · ln 0 = 0
//! ```
//!
//! G is 0 where nothing changed, grows with the change and with the evidence for it, and falls below 10.83 in 999 of
//! 1,000 cases where a difference is chance alone (χ², one degree of freedom).

use clickhouse::Row;
use serde::Deserialize;

use super::{
    Between, Field, QueryError, Reader,
    events::{EventFilter, matching},
    field::{group_by_each, select_each},
    statement::Statement,
};

/// Which Events to compare.
#[derive(Debug, Clone)]
pub struct ExplainQuery {
    /// Which.
    pub filter: EventFilter,
    /// The range to be explained.
    pub range: Between,
    /// What it is compared with: as long, and nothing of it in the range.
    pub baseline: Between,
    /// By what; each once.
    pub fields: Vec<Field>,
    /// Of each field at most so many new values, and as many that were there before.
    pub top: u64,
}

/// A value whose number changed, or the sum over all where `field` is empty.
#[derive(Debug, Clone, PartialEq, Row, Deserialize)]
pub struct ChangeRow {
    /// Name of the field.
    pub field: String,
    /// Its value, at most 256 characters of it.
    pub value: String,
    /// States in the range.
    pub after: u64,
    /// States in the baseline.
    pub before: u64,
    /// Occurrences in the range.
    pub happened_after: u64,
    /// Occurrences in the baseline.
    pub happened_before: u64,
    /// G.
    pub score: f64,
}

impl Reader {
    /// For each field the values that changed, the new ones first, then by score; and one row for all.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn explain(&self, query: &ExplainQuery) -> Result<Vec<ChangeRow>, QueryError> {
        self.all(explain(query), 2 * query.top * query.fields.len() as u64 + 1).await
    }
}

pub(super) fn explain(query: &ExplainQuery) -> Statement {
    let picked = select_each(Statement::new(HEAD), &query.fields).line(COUNTS).when(
        "(inside OR (time >= fromUnixTimestamp64Micro({base_from:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({base_until:Int64}, 'UTC')))",
    );
    group_by_each(matching(picked, &query.filter), &query.fields)
        .line(RANKED)
        .with("from", query.range.from)
        .with("until", query.range.until)
        .with("base_from", query.baseline.from)
        .with("base_until", query.baseline.until)
        .with("top", query.top)
}

const HEAD: &str = "SELECT field, leftUTF8(each, 256) AS value, sum(a) AS after, sum(b) AS before, sum(da) AS happened_after, sum(db) AS happened_before,
    2 * (if(after > 0, after * log(2 * after / (after + before)), 0) + if(before > 0, before * log(2 * before / (after + before)), 0)) AS score
FROM
(
    WITH time >= fromUnixTimestamp64Micro({from:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC') AS inside
    SELECT";

const COUNTS: &str = "        countIf(inside) AS a, countIf(NOT inside) AS b, sumIf(occurrences_delta, inside) AS da, sumIf(occurrences_delta, NOT inside) AS db
    FROM kube_event";

const RANKED: &str = ")
GROUP BY field, each
HAVING after != before OR field = ''
ORDER BY field, before = 0 DESC, score DESC, after DESC, each
LIMIT {top:UInt64} BY field, before = 0";
