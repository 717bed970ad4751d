//! States out of dumps: each comes from the import topic onto the Event topic, and none twice after a restart.

use std::sync::Arc;

use crate::support::{Running, all, eventually, facts, memory, states};
use beidou_log::{Log, memory::MemoryLog};
use beidou_schemas::{
    Epoch, Identity, Micros, Record, ResourceVersion, Topic, TopicPartition,
    coverage::CoverageFact,
    envelope::{EventEnvelope, FoundBy, counted},
};
use bytes::Bytes;

fn imported(number: u64) -> Record {
    let identity = Identity {
        cluster: "c-1".parse().unwrap(),
        epoch: Epoch(0),
        event: format!("event-{number}").parse().unwrap(),
        resource_version: ResourceVersion(number),
    };
    let (cluster_name, observed) = ("old-prod".into(), Micros(1_795_478_400_000_000));
    let envelope = EventEnvelope { identity, cluster_name, observed, found_by: FoundBy::Import };
    envelope.wrap_import(Bytes::from(format!("{{\"number\":{number}}}")), 7)
}

async fn import(log: &Arc<MemoryLog>, numbers: std::ops::Range<u64>) {
    let writer = log.writer(TopicPartition::new(Topic::KubeImport, 0), "test").await.unwrap();
    writer.append(numbers.map(imported).collect()).await.unwrap();
}

async fn positions(log: &Arc<MemoryLog>) -> Vec<u64> {
    let facts = facts(&**log).await;
    let upto = |fact: &CoverageFact| if let CoverageFact::Imported(fact) = fact { Some(fact.upto) } else { None };
    facts.iter().filter_map(upto).collect()
}

#[tokio::test]
async fn imported_states_go_onto_the_event_topic_once() {
    let log = memory();
    import(&log, 0..300).await;
    let running = Running::start(log.clone(), Vec::new());
    let records = eventually(&*log, Topic::KubeEvent, |records| records.len() >= 300).await;
    eventually(&*log, Topic::KubeCoverage, |records| {
        records.iter().any(|r| matches!(CoverageFact::from_json(&r.value), Ok(CoverageFact::Imported(_))))
    })
    .await;
    running.stop().await.unwrap();
    let one = records.iter().find(|record| record.header("ce_id") == Some("0.event-5.5")).unwrap();
    let envelope = EventEnvelope::read(one).unwrap();
    assert_eq!((envelope.found_by, &*envelope.cluster_name, counted(one)), (FoundBy::Import, "old-prod", 7));
    assert_eq!(&one.value[..], b"{\"number\":5}");

    let running = Running::start(log.clone(), Vec::new());
    import(&log, 300..301).await;
    eventually(&*log, Topic::KubeEvent, |records| records.len() >= 301).await;
    running.stop().await.unwrap();
    let mut expected: Vec<_> = (0..301).map(|n| format!("0.event-{n}.{n}")).collect();
    expected.sort();
    assert_eq!(states(&all(&*log, Topic::KubeEvent).await), expected, "nothing is brought over again");
    assert!(positions(&log).await.is_sorted());
}

#[tokio::test]
async fn a_record_that_is_no_imported_state_stops_nothing() {
    let log = memory();
    let writer = log.writer(TopicPartition::new(Topic::KubeImport, 0), "test").await.unwrap();
    writer.append(vec![Record::default(), imported(1)]).await.unwrap();
    let running = Running::start(log.clone(), Vec::new());
    eventually(&*log, Topic::KubeEvent, |records| records.len() == 1).await;
    running.stop().await.unwrap();
}
