//! All states of one Event, newest first, with every column.

use beidou_schemas::Epoch;
use uuid::Uuid;

use super::{Page, QueryError, Reader, StateRow, statement::Statement};

/// A page of the states of one Event.
#[derive(Debug, Clone)]
pub struct StatesQuery {
    /// The cluster's uids: one, unless two clusters had the name that was asked for.
    pub clusters: Vec<String>,
    /// The Event, as its column has it.
    pub event: Uuid,
    /// Behind this state of this cluster.
    pub after: Option<StateKey>,
    /// At most so many rows.
    pub limit: u64,
    /// At most about so many bytes.
    pub most_bytes: usize,
}

/// The place of a state among the states of its Event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateKey {
    /// The cluster.
    pub cluster: String,
    /// The life of its etcd.
    pub epoch: Epoch,
    /// The state.
    pub resource_version: u64,
}

impl Reader {
    /// The states of one Event, newest first.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn states(&self, query: &StatesQuery) -> Result<Page<StateRow>, QueryError> {
        self.page(page(query), query.limit, query.most_bytes).await
    }
}

pub(super) fn page(query: &StatesQuery) -> Statement {
    let statement = Statement::new("SELECT ?fields\nFROM kube_event")
        .when("cluster_uid IN {clusters:Array(String)}")
        .with("clusters", query.clusters.as_slice())
        .when("event_uid = {event:UUID}")
        .with("event", query.event);
    let statement = match &query.after {
        None => statement,
        Some(key) => statement
            .when(
                "(cluster_uid, epoch, resource_version) < ({after_cluster:String}, {after_epoch:UInt32}, \
                 {after_version:UInt64})",
            )
            .with("after_cluster", key.cluster.as_str())
            .with("after_epoch", u64::from(key.epoch.0))
            .with("after_version", key.resource_version),
    };
    statement.line("ORDER BY cluster_uid DESC, epoch DESC, resource_version DESC").limit(query.limit + 1)
}
