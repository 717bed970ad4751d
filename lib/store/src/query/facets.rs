//! The most frequent values of some fields under one filter, with exact counts.

use clickhouse::Row;
use serde::Deserialize;

use super::{
    Between, Field, QueryError, Reader,
    events::{EventFilter, matching},
    field::{group_by_each, select_each},
    statement::Statement,
};

/// Which Events to count, when, and by what.
#[derive(Debug, Clone)]
pub struct FacetsQuery {
    /// Which.
    pub filter: EventFilter,
    /// When.
    pub range: Between,
    /// By what; each once.
    pub fields: Vec<Field>,
    /// At most so many values of each.
    pub top: u64,
}

/// A value of a field, or the sum over all where `field` is empty.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct FacetRow {
    /// Name of the field.
    pub field: String,
    /// Its value, at most 256 characters of it.
    pub value: String,
    /// States with it.
    pub states: u64,
    /// Occurrences: the sum of their deltas.
    pub happened: u64,
    /// How many different values the field has.
    pub different: u64,
}

impl Reader {
    /// For each field its most frequent values, the first first; and one row for all.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn facets(&self, query: &FacetsQuery) -> Result<Vec<FacetRow>, QueryError> {
        self.all(facets(query), query.top * query.fields.len() as u64 + 1).await
    }
}

pub(super) fn facets(query: &FacetsQuery) -> Statement {
    let head = Statement::new(
        "SELECT field, leftUTF8(each, 256) AS value, sum(counted) AS states, sum(deltas) AS happened, count() OVER (PARTITION BY field) AS different
FROM
(
    SELECT",
    );
    let picked = select_each(head, &query.fields)
        .line("        count() AS counted, sum(occurrences_delta) AS deltas\n    FROM kube_event")
        .between(query.range);
    group_by_each(matching(picked, &query.filter), &query.fields)
        .line(")")
        .line("GROUP BY field, each")
        .line("ORDER BY field, states DESC, each")
        .line("LIMIT {top:UInt64} BY field")
        .with("top", query.top)
}
