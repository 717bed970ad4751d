//! Several collectors of one cluster, one after the other: each has its own chain on the shared topic.

use beidou_ingest::{ClusterConfig, IngestConfig};
use beidou_schemas::{
    Record, Topic,
    coverage::{CoverageFact, collector},
};

use crate::support::{Api, Running, all, eventually, facts, memory, quick, states, story};

fn one(api: &Api) -> Vec<ClusterConfig> {
    vec![ClusterConfig::of_server("one", &api.url, None)]
}

fn named(collector: &str) -> IngestConfig {
    IngestConfig { collector: collector.into(), ..quick() }
}

fn is_of(record: &Record, event: &str) -> bool {
    record.header("ce_id").is_some_and(|id| id.contains(&format!(".{event}.")))
}

#[tokio::test]
async fn a_new_replica_goes_on_where_another_stands_and_ends_no_session_of_it() {
    let (api, log) = (Api::start("uid-1").await, memory());
    let mut first = Running::start_with(log.clone(), one(&api), named("a"));
    api.write("e1", "");
    eventually(&*log, Topic::KubeEvent, |records| records.len() == 1).await;
    first.watching().await;
    let reached = first.status.borrow().clusters["one"].resource_version.unwrap().0;
    first.kill().await;

    api.write("e2", "while nobody watched");
    let second = Running::start_with(log.clone(), one(&api), named("b"));
    eventually(&*log, Topic::KubeEvent, |records| records.iter().any(|record| is_of(record, "e2"))).await;
    second.stop().await.unwrap();
    let ends = |facts: &[_]| story(facts).into_iter().filter(|line| !line.starts_with("started")).collect::<Vec<_>>();
    assert_eq!(ends(&facts(&*log).await), ["degraded first_list epoch 0", "ended shutdown"], "b ends its own only");

    api.write("e3", "after both");
    let first = Running::start_with(log.clone(), one(&api), named("a"));
    eventually(&*log, Topic::KubeEvent, |records| records.iter().any(|record| is_of(record, "e3"))).await;
    first.stop().await.unwrap();
    let expected = ["degraded first_list epoch 0", "ended shutdown", "ended lost", "ended shutdown"];
    assert_eq!(ends(&facts(&*log).await), expected, "a finds its own session open");
    assert_eq!(api.lock().full_lists, 1, "nobody needed a list but the first");
    assert!(api.lock().watched.iter().all(|version| *version >= reached), "{:?} from {reached}", api.lock().watched);
}

#[tokio::test]
async fn a_replica_that_slept_through_a_restore_wakes_in_the_new_epoch() {
    let (api, log) = (Api::start("uid-1").await, memory());
    for collector in ["a", "b"] {
        let mut running = Running::start_with(log.clone(), one(&api), named(collector));
        running.watching().await;
        running.kill().await;
    }
    api.set_back(50);
    let mut awake = Running::start_with(log.clone(), one(&api), named("b"));
    awake.watching().await;
    awake.stop().await.unwrap();
    // By now nothing in the server's versions tells that it was set back.
    for _ in 0..100 {
        api.write("e", "");
    }
    let late = Running::start_with(log.clone(), one(&api), named("a"));
    api.write("last", "in the new life");
    let records =
        eventually(&*log, Topic::KubeEvent, |records| records.iter().any(|record| is_of(record, "last"))).await;
    late.stop().await.unwrap();
    assert!(states(&records).iter().all(|id| id.starts_with("1.")), "{:?}", states(&records));
    let of_a: Vec<_> =
        all(&*log, Topic::KubeCoverage).await.into_iter().filter(|record| collector(record) == Some("a")).collect();
    let of_a = of_a.iter().map(|record| CoverageFact::from_json(&record.value).unwrap()).collect::<Vec<_>>();
    assert!(story(&of_a).contains(&"ended lost".to_owned()), "its session of the old life is given up: {of_a:?}");
}
