//! What ingest says of itself, for `/readyz`, the CLI and tests: one line per cluster, replaced in place.

use std::{collections::BTreeMap, sync::Arc};

use beidou_model::watch::Phase;
use beidou_schemas::{ClusterUid, Micros, ResourceVersion};
use serde::Serialize;
use tokio::sync::watch;

/// What a cluster's task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterState {
    /// It builds a connection and asks who the cluster is.
    Identifying,
    /// The cluster is not collected until its configuration changes; the detail says why.
    Refused,
    /// It opens a watch.
    Connecting,
    /// It reads the list.
    Listing,
    /// The watch is open.
    Watching,
    /// It waits after a failure; the detail says which.
    Waiting,
    /// It has stopped.
    Stopped,
}

impl From<Phase> for ClusterState {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Connecting => Self::Connecting,
            Phase::Watching => Self::Watching,
            Phase::Listing => Self::Listing,
            Phase::Waiting => Self::Waiting,
            Phase::Stopped => Self::Stopped,
        }
    }
}

/// The state of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterStatus {
    /// Who it is, once known.
    pub cluster: Option<ClusterUid>,
    /// What its task is doing.
    pub state: ClusterState,
    /// The last failure in plain words; empty while all is well.
    pub detail: String,
    /// Everything before this moment is in the log or published as broken.
    pub until: Option<Micros>,
    /// The position of the watch.
    pub resource_version: Option<ResourceVersion>,
    /// When the last frame came.
    pub last_frame: Option<Micros>,
    /// What works less well than it could, and what to do about it: missing rights.
    pub notices: Vec<String>,
}

impl ClusterStatus {
    fn new() -> Self {
        Self {
            cluster: None,
            state: ClusterState::Identifying,
            detail: String::new(),
            until: None,
            resource_version: None,
            last_frame: None,
            notices: Vec::new(),
        }
    }
}

/// The state of all clusters, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IngestStatus {
    /// One entry per configured cluster.
    pub clusters: BTreeMap<String, ClusterStatus>,
    /// Why the log does not take anything right now.
    pub log_trouble: Option<String>,
}

/// Where tasks write their state.
#[derive(Debug, Clone)]
pub(crate) struct Board(Arc<watch::Sender<IngestStatus>>);

impl Board {
    pub(crate) fn new(sender: watch::Sender<IngestStatus>) -> Self {
        Self(Arc::new(sender))
    }

    /// Changes the entry of a cluster; makes it where it is missing.
    pub(crate) fn update(&self, name: &str, change: impl FnOnce(&mut ClusterStatus)) {
        self.0.send_if_modified(|all| {
            let entry = all.clusters.entry(name.to_owned()).or_insert_with(ClusterStatus::new);
            let before = entry.clone();
            change(entry);
            *entry != before
        });
    }

    pub(crate) fn remove(&self, name: &str) {
        self.0.send_if_modified(|all| all.clusters.remove(name).is_some());
    }

    pub(crate) fn log_trouble(&self, trouble: Option<String>) {
        self.0.send_if_modified(|all| {
            let changed = all.log_trouble != trouble;
            all.log_trouble = trouble;
            changed
        });
    }
}
