//! The metrics of ingest. Labels name clusters and closed sets, never Events. There is no counter of dropped frames:
//! nothing is dropped.

use std::sync::atomic::AtomicU64;

use beidou_schemas::{
    Micros,
    coverage::{CoverageState, Reason},
    reject::RejectReason,
};
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

/// Frames of one cluster by kind.
#[derive(Debug)]
pub(crate) struct FrameCounters {
    pub added: Counter,
    pub modified: Counter,
    pub deleted: Counter,
    pub heartbeat: Counter,
    pub bookmark: Counter,
    pub error: Counter,
    pub undecodable: Counter,
}

/// All metrics of ingest; clones share them.
#[derive(Debug, Clone, Default)]
pub struct IngestMetrics {
    pub(crate) frames: Family<OfKind, Counter>,
    pub(crate) rejects: Family<OfKind, Counter>,
    pub(crate) sessions: Family<OfKind, Counter>,
    pub(crate) broken: Family<OfKind, Counter>,
    pub(crate) broken_seconds: Family<OfKind, Counter<f64, AtomicU64>>,
    pub(crate) lists: Family<OfCluster, Counter>,
    pub(crate) listed: Family<OfCluster, Counter>,
    pub(crate) listed_known: Family<OfCluster, Counter>,
    pub(crate) bytes: Family<OfCluster, Counter>,
    pub(crate) comparisons: Family<OfKind, Counter>,
    pub(crate) compared: Family<OfCluster, Counter>,
    pub(crate) missed: Family<OfCluster, Counter>,
    pub(crate) compare_pages: Family<OfCluster, Counter>,
    pub(crate) compare_bytes: Family<OfCluster, Counter>,
    pub(crate) compare_seconds: Family<OfCluster, Counter<f64, AtomicU64>>,
    pub(crate) live: Family<OfCluster, Gauge>,
    pub(crate) live_bytes: Family<OfCluster, Gauge>,
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
        let help = "Length of the intervals published as broken, by state; the time before the first list of a cluster is none";
        registry.register_with_unit("broken", help, Unit::Seconds, all.broken_seconds.clone());
        registry.register("list_pages", "Pages of lists read", all.lists.clone());
        registry.register("listed", "States appended because a list found them", all.listed.clone());
        registry.register("listed_known", "States of lists that the log had already", all.listed_known.clone());
        registry.register_with_unit("appended", "Records the log acknowledged", Unit::Bytes, all.bytes.clone());
        all.register_comparisons(registry);
        let help = "How far the proof of completeness lies behind";
        registry.register_with_unit("unproven", help, Unit::Seconds, all.unproven.clone());
        registry.register_with_unit("quiet", "Time since the last frame", Unit::Seconds, all.quiet.clone());
        let help = "From a heartbeat's writing until the log held everything before it";
        registry.register_with_unit("lag", help, Unit::Seconds, all.lag.clone());
        registry.register("log_retries", "Appends that the log refused for the moment", all.log_retries.clone());
        all
    }

    fn register_comparisons(&self, registry: &mut Registry) {
        let help = "Comparisons of a list with what the watch brought, by how they ended";
        registry.register("comparisons", help, self.comparisons.clone());
        registry.register("compared", "States of lists that were compared", self.compared.clone());
        let help = "States that the watch did not bring and a list showed, stored as found by list";
        registry.register("missed_by_watch", help, self.missed.clone());
        registry.register(
            "compare_pages",
            "Pages read to compare: requests to the API server",
            self.compare_pages.clone(),
        );
        let help = "Answers of the API server to comparisons";
        registry.register_with_unit("compare_answers", help, Unit::Bytes, self.compare_bytes.clone());
        let help = "Time in which the API server answered comparisons";
        registry.register_with_unit("compare_answers", help, Unit::Seconds, self.compare_seconds.clone());
        registry.register("live_events", "Live Events of which the newest state is known", self.live.clone());
        let help = "Memory of the index of live Events";
        registry.register_with_unit("live_events_memory", help, Unit::Bytes, self.live_bytes.clone());
    }

    /// The counters of a cluster's frames: looked up once, counted by the thousand.
    pub(crate) fn frames_of(&self, cluster: &str) -> FrameCounters {
        let of = |kind| self.frames.get_or_create_owned(&OfKind { cluster: cluster.into(), kind });
        FrameCounters {
            added: of("added"),
            modified: of("modified"),
            deleted: of("deleted"),
            heartbeat: of("heartbeat"),
            bookmark: of("bookmark"),
            error: of("error"),
            undecodable: of("undecodable"),
        }
    }

    /// What may happen to a cluster is counted from 0: a counter that is born with the first time shows no increase, and an
    /// alert on it sleeps through that one.
    pub(crate) fn begin(&self, cluster: &str) {
        for state in [CoverageState::Degraded, CoverageState::Gap] {
            let label = OfKind { cluster: cluster.into(), kind: state.name() };
            self.broken.get_or_create_owned(&label);
            self.broken_seconds.get_or_create_owned(&label);
        }
        for reason in RejectReason::ALL {
            self.rejects.get_or_create_owned(&OfKind { cluster: cluster.into(), kind: reason.name() });
        }
        let label = OfCluster { cluster: cluster.into() };
        self.missed.get_or_create_owned(&label);
        self.compare_pages.get_or_create_owned(&label);
        for reason in [Reason::Timeout, Reason::Cut, Reason::Expired] {
            self.sessions.get_or_create_owned(&OfKind { cluster: cluster.into(), kind: reason.name() });
        }
    }

    /// How old the last proof of a cluster is.
    pub(crate) fn proven(&self, cluster: &str, until: Micros, now: Micros) {
        let seconds = (now.0 - until.0) as f64 / 1e6;
        self.unproven.get_or_create(&OfCluster { cluster: cluster.into() }).set(seconds);
    }

    /// Forgets the gauges of a cluster that is no longer collected; its counters stay.
    pub(crate) fn forget(&self, cluster: &str) {
        let label = OfCluster { cluster: cluster.into() };
        self.unproven.remove(&label);
        self.quiet.remove(&label);
        self.lag.remove(&label);
        self.live.remove(&label);
        self.live_bytes.remove(&label);
    }
}
