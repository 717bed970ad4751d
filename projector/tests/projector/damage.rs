//! What cannot be read, of the log or of the archive's manifests, is a finding; all else is compared, and goes on.

use std::{sync::Arc, time::Duration};

use crate::support::{
    PARTITIONS, Running, ask,
    damaged::DamagedLog,
    events, execute,
    kept::{Kept, all_archived, check, config, history, nothing_half_made},
    number,
};
use beidou_log::Log;
use beidou_projector::maintenance::{Asking, Outcome, Wish};
use beidou_schemas::{
    Micros, Topic, TopicPartition,
    archive::Collection,
    ledger,
    maintenance::{AuditReport, Fault, Finding},
};
use beidou_store::archive::Compaction;

const AT: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 0 };

async fn audit(asking: &mut Asking, full: bool) -> AuditReport {
    match ask(asking, Wish::Audit { full }).await {
        Outcome::Audited(report) => report,
        other => panic!("{other:?}"),
    }
}

async fn rows(kept: &Kept) -> u64 {
    number(&kept.store, "SELECT count() FROM kube_event").await
}

fn only(report: &AuditReport) -> &Finding {
    let [finding] = report.findings.as_slice() else { panic!("{report:#?}") };
    assert_eq!((report.repaired, report.unrepaired), (0, 1));
    finding
}

/// The site over a log that can be damaged; files of so many rows, or so old.
async fn over_damaged(kept: &mut Kept, max_rows: u64, max_age: Duration) -> Arc<DamagedLog> {
    let log = DamagedLog::on(&kept.log);
    let (projector, asking) = Running::maintained(config(&kept.archive, max_rows, max_age), &log, &kept.store);
    std::mem::replace(&mut kept.projector, projector).stop().await;
    kept.asking = asking;
    log
}

/// The same, all of it archived.
async fn archived() -> (Kept, Arc<DamagedLog>) {
    let mut kept = Kept::archived().await;
    let log = over_damaged(&mut kept, 30, Duration::from_millis(200)).await;
    all_archived(&mut kept.projector, &kept.log).await;
    (kept, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_the_archive_covers_are_told_and_a_rebuild_needs_them_not() {
    let (mut kept, log) = archived().await;
    let start = kept.log.bounds(AT).await.unwrap().start;
    log.damage(AT, start + 30..start + 60);
    let report = audit(&mut kept.asking, true).await;
    let finding = only(&report);
    assert_eq!((finding.fault, finding.repaired), (Fault::LogDamaged, false));
    assert!(finding.place.starts_with(&AT.to_string()) && finding.rows > 0, "{finding:?}");
    for text in ["0.seg is damaged at byte 4711", "not repairable in the log", "archive and table cover"] {
        assert!(finding.detail.contains(text), "{finding:?}");
    }
    assert_eq!(report.rows, 300);
    assert!((200..300).contains(&report.log_states), "{report:?}");
    // The table is left as it is, and one without these rows is filled from the archive.
    kept.check().await;
    // A projector that starts over it does so.
    let config = config(&kept.archive, 30, Duration::from_millis(200));
    let (projector, asking) = Running::maintained(config, &log, &kept.store);
    std::mem::replace(&mut kept.projector, projector).stop().await;
    kept.asking = asking;
    kept.all_archived().await;
    execute(&kept.store, "DELETE FROM kube_event WHERE resource_version < 200").await;
    let outcome = ask(&mut kept.asking, Wish::Rebuild).await;
    assert!(matches!(&outcome, Outcome::Rebuilt(report) if report.rows == 300), "{outcome:?}");
    kept.check().await;
    kept.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_only_the_table_has_forbid_a_rebuild_and_their_rows_stay() {
    let mut kept = Kept::archived().await;
    let log = over_damaged(&mut kept, 1_000_000, Duration::from_secs(3600)).await;
    let archived = kept.log.bounds(AT).await.unwrap().end;
    let later = history(300..360);
    events::append(&kept.log, &later).await;
    kept.projector.caught_up(&kept.log).await;
    log.damage(AT, archived + 3..archived + 9);
    let report = audit(&mut kept.asking, true).await;
    let finding = only(&report);
    assert_eq!(finding.fault, Fault::LogDamaged);
    assert!(finding.rows > 0 && finding.detail.contains("the table alone has"), "{finding:?}");
    let outcome = ask(&mut kept.asking, Wish::Rebuild).await;
    let Outcome::Failed { why } = &outcome else { panic!("{outcome:?}") };
    assert!(why.contains("the archive does not cover them yet") && why.contains("0.seg"), "{why}");
    assert_eq!(rows(&kept).await, 360);
    nothing_half_made(&kept.store).await;
    kept.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_damaged_log_cannot_speak_of_is_not_deleted() {
    let (mut kept, log) = archived().await;
    let foreign = "INSERT INTO kube_event SELECT * REPLACE(toUUID('0f8fad5b-d9cb-469f-a165-00000000dead') AS event_uid) \
        FROM kube_event WHERE resource_version = 20";
    execute(&kept.store, foreign).await;
    for at in (0..PARTITIONS).map(|partition| TopicPartition::new(Topic::KubeEvent, partition)) {
        log.damage(at, kept.log.bounds(at).await.unwrap());
    }
    let report = audit(&mut kept.asking, false).await;
    let finding = only(&report);
    assert_eq!((finding.fault, finding.rows), (Fault::Unknown, 1));
    assert!(finding.detail.contains("the log is damaged at its place"), "{finding:?}");
    assert_eq!(rows(&kept).await, 301);
    log.heal();
    assert_eq!(audit(&mut kept.asking, false).await.repaired, 1);
    kept.check().await;
    kept.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_ledger_is_told_by_each_audit() {
    let (mut kept, log) = archived().await;
    let at = ledger::partition_of(AT, PARTITIONS).unwrap();
    let bounds = kept.log.bounds(at).await.unwrap();
    log.damage(at, bounds.start + 2..bounds.start + 6);
    for _ in 0..2 {
        let report = audit(&mut kept.asking, true).await;
        let finding = only(&report);
        assert!(finding.fault == Fault::LogDamaged && finding.place.starts_with(&at.to_string()), "{finding:?}");
        assert_eq!((report.rows, report.log_states), (300, 300));
    }
    kept.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_foreign_rows_are_told_and_a_rebuild_mends_them() {
    let mut kept = Kept::archived().await;
    let foreign = "INSERT INTO kube_event SELECT * EXCEPT (number) REPLACE(generateUUIDv4(number) AS event_uid) \
        FROM kube_event CROSS JOIN numbers(30001) AS n WHERE resource_version = 20";
    execute(&kept.store, foreign).await;
    // And a row of another hour, which is mended all the same.
    execute(&kept.store, "DELETE FROM kube_event WHERE resource_version = 34").await;
    let report = audit(&mut kept.asking, true).await;
    assert_eq!((report.repaired, report.unrepaired), (1, 2), "{report:#?}");
    for finding in report.findings.iter().filter(|finding| !finding.repaired) {
        assert_eq!((finding.fault, finding.rows), (Fault::Unknown, 30_001));
        assert!(finding.detail.contains("`beidou rebuild` mends it"), "{finding:?}");
    }
    assert_eq!(rows(&kept).await, 30_301);
    let outcome = ask(&mut kept.asking, Wish::Rebuild).await;
    assert!(matches!(&outcome, Outcome::Rebuilt(report) if report.rows == 300), "{outcome:?}");
    assert_eq!(audit(&mut kept.asking, true).await.findings, []);
    kept.check().await;
    kept.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_manifest_is_a_finding_and_the_archive_goes_on() {
    let mut kept = Kept::archived().await;
    let compaction = || Compaction::new(Micros(i64::MAX), Micros(0));
    kept.archive.compact(&compaction()).await.unwrap();
    // Rows of one day alone: the files of the others stay those of the first generation.
    let later: Vec<_> = (306..360).step_by(9).flat_map(|i| history(i..i + 3)).collect();
    events::append(&kept.log, &later).await;
    kept.history.extend(later);
    kept.all_archived().await;
    kept.archive.compact(&compaction()).await.unwrap();
    let total = rows(&kept).await;
    assert_eq!(audit(&mut kept.asking, true).await.findings, []);
    let content = std::fs::read(kept.file(&Collection::Events.manifest_path(1))).unwrap();
    std::fs::remove_file(kept.file(&Collection::Events.manifest_path(1))).unwrap();
    let report = audit(&mut kept.asking, true).await;
    let finding = only(&report);
    assert_eq!((finding.fault, &finding.place), (Fault::ManifestBroken, &Collection::Events.manifest_path(1)));
    assert!(finding.detail.contains("the manifest is not there") && finding.detail.contains("backup"), "{finding:?}");
    assert_eq!((report.rows, report.log_states), (total, total));
    // A row of a file that no manifest vouches for is told, one of another file is put back. Not full: the log is not asked.
    execute(&kept.store, "DELETE FROM kube_event WHERE resource_version IN (1, 4)").await;
    let report = audit(&mut kept.asking, false).await;
    assert_eq!((report.repaired, report.unrepaired, report.findings.len()), (1, 2, 3), "{report:#?}");
    let held = report.findings.iter().find(|finding| finding.fault == Fault::Missing && !finding.repaired).unwrap();
    assert!(held.detail.contains("a manifest that vouched"), "{held:?}");
    let outcome = ask(&mut kept.asking, Wish::Rebuild).await;
    assert!(matches!(&outcome, Outcome::Rebuilt(report) if report.rows == total), "{outcome:?}");
    assert_eq!(kept.archive.compact(&compaction()).await.unwrap().generation, None);
    std::fs::write(kept.file(&Collection::Events.manifest_path(1)), content).unwrap();
    assert_eq!(audit(&mut kept.asking, true).await.findings, []);
    check(&kept.store, &kept.archive, &kept.history).await;
    kept.projector.stop().await;
}
