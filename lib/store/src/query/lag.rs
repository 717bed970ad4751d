//! How long after its making an Event was seen.

use clickhouse::Row;
use serde::Deserialize;

use super::{Between, QueryError, Reader, clusters::MOST_CLUSTERS, statement::Statement};

/// From the second in which an API server made Events until Beidou saw them, in microseconds.
#[derive(Debug, Clone, PartialEq, Row, Deserialize)]
pub struct LagRow {
    /// The cluster.
    pub cluster_uid: String,
    /// So many Events were measured.
    pub events: u64,
    /// Half of them were seen within this.
    pub p50: f64,
    /// 90 %.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// The longest.
    pub max: i64,
}

impl Reader {
    /// The lag of each cluster in the range; clusters without a measured Event are left out.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn lag(&self, clusters: &[String], range: Between) -> Result<Vec<LagRow>, QueryError> {
        self.all(lag(clusters, range), MOST_CLUSTERS).await
    }
}

/// Only first states that a watch delivered: their creation time is the API server's own, and a list or a later update
/// has no moment at which it was made. A clock of Beidou's that is behind counts as no lag.
pub(super) fn lag(clusters: &[String], range: Between) -> Statement {
    Statement::new(
        "WITH quantilesTDigest(0.5, 0.9, 0.99)(lag) AS within
SELECT toString(cluster_uid) AS cluster_uid, count() AS events,
    toFloat64(within[1]) AS p50, toFloat64(within[2]) AS p90, toFloat64(within[3]) AS p99, max(lag) AS max
FROM
(
    SELECT cluster_uid, greatest(toInt64(0), toUnixTimestamp64Micro(observed) - toUnixTimestamp64Micro(creation_time)) AS lag
    FROM kube_event",
    )
    .between(range)
    .when("cluster_uid IN {clusters:Array(String)}")
    .with("clusters", clusters)
    .when("found_by = 'watch' AND occurrences = 1 AND occurrences_delta = 1")
    .when("creation_time > fromUnixTimestamp64Micro(toInt64(0), 'UTC')")
    .line(")")
    .line("GROUP BY cluster_uid")
    .line("ORDER BY cluster_uid")
    .limit(MOST_CLUSTERS)
}
