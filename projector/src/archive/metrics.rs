//! The archive's figures.

use std::sync::atomic::{AtomicI64, AtomicU64};

use beidou_schemas::archive::Collection;
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

/// The labels of what is counted by source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Source {
    collection: &'static str,
    partition: u32,
}

/// The label of what is counted by collection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Whole {
    collection: &'static str,
}

type Count = Counter<u64, AtomicU64>;
type Level = Gauge<i64, AtomicI64>;

/// The figures of the archive.
#[derive(Debug, Clone)]
pub struct ArchiveMetrics {
    files: Family<Source, Count>,
    bytes: Family<Source, Count>,
    rows: Family<Source, Count>,
    retries: Family<Source, Count>,
    watermark: Family<Source, Level>,
    last_put: Family<Source, Level>,
    put: Family<Source, Histogram>,
    pub(super) compactions: Count,
    pub(super) compacted_rows: Count,
    pub(super) compaction_failures: Count,
    generation: Family<Whole, Level>,
}

/// The figures of one stage.
#[derive(Debug, Clone)]
pub(super) struct StageMetrics {
    pub files: Count,
    pub bytes: Count,
    pub rows: Count,
    pub retries: Count,
    pub watermark: Level,
    /// Seconds of one put that succeeded.
    pub put: Histogram,
    source: Source,
    last_put: Family<Source, Level>,
}

impl Default for ArchiveMetrics {
    fn default() -> Self {
        // 1 ms to 65 s, doubling: a local disk takes milliseconds, one that is nearly full or shared takes seconds.
        let buckets = || Histogram::new(exponential_buckets(0.001, 2.0, 17));
        Self {
            files: Family::default(),
            bytes: Family::default(),
            rows: Family::default(),
            retries: Family::default(),
            watermark: Family::default(),
            last_put: Family::default(),
            put: Family::new_with_constructor(buckets),
            compactions: Count::default(),
            compacted_rows: Count::default(),
            compaction_failures: Count::default(),
            generation: Family::default(),
        }
    }
}

impl ArchiveMetrics {
    /// Registers them, best below the name `archive`.
    pub fn register(registry: &mut Registry) -> Self {
        let all = Self::default();
        registry.register("files", "Range files put", all.files.clone());
        registry.register_with_unit("put", "Bytes of range files put", Unit::Bytes, all.bytes.clone());
        registry.register_with_unit("put", "Duration of a put that succeeded", Unit::Seconds, all.put.clone());
        registry.register("rows", "Rows archived", all.rows.clone());
        registry.register("retries", "Tries of the archive that failed", all.retries.clone());
        registry.register("watermark", "Everything below this offset is in the archive", all.watermark.clone());
        let help = "When a range file was put last; absent before the first one of this process";
        registry.register("last_put_timestamp_seconds", help, all.last_put.clone());
        registry.register("compactions", "Compactions that moved rows", all.compactions.clone());
        registry.register("compacted_rows", "Rows moved into day files", all.compacted_rows.clone());
        registry.register(
            "compaction_failures",
            "Compactions that failed, or left damaged files out",
            all.compaction_failures.clone(),
        );
        registry.register("generation", "Generation of the last manifest written", all.generation.clone());
        all
    }

    /// A manifest of this generation was written.
    pub(super) fn note_generation(&self, collection: Collection, generation: u64) {
        self.generation.get_or_create(&Whole { collection: collection.folder() }).set(generation as i64);
    }

    pub(super) fn of(&self, collection: Collection, number: u32) -> StageMetrics {
        let source = Source { collection: collection.folder(), partition: number };
        StageMetrics {
            files: self.files.get_or_create(&source).clone(),
            bytes: self.bytes.get_or_create(&source).clone(),
            rows: self.rows.get_or_create(&source).clone(),
            retries: self.retries.get_or_create(&source).clone(),
            watermark: self.watermark.get_or_create(&source).clone(),
            put: self.put.get_or_create(&source).clone(),
            last_put: self.last_put.clone(),
            source,
        }
    }
}

impl StageMetrics {
    pub(super) fn put_now(&self) {
        self.last_put.get_or_create(&self.source).set(jiff::Timestamp::now().as_second());
    }
}
