//! Topics made or checked: what a person is told.

use beidou_log::{
    Log, LogError,
    kafka::{Kafka, KafkaLog, KafkaOptions, settings::TOPIC},
};
use beidou_schemas::Topic;
use beidou_service::{held_port::HeldPort, telemetry::chain};
use beidou_tests::kafka::Broker;
use rdkafka::admin::{AdminOptions, ResourceSpecifier};

use crate::site::{LEDGER, make, open, options};

/// The error of an opening that must fail, with its causes.
pub async fn refused(options: &KafkaOptions) -> (LogError, String) {
    let error = KafkaLog::open(options.clone()).await.err().expect("the log must not open");
    let text = chain(&error);
    (error, text)
}

fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{text}\nlacks {part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_made_with_every_setting() {
    let broker = Broker::shared().await.unwrap();
    let options = options(broker.address());
    let log = open(&options).await;
    let ledger = options.name(LEDGER.topic);
    let asked = [&ResourceSpecifier::Topic(&ledger)];
    let answers = broker.admin().unwrap().describe_configs(asked, &AdminOptions::new()).await.unwrap();
    let found = answers.into_iter().next().unwrap().unwrap();
    let own = [("retention.ms", "-1"), ("retention.bytes", "536870912"), ("min.insync.replicas", "1")];
    for (key, value) in TOPIC.iter().map(|setting| (setting.key, setting.value)).chain(own) {
        assert_eq!(found.get(key).unwrap().value.as_deref(), Some(value), "{key}");
    }
    drop(log);
    open(&options).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_topics_that_may_not_be_made_are_named_with_the_command() {
    let broker = Broker::shared().await.unwrap();
    let mut options = options(broker.address());
    options.kafka.create_topics = false;
    let (error, text) = refused(&options).await;
    assert!(matches!(error, LogError::Topic { .. }) && !error.is_retryable(), "{error:?}");
    let name = options.name(Topic::KubeEvent);
    says(&text, &[&name, "`log.kafka.create_topics` is false", "kafka-topics.sh --create", "--partitions 2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_setting_is_named_with_what_is_needed() {
    let broker = Broker::shared().await.unwrap();
    let options = options(broker.address());
    let name = options.name(Topic::KubeEvent);
    make(&broker, &name, 2, &[("cleanup.policy", "compact"), ("max.message.bytes", "1000000")]).await;
    let (error, text) = refused(&options).await;
    assert!(matches!(&error, LogError::Topic { topic, .. } if *topic == name), "{error:?}");
    says(
        &text,
        &["`cleanup.policy` is compact, and delete is needed", "`max.message.bytes` is 1000000", "kafka-configs.sh"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_number_of_partitions_is_named() {
    let broker = Broker::shared().await.unwrap();
    let options = options(broker.address());
    make(&broker, &options.name(Topic::KubeEvent), 3, &[]).await;
    let (_, text) = refused(&options).await;
    says(&text, &["it has 3 partitions, and 2 are configured", "`log.event_partitions`"]);
}

/// Where more copies must have a record than there are, each append would wait for ever.
#[tokio::test(flavor = "multi_thread")]
async fn too_few_copies_are_named() {
    let broker = Broker::shared().await.unwrap();
    let mut options = options(broker.address());
    make(&broker, &options.name(Topic::KubeEvent), 2, &[("min.insync.replicas", "2")]).await;
    options.kafka.replicas = 3;
    let (error, text) = refused(&options).await;
    assert!(matches!(error, LogError::Topic { .. }) && !error.is_retryable(), "{error:?}");
    says(&text, &["has 1 of the 3 copies that are configured", "`log.kafka.replicas`"]);
    options.kafka.replicas = 1;
    let (_, text) = refused(&options).await;
    says(&text, &["`min.insync.replicas` is 2, and 1 is needed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_copies_than_brokers_are_named() {
    let broker = Broker::shared().await.unwrap();
    let mut options = options(broker.address());
    options.kafka.replicas = 3;
    let (_, text) = refused(&options).await;
    says(&text, &["fewer than 3 brokers", "`log.kafka.replicas`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_do_not_answer_are_named() {
    // The port is held, and nobody listens there.
    let held = HeldPort::any().unwrap();
    let address = held.address().to_string();
    let kafka = Kafka { brokers: vec![address.clone()], ..Kafka::default() };
    let (error, text) = refused(&KafkaOptions::new(kafka, [(Topic::KubeEvent, 1)])).await;
    assert!(error.is_retryable(), "{error:?}");
    says(&text, &["cannot reach Kafka at", &address, "Connection refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_opened_has_its_partitions() {
    let broker = Broker::shared().await.unwrap();
    let log = open(&options(broker.address())).await;
    assert_eq!((log.partitions(Topic::KubeEvent), log.partitions(Topic::KubeImport)), (2, 0));
}
