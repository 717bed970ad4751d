//! How far each reason reaches: how many objects of how many clusters it befell.

use clickhouse::Row;
use serde::Deserialize;

use super::{
    Between, QueryError, Reader,
    events::{EventFilter, matching},
    statement::Statement,
};

/// Which Events to look at.
#[derive(Debug, Clone)]
pub struct ReachQuery {
    /// Which.
    pub filter: EventFilter,
    /// When.
    pub range: Between,
    /// At most so many reasons.
    pub top: u64,
}

/// A reason. Times are microseconds since 1970, UTC.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct ReachRow {
    /// The reason.
    pub reason: String,
    /// Different objects: cluster, kind, namespace and name.
    pub objects: u64,
    /// Different clusters.
    pub clusters: u64,
    /// States.
    pub states: u64,
    /// When the first state in the range happened.
    pub first_seen: i64,
    /// When the last one did.
    pub last_seen: i64,
    /// How many reasons the range has.
    pub different: u64,
}

impl Reader {
    /// The reasons of the range, the one with the most objects first.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn reach(&self, query: &ReachQuery) -> Result<Vec<ReachRow>, QueryError> {
        self.all(reach(query), query.top).await
    }
}

pub(super) fn reach(query: &ReachQuery) -> Statement {
    let picked = Statement::new(
        "SELECT reason, uniqExact(cluster_uid, kind, namespace, name) AS objects, uniqExact(cluster_uid) AS clusters, count() AS states,
    min(time) AS first_seen, max(time) AS last_seen, count() OVER () AS different
FROM kube_event",
    )
    .between(query.range);
    matching(picked, &query.filter)
        .line("GROUP BY reason\nORDER BY objects DESC, states DESC, reason\nLIMIT {top:UInt64}")
        .with("top", query.top)
}
