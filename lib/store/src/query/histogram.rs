//! How many Events per bin of time and type, exact for the whole range.

use beidou_schemas::{Micros, time::SECOND};
use clickhouse::Row;
use serde::Deserialize;

use super::{
    Between, QueryError, Reader,
    events::{EventFilter, matching},
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
    let statement = match Rounded::of(query) {
        Some(rounded) => rounded.bins(query),
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

/// The whole minutes (hours) of a range. A roll-up by minute (hour) can answer for them; what lies before and behind
/// is counted from the rows.
struct Rounded {
    from: i64,
    until: i64,
    sql: &'static str,
}

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
/// `toStartOfMinute` gives a `DateTime`, which ends in 2106.
const LAST_SECOND: i64 = u32::MAX as i64;

impl Rounded {
    /// `None` where bins are not whole minutes, or the filter asks for what no roll-up knows.
    fn of(query: &HistogramQuery) -> Option<Self> {
        let whole = |unit: i64| query.bins.width % (unit * SECOND) == 0 && query.bins.begin.0 % (unit * SECOND) == 0;
        let (unit, sql) = match (whole(HOUR), whole(MINUTE)) {
            (true, _) => (HOUR, HOURS),
            (false, true) => (MINUTE, MINUTES),
            (false, false) => return None,
        };
        let from = query.range.from.0.div_euclid(SECOND) + i64::from(query.range.from.0.rem_euclid(SECOND) > 0);
        let from = (from + unit - 1).div_euclid(unit) * unit;
        let until = query.range.until.0.div_euclid(SECOND).min(LAST_SECOND).div_euclid(unit) * unit;
        (is_rolled_up(&query.filter, unit) && from < until).then_some(Self { from, until, sql })
    }

    fn bins(&self, query: &HistogramQuery) -> Statement {
        matching(Statement::new("WITH picked AS\n(\nSELECT * FROM kube_event"), &query.filter)
            .line(")")
            .line("SELECT bin, severity, sum(counted) AS states, sum(delta) AS happened\nFROM\n(")
            .line(self.sql)
            .line(EDGES)
            .line(")")
            .with("from", query.range.from)
            .with("until", query.range.until)
            .with("whole_from", Micros(self.from))
            .with("whole_until", Micros(self.until))
            .with("begin", query.bins.begin)
            .with("width", Micros(query.bins.width))
    }
}

macro_rules! whole_units {
    ($start:literal) => {
        concat!(
            "    SELECT toUInt64(intDiv(toUnixTimestamp(",
            $start,
            "(time)) - intDiv({begin:Int64}, 1000000), intDiv({width:Int64}, 1000000))) AS bin,
        if(type IN ('Normal', 'Warning'), toString(type), '') AS severity, count() AS counted, sum(occurrences_delta) AS delta
    FROM picked
    WHERE ",
            $start,
            "(time) >= toDateTime({whole_from:Int64}, 'UTC') AND ",
            $start,
            "(time) < toDateTime({whole_until:Int64}, 'UTC')
    GROUP BY bin, severity"
        )
    };
}

const MINUTES: &str = whole_units!("toStartOfMinute");
const HOURS: &str = whole_units!("toStartOfHour");
const EDGES: &str = "    UNION ALL
    SELECT toUInt64(intDiv(toUnixTimestamp64Micro(time) - {begin:Int64}, {width:Int64})) AS bin,
        if(type IN ('Normal', 'Warning'), toString(type), '') AS severity, count() AS counted, sum(occurrences_delta) AS delta
    FROM picked
    WHERE (time >= fromUnixTimestamp64Micro({from:Int64}, 'UTC') AND time < toDateTime({whole_from:Int64}, 'UTC'))
        OR (time >= toDateTime({whole_until:Int64}, 'UTC') AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC'))
    GROUP BY bin, severity";

/// Whether the filter asks for columns of the roll-up alone: by minute those of clusters and types, by hour those of
/// namespaces, kinds and reasons as well (schemas/sql/0001_kube_event.sql).
fn is_rolled_up(filter: &EventFilter, unit: i64) -> bool {
    let EventFilter {
        clusters: _,
        namespaces,
        kinds,
        names,
        uids,
        reasons,
        types: _,
        components,
        nodes,
        found_by,
        text,
        line,
    } = filter;
    let by_hour = [namespaces, kinds, reasons].iter().all(|values| values.is_empty()) || unit == HOUR;
    let never = [names, components, nodes, found_by].iter().all(|values| values.is_empty());
    by_hour && never && uids.is_empty() && text.is_none() && line.is_none()
}
