//! Retention: table and archive lose the same days, roll-ups and coverage say so, and nothing else changes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::support::{DEADLINE, Engine, Running, events, log, number, rows};
use beidou_log::memory::MemoryLog;
use beidou_model::retention::Retention;
use beidou_projector::{
    CutLimit, ProjectorConfig, Status,
    archive::ArchiveConfig,
    retention::{Removed, enforce, enforce_by_clock},
};
use beidou_schemas::{
    Micros, Topic,
    kube_event::{ROW_HASH_SQL, RangeHash},
};
use beidou_store::{
    Store,
    archive::{Archive, Compaction, hash},
};
use serde_json::Value;

/// Behind the end of September a second at each side, and one of November.
const TIMES: [&str; 3] = ["2026-09-30T23:59:59Z", "2026-10-01T00:00:00Z", "2026-11-23T13:00:00Z"];

fn history(states: u64) -> Vec<Value> {
    (0..states).map(|i| events::event((1 + i).into(), i + 1, 1, TIMES[(i % 3) as usize])).collect()
}

fn config(archive: &Archive, retention: Retention) -> ProjectorConfig {
    let cut = CutLimit { records: 16, linger: Duration::from_millis(5), pace: Duration::ZERO, ..CutLimit::default() };
    let archive =
        ArchiveConfig { max_rows: 30, max_age: Duration::from_millis(50), ..ArchiveConfig::new(archive.clone()) };
    ProjectorConfig { cut, archive: Some(archive), retention, ..ProjectorConfig::default() }
}

async fn archived(projector: &mut Running, log: &Arc<MemoryLog>) {
    projector.caught_up(log).await;
    let even = |status: &Status| {
        let of_events = status.partitions.iter().filter(|(at, _)| at.topic == Topic::KubeEvent);
        of_events.into_iter().all(|(_, partition)| partition.archived == Some(partition.watermark))
    };
    assert!(tokio::time::timeout(DEADLINE, projector.status.wait_for(even)).await.is_ok());
}

fn of_cluster(days: u32) -> Retention {
    Retention { clusters: BTreeMap::from([("hz-prod-02".into(), days)]), ..Retention::default() }
}

async fn hash_of_archive(archive: &Archive) -> (u64, RangeHash) {
    let catalogue = archive.catalogue().await.unwrap();
    let (mut rows, mut sum) = (0, RangeHash::default());
    for path in catalogue.days.keys().chain(catalogue.ranges.iter().map(|file| &file.path)) {
        for batch in archive.open(path).await.unwrap().batches().unwrap() {
            let batch = batch.unwrap();
            rows += batch.num_rows() as u64;
            sum = sum.and(hash(&batch).unwrap());
        }
    }
    (rows, sum)
}

/// Table, roll-ups and archive agree on so many rows.
async fn agree(store: &Store, archive: &Archive, expected: u64) {
    for sql in [
        "SELECT count() FROM kube_event",
        "SELECT count() FROM kube_event SETTINGS optimize_use_projections = 0, optimize_use_implicit_projections = 0",
        "SELECT sum(n) FROM (SELECT toStartOfHour(time), count() AS n FROM kube_event GROUP BY ALL) SETTINGS force_optimize_projection = 1",
        "SELECT sum(n) FROM (SELECT toStartOfMinute(time), count() AS n FROM kube_event GROUP BY ALL) SETTINGS force_optimize_projection = 1",
        "SELECT toUInt64(sum(occurrences_delta)) FROM kube_event WHERE toStartOfHour(time) >= toDateTime(0) SETTINGS force_optimize_projection = 1",
    ] {
        let found = store.writer().unwrap().query_raw(sql).fetch_one::<u64>().await;
        assert_eq!(found.unwrap_or_else(|error| panic!("{sql}: {error}")), expected, "{sql}");
    }
    let table = RangeHash(number(store, &format!("SELECT sum({ROW_HASH_SQL}) FROM kube_event")).await);
    assert_eq!(hash_of_archive(archive).await, (expected, table));
}

/// What went, whatever the cutoffs were.
fn taken(removed: &Removed) -> Removed {
    Removed { below: std::collections::BTreeMap::new(), ..removed.clone() }
}

async fn told(store: &Store) -> Vec<Value> {
    rows(
        store,
        "SELECT cluster_uid, cluster, state, toString(until_time) AS until, detail FROM kube_coverage FINAL \
         WHERE reason = 'removed_by_retention'",
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn table_and_archive_lose_the_same_days_and_the_coverage_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let archive = Archive::folder(&dir.path().join("archive")).unwrap();
    let (log, store) = (log(), engine.store());
    events::append(&log, &history(300)).await;
    let mut projector = Running::start(config(&archive, Retention::default()), &log, &store);
    archived(&mut projector, &log).await;
    // Half of it in day files, half in range files.
    let now = Micros::of(jiff::Timestamp::now());
    archive.compact(&Compaction::new(now, now)).await.unwrap();
    let more: Vec<_> = (300..600).map(|i| events::event(1 + i, i as u64 + 1, 1, TIMES[(i % 3) as usize])).collect();
    events::append(&log, &more).await;
    archived(&mut projector, &log).await;
    agree(&store, &archive, 600).await;

    let later = Micros::parse("2026-10-31T12:00:00Z").unwrap();
    let removed = enforce(&of_cluster(31), &store, Some(&archive), later).await.unwrap().unwrap();
    assert_eq!(taken(&removed), Removed::default(), "the last day of September is the 31st day before");
    assert_eq!(told(&store).await[0]["until"], "2026-09-30 00:00:00.000000");
    let clusters = BTreeMap::from([("hz-prod-20".into(), 0)]);
    let mistyped = Retention { days: 7, clusters, ..Retention::default() };
    let refused = enforce(&mistyped, &store, Some(&archive), later).await.unwrap_err();
    assert!(refused.to_string().contains("hz-prod-20"), "{refused}");
    agree(&store, &archive, 600).await;
    let removed = enforce(&of_cluster(30), &store, Some(&archive), later).await.unwrap().unwrap();
    assert_eq!((removed.rows, removed.archive.rows), (200, 200));
    agree(&store, &archive, 400).await;
    let told = told(&store).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!([&told[0]["cluster_uid"], &told[0]["state"]], [events::CLUSTER, "gap"]);
    assert_eq!([&told[0]["until"], &told[0]["cluster"]], ["2026-10-01 00:00:00.000000", "hz-prod-02"]);
    let again = enforce(&of_cluster(30), &store, Some(&archive), later).await.unwrap().unwrap();
    assert_eq!(taken(&again), Removed::default(), "nothing is left to do");
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_enforced_at_a_start_and_a_longer_retention_does_not_unsay_it() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let archive = Archive::folder(&dir.path().join("archive")).unwrap();
    let (log, store) = (log(), engine.store());
    // The clock of this machine is years ahead of both: were it believed, both would go.
    let history = [events::event(1, 1, 1, "2020-01-01T00:00:00Z"), events::event(2, 2, 1, "2020-01-20T00:00:00Z")];
    events::append(&log, &history).await;
    let mut projector = Running::start(config(&archive, Retention::default()), &log, &store);
    archived(&mut projector, &log).await;
    projector.stop().await;
    let mut projector = Running::start(config(&archive, of_cluster(7)), &log, &store);
    archived(&mut projector, &log).await;
    crate::support::wait_until("the old row to go", async || {
        number(&store, "SELECT count() FROM kube_event").await == 1
    })
    .await;
    projector.stop().await;
    agree(&store, &archive, 1).await;
    let first = told(&store).await;
    assert_eq!(first.len(), 1);
    assert_eq!(first[0]["until"], "2020-01-14 00:00:00.000000", "seven days before the day behind the newest Event");
    events::append(&log, &[events::event(3, 3, 1, "2020-01-01T00:00:00Z")]).await;
    let mut projector = Running::start(config(&archive, Retention::default()), &log, &store);
    archived(&mut projector, &log).await;
    let later = Micros::parse("2020-04-20T00:00:00Z").unwrap();
    let long = enforce(&of_cluster(100), &store, Some(&archive), later).await.unwrap();
    assert_eq!(long.unwrap().rows, 1);
    assert_eq!(told(&store).await, first, "what went with seven days is gone, whatever is set now");
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_no_event_confirms_takes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(dir.path()).await;
    let archive = Archive::folder(&dir.path().join("archive")).unwrap();
    let (log, store) = (log(), engine.store());
    let mut projector = Running::start(config(&archive, Retention::default()), &log, &store);
    // By a time that nobody can have meant: that of its observation, by our own clock, stands in.
    events::append(&log, &[events::event(1, 1, 1, "9999-12-31T23:59:59Z")]).await;
    archived(&mut projector, &log).await;
    let (kept, shown) = (of_cluster(7), Micros::parse("2099-01-01T00:00:00Z").unwrap());
    let by_clock = || enforce_by_clock(&kept, &store, Some(&archive), shown);
    assert_eq!(by_clock().await.unwrap(), None);
    agree(&store, &archive, 1).await;
    assert!(told(&store).await.is_empty());
    events::append(&log, &[events::event(2, 2, 1, TIMES[2])]).await;
    archived(&mut projector, &log).await;
    assert_eq!(taken(&by_clock().await.unwrap().unwrap()), Removed::default());
    agree(&store, &archive, 2).await;
    assert_eq!(told(&store).await[0]["until"], "2026-11-17 00:00:00.000000", "a day beyond the Event, less seven");
    projector.stop().await;
}
