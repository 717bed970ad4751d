//! The log in local files: own segments of compressed, checksummed batches. Why not an embedded store: ADR 0002.
//!
//! ```text
//!  append ─ compress (caller's task) ─► queue ─► one thread per written partition: write, fdatasync, mark, answer
//!  read   ─ blocking pool ─► index ─► frames up to the durable mark ─► slices of the decompressed batch
//! ```
//!
//! | file | is |
//! |---|---|
//! | `layout` | folder, `log.json`, small files |
//! | `frame` | the stored form of a batch |
//! | `mark` | how far readers may read |
//! | `partition` | what this process knows of one partition |
//! | `writer`, `committer` | the writing side |
//! | `recovery` | what a writer does first |
//! | `reader` | the reading side |
//! | `retention` | what may go |
//! | `copy` | a copy of a log that is in use |
//! | `options` | settings, fail points |
//!
//! One process writes a partition (a lock says which), any process of the same host may read it. A reader of another
//! process finds new records by looking at the mark at a fixed interval.

mod committer;
mod copy;
mod frame;
mod layout;
mod mark;
mod options;
mod partition;
mod reader;
mod recovery;
mod retention;
mod writer;

use std::{
    collections::BTreeMap,
    ops::Range,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use beidou_schemas::{Offset, Topic, TopicPartition};
use tokio::{sync::oneshot, time::Instant};

use self::{
    committer::{Command, Rules},
    partition::{Partition, locked},
};
use crate::{Freed, Log, LogError, ReadBatch, ReadLimit, TopicSpace, Writer, off_thread};

pub use copy::LogCopy;
pub use options::{
    BUFFER_BYTES, FACT_BYTES, FULL_DISK_FILE, FaultPoint, Faults, FileOptions, POLL_INTERVAL, RETENTION_AGE,
    RETENTION_BYTES, Retention, SEGMENT_BYTES, Share,
};

/// A log in a folder of this host.
pub struct FileLog {
    partitions: BTreeMap<Topic, Vec<Arc<Partition>>>,
    options: FileOptions,
}

impl FileLog {
    /// Opens the log, and creates what is missing. Blocking, and short; for the start of a process.
    ///
    /// # Errors
    /// [`LogError::Refused`] when the folder has other partition counts, or another format version; [`LogError::Io`]
    /// and [`LogError::Full`] from the disk.
    pub fn open(options: FileOptions) -> Result<Arc<Self>, LogError> {
        let counts = layout::open_dir(&options.dir, Some(&options.partitions))?;
        Ok(Self::build(options, counts))
    }

    /// Opens a log that is there already, with the partitions that it has and default settings. For processes that
    /// mostly read.
    ///
    /// # Errors
    /// As [`FileLog::open`]; [`LogError::Refused`] when there is none.
    pub fn open_existing(dir: impl Into<PathBuf>) -> Result<Arc<Self>, LogError> {
        let dir = dir.into();
        let counts = layout::open_dir(&dir, None)?;
        Ok(Self::build(FileOptions::new(dir, counts.clone()), counts))
    }

    fn build(options: FileOptions, counts: BTreeMap<Topic, u32>) -> Arc<Self> {
        let partition = |topic, number| {
            let at = TopicPartition::new(topic, number);
            Arc::new(Partition::new(at, layout::partition_dir(&options.dir, at)))
        };
        let partitions = counts
            .into_iter()
            .map(|(topic, count)| (topic, (0..count).map(|number| partition(topic, number)).collect()))
            .collect();
        Arc::new(Self { partitions, options })
    }

    fn partition(&self, at: TopicPartition) -> Result<&Arc<Partition>, LogError> {
        let all = self.partitions.get(&at.topic).map_or(&[][..], Vec::as_slice);
        all.get(at.partition as usize).ok_or(LogError::NoPartition { at, partitions: all.len() as u32 })
    }

    /// What the writer of a partition must know.
    fn rules(&self, topic: Topic) -> Rules {
        Rules {
            segment_bytes: self.options.segment_bytes,
            share: self.options.retention.share(topic, self.partitions(topic)),
            faults: self.options.faults.clone(),
        }
    }
}

#[async_trait]
impl Log for FileLog {
    fn partitions(&self, topic: Topic) -> u32 {
        self.partitions.get(&topic).map_or(0, |all| all.len() as u32)
    }

    async fn writer(&self, at: TopicPartition, name: &str) -> Result<Arc<dyn Writer>, LogError> {
        let partition = Arc::clone(self.partition(at)?);
        let (name, rules, buffer_bytes) = (name.to_owned(), self.rules(at.topic), self.options.buffer_bytes);
        let writer = off_thread(move || writer::open(partition, &name, rules, buffer_bytes)).await?;
        Ok(Arc::new(writer))
    }

    async fn read(&self, at: TopicPartition, from: Offset, limit: ReadLimit) -> Result<ReadBatch, LogError> {
        let partition = self.partition(at)?;
        let deadline = crate::deadline(limit.max_wait);
        let mut live = partition.live.subscribe();
        loop {
            let seen = *live.borrow_and_update();
            let nothing_new = seen.writer && seen.mark.next <= from;
            let batch = if nothing_new {
                ReadBatch { records: Vec::new(), next: from }
            } else {
                let partition = Arc::clone(partition);
                off_thread(move || reader::read(&partition, from, limit.max_bytes)).await?
            };
            if !batch.records.is_empty() || Instant::now() >= deadline {
                return Ok(batch);
            }
            let poll = if seen.writer { Duration::MAX } else { self.options.poll_interval };
            let wait = poll.min(deadline.saturating_duration_since(Instant::now()));
            let _woken_or_not = tokio::time::timeout(wait, live.changed()).await;
        }
    }

    async fn bounds(&self, at: TopicPartition) -> Result<Range<Offset>, LogError> {
        let partition = Arc::clone(self.partition(at)?);
        off_thread(move || {
            let mark = partition.durable()?;
            let first = partition.refresh()?.unwrap_or(mark.next).min(mark.next);
            Ok(first..mark.next)
        })
        .await
    }

    async fn release(&self, at: TopicPartition, consumer: &str, upto: Offset) -> Result<(), LogError> {
        let partition = Arc::clone(self.partition(at)?);
        let consumer = consumer.to_owned();
        off_thread(move || retention::release(&partition, &consumer, upto)).await
    }

    async fn space(&self, topic: Topic) -> Result<Option<TopicSpace>, LogError> {
        let partitions = self.partitions.get(&topic).cloned().unwrap_or_default();
        let most_bytes = self.options.retention.share(topic, 1).max_bytes;
        off_thread(move || {
            let sizes = partitions.iter().map(|partition| layout::segment_bytes(&partition.dir));
            let bytes = sizes.sum::<Result<u64, LogError>>()?;
            Ok(Some(TopicSpace { bytes, most_bytes }))
        })
        .await
    }

    /// In the partitions that this process writes. A writer does the same by itself when it begins a new segment; this
    /// is for partitions where little is written.
    async fn enforce_retention(&self, now: SystemTime) -> Result<Freed, LogError> {
        let mut freed = Freed::default();
        for partition in self.partitions.values().flatten() {
            let queue = locked(&partition.committer).as_ref().and_then(|queue| queue.upgrade());
            let Some(queue) = queue else { continue };
            let (reply, answer) = oneshot::channel();
            if queue.send(Command::Retain { now, reply }).is_ok() {
                // The handle must not outlive its use: a writer that is dropped waits until all are gone.
                drop(queue);
                let part = answer.await.map_err(|_thread_gone| LogError::Closed)??;
                freed.segments += part.segments;
                freed.bytes += part.bytes;
            }
        }
        Ok(freed)
    }
}
