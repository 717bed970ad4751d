//! The query line over the API: lists, counts, timelines, the live tail, completion, and faults with their place.

use serde_json::{Value, json};

use super::{World, world};
use crate::support::{
    events::{Seed, append, cluster_uid, seed},
    sse::Tail,
};

/// Holds every seed.
const RANGE: &str = "from=2026-11-23T00:00:00Z&to=2026-11-24T00:00:00Z";

async fn filled() -> (World, Vec<Seed>) {
    let (world, seeds) = (world().await, (0..120).map(|n| seed(1 + u128::from(n) % 3, n)).collect::<Vec<_>>());
    world.insert("kube_event", seeds.iter().map(Seed::row)).await;
    (world, seeds)
}

fn q(line: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("q", line).finish()
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

#[tokio::test]
async fn store_and_tail_agree_on_every_line() {
    let (world, seeds) = filled().await;
    let (_, begin) = Tail::open(&world.api, "", None).await;
    append(&world.log, seeds.iter().map(Seed::record)).await;
    let event = seeds[7].json["metadata"]["uid"].as_str().unwrap();
    for (line, finds) in [
        ("", true),
        ("kind:po -reason:pulled count>=3", true),
        ("kind:(Pod Node) name:*-3 type:WARNING", true),
        ("ns:_ component:(scheduler nothing)", true),
        ("cluster:cluster-2", true),
        ("cluster:cluster-? -cluster:cluster-1 node:/[02]$/", true),
        (&format!("cluster:({} cluster-3)", cluster_uid(1)), true),
        (&format!("uid:{event}"), true),
        ("IT'S gone", true),
        ("\"über/RANKER:2.1\"", true),
        ("über ranke*", true),
        ("rank", false),
        ("/2\\.1\\d\"\\n/ -/(?i)IMAGE \"x/", true),
        ("pattern:*gone", true),
        ("found_by:list host:node-0", true),
        ("cluster:nothing-*", false),
        ("\"' OR 1=1 -- \\\\\"", false),
    ] {
        let q = q(line);
        let stored = world.api.all(&format!("/api/v1/events?{RANGE}&{q}&limit=17"), "id").await;
        assert_eq!(!stored.is_empty(), finds, "{line}");
        let total = world.api.list(&format!("/api/v1/events?{RANGE}&{q}&total=true&limit=1")).await;
        assert_eq!(total["total"]["value"], stored.len(), "{line}");
        let (mut tail, _) = Tail::open(&world.api, &format!("{q}&after={}", begin.id), None).await;
        let told = tail.messages(stored.len()).await;
        let told: Vec<_> = told.iter().map(|m| m.json()["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(sorted(stored), sorted(told), "{line}");
    }
}

#[tokio::test]
async fn a_line_narrows_parameters_coverage_and_timelines() {
    let (world, _) = filled().await;
    let list = world
        .api
        .list(&format!("/api/v1/events?{RANGE}&cluster=cluster-1,cluster-2&{}", q("-cluster:cluster-1")))
        .await;
    let told: Vec<_> = list["coverage"].as_array().unwrap().iter().map(|c| c["cluster"].clone()).collect();
    assert_eq!(told, ["cluster-2"], "coverage is told of the clusters that are meant");
    let path = format!("/api/v1/objects/cluster-1/Pod/recsys/pod-3/timeline?{RANGE}");
    let all = world.api.all(&path, "type").await;
    let warnings = world.api.all(&format!("{path}&{}", q("type:warning")), "type").await;
    assert!(!warnings.is_empty() && warnings.len() < all.len(), "{warnings:?} of {all:?}");
    assert!(warnings.iter().all(|kind| kind == "Warning"), "{warnings:?}");
    assert!(world.api.all(&format!("{path}&{}", q("cluster:cluster-2")), "id").await.is_empty());
}

#[tokio::test]
async fn faults_tell_their_place_and_unknown_clusters_those_there_are() {
    let (world, _) = filled().await;
    for path in ["/api/v1/events", "/api/v1/events/tail", "/api/v1/objects/cluster-1/Pod/a/b/timeline"] {
        let refused = world.api.get(&format!("{path}?{}", q("über nmae:x"))).await;
        let problem = refused.json();
        assert_eq!((refused.status, &problem["type"]), (400, &json!("/problems/bad-query-line")), "{path}");
        let line = &problem["parameter"]["line"];
        assert_eq!(
            line,
            &json!({"fault": "unknown_field", "character": 5, "byte": 6, "found": "nmae:x", "suggestion": "name"})
        );
    }
    let unknown = world.api.get(&format!("/api/v1/events?{}", q("-cluster:gone"))).await;
    assert_eq!((unknown.status, unknown.json()["parameter"]["name"].as_str()), (404, Some("q")), "{}", unknown.text);
    assert!(unknown.text.contains("cluster-1"), "{}", unknown.text);
}

#[tokio::test]
async fn a_line_under_the_pen_is_completed() {
    let (world, seeds) = filled().await;
    let complete = async |query: &str| world.api.list(&format!("/api/v1/complete?{RANGE}&{query}")).await;
    let inserts = |answer: &Value| -> Vec<String> {
        answer["items"].as_array().unwrap().iter().map(|item| item["insert"].as_str().unwrap().to_owned()).collect()
    };
    let names = complete("line=kind:Pod+re&at=11").await;
    assert_eq!((inserts(&names), &names["replace"]), (vec!["reason:".to_owned()], &json!({"from": 9, "to": 11})));
    let reasons = complete("line=reason:(Pulled+b").await;
    let count = seeds.iter().filter(|seed| seed.json["reason"] == "BackOff").count();
    assert_eq!(reasons["items"], json!([{"value": "BackOff", "insert": "BackOff", "states": count}]));
    assert_eq!((&reasons["field"], reasons.get("coverage")), (&json!("reason"), None));
    assert_eq!(inserts(&complete("field=cluster&prefix=CLUSTER-2").await), ["cluster-2"]);
    assert_eq!(inserts(&complete("field=ns&limit=1&cluster=cluster-1").await).len(), 1);
    assert_eq!(inserts(&complete("line=/re").await), [""; 0]);
    let long = format!("line={}+reason:B", "kind:Pod+".repeat(400));
    assert_eq!(inserts(&complete(&long).await), ["BackOff"], "a line of 3,600 bytes");
    assert_eq!(world.api.get("/api/v1/complete?field=what").await.status, 400);
}
