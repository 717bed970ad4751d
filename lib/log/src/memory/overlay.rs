//! A log over one in memory, to test those who use it: it refuses, loses or hurries where the test says so.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use async_trait::async_trait;
use beidou_schemas::{Offset, Record, Topic, TopicPartition};
use tokio::sync::watch;

use super::MemoryLog;
use crate::{Log, LogError, Member, ReadBatch, ReadLimit, Threat, Writer};

/// Makes a [`Log`] of whoever has one: what is not said otherwise, the log below does.
#[async_trait]
pub trait Overlay: Send + Sync + 'static {
    /// The log below.
    fn below(&self) -> &MemoryLog;

    /// See [`Log::writer`].
    async fn writer(&self, at: TopicPartition, name: &str) -> Result<Arc<dyn Writer>, LogError> {
        self.below().writer(at, name).await
    }

    /// See [`Log::read`].
    async fn read(&self, at: TopicPartition, from: Offset, limit: ReadLimit) -> Result<ReadBatch, LogError> {
        self.below().read(at, from, limit).await
    }

    /// See [`Log::bounds`].
    async fn bounds(&self, at: TopicPartition) -> Result<Range<Offset>, LogError> {
        self.below().bounds(at).await
    }

    /// See [`Log::release`].
    async fn release(&self, at: TopicPartition, consumer: &str, upto: Offset) -> Result<(), LogError> {
        self.below().release(at, consumer, upto).await
    }

    /// See [`Log::threat`].
    async fn threat(&self, at: TopicPartition, next: Offset, now: SystemTime) -> Result<Option<Threat>, LogError> {
        self.below().threat(at, next, now).await
    }
}

#[async_trait]
impl<L: Overlay> Log for L {
    fn partitions(&self, topic: Topic) -> u32 {
        self.below().partitions(topic)
    }

    async fn writer(&self, at: TopicPartition, name: &str) -> Result<Arc<dyn Writer>, LogError> {
        Overlay::writer(self, at, name).await
    }

    async fn read(&self, at: TopicPartition, from: Offset, limit: ReadLimit) -> Result<ReadBatch, LogError> {
        Overlay::read(self, at, from, limit).await
    }

    async fn bounds(&self, at: TopicPartition) -> Result<Range<Offset>, LogError> {
        Overlay::bounds(self, at).await
    }

    async fn release(&self, at: TopicPartition, consumer: &str, upto: Offset) -> Result<(), LogError> {
        Overlay::release(self, at, consumer, upto).await
    }

    async fn join(&self, name: &str, topics: &[Topic]) -> Result<Box<dyn Member>, LogError> {
        self.below().join(name, topics).await
    }

    async fn threat(&self, at: TopicPartition, next: Offset, now: SystemTime) -> Result<Option<Threat>, LogError> {
        Overlay::threat(self, at, next, now).await
    }
}

type Look = Box<dyn Fn(&[Record]) -> Result<(), LogError> + Send + Sync>;

/// A writer over another one: a test looks at each append, before it and after it, and may refuse it.
pub struct Watched {
    below: Arc<dyn Writer>,
    before: Look,
    after: Look,
}

impl Watched {
    /// As the writer below.
    pub fn new(below: Arc<dyn Writer>) -> Self {
        Self { below, before: Box::new(|_| Ok(())), after: Box::new(|_| Ok(())) }
    }

    /// Asks this first: before an append, and without records where a writer asks whether it is the newest.
    #[must_use]
    pub fn before(self, look: impl Fn(&[Record]) -> Result<(), LogError> + Send + Sync + 'static) -> Self {
        Self { before: Box::new(look), ..self }
    }

    /// Asks this once the records stand in the log, before the append is answered.
    #[must_use]
    pub fn after(self, look: impl Fn(&[Record]) -> Result<(), LogError> + Send + Sync + 'static) -> Self {
        Self { after: Box::new(look), ..self }
    }
}

#[async_trait]
impl Writer for Watched {
    async fn append(&self, records: Vec<Record>) -> Result<Range<Offset>, LogError> {
        (self.before)(&records)?;
        let range = self.below.append(records.clone()).await?;
        (self.after)(&records)?;
        Ok(range)
    }

    async fn is_newest(&self) -> Result<(), LogError> {
        (self.before)(&[])?;
        self.below.is_newest().await
    }

    fn epoch(&self) -> u64 {
        self.below.epoch()
    }
}

/// A log whose disk may be full: then it takes nothing of one topic. It is read meanwhile, and takes the other topics.
pub struct Full {
    below: Arc<MemoryLog>,
    topic: Topic,
    full: Arc<AtomicBool>,
}

impl Full {
    /// Not full yet.
    pub fn new(below: Arc<MemoryLog>, topic: Topic) -> Arc<Self> {
        Arc::new(Self { below, topic, full: Arc::default() })
    }

    /// Whether it is, from now on.
    pub fn set(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }
}

#[async_trait]
impl Overlay for Full {
    fn below(&self) -> &MemoryLog {
        &self.below
    }

    async fn writer(&self, at: TopicPartition, name: &str) -> Result<Arc<dyn Writer>, LogError> {
        let writer = self.below.writer(at, name).await?;
        if at.topic != self.topic {
            return Ok(writer);
        }
        let full = Arc::clone(&self.full);
        Ok(Arc::new(Watched::new(writer).before(move |records| {
            match full.load(Ordering::SeqCst) && !records.is_empty() {
                true => Err(LogError::Full { path: "disk".into() }),
                false => Ok(()),
            }
        })))
    }
}

/// A log that may be away: until it is back nobody is answered.
pub struct Away {
    below: Arc<MemoryLog>,
    away: watch::Sender<bool>,
    asked: AtomicUsize,
}

impl Away {
    /// Not away yet.
    pub fn new(below: Arc<MemoryLog>) -> Arc<Self> {
        Arc::new(Self { below, away: watch::Sender::new(false), asked: AtomicUsize::new(0) })
    }

    /// Whether it is, from now on.
    pub fn set(&self, away: bool) {
        self.away.send_replace(away);
    }

    /// How often it was asked where a partition begins and ends.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn is_there(&self) {
        let mut away = self.away.subscribe();
        drop(away.wait_for(|away| !away).await);
    }
}

#[async_trait]
impl Overlay for Away {
    fn below(&self) -> &MemoryLog {
        &self.below
    }

    async fn writer(&self, at: TopicPartition, name: &str) -> Result<Arc<dyn Writer>, LogError> {
        self.is_there().await;
        self.below.writer(at, name).await
    }

    async fn read(&self, at: TopicPartition, from: Offset, limit: ReadLimit) -> Result<ReadBatch, LogError> {
        self.is_there().await;
        self.below.read(at, from, limit).await
    }

    async fn bounds(&self, at: TopicPartition) -> Result<Range<Offset>, LogError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.is_there().await;
        self.below.bounds(at).await
    }
}
