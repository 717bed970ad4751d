//! Facts of operations, and what runners told, are in the archive as they are in the table: for any tool, and for good.

use std::{sync::Arc, time::Duration};

use crate::support::{
    Engine, Running, execute, kept,
    operations::{archived, golden, in_table, lines, stuck_at, world},
    rows, wait_for,
};
use arrow_array::{cast::AsArray, types::TimestampMicrosecondType};
use beidou_log::memory::MemoryLog;
use beidou_projector::{ProjectorConfig, fault::Faults};
use beidou_schemas::{Micros, archive::Collection, kube_event::RangeHash, time::DAY};
use beidou_store::{
    Store,
    archive::{Archive, Compaction, hash},
};
use tempfile::TempDir;

/// A log with facts, an engine, and an archive of operations.
struct Site {
    dir: TempDir,
    engine: Engine,
    archive: Archive,
    log: Arc<MemoryLog>,
    store: Store,
}

impl Site {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::shared(dir.path()).await;
        let archive = Archive::folder(&dir.path().join("archive")).unwrap().of(Collection::Operations);
        Self { log: world().await, store: engine.store(), dir, engine, archive }
    }
}

fn config(archive: &Archive) -> ProjectorConfig {
    kept::config(archive, 30, Duration::from_millis(200))
}

async fn kept_whole(config: ProjectorConfig, log: &Arc<MemoryLog>, store: &Store) {
    let mut projector = Running::start(config, log, store);
    kept::all_archived(&mut projector, log).await;
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_archive_has_what_the_table_has_before_and_after_compaction() {
    let Site { dir: _dir, engine: _engine, archive, log, store } = Site::start().await;
    // A site that ran without an archive: the log has all facts, and so has the archive then.
    kept_nothing(&log, &store).await;
    kept_whole(config(&archive), &log, &store).await;
    let expected = in_table(&store).await;
    assert_eq!((expected.len(), archived(&archive).await), (golden().len() + 20, expected.clone()));
    let of_topics: Vec<u32> =
        archive.catalogue().await.unwrap().ranges.iter().map(|file| file.range.partition).collect();
    assert_eq!(of_topics, [0, 1], "one catches up in one file");

    let now = Micros(golden().last().unwrap().time.0 + 2 * DAY);
    archive.compact(&Compaction::new(now, now)).await.unwrap().generation.unwrap();
    assert_eq!(archived(&archive).await, expected);
    let catalogue = archive.catalogue().await.unwrap();
    assert!(catalogue.ranges.is_empty());
    for file in catalogue.days.values() {
        assert_eq!(
            file.path.split('/').take(3).collect::<Vec<_>>().join("/"),
            format!("operations/dt={}/cluster={}", file.dt, file.cluster)
        );
        let mut before = None;
        for batch in archive.open(&file.path).await.unwrap().batches().unwrap() {
            let batch = batch.unwrap();
            let time = batch.column_by_name("time").unwrap().as_primitive::<TimestampMicrosecondType>().clone();
            for (line, time) in lines(&batch).zip(time.values()) {
                let key = Some((line.0, *time, line.1, line.2, line.3));
                assert!(before <= key, "sorted by run and time");
                before = key;
            }
        }
    }
    assert!(archive.of(Collection::Events).catalogue().await.unwrap().ranges.is_empty(), "a collection of its own");
}

async fn kept_nothing(log: &Arc<MemoryLog>, store: &Store) {
    let mut projector = Running::start(ProjectorConfig::default(), log, store);
    projector.caught_up(log).await;
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clickhouse_takes_a_file_into_the_table_as_it_stands() {
    let Site { dir: _dir, engine: _engine, archive, log, store } = Site::start().await;
    kept_whole(config(&archive), &log, &store).await;
    execute(&store, "CREATE TABLE copy AS operation_event").await;
    let writer = store.writer().unwrap();
    for file in archive.catalogue().await.unwrap().ranges {
        let mut insert = writer.insert_formatted_with("INSERT INTO copy FORMAT Parquet");
        insert.send(archive.read(&file.path).await.unwrap()).await.unwrap();
        insert.end().await.unwrap();
    }
    let all = |table: &str| format!("SELECT * FROM {table} ORDER BY object_id, source, attempt, seq, epoch");
    assert_eq!(rows(&store, &all("copy")).await, rows(&store, &all("operation_event")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_around_the_put_repeats_the_same_file() {
    let Site { dir, engine: _engine, archive, log, store } = Site::start().await;
    for (round, step) in ["archiving", "put"].into_iter().enumerate() {
        let file = dir.path().join(format!("steps-{round}"));
        // Held at the first step of a cut, it would never come to the archive: those are in the table by now.
        if round == 0 {
            kept_nothing(&log, &store).await;
        }
        let hold = if step == "archiving" {
            stuck_at(&file)
        } else {
            Faults { hold: Duration::from_millis(1), ..stuck_at(&file) }
        };
        let crashing = Running::start(ProjectorConfig { faults: hold, ..config(&archive) }, &log, &store);
        let mark = format!(" {step} archive:beidou.operation.v1/");
        let seen = || std::fs::read_to_string(&file).ok().filter(|text| text.contains(&mark)).map(drop);
        wait_for(&format!("step{mark}"), seen).await;
        crashing.crash().await;
    }
    kept_whole(config(&archive), &log, &store).await;
    assert_eq!(archived(&archive).await, in_table(&store).await);
    for file in archive.catalogue().await.unwrap().ranges {
        let opened = archive.open(&file.path).await.unwrap();
        let (note, mut sum) = (opened.note().hash, RangeHash::default());
        for batch in opened.batches().unwrap() {
            sum = sum.and(hash(&batch.unwrap()).unwrap());
        }
        assert_eq!(sum, note, "{}", file.path);
    }
}
