//! Several projectors share the partitions: whatever moves, dies or stands still, each state is stored once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use crate::support::{
    DEADLINE, Engine, PARTITIONS, Running, ask, events, execute, kept, number, scene, wait_for, wait_until,
};
use beidou_log::{Log, ReadLimit, memory::MemoryLog};
use beidou_projector::{
    CutLimit, GROUP, LEADING, Phase, ProjectorConfig, SOURCES, Status,
    archive::ArchiveConfig,
    fault::{Bug, Faults},
    maintenance::{Outcome, Wish},
};
use beidou_schemas::{Offset, Topic, TopicPartition, ledger};
use beidou_store::{Store, archive::Archive};
use serde_json::Value;

const ALL: ReadLimit = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO };

/// Small cuts, so that there are many.
fn config(name: &str) -> ProjectorConfig {
    let cut = CutLimit { records: 10, linger: Duration::from_millis(5), pace: Duration::ZERO, ..CutLimit::default() };
    ProjectorConfig { name: name.into(), cut, ..ProjectorConfig::default() }
}

/// Where each source partition ends.
async fn ends(log: &Arc<MemoryLog>) -> BTreeMap<TopicPartition, Offset> {
    let mut ends = BTreeMap::new();
    for at in SOURCES.into_iter().flat_map(|t| (0..log.partitions(t)).map(move |p| TopicPartition::new(t, p))) {
        let first = log.bounds(at).await.unwrap().start;
        if let Some(last) = log.read(at, first, ALL).await.unwrap().records.last() {
            ends.insert(at, last.offset + 1);
        }
    }
    ends
}

/// Waits until the projectors have everything that is in the log now, whoever has which partition.
async fn caught_up(log: &Arc<MemoryLog>, projectors: &[&Running]) {
    let ends = ends(log).await;
    wait_for("all is in the tables", || {
        let all: Vec<Status> = projectors.iter().map(|one| one.status.borrow().clone()).collect();
        let reached = |(at, end): (&TopicPartition, &Offset)| {
            let place = all.iter().find_map(|status| status.partitions.get(at));
            place.is_some_and(|place| place.phase == Phase::Running && place.watermark >= *end)
        };
        ends.iter().all(reached).then_some(())
    })
    .await;
}

fn partitions(one: &Running) -> BTreeSet<TopicPartition> {
    one.status.borrow().partitions.keys().copied().collect()
}

/// Waits until a projector runs so many partitions.
async fn has(one: &mut Running, count: usize) {
    let there = |status: &Status| status.is_ready() && status.partitions.len() == count;
    let in_time = tokio::time::timeout(DEADLINE, one.status.wait_for(there)).await.is_ok();
    assert!(in_time, "{count} partitions: {:#?}", one.status.borrow());
}

/// Appends a history bit by bit, for as long as a test moves things; then says what it was.
fn load(log: &Arc<MemoryLog>, states: std::ops::Range<u64>) -> tokio::task::JoinHandle<Vec<Value>> {
    let (log, history) = (log.clone(), kept::history(states));
    tokio::spawn(async move {
        for part in history.chunks(8) {
            events::append(&log, part).await;
            // As fast as the tables take them, so that there is work whenever something moves.
            tokio::time::timeout(Duration::from_millis(20), std::future::pending::<()>()).await.unwrap_err();
        }
        history
    })
}

/// Each state once, by the table; and in the log at most one cut stands between PENDING and DONE twice.
async fn check(store: &Store, history: &[Value]) {
    let wanted: BTreeSet<_> = history.iter().map(|event| event["metadata"]["resourceVersion"].as_str()).collect();
    assert_eq!(number(store, "SELECT count() FROM kube_event").await, wanted.len() as u64);
    assert_eq!(number(store, "SELECT uniqExact(resource_version) FROM kube_event").await, wanted.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_move_under_load_and_nothing_is_lost_or_double() {
    let (_engine, log, store) = scene(crate::support::shared()).await;
    let load = load(&log, 0..900);
    let mut first = Running::start(config("first"), &log, &store);
    has(&mut first, 4).await;
    let mut second = Running::start(config("second"), &log, &store);
    has(&mut second, 2).await;
    has(&mut first, 2).await;
    assert!(partitions(&first).is_disjoint(&partitions(&second)));
    // A third one, an orderly end, a crash, and one who is expelled and does not know.
    let mut third = Running::start(config("third"), &log, &store);
    has(&mut third, 1).await;
    first.stop().await;
    has(&mut second, 2).await;
    has(&mut third, 2).await;
    second.crash().await;
    has(&mut third, 4).await;
    let mut fourth = Running::start(config("fourth"), &log, &store);
    has(&mut fourth, 2).await;
    log.expel_oldest(GROUP);
    has(&mut third, 2).await;
    let history = load.await.unwrap();
    caught_up(&log, &[&third, &fourth]).await;
    check(&store, &history).await;
    third.stop().await;
    has(&mut fourth, 4).await;
    check(&store, &history).await;
    fourth.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_is_given_back_between_two_cuts() {
    let (_engine, log, store) = scene(crate::support::shared()).await;
    let load = load(&log, 0..400);
    let mut first = Running::start(config("first"), &log, &store);
    has(&mut first, 4).await;
    for name in ["second", "third", "fourth"] {
        let mut other = Running::start(config(name), &log, &store);
        has(&mut other, 2).await;
        other.stop().await;
        has(&mut first, 4).await;
    }
    let history = load.await.unwrap();
    caught_up(&log, &[&first]).await;
    first.stop().await;
    check(&store, &history).await;
    // No cut was repeated: each has one PENDING and one DONE.
    for partition in 0..ledger::partitions(PARTITIONS) {
        let at = TopicPartition::new(Topic::Ledger, partition);
        let facts = log.read(at, log.bounds(at).await.unwrap().start, ALL).await.unwrap().records;
        let texts: Vec<String> =
            facts.iter().map(|stored| String::from_utf8_lossy(&stored.record.value).into_owned()).collect();
        let pending: Vec<_> = texts.iter().step_by(2).collect();
        assert!(texts.len().is_multiple_of(2) && pending.iter().all(|fact| fact.contains("\"kind\":1")), "{texts:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_fenced_is_not_the_end_and_goes_on_when_its_partition_is_certain() {
    let (_engine, log, store) = scene(crate::support::shared()).await;
    let history = kept::history(0..200);
    events::append(&log, &history[..100]).await;
    let mut first = Running::start(config("first"), &log, &store);
    first.caught_up(&log).await;
    let mut zombies = Vec::new();
    for partition in 0..PARTITIONS {
        // Somebody who stood still with an old assignment becomes the writer, and has gone.
        let at = ledger::partition_of(TopicPartition::new(Topic::KubeEvent, partition), PARTITIONS).unwrap();
        zombies.push((at, log.writer(at, "zombie").await.unwrap().epoch()));
    }
    events::append(&log, &history[100..]).await;
    first.caught_up(&log).await;
    check(&store, &history).await;
    first.stop().await;
    for (at, epoch) in zombies {
        // That it tries again is told for a moment only; that it had to become the writer once more stays.
        let next = log.writer(at, "after").await.unwrap().epoch();
        assert!(next > epoch + 1, "{at}: nobody was the writer between {epoch} and {next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_leads_and_another_one_takes_over() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let archive = Archive::folder(&dir.path().join("archive")).unwrap();
    let archived = |name: &str| ProjectorConfig {
        archive: Some(ArchiveConfig {
            max_rows: 30,
            max_age: Duration::from_millis(200),
            ..ArchiveConfig::new(archive.clone())
        }),
        ..config(name)
    };
    let (log, store) = (crate::support::shared(), engine.store());
    let mut history = kept::history(0..300);
    events::append(&log, &history).await;
    let (mut first, mut asking) = Running::maintained(archived("first"), &log, &store);
    has(&mut first, 4).await;
    let (mut second, mut asking_second) = Running::maintained(archived("second"), &log, &store);
    has(&mut second, 2).await;
    has(&mut first, 2).await;
    assert!(partitions(&first).contains(&LEADING));
    caught_up(&log, &[&first, &second]).await;
    all_archived(&[&first, &second]).await;
    // The audit knows of the other one's partitions by the ledger: it compares them all, and finds nothing.
    let Outcome::Audited(report) = ask(&mut asking, Wish::Audit { full: true }).await else { panic!("audited") };
    assert_eq!((report.findings.len(), report.log_states), (0, 300), "{report:?}");
    assert!(report.files > 4, "{report:?}");
    // A rebuild under load swaps nothing away that the other one has just brought.
    let load = load(&log, 300..700);
    for _ in 0..2 {
        let outcome = ask(&mut asking, Wish::Rebuild).await;
        assert!(matches!(outcome, Outcome::Rebuilt(_)), "{outcome:?}");
    }
    history.extend(load.await.unwrap());
    caught_up(&log, &[&first, &second]).await;
    check(&store, &history).await;
    first.crash().await;
    has(&mut second, 4).await;
    let Outcome::Audited(report) = ask(&mut asking_second, Wish::Audit { full: true }).await else { panic!("audited") };
    assert_eq!(report.findings.len(), 0, "{report:?}");
    all_archived(&[&second]).await;
    kept::check(&store, &archive, &history).await;
    second.stop().await;
}

async fn all_archived(projectors: &[&Running]) {
    wait_for("all is in the archive", || {
        let even = |one: &&Running| {
            let status = one.status.borrow();
            let mut events = status.partitions.iter().filter(|(at, _)| at.topic == Topic::KubeEvent);
            events.all(|(_, place)| place.archived == Some(place.watermark))
        };
        projectors.iter().all(even).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_tables_are_restored_by_the_leader_while_the_others_wait() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let archive = Archive::folder(&dir.path().join("archive")).unwrap();
    let archived = |name: &str| ProjectorConfig {
        archive: Some(ArchiveConfig { max_rows: 30, ..ArchiveConfig::new(archive.clone()) }),
        ..config(name)
    };
    let (log, store) = (crate::support::shared(), engine.store());
    let mut history = kept::history(0..300);
    events::append(&log, &history).await;
    let mut first = Running::start(archived("first"), &log, &store);
    let mut second = Running::start(archived("second"), &log, &store);
    has(&mut first, 2).await;
    has(&mut second, 2).await;
    // Who came first into the group leads; the two starts are a race.
    if !partitions(&first).contains(&LEADING) {
        std::mem::swap(&mut first, &mut second);
    }
    caught_up(&log, &[&first, &second]).await;
    // The store loses all while both run. Whoever notices ends, and makes no tables that the other one would fill.
    for table in ["kube_event", "kube_coverage", "kube_reject", "schema_migration"] {
        execute(&store, &format!("DROP TABLE {table} SYNC")).await;
    }
    let more = kept::history(300..400);
    events::append(&log, &more).await;
    history.extend(more);
    // The one with the Events ends; the other one leads then, has workers that run, fences those too, and restores.
    let error = first.ended().await;
    assert!(error.to_string().contains("tables are empty"), "{error}");
    let mut first = Running::start(archived("third"), &log, &store);
    has(&mut first, 2).await;
    has(&mut second, 2).await;
    caught_up(&log, &[&first, &second]).await;
    check(&store, &history).await;
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projector_without_a_partition_is_ready() {
    let (_engine, log, store) = scene(crate::support::shared()).await;
    let mut all: Vec<_> = ["a", "b", "c", "d"].map(|name| Running::start(config(name), &log, &store)).into();
    for one in &mut all {
        has(one, 1).await;
    }
    let mut spare = Running::start(config("e"), &log, &store);
    has(&mut spare, 0).await;
    all.pop().unwrap().crash().await;
    has(&mut spare, 1).await;
    events::append(&log, &kept::history(0..100)).await;
    caught_up(&log, &all.iter().chain([&spare]).collect::<Vec<_>>()).await;
    check(&store, &kept::history(0..100)).await;
    wait_until("each of them is still ready", async || all.iter().all(|one| one.status.borrow().is_ready())).await;
}

/// The proof that the tests above can fail: with DONE before the insert a partition that moves in between loses rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_planted_bug_is_caught_when_a_partition_moves() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let (log, store) = (crate::support::shared(), engine.store());
    // Tables that are empty where the ledger says rows would be noticed.
    events::append(&log, &kept::history(0..100)).await;
    let mut before = Running::start(config("before"), &log, &store);
    before.caught_up(&log).await;
    before.stop().await;
    events::append(&log, &kept::history(100..300)).await;
    let steps = dir.path().join("steps");
    let faults =
        Faults { bugs: vec![Bug::DoneBeforeInsert], file: Some(steps.clone()), hold: Duration::from_secs(3600) };
    let first = Running::start(ProjectorConfig { faults, ..config("first") }, &log, &store);
    let pending = || std::fs::read_to_string(&steps).ok().filter(|text| text.lines().count() >= PARTITIONS as usize);
    wait_for("cuts are called done", pending).await;
    first.crash().await;
    let second = Running::start(config("second"), &log, &store);
    caught_up(&log, &[&second]).await;
    assert!(number(&store, "SELECT count() FROM kube_event").await < 300, "cuts were called done and are not there");
    second.stop().await;
}
