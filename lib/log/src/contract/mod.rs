//! The contract of the log as a suite that every implementation passes: memory, files, and whatever comes later.
//!
//! Each case is an async function that panics on a breach; [`contract_tests!`](crate::contract_tests) makes a test of
//! each. A [`Subject`] is one fresh, empty log, and says where implementations may differ.
//!
//! Cases assume only what [`crate::Log`] promises; none counts on dense offsets.

mod appending;
mod keeping;
mod reading;
mod sharing;
mod writing;

use std::{fmt::Display, sync::Arc, time::Duration};

use async_trait::async_trait;
use beidou_schemas::{Headers, Offset, Record, Topic, TopicPartition};

use crate::{Log, LogError, ReadBatch, ReadLimit, StoredRecord, Writer};

pub use appending::{
    an_empty_batch_changes_nothing, appends_read_back, concurrent_appends_are_each_readable_when_acknowledged,
    order_is_kept, too_large_is_refused,
};
pub use keeping::{
    releases_guide_retention, removed_records_are_reported, reopening_keeps_all, topics_that_do_not_expire_keep_all,
};
pub use reading::{
    a_limit_bounds_a_read, a_new_partition_is_empty, a_read_at_the_end_returns_empty, a_read_from_the_middle,
    a_waiting_read_is_woken, a_waiting_reader_comes_to_the_end, no_such_partition, partitions_are_apart,
};
pub use sharing::{a_member_without_partitions_is_told_so, members_share_and_take_over};
pub use writing::{a_second_writer_is_refused_or_fences, epochs_grow, two_writers};

/// What happens when a partition gets a second writer while the first one lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondWriter {
    /// The newcomer is refused, and told who holds the partition.
    Refused,
    /// The older writer is fenced.
    Fences,
    /// Both write on: the topic has many writers.
    Shares,
}

/// What retention does with records that a registered consumer has not released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreleased {
    /// They are held.
    Held,
    /// They go all the same, and whoever reads on is told.
    Goes,
}

/// One implementation under test, with a log of its own that is empty at first.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Opens the log: [`EVENTS`] and [`LEDGER`] with [`PARTITIONS`] partitions each.
    async fn open(&self) -> Arc<dyn Log>;

    /// What a second writer of a partition meets.
    fn second_writer(&self, at: TopicPartition) -> SecondWriter;

    /// Whether retention waits for consumers.
    fn unreleased(&self) -> Unreleased {
        Unreleased::Held
    }

    /// Whether several members share partitions; else the first one has all for ever.
    fn shares(&self) -> bool {
        false
    }

    /// Whether what one handle appended is there when another is opened.
    fn keeps(&self) -> bool;

    /// Makes retention remove all that it may, from a log that was opened here and whose writer of `at` lives.
    async fn remove_all_allowed(&self, at: TopicPartition);
}

/// A partition whose records go by age.
pub const EVENTS: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 0 };
/// A partition whose records do not.
pub const LEDGER: TopicPartition = TopicPartition { topic: Topic::Ledger, partition: 0 };
/// Partitions of each topic.
pub const PARTITIONS: u32 = 2;

/// How long a case waits for what must come. Far above any honest delay: reaching it means failure.
const PATIENCE: Duration = Duration::from_secs(120);
const ALL: ReadLimit = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO };

/// Makes a `#[tokio::test]` of each case; `$fresh` is an expression that makes a new [`Subject`].
#[macro_export]
macro_rules! contract_tests {
    ($module:ident, $fresh:expr) => {
        $crate::contract_tests!(@cases $module, $fresh,
            an_empty_batch_changes_nothing,
            concurrent_appends_are_each_readable_when_acknowledged,
            order_is_kept,
            too_large_is_refused,
            releases_guide_retention,
            removed_records_are_reported,
            reopening_keeps_all,
            topics_that_do_not_expire_keep_all,
            a_limit_bounds_a_read,
            a_new_partition_is_empty,
            a_read_at_the_end_returns_empty,
            a_read_from_the_middle,
            a_waiting_read_is_woken,
            a_waiting_reader_comes_to_the_end,
            a_member_without_partitions_is_told_so,
            members_share_and_take_over,
            no_such_partition,
            partitions_are_apart,
            a_second_writer_is_refused_or_fences,
            epochs_grow,
        );
    };
    (@cases $module:ident, $fresh:expr, $($case:ident,)+) => {
        mod $module {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    $crate::contract::$case(&$fresh).await;
                }
            )+
        }
    };
}

fn must<T, E: Display>(what: &str, result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}

async fn writer(log: &Arc<dyn Log>, at: TopicPartition) -> Arc<dyn Writer> {
    must("become the writer", log.writer(at, "contract").await)
}

async fn append(writer: &Arc<dyn Writer>, records: Vec<Record>) -> std::ops::Range<Offset> {
    must("append", writer.append(records).await)
}

async fn bounds(log: &Arc<dyn Log>, at: TopicPartition) -> std::ops::Range<Offset> {
    must("bounds", log.bounds(at).await)
}

/// Reads on until the end, by reads of this limit, and checks what every read must hold to.
async fn read_from(log: &Arc<dyn Log>, at: TopicPartition, from: Offset, limit: ReadLimit) -> Vec<StoredRecord> {
    let mut next = from;
    let mut found: Vec<StoredRecord> = Vec::new();
    loop {
        let batch = must("read", log.read(at, next, limit).await);
        check_batch(&batch, next);
        if batch.records.is_empty() {
            return found;
        }
        next = batch.next;
        found.extend(batch.records);
    }
}

fn check_batch(batch: &ReadBatch, from: Offset) {
    let offsets: Vec<Offset> = batch.records.iter().map(|stored| stored.offset).collect();
    assert!(offsets.windows(2).all(|pair| pair[0] < pair[1]), "offsets must grow: {offsets:?}");
    assert!(offsets.first().is_none_or(|first| *first >= from), "{offsets:?} begins before {from}");
    assert!(batch.next >= from, "the next read must not begin before {from}: {}", batch.next);
    assert!(offsets.last().is_none_or(|last| *last < batch.next), "{offsets:?} must end before {}", batch.next);
}

async fn read_all(log: &Arc<dyn Log>, at: TopicPartition) -> Vec<StoredRecord> {
    let first = bounds(log, at).await.start;
    read_from(log, at, first, ALL).await
}

fn text(key: &str, value: impl Into<String>) -> Record {
    Record { key: key.to_owned().into(), headers: Headers::default(), value: value.into().into() }
}

fn values(records: &[StoredRecord]) -> Vec<String> {
    records.iter().map(|stored| String::from_utf8_lossy(&stored.record.value).into_owned()).collect()
}

fn is_removed(result: Result<ReadBatch, LogError>, expected_first: Offset) -> bool {
    matches!(result, Err(LogError::Removed { first, .. }) if first == expected_first)
}
