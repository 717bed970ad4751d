//! The projector's figures.

use std::sync::atomic::{AtomicI64, AtomicU64};

use beidou_schemas::TopicPartition;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use crate::budget::Budget;

/// The label of everything here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Source {
    topic: &'static str,
    partition: u32,
}

impl From<TopicPartition> for Source {
    fn from(at: TopicPartition) -> Self {
        Self { topic: at.topic.name(), partition: at.partition }
    }
}

pub(crate) type Count = Counter<u64, AtomicU64>;
type Level = Gauge<i64, AtomicI64>;

/// The figures of all workers.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    lag: Family<Source, Level>,
    near_retention: Family<Source, Level>,
    watermark: Family<Source, Level>,
    last_done: Family<Source, Level>,
    window_span: Family<Source, Level>,
    rows: Family<Source, Count>,
    duplicates: Family<Source, Count>,
    rejects: Family<Source, Count>,
    lost: Family<Source, Count>,
    cuts: Family<Source, Count>,
    retries: Family<Source, Count>,
    insert: Family<Source, Histogram>,
    /// Partitions that this projector has.
    pub(crate) partitions: Level,
    /// Whether it leads.
    pub(crate) leads: Level,
    /// Runs of retention that failed.
    pub(crate) retention_failures: Count,
}

/// The figures of one worker.
#[derive(Debug, Clone)]
pub(crate) struct SourceMetrics {
    /// Records behind the watermark; absent until that is known.
    pub lag: AbsentAtFirst,
    /// Everything below this offset is in the tables.
    pub watermark: Level,
    /// When a cut was done last, or work began, in seconds since 1970.
    pub last_done: AbsentAtFirst,
    /// How much time the index of seen states holds, in seconds.
    pub window_span: AbsentAtFirst,
    /// Rows inserted.
    pub rows: Count,
    /// States dropped because they had been seen.
    pub duplicates: Count,
    /// Records that could not be decoded.
    pub rejects: Count,
    /// Offsets of records that the log lost before they were read.
    pub lost: Count,
    /// Cuts done.
    pub cuts: Count,
    /// Failed tries of anything.
    pub retries: Count,
    /// Seconds of one insert that succeeded.
    pub insert: Histogram,
}

/// A level that is absent until it is set: as 0 a time would be a moment of 1970, and a span none at all, and every alarm
/// on them would ring after each start; and a lag of 0 would say that all is well before anything is known.
#[derive(Debug, Clone)]
pub(crate) struct AbsentAtFirst {
    all: Family<Source, Level>,
    source: Source,
}

impl AbsentAtFirst {
    pub(crate) fn set(&self, level: i64) {
        self.all.get_or_create(&self.source).set(level);
    }
}

/// The label of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Queue {
    queue: &'static str,
}

/// How full the budgets are: looked at when somebody asks, so that nobody counts beside the way of an Event.
#[derive(Debug)]
pub(crate) struct Filled(Vec<(Queue, Budget)>);

impl Filled {
    /// Registers the budgets of the tables and of the archive.
    pub(crate) fn register(registry: &mut Registry, budgets: &[Budget; 2]) {
        let named = ["tables", "archive"].into_iter().zip(budgets);
        let queues = named.map(|(queue, budget)| (Queue { queue }, budget.clone())).collect();
        registry.register_collector(Box::new(Self(queues)));
    }
}

impl Collector for Filled {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let (taken, limit) = (Family::<Queue, Level>::default(), Family::<Queue, Level>::default());
        for (queue, budget) in &self.0 {
            let (now, most) = budget.filled();
            taken.get_or_create(queue).set(now as i64);
            limit.get_or_create(queue).set(most as i64);
        }
        for (name, help, family) in [
            ("queue", "Bytes of records on their way", taken),
            ("queue_limit", "Bytes of records that may be on their way: reading waits for room", limit),
        ] {
            let metric = encoder.encode_descriptor(name, help, Some(&Unit::Bytes), family.metric_type())?;
            family.encode(metric)?;
        }
        Ok(())
    }
}

impl Metrics {
    /// Figures that nobody sees.
    fn unseen() -> Self {
        // 1 ms to 65 s, doubling: an insert takes milliseconds when idle and must end within two minutes.
        let buckets = || Histogram::new(exponential_buckets(0.001, 2.0, 17));
        Self {
            lag: Family::default(),
            near_retention: Family::default(),
            watermark: Family::default(),
            last_done: Family::default(),
            window_span: Family::default(),
            rows: Family::default(),
            duplicates: Family::default(),
            rejects: Family::default(),
            lost: Family::default(),
            cuts: Family::default(),
            retries: Family::default(),
            insert: Family::new_with_constructor(buckets),
            partitions: Level::default(),
            leads: Level::default(),
            retention_failures: Count::default(),
        }
    }

    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::unseen();
        let help = "Source partitions that this projector has; the projectors of a site share them";
        registry.register("partitions", help, metrics.partitions.clone());
        let help = "1 where this projector audits, rebuilds, compacts and enforces retention; one of a site does";
        registry.register("leads", help, metrics.leads.clone());
        let help = "Tries to enforce retention that failed; nothing goes until one does not";
        registry.register("retention_failures", help, metrics.retention_failures.clone());
        let help = "Records of the log that are not in the tables yet; absent until it is known what is";
        registry.register("lag_records", help, metrics.lag.clone());
        let help = "Records that are not in the tables while retention of the log comes near them; else 0";
        registry.register("near_retention_records", help, metrics.near_retention.clone());
        registry.register("watermark", "Everything below this offset is in the tables", metrics.watermark.clone());
        let help = "When a cut was done last, or work on the partition began";
        registry.register("last_done_timestamp_seconds", help, metrics.last_done.clone());
        let help = "Time that the index of seen states holds; absent while it holds all. Below the Event TTL a list may repeat states";
        registry.register("window_span_seconds", help, metrics.window_span.clone());
        registry.register("rows", "Rows inserted", metrics.rows.clone());
        registry.register("duplicates", "States dropped because they had been seen", metrics.duplicates.clone());
        registry.register("rejects", "Records that could not be decoded", metrics.rejects.clone());
        registry.register("lost", "Offsets of records that the log lost before they were read", metrics.lost.clone());
        registry.register("cuts", "Cuts done", metrics.cuts.clone());
        registry.register("retries", "Tries of the log or the store that failed", metrics.retries.clone());
        let help = "Duration of an insert that succeeded";
        registry.register_with_unit("insert", help, Unit::Seconds, metrics.insert.clone());
        metrics
    }

    /// Figures of a partition that another projector may have: nobody sees them.
    pub(crate) fn unseen_of(at: TopicPartition) -> SourceMetrics {
        Self::unseen().of(at)
    }

    /// Forgets the levels of a partition that has gone: another projector tells them now.
    pub(crate) fn forget(&self, at: TopicPartition) {
        let source = at.into();
        for family in [&self.lag, &self.near_retention, &self.watermark, &self.last_done, &self.window_span] {
            family.remove(&source);
        }
    }

    /// How many records retention comes near, of a partition that this projector has.
    pub(crate) fn near_retention(&self, at: TopicPartition, records: u64) {
        let source = at.into();
        if let Some(level) = self.near_retention.get(&source) {
            level.set(records as i64);
        }
    }

    /// How many records a partition that this projector has is behind.
    pub(crate) fn lag(&self, at: TopicPartition, records: u64) {
        let source = at.into();
        if self.watermark.get(&source).is_some() {
            self.lag.get_or_create(&source).set(records as i64);
        }
    }

    pub(crate) fn of(&self, at: TopicPartition) -> SourceMetrics {
        let source = Source::from(at);
        self.near_retention.get_or_create(&source).set(0);
        SourceMetrics {
            lag: AbsentAtFirst { all: self.lag.clone(), source: source.clone() },
            watermark: self.watermark.get_or_create(&source).clone(),
            last_done: AbsentAtFirst { all: self.last_done.clone(), source: source.clone() },
            window_span: AbsentAtFirst { all: self.window_span.clone(), source: source.clone() },
            rows: self.rows.get_or_create(&source).clone(),
            duplicates: self.duplicates.get_or_create(&source).clone(),
            rejects: self.rejects.get_or_create(&source).clone(),
            lost: self.lost.get_or_create(&source).clone(),
            cuts: self.cuts.get_or_create(&source).clone(),
            retries: self.retries.get_or_create(&source).clone(),
            insert: self.insert.get_or_create(&source).clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use beidou_schemas::Topic;
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn the_time_of_the_last_cut_is_absent_until_it_is_set() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry).of(TopicPartition::new(Topic::KubeEvent, 3));
        let lines = |registry: &Registry| -> Vec<String> {
            let mut text = String::new();
            encode(&mut text, registry).unwrap();
            text.lines().filter(|line| line.starts_with("last_done")).map(str::to_owned).collect()
        };
        assert_eq!(lines(&registry), Vec::<String>::new());
        metrics.last_done.set(1_795_500_000);
        let expected =
            format!("last_done_timestamp_seconds{{topic=\"{}\",partition=\"3\"}} 1795500000", Topic::KubeEvent.name());
        assert_eq!(lines(&registry), [expected]);
    }
}
