//! The states about one object, folded to cells of time and lanes of type and reason. Time, kind, namespace and name lead
//! to few granules, so that little more than the object's own rows is read.

use beidou_model::query_line::QueryLine;
use beidou_schemas::Micros;
use clickhouse::Row;
use serde::Deserialize;

use super::{
    Between, QueryError, Reader,
    line::when_line,
    statement::Statement,
    timeline::{Object, about},
};

/// Which object, when, and how fine.
#[derive(Debug, Clone)]
pub struct LanesQuery {
    /// Whose.
    pub object: Object,
    /// The query line, which must hold as well.
    pub line: Option<QueryLine>,
    /// When.
    pub range: Between,
    /// Width of a cell, microseconds; at least 1.
    pub cell: i64,
    /// How many cells the range has.
    pub cells: u64,
}

/// A lane: states of one type and reason.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct LaneRow {
    /// `Normal`, `Warning`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Machine-readable reason.
    pub reason: String,
    /// How many lanes the object has in the range.
    pub different: u64,
}

/// The states of a lane in one cell. Times are microseconds since 1970, UTC.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct CellRow {
    /// The lane's place in the list of lanes, from 1; 0 where it is in no list.
    pub lane: u64,
    /// The cell, from 0.
    pub cell: u64,
    /// States.
    pub states: u64,
    /// Occurrences: the sum of their deltas.
    pub happened: u64,
    /// When the first state happened.
    pub first_seen: i64,
    /// When the last one did.
    pub last_seen: i64,
}

/// A stretch of a lane without a break: each Event lasts from its first state in the range to its last one, and Events
/// that touch are one stretch.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct StretchRow {
    /// As in [`CellRow`].
    pub lane: u64,
    /// First cell.
    pub first_cell: u64,
    /// Last cell, behind the first.
    pub last_cell: u64,
    /// Different Events (uids).
    pub events: u64,
    /// States.
    pub states: u64,
    /// Occurrences.
    pub happened: u64,
    /// When the first state happened.
    pub first_seen: i64,
    /// When the last one did.
    pub last_seen: i64,
}

impl Reader {
    /// The lanes of the object: warnings first, then those with the most states; at most so many.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn lanes(&self, query: &LanesQuery, most: u64) -> Result<Vec<LaneRow>, QueryError> {
        self.all(lanes(query, most), most).await
    }

    /// The cells of these lanes that are not empty, and of all others together, in order of lane and time.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn cells(&self, query: &LanesQuery, lanes: &[LaneRow]) -> Result<Vec<CellRow>, QueryError> {
        self.all(cells(query, lanes), most(query, lanes)).await
    }

    /// The stretches of these lanes that are longer than a cell, in order of lane and time.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn stretches(&self, query: &LanesQuery, lanes: &[LaneRow]) -> Result<Vec<StretchRow>, QueryError> {
        self.all(stretches(query, lanes), most(query, lanes)).await
    }
}

fn most(query: &LanesQuery, lanes: &[LaneRow]) -> u64 {
    query.cells * (lanes.len() as u64 + 1)
}

fn drawn(statement: Statement, query: &LanesQuery) -> Statement {
    when_line(about(statement, &query.object).between(query.range), query.line.as_ref())
}

pub(super) fn lanes(query: &LanesQuery, most: u64) -> Statement {
    drawn(Statement::new("SELECT type, reason, count() OVER () AS different\nFROM kube_event"), query)
        .line("GROUP BY type, reason")
        .line("ORDER BY type = 'Warning' DESC, count() DESC, type, reason")
        .limit(most)
}

pub(super) fn cells(query: &LanesQuery, lanes: &[LaneRow]) -> Statement {
    let statement = Statement::new(
        "SELECT indexOf(arrayZip({lane_types:Array(String)}, {lane_reasons:Array(String)}), (toString(type), toString(reason))) AS lane,
    toUInt64(intDiv(toUnixTimestamp64Micro(time) - {from:Int64}, {cell:Int64})) AS cell, count() AS states, sum(occurrences_delta) AS happened,
    min(time) AS first_seen, max(time) AS last_seen
FROM kube_event",
    );
    in_lanes(drawn(statement, query), query, lanes)
        .line("GROUP BY lane, cell")
        .line("ORDER BY lane, cell")
        .limit(most(query, lanes))
}

/// Events that touch become one by a running maximum of their ends: where an Event begins behind it, a new island begins.
pub(super) fn stretches(query: &LanesQuery, lanes: &[LaneRow]) -> Statement {
    let statement = Statement::new(
        "SELECT lane, min(opened) AS first_cell, max(closed) AS last_cell, count() AS events, sum(counted) AS states, sum(deltas) AS happened,
    min(since) AS first_seen, max(latest) AS last_seen
FROM
(
    SELECT *, sum(apart) OVER (PARTITION BY lane ORDER BY opened, closed, event_uid ROWS UNBOUNDED PRECEDING) AS island
    FROM
    (
        SELECT *, opened > max(closed) OVER (PARTITION BY lane ORDER BY opened, closed, event_uid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS apart
        FROM
        (
            SELECT indexOf(arrayZip({lane_types:Array(String)}, {lane_reasons:Array(String)}), (toString(type), toString(reason))) AS lane, event_uid,
                count() AS counted, sum(occurrences_delta) AS deltas, min(time) AS since, max(time) AS latest,
                toUInt64(intDiv(toUnixTimestamp64Micro(since) - {from:Int64}, {cell:Int64})) AS opened,
                toUInt64(intDiv(toUnixTimestamp64Micro(latest) - {from:Int64}, {cell:Int64})) AS closed
            FROM kube_event",
    );
    in_lanes(drawn(statement, query), query, lanes)
        .line("            GROUP BY lane, event_uid\n        )\n    )\n)")
        .line("GROUP BY lane, island")
        .line("HAVING last_cell > first_cell")
        .line("ORDER BY lane, first_cell")
        .limit(most(query, lanes))
}

fn in_lanes(statement: Statement, query: &LanesQuery, lanes: &[LaneRow]) -> Statement {
    let types: Vec<String> = lanes.iter().map(|lane| lane.event_type.clone()).collect();
    let reasons: Vec<String> = lanes.iter().map(|lane| lane.reason.clone()).collect();
    statement
        .with("lane_types", types.as_slice())
        .with("lane_reasons", reasons.as_slice())
        .with("cell", Micros(query.cell))
}
