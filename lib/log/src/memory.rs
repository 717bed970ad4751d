//! The in-memory twin: same contract, nothing kept. For tests, and to drive the code above without a disk.
//!
//! One `Vec` per partition; a watch channel wakes waiting readers; a new writer raises the epoch and so fences the
//! older one. With [`MemoryLog::with_holes`] offsets have holes before, within and behind batches, as Kafka's have
//! (transaction markers, compaction): code that counts on offsets being dense fails on it. With [`MemoryLog::shared`] its
//! partitions are shared by whoever joins, as through a consumer group.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

mod group;
mod overlay;

use async_trait::async_trait;
use beidou_schemas::{Offset, Record, Topic, TopicPartition};
use tokio::sync::watch;

use self::group::Groups;
pub use self::overlay::{Away, Full, Overlay, Watched};
use crate::{Log, LogError, Member, ReadBatch, ReadLimit, StoredRecord, Writer, member};

/// With holes on, the first record of a partition has this offset: 0 must not be taken for granted.
const FIRST_WITH_HOLES: Offset = 5;

/// A log in memory.
pub struct MemoryLog {
    partitions: BTreeMap<Topic, Vec<Arc<Partition>>>,
    /// Those who share partitions; `None` where nobody can.
    groups: Option<Arc<Groups>>,
}

struct Partition {
    at: TopicPartition,
    holes: bool,
    state: Mutex<State>,
    end: watch::Sender<Offset>,
}

struct State {
    records: Vec<StoredRecord>,
    first: Offset,
    next: Offset,
    epoch: u64,
    released: BTreeMap<String, Offset>,
}

impl MemoryLog {
    /// An empty log with so many partitions per topic; topics that are not named have none.
    pub fn new(partitions: impl IntoIterator<Item = (Topic, u32)>) -> Arc<Self> {
        Self::build(partitions, false, None)
    }

    /// The same, with holes in the offsets.
    pub fn with_holes(partitions: impl IntoIterator<Item = (Topic, u32)>) -> Arc<Self> {
        Self::build(partitions, true, None)
    }

    /// The same with holes, and partitions that are shared by whoever joins.
    pub fn shared(partitions: impl IntoIterator<Item = (Topic, u32)>) -> Arc<Self> {
        Self::build(partitions, true, Some(Arc::default()))
    }

    fn build(
        partitions: impl IntoIterator<Item = (Topic, u32)>,
        holes: bool,
        groups: Option<Arc<Groups>>,
    ) -> Arc<Self> {
        let partition = |topic, number| Arc::new(Partition::new(TopicPartition::new(topic, number), holes));
        let topics =
            partitions.into_iter().map(|(topic, count)| (topic, (0..count).map(|n| partition(topic, n)).collect()));
        Arc::new(Self { partitions: topics.collect(), groups })
    }

    fn partition(&self, at: TopicPartition) -> Result<&Arc<Partition>, LogError> {
        let all = self.partitions.get(&at.topic).map_or(&[][..], Vec::as_slice);
        all.get(at.partition as usize).ok_or(LogError::NoPartition { at, partitions: all.len() as u32 })
    }

    /// Removes records below `upto` as retention would by age: only of topics that expire, never past a registered
    /// consumer, never the last record. Returns the first offset that is still there.
    ///
    /// # Errors
    /// [`LogError::NoPartition`].
    pub fn remove_below(&self, at: TopicPartition, upto: Offset) -> Result<Offset, LogError> {
        let partition = self.partition(at)?;
        let mut state = partition.lock();
        if at.topic.expires() {
            let held = state.released.values().copied().min().unwrap_or(Offset::MAX);
            let last = state.records.last().map_or(state.first, |last| last.offset);
            state.remove_below(upto.min(held).min(last));
        }
        Ok(state.first)
    }

    /// Takes all partitions from the oldest member of a group, as a broker does with one that stands still: the others have
    /// them at once, and the member is told only then. It stays a member.
    pub fn expel_oldest(&self, name: &str) {
        if let Some(groups) = &self.groups {
            groups.expel(name, None);
        }
    }

    /// The same with the member that joined the group as this one, counted from 0; with nobody, if it has left.
    pub fn expel(&self, name: &str, number: u64) {
        if let Some(groups) = &self.groups {
            groups.expel(name, Some(number));
        }
    }

    /// Somebody newer becomes the writer, and fences whoever is; returns the new epoch.
    ///
    /// # Errors
    /// [`LogError::NoPartition`].
    pub fn fence(&self, at: TopicPartition) -> Result<u64, LogError> {
        let mut state = self.partition(at)?.lock();
        state.epoch += 1;
        Ok(state.epoch)
    }

    /// Loses records below `upto`, whoever still needs them: as when somebody deletes segments by hand.
    ///
    /// # Errors
    /// [`LogError::NoPartition`].
    pub fn lose_below(&self, at: TopicPartition, upto: Offset) -> Result<(), LogError> {
        self.partition(at)?.lock().remove_below(upto);
        Ok(())
    }
}

impl Partition {
    fn new(at: TopicPartition, holes: bool) -> Self {
        let first = if holes { FIRST_WITH_HOLES } else { 0 };
        let state = State { records: Vec::new(), first, next: first, epoch: 0, released: BTreeMap::new() };
        Self { at, holes, state: Mutex::new(state), end: watch::Sender::new(first) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, from: Offset, max_bytes: usize) -> Result<ReadBatch, LogError> {
        let state = self.lock();
        if from < state.first && state.first > if self.holes { FIRST_WITH_HOLES } else { 0 } {
            return Err(LogError::Removed { at: self.at, from, first: state.first });
        }
        let start = state.records.partition_point(|stored| stored.offset < from);
        let mut bytes = 0;
        let mut records = Vec::new();
        for stored in &state.records[start..] {
            if bytes >= max_bytes && !records.is_empty() {
                return Ok(ReadBatch { next: stored.offset, records });
            }
            bytes += stored.record.size();
            records.push(stored.clone());
        }
        Ok(ReadBatch { records, next: state.next.max(from) })
    }
}

impl State {
    fn remove_below(&mut self, upto: Offset) {
        self.first = upto.min(self.next).max(self.first);
        self.records.retain(|stored| stored.offset >= self.first);
    }

    /// Gives offsets to a batch. The holes follow from the offsets alone, so that a failing test fails again.
    fn push(&mut self, records: Vec<Record>, holes: bool) -> Range<Offset> {
        let start = self.next;
        for record in records {
            self.records.push(StoredRecord { offset: self.next, record });
            self.next += if holes && self.next % 3 == 2 { 2 } else { 1 };
        }
        let end = self.records.last().map_or(start, |last| last.offset + 1);
        if holes {
            self.next = end + 1;
        }
        start..end
    }
}

#[async_trait]
impl Log for MemoryLog {
    fn partitions(&self, topic: Topic) -> u32 {
        self.partitions.get(&topic).map_or(0, |all| all.len() as u32)
    }

    async fn writer(&self, at: TopicPartition, _name: &str) -> Result<Arc<dyn Writer>, LogError> {
        Ok(Arc::new(MemoryWriter { partition: Arc::clone(self.partition(at)?), epoch: self.fence(at)? }))
    }

    async fn join(&self, name: &str, topics: &[Topic]) -> Result<Box<dyn Member>, LogError> {
        match &self.groups {
            Some(groups) => Ok(Box::new(groups.join(name, member::all(topics, |topic| self.partitions(topic))))),
            None => Ok(Box::new(member::Alone::new(self, topics))),
        }
    }

    async fn read(&self, at: TopicPartition, from: Offset, limit: ReadLimit) -> Result<ReadBatch, LogError> {
        let partition = self.partition(at)?;
        let deadline = crate::deadline(limit.max_wait);
        let mut end = partition.end.subscribe();
        loop {
            end.mark_unchanged();
            let batch = partition.read(from, limit.max_bytes)?;
            if batch.next > from || limit.max_wait.is_zero() {
                return Ok(batch);
            }
            if tokio::time::timeout_at(deadline, end.changed()).await.is_err() {
                return Ok(batch);
            }
        }
    }

    async fn bounds(&self, at: TopicPartition) -> Result<Range<Offset>, LogError> {
        let state = self.partition(at)?.lock();
        Ok(state.first..state.next)
    }

    async fn release(&self, at: TopicPartition, consumer: &str, upto: Offset) -> Result<(), LogError> {
        let mut state = self.partition(at)?.lock();
        let released = state.released.entry(consumer.to_owned()).or_insert(upto);
        *released = upto.max(*released);
        Ok(())
    }
}

struct MemoryWriter {
    partition: Arc<Partition>,
    epoch: u64,
}

#[async_trait]
impl Writer for MemoryWriter {
    async fn append(&self, records: Vec<Record>) -> Result<Range<Offset>, LogError> {
        crate::check_sizes(&records)?;
        let (range, next) = {
            let mut state = self.partition.lock();
            if state.epoch != self.epoch {
                return Err(LogError::Fenced { at: self.partition.at });
            }
            if records.is_empty() {
                return Ok(state.next..state.next);
            }
            let range = state.push(records, self.partition.holes);
            (range, state.next)
        };
        self.partition.end.send_modify(|end| *end = next.max(*end));
        Ok(range)
    }

    async fn is_newest(&self) -> Result<(), LogError> {
        match self.partition.lock().epoch == self.epoch {
            true => Ok(()),
            false => Err(LogError::Fenced { at: self.partition.at }),
        }
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }
}
