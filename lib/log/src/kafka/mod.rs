//! The log in Apache Kafka, for sites that have outgrown one machine.
//!
//! ```text
//!  append ─► buffer, bounded in bytes ─┬─ Events, rejects, imports ─► one producer   idempotent, five in flight
//!                                      ├─ coverage, requests ───────► one producer   idempotent, one in flight
//!                                      └─ a ledger partition ───────► its own        transactional: fenced
//!  read   ─► consumers assigned by hand, no group, no reset of offsets
//!  join   ─► a consumer group, for membership and assignment only
//! ```
//!
//! | file | is |
//! |---|---|
//! | `settings` | every setting, its value and why: the one place |
//! | `options` | what a site says: addresses, TLS, SASL |
//! | `topics` | topics made or checked |
//! | `producer`, `watchdog` | the shared producers: kept until acknowledged, replayed by a fresh one |
//! | `exclusive`, `waits` | the fenced writer; which of them wait |
//! | `flight` | acknowledgements |
//! | `reader` | the reading side |
//! | `group` | who works on which partitions |
//! | `releases` | what consumers have released; the alarm before retention overtakes one |
//! | `client` | log lines and errors of librdkafka |
//! | `faults` | fail points |
//!
//! How it differs from files, and why: ADR 0011.

mod client;
mod exclusive;
mod faults;
mod flight;
mod group;
mod options;
mod producer;
mod reader;
mod releases;
pub mod settings;
mod topics;
mod waits;
mod watchdog;

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use beidou_schemas::{Offset, Record, Topic, TopicPartition, maintenance::fact::OUTCOMES};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
};
use tokio::sync::{Semaphore, oneshot, watch};

use self::{
    client::{Quiet, listen, refused},
    exclusive::Exclusive,
    group::KafkaMember,
    producer::{Append, Shared},
    reader::{REST, Readers},
    releases::{Releases, first_since, threat},
    settings::{BULK, EXCLUSIVE, FACTS, LIGHT_READER, MEMBER, PRODUCER, READER, apply},
    waits::Waits,
};
use crate::{Log, LogError, Member, ReadBatch, ReadLimit, Threat, Writer, off_thread};

pub use faults::{Fault, Faults};
pub use options::{InvalidKafka, Kafka, KafkaOptions, Mechanism, Sasl, Tls};

/// How long a broker has to say where a partition begins and ends.
const ANSWER: Duration = Duration::from_secs(15);
/// Questions to brokers that are under way at once. Each holds a thread for as long as no broker answers, and a runtime has 512
/// for all that blocks: whoever looks up a name or reads a file needs one, too.
const MOST_ASKING: usize = 128;
/// What a record takes in memory beside its bytes, for the bound of the buffer.
const RECORD_OVERHEAD: usize = 64;

/// How a topic is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// By many at once, in bulk.
    Bulk,
    /// By many at once, fact by fact.
    Facts,
    /// By one, who fences the one before.
    Exclusive,
}

/// Ingest is active-active and query-api stateless, so what they write has many writers; a ledger has one, and so have the
/// outcomes of maintenance, by whom the leading projector is known, and operations: the controllers that lead.
fn writing(at: TopicPartition) -> Writing {
    match at.topic {
        _ if at == OUTCOMES => Writing::Exclusive,
        Topic::KubeEvent | Topic::KubeReject | Topic::KubeImport => Writing::Bulk,
        Topic::KubeCoverage | Topic::Maintenance | Topic::OperationCommand | Topic::OperationDraft => Writing::Facts,
        Topic::Ledger | Topic::Operation | Topic::OperationTask | Topic::OperationLedger => Writing::Exclusive,
    }
}

/// A log in Kafka.
pub struct KafkaLog(Arc<Inner>);

struct Inner {
    options: KafkaOptions,
    partitions: BTreeMap<Topic, Vec<Partition>>,
    configs: Configs,
    buffer: Arc<Semaphore>,
    bulk: Shared,
    facts: Shared,
    troubles: [watch::Receiver<Option<String>>; 2],
    waits: Arc<Waits>,
    /// Asks for bounds and times.
    asking: BaseConsumer<Quiet>,
    turns: Arc<Semaphore>,
    releases: Releases,
}

struct Partition {
    topic: Arc<str>,
    readers: Readers,
}

/// Configurations of clients, ready to be used.
struct Configs {
    exclusive: ClientConfig,
    reader: ClientConfig,
    member: ClientConfig,
}

impl KafkaLog {
    /// Connects, and makes or checks the topics.
    ///
    /// # Errors
    /// [`LogError::Broker`] when no broker answers; [`LogError::Topic`] when a topic is missing and may not be made, or is
    /// not as it must be; [`LogError::Io`] when the password cannot be read.
    pub async fn open(options: KafkaOptions) -> Result<Arc<Self>, LogError> {
        let connection = options.kafka.connection()?;
        topics::ensure(&options, &connection).await?;
        let config = |tables: &[&[settings::Setting]]| {
            let mut config = connection.clone();
            apply(&mut config, tables);
            config
        };
        let mut reader = config(&[READER, if options.light { LIGHT_READER } else { &[] }]);
        reader.set("group.id", format!("{}beidou.readers", options.kafka.prefix));
        let configs = Configs { exclusive: config(&[PRODUCER, EXCLUSIVE]), reader, member: config(&[MEMBER]) };
        let act = |error| refused("open the log in Kafka", error);
        let asking = configs.reader.create_with_context(Quiet).map_err(act)?;
        let start = |name, tables: [&[settings::Setting]; 2]| {
            let (trouble, troubles) = watch::channel(None);
            let (silence, faults) = (options.silence(), options.faults.clone());
            let setup = producer::Setup { name, config: config(&tables), silence, faults, trouble };
            let shared = Shared::start(setup).map_err(|source| LogError::Broker {
                act: "start a producer's thread".into(),
                retry: true,
                source: Arc::new(source),
            });
            shared.map(|shared| (shared, troubles))
        };
        let (bulk, bulk_trouble) = start("log-bulk", [PRODUCER, BULK])?;
        let (facts, facts_trouble) = start("log-facts", [PRODUCER, FACTS])?;
        let partitions = options
            .partitions
            .iter()
            .map(|(topic, count)| {
                let name: Arc<str> = options.name(*topic).into();
                let partition = |number| {
                    let at = TopicPartition::new(*topic, number);
                    let readers = Readers::new(at, Arc::clone(&name), configs.reader.clone(), options.faults.clone());
                    Partition { topic: Arc::clone(&name), readers }
                };
                (*topic, (0..*count).map(partition).collect())
            })
            .collect();
        let buffer = Arc::new(Semaphore::new(options.buffer_bytes()));
        let troubles = [bulk_trouble, facts_trouble];
        let (waits, turns) = (Arc::default(), Arc::new(Semaphore::new(MOST_ASKING)));
        let releases = Releases::default();
        let inner =
            Inner { options, partitions, configs, buffer, bulk, facts, troubles, waits, asking, turns, releases };
        let inner = Arc::new(inner);
        tokio::spawn(close_rested(Arc::downgrade(&inner)));
        Ok(Arc::new(Self(inner)))
    }

    /// Bytes of records that may be appended now without waiting.
    pub fn room(&self) -> usize {
        self.0.buffer.available_permits()
    }

    /// Runs a blocking question to the brokers off the async threads, once it has its turn.
    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Inner) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let inner = Arc::clone(&self.0);
        let turn = Arc::clone(&inner.turns).acquire_owned().await.map_err(|_closed| LogError::Closed)?;
        let ask = move || {
            // Until the thread is free, also where nobody waits for the answer any more.
            let _turn = turn;
            ask(&inner)
        };
        off_thread(ask).await
    }
}

/// Closes consumers that nobody uses, for as long as the log is open.
async fn close_rested(log: Weak<Inner>) {
    let mut looks = tokio::time::interval(REST / 2);
    loop {
        let now = looks.tick().await;
        let Some(log) = log.upgrade() else { return };
        log.partitions.values().flatten().for_each(|partition| partition.readers.close_rested(now));
    }
}

impl Inner {
    fn partition(&self, at: TopicPartition) -> Result<&Partition, LogError> {
        let all = self.partitions.get(&at.topic).map_or(&[][..], Vec::as_slice);
        all.get(at.partition as usize).ok_or(LogError::NoPartition { at, partitions: all.len() as u32 })
    }

    /// Blocking.
    fn bounds(&self, at: TopicPartition) -> Result<Range<Offset>, LogError> {
        let topic = &self.partition(at)?.topic;
        listen(&self.asking);
        let answer = self.asking.fetch_watermarks(topic, at.partition as i32, ANSWER);
        let (first, end) = answer.map_err(|error| refused(format_args!("find the ends of {at}"), error))?;
        let (first, end) = (first.max(0) as Offset, end.max(0) as Offset);
        Ok(first.min(end)..end)
    }
}

#[async_trait]
impl Log for KafkaLog {
    fn partitions(&self, topic: Topic) -> u32 {
        self.0.partitions.get(&topic).map_or(0, |all| all.len() as u32)
    }

    async fn writer(&self, at: TopicPartition, _name: &str) -> Result<Arc<dyn Writer>, LogError> {
        let inner = Arc::clone(&self.0);
        let topic = Arc::clone(&inner.partition(at)?.topic);
        let right = match writing(at) {
            Writing::Bulk => Right::Bulk,
            Writing::Facts => Right::Facts,
            Writing::Exclusive => {
                let mut producer = inner.configs.exclusive.clone();
                let id = format!("{topic}.{}", at.partition);
                producer.set("transactional.id", &id);
                let mut reader = inner.configs.reader.clone();
                reader.set("group.id", format!("{}beidou.writers", inner.options.kafka.prefix));
                let (faults, waits) = (inner.options.faults.clone(), Arc::clone(&inner.waits));
                let setup = exclusive::Setup { at, topic: Arc::clone(&topic), producer, reader, faults, waits };
                Right::Exclusive(off_thread(move || Exclusive::open(setup)).await?)
            }
        };
        Ok(Arc::new(KafkaWriter { log: inner, at, topic, right }))
    }

    async fn join(&self, name: &str, topics: &[Topic]) -> Result<Box<dyn Member>, LogError> {
        let options = &self.0.options;
        let setup = group::Setup {
            group: format!("{}beidou.{name}", options.kafka.prefix),
            topics: topics.iter().map(|topic| (options.name(*topic), *topic)).collect(),
            config: self.0.configs.member.clone(),
            session: options.session(),
        };
        Ok(Box::new(off_thread(move || KafkaMember::join(setup)).await?))
    }

    async fn read(&self, at: TopicPartition, from: Offset, limit: ReadLimit) -> Result<ReadBatch, LogError> {
        let partition = self.0.partition(at)?;
        partition.readers.read(from, limit, || self.bounds(at)).await
    }

    async fn bounds(&self, at: TopicPartition) -> Result<Range<Offset>, LogError> {
        self.0.partition(at)?;
        self.ask(move |inner| inner.bounds(at)).await
    }

    async fn release(&self, at: TopicPartition, consumer: &str, upto: Offset) -> Result<(), LogError> {
        self.0.partition(at)?;
        let group = format!("{}beidou.{consumer}", self.0.options.kafka.prefix);
        self.ask(move |inner| {
            // Nobody can have read beyond the end, and tools would show a lag below nothing.
            let upto = if upto == 0 { 0 } else { upto.min(inner.bounds(at)?.end) };
            let topic = &inner.partition(at)?.topic;
            let released = inner.releases.release((&inner.configs.reader, &group), (topic, at), upto);
            released.map_err(|error| refused(format_args!("release records of {at}"), error))
        })
        .await
    }

    async fn threat(&self, at: TopicPartition, next: Offset, now: SystemTime) -> Result<Option<Threat>, LogError> {
        self.0.partition(at)?;
        self.ask(move |inner| {
            let bounds = inner.bounds(at)?;
            let share = inner.options.retention.share(at.topic, inner.partitions[&at.topic].len() as u32);
            let half = share.max_age.and_then(|age| now.checked_sub(age / 2));
            let topic = &inner.partition(at)?.topic;
            let young = half.map(|half| first_since(&inner.asking, (topic, at), half, bounds.end)).transpose();
            let young = young.map_err(|error| refused(format_args!("ask for the age of {at}"), error))?;
            let room = inner.partition(at)?.readers.mean().map(|bytes| share.max_bytes / bytes);
            Ok(threat(&bounds, young, room, next))
        })
        .await
    }

    fn trouble(&self) -> Option<String> {
        let shared = || self.0.troubles.iter().find_map(|trouble| trouble.borrow().clone());
        self.0.waits.trouble(self.0.options.silence()).or_else(shared)
    }
}

enum Right {
    Bulk,
    Facts,
    Exclusive(Exclusive),
}

struct KafkaWriter {
    log: Arc<Inner>,
    at: TopicPartition,
    topic: Arc<str>,
    right: Right,
}

#[async_trait]
impl Writer for KafkaWriter {
    /// Appends stand in the log in the order in which they were first polled. One that is cancelled while it waits for an
    /// acknowledgement is carried out all the same.
    async fn append(&self, records: Vec<Record>) -> Result<Range<Offset>, LogError> {
        let size = crate::check_sizes(&records)?;
        check_names(&self.topic, &records)?;
        if records.is_empty() {
            let (inner, at) = (Arc::clone(&self.log), self.at);
            let end = off_thread(move || inner.bounds(at)).await?.end;
            return Ok(end..end);
        }
        let weight = (size + RECORD_OVERHEAD * records.len()).min(self.log.options.buffer_bytes()) as u32;
        let permit =
            Arc::clone(&self.log.buffer).acquire_many_owned(weight).await.map_err(|_closed| LogError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let append = Append { at: self.at, topic: Arc::clone(&self.topic), records, reply, permit };
        match &self.right {
            Right::Bulk => self.log.bulk.append(append)?,
            Right::Facts => self.log.facts.append(append)?,
            Right::Exclusive(writer) => writer.append(append)?,
        }
        answer.await.map_err(|_thread_gone| LogError::Closed)?
    }

    async fn is_newest(&self) -> Result<(), LogError> {
        match &self.right {
            Right::Bulk | Right::Facts => Ok(()),
            Right::Exclusive(writer) => writer.look()?.await.map_err(|_thread_gone| LogError::Closed)?,
        }
    }

    fn epoch(&self) -> u64 {
        match &self.right {
            Right::Bulk | Right::Facts => 0,
            Right::Exclusive(writer) => writer.epoch,
        }
    }
}

/// Kafka's names of headers are text that ends at a NUL.
fn check_names(topic: &str, records: &[Record]) -> Result<(), LogError> {
    let mut names = records.iter().flat_map(|record| record.headers.iter()).map(|(name, _)| name);
    match names.find(|name| name.contains(&0) || std::str::from_utf8(name).is_err()) {
        None => Ok(()),
        Some(name) => {
            let what = format!("the name of a header, {:?}, is not UTF-8 without NUL", String::from_utf8_lossy(name));
            Err(LogError::Topic { topic: topic.into(), what })
        }
    }
}

#[cfg(test)]
mod tests {
    use beidou_schemas::maintenance::fact::REQUESTS;

    use super::*;

    /// Where `Exclusive` became another, two would lead at once and none would hear of it.
    #[test]
    fn each_topic_is_written_as_its_owners_count_on() {
        let table = [
            (Topic::KubeEvent, Writing::Bulk),
            (Topic::KubeReject, Writing::Bulk),
            (Topic::KubeImport, Writing::Bulk),
            (Topic::KubeCoverage, Writing::Facts),
            (Topic::OperationCommand, Writing::Facts),
            (Topic::OperationDraft, Writing::Facts),
            (Topic::Ledger, Writing::Exclusive),
            (Topic::Operation, Writing::Exclusive),
            (Topic::OperationTask, Writing::Exclusive),
            (Topic::OperationLedger, Writing::Exclusive),
        ];
        for (topic, expected) in table {
            for partition in 0..3 {
                assert_eq!(writing(TopicPartition::new(topic, partition)), expected, "{topic}/{partition}");
            }
        }
        assert_eq!([writing(REQUESTS), writing(OUTCOMES)], [Writing::Facts, Writing::Exclusive]);
        assert_eq!(table.len() + 1, Topic::ALL.len(), "a new topic has a row");
    }
}
