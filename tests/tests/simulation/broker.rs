//! The log: the memory twin behind a broker that refuses, answers late or not at all, and outlives whoever asked it.
//!
//! An append that is on its way arrives, whatever becomes of its sender; unless a newer writer of a ledger was there first.
//! Events, coverage and rejects have many writers, as in Kafka. Who stands still is told of partitions when it goes on.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use beidou_log::{
    Change, Freed, Log, LogError, Member, ReadBatch, ReadLimit, Threat, TopicSpace, Writer, memory::MemoryLog,
};
use beidou_projector::{GROUP, SOURCES};
use beidou_schemas::{
    Offset, Record, Topic, TopicPartition,
    ledger::{self, LedgerFact},
};
use tokio::{sync::Notify, time::Instant};

use super::{
    hands::{Hands, pass},
    table::Tables,
    trace::Trace,
    weather::{Fate, Weather},
};

/// Partitions of the event topic.
pub const PARTITIONS: u32 = 2;
/// A reader waits no longer than this at once, so that no deadline is beyond the clock.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The brokers.
pub struct Broker {
    pub log: Arc<MemoryLog>,
    pub weather: Weather,
    trace: Trace,
    tables: Arc<Tables>,
    shared: BTreeMap<TopicPartition, Arc<dyn Writer>>,
    told: BTreeMap<TopicPartition, Notify>,
    /// Who has joined those who share partitions, in order.
    members: Mutex<Vec<Arc<str>>>,
}

impl Broker {
    pub async fn start(weather: Weather, trace: Trace, tables: Arc<Tables>) -> Arc<Self> {
        let topics = [
            (Topic::KubeEvent, PARTITIONS),
            (Topic::KubeCoverage, 1),
            (Topic::KubeReject, 1),
            (Topic::Ledger, ledger::partitions(PARTITIONS)),
        ];
        let log = MemoryLog::shared(topics);
        let all = topics.into_iter().flat_map(|(topic, n)| (0..n).map(move |p| TopicPartition::new(topic, p)));
        let (mut shared, mut told) = (BTreeMap::new(), BTreeMap::new());
        for at in all {
            told.insert(at, Notify::new());
            if SOURCES.contains(&at.topic) {
                shared.insert(at, log.writer(at, "all").await.expect("the memory twin has it"));
            }
        }
        Arc::new(Self { log, weather, trace, tables, shared, told, members: Mutex::default() })
    }

    fn members(&self) -> MutexGuard<'_, Vec<Arc<str>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes all partitions from one who has joined.
    pub fn expel(&self, who: &str) {
        if let Some(number) = self.members().iter().position(|member| &**member == who) {
            self.log.expel(GROUP, number as u64);
        }
    }

    /// A fact stands in a ledger.
    fn note(&self, record: &Record, hands: &Hands) {
        match LedgerFact::from_json(&record.value) {
            Ok(LedgerFact::Pending(cut)) if cut.source.topic == Topic::KubeEvent => hands.reach_pending(),
            Ok(LedgerFact::Done(done)) => self.tables.forget(&done.cut),
            Ok(LedgerFact::Pending(_) | LedgerFact::Archiving(_) | LedgerFact::Archived(_)) | Err(_) => {}
        }
    }

    /// The log as a process with these hands has it.
    pub fn of(self: &Arc<Self>, who: &str, hands: Hands) -> Arc<dyn Log> {
        Arc::new(Client { broker: self.clone(), who: who.into(), hands })
    }

    /// Retention runs.
    pub fn retain(&self) {
        for partition in 0..PARTITIONS {
            let at = TopicPartition::new(Topic::KubeEvent, partition);
            let first = self.log.remove_below(at, Offset::MAX).expect("the memory twin has it");
            self.trace.note("log", format_args!("{at} begins at {first}"));
        }
    }
}

/// A process that uses the log.
struct Client {
    broker: Arc<Broker>,
    who: Arc<str>,
    hands: Hands,
}

fn no_answer(act: &str) -> LogError {
    let source = std::io::Error::other("simulated");
    LogError::Broker { act: act.into(), retry: true, source: Arc::new(source) }
}

impl Client {
    /// Asks a question that changes nothing.
    async fn ask(&self, act: &str) -> Result<(), LogError> {
        self.hands.pass().await;
        let (fate, there, _) = self.broker.weather.next();
        pass(there).await;
        self.hands.pass().await;
        match fate {
            Fate::Done => Ok(()),
            Fate::Refused | Fate::Unclear => Err(no_answer(act)),
        }
    }
}

#[async_trait]
impl Log for Client {
    fn partitions(&self, topic: Topic) -> u32 {
        self.broker.log.partitions(topic)
    }

    async fn writer(&self, at: TopicPartition, name: &str) -> Result<Arc<dyn Writer>, LogError> {
        self.ask("become a writer").await?;
        let inner = match self.broker.shared.get(&at) {
            Some(shared) => shared.clone(),
            None => self.broker.log.writer(at, name).await?,
        };
        self.broker.trace.note(&self.who, format_args!("writes {at} in epoch {}", inner.epoch()));
        let (broker, who, hands) = (self.broker.clone(), self.who.clone(), self.hands.clone());
        Ok(Arc::new(Pen { broker, who, hands, at, inner }))
    }

    async fn read(&self, at: TopicPartition, from: Offset, limit: ReadLimit) -> Result<ReadBatch, LogError> {
        self.ask("read").await?;
        let now = ReadLimit { max_wait: Duration::ZERO, ..limit };
        let deadline = Instant::now() + limit.max_wait.min(LONGEST_WAIT);
        loop {
            let Some(told) = self.broker.told.get(&at) else { return self.broker.log.read(at, from, now).await };
            let told = told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            let batch = self.broker.log.read(at, from, now).await?;
            let in_time = batch.records.is_empty() && Instant::now() < deadline;
            if !in_time || tokio::time::timeout_at(deadline, told).await.is_err() {
                self.hands.pass().await;
                return Ok(batch);
            }
            self.hands.pass().await;
        }
    }

    async fn bounds(&self, at: TopicPartition) -> Result<Range<Offset>, LogError> {
        self.ask("tell bounds").await?;
        self.broker.log.bounds(at).await
    }

    async fn release(&self, at: TopicPartition, consumer: &str, upto: Offset) -> Result<(), LogError> {
        self.ask("release").await?;
        self.broker.log.release(at, consumer, upto).await
    }

    async fn join(&self, name: &str, topics: &[Topic]) -> Result<Box<dyn Member>, LogError> {
        let member = self.broker.log.join(name, topics).await?;
        self.broker.members().push(self.who.clone());
        Ok(Box::new(Seat { member, hands: self.hands.clone(), came: None }))
    }

    async fn space(&self, topic: Topic) -> Result<Option<TopicSpace>, LogError> {
        self.broker.log.space(topic).await
    }

    async fn threat(&self, at: TopicPartition, next: Offset, now: SystemTime) -> Result<Option<Threat>, LogError> {
        self.broker.log.threat(at, next, now).await
    }

    async fn enforce_retention(&self, now: SystemTime) -> Result<Freed, LogError> {
        self.broker.log.enforce_retention(now).await
    }
}

/// A place among those who share partitions.
struct Seat {
    member: Box<dyn Member>,
    hands: Hands,
    /// A change that has come, and that it was not told of yet.
    came: Option<Change>,
}

#[async_trait]
impl Member for Seat {
    async fn next(&mut self) -> Result<Change, LogError> {
        if self.came.is_none() {
            self.came = Some(self.member.next().await?);
        }
        self.hands.pass().await;
        self.came.take().ok_or(LogError::Closed)
    }

    async fn leave(self: Box<Self>) {
        self.member.leave().await;
    }

    fn certain_after(&self) -> Option<Duration> {
        self.member.certain_after()
    }
}

/// The right to append, in the hands of a process.
struct Pen {
    broker: Arc<Broker>,
    who: Arc<str>,
    hands: Hands,
    at: TopicPartition,
    inner: Arc<dyn Writer>,
}

#[async_trait]
impl Writer for Pen {
    async fn append(&self, records: Vec<Record>) -> Result<Range<Offset>, LogError> {
        self.hands.pass().await;
        let (fate, there, back) = self.broker.weather.next();
        let (broker, who, at, inner) = (self.broker.clone(), self.who.clone(), self.at, self.inner.clone());
        let hands = self.hands.clone();
        let arriving = tokio::spawn(async move {
            pass(there).await;
            if fate == Fate::Refused {
                return Err(no_answer("append"));
            }
            let (count, fact) = (records.len(), records.first().filter(|_| at.topic == Topic::Ledger).cloned());
            let landed = inner.append(records).await;
            match &landed {
                Ok(range) => {
                    broker.trace.note(&who, format_args!("appends {count} to {at} at {range:?} {fate:?}"));
                    fact.iter().for_each(|fact| broker.note(fact, &hands));
                }
                Err(error) => broker.trace.note(&who, format_args!("cannot append to {at}: {error}")),
            }
            broker.told[&at].notify_waiters();
            landed
        });
        let landed = arriving.await.map_err(|_| LogError::Closed)?;
        pass(back).await;
        self.hands.pass().await;
        match (landed, fate) {
            (Ok(_), Fate::Unclear) => Err(no_answer("append")),
            (landed, _) => landed,
        }
    }

    async fn is_newest(&self) -> Result<(), LogError> {
        self.hands.pass().await;
        self.inner.is_newest().await
    }

    fn epoch(&self) -> u64 {
        self.inner.epoch()
    }
}
