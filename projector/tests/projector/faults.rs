//! Exactly once under crashes, repetition and disorder, each with an oracle that the projector does not know.

use std::{collections::BTreeSet, path::Path, time::Duration};

use crate::support::{Engine, Running, events, log, log_of_operations, number, scene, wait_for};
use beidou_log::{Log, LogError};
use beidou_projector::{
    CutLimit, Phase, Projector, ProjectorConfig, ProjectorError,
    fault::{Bug, Faults},
};
use beidou_schemas::{Topic, TopicPartition, ddl::MIGRATIONS, ledger};
use beidou_store::Store;
use prometheus_client::{encoding::text::encode, registry::Registry};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

const MONTHS: [&str; 3] = ["2026-09-30T23:59:59Z", "2026-10-01T00:00:00Z", "2026-11-23T13:00:00Z"];

/// `n` Events with three states each, mixed over three months.
fn history(n: u64) -> Vec<Value> {
    let state = |i: u64| {
        let (event, state) = (1 + i / 3, 1 + i % 3);
        events::event(event.into(), i + 1, (state * 5) as u32, MONTHS[(event % 3) as usize])
    };
    (0..3 * n).map(state).collect()
}

/// Small cuts, so that there are many.
fn config(faults: Faults) -> ProjectorConfig {
    let cut = CutLimit { records: 40, linger: Duration::from_millis(5), pace: Duration::ZERO, ..CutLimit::default() };
    ProjectorConfig { cut, faults, ..ProjectorConfig::default() }
}

fn stuck_at(file: &Path) -> Faults {
    Faults { file: Some(file.into()), hold: Duration::from_secs(3600), ..Faults::default() }
}

async fn line(file: &Path, step: &str) {
    told(file, &format!(" {step} {}/", Topic::KubeEvent)).await;
}

async fn told(file: &Path, mark: &str) {
    let seen = || std::fs::read_to_string(file).ok().filter(|text| text.contains(mark)).map(drop);
    wait_for(&format!("step{mark}"), seen).await;
}

/// Compares the table with the Events that were appended, without FINAL.
async fn check(store: &Store, appended: &[Value]) {
    let distinct: BTreeSet<_> = appended.iter().map(|event| event["metadata"]["resourceVersion"].as_str()).collect();
    let identities = "uniqExact(cluster_uid, epoch, event_uid, resource_version)";
    let table = format!("SELECT {identities} FROM kube_event");
    assert_eq!(number(store, "SELECT count() FROM kube_event").await, distinct.len() as u64);
    assert_eq!(number(store, &table).await, distinct.len() as u64);
    let uid = |event: &Value| event["metadata"]["uid"].as_str().unwrap().to_owned();
    let uids: BTreeSet<_> = appended.iter().map(uid).collect();
    let greatest = |of: &String| appended.iter().filter(|e| uid(e) == *of).map(|e| e["count"].as_u64().unwrap()).max();
    let occurrences: u64 = uids.iter().filter_map(greatest).sum();
    assert_eq!(number(store, "SELECT sum(occurrences_delta) FROM kube_event").await, occurrences);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_pending_and_done_loses_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let (log, store) = (log(), engine.store());
    let history = history(100);
    for (round, part) in history.chunks(100).enumerate() {
        events::append(&log, part).await;
        let file = dir.path().join(format!("steps-{round}"));
        let crashing = Running::start(config(stuck_at(&file)), &log, &store);
        line(&file, "pending").await;
        crashing.crash().await;
        // Stuck behind the insert: the rows are there, DONE is not.
        let short = Faults { hold: Duration::from_millis(1), ..stuck_at(&file) };
        std::fs::remove_file(&file).unwrap();
        let crashing = Running::start(config(short), &log, &store);
        line(&file, "inserted").await;
        crashing.crash().await;
    }
    let mut projector = Running::start(config(Faults::default()), &log, &store);
    projector.caught_up(&log).await;
    check(&store, &history).await;
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_planted_bug_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let (log, store) = (log(), engine.store());
    let history = history(40);
    let (before, after) = history.split_at(60);
    events::append(&log, before).await;
    let mut projector = Running::start(config(Faults::default()), &log, &store);
    projector.caught_up(&log).await;
    projector.stop().await;
    events::append(&log, after).await;
    let file = dir.path().join("steps");
    let faults = Faults { bugs: vec![Bug::DoneBeforeInsert], ..stuck_at(&file) };
    let crashing = Running::start(config(faults), &log, &store);
    line(&file, "pending").await;
    crashing.crash().await;
    let mut projector = Running::start(config(Faults::default()), &log, &store);
    projector.caught_up(&log).await;
    assert!(number(&store, "SELECT count() FROM kube_event").await < 120, "a cut was called done and is not there");
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_late_states_change_nothing() {
    let (_engine, log, store) = scene(log()).await;
    let history = history(60);
    let mut log_order: Vec<Value> = history.iter().step_by(2).cloned().collect();
    log_order.extend(history.iter().rev().cloned());
    log_order.extend(history.iter().cloned());
    let mut projector = Running::start(config(Faults::default()), &log, &store);
    for part in log_order.chunks(70) {
        events::append(&log, part).await;
        projector.caught_up(&log).await;
        // The index of what has been seen does not survive in memory.
        projector.stop().await;
        projector = Running::start(config(Faults::default()), &log, &store);
    }
    projector.caught_up(&log).await;
    check(&store, &history).await;
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_away_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let (log, store) = (log(), Store::embedded(dir.path()));
    let history = history(40);
    let (before, after) = history.split_at(60);
    events::append(&log, before).await;
    let mut projector = Running::start(config(Faults::default()), &log, &store);
    let engine = Engine::start(dir.path()).await;
    projector.caught_up(&log).await;
    drop(engine);
    events::append(&log, after).await;
    let retries = |status: &beidou_projector::Status| status.partitions.values().any(|p| p.phase == Phase::Retrying);
    projector.status.wait_for(retries).await.unwrap();
    let _engine = Engine::start(dir.path()).await;
    projector.caught_up(&log).await;
    check(&store, &history).await;
    projector.stop().await;
}

/// All partitions find at once that there are no tables.
#[tokio::test(flavor = "multi_thread")]
async fn tables_are_made_once() {
    let (_engine, log, store) = scene(log_of_operations()).await;
    let mut projector = Running::start(config(Faults::default()), &log, &store);
    projector.caught_up(&log).await;
    // Each note of a migration is an insert, and a merge keeps the number of the last one.
    let notes = "SELECT toUInt64(max(max_block_number)) FROM system.parts \
        WHERE database = currentDatabase() AND table = 'schema_migration'";
    assert_eq!(number(&store, notes).await, MIGRATIONS.len() as u64);
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_that_were_lost_are_told_not_hidden() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let engine = Engine::shared(first.path()).await;
    let log = log();
    events::append(&log, &history(20)).await;
    let mut projector = Running::start(config(Faults::default()), &log, &engine.store());
    projector.caught_up(&log).await;
    projector.stop().await;
    let other = Engine::shared(second.path()).await;
    let error = Running::start(config(Faults::default()), &log, &other.store()).ended().await;
    assert!(matches!(error, ProjectorError::TablesLost { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newer_projector_fences_the_older_one() {
    let (_engine, log, store) = scene(log()).await;
    let mut older = Running::start(config(Faults::default()), &log, &store);
    older.caught_up(&log).await;
    let mut newer = Running::start(config(Faults::default()), &log, &store);
    newer.caught_up(&log).await;
    events::append(&log, &history(20)).await;
    let error = older.ended().await;
    assert!(matches!(error, ProjectorError::Log { source: LogError::Fenced { .. }, .. }), "{error:?}");
    newer.caught_up(&log).await;
    check(&store, &history(20)).await;
    newer.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_keeps_what_the_index_is_rebuilt_from() {
    let (_engine, log, store) = scene(log()).await;
    let history = history(60);
    events::append(&log, &history).await;
    let narrow = || ProjectorConfig { window: 50, ..config(Faults::default()) };
    let mut projector = Running::start(narrow(), &log, &store);
    projector.caught_up(&log).await;
    projector.stop().await;
    for partition in 0..crate::support::PARTITIONS {
        let at = TopicPartition::new(Topic::KubeEvent, partition);
        let first = log.remove_below(at, u64::MAX).unwrap();
        let end = log.bounds(at).await.unwrap().end;
        assert!(first > 10, "old records can go");
        assert!(end - first >= 50, "those of the window stay: {first}..{end}");
    }
    // The ledger's tail is enough, and so is the log's.
    let mut projector = Running::start(narrow(), &log, &store);
    events::append(&log, &history[history.len() - 20..]).await;
    projector.caught_up(&log).await;
    check(&store, &history).await;
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_held_back_than_the_bytes_allow() {
    let (_engine, log, store) = scene(log()).await;
    let history = history(200);
    let size = events::record(&history[0]).1.size() as u64;
    // A cut has at most 40 records here: two of them always fit.
    let bounded = || ProjectorConfig { held_bytes: 100 * size, ..config(Faults::default()) };
    for part in history.chunks(200) {
        events::append(&log, part).await;
        let mut projector = Running::start(bounded(), &log, &store);
        projector.caught_up(&log).await;
        projector.stop().await;
        for partition in 0..crate::support::PARTITIONS {
            let at = TopicPartition::new(Topic::KubeEvent, partition);
            log.remove_below(at, u64::MAX).unwrap();
            let all = beidou_log::ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO };
            let kept = log.read(at, log.bounds(at).await.unwrap().start, all).await.unwrap().records.len();
            assert!((40..=100).contains(&kept), "the window alone would keep all: {kept}");
        }
    }
    check(&store, &history).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_does_not_fit_its_ledger_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let (first, store) = (log(), engine.store());
    events::append(&first, &history(20)).await;
    let file = dir.path().join("steps");
    let crashing = Running::start(config(stuck_at(&file)), &first, &store);
    // The one that makes the tables is ahead of the others, and any of them may have the record that is missing.
    for partition in 0..crate::support::PARTITIONS {
        told(&file, &format!(" pending {}/{partition} ", Topic::KubeEvent)).await;
    }
    crashing.crash().await;
    // Another log with the same ledger.
    let other = log();
    events::append(&other, &history(20)[1..]).await;
    for partition in 0..ledger::partitions(crate::support::PARTITIONS) {
        let at = TopicPartition::new(Topic::Ledger, partition);
        let limit = beidou_log::ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO };
        let facts = first.read(at, 0, limit).await.unwrap().records;
        crate::support::append(&other, at, facts.into_iter().map(|stored| stored.record).collect()).await;
    }
    let error = Running::start(config(Faults::default()), &other, &store).ended().await;
    assert!(matches!(error, ProjectorError::Ledger(_)), "{error:?}");
    assert!(error.to_string().contains("same backup"), "{error}");
}

/// An alarm that asks how long nothing has been done would be silent where nothing ever was.
#[tokio::test(flavor = "multi_thread")]
async fn a_projector_that_has_never_found_its_store_tells_since_when_it_waits() {
    let (folder, stop, mut figures) = (tempfile::tempdir().unwrap(), CancellationToken::new(), Registry::default());
    let projector = Projector::new(config(Faults::default()), log(), Store::embedded(folder.path()), &mut figures);
    let running = tokio::spawn(projector.run(stop.clone()));
    let of = format!("{{topic=\"{}\",partition=\"0\"}} ", Topic::KubeEvent);
    let text = wait_for("its first try", || {
        let mut text = String::new();
        encode(&mut text, &figures).unwrap();
        let tries = text.lines().find(|line| line.starts_with(&format!("retries_total{of}")))?;
        (!tries.ends_with(" 0")).then_some(text)
    })
    .await;
    assert!(text.contains(&format!("last_done_timestamp_seconds{of}")), "{text}");
    assert!(!text.contains("lag_records{"), "how much waits is not known: {text}");
    stop.cancel();
    running.await.unwrap().unwrap();
}
