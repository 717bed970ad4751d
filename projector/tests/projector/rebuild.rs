//! A rebuilt table holds what archive and log hold, whatever comes meanwhile.

use std::time::Duration;

use crate::support::{
    Running, ask, events, execute,
    kept::{Kept, all_archived, config, history, nothing_half_made},
    number,
};
use beidou_projector::maintenance::{Asking, Outcome, Wish};
use beidou_schemas::maintenance::RebuildReport;
use uuid::Uuid;

async fn rebuild(asking: &mut Asking) -> RebuildReport {
    match ask(asking, Wish::Rebuild).await {
        Outcome::Rebuilt(report) => report,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_it_ends_equal_and_readers_read_on() {
    let mut kept = Kept::archived().await;
    let (log, store) = (kept.log.clone(), kept.store.clone());
    let more = history(300..900);
    let appended = more.clone();
    let writer = tokio::spawn(async move {
        for part in appended.chunks(10) {
            events::append(&log, part).await;
            tokio::task::yield_now().await;
        }
    });
    let reader = tokio::spawn(async move {
        let mut last = 0;
        loop {
            let rows = number(&store, "SELECT count() FROM kube_event").await;
            assert!(rows >= last, "{rows} rows after {last}");
            last = rows;
        }
    });
    let mut rebuilt = 0;
    while !writer.is_finished() || rebuilt < 2 {
        let report = rebuild(&mut kept.asking).await;
        assert!(report.rows >= 300 && report.rows == report.from_archive + report.from_log, "{report:?}");
        assert_eq!((report.rows, report.hash), (report.before_rows, report.before_hash));
        rebuilt += 1;
    }
    writer.await.unwrap();
    assert!(!reader.is_finished(), "a reader failed");
    reader.abort();
    kept.history.extend(more);
    kept.all_archived().await;
    kept.check().await;
    nothing_half_made(&kept.store).await;
    kept.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_mends_what_is_broken_and_an_unfinished_one_is_thrown_away() {
    let kept = Kept::archived().await;
    execute(&kept.store, "DELETE FROM kube_event WHERE resource_version < 50").await;
    kept.asking.wishes.send((Uuid::new_v4(), Wish::Rebuild)).await.unwrap();
    tokio::task::yield_now().await;
    kept.projector.crash().await;
    execute(&kept.store, "CREATE TABLE IF NOT EXISTS kube_event_next AS kube_event").await;
    execute(&kept.store, "INSERT INTO kube_event_next SELECT * FROM kube_event").await;
    let config = config(&kept.archive, 30, Duration::from_millis(200));
    let (mut projector, mut asking) = Running::maintained(config, &kept.log, &kept.store);
    all_archived(&mut projector, &kept.log).await;
    nothing_half_made(&kept.store).await;
    let report = rebuild(&mut asking).await;
    assert_eq!((report.rows, report.from_table), (300, 0));
    crate::support::kept::check(&kept.store, &kept.archive, &kept.history).await;
    projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_archive_is_refused_and_the_table_stays() {
    let mut kept = Kept::archived().await;
    let files = kept.archive.catalogue().await.unwrap().ranges;
    let content = std::fs::read(kept.file(&files[0].path)).unwrap();
    std::fs::remove_file(kept.file(&files[0].path)).unwrap();
    // Rows that no file covers are the table's own, and stay; what the log holds below the archive's end is not asked.
    let report = rebuild(&mut kept.asking).await;
    assert!(report.from_table > 0 && report.rows == 300, "{report:?}");
    std::fs::write(kept.file(&files[0].path), content).unwrap();
    kept.flip(&files[1].path);
    let outcome = ask(&mut kept.asking, Wish::Rebuild).await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    assert_eq!(number(&kept.store, "SELECT count() FROM kube_event").await, 300);
    nothing_half_made(&kept.store).await;
    kept.projector.stop().await;
}
