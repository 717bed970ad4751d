//! How completely a range is known: stored intervals, the ledger's watermark, and what answers say of it.

use std::sync::Arc;

use beidou_log::Log;
use beidou_model::import::cluster_uid as cluster_uid_of_import;
use beidou_schemas::{
    Micros, Record, Topic, TopicPartition,
    ddl::TABLE_VERSION,
    ledger::{self, Cut, Done, LedgerFact},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{World, world};
use crate::support::{
    PARTITIONS,
    events::{append, cluster_uid, seed},
    wait::until,
};

const RANGE: &str = "from=2026-11-23T14:00:00Z&to=2026-11-23T15:00:00Z";

fn row(state: &str, from: &str, until: &str, reason: &str, offset: u64) -> Value {
    let session = if state == "complete" { Uuid::from_u128(offset.into()) } else { Uuid::nil() };
    json!({"cluster_uid": cluster_uid(1), "cluster": "cluster-1", "epoch": 0, "state": state, "session": session,
        "from_time": format!("2026-11-23T{from}Z"), "until_time": format!("2026-11-23T{until}Z"),
        "start_resource_version": 10, "resource_version": 20, "reason": reason, "detail": "", "deleted_frames": 3,
        "log_offset": offset})
}

async fn told(world: &World, path: &str) -> Value {
    world.api.list(&format!("{path}{RANGE}")).await["coverage"][0].take()
}

fn parts(coverage: &Value) -> Vec<(String, String, String, String)> {
    let text = |part: &Value, field: &str| part[field].as_str().unwrap().to_owned();
    let time = |part: &Value, field: &str| text(part, field)[11..19].to_owned();
    let parts = coverage["parts"].as_array().unwrap().iter();
    parts.map(|p| (text(p, "state"), text(p, "reason"), time(p, "from"), time(p, "to"))).collect()
}

fn part(state: &str, reason: &str, from: &str, to: &str) -> (String, String, String, String) {
    (state.into(), reason.into(), from.into(), to.into())
}

#[tokio::test]
async fn intervals_become_the_answer() {
    let world = world().await;
    world
        .insert(
            "kube_coverage",
            [
                row("complete", "13:50:00", "14:10:00", "timeout", 1),
                row("complete", "14:10:00", "14:20:00", "expired", 2),
                row("degraded", "14:20:00", "14:25:00", "expired", 3),
                row("gap", "14:25:00", "14:30:00", "restored", 4),
                row("complete", "14:30:00", "14:35:00", "", 5),
            ],
        )
        .await;
    // The running session has grown since: the latest version of its row counts.
    let mut grown = row("complete", "14:30:00", "14:50:00", "", 6);
    grown["session"] = Uuid::from_u128(5).to_string().into();
    world.insert("kube_coverage", [grown]).await;
    let expected = [
        part("degraded", "expired", "14:20:00", "14:25:00"),
        part("gap", "restored", "14:25:00", "14:30:00"),
        part("unknown", "not_yet_proven", "14:50:00", "15:00:00"),
    ];
    let timeline = "/api/v1/objects/cluster-1/Pod/a/b/timeline?";
    for path in ["/api/v1/events?", "/api/v1/clusters?", "/api/v1/coverage?", "/api/v1/rejects?", timeline] {
        let coverage = told(&world, path).await;
        assert_eq!(parts(&coverage), expected, "{path}");
        assert_eq!(coverage["complete"], false);
        assert!((coverage["share"].as_f64().unwrap() - 40.0 / 60.0).abs() < 1e-9, "{coverage}");
        assert_eq!(coverage["proven_until"], "2026-11-23T14:50:00.000000Z");
        let moment = |field: &str| coverage[field].as_str().unwrap().to_owned();
        assert_eq!(moment("known_until"), moment("proven_until").min(moment("projected_until")));
    }
    let states = world.api.all(&format!("/api/v1/coverage?{RANGE}&limit=2"), "state").await;
    assert_eq!(states, ["complete", "gap", "degraded", "complete", "complete"]);
    let gaps = world.api.list(&format!("/api/v1/coverage?{RANGE}&state=gap")).await;
    assert_eq!((gaps["items"].as_array().unwrap().len(), gaps["items"][0]["reason"].as_str()), (1, Some("restored")));
    let session = &world.api.list(&format!("/api/v1/coverage?{RANGE}&state=complete&limit=1")).await["items"][0];
    assert_eq!(
        (session["to"].as_str(), session["start_resource_version"].as_str()),
        (Some("2026-11-23T14:50:00.000000Z"), Some("10"))
    );
}

#[tokio::test]
async fn many_sessions_without_a_break_are_one_stretch() {
    let world = world().await;
    let minute = |n: u64| format!("14:{n:02}:00");
    let sessions = (0..59).map(|n| row("complete", &minute(n), &minute(n + 1), "timeout", n + 1));
    // A second watcher, whose sessions overlap those of the first one.
    let others = (0..29).map(|n| row("complete", &minute(2 * n), &minute(2 * n + 1), "cut", n + 100));
    world.insert("kube_coverage", sessions.chain(others)).await;
    let coverage = told(&world, "/api/v1/events?").await;
    assert_eq!(parts(&coverage), [part("unknown", "not_watched", "14:59:00", "15:00:00")]);
}

#[tokio::test]
async fn what_is_cut_off_is_never_complete() {
    let world = world().await;
    // One session over all of it, and more breaks within it than an answer reads: ten for each millisecond of 11 seconds.
    world.insert("kube_coverage", [row("complete", "14:00:00", "15:00:00", "timeout", 1)]).await;
    world
        .engine
        .run(&format!(
            "INSERT INTO kube_coverage (cluster_uid, cluster, epoch, state, session, from_time, until_time, reason, log_offset)
             SELECT '{}', 'cluster-1', 0, 'degraded', toUUID('00000000-0000-0000-0000-000000000000'),
                 toDateTime64('2026-11-23 14:30:00', 6, 'UTC') + toIntervalMicrosecond(number * 100) AS from_time,
                 from_time + toIntervalMicrosecond(50), 'missed_by_watch', number + 2 FROM numbers(110000)",
            cluster_uid(1)
        ))
        .await;
    let coverage = told(&world, "/api/v1/events?").await;
    assert!(coverage["complete"] == false && coverage["share"].as_f64().unwrap() < 0.51, "{coverage}");
    let worst = world.api.list(&format!("/api/v1/coverage/clusters?{RANGE}&bins=4")).await["items"][0].take();
    assert_eq!(worst["strip"], "uuuc", "{worst}");
    assert_eq!(worst["because"][0]["reason"], "too_many_breaks");
    // A shorter range has few enough of them.
    let shorter = world.api.list("/api/v1/events?from=2026-11-23T14:30:05Z&to=2026-11-23T15:00:00Z").await;
    let reasons: Vec<_> =
        shorter["coverage"][0]["parts"].as_array().unwrap().iter().map(|part| &part["reason"]).collect();
    assert!(reasons.iter().all(|reason| **reason == "missed_by_watch") && !reasons.is_empty(), "{reasons:?}");
}

#[tokio::test]
async fn what_retention_removed_is_part_of_no_other_stretch() {
    let world = world().await;
    let mut note = row("gap", "14:20:00", "14:20:00", "removed_by_retention", 9);
    note["from_time"] = "1970-01-01T00:00:00Z".into();
    let mut imported = note.clone();
    imported["cluster_uid"] = cluster_uid(2).into();
    let stretches = [
        row("complete", "14:00:00", "14:10:00", "timeout", 1),
        row("degraded", "14:10:00", "14:15:00", "expired", 2),
        row("complete", "14:15:00", "14:40:00", "", 3),
    ];
    world.insert("kube_coverage", stretches.into_iter().chain([note, imported])).await;
    let list = world.api.list(&format!("/api/v1/coverage?{RANGE}")).await;
    let shown: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|item| json!([item["state"], item["from"], item["to"]])).collect();
    let expected = [["complete", "14:20:00", "14:40:00"], ["gap", "14:00:00", "14:20:00"]];
    let moment = |at: &str| format!("2026-11-23T{at}.000000Z");
    assert_eq!(shown, expected.map(|[state, from, to]| json!([state, moment(from), moment(to)])));
    // Two watchers' breaks that begin with what is left: a page that ends between them loses neither.
    let breaks =
        [row("degraded", "14:16:00", "14:25:00", "expired", 4), row("degraded", "14:17:00", "14:26:00", "timeout", 5)];
    world.insert("kube_coverage", breaks).await;
    let paged = world.api.all(&format!("/api/v1/coverage?{RANGE}&limit=1"), "reason").await;
    assert_eq!(paged, ["timeout", "expired", "", "removed_by_retention"]);
    let sql = "SELECT state, dateDiff('minute', from_time, until_time) FROM coverage WHERE state != 'degraded' ORDER BY from_time";
    let answer = world.post("/api/v1/sql", json!({"query": sql})).await.json();
    assert_eq!(answer["rows"], json!([["gap", 20], ["complete", 20]]), "{answer}");
}

#[tokio::test]
async fn a_cluster_with_events_alone_was_never_watched() {
    let world = world().await;
    world.insert("kube_event", [seed(1, 1).row(), imported("hz-old", 2)]).await;
    let both = format!("/api/v1/events?{RANGE}&cluster=cluster-1,hz-old");
    let coverage = world.api.list(&both).await["coverage"].take();
    for (at, cluster, reason) in [(0, "cluster-1", "not_watched_yet"), (1, "hz-old", "imported_only")] {
        let coverage = &coverage[at];
        assert_eq!(coverage["cluster"], cluster);
        assert_eq!(parts(coverage), [part("unknown", reason, "14:00:00", "15:00:00")]);
        assert_eq!((coverage["share"].as_f64(), &coverage["proven_until"]), (Some(0.0), &Value::Null));
    }
}

/// A state of a cluster that an import made.
fn imported(cluster: &str, number: u64) -> Value {
    let mut row = seed(2, number).row();
    row["cluster"] = cluster.into();
    row["cluster_uid"] = cluster_uid_of_import(cluster).to_string().into();
    row
}

fn clusters(answer: &Value, list: &str) -> Vec<String> {
    answer[list].as_array().unwrap().iter().map(|one| one["cluster"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_import_spoils_nothing_of_the_watched_clusters() {
    let world = world().await;
    let watched = [
        row("complete", "13:00:00", "14:20:00", "expired", 1),
        row("gap", "14:20:00", "14:30:00", "expired", 2),
        row("complete", "14:30:00", "16:00:00", "", 3),
    ];
    world.insert("kube_coverage", watched).await;
    let old = (1..=6).map(|number| imported(&format!("hz-old-{number}"), number));
    world.insert("kube_event", old.chain([seed(1, 1).row()])).await;

    let worst = world.api.list(&format!("/api/v1/coverage/clusters?{RANGE}&worst=5")).await;
    assert_eq!(clusters(&worst, "items"), ["cluster-1"], "the real gap is the worst");
    let mut aside: Vec<_> = worst["imported_only"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
    aside.sort_unstable();
    assert_eq!(aside, ["hz-old-1", "hz-old-2", "hz-old-3", "hz-old-4", "hz-old-5", "hz-old-6"]);

    for path in ["events/histogram", "events/occurrences"] {
        let bins = async |cluster: &str| {
            let answer = world.api.list(&format!("/api/v1/{path}?{RANGE}&bins=6{cluster}")).await;
            let bins: Vec<_> = answer["bins"].as_array().unwrap().iter().map(|bin| bin["coverage"].clone()).collect();
            (bins, clusters(&answer, "coverage"))
        };
        let known = json!(["complete", "complete", "gap", "complete", "complete", "complete"]);
        for of_all in ["", "&q=-cluster:hz-old-6"] {
            assert_eq!(bins(of_all).await, (known.as_array().unwrap().clone(), vec!["cluster-1".into()]), "{of_all}");
        }
        for named in ["&cluster=hz-old-1", "&q=cluster:hz-old-1"] {
            assert_eq!(bins(named).await, (vec!["unknown".into(); 6], vec!["hz-old-1".into()]), "{named}");
        }
    }
    let events = world.api.list(&format!("/api/v1/events?{RANGE}")).await;
    assert_eq!(events["items"].as_array().unwrap().len(), 7, "what was imported is found");
    assert_eq!(clusters(&events, "coverage"), ["cluster-1"]);
    let listed = world.api.list(&format!("/api/v1/clusters?{RANGE}")).await;
    assert_eq!(clusters(&listed, "coverage").len(), 7, "the list of clusters tells of each");
    let named = world.api.list(&format!("/api/v1/coverage/clusters?{RANGE}&cluster=hz-old-1")).await;
    assert_eq!((clusters(&named, "items"), &named["imported_only"]), (vec!["hz-old-1".to_owned()], &json!([])));
}

#[tokio::test]
async fn where_all_is_imported_nothing_seems_complete() {
    let world = world().await;
    world.insert("kube_event", [imported("hz-old", 1)]).await;
    let answer = world.api.list(&format!("/api/v1/events/histogram?{RANGE}&bins=1")).await;
    assert_eq!(
        (&answer["bins"][0]["coverage"], clusters(&answer, "coverage")),
        (&json!("unknown"), vec!["hz-old".to_owned()])
    );
}

#[tokio::test]
async fn what_the_table_does_not_hold_yet_is_unknown() {
    let world = world().await;
    append(&world.log, (0..20).map(|n| seed(1, n).record())).await;
    world.insert("kube_event", [seed(1, 1).row()]).await;
    world.insert("kube_coverage", [row("complete", "13:00:00", "15:00:00", "", 1)]).await;
    let lagging = told(&world, "/api/v1/events?").await;
    assert_eq!(lagging["complete"], false, "records without a ledger are not in the table");
    all_done(&world).await;
    let complete = async || told(&world, "/api/v1/events?").await["complete"] == true;
    until("the ledger is followed", complete).await;
}

#[tokio::test]
async fn a_lost_table_is_no_empty_history() {
    let world = world().await;
    world.insert("kube_coverage", [row("complete", "13:00:00", "15:00:00", "", 1)]).await;
    world.insert("kube_reject", [json!({"topic": "kube.event", "kind": "undecodable"})]).await;
    // So a restore begins: it fills in the rejects before it fills in the Events.
    world.engine.run("CREATE TABLE kube_event_next AS kube_event").await;
    append(&world.log, (0..20).map(|n| seed(1, n).record())).await;
    all_done(&world).await;
    let events = format!("/api/v1/events?{RANGE}");
    let refused = async || world.api.get(&events).await.status == 503;
    until("the ledger is followed", refused).await;
    for path in ["events/histogram", "events/facets", "coverage", "clusters", "objects/cluster-1/Pod/a/b/timeline"] {
        let answer = world.api.get(&format!("/api/v1/{path}?{RANGE}")).await;
        let told = (answer.status, answer.json()["type"].as_str().map(str::to_owned));
        assert_eq!(told, (503, Some("/problems/restoring".into())), "{path}: {}", answer.text);
    }
    // Nor does it say that there is no such Event.
    for path in ["", "/neighbours"] {
        let of_event = world.api.get(&format!("/api/v1/events/cluster-1/{}{path}", Uuid::from_u128(1))).await;
        assert_eq!(of_event.status, 503, "{path}: {}", of_event.text);
    }
    let sql = world.post("/api/v1/sql", json!({"query": "SELECT count() FROM events"})).await;
    assert_eq!(sql.status, 503, "{}", sql.text);

    world.engine.run("DROP TABLE kube_event_next SYNC").await;
    assert_eq!(
        told(&world, "/api/v1/events?").await["complete"],
        true,
        "of a log with rejects only the table is rightly empty"
    );
}

#[tokio::test]
async fn a_table_that_all_rows_have_left_for_the_archive_is_not_lost() {
    let world = world().await;
    world.insert("kube_coverage", [row("complete", "13:00:00", "15:00:00", "", 1)]).await;
    append(&world.log, (0..20).map(|n| seed(1, n).record())).await;
    all_done(&world).await;
    let events = format!("/api/v1/events?{RANGE}");
    let refused = async || world.api.get(&events).await.status == 503;
    until("the ledger is followed", refused).await;
    let bound = |hot_from: &str| {
        let noted = "2026-11-24T01:00:00Z";
        json!({"cluster_uid": cluster_uid(1), "cluster": "cluster-1", "hot_from": hot_from, "noted": noted})
    };
    world.insert("kube_hot", [bound("2026-11-23T00:00:00Z")]).await;
    assert_eq!(world.api.get(&events).await.status, 503, "what came behind the bound cannot have left");
    world.insert("kube_hot", [bound("2026-11-24T00:00:00Z")]).await;
    let events = "/api/v1/events?from=2026-11-24T10:00:00Z&to=2026-11-24T11:00:00Z";
    assert_eq!(world.api.get(events).await.status, 200);
    world.engine.run("CREATE TABLE kube_event_next AS kube_event").await;
    until("a restore is noticed", async || world.api.get(events).await.status == 503).await;
}

/// The ledger tells that the table holds all of the log.
async fn all_done(world: &World) {
    for partition in 0..PARTITIONS {
        let source = TopicPartition::new(Topic::KubeEvent, partition);
        let end = world.log.bounds(source).await.unwrap().end;
        done(world, source, end).await;
    }
}

async fn done(world: &World, source: TopicPartition, end: u64) {
    let cut =
        Cut { source, from: 0, to: end, records: 1, hash: String::new(), table_version: TABLE_VERSION, watermark: 0 };
    let fact = LedgerFact::Done(Done { cut, rows: 1, observed: Micros(0) });
    let record: Record = fact.to_record(Uuid::new_v4(), Micros(0));
    let log: Arc<dyn Log> = world.log.clone();
    let at = ledger::partition_of(source, PARTITIONS).unwrap();
    log.writer(at, "test").await.unwrap().append(vec![record]).await.unwrap();
}
