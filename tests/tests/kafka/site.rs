//! A site on a test's broker: topics of its own, and what a test does behind the back of the log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use beidou_log::{
    Log, ReadLimit, StoredRecord,
    contract::PARTITIONS,
    kafka::{Kafka, KafkaLog, KafkaOptions},
};
use beidou_schemas::{Record, Topic, TopicPartition};
use beidou_tests::{kafka::Broker, wait::until};
use rdkafka::{
    admin::{AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication},
    consumer::{BaseConsumer, Consumer},
    producer::{BaseRecord, Producer, ThreadedProducer},
};

pub const EVENTS: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 0 };
pub const COVERAGE: TopicPartition = TopicPartition { topic: Topic::KubeCoverage, partition: 0 };
pub const LEDGER: TopicPartition = TopicPartition { topic: Topic::Ledger, partition: 0 };
/// Far above any honest delay: reaching it means failure.
pub const PATIENCE: Duration = Duration::from_secs(120);
pub const ALL: ReadLimit = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO };

/// Options of a site with topics of its own.
pub fn options(address: String) -> KafkaOptions {
    static SITES: AtomicU32 = AtomicU32::new(0);
    let prefix = format!("site-{}.", SITES.fetch_add(1, Ordering::SeqCst));
    let kafka = Kafka { brokers: vec![address], prefix, replicas: 1, silence_seconds: 5, ..Kafka::default() };
    let topics = [Topic::KubeEvent, Topic::KubeCoverage, Topic::Ledger];
    KafkaOptions::new(kafka, topics.map(|topic| (topic, PARTITIONS)))
}

pub async fn open(options: &KafkaOptions) -> Arc<KafkaLog> {
    options.kafka.check().unwrap();
    KafkaLog::open(options.clone()).await.unwrap()
}

pub fn text(value: impl Into<String>) -> Record {
    Record { value: value.into().into(), ..Record::default() }
}

pub fn values(records: &[StoredRecord]) -> Vec<String> {
    records.iter().map(|stored| String::from_utf8(stored.record.value.to_vec()).unwrap()).collect()
}

/// Everything that a partition holds.
pub async fn all(log: &KafkaLog, at: TopicPartition) -> Vec<String> {
    let bounds = log.bounds(at).await.unwrap();
    let (mut next, mut found) = (bounds.start, Vec::new());
    while next < bounds.end {
        let batch = log.read(at, next, ALL).await.unwrap();
        assert!(batch.next > next, "a read before the end must get on");
        next = batch.next;
        found.extend(values(&batch.records));
    }
    found
}

/// Sets one setting of a topic; the others become the broker's.
pub async fn set(broker: &Broker, topic: &str, key: &str, value: &str) {
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(key, value);
    let answers = broker.admin().unwrap().alter_configs([&change], &AdminOptions::new()).await.unwrap();
    answers.into_iter().next().unwrap().unwrap();
}

/// Makes a topic with one partition and these settings.
pub async fn make(broker: &Broker, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let new = settings.iter().fold(new, |new, (key, value)| new.set(key, value));
    let answers = broker.admin().unwrap().create_topics([&new], &AdminOptions::new()).await.unwrap();
    answers.into_iter().next().unwrap().unwrap();
}

/// The first and the end offset that the broker tells.
pub fn ends(broker: &Broker, topic: &str, partition: i32) -> Option<(i64, i64)> {
    let consumer: BaseConsumer = broker.client().create().unwrap();
    consumer.fetch_watermarks(topic, partition, Duration::from_secs(10)).ok()
}

/// Returns when the broker's retention has passed over all its partitions once: when a record that may go at once is gone.
pub async fn retention_passes(broker: &Broker) {
    static CANARIES: AtomicU32 = AtomicU32::new(0);
    let topic = format!("canary-{}", CANARIES.fetch_add(1, Ordering::SeqCst));
    make(broker, &topic, 1, &[("retention.ms", "1")]).await;
    let producer: ThreadedProducer<_> =
        broker.client().create::<ThreadedProducer<rdkafka::producer::DefaultProducerContext>>().unwrap();
    producer.send(BaseRecord::<(), str>::to(&topic).partition(0).payload("tweet")).map_err(|(error, _)| error).unwrap();
    producer.flush(PATIENCE).unwrap();
    until("retention removes what may go", PATIENCE, async || {
        ends(broker, &topic, 0).is_some_and(|(first, _)| first > 0).then_some(())
    })
    .await
    .unwrap();
}
