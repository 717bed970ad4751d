//! How many Events per bin of time and type, exact for the whole range.

use beidou_schemas::{Micros, time::SECOND};
use clickhouse::Row;
use serde::Deserialize;

use super::{
    Between, QueryError, Reader,
    events::{EventFilter, matching},
    rolled_up::{EDGES, HOUR, MINUTE, WHOLE_HOURS, WHOLE_MINUTES, Whole},
    statement::Statement,
};

/// Bins of one width, one behind the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bins {
    /// Where the first begins.
    pub begin: Micros,
    /// Microseconds; at least 1.
    pub width: i64,
    /// How many.
    pub count: u64,
}

/// Which Events to count, and when.
#[derive(Debug, Clone)]
pub struct HistogramQuery {
    /// Which.
    pub filter: EventFilter,
    /// When: what lies outside is not counted, also where a bin reaches beyond.
    pub range: Between,
    /// By which bins; they cover the range.
    pub bins: Bins,
}

/// What happened in a bin. Bins without Events have no row.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct BinRow {
    /// Which bin, from 0.
    pub bin: u64,
    /// `Normal`, `Warning`, or empty for all others.
    pub severity: String,
    /// States.
    pub states: u64,
    /// Occurrences: the sum of their deltas.
    pub happened: u64,
}

/// `Normal`, `Warning` and the others.
const SEVERITIES: u64 = 3;

impl Reader {
    /// The bins that are not empty, in order of time, then of type.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn histogram(&self, query: &HistogramQuery) -> Result<Vec<BinRow>, QueryError> {
        self.all(bins(query), query.bins.count * SEVERITIES).await
    }
}

pub(super) fn bins(query: &HistogramQuery) -> Statement {
    let statement = match rounded(query) {
        Some((whole, cells)) => from_cells(query, whole, cells),
        None => matching(
            Statement::new(
                "SELECT toUInt64(intDiv(toUnixTimestamp64Micro(time) - {begin:Int64}, {width:Int64})) AS bin,
    if(type IN ('Normal', 'Warning'), toString(type), '') AS severity, count() AS states, sum(occurrences_delta) AS happened
FROM kube_event",
            )
            .between(query.range),
            &query.filter,
        )
        .with("begin", query.bins.begin)
        .with("width", Micros(query.bins.width)),
    };
    statement.line("GROUP BY bin, severity").line("ORDER BY bin, severity").limit(query.bins.count * SEVERITIES)
}

/// The part that a roll-up answers, and the SQL of its cells: where bins are whole hours or minutes, and the filter knows
/// only its columns.
fn rounded(query: &HistogramQuery) -> Option<(Whole, [&'static str; 2])> {
    let Bins { begin, width, .. } = query.bins;
    let whole = |unit: i64| width % (unit * SECOND) == 0 && begin.0 % (unit * SECOND) == 0;
    let (unit, cells) = match (whole(HOUR), whole(MINUTE)) {
        (true, _) => (HOUR, [HOURS, WHOLE_HOURS]),
        (false, true) => (MINUTE, [MINUTES, WHOLE_MINUTES]),
        (false, false) => return None,
    };
    Whole::of(query.range, &query.filter, unit).map(|whole| (whole, cells))
}

fn from_cells(query: &HistogramQuery, whole: Whole, [select, within]: [&'static str; 2]) -> Statement {
    let head = "SELECT bin, severity, sum(counted) AS states, sum(delta) AS happened\nFROM\n(";
    let cells = whole.picked(&query.filter).line(head).line(select).line(within).line(BY_BIN);
    let all = match whole.has_edges(query.range) {
        true => cells.line("    UNION ALL").line(ROWS).line(EDGES).line(BY_BIN),
        false => cells,
    };
    whole.bound(all.line(")"), "", query.range).with("begin", query.bins.begin).with("width", Micros(query.bins.width))
}

macro_rules! cells_of {
    ($start:literal) => {
        concat!(
            "    SELECT toUInt64(intDiv(toUnixTimestamp(",
            $start,
            "(time)) - intDiv({begin:Int64}, 1000000), intDiv({width:Int64}, 1000000))) AS bin,
        if(type IN ('Normal', 'Warning'), toString(type), '') AS severity, count() AS counted, sum(occurrences_delta) AS delta
    FROM picked"
        )
    };
}

const MINUTES: &str = cells_of!("toStartOfMinute");
const HOURS: &str = cells_of!("toStartOfHour");
const ROWS: &str = "    SELECT toUInt64(intDiv(toUnixTimestamp64Micro(time) - {begin:Int64}, {width:Int64})) AS bin,
        if(type IN ('Normal', 'Warning'), toString(type), '') AS severity, count() AS counted, sum(occurrences_delta) AS delta
    FROM picked";
const BY_BIN: &str = "    GROUP BY bin, severity";
