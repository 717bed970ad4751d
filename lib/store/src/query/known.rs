//! Which states of some Events the table has already: what an import must not bring again.

use beidou_schemas::Epoch;
use clickhouse::Row;
use serde::Deserialize;
use uuid::Uuid;

use super::{Between, QueryError, Reader, statement::Statement};

/// States that are there: an Event has few, and a look-up is of a few thousand Events.
const MOST_STATES: u64 = 2_000_000;

/// Some Events of one cluster.
#[derive(Debug, Clone)]
pub struct KnownQuery {
    /// The cluster.
    pub cluster: String,
    /// The Events, as their column has them.
    pub events: Vec<Uuid>,
    /// The times of their states.
    pub range: Between,
}

/// A state that is there, in whatever life of the cluster's etcd.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct KnownState {
    /// The Event.
    #[serde(with = "clickhouse::serde::uuid")]
    pub event_uid: Uuid,
    /// Its state.
    pub resource_version: u64,
    /// The Event's own cumulative count in it.
    pub occurrences: u32,
}

impl Reader {
    /// The states of these Events that are in the table.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn known(&self, query: &KnownQuery) -> Result<Vec<KnownState>, QueryError> {
        self.all(known(query), MOST_STATES).await
    }

    /// The life of a cluster's etcd that its watches have reached; the first for one that was never watched.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn epoch(&self, cluster: &str) -> Result<Epoch, QueryError> {
        let rows: Vec<u32> = self.all(epoch(cluster), 1).await?;
        Ok(Epoch(rows.first().copied().unwrap_or(0)))
    }
}

pub(super) fn known(query: &KnownQuery) -> Statement {
    let events: Vec<String> = query.events.iter().map(Uuid::to_string).collect();
    Statement::new("SELECT event_uid, resource_version, max(occurrences) AS occurrences\nFROM kube_event")
        .between(query.range)
        .when("cluster_uid = {cluster:String}")
        .with("cluster", query.cluster.as_str())
        .when("event_uid IN {events:Array(UUID)}")
        .with("events", events.as_slice())
        .line("GROUP BY event_uid, resource_version")
        .limit(MOST_STATES)
}

pub(super) fn epoch(cluster: &str) -> Statement {
    Statement::new("SELECT max(epoch) FROM kube_coverage")
        .when("cluster_uid = {cluster:String}")
        .with("cluster", cluster)
}
