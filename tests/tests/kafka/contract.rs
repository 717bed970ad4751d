//! The contract suite, on topics of a shared broker that each case has for itself.

use std::sync::Arc;

use async_trait::async_trait;
use beidou_log::{
    Log,
    contract::{PARTITIONS, SecondWriter, Subject, Unreleased, appends_read_back, two_writers},
    contract_tests,
    kafka::{KafkaLog, KafkaOptions},
};
use beidou_schemas::{
    Record, Topic, TopicPartition,
    maintenance::fact::{OUTCOMES, REQUESTS},
    operation::FACTS,
};
use beidou_tests::{kafka::Broker, wait::until};
use tokio::runtime::Handle;

use crate::site::{PATIENCE, ends, options, retention_passes, set};

/// A site on the shared broker.
struct Site {
    broker: Arc<Broker>,
    options: KafkaOptions,
}

impl Site {
    async fn new() -> Self {
        let broker = Broker::shared().await.unwrap();
        Self { options: options(broker.address()), broker }
    }
}

#[async_trait]
impl Subject for Site {
    async fn open(&self) -> Arc<dyn Log> {
        KafkaLog::open(self.options.clone()).await.unwrap()
    }

    fn second_writer(&self, at: TopicPartition) -> SecondWriter {
        match at.topic {
            _ if at == OUTCOMES => SecondWriter::Fences,
            Topic::Ledger | Topic::Operation | Topic::OperationTask => SecondWriter::Fences,
            _ => SecondWriter::Shares,
        }
    }

    fn unreleased(&self) -> Unreleased {
        Unreleased::Goes
    }

    fn shares(&self) -> bool {
        true
    }

    fn keeps(&self) -> bool {
        true
    }

    async fn remove_all_allowed(&self, at: TopicPartition) {
        // A future that waits for a condition cannot be sent to another thread, as this trait asks for.
        tokio::task::block_in_place(|| Handle::current().block_on(self.remove(at)));
    }
}

impl Site {
    async fn remove(&self, at: TopicPartition) {
        if !at.topic.expires() {
            return retention_passes(&self.broker).await;
        }
        let topic = self.options.name(at.topic);
        set(&self.broker, &topic, "retention.ms", "1").await;
        until("retention removes what may go", PATIENCE, async || {
            let (first, end) = ends(&self.broker, &topic, at.partition as i32)?;
            (first > 0 && first == end).then_some(())
        })
        .await
        .unwrap();
    }
}

contract_tests!(kafka, Site::new().await);

/// Controllers and projectors are known to lead by the right to write these: whoever takes over ends the one before. What is
/// asked stands in the same topic as what came of it, and many ask.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leads_writes_alone() {
    let mut site = Site::new().await;
    site.options.partitions = [(FACTS.topic, PARTITIONS), (OUTCOMES.topic, PARTITIONS)].into();
    for at in [FACTS, OUTCOMES, REQUESTS] {
        two_writers(&site, at).await;
    }
}

/// Every byte of keys and values, empty ones, many headers, none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_bytes_read_back() {
    let bytes: Vec<u8> = (0..=255).collect();
    let header = |n: usize| (format!("ce_{n}"), &bytes[..n]);
    let records = (0..40).map(|n| Record {
        key: bytes[..n * 6].to_vec().into(),
        headers: (0..n % 12).map(header).collect(),
        value: bytes.repeat(n % 5).into(),
    });
    let records: Vec<Record> = records.collect();
    let batches = vec![records.clone(), vec![Record::default()], records[..1].to_vec(), records];
    assert_eq!(PARTITIONS, 2);
    appends_read_back(&Site::new().await, batches).await;
}
