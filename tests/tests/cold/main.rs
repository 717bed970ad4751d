//! One question over table and archive: whatever has left the table, every answer is as it was before.
#![allow(clippy::unwrap_used, reason = "a test may panic; the lint only knows functions marked as tests")]

mod asked;
mod server;
mod site;
#[path = "../../../projector/tests/projector/support/mod.rs"]
mod support;

use beidou_schemas::{Micros, time::DAY};
use beidou_store::{
    archive::{Archive, Compaction},
    hot,
};
use beidou_tests::s3::{BUCKET, SECRET};
use serde_json::{Value, json};
use uuid::Uuid;

use asked::Answers;
use site::{CLUSTERS, NAMES, NOW, Site, keeping, state};

/// Nothing is lost and nothing doubled by what leaves the table, by what comes late for it, and by what a crash leaves.
#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_the_same_before_and_after_rows_have_left_the_table() {
    let mut site = Site::filled().await;
    let before = Answers::of(&site).await;
    assert_eq!(before.states(), site.states, "all of it is there");
    assert_eq!(before.files, 0, "nothing was read of the archive");

    let left = site.enforce(&keeping(2)).await;
    assert!(left > 0 && site.in_table().await == site.states - left, "{left} of {}", site.states);
    assert_eq!(site.in_table_before(NOW.plus(-3 * DAY)).await, 0);
    let after = Answers::of(&site).await;
    after.must_be(&before);
    assert!(after.files > 0, "the archive was read");
    let nobody = format!("/api/v1/events/{}/{}", CLUSTERS[0], Uuid::from_u128(999_999));
    for path in [nobody.clone(), format!("{nobody}/neighbours")] {
        let (status, problem) = site.try_get(&path).await;
        assert_eq!((status, &problem["type"]), (404, &json!("/problems/unknown-event")), "neither has it: {problem}");
    }
    assert_eq!(site.enforce(&keeping(2)).await, 0, "nothing is left to do");

    // A crash between the note and the removal: rows are in both.
    let names = vec![NAMES[0].to_owned()];
    hot::note(&site.store, CLUSTERS[0], &names, Micros((NOW.0 / DAY - 1) * DAY)).await.unwrap();
    site.archive.compact(&Compaction::new(NOW.plus(DAY), NOW)).await.unwrap();
    site.api_again().await;
    Answers::of(&site).await.must_be(&before);
    assert!(site.enforce(&keeping(1)).await > 0);
    Answers::of(&site).await.must_be(&before);
}

/// A state that comes after its day has left the table is found at once, while its file is compacted, and when it has left too.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_late_is_found_once() {
    let mut site = Site::filled().await;
    site.enforce(&keeping(2)).await;
    let late: Vec<Value> = (0..40).map(|n| state(n, 9000 + n, -4)).collect();
    site.append(&late).await;
    let before = Answers::of(&site).await;
    assert_eq!(before.states(), site.states, "in the table, and in no file of a day");
    site.archive.compact(&Compaction::new(NOW.plus(DAY), NOW)).await.unwrap();
    let compacted = Answers::of(&site).await;
    compacted.must_be(&before);
    assert_eq!(site.enforce(&keeping(2)).await, 40);
    Answers::of(&site).await.must_be(&before);
}

/// A question that reads much of the archive is listed with how far it is; who cancels it ends it in the engine too.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_question_tells_how_far_it_is_and_is_cancelled() {
    let mut site = Site::filled().await;
    site.enforce(&keeping(1)).await;
    site.swell(25_000).await;
    let fields = "fields=cluster,namespace,kind,reason,type,component,node,name,pattern";
    let path = format!("/api/v1/events/facets?{fields}&{}", site.all());
    let rows_read = async || site.running().await["progress"]["rows_read"].as_u64().unwrap_or(0);
    let watching = async {
        let mut seen = 0;
        support::wait_until("rows of files are read", async || {
            seen = rows_read().await;
            // More than the tables have.
            seen > site.states
        })
        .await;
        support::wait_until("more of them", async || rows_read().await > seen).await;
        let item = site.running().await;
        assert!(site.statements().await > 0, "{item}");
        let id = item["id"].as_str().unwrap();
        assert_eq!(site.cancel(id).await, json!({"cancelled": id}));
        item
    };
    let ((status, problem), item) = tokio::join!(site.try_get(&path), watching);
    assert_eq!((status, &problem["type"]), (409, &json!("/problems/cancelled")), "{problem}");
    assert_eq!((&item["kind"], &item["subject"]), (&json!("events"), &json!("tester")), "{item}");
    assert!(item["query"].as_str().is_some_and(|query| query.starts_with("/api/v1/events/facets?fields=")), "{item}");
    support::wait_until("its statement has ended", async || site.statements().await == 0).await;
    assert_eq!(site.running().await, Value::Null);
}

/// An archive in a bucket is read through copies, of which there is only so much room; the engine knows nothing of the bucket.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_read_through_copies() {
    let server = beidou_tests::s3::Server::shared().await.unwrap();
    let mut site = Site::on(server.archive().unwrap()).await;
    let before = Answers::brief(&site).await;
    site.enforce(&keeping(2)).await;
    assert_eq!(site.copied(), (0, 0));
    let after = Answers::brief(&site).await;
    after.must_be(&before);
    let (files, bytes) = site.copied();
    assert!(after.files > 0 && files > 0, "{files} copies");
    // Room for a part of it: pages go on, for they need a few days at a time; the whole is told not to fit.
    site.copies(bytes * 3 / 4).await;
    site.forget_copies();
    let pages = asked::pages(&site, &format!("/api/v1/events?{}&limit=50", site.all())).await.0;
    assert_eq!(pages.len() as u64, site.states);
    assert!(site.copied().1 <= bytes * 3 / 4);
    let (status, problem) = site.try_get(&format!("/api/v1/events/histogram?{}", site.all())).await;
    assert_eq!((status, &problem["type"]), (503, &json!("/problems/archive-away")), "{problem}");
}

/// A server reads the bucket by itself, through a collection of its administrator: nothing is copied, and nobody else reads there.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_reads_the_bucket_by_itself() {
    let server = beidou_tests::s3::Server::shared().await.unwrap();
    let prefix = format!("server/{}", Uuid::new_v4());
    let archive = Archive::s3(&beidou_tests::s3::Server::site(&server.url(), &prefix)).unwrap();
    let mut site = Site::on_server(archive, &format!("{}/{BUCKET}/{prefix}/", server.url())).await;
    let before = Answers::brief(&site).await;
    assert_eq!(before.states(), site.states, "all of it is there");
    assert!(site.enforce(&keeping(2)).await > 0);
    let after = Answers::brief(&site).await;
    after.must_be(&before);
    assert!(after.files > 0 && site.copied() == (0, 0), "{} files of the bucket", after.files);

    let of_a_caller = "SELECT count() FROM s3(beidou_archive, filename = 'events/a', structure = 'name String')";
    let refused = site.store.reader().unwrap().query_raw(of_a_caller).fetch_one::<u64>().await.unwrap_err();
    assert!(refused.to_string().contains("READONLY"), "{refused}");

    // A file that is gone is told: there is no answer without its rows.
    let days = site.archive.catalogue().await.unwrap().days;
    let first = server.data().join(BUCKET).join(prefix).join(days.keys().next().unwrap());
    std::fs::remove_file(first).unwrap();
    let (status, problem) = site.try_get(&format!("/api/v1/events/histogram?{}", site.all())).await;
    assert_eq!((status, &problem["type"]), (503, &json!("/problems/archive-away")), "{problem}");
    assert!(!problem.to_string().contains(SECRET), "{problem}");
}

/// Rows leave the table only where the archive is known to hold the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_archive_does_not_hold_stays_in_the_table() {
    let mut site = Site::filled().await;
    site.archive.compact(&Compaction::new(NOW.plus(DAY), NOW)).await.unwrap();
    let before = Answers::brief(&site).await;
    let third = Micros((NOW.0 / DAY - 3) * DAY);
    let damaged = site.day_file(CLUSTERS[0], third).await;
    site.flip(&damaged);
    site.enforce(&keeping(1)).await;
    assert_eq!(hot::bounds(&site.store).await.unwrap()[CLUSTERS[0]], third, "the damaged day and all from it on stay");
    assert!(hot::bounds(&site.store).await.unwrap()[CLUSTERS[1]] > third);
    Answers::brief(&site).await.must_be(&before);
    // A row of the table that no file has, and one that it has not.
    site.flip(&damaged);
    support::execute(&site.store, &format!(
        "ALTER TABLE kube_event DELETE WHERE cluster_uid = '{}' AND resource_version = (SELECT max(resource_version) FROM kube_event \
         WHERE cluster_uid = '{}' AND toDate(time) = '{}')", CLUSTERS[0], CLUSTERS[0], third.day_text())).await;
    site.enforce(&keeping(1)).await;
    assert_eq!(
        hot::bounds(&site.store).await.unwrap()[CLUSTERS[0]],
        third,
        "the table has a row less: the audit first"
    );
}

/// Audit and rebuild leave to the archive what has left the table.
#[tokio::test(flavor = "multi_thread")]
async fn audit_and_rebuild_bring_nothing_back() {
    let mut site = Site::filled().await;
    let before = Answers::brief(&site).await;
    site.enforce(&keeping(2)).await;
    let rows = site.in_table().await;
    let audited = site.ask(beidou_projector::maintenance::Wish::Audit { full: true }).await;
    let beidou_projector::maintenance::Outcome::Audited(report) = audited else { panic!("{audited:?}") };
    assert_eq!((report.repaired, report.unrepaired), (0, 0), "{report:?}");
    assert_eq!(site.in_table().await, rows);
    let rebuilt = site.ask(beidou_projector::maintenance::Wish::Rebuild).await;
    assert!(matches!(rebuilt, beidou_projector::maintenance::Outcome::Rebuilt(_)), "{rebuilt:?}");
    assert_eq!(site.in_table().await, rows);
    Answers::brief(&site).await.must_be(&before);
}

/// Before anything is read it is said how much that would be; more than is allowed is refused, pages go on all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_has_bounds_and_says_before_what_it_reads() {
    let mut site = Site::filled().await;
    site.enforce(&keeping(1)).await;
    let all = site.all();
    let estimate = site.get(&format!("/api/v1/events/estimate?{all}")).await;
    let (files, rows) = (estimate["files"].as_u64().unwrap(), estimate["rows"].as_u64().unwrap());
    assert!(files > 6 && rows > 0 && estimate["bytes"].as_u64().unwrap() > 0, "{estimate}");
    assert_eq!(estimate["allowed"], json!(true));
    assert_eq!(estimate["tables_from"], json!(Micros((NOW.0 / DAY - 1) * DAY).to_string()));
    let counted = site.get(&format!("/api/v1/events/histogram?{all}")).await;
    let of_estimate = json!({"files": files, "rows": rows, "bytes": estimate["bytes"]});
    assert_eq!(counted["cold"], of_estimate);
    let recent = format!("from={}&to={NOW}", NOW.plus(-3_600_000_000));
    assert_eq!(site.get(&format!("/api/v1/events/estimate?{recent}")).await["files"], json!(0));
    assert!(site.get(&format!("/api/v1/events/histogram?{recent}")).await["cold"].is_null());

    site.limit(6).await;
    let estimate = site.get(&format!("/api/v1/events/estimate?{all}")).await;
    assert_eq!((&estimate["allowed"], &estimate["most_files"]), (&json!(false), &json!(6)));
    for path in ["histogram", "facets", "patterns"] {
        let (status, problem) = site.try_get(&format!("/api/v1/events/{path}?{all}")).await;
        assert_eq!((status, &problem["type"]), (422, &json!("/problems/too-much")), "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("query_api.archive_files") && detail.contains("export"), "{detail}");
    }
    let pages = asked::pages(&site, &format!("/api/v1/events?{all}&limit=50")).await.0;
    assert_eq!(pages.len() as u64, site.states, "pages read as much as they need");
    let (status, problem) = site.try_get(&format!("/api/v1/events?{all}&reason=Never")).await;
    assert_eq!((status, &problem["type"]), (422, &json!("/problems/too-much")), "{problem}");

    // An Event of the first day lies behind what may be read: nobody says that there is none. Of an object the tables tell.
    site.limit(2).await;
    let (status, problem) = site.try_get(&format!("/api/v1/events/{}/{}", CLUSTERS[1], Uuid::from_u128(1))).await;
    assert_eq!((status, &problem["type"]), (422, &json!("/problems/too-much")), "{problem}");
    let kept = site.get(&format!("/api/v1/events/{}/{}", CLUSTERS[0], Uuid::from_u128(4))).await;
    assert_eq!(kept["items"].as_array().unwrap().len(), 2, "what the tables have of one is told: {kept}");
    let told = site.get(&format!("/api/v1/objects/{}/Pod/recsys/pod-4/at?t={NOW}", CLUSTERS[0])).await;
    assert_eq!(told["tables_from"], estimate["tables_from"], "{told}");
}
