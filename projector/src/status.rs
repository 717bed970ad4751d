//! Where each worker stands, for `/readyz` and for whoever waits for a projector.

use std::collections::BTreeMap;

use beidou_schemas::{Offset, TopicPartition};
use tokio::sync::watch;

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Reads ledger and log, repeats pending cuts.
    Recovering,
    /// Projects new records.
    Running,
    /// The log or the store refuses; the same range is tried again.
    Retrying,
}

/// Where one worker stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionStatus {
    /// What it does.
    pub phase: Phase,
    /// Everything below is in the tables.
    pub watermark: Offset,
    /// Behind the last record that was seen in the log.
    pub end: Offset,
    /// Why it retries.
    pub error: Option<String>,
    /// Everything below is in the archive; `None` where nothing is archived.
    pub archived: Option<Offset>,
    /// Why the archive waits. The tables go on for a while.
    pub archive_error: Option<String>,
    /// What it did before it had to retry.
    before: Phase,
}

impl PartitionStatus {
    pub(crate) fn retries(&mut self, error: String) {
        if self.phase != Phase::Retrying {
            self.before = self.phase;
        }
        (self.phase, self.error) = (Phase::Retrying, Some(error));
    }

    pub(crate) fn goes_on(&mut self) {
        if self.phase == Phase::Retrying {
            self.phase = self.before;
        }
        self.error = None;
    }
}

/// Where all workers stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// It is known which partitions are this projector's; perhaps none.
    pub assigned: bool,
    /// One entry per source partition that is this projector's.
    pub partitions: BTreeMap<TopicPartition, PartitionStatus>,
}

impl Status {
    /// Whether every worker projects. A projector without a partition has nothing to wait for.
    pub fn is_ready(&self) -> bool {
        self.assigned && self.partitions.values().all(|p| p.phase == Phase::Running)
    }

    /// Whether everything that was seen in the log is in the tables.
    pub fn is_caught_up(&self) -> bool {
        self.is_ready() && self.partitions.values().all(|p| p.watermark >= p.end)
    }
}

/// One worker's hand on the status.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    at: TopicPartition,
    status: watch::Sender<Status>,
}

impl Reporter {
    pub(crate) fn new(at: TopicPartition, status: watch::Sender<Status>) -> Self {
        let phase = Phase::Recovering;
        let fresh = PartitionStatus {
            phase,
            watermark: 0,
            end: 0,
            error: None,
            archived: None,
            archive_error: None,
            before: phase,
        };
        status.send_modify(|status| drop(status.partitions.insert(at, fresh)));
        Self { at, status }
    }

    /// A hand on another partition, which changes nothing where no worker of that is told of.
    pub(crate) fn silent_of(&self, at: TopicPartition) -> Self {
        Self { at, status: self.status.clone() }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut PartitionStatus)) {
        self.status.send_modify(|status| {
            if let Some(partition) = status.partitions.get_mut(&self.at) {
                change(partition);
            }
        });
    }
}
