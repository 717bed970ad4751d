//! What the log loses before it is in the tables leaves a gap that people see, and the rest goes on.

use std::{path::Path, sync::Arc, time::Duration};

use crate::support::{Engine, PARTITIONS, Running, append, events, log, number, rows, scene, wait_for};
use beidou_log::{Log, ReadLimit, memory::MemoryLog};
use beidou_projector::{CutLimit, ProjectorConfig, fault::Faults};
use beidou_schemas::{
    Epoch, Micros, Offset, Record, ResourceVersion, Topic, TopicPartition,
    coverage::{CoverageFact, Position},
};
use beidou_store::Store;
use serde_json::{Value, json};
use uuid::Uuid;

const COVERAGE: TopicPartition = TopicPartition { topic: Topic::KubeCoverage, partition: 0 };
/// Fifteen minutes before the Events of these tests are observed, and fifteen after.
const BEFORE: &str = "2026-11-23T13:45:00Z";
const AFTER: &str = "2026-11-23T14:15:00Z";
/// An hour, the margin around what is lost.
const EARLIER: &str = "2026-11-23T13:00:00.500000Z";
/// When the Events are observed.
const OBSERVED: &str = "2026-11-23T14:00:00";
const GONE: &str = "0f8fad5b-d9cb-469f-a165-00000000dead";

fn config(faults: Faults) -> ProjectorConfig {
    let cut = CutLimit { records: 40, linger: Duration::from_millis(5), pace: Duration::ZERO, ..CutLimit::default() };
    ProjectorConfig { cut, faults, ..ProjectorConfig::default() }
}

/// Events of one state each.
fn history(ids: std::ops::Range<u64>) -> Vec<Value> {
    ids.map(|n| events::event((n + 1).into(), n + 1, 1, "2026-11-23T13:59:00Z")).collect()
}

fn watched(cluster: &str, from: &str, until: &str) -> Record {
    let position = Position {
        cluster: cluster.parse().unwrap(),
        cluster_name: "hz-prod-02".into(),
        epoch: Epoch(1),
        session: Uuid::from_u128(7),
        start_resource_version: ResourceVersion(100),
        resource_version: ResourceVersion(140),
        from: Micros::parse(from).unwrap(),
        until: Micros::parse(until).unwrap(),
    };
    CoverageFact::Advanced(position).to_record(Uuid::new_v4(), Micros::parse(until).unwrap())
}

/// A log of two clusters, of which only one was watched when the Events came.
async fn world() -> Arc<MemoryLog> {
    let log = log();
    let gone = watched(GONE, "2026-11-20T00:00:00Z", "2026-11-20T01:00:00Z");
    append(&log, COVERAGE, vec![gone, watched(events::CLUSTER, BEFORE, AFTER)]).await;
    log
}

fn sources() -> impl Iterator<Item = TopicPartition> {
    (0..PARTITIONS).map(|partition| TopicPartition::new(Topic::KubeEvent, partition))
}

async fn offsets(log: &MemoryLog, at: TopicPartition) -> Vec<Offset> {
    let first = log.bounds(at).await.unwrap().start;
    let all = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO };
    log.read(at, first, all).await.unwrap().records.iter().map(|stored| stored.offset).collect()
}

/// Loses all records of each Event partition but the last so many.
async fn lose_all_but(log: &MemoryLog, kept: usize) {
    for at in sources() {
        let all = offsets(log, at).await;
        log.lose_below(at, all[all.len() - kept]).unwrap();
    }
}

async fn gaps(store: &Store) -> Vec<Value> {
    rows(
        store,
        "SELECT cluster_uid, cluster, toString(state) AS state, reason, detail, \
         formatDateTime(from_time, '%Y-%m-%dT%H:%i:%S', 'UTC') AS from, \
         formatDateTime(until_time, '%Y-%m-%dT%H:%i:%S', 'UTC') AS until \
         FROM kube_coverage FINAL WHERE state != 'complete' ORDER BY right(detail, 1), cluster_uid",
    )
    .await
}

async fn rejects(store: &Store) -> Vec<Value> {
    rows(store, "SELECT topic, detail FROM kube_reject FINAL ORDER BY topic, log_partition").await
}

async fn count(store: &Store) -> u64 {
    number(store, "SELECT count() FROM kube_event").await
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_states_are_a_gap_and_the_rest_goes_on() {
    let (_engine, log, store) = scene(world().await).await;
    events::append(&log, &history(0..60)).await;
    let mut projector = Running::start(config(Faults::default()), &log, &store);
    projector.caught_up(&log).await;
    projector.stop().await;
    let mut ends = Vec::new();
    for at in sources() {
        ends.push(offsets(&log, at).await.last().unwrap() + 1);
    }
    events::append(&log, &history(60..160)).await;
    lose_all_but(&log, 5).await;
    for round in 0..2 {
        let mut projector = Running::start(config(Faults::default()), &log, &store);
        projector.caught_up(&log).await;
        projector.stop().await;
        assert_eq!(count(&store).await, 60 + 10, "round {round}");
        let (gaps, rejects) = (gaps(&store).await, rejects(&store).await);
        assert_eq!(
            (gaps.len(), rejects.len()),
            (2, 2),
            "one for each partition in round {round}: {gaps:?} {rejects:?}"
        );
        for (at, gap) in sources().zip(&gaps) {
            // The log of the tests has holes: what was read ends somewhere in the hole behind it.
            let detail = gap["detail"].as_str().unwrap();
            let (from, to) = detail.split_once(' ').unwrap().0.split_once("..").unwrap();
            assert!((ends[at.partition as usize]..ends[at.partition as usize] + 4).contains(&from.parse().unwrap()));
            assert_eq!(to, log.bounds(at).await.unwrap().start.to_string());
            assert!(detail.ends_with(&format!(" of {at}")), "{detail}");
            assert_eq!([&gap["cluster_uid"], &gap["cluster"]], [events::CLUSTER, "hz-prod-02"]);
            assert_eq!([&gap["state"], &gap["reason"]], ["gap", "log_removed"]);
            // A second partition begins a microsecond earlier.
            assert!(EARLIER.starts_with(gap["from"].as_str().unwrap()), "{gap}");
            assert!(gap["until"].as_str().unwrap() >= OBSERVED, "{gap}");
        }
        assert!(rejects[0]["detail"].as_str().unwrap().contains("removed from the log"), "{rejects:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_before_the_first_start_is_a_gap_too() {
    let (_engine, log, store) = scene(world().await).await;
    events::append(&log, &history(0..60)).await;
    lose_all_but(&log, 5).await;
    let mut projector = Running::start(config(Faults::default()), &log, &store);
    projector.caught_up(&log).await;
    projector.stop().await;
    assert_eq!(count(&store).await, 10);
    let gaps = gaps(&store).await;
    let of = |uid: &str| -> Vec<_> {
        let times = |gap: &Value| (gap["from"].as_str().unwrap().to_owned(), gap["until"].as_str().unwrap().to_owned());
        gaps.iter().filter(|gap| gap["cluster_uid"] == uid).map(times).collect()
    };
    let from: Vec<_> = of(events::CLUSTER).into_iter().map(|(from, _)| from).collect();
    assert_eq!(from, ["2026-11-23T12:45:00", "2026-11-23T12:44:59"], "an hour before {BEFORE}: {gaps:?}");
    let until: Vec<_> = of(GONE).into_iter().map(|(_, until)| until).collect();
    assert_eq!(until, ["2026-11-20T02:00:00"; 2], "an hour after its last proof: {gaps:?}");
}

fn stuck_at(file: &Path) -> Faults {
    Faults { file: Some(file.into()), hold: Duration::from_secs(3600), ..Faults::default() }
}

/// Waits until each partition of the Event topic is between PENDING and its insert.
async fn all_pending(file: &Path) {
    let stuck = |text: &String| sources().all(|at| text.contains(&format!(" pending {at} ")));
    wait_for("all pending", || std::fs::read_to_string(file).ok().filter(stuck)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pending_cut_that_lost_its_beginning_is_repeated_with_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let (log, store) = (world().await, engine.store());
    events::append(&log, &history(0..40)).await;
    let file = dir.path().join("steps");
    let crashing = Running::start(config(stuck_at(&file)), &log, &store);
    all_pending(&file).await;
    crashing.crash().await;
    lose_all_but(&log, 3).await;
    // And once more between the PENDING of the loss and its insert.
    std::fs::remove_file(&file).unwrap();
    let crashing = Running::start(config(stuck_at(&file)), &log, &store);
    all_pending(&file).await;
    crashing.crash().await;
    lose_all_but(&log, 2).await;
    for round in 0..2 {
        let mut projector = Running::start(config(Faults::default()), &log, &store);
        projector.caught_up(&log).await;
        projector.stop().await;
        assert_eq!(count(&store).await, 4, "round {round}");
        let gaps = gaps(&store).await;
        assert_eq!(gaps.iter().filter(|gap| gap["cluster_uid"] == events::CLUSTER).count(), 2, "{round}: {gaps:?}");
        assert_eq!(rejects(&store).await.len(), 2, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_coverage_facts_are_listed_and_prove_nothing() {
    let (_engine, log, store) = scene(world().await).await;
    append(&log, COVERAGE, vec![watched(events::CLUSTER, BEFORE, AFTER)]).await;
    log.lose_below(COVERAGE, *offsets(&log, COVERAGE).await.last().unwrap()).unwrap();
    let mut projector = Running::start(config(Faults::default()), &log, &store);
    projector.caught_up(&log).await;
    projector.stop().await;
    assert_eq!(gaps(&store).await, Vec::<Value>::new());
    assert_eq!(number(&store, "SELECT count() FROM kube_coverage FINAL").await, 1);
    let rejects = rejects(&store).await;
    assert_eq!(rejects[0]["topic"], json!(Topic::KubeCoverage.name()), "{rejects:?}");
}
