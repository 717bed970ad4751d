//! Table and archive hold the same rows, whatever crashes, is away, or was off for a while.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use crate::support::{DEADLINE, Engine, PARTITIONS, Running, events, log, number, wait_for};
use beidou_log::{Log, ReadLimit, memory::MemoryLog};
use beidou_projector::{
    CutLimit, ProjectorConfig, Status,
    archive::ArchiveConfig,
    fault::{Bug, Faults},
};
use beidou_schemas::{
    Offset, Topic, TopicPartition,
    kube_event::{ROW_HASH_SQL, RangeHash, rebuild},
    ledger::{self, LedgerFact},
};
use beidou_store::{
    Store,
    archive::{Archive, hash, states},
};
use serde_json::Value;

const MONTHS: [&str; 3] = ["2026-09-30T23:59:59Z", "2026-10-01T00:00:00Z", "2026-11-23T13:00:00Z"];

/// States with growing versions; every third Event is repeated, every seventh time.
fn history(states: std::ops::Range<u64>) -> Vec<Value> {
    let state = |i: u64| events::event((1 + i / 3).into(), i + 1, 1 + (i % 3) as u32, MONTHS[(i / 3 % 3) as usize]);
    states.flat_map(|i| std::iter::repeat_n(state(i), if i % 7 == 0 { 2 } else { 1 })).collect()
}

/// Small cuts and small files, so that there are many of both.
fn config(archive: &Archive, faults: Faults) -> ProjectorConfig {
    let cut = CutLimit { records: 16, linger: Duration::from_millis(5), pace: Duration::ZERO, ..CutLimit::default() };
    let archive =
        ArchiveConfig { max_rows: 30, max_age: Duration::from_millis(200), ..ArchiveConfig::new(archive.clone()) };
    ProjectorConfig { cut, faults, archive: Some(archive), ..ProjectorConfig::default() }
}

fn stuck_at(file: &Path) -> Faults {
    Faults { file: Some(file.into()), hold: Duration::from_secs(3600), ..Faults::default() }
}

async fn archive_step(file: &Path, step: &str) {
    let mark = format!(" {step} archive:");
    let seen = || std::fs::read_to_string(file).ok().filter(|text| text.contains(&mark)).map(drop);
    wait_for(&format!("step {step}"), seen).await;
}

/// Waits until all that is in the tables is in the archive.
async fn archived(projector: &mut Running, log: &Arc<MemoryLog>) {
    projector.caught_up(log).await;
    let even = |status: &Status| {
        let of_events = status.partitions.iter().filter(|(at, _)| at.topic == Topic::KubeEvent);
        of_events.into_iter().all(|(_, partition)| partition.archived == Some(partition.watermark))
    };
    let in_time = tokio::time::timeout(DEADLINE, projector.status.wait_for(even)).await.is_ok();
    assert!(in_time, "not archived in time: {:#?}", projector.status.borrow());
}

/// All rows of the archive: how many, their hash, and the Events by version.
async fn rows_of(archive: &Archive) -> (u64, RangeHash, BTreeMap<u64, Value>) {
    let (mut rows, mut sum, mut found) = (0, RangeHash::default(), BTreeMap::new());
    for file in archive.catalogue().await.unwrap().ranges {
        for batch in archive.open(&file.path).await.unwrap().batches().unwrap() {
            let batch = batch.unwrap();
            rows += batch.num_rows() as u64;
            sum = sum.and(hash(&batch).unwrap());
            found.extend(states(&batch).unwrap().map(|s| (s.resource_version, rebuild(&s).unwrap())));
        }
    }
    (rows, sum, found)
}

/// What the ledger says of the archive, by partition; each file that it names must be whole.
async fn facts(log: &Arc<MemoryLog>, archive: &Archive) -> Vec<Vec<(Offset, Offset)>> {
    let mut ranges = Vec::new();
    for partition in 0..PARTITIONS {
        let source = TopicPartition::new(Topic::KubeEvent, partition);
        let at = ledger::partition_of(source, PARTITIONS).unwrap();
        let limit = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO };
        let mut of = BTreeMap::new();
        for stored in log.read(at, 0, limit).await.unwrap().records {
            if let LedgerFact::Archived(fact) = LedgerFact::from_json(&stored.record.value).unwrap() {
                if fact.rows > 0 {
                    let note = archive.open(&fact.path).await.unwrap().note().clone();
                    assert_eq!((note.rows, note.hash), (fact.rows, fact.hash));
                    archive.verify(&fact.path, &fact.sha256, &note).await.unwrap();
                }
                assert_eq!(*of.entry(fact.from).or_insert(fact.to), fact.to, "a range is repeated exactly");
            }
        }
        ranges.push(of.into_iter().collect());
    }
    ranges
}

/// Table and archive hold the same rows, and these Events.
async fn check(store: &Store, archive: &Archive, appended: &[Value]) {
    let version = |event: &Value| event["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap();
    let wanted: BTreeMap<_, _> = appended.iter().map(|event| (version(event), event.clone())).collect();
    let (rows, hash, found) = rows_of(archive).await;
    let missing: Vec<_> = wanted.keys().filter(|version| !found.contains_key(version)).collect();
    let files: Vec<_> = archive.catalogue().await.unwrap().ranges.into_iter().map(|file| file.path).collect();
    let in_table = number(store, "SELECT count() FROM kube_event").await;
    assert!(
        missing.is_empty(),
        "missing in the archive: {missing:?}; rows {rows}, in the table {in_table}; {files:#?}"
    );
    assert_eq!(rows, wanted.len() as u64, "rows that stand twice");
    assert!(found == wanted, "rows that differ");
    assert_eq!(number(store, "SELECT count() FROM kube_event").await, rows);
    assert_eq!(RangeHash(number(store, &format!("SELECT sum({ROW_HASH_SQL}) FROM kube_event")).await), hash);
}

fn contiguous(ranges: &[(Offset, Offset)]) -> bool {
    ranges.windows(2).all(|pair| pair[0].1 == pair[1].0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_step_of_a_file_loses_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let archive = Archive::folder(&dir.path().join("archive")).unwrap();
    let (log, store) = (log(), engine.store());
    let history = history(0..300);
    for (round, part) in history.chunks(history.len() / 4 + 1).enumerate() {
        events::append(&log, part).await;
        let file = dir.path().join(format!("steps-{round}"));
        let faults = Faults { hold: Duration::from_millis(30), ..stuck_at(&file) };
        let crashing = Running::start(config(&archive, faults), &log, &store);
        archive_step(&file, if round % 2 == 0 { "archiving" } else { "put" }).await;
        crashing.crash().await;
    }
    let mut projector = Running::start(config(&archive, Faults::default()), &log, &store);
    archived(&mut projector, &log).await;
    check(&store, &archive, &history).await;
    let facts = facts(&log, &archive).await;
    assert!(facts.iter().all(|ranges| contiguous(ranges) && ranges.len() > 2), "{facts:?}");
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_planted_bug_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let archive = Archive::folder(&dir.path().join("archive")).unwrap();
    let (log, store) = (log(), engine.store());
    let history = history(0..60);
    events::append(&log, &history).await;
    let file = dir.path().join("steps");
    let hold = Duration::from_millis(20);
    let faults = Faults { bugs: vec![Bug::ArchivedBeforePut], hold, ..stuck_at(&file) };
    let crashing = Running::start(config(&archive, faults), &log, &store);
    archive_step(&file, "put").await;
    crashing.crash().await;
    let mut projector = Running::start(config(&archive, Faults::default()), &log, &store);
    archived(&mut projector, &log).await;
    assert!(rows_of(&archive).await.0 < 60, "a file was called archived and is not there");
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_away_is_waited_for_and_the_log_keeps_what_it_needs() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let archive = Archive::folder(&dir.path().join("archive")).unwrap();
    let (log, store) = (log(), engine.store());
    let history = history(0..200);
    let narrow = || ProjectorConfig { window: 20, ..config(&archive, Faults::default()) };
    // A file where its folder belongs: every put fails, for whoever runs this.
    let blocked = dir.path().join("archive/events");
    std::fs::write(&blocked, "").unwrap();
    events::append(&log, &history).await;
    let mut projector = Running::start(narrow(), &log, &store);
    projector.caught_up(&log).await;
    let waits = |status: &Status| status.partitions.values().any(|p| p.archive_error.is_some());
    projector.status.wait_for(waits).await.unwrap();
    for partition in 0..PARTITIONS {
        let at = TopicPartition::new(Topic::KubeEvent, partition);
        let start = log.bounds(at).await.unwrap().start;
        assert_eq!(log.remove_below(at, u64::MAX).unwrap(), start, "nothing is archived, so nothing goes");
    }
    // A restart meanwhile reads it all again.
    projector.stop().await;
    let mut projector = Running::start(narrow(), &log, &store);
    projector.status.wait_for(waits).await.unwrap();
    std::fs::remove_file(&blocked).unwrap();
    archived(&mut projector, &log).await;
    assert!(projector.status.borrow().partitions.values().all(|p| p.archive_error.is_none()));
    check(&store, &archive, &history).await;
    // What is archived goes, also without a further cut.
    let at = TopicPartition::new(Topic::KubeEvent, 0);
    wait_for("old records can go", || (log.remove_below(at, u64::MAX).unwrap() > 20).then_some(())).await;
    projector.stop().await;
}

/// The log holds less than the index remembers, and the archive lies further behind: a list has brought again what only the index
/// of the table knew.
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_lies_behind_all_that_is_held_has_what_the_table_has() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let archive = Archive::folder(&dir.path().join("archive")).unwrap();
    let (log, store) = (log(), engine.store());
    let history = history(0..200);
    // In the midst of an Event: the counts of its later states follow from the earlier ones.
    let (first, _) = history.split_at(history.len() / 2 + 1);
    let held_bytes = 10 * events::record(&history[0]).1.size() as u64;
    let held = || ProjectorConfig { held_bytes, ..config(&archive, Faults::default()) };
    events::append(&log, first).await;
    let mut projector = Running::start(held(), &log, &store);
    archived(&mut projector, &log).await;
    projector.stop().await;
    // Its file is not closed before the end.
    let mut open = held();
    let limits = open.archive.as_mut().unwrap();
    (limits.max_rows, limits.max_age) = (u64::MAX, Duration::from_secs(3600));
    events::append(&log, &history).await;
    let mut projector = Running::start(open, &log, &store);
    projector.caught_up(&log).await;
    projector.stop().await;
    for partition in 0..PARTITIONS {
        let at = TopicPartition::new(Topic::KubeEvent, partition);
        assert!(log.remove_below(at, u64::MAX).unwrap() > 20, "what the archive has can go");
    }
    let mut projector = Running::start(held(), &log, &store);
    archived(&mut projector, &log).await;
    check(&store, &archive, &history).await;
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_wait_for_the_archive_are_bounded_and_then_the_tables_wait() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let archive = Archive::folder(&dir.path().join("archive")).unwrap();
    let (log, store) = (log(), engine.store());
    let history = history(0..300);
    let blocked = dir.path().join("archive/events");
    std::fs::write(&blocked, "").unwrap();
    events::append(&log, &history).await;
    let mut narrow = config(&archive, Faults::default());
    narrow.archive.as_mut().unwrap().budget = 1;
    let mut projector = Running::start(narrow, &log, &store);
    let waits = |status: &Status| status.partitions.values().any(|p| p.archive_error.is_some());
    projector.status.wait_for(waits).await.unwrap();
    let projected = number(&store, "SELECT count() FROM kube_event").await;
    assert!(projected < 200, "{projected} rows are in the table while the archive takes none");
    std::fs::remove_file(&blocked).unwrap();
    archived(&mut projector, &log).await;
    check(&store, &archive, &history).await;
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_was_off_goes_on_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let archive = Archive::folder(&dir.path().join("archive")).unwrap();
    let (log, store) = (log(), engine.store());
    let history = history(0..300);
    let (first, rest) = history.split_at(history.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    let with = || ProjectorConfig { window: 20, ..config(&archive, Faults::default()) };
    let run = async |config: ProjectorConfig, part: &[Value]| {
        events::append(&log, part).await;
        let off = config.archive.is_none();
        let mut projector = Running::start(config, &log, &store);
        if off {
            projector.caught_up(&log).await
        } else {
            archived(&mut projector, &log).await
        }
        projector.stop().await;
    };
    run(with(), first).await;
    run(ProjectorConfig { archive: None, ..with() }, second).await;
    // Off, but the log still holds everything: nothing is missing.
    run(with(), &[]).await;
    check(&store, &archive, &[first, second].concat()).await;
    run(ProjectorConfig { archive: None, ..with() }, third).await;
    for partition in 0..PARTITIONS {
        log.remove_below(TopicPartition::new(Topic::KubeEvent, partition), u64::MAX).unwrap();
    }
    let later = self::history(300..330);
    run(with(), &later).await;
    // Off, and the log has moved on: the table stands in for it.
    let facts = facts(&log, &archive).await;
    assert!(facts.iter().all(|ranges| contiguous(ranges)), "{facts:?}");
    check(&store, &archive, &[first, second, third, &later].concat()).await;
}
