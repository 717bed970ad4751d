//! The metrics of ingest. Labels name clusters and closed sets, never Events. There is no counter of dropped frames:
//! nothing is dropped.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfCluster {
    pub cluster: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfKind {
    pub cluster: String,
    pub kind: &'static str,
}

type Seconds = Gauge<f64, AtomicU64>;

/// All metrics of ingest; clones share them.
#[derive(Debug, Clone, Default)]
pub struct IngestMetrics {
    pub(crate) frames: Family<OfKind, Counter>,
    pub(crate) rejects: Family<OfKind, Counter>,
    pub(crate) sessions: Family<OfKind, Counter>,
    pub(crate) broken: Family<OfKind, Counter>,
    pub(crate) lists: Family<OfCluster, Counter>,
    pub(crate) listed: Family<OfCluster, Counter>,
    pub(crate) listed_known: Family<OfCluster, Counter>,
    pub(crate) bytes: Family<OfCluster, Counter>,
    pub(crate) unproven: Family<OfCluster, Seconds>,
    pub(crate) quiet: Family<OfCluster, Seconds>,
    pub(crate) lag: Family<OfCluster, Seconds>,
    pub(crate) log_retries: Counter,
}

impl IngestMetrics {
    /// Makes the metrics and registers them.
    pub fn new(registry: &mut Registry) -> Self {
        let all = Self::default();
        registry.register("frames", "Frames read from watches, by kind", all.frames.clone());
        registry.register("rejects", "Frames that could not be decoded, by reason", all.rejects.clone());
        registry.register("sessions_ended", "Watch sessions that ended, by reason", all.sessions.clone());
        registry.register("broken_intervals", "Intervals published as broken, by state", all.broken.clone());
        registry.register("list_pages", "Pages of lists read", all.lists.clone());
        registry.register("listed", "States appended because a list found them", all.listed.clone());
        registry.register("listed_known", "States of lists that the log had already", all.listed_known.clone());
        registry.register_with_unit("appended", "Records the log acknowledged", Unit::Bytes, all.bytes.clone());
        let help = "How far the proof of completeness lies behind";
        registry.register_with_unit("unproven", help, Unit::Seconds, all.unproven.clone());
        registry.register_with_unit("quiet", "Time since the last frame", Unit::Seconds, all.quiet.clone());
        let help = "From a heartbeat's writing until the log held everything before it";
        registry.register_with_unit("lag", help, Unit::Seconds, all.lag.clone());
        registry.register("log_retries", "Appends that the log refused for the moment", all.log_retries.clone());
        all
    }

    pub(crate) fn frame(&self, cluster: &str, kind: &'static str) {
        self.frames.get_or_create(&OfKind { cluster: cluster.into(), kind }).inc();
    }

    /// Forgets the gauges of a cluster that is no longer collected; its counters stay.
    pub(crate) fn forget(&self, cluster: &str) {
        let label = OfCluster { cluster: cluster.into() };
        self.unproven.remove(&label);
        self.quiet.remove(&label);
        self.lag.remove(&label);
    }
}
