//! Lists beside the watch: what it did not bring is found, stored once and told; what it brought is not.

use std::sync::Arc;

use beidou_ingest::{ClusterConfig, IngestConfig};
use beidou_schemas::{
    Micros, Topic,
    coverage::CoverageFact,
    envelope::{EventEnvelope, FoundBy},
};
use jiff::Timestamp;

use crate::support::{Api, Listing, Running, all, eventually, facts, memory, quick, states, story};

fn comparing() -> IngestConfig {
    IngestConfig { compare_every_seconds: 1, ..quick() }
}

fn one(api: &Api) -> Vec<ClusterConfig> {
    vec![ClusterConfig::of_server("one", &api.url, None)]
}

/// Waits until so many more full lists were asked for.
async fn lists(api: &Arc<Api>, log: &Arc<beidou_log::memory::MemoryLog>, more: u64) {
    let wanted = api.lock().full_lists + more;
    eventually(&**log, Topic::KubeCoverage, |_| api.lock().full_lists >= wanted).await;
}

#[tokio::test]
async fn a_state_that_the_watch_did_not_bring_is_found_by_the_next_list_and_stored_once() {
    let (api, log) = (Api::start("uid-1").await, memory());
    api.write("a", "before");
    let mut running = Running::start_with(log.clone(), one(&api), comparing());
    running.watching().await;
    for n in 0..5 {
        api.write(&format!("brought{n}"), "");
    }
    eventually(&*log, Topic::KubeEvent, |records| records.len() == 6).await;
    let begun = Micros::of(Timestamp::now());
    api.lock().drop_next = true;
    let missed = api.write("a", "missed");
    let records = eventually(&*log, Topic::KubeEvent, |records| records.len() == 7).await;
    lists(&api, &log, 2).await;
    running.stop().await.unwrap();

    let found = records.iter().find(|record| record.header("ce_id") == Some(&format!("0.a.{missed}"))).unwrap();
    assert_eq!(EventEnvelope::read(found).unwrap().found_by, FoundBy::List);
    assert_eq!(all(&*log, Topic::KubeEvent).await.len(), 7, "later lists find nothing more");
    let facts = facts(&*log).await;
    let told: Vec<_> = facts
        .iter()
        .filter_map(|fact| if let CoverageFact::Missed(missed) = fact { Some(missed) } else { None })
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].states, 1);
    assert!(told[0].until > begun && told[0].until.0 - told[0].from.0 < 60_000_000, "{begun:?} {told:?}");
    assert_eq!(story(&facts), ["degraded first_list epoch 0", "started 101", "missed 1", "ended shutdown"]);
}

#[tokio::test]
async fn after_a_restart_the_first_list_rebuilds_the_index_and_finds_nothing() {
    let (api, log) = (Api::start("uid-1").await, memory());
    for n in 0..5 {
        api.write(&format!("e{n}"), "");
    }
    let mut running = Running::start_with(log.clone(), one(&api), comparing());
    running.watching().await;
    eventually(&*log, Topic::KubeEvent, |records| records.len() == 5).await;
    running.kill().await;
    api.write("e0", "while nobody watched");
    let running = Running::start_with(log.clone(), one(&api), comparing());
    lists(&api, &log, 2).await;
    running.stop().await.unwrap();
    assert_eq!(
        states(&all(&*log, Topic::KubeEvent).await),
        ["0.e0.101", "0.e0.106", "0.e1.102", "0.e2.103", "0.e3.104", "0.e4.105"]
    );
    assert!(!story(&facts(&*log).await).iter().any(|line| line.starts_with("missed")));
}

#[tokio::test]
async fn a_list_that_expires_is_given_up_and_the_next_one_compares() {
    let (api, log) = (Api::start("uid-1").await, memory());
    let mut running = Running::start_with(log.clone(), one(&api), comparing());
    running.watching().await;
    for n in 0..5 {
        api.write(&format!("e{n}"), "");
    }
    eventually(&*log, Topic::KubeEvent, |records| records.len() == 5).await;
    {
        let mut inner = api.lock();
        inner.drop_next = true;
        inner.lists = [Listing::ExpireSecondPage, Listing::Refuse(500)].into();
    }
    api.write("z", "on the last page");
    eventually(&*log, Topic::KubeEvent, |records| records.len() == 6).await;
    running.stop().await.unwrap();
    assert!(api.lock().lists.is_empty() && api.lock().full_lists >= 4, "first, expired, refused, good");
    let story = story(&facts(&*log).await);
    assert_eq!(story.iter().filter(|line| line.starts_with("degraded")).count(), 1, "the chain goes on: {story:?}");
}
