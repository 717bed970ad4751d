//! The metrics of controllers. Labels are closed sets, never operations or hosts.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OfKind {
    pub kind: &'static str,
}

/// All metrics of controllers; clones share them.
#[derive(Debug, Clone, Default)]
pub struct ControllersMetrics {
    pub(crate) facts: Family<OfKind, Counter>,
    pub(crate) commands: Family<OfKind, Counter>,
    pub(crate) acts: Family<OfKind, Counter>,
    pub(crate) events: Counter,
    pub(crate) claims: Family<OfKind, Counter>,
    pub(crate) open: Family<OfKind, Gauge>,
    pub(crate) log_retries: Counter,
}

impl ControllersMetrics {
    /// Makes the metrics and registers them.
    pub fn new(registry: &mut Registry) -> Self {
        let all = Self::default();
        registry.register("facts", "Facts appended, by kind", all.facts.clone());
        registry.register("commands", "Commands read, by what became of them", all.commands.clone());
        registry.register("acts", "Acts done, by what they are and how they ended", all.acts.clone());
        registry.register("task_events", "Events taken from runners", all.events.clone());
        registry.register("claims", "Claims of runners, by the answer", all.claims.clone());
        registry.register("open", "Operations and tasks that are not over, by phase", all.open.clone());
        registry.register(
            "log_retries",
            "Appends and reads that the log refused for the moment",
            all.log_retries.clone(),
        );
        for kind in ["granted", "refused"] {
            all.claims.get_or_create_owned(&OfKind { kind });
        }
        all
    }

    pub(crate) fn count(family: &Family<OfKind, Counter>, kind: &'static str) {
        family.get_or_create(&OfKind { kind }).inc();
    }
}
