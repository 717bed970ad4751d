//! The audit's figures.

use std::sync::atomic::{AtomicI64, AtomicU64};

use beidou_schemas::maintenance::AuditReport;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// The label of findings.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    fault: &'static str,
}

/// The label of the time of the last audit: absent before the first one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Extent {
    full: &'static str,
}

type Count = Counter<u64, AtomicU64>;
type Level = Gauge<i64, AtomicI64>;

/// The figures of all audits of a process.
#[derive(Debug, Clone, Default)]
pub struct AuditMetrics {
    last: Family<Extent, Level>,
    audits: Count,
    pub(super) failures: Count,
    findings: Family<Kind, Count>,
    repaired: Count,
    unrepaired: Level,
}

impl AuditMetrics {
    /// Registers them, best below the name `audit`.
    pub fn register(registry: &mut Registry) -> Self {
        let all = Self::default();
        let help = "When an audit ended last; absent before the first one of this process";
        registry.register("last_timestamp_seconds", help, all.last.clone());
        registry.register("runs", "Audits that ran to their end", all.audits.clone());
        registry.register("failures", "Audits that got no answer from log, store or archive", all.failures.clone());
        registry.register("findings", "Differences found", all.findings.clone());
        registry.register("repaired", "Differences repaired", all.repaired.clone());
        registry.register("unrepaired", "Differences that stayed after the last audit", all.unrepaired.clone());
        all
    }

    /// Forgets what the last audit left: whoever audits now tells it.
    pub(crate) fn forget(&self) {
        self.unrepaired.set(0);
    }

    pub(crate) fn note(&self, report: &AuditReport) {
        let full = if report.full { "true" } else { "false" };
        self.last.get_or_create(&Extent { full }).set(report.ended.0 / 1_000_000);
        self.audits.inc();
        for finding in &report.findings {
            self.findings.get_or_create(&Kind { fault: finding.fault.name() }).inc();
        }
        self.repaired.inc_by(report.repaired);
        self.unrepaired.set(report.unrepaired as i64);
    }
}
