//! The log: the one place where the programs meet. One narrow trait, one contract, several implementations.
//!
//! ```text
//!  writer: append(batch) ──► durable ──► Ok(offsets)          reader: read(from) ──► records with offset >= from
//! ```
//!
//! What an implementation promises (the contract suite in [`contract`] checks it):
//! - `append` returns after the batch is durable, and never before. A batch is kept whole or not at all; only in a topic
//!   with many writers may one whose writer died be kept in part.
//! - Offsets of a partition grow in append order; they may have holes. Nothing else may be assumed of them.
//! - A reader sees only durable records, each once and in offset order, also from another process.
//! - A reader that goes on where the last read said comes to the end that [`Log::bounds`] tells, waiting or not, also
//!   where a hole lies before it.
//! - A newer writer of a partition fences the older one, whose appends then fail; where an implementation cannot take
//!   the place of a living writer it refuses the newcomer and names the holder. Kafka lets Events, coverage and requests
//!   have many writers at once, but never a ledger.
//! - There is no conditional append, no transaction over partitions: Kafka has neither in the form we would need.
//! - Buffers are bounded in bytes: a full one makes `append` wait; it never drops.
//! - Where several processes share partitions, each is told which are its own, and none is given to another before the work
//!   on it was stopped, unless whoever has it stands still; see [`Member`].
//! - Retention removes whole old batches, by size in each topic and by age in those that expire, never past what a
//!   registered consumer has released. The newest batches stay, so that a topic's last facts can always be read back.
//!   Kafka's retention does not wait for consumers: [`Log::threat`] tells in time, and a read says what is gone.

pub mod contract;
mod error;
pub mod file;
pub mod kafka;
mod member;
pub mod memory;

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use beidou_schemas::{Offset, Record, Topic, TopicPartition};

pub use error::LogError;
pub use member::{Change, Given, Member};

/// The largest record, in bytes of key, headers and value. An API server takes requests of up to 3 MiB and etcd
/// values of 1.5 MiB, so a Kubernetes Event never comes near; Kafka can be set to it.
pub const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;

/// The largest batch, in bytes of its records: four of the largest records. It bounds what one read must hold.
pub const MAX_BATCH_BYTES: usize = 4 * MAX_RECORD_BYTES;

/// The largest batch as it is stored, in bytes before compression: each record has lengths beside its bytes, which weigh
/// where there are millions of them. Whoever reads takes no more.
pub(crate) const MAX_STORED_BYTES: usize = 2 * MAX_BATCH_BYTES;

/// Lengths of a record without headers, as it is stored: key, number of headers, value.
const RECORD_LENGTHS: usize = 12;

/// Bytes of a record as it is stored, before compression.
pub(crate) fn stored_size(record: &Record) -> usize {
    record.key.len() + record.headers.stored().len() + record.value.len() + RECORD_LENGTHS
}

/// When a wait that begins now ends; a wait beyond what the clock can count is one of a year.
pub(crate) fn deadline(max_wait: Duration) -> tokio::time::Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    tokio::time::Instant::now() + max_wait.min(YEAR)
}

/// Checks the sizes of a batch's records, the same way in each implementation.
pub(crate) fn check_sizes(records: &[Record]) -> Result<usize, LogError> {
    let (mut total, mut stored) = (0, 0);
    for record in records {
        let size = record.size();
        if size > MAX_RECORD_BYTES {
            return Err(LogError::TooLarge { size, limit: MAX_RECORD_BYTES });
        }
        total += size;
        stored += stored_size(record);
    }
    if total > MAX_BATCH_BYTES {
        return Err(LogError::TooLarge { size: total, limit: MAX_BATCH_BYTES });
    }
    if stored > MAX_STORED_BYTES {
        return Err(LogError::TooLarge { size: stored, limit: MAX_STORED_BYTES });
    }
    Ok(total)
}

/// A record with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its offset in the partition.
    pub offset: Offset,
    /// The record.
    pub record: Record,
}

/// What one read brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadBatch {
    /// Records in offset order; empty when none came within the wait, or only a hole was passed.
    pub records: Vec<StoredRecord>,
    /// Where the next read goes on: beyond the last record and any hole behind it.
    pub next: Offset,
}

/// How much one read may bring, and how long it may wait for the first record.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimit {
    /// Stop after this many bytes of records (at least one stored batch is returned).
    pub max_bytes: usize,
    /// Wait so long at the end of the log; zero asks once. A record ends the wait, and so does a hole that is passed.
    pub max_wait: Duration,
}

/// A log: topics with a fixed number of partitions each.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// How many partitions the topic has. Fixed for the life of the log.
    fn partitions(&self, topic: Topic) -> u32;

    /// Becomes the writer of a partition. `name` tells people who it is.
    async fn writer(&self, at: TopicPartition, name: &str) -> Result<Arc<dyn Writer>, LogError>;

    /// Reads records with offset >= `from`, in order.
    ///
    /// # Errors
    /// [`LogError::Removed`] when records from `from` on are gone: the caller must record the loss, the log never skips
    /// silently. [`LogError::Lost`] when `from` lies beyond the end, where a log can lose its end.
    async fn read(&self, at: TopicPartition, from: Offset, limit: ReadLimit) -> Result<ReadBatch, LogError>;

    /// The first offset that may still be there, and the offset behind the last durable record and any hole behind it.
    async fn bounds(&self, at: TopicPartition) -> Result<Range<Offset>, LogError>;

    /// Registers `consumer` and says that it no longer needs records below `upto`. Durable enough to guide retention.
    /// A consumer that was never registered holds nothing back.
    ///
    /// It only ever grows. Nothing needs more: whoever fills a table anew takes the old records from the archive and the
    /// rest from what the log still has, under a consumer name of its own.
    async fn release(&self, at: TopicPartition, consumer: &str, upto: Offset) -> Result<(), LogError>;

    /// Joins those who share the partitions of these topics under a name. Alone, where a log cannot be shared: the one
    /// member has all partitions for ever.
    ///
    /// # Errors
    /// [`LogError::Broker`] when it cannot be begun.
    async fn join(&self, _name: &str, topics: &[Topic]) -> Result<Box<dyn Member>, LogError> {
        Ok(Box::new(member::Alone::new(self, topics)))
    }

    /// What a topic takes; `None` where the implementation cannot tell.
    ///
    /// # Errors
    /// [`LogError::Io`] when it cannot be looked at.
    async fn space(&self, _topic: Topic) -> Result<Option<TopicSpace>, LogError> {
        Ok(None)
    }

    /// Whether retention comes near a reader that goes on at `next`: more than half of what the topic keeps is unread, or more
    /// than has room in any case. `None` where it does not, and where retention waits for consumers.
    ///
    /// # Errors
    /// [`LogError::Broker`] when nobody answers.
    async fn threat(&self, _at: TopicPartition, _next: Offset, _now: SystemTime) -> Result<Option<Threat>, LogError> {
        Ok(None)
    }

    /// Removes what may go at `now`, where the log itself must do so; call it now and then.
    ///
    /// # Errors
    /// [`LogError::Io`] when a file cannot be removed.
    async fn enforce_retention(&self, _now: SystemTime) -> Result<Freed, LogError> {
        Ok(Freed::default())
    }

    /// Why appends wait, while they do and that is no error: brokers that do not answer.
    fn trouble(&self) -> Option<String> {
        None
    }
}

/// Retention comes near a reader, in a log that cannot hold it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threat {
    /// Offsets that are there and not read.
    pub unread: u64,
    /// Records are gone already that it had not read.
    pub overtaken: bool,
}

/// What a run of retention removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freed {
    /// Segments.
    pub segments: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// Runs blocking work off the async threads.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_runtime_stops) => Err(LogError::Closed),
    }
}

/// What a topic takes on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TopicSpace {
    /// Bytes now.
    pub bytes: u64,
    /// Bytes that it may take at most.
    pub most_bytes: u64,
}

/// The right to append to one partition.
#[async_trait]
pub trait Writer: Send + Sync + 'static {
    /// Appends a batch; returns when it is durable. Concurrent calls are grouped into one commit.
    ///
    /// The range holds the offsets given: `start..end`, one per record where there are no holes.
    async fn append(&self, records: Vec<Record>) -> Result<Range<Offset>, LogError>;

    /// Asks whether it still is the newest writer, without appending. True for ever in a topic that has many writers.
    ///
    /// # Errors
    /// [`LogError::Fenced`] when it is not; [`LogError::Broker`] when nobody answers.
    async fn is_newest(&self) -> Result<(), LogError>;

    /// Grows with each new writer of the partition: records of a lower epoch lose at fold time. 0 in a topic that has many
    /// writers.
    fn epoch(&self) -> u64;
}
