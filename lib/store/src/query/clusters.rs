//! Which clusters there are, what they were called, and how much is known of them in a range.

use clickhouse::Row;
use serde::Deserialize;

use super::{Between, QueryError, Reader, statement::Statement};

/// A name that a cluster had.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct ClusterName {
    /// The cluster.
    pub cluster_uid: String,
    /// The name.
    pub cluster: String,
    /// Until when it is known to have had the name, microseconds; 0 where only its Events tell.
    pub last: i64,
}

/// What is stored of a cluster in a range.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct ClusterActivity {
    /// The cluster.
    pub cluster_uid: String,
    /// States in the range.
    pub states: u64,
    /// Occurrences in the range.
    pub occurrences: u64,
    /// Time of the first one, microseconds.
    pub first_time: i64,
    /// Time of the last one, microseconds.
    pub last_time: i64,
    /// The highest epoch among them.
    pub epoch: u32,
}

/// More clusters than this are not listed: the plan is for a hundred, each with a few names.
pub const MOST_CLUSTERS: u64 = 10_000;

impl Reader {
    /// Every cluster with every name that it had, the latest name first.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn cluster_names(&self) -> Result<Vec<ClusterName>, QueryError> {
        self.all(names(), MOST_CLUSTERS).await
    }

    /// What is stored of each cluster in the range; clusters without Events in it are left out.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn cluster_activity(
        &self,
        clusters: Option<&[String]>,
        range: Between,
    ) -> Result<Vec<ClusterActivity>, QueryError> {
        self.all(activity(clusters, range), MOST_CLUSTERS).await
    }
}

pub(super) fn names() -> Statement {
    Statement::new(
        "SELECT cluster_uid, cluster, max(last) AS last
FROM
(
    SELECT toString(cluster_uid) AS cluster_uid, toString(cluster) AS cluster, toUnixTimestamp64Micro(max(until_time)) AS last
    FROM kube_coverage GROUP BY cluster_uid, cluster
    UNION ALL
    SELECT toString(cluster_uid) AS cluster_uid, toString(cluster) AS cluster, toInt64(0) AS last
    FROM kube_event GROUP BY cluster_uid, cluster
    UNION ALL
    SELECT toString(cluster_uid) AS cluster_uid, toString(cluster) AS cluster, toInt64(0) AS last
    FROM kube_hot GROUP BY cluster_uid, cluster
)
GROUP BY cluster_uid, cluster
ORDER BY cluster_uid, last DESC, cluster",
    )
    .limit(MOST_CLUSTERS)
}

pub(super) fn activity(clusters: Option<&[String]>, range: Between) -> Statement {
    Statement::new(
        "SELECT cluster_uid, count() AS states, sum(occurrences_delta) AS occurrences,
    toUnixTimestamp64Micro(min(time)) AS first_time, toUnixTimestamp64Micro(max(time)) AS last_time, max(epoch) AS epoch
FROM kube_event",
    )
    .between(range)
    .when_some("cluster_uid IN {clusters:Array(String)}", "clusters", clusters)
    .line("GROUP BY cluster_uid")
    .line("ORDER BY cluster_uid")
    .limit(MOST_CLUSTERS)
}
