//! The projector's figures.

use std::sync::atomic::{AtomicI64, AtomicU64};

use beidou_schemas::TopicPartition;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

/// The label of everything here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Source {
    topic: &'static str,
    partition: u32,
}

type Count = Counter<u64, AtomicU64>;
type Level = Gauge<i64, AtomicI64>;

/// The figures of all workers.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    lag: Family<Source, Level>,
    watermark: Family<Source, Level>,
    last_done: Family<Source, Level>,
    rows: Family<Source, Count>,
    duplicates: Family<Source, Count>,
    rejects: Family<Source, Count>,
    cuts: Family<Source, Count>,
    retries: Family<Source, Count>,
    insert: Family<Source, Histogram>,
}

/// The figures of one worker.
#[derive(Debug, Clone)]
pub(crate) struct SourceMetrics {
    /// Records behind the watermark.
    pub lag: Level,
    /// Everything below this offset is in the tables.
    pub watermark: Level,
    /// When a cut was done last, in seconds since 1970.
    pub last_done: Level,
    /// Rows inserted.
    pub rows: Count,
    /// States dropped because they had been seen.
    pub duplicates: Count,
    /// Records that could not be decoded.
    pub rejects: Count,
    /// Cuts done.
    pub cuts: Count,
    /// Failed tries of anything.
    pub retries: Count,
    /// Seconds of one insert that succeeded.
    pub insert: Histogram,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        // 1 ms to 65 s, doubling: an insert takes milliseconds when idle and must end within two minutes.
        let buckets = || Histogram::new(exponential_buckets(0.001, 2.0, 17));
        let metrics = Self {
            lag: Family::default(),
            watermark: Family::default(),
            last_done: Family::default(),
            rows: Family::default(),
            duplicates: Family::default(),
            rejects: Family::default(),
            cuts: Family::default(),
            retries: Family::default(),
            insert: Family::new_with_constructor(buckets),
        };
        registry.register("lag_records", "Records of the log that are not in the tables yet", metrics.lag.clone());
        registry.register("watermark", "Everything below this offset is in the tables", metrics.watermark.clone());
        registry.register("last_done_timestamp_seconds", "When a cut was done last", metrics.last_done.clone());
        registry.register("rows", "Rows inserted", metrics.rows.clone());
        registry.register("duplicates", "States dropped because they had been seen", metrics.duplicates.clone());
        registry.register("rejects", "Records that could not be decoded", metrics.rejects.clone());
        registry.register("cuts", "Cuts done", metrics.cuts.clone());
        registry.register("retries", "Tries of the log or the store that failed", metrics.retries.clone());
        let help = "Duration of an insert that succeeded";
        registry.register_with_unit("insert", help, Unit::Seconds, metrics.insert.clone());
        metrics
    }

    pub(crate) fn of(&self, at: TopicPartition) -> SourceMetrics {
        let source = Source { topic: at.topic.name(), partition: at.partition };
        SourceMetrics {
            lag: self.lag.get_or_create(&source).clone(),
            watermark: self.watermark.get_or_create(&source).clone(),
            last_done: self.last_done.get_or_create(&source).clone(),
            rows: self.rows.get_or_create(&source).clone(),
            duplicates: self.duplicates.get_or_create(&source).clone(),
            rejects: self.rejects.get_or_create(&source).clone(),
            cuts: self.cuts.get_or_create(&source).clone(),
            retries: self.retries.get_or_create(&source).clone(),
            insert: self.insert.get_or_create(&source).clone(),
        }
    }
}
