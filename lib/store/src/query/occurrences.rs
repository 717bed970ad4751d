//! What states say of occurrences over time, to be spread, and which sources look as if some never arrived.

use beidou_schemas::Micros;
use clickhouse::Row;
use serde::Deserialize;

use super::{
    Between, QueryError, Reader,
    events::{EventFilter, matching},
    histogram::Bins,
    statement::Statement,
};

/// Which Events, when, and in which bins.
#[derive(Debug, Clone)]
pub struct OccurrencesQuery {
    /// Which.
    pub filter: EventFilter,
    /// When.
    pub range: Between,
    /// The bins cover the range.
    pub bins: Bins,
    /// Between two states of an Event lies at most so much time, in microseconds: states so long before and behind the
    /// range bear on it.
    pub silence: i64,
}

/// Occurrences that happened at a known moment, by bin.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct KnownRow {
    /// Which bin, from 0.
    pub bin: u64,
    /// How many.
    pub happened: u64,
}

/// A state whose count grew by more than one. Times are microseconds, 0 where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct GrowthRow {
    /// Time of the Event's state before, whether it matches or not; none where that one's count is not what this one grew from.
    pub previous: i64,
    /// The Event's own first time.
    pub first: i64,
    /// The state's time.
    pub at: i64,
    /// By how much its count grew.
    pub growth: u32,
    /// There was an earlier state, stored or not.
    pub earlier: bool,
}

/// What one source wrote about one object.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct SourceRow {
    /// The cluster.
    pub cluster_uid: String,
    /// The source's component.
    pub component: String,
    /// The source's host.
    pub host: String,
    /// The object's kind.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `Normal` or `Warning`.
    pub event_type: String,
    /// States written.
    pub states: u64,
    /// Occurrences that they tell.
    pub happened: u64,
    /// States whose count jumped.
    pub jumps: u64,
    /// Occurrences between such a state and the one before it: counted, never written.
    pub jumped: u64,
    /// States that stand for several messages.
    pub combined: u64,
    /// Time of the first state.
    pub first: i64,
    /// Time of the last state.
    pub last: i64,
    /// The times of all of them, in order; empty where there are more than [`MOST_TIMES`].
    pub times: Vec<i64>,
}

/// More states than this, whose count grew by more than one, are not spread.
pub const MOST_GROWTHS: u64 = 200_000;
/// So many sources are looked at: of most that wrote a burst the filter was never closed, and with all their times these are
/// 8 MB at most.
const MOST_SOURCES: u64 = 1000;
/// A source that wrote more states than this is not held back by a filter that lets one through every five minutes.
/// The SQL has the same number, for a parameter of an aggregate function must be a literal.
pub const MOST_TIMES: u64 = 1000;

impl Reader {
    /// Occurrences at known moments: of states whose count grew by one.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn known_occurrences(&self, query: &OccurrencesQuery) -> Result<Vec<KnownRow>, QueryError> {
        self.all(known(query), query.bins.count).await
    }

    /// States whose count grew by more, of the range and as long before and behind it as they may reach.
    ///
    /// # Errors
    /// When the store gives no answer, or there are too many.
    pub async fn growths(&self, query: &OccurrencesQuery) -> Result<Vec<GrowthRow>, QueryError> {
        self.all(growths(query), MOST_GROWTHS).await
    }

    /// Sources that may have lost occurrences: those with the most counted but never written first, then those that wrote the
    /// densest burst, which is how a closed filter begins.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn sources(&self, query: &OccurrencesQuery) -> Result<Vec<SourceRow>, QueryError> {
        self.all(sources(query), MOST_SOURCES).await
    }
}

pub(super) fn known(query: &OccurrencesQuery) -> Statement {
    let statement = Statement::new(
        "SELECT toUInt64(intDiv(toUnixTimestamp64Micro(time) - {begin:Int64}, {width:Int64})) AS bin, count() AS happened
FROM kube_event",
    )
    .between(query.range)
    .when("occurrences_delta = 1");
    matching(statement, &query.filter)
        .line("GROUP BY bin")
        .line("ORDER BY bin")
        .with("begin", query.bins.begin)
        .with("width", Micros(query.bins.width))
        .limit(query.bins.count)
}

/// The filter picks states that grew. Only their Events are put in order, with all their states: one that a filter by count or
/// message leaves out is the state before nonetheless. By time, since versions of imports have no order, and those of another
/// life of etcd begin anew. A state before that counts more than this one grew from came late itself: it tells nothing.
pub(super) fn growths(query: &OccurrencesQuery) -> Statement {
    let range = Between { from: query.range.from.plus(-query.silence), until: query.range.until.plus(query.silence) };
    let grown =
        Statement::new("WITH grown AS\n(\nSELECT cluster_uid, event_uid, epoch, resource_version\nFROM kube_event")
            .between(range)
            .when("occurrences_delta > 1");
    matching(grown, &query.filter)
        .line(
            ")
SELECT toUnixTimestamp64Micro(if(counted <= occurrences - growth, before, toDateTime64(0, 6, 'UTC'))) AS previous,
    toUnixTimestamp64Micro(first_time) AS first, toUnixTimestamp64Micro(time) AS at, occurrences_delta AS growth,
    occurrences > growth AS earlier
FROM
(
    SELECT cluster_uid, event_uid, epoch, resource_version, time, first_time, occurrences, occurrences_delta,
        lagInFrame(time) OVER one_before AS before, lagInFrame(occurrences) OVER one_before AS counted
    FROM kube_event
    WHERE time >= fromUnixTimestamp64Micro({from:Int64}, 'UTC')
      AND time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')
      AND (cluster_uid, event_uid) IN (SELECT cluster_uid, event_uid FROM grown)
    WINDOW one_before AS (PARTITION BY cluster_uid, event_uid ORDER BY time, epoch, resource_version
        ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
WHERE (cluster_uid, event_uid, epoch, resource_version) IN (SELECT cluster_uid, event_uid, epoch, resource_version FROM grown)",
        )
        .line("ORDER BY at, growth, previous, first")
        .limit(MOST_GROWTHS + 1)
}

/// client-go's spam filter keeps one bucket for each source, object and type. It closes after 25 states in a row.
pub(super) fn sources(query: &OccurrencesQuery) -> Statement {
    let statement = Statement::new(
        "SELECT toString(cluster_uid) AS cluster_uid, if(component != '', toString(component), toString(reporting_component)) AS component,
    toString(host) AS host, toString(kind) AS kind, toString(namespace) AS namespace, name, toString(type) AS event_type,
    count() AS states, sum(occurrences_delta) AS happened,
    countIf(occurrences_delta > 1 AND occurrences > occurrences_delta) AS jumps,
    toUInt64(sumIf(occurrences_delta - 1, occurrences_delta > 1 AND occurrences > occurrences_delta)) AS jumped,
    countIf(startsWith(message, '(combined from similar events): ')) AS combined,
    toUnixTimestamp64Micro(min(time)) AS first, toUnixTimestamp64Micro(max(time)) AS last,
    if(states > {most_times:UInt64}, [], arraySort(groupArray(1000)(toUnixTimestamp64Micro(time)))) AS times
FROM kube_event",
    )
    .between(query.range);
    matching(statement, &query.filter)
        .line("GROUP BY cluster_uid, component, host, kind, namespace, name, event_type")
        .line("HAVING jumps > 0 OR combined > 0 OR states BETWEEN 27 AND {most_times:UInt64}")
        .line(
            "ORDER BY jumped DESC, combined DESC, arrayMin(arrayMap(n -> times[n + 24] - times[n], range(1, greatest(length(times), 24) - 23))),
    states DESC, cluster_uid, kind, namespace, name, component, host, event_type",
        )
        .with("most_times", MOST_TIMES)
        .limit(MOST_SOURCES)
}
