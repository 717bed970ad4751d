//! What the watches proved: stored intervals, and for each cluster where they begin and end.

use beidou_schemas::Micros;
use clickhouse::Row;
use serde::Deserialize;
use uuid::Uuid;

use super::{Between, Page, QueryError, Reader, clusters::MOST_CLUSTERS, reader::Weight, statement::Statement};

/// A stored interval. Times are microseconds since 1970, UTC.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct CoverageRow {
    /// The cluster.
    pub cluster_uid: String,
    /// Its name at that time.
    pub cluster: String,
    /// The life of its etcd.
    pub epoch: u32,
    /// A number of `CoverageState`.
    pub state: i8,
    /// The session; nil for degraded and gap.
    #[serde(with = "clickhouse::serde::uuid")]
    pub session: Uuid,
    /// First moment.
    pub from_time: i64,
    /// First moment behind it.
    pub until_time: i64,
    /// Where the session started.
    pub start_resource_version: u64,
    /// Where it stands.
    pub resource_version: u64,
    /// Why it ended, or why the chain broke; empty while it runs.
    pub reason: String,
    /// The server's words.
    pub detail: String,
    /// DELETED frames seen.
    pub deleted_frames: u64,
}

impl Weight for CoverageRow {
    fn bytes(&self) -> usize {
        400 + self.detail.len()
    }
}

/// An interval without its story. Sessions that touch one another are one interval.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct SpanRow {
    /// The cluster.
    pub cluster_uid: String,
    /// A number of `CoverageState`.
    pub state: i8,
    /// First moment.
    pub from_time: i64,
    /// First moment behind it.
    pub until_time: i64,
    /// Why the chain broke; empty for complete intervals.
    pub reason: String,
}

/// Intervals, the one that ended last first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans {
    /// At most 100,000 of them.
    pub rows: Vec<SpanRow>,
    /// Where there are more, those left out ended until this moment: of the time before it nothing is known.
    pub whole_from: Option<Micros>,
}

/// Where the stored intervals of a cluster begin and end.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct ExtentRow {
    /// The cluster.
    pub cluster_uid: String,
    /// The first moment that any interval covers.
    pub first_time: i64,
    /// The last proven moment.
    pub last_time: i64,
    /// Whether a session runs.
    pub running: bool,
    /// The present life of its etcd.
    pub epoch: u32,
}

/// The place of an interval in the order of lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageKey {
    /// Its first moment.
    pub from: Micros,
    /// The cluster.
    pub cluster: String,
    /// A number of `CoverageState`.
    pub state: i8,
    /// The session.
    pub session: Uuid,
    /// First moment behind it: of those that retention has cut to one begin, each has its own end.
    pub until: Micros,
}

/// A page of intervals.
#[derive(Debug, Clone)]
pub struct CoverageQuery {
    /// Cluster uids; `None`: all.
    pub clusters: Option<Vec<String>>,
    /// Names of `CoverageState`; empty: all.
    pub states: Vec<String>,
    /// Intervals that touch this range.
    pub range: Between,
    /// Behind this one.
    pub after: Option<CoverageKey>,
    /// At most so many rows.
    pub limit: u64,
    /// At most about so many bytes.
    pub most_bytes: usize,
}

/// More intervals than this do not stand in one answer: a hundred clusters with a break each hour for forty days.
const MOST_SPANS: usize = 100_000;

impl Reader {
    /// Stored intervals, newest first.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn coverage(&self, query: &CoverageQuery) -> Result<Page<CoverageRow>, QueryError> {
        self.page(page(query), query.limit, query.most_bytes).await
    }

    /// The intervals that touch the range, to be merged; `None`: of all clusters.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn spans(&self, clusters: Option<&[String]>, range: Between) -> Result<Spans, QueryError> {
        let mut rows: Vec<SpanRow> = self.all(spans(clusters, range), MOST_SPANS as u64 + 1).await?;
        let whole_from = rows.get(MOST_SPANS).map(|left_out| Micros(left_out.until_time));
        rows.truncate(MOST_SPANS);
        Ok(Spans { rows, whole_from })
    }

    /// Where each cluster's intervals begin and end; `None`: of all clusters.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn extents(&self, clusters: Option<&[String]>) -> Result<Vec<ExtentRow>, QueryError> {
        self.all(extents(clusters), MOST_CLUSTERS).await
    }
}

fn touching(statement: Statement, range: Between) -> Statement {
    statement
        .when("from_time < fromUnixTimestamp64Micro({until:Int64}, 'UTC')")
        .when("until_time > fromUnixTimestamp64Micro({from:Int64}, 'UTC')")
        .with("from", range.from)
        .with("until", range.until)
}

pub(super) fn page(query: &CoverageQuery) -> Statement {
    let statement = touching(Statement::new("SELECT ?fields\nFROM kube_coverage_now"), query.range)
        .when("from_time < until_time")
        .when_some("cluster_uid IN {clusters:Array(String)}", "clusters", query.clusters.as_deref())
        .when_any("toString(state) IN {states:Array(String)}", "states", &query.states);
    let statement = match &query.after {
        None => statement,
        Some(key) => statement
            .when(
                "(from_time, cluster_uid, toInt8(state), session, until_time) < (fromUnixTimestamp64Micro({after_time:Int64}, 'UTC'), \
                 {after_cluster:String}, {after_state:Int8}, {after_session:UUID}, fromUnixTimestamp64Micro({after_until:Int64}, 'UTC'))",
            )
            .with("after_time", key.from)
            .with("after_cluster", key.cluster.as_str())
            .with("after_state", Micros(key.state.into()))
            .with("after_session", key.session)
            .with("after_until", key.until),
    };
    statement
        .line("ORDER BY from_time DESC, cluster_uid DESC, toInt8(state) DESC, session DESC, until_time DESC")
        .limit(query.limit + 1)
}

/// Sessions follow one another by the thousand without a break between them: the server joins them (islands of a
/// window), so that the answer has one row for each stretch and each break.
pub(super) fn spans(clusters: Option<&[String]>, range: Between) -> Statement {
    let statement = Statement::new(
        "SELECT toString(cluster_uid) AS cluster_uid, state, min(from_time) AS from_time, max(until_time) AS until_time, any(reason) AS reason
FROM
(
    SELECT *, sum(apart) OVER (PARTITION BY cluster_uid, state ORDER BY from_time, until_time, session ROWS UNBOUNDED PRECEDING) AS island
    FROM
    (
        SELECT cluster_uid, state, session, from_time, until_time, if(state = 'complete', '', reason) AS reason,
            state != 'complete' OR from_time > max(until_time) OVER (PARTITION BY cluster_uid, state
                ORDER BY from_time, until_time, session ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS apart
        FROM kube_coverage FINAL",
    )
    .when_some("cluster_uid IN {clusters:Array(String)}", "clusters", clusters);
    touching(statement, range)
        .line("    )\n)")
        .line("GROUP BY cluster_uid, state, island")
        .line("ORDER BY until_time DESC")
        .limit(MOST_SPANS as u64 + 1)
}

/// Without FINAL: an interval only grows, so older versions of a row change neither maximum nor minimum.
pub(super) fn extents(clusters: Option<&[String]>) -> Statement {
    Statement::new(
        "SELECT cluster_uid, toUnixTimestamp64Micro(min(from_time)) AS first_time, toUnixTimestamp64Micro(max(until_time)) AS last_time,
    argMax(state = 'complete' AND reason = '', log_offset) AS running, max(epoch) AS epoch
FROM kube_coverage",
    )
    // What a watch missed, and what was removed after its time, says nothing of how far the watches are.
    .when("reason NOT IN ('missed_by_watch', 'removed_by_retention')")
    .when_some("cluster_uid IN {clusters:Array(String)}", "clusters", clusters)
    .line("GROUP BY cluster_uid")
    .line("ORDER BY cluster_uid")
    .limit(MOST_CLUSTERS)
}
