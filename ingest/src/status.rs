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

    /// Neither met, nor told why it is not.
    fn is_awaited(&self) -> bool {
        matches!(self.state, ClusterState::Identifying | ClusterState::Connecting) && self.detail.is_empty()
    }
}

/// The state of all clusters, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IngestStatus {
    /// One entry per configured cluster.
    pub clusters: BTreeMap<String, ClusterStatus>,
    /// Why the log does not take anything right now.
    pub log_trouble: Option<String>,
    /// Whether the log is open to it, and each cluster has an entry.
    pub opened: bool,
}

impl IngestStatus {
    /// What it has to do before it collects; `None` once each cluster was met, or is known to be sick.
    pub fn awaits(&self) -> Option<String> {
        if !self.opened {
            return Some("it opens the log".into());
        }
        let (name, _) = self.clusters.iter().find(|(_, status)| status.is_awaited())?;
        Some(format!("it has no watch of the cluster {name} yet"))
    }
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

    /// The log is open, and these are the clusters.
    pub(crate) fn opened<'a>(&self, names: impl Iterator<Item = &'a String>) {
        self.0.send_if_modified(|all| {
            for name in names {
                all.clusters.entry(name.clone()).or_insert_with(ClusterStatus::new);
            }
            !std::mem::replace(&mut all.opened, true)
        });
    }

    pub(crate) fn log_trouble(&self, trouble: Option<String>) {
        self.0.send_if_modified(|all| {
            let changed = all.log_trouble != trouble;
            all.log_trouble = trouble;
            changed
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_over_when_each_cluster_was_met_or_is_known_to_be_sick() {
        let (sender, seen) = watch::channel(IngestStatus::default());
        let (board, awaits) = (Board::new(sender), || seen.borrow().awaits());
        assert_eq!(awaits().as_deref(), Some("it opens the log"));
        board.opened([String::from("a"), String::from("b")].iter());
        for state in [ClusterState::Identifying, ClusterState::Connecting] {
            board.update("a", |status| status.state = state);
            assert_eq!(awaits().as_deref(), Some("it has no watch of the cluster a yet"), "{state:?}");
        }
        board.update("a", |status| status.state = ClusterState::Watching);
        assert_eq!(awaits().as_deref(), Some("it has no watch of the cluster b yet"));
        board.update("b", |status| status.detail = "no route to host".into());
        assert_eq!(awaits(), None);
    }
}
