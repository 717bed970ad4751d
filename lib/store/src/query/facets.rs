//! The most frequent values of some fields under one filter, with exact counts.

use clickhouse::Row;
use serde::Deserialize;

use super::{
    Between, Field, QueryError, Reader,
    events::{EventFilter, matching},
    field::{group_by_each, select_each},
    rolled_up::{EDGES, HOUR, WHOLE_HOURS, Whole},
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
    /// Which come first.
    pub sort: FacetSort,
}

/// Which values of a field come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FacetSort {
    /// Those with the most states.
    States,
    /// Those with the most Warnings, then those with the most states.
    Warnings,
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
    /// States with it that are Warnings.
    pub warnings: u64,
    /// How many different values the field has.
    pub different: u64,
}

impl Reader {
    /// For each field its first values, in order; and one row for all.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn facets(&self, query: &FacetsQuery) -> Result<Vec<FacetRow>, QueryError> {
        self.all(facets(query), query.top * query.fields.len() as u64 + 1).await
    }
}

pub(super) fn facets(query: &FacetsQuery) -> Statement {
    let by_hour = query.fields.iter().all(|field| field.is_rolled_up());
    let whole = by_hour.then(|| Whole::of(query.range, &query.filter, HOUR)).flatten();
    let picked = match whole {
        Some(whole) => from_cells(query, whole),
        None => {
            let picked = select_each(Statement::new(HEAD), &query.fields)
                .line("        count() AS counted, sum(occurrences_delta) AS deltas, countIf(type = 'Warning') AS warned\n    FROM kube_event")
                .between(query.range);
            matching(picked, &query.filter)
        }
    };
    group_by_each(picked, &query.fields)
        .line(")")
        .line("GROUP BY field, each")
        .line(match query.sort {
            FacetSort::States => "ORDER BY field, states DESC, each",
            FacetSort::Warnings => "ORDER BY field, warnings DESC, states DESC, each",
        })
        .line("LIMIT {top:UInt64} BY field")
        .with("top", query.top)
}

/// Cells of whole hours and the rows beside them, each a column of its own: a roll-up answers no grouping sets.
fn from_cells(query: &FacetsQuery, whole: Whole) -> Statement {
    let head = select_each(whole.picked(&query.filter).line(HEAD), &query.fields).line(
        "        sum(cell) AS counted, sum(delta) AS deltas, sumIf(cell, type = 'Warning') AS warned\n    FROM\n    (",
    );
    let cells = head.line(CELLS).line(WHOLE_HOURS).line(BY_CELL);
    let all = match whole.has_edges(query.range) {
        true => cells.line("    UNION ALL").line(CELLS).line(EDGES).line(BY_CELL),
        false => cells,
    };
    whole.bound(all.line("    )"), "", query.range)
}

const HEAD: &str = "SELECT field, leftUTF8(each, 256) AS value, sum(counted) AS states, sum(deltas) AS happened, sum(warned) AS warnings,
    count() OVER (PARTITION BY field) AS different
FROM
(
    SELECT";
const CELLS: &str = "    SELECT cluster_uid, namespace, kind, reason, type, count() AS cell, sum(occurrences_delta) AS delta\n    FROM picked";
const BY_CELL: &str = "    GROUP BY cluster_uid, namespace, kind, reason, type";
