//! Topics of the log, and the stable hash that chooses a record's partition.

use std::fmt;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::{ClusterUid, EventUid, numbered::numbered};

numbered! {
    /// A topic. The name is its name in the log; the number its code in stored rows.
    pub enum Topic {
        /// One record per state of a Kubernetes Event.
        KubeEvent = 1 => "beidou.kube.event.v1",
        /// What each watch proved, and what it could not.
        KubeCoverage = 2 => "beidou.kube.coverage.v1",
        /// Frames that could not be decoded.
        KubeReject = 3 => "beidou.kube.reject.v1",
        /// Ranges that a projector is about to insert, and has inserted.
        Ledger = 4 => "beidou.ledger.v1",
        /// What people ask of the keeping of Events, and what came of it.
        Maintenance = 5 => "beidou.maintenance.v1",
        /// States of Events out of dumps, on their way to the writer of the Event topic.
        KubeImport = 6 => "beidou.kube.import.v1",
        /// What people, resources and callbacks ask of operations.
        OperationCommand = 7 => "beidou.operation.command.v1",
        /// What was decided and seen of operations: their state is the fold of it.
        Operation = 8 => "beidou.operation.v1",
        /// What runners tell per play, task and host.
        OperationTask = 9 => "beidou.operation.task.v1",
        /// The ledger of the two topics above: ranges of them that go to the tables.
        OperationLedger = 10 => "beidou.operation.ledger.v1",
        /// Operations that somebody is still writing.
        OperationDraft = 11 => "beidou.operation.draft.v1",
    }
}

impl Topic {
    /// Whether records go by age once their consumers have released them: what came from a cluster and stands in the
    /// tables. Coverage and ledger are the control plane's memory, whose newest facts are read back at each start
    /// however old they are: they are bounded by size alone.
    pub fn expires(self) -> bool {
        match self {
            Topic::KubeEvent | Topic::KubeReject | Topic::KubeImport => true,
            Topic::KubeCoverage | Topic::Ledger | Topic::Maintenance => false,
            Topic::OperationCommand | Topic::Operation | Topic::OperationTask | Topic::OperationLedger => false,
            Topic::OperationDraft => false,
        }
    }
}

impl Topic {
    /// Whether nothing of it ever goes, by age or by size: the state of operations is the fold of all their facts, and a run
    /// can be replayed a year later.
    pub fn is_kept(self) -> bool {
        match self {
            Topic::Operation | Topic::OperationTask => true,
            Topic::KubeEvent | Topic::KubeReject | Topic::KubeImport => false,
            Topic::KubeCoverage | Topic::Ledger | Topic::Maintenance => false,
            Topic::OperationCommand | Topic::OperationLedger | Topic::OperationDraft => false,
        }
    }
}

/// One partition of one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TopicPartition {
    /// The topic.
    pub topic: Topic,
    /// The partition, counted from 0.
    pub partition: u32,
}

impl TopicPartition {
    /// Names a partition.
    pub fn new(topic: Topic, partition: u32) -> Self {
        Self { topic, partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// The partition of all states of one Event: XXH3-64 of `cluster uid NUL event uid`, modulo the number of partitions.
///
/// The number of partitions of a topic must never change: states of one Event would meet in two places.
///
/// # Panics
/// When `partitions` is 0.
pub fn partition_of(cluster: &ClusterUid, event: &EventUid, partitions: u32) -> u32 {
    let mut key = Vec::with_capacity(cluster.as_str().len() + event.as_str().len() + 1);
    key.extend_from_slice(cluster.as_str().as_bytes());
    key.push(0);
    key.extend_from_slice(event.as_str().as_bytes());
    (xxh3_64(&key) % u64::from(partitions)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_of_an_event_never_changes() {
        let cluster = "0f8fad5b-d9cb-469f-a165-70867728950e".parse().unwrap();
        let found: Vec<u32> = ["7c9e6679-7425-40de-944b-e07fc1f90ae7", "a", "b", "c"]
            .iter()
            .map(|uid| partition_of(&cluster, &uid.parse().unwrap(), 8))
            .collect();
        insta::assert_debug_snapshot!(found);
    }

    #[test]
    fn names_and_numbers_are_kept() {
        let all: Vec<_> = Topic::ALL.iter().map(|t| (t.number(), t.name())).collect();
        insta::assert_debug_snapshot!(all);
    }
}
