//! What is broken on purpose is found, named and repaired; what is whole is left alone.

use std::{collections::BTreeMap, time::Duration};

use crate::support::{
    Engine, PARTITIONS, Running, ask, events, execute,
    kept::{Kept, all_archived, check, config, history, nothing_half_made},
    log, number,
};
use beidou_log::Log;
use beidou_model::retention::Retention;
use beidou_projector::{
    ProjectorConfig, Status,
    maintenance::{Asking, Outcome, Wish},
};
use beidou_schemas::{
    Micros, Topic, TopicPartition,
    maintenance::{AuditReport, Fault},
};
use beidou_store::{
    Store,
    archive::{Archive, Compaction},
};

/// Merges that would mend what is doubled by themselves; OPTIMIZE goes on.
const NO_MERGES: &str = "ALTER TABLE kube_event MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1, \
    max_bytes_to_merge_at_min_space_in_pool = 1";

async fn audit(asking: &mut Asking, full: bool) -> AuditReport {
    match ask(asking, Wish::Audit { full }).await {
        Outcome::Audited(report) => report,
        other => panic!("{other:?}"),
    }
}

/// Rows of each fault, all repaired, and nothing left for a second audit.
async fn repaired(asking: &mut Asking, full: bool) -> BTreeMap<Fault, u64> {
    let report = audit(asking, full).await;
    assert_eq!(report.unrepaired, 0, "{:#?}", report.findings);
    let mut found = BTreeMap::new();
    for finding in &report.findings {
        *found.entry(finding.fault).or_default() += finding.rows;
    }
    let again = audit(asking, true).await;
    assert_eq!((again.findings.as_slice(), again.unrepaired), ([].as_slice(), 0), "after {:#?}", report.findings);
    found
}

/// One row deleted, one changed, one added, and one inserted again as it is.
async fn break_rows(store: &Store) {
    execute(store, NO_MERGES).await;
    execute(store, "INSERT INTO kube_event SELECT * FROM kube_event WHERE resource_version IN (10, 11)").await;
    execute(
        store,
        "INSERT INTO kube_event SELECT * REPLACE(toUUID('0f8fad5b-d9cb-469f-a165-00000000dead') AS event_uid) \
         FROM kube_event WHERE resource_version = 20",
    )
    .await;
    execute(store, "DELETE FROM kube_event WHERE resource_version = 30").await;
    execute(store, "ALTER TABLE kube_event UPDATE message = 'another' WHERE resource_version = 40").await;
    assert_eq!(number(store, "SELECT count() FROM kube_event").await, 300 + 2 + 1 - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_whole_is_read_and_left_alone() {
    let mut kept = Kept::archived().await;
    let report = audit(&mut kept.asking, true).await;
    assert_eq!(report.findings, []);
    assert_eq!((report.full, report.rows, report.log_states), (true, 300, 300));
    assert!(report.files > 4 && report.hours == 3 && report.ended >= report.started, "{report:?}");
    // Nothing is new, and all of it is small enough to be compared again.
    let report = audit(&mut kept.asking, false).await;
    assert_eq!((report.findings, report.rows, report.log_states), (vec![], 300, 0));
    kept.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_rows_are_repaired_from_the_archive() {
    let mut kept = Kept::archived().await;
    break_rows(&kept.store).await;
    let found = repaired(&mut kept.asking, false).await;
    let wanted = [(Fault::Missing, 1), (Fault::Doubled, 2), (Fault::Changed, 1), (Fault::Unknown, 1)];
    assert_eq!(found, wanted.into());
    kept.check().await;
    kept.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_rows_that_are_not_archived_yet_are_repaired_from_the_log() {
    let mut kept = Kept::with(1_000_000, Duration::from_secs(3600)).await;
    let deltas = "SELECT sum(occurrences_delta * resource_version) FROM kube_event";
    let before = number(&kept.store, deltas).await;
    break_rows(&kept.store).await;
    let found = repaired(&mut kept.asking, false).await;
    let wanted = [(Fault::Missing, 1), (Fault::Doubled, 2), (Fault::Changed, 1), (Fault::Unknown, 1)];
    assert_eq!(found, wanted.into());
    assert_eq!(number(&kept.store, "SELECT count() FROM kube_event").await, 300);
    assert_eq!(number(&kept.store, "SELECT uniqExact(resource_version) FROM kube_event").await, 300);
    assert_eq!(number(&kept.store, "SELECT countIf(message = 'another') FROM kube_event").await, 0);
    assert_eq!(number(&kept.store, deltas).await, before, "occurrences add up");
    kept.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn range_files_are_written_again() {
    let mut kept = Kept::archived().await;
    let files = kept.archive.catalogue().await.unwrap().ranges;
    kept.flip(&files[0].path);
    std::fs::remove_file(kept.file(&files[1].path)).unwrap();
    let found = repaired(&mut kept.asking, false).await;
    assert_eq!(found.into_keys().collect::<Vec<_>>(), [Fault::FileMissing, Fault::FileDamaged]);
    kept.check().await;
    // A restart finds its position where it was, and the file as the ledger says.
    kept.projector.stop().await;
    let config = config(&kept.archive, 30, Duration::from_millis(200));
    let (mut projector, mut asking) = Running::maintained(config, &kept.log, &kept.store);
    all_archived(&mut projector, &kept.log).await;
    assert_eq!(audit(&mut asking, true).await.findings, []);
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_file_that_goes_after_it_was_read_is_missed_by_the_next_audit() {
    let mut kept = Kept::archived().await;
    assert_eq!(audit(&mut kept.asking, false).await.findings, []);
    let path = kept.archive.catalogue().await.unwrap().ranges.swap_remove(0).path;
    std::fs::remove_file(kept.file(&path)).unwrap();
    let found = repaired(&mut kept.asking, false).await;
    assert_eq!(found.into_keys().collect::<Vec<_>>(), [Fault::FileMissing]);
    kept.check().await;
    kept.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn day_files_are_written_again_under_a_new_generation() {
    let mut kept = Kept::archived().await;
    let far = Micros(i64::MAX);
    kept.archive.compact(&Compaction::new(far, Micros(0))).await.unwrap();
    let days: Vec<_> = kept.archive.catalogue().await.unwrap().days.into_keys().collect();
    assert_eq!(days.len(), 3);
    kept.flip(&days[0]);
    std::fs::remove_file(kept.file(&days[1])).unwrap();
    let found = repaired(&mut kept.asking, true).await;
    assert_eq!(found.into_keys().collect::<Vec<_>>(), [Fault::FileMissing, Fault::FileDamaged]);
    let after = kept.archive.catalogue().await.unwrap();
    assert_eq!((after.generation, after.days.len(), after.leftovers.len()), (3, 3, 0));
    assert!(!after.days.contains_key(&days[0]) && !after.days.contains_key(&days[1]));
    kept.check().await;
    kept.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_holds_whole_stays_a_finding() {
    let mut kept = Kept::archived().await;
    let files = kept.archive.catalogue().await.unwrap().ranges;
    kept.flip(&files[0].path);
    let range = files[0].range;
    let of_range = format!("log_partition = {} AND log_offset < {}", range.partition, range.to);
    execute(&kept.store, &format!("ALTER TABLE kube_event UPDATE message = 'another' WHERE {of_range}")).await;
    // Not full: the log is not asked for what is archived.
    let report = audit(&mut kept.asking, false).await;
    let [finding] = report.findings.as_slice() else { panic!("{report:#?}") };
    assert_eq!((finding.fault, finding.repaired, &finding.place), (Fault::FileDamaged, false, &files[0].path));
    assert!(finding.detail.contains("not those that it must hold"), "{}", finding.detail);
    // A full one asks it: the table is mended by the log, and the next one mends the file.
    let report = audit(&mut kept.asking, true).await;
    assert_eq!((report.unrepaired, report.findings.last().unwrap().fault), (1, Fault::Changed), "{report:#?}");
    let report = audit(&mut kept.asking, true).await;
    assert_eq!((report.repaired, report.unrepaired), (1, 0), "{report:#?}");
    kept.check().await;
    kept.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_store_is_restored_whole() {
    let mut kept = Kept::archived().await;
    let far = Micros(i64::MAX);
    kept.archive.compact(&Compaction::new(far, Micros(0))).await.unwrap();
    let later = history(300..360);
    events::append(&kept.log, &later).await;
    kept.history.extend(later);
    kept.projector.caught_up(&kept.log).await;
    let sql = "SELECT sum(n) FROM (SELECT count() * 1000 AS n FROM kube_coverage FINAL \
        UNION ALL SELECT count() AS n FROM kube_reject FINAL)";
    let others = number(&kept.store, sql).await;
    assert_eq!(others, 1001);
    let deltas = "SELECT sum(occurrences_delta * resource_version) FROM kube_event";
    let before = number(&kept.store, deltas).await;
    kept.projector.stop().await;
    drop(kept.engine);
    let data = tempfile::tempdir().unwrap();
    let engine = Engine::shared(data.path()).await;
    let store = engine.store();
    let config = || config(&kept.archive, 30, Duration::from_millis(200));
    // Half-way it ends: a file is missing. What was filled by then is thrown away.
    let path = kept.archive.catalogue().await.unwrap().days.into_keys().next_back().unwrap();
    let file = kept.dir.path().join("archive").join(&path);
    std::fs::rename(&file, data.path().join("away")).unwrap();
    let error = Running::start(config(), &kept.log, &store).ended().await;
    assert!(!error.to_string().is_empty());
    assert_eq!(number(&store, "SELECT count() FROM kube_event").await, 0);
    std::fs::rename(data.path().join("away"), &file).unwrap();
    let mut projector = Running::start(config(), &kept.log, &store);
    all_archived(&mut projector, &kept.log).await;
    check(&store, &kept.archive, &kept.history).await;
    assert_eq!(number(&store, sql).await, others);
    assert_eq!(number(&store, deltas).await, before, "occurrences add up");
    nothing_half_made(&store).await;
    let later = history(360..400);
    events::append(&kept.log, &later).await;
    kept.history.extend(later);
    all_archived(&mut projector, &kept.log).await;
    check(&store, &kept.archive, &kept.history).await;
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_store_is_not_restored_without_a_range_file() {
    let kept = Kept::archived().await;
    let path = kept.archive.catalogue().await.unwrap().ranges.swap_remove(0).path;
    let file = kept.file(&path);
    kept.projector.stop().await;
    drop(kept.engine);
    let data = tempfile::tempdir().unwrap();
    let engine = Engine::shared(data.path()).await;
    let store = engine.store();
    let config = || config(&kept.archive, 30, Duration::from_millis(200));
    std::fs::rename(&file, data.path().join("away")).unwrap();
    let error = Running::start(config(), &kept.log, &store).ended().await;
    assert!(format!("{error:?}").contains(&path), "{error:?}");
    assert_eq!(number(&store, "SELECT count() FROM kube_event").await, 0);
    std::fs::rename(data.path().join("away"), &file).unwrap();
    let mut projector = Running::start(config(), &kept.log, &store);
    all_archived(&mut projector, &kept.log).await;
    check(&store, &kept.archive, &kept.history).await;
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_restored_tables_need_not_have_goes_by_the_archive_and_not_by_the_clock() {
    let kept = Kept::archived().await;
    kept.archive.compact(&Compaction::new(Micros(i64::MAX), Micros(0))).await.unwrap();
    kept.projector.stop().await;
    drop(kept.engine);
    let data = tempfile::tempdir().unwrap();
    let engine = Engine::shared(data.path()).await;
    let store = engine.store();
    let retention = Retention { in_tables: 1, ..Retention::default() };
    let config = ProjectorConfig { retention, ..config(&kept.archive, 30, Duration::from_millis(200)) };
    let mut projector = Running::start(config, &kept.log, &store);
    all_archived(&mut projector, &kept.log).await;
    // The clock of this machine is days beyond the last observation, of November 23: by it no Event would be young enough.
    assert_eq!(number(&store, "SELECT count() FROM kube_event").await, 99, "the states of that day");
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_log_lost_before_they_were_archived_are_taken_from_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let archive = Archive::folder(&dir.path().join("archive")).unwrap();
    let (log, store, history) = (log(), engine.store(), history(0..200));
    let config = || config(&archive, 30, Duration::from_millis(200));
    let blocked = dir.path().join("archive/events");
    std::fs::write(&blocked, "").unwrap();
    events::append(&log, &history).await;
    let mut projector = Running::start(config(), &log, &store);
    projector.caught_up(&log).await;
    let waits = |status: &Status| status.partitions.values().any(|p| p.archive_error.is_some());
    projector.status.wait_for(waits).await.unwrap();
    projector.stop().await;
    for partition in 0..PARTITIONS {
        let at = TopicPartition::new(Topic::KubeEvent, partition);
        log.lose_below(at, log.bounds(at).await.unwrap().end - 5).unwrap();
    }
    std::fs::remove_file(&blocked).unwrap();
    let mut projector = Running::start(config(), &log, &store);
    all_archived(&mut projector, &log).await;
    check(&store, &archive, &history).await;
    projector.stop().await;
}
