//! A week of history for the whole fleet, as bytes, in time order per cluster.
//!
//! The bytes are what a collector would have kept: one core/v1 Event per state, with its resourceVersion, without
//! managedFields. A cluster's history goes on as live Events through [`ClusterHistory::into_stream`].

use bytes::Bytes;
use rand::RngExt;
use uuid::Uuid;

use crate::clock::{DAY_US, SECOND_US};
use crate::fleet::Fleet;
use crate::generate::{EventStream, Incident};

/// The planted incident begins this long before "now".
const INCIDENT_AGE_US: i64 = 2 * DAY_US;
/// More is planned than asked for, since chance decides where the last scripts end.
const MARGIN: f64 = 1.03;
/// resourceVersions skip up to this many numbers, which other resources of the cluster took.
const OTHER_RESOURCES: u64 = 6;

/// What history to make.
#[derive(Debug, Clone)]
pub struct HistoryOptions {
    /// Seed of everything.
    pub seed: u64,
    /// End of the history, in microseconds.
    pub now_us: i64,
    /// Length in days.
    pub days: u32,
    /// Number of clusters.
    pub clusters: usize,
    /// Number of nodes of all clusters together.
    pub nodes: usize,
    /// States of all clusters together, at least.
    pub states: u64,
}

impl HistoryOptions {
    /// The demo's history: seven days, three clusters, 300 nodes, a million states.
    #[must_use]
    pub fn demo(seed: u64, now_us: i64) -> Self {
        Self { seed, now_us, days: 7, clusters: 3, nodes: 300, states: 1_000_000 }
    }

    /// The fleet of this history.
    #[must_use]
    pub fn fleet(&self) -> Fleet {
        Fleet::new(self.seed, self.clusters, self.nodes)
    }

    /// The incident that this history tells, if it is long enough and has its cluster.
    #[must_use]
    pub fn incident(&self) -> Option<Incident> {
        let span = i64::from(self.days) * DAY_US;
        if span < INCIDENT_AGE_US { None } else { Incident::at(&self.fleet(), self.now_us - INCIDENT_AGE_US) }
    }
}

/// One state of one Event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryState {
    /// Index of the cluster in the fleet.
    pub cluster: usize,
    /// When the API server stored it, in microseconds.
    pub time_us: i64,
    /// `metadata.uid` of the Event.
    pub uid: Uuid,
    /// `metadata.resourceVersion`.
    pub resource_version: u64,
    /// The Event as JSON.
    pub json: Bytes,
}

/// The history of one cluster; an iterator in time order.
#[derive(Debug)]
pub struct ClusterHistory {
    stream: EventStream,
    until_us: i64,
    resource_version: u64,
    buffer: Vec<u8>,
}

/// Makes the histories of all clusters. They are independent of one another, so each may run on a thread of its own.
#[must_use]
pub fn history(options: &HistoryOptions) -> Vec<ClusterHistory> {
    let fleet = options.fleet();
    let incident = options.incident();
    let from_us = options.now_us - i64::from(options.days) * DAY_US;
    let seconds = ((options.now_us - from_us) / SECOND_US).max(1) as f64;
    let per_second = options.states as f64 * MARGIN / fleet.clusters.len() as f64 / seconds;
    fleet
        .clusters
        .iter()
        .map(|cluster| {
            let mut stream = EventStream::new(options.seed, cluster.clone(), from_us, per_second, options.now_us);
            if let Some(incident) = incident.as_ref().filter(|incident| incident.cluster == cluster.name) {
                stream.direct(|scene| incident.plan(scene));
            }
            let resource_version = 40_000_000 + 7_000_000 * cluster.index as u64;
            let buffer = Vec::with_capacity(4096);
            ClusterHistory { stream, until_us: options.now_us, resource_version, buffer }
        })
        .collect()
}

impl ClusterHistory {
    /// The resourceVersion reached so far.
    #[must_use]
    pub fn resource_version(&self) -> u64 {
        self.resource_version
    }

    /// The cluster that this is about.
    #[must_use]
    pub fn cluster(&self) -> &std::sync::Arc<crate::fleet::Cluster> {
        self.stream.cluster()
    }

    /// What goes on after the history at a rate of its own: the same crash loops count on, and new stories begin.
    #[must_use]
    pub fn into_stream(mut self, per_second: f64) -> EventStream {
        self.stream.go_on(per_second);
        self.stream
    }
}

impl Iterator for ClusterHistory {
    type Item = HistoryState;

    fn next(&mut self) -> Option<HistoryState> {
        if self.stream.next_at() >= self.until_us {
            return None;
        }
        self.resource_version += 1 + self.stream.random().random_range(0..=OTHER_RESOURCES);
        let cluster = self.stream.cluster().index;
        let (time_us, by, record) = self.stream.next_occurrence();
        record.occur(time_us, by);
        self.buffer.clear();
        record.write_json(&mut self.buffer, self.resource_version, false);
        let json = Bytes::copy_from_slice(&self.buffer);
        Some(HistoryState { cluster, time_us, uid: record.uid, resource_version: self.resource_version, json })
    }
}
