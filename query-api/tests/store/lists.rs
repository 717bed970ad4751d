//! Events: filters against the live tail's, pages, states, timelines.

use serde_json::{Value, json};

use super::{World, world};
use crate::support::{
    events::{Seed, append, cluster_uid, seed},
    sse::Tail,
    texts,
};

/// Holds every seed.
const RANGE: &str = "from=2026-11-23T00:00:00Z&to=2026-11-24T00:00:00Z";

fn seeds() -> Vec<Seed> {
    (0..120).map(|n| seed(1 + u128::from(n) % 3, n)).collect()
}

async fn filled() -> (World, Vec<Seed>) {
    let (world, seeds) = (world().await, seeds());
    world.insert("kube_event", seeds.iter().map(Seed::row)).await;
    (world, seeds)
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

#[tokio::test]
async fn store_and_tail_agree_on_every_filter() {
    let (world, seeds) = filled().await;
    let (_, begin) = Tail::open(&world.api, "", None).await;
    append(&world.log, seeds.iter().map(Seed::record)).await;
    let last = seeds.last().unwrap();
    let object = last.json["involvedObject"]["uid"].as_str().unwrap();
    let event = last.json["metadata"]["uid"].as_str().unwrap();
    for query in [
        "",
        "cluster=cluster-1",
        &format!("cluster={},cluster-2", cluster_uid(3)),
        "namespace=recsys",
        "namespace=_",
        "kind=Node",
        "kind=Pod&kind=Node&name=pod-3,node-5",
        &format!("uid={object}"),
        &format!("uid={event}"),
        "reason=BackOff,Failed&type=Normal",
        "component=scheduler",
        "component=kubelet,node-controller&node=node-1",
        "node=node-0",
        "found_by=list",
        "text=%C3%9CBER%2Franker%3A2.1",
        "text=it%27s+GONE",
        "text=no%20such%20text%20%27%20OR%201%3D1%20--%20%5C",
    ] {
        let stored = world.api.all(&format!("/api/v1/events?{RANGE}&{query}&limit=17"), "id").await;
        assert_eq!(stored.is_empty(), query.contains("no%20such"), "{query} tells something");
        let total = world.api.list(&format!("/api/v1/events?{RANGE}&{query}&total=true&limit=1")).await;
        assert_eq!(total["total"], json!({"value": stored.len(), "exact": true}), "{query}");
        let (mut tail, _) = Tail::open(&world.api, &format!("{query}&after={}", begin.id), None).await;
        let told = tail.messages(stored.len()).await;
        let told: Vec<_> = told.iter().map(|m| m.json()["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(sorted(stored), sorted(told), "{query}");
    }
}

#[tokio::test]
async fn pages_hold_everything_once_newest_first() {
    let (world, seeds) = filled().await;
    let one_time: Vec<_> = (200..230)
        .map(|n| {
            let mut twin = seed(1, n);
            twin.json["lastTimestamp"] = "2026-11-23T14:41:00Z".into();
            twin
        })
        .collect();
    world.insert("kube_event", one_time.iter().map(Seed::row)).await;
    let path = format!("/api/v1/events?{RANGE}&limit=7");
    let ids = world.api.all(&path, "id").await;
    assert_eq!(sorted(ids), sorted(seeds.iter().chain(&one_time).map(Seed::id).collect()));
    let times = world.api.all(&path, "time").await;
    assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "{times:?}");

    let page = world.api.list(&path).await;
    let next = page["next"].as_str().unwrap();
    for other in [
        format!("/api/v1/events?{RANGE}&limit=7&kind=Pod&cursor={next}"),
        format!("/api/v1/events?from=-1h&cursor={next}"),
        format!("/api/v1/clusters?{RANGE}&cursor={next}"),
        format!("/api/v1/events?{RANGE}&cursor={}x", next),
    ] {
        let refused = world.api.get(&other).await;
        assert_eq!((refused.status, refused.json()["type"].as_str()), (400, Some("/problems/bad-cursor")), "{other}");
    }
    let wider = world.api.list(&format!("/api/v1/events?{RANGE}&limit=20&cursor={next}")).await;
    assert_eq!(texts(&wider, "id").len(), 20, "the limit may change");
}

#[tokio::test]
async fn ranges_take_their_begin_and_leave_their_end() {
    let (world, seeds) = filled().await;
    let from = seeds[10].json["lastTimestamp"].as_str().unwrap();
    let to = seeds[20].json["lastTimestamp"].as_str().unwrap();
    let list = world.api.list(&format!("/api/v1/events?from={from}&to={to}")).await;
    assert_eq!(sorted(texts(&list, "id")), sorted(seeds[10..20].iter().map(Seed::id).collect()));
    assert_eq!(list["range"]["from"], from.replace('Z', ".000000Z"));
}

#[tokio::test]
async fn a_timeline_is_one_objects() {
    let (world, seeds) = filled().await;
    let of = |kind: &str, name: &str, cluster: &str| -> Vec<String> {
        let is = |seed: &&Seed| {
            let object = &seed.json["involvedObject"];
            object["kind"] == kind && object["name"] == name && seed.envelope.cluster_name == cluster
        };
        sorted(seeds.iter().filter(is).map(Seed::id).collect())
    };
    for (path, expected) in [
        ("cluster-1/Pod/recsys/pod-3", of("Pod", "pod-3", "cluster-1")),
        ("cluster-1/pod/recsys/pod-3", of("Pod", "pod-3", "cluster-1")),
        ("cluster-2/Node/_/node-5", of("Node", "node-5", "cluster-2")),
        ("cluster-2/no/_/node-5", of("Node", "node-5", "cluster-2")),
        ("cluster-2/Node/recsys/node-5", vec![]),
        ("cluster-1/Pod/recsys/po%2Fd%20'--", vec![]),
    ] {
        let path = format!("/api/v1/objects/{path}/timeline?{RANGE}&limit=2");
        assert_eq!(sorted(world.api.all(&path, "id").await), expected, "{path}");
    }
    let unknown = world.api.get("/api/v1/objects/nobody/Pod/a/b/timeline").await;
    assert_eq!((unknown.status, unknown.json()["type"].as_str()), (404, Some("/problems/unknown-cluster")));
    assert!(unknown.text.contains("cluster-1"), "it tells which there are: {}", unknown.text);
}

#[tokio::test]
async fn all_states_of_an_event_are_rebuilt() {
    let world = world().await;
    let states: Vec<Seed> = (0..5)
        .map(|n| {
            let mut state = seed(1, 1);
            state.json["metadata"]["resourceVersion"] = (2000 + n).to_string().into();
            state.json["count"] = n.into();
            state.json["lastTimestamp"] = format!("2026-11-23T14:50:{n:02}Z").into();
            state.json["odd"] = json!({"deep": [n, null, "ü"]});
            state
        })
        .collect();
    world.insert("kube_event", states.iter().chain(&[seed(2, 1)]).map(Seed::row)).await;
    let uid = states[0].json["metadata"]["uid"].as_str().unwrap();
    let list = world.api.list(&format!("/api/v1/events/cluster-1/{uid}")).await;
    let objects: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|item| &item["object"]).collect();
    let expected: Vec<&Value> = states.iter().rev().map(|state| &state.json).collect();
    assert_eq!(objects, expected);
    let paged = world.api.all(&format!("/api/v1/events/cluster-1/{uid}?limit=2"), "resource_version").await;
    assert_eq!(paged, ["2004", "2003", "2002", "2001", "2000"]);
    let unknown = world.api.get("/api/v1/events/cluster-1/0f8fad5b-d9cb-469f-a165-70867728950e").await;
    assert_eq!((unknown.status, unknown.json()["type"].as_str()), (404, Some("/problems/unknown-event")));
}

#[tokio::test]
async fn large_pages_end_early_and_go_on() {
    let world = world().await;
    let large: Vec<Seed> = (0..60)
        .map(|n| {
            let mut state = seed(1, n);
            state.json["message"] = "\u{1}ü".repeat(10_000).into();
            state
        })
        .collect();
    world.insert("kube_event", large.iter().map(Seed::row)).await;
    let first = world.api.list(&format!("/api/v1/events?{RANGE}&limit=1000")).await;
    assert!(first["next"].is_string() && texts(&first, "id").len() < 60);
    let all = world.api.all(&format!("/api/v1/events?{RANGE}&limit=1000"), "id").await;
    assert_eq!(sorted(all), sorted(large.iter().map(Seed::id).collect()));
}

#[tokio::test]
async fn clusters_are_known_by_all_their_names() {
    let (world, _) = filled().await;
    let uid = cluster_uid(1);
    let mut renamed = seed(1, 500);
    renamed.envelope.cluster_name = "new-name".into();
    world.insert("kube_event", [renamed.row()]).await;
    let row = json!({"cluster_uid": uid, "cluster": "new-name", "state": "complete", "from_time": "2026-11-23T14:00:00Z",
        "until_time": "2026-11-23T15:00:00Z", "session": uid, "log_offset": 1});
    world.insert("kube_coverage", [row]).await;
    let list = world.api.list(&format!("/api/v1/clusters?{RANGE}")).await;
    assert_eq!(texts(&list, "cluster_uid"), [uid, cluster_uid(2), cluster_uid(3)]);
    let first = &list["items"][0];
    assert_eq!((first["cluster"].as_str(), &first["names"]), (Some("new-name"), &json!(["new-name", "cluster-1"])));
    assert_eq!((first["states"].as_u64(), list["items"][1]["states"].as_u64()), (Some(41), Some(40)));
    for name in ["new-name", "cluster-1"] {
        let events = world.api.list(&format!("/api/v1/events?{RANGE}&cluster={name}&total=true")).await;
        assert_eq!(events["total"]["value"], 41, "{name}");
    }
    assert_eq!(world.api.all(&format!("/api/v1/clusters?{RANGE}&limit=1"), "cluster").await.len(), 3);
    let empty = world.api.list("/api/v1/clusters?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z").await;
    assert_eq!((empty["items"][0]["states"].as_u64(), &empty["items"][0]["first_time"]), (Some(0), &Value::Null));
}

#[tokio::test]
async fn rejects_are_listed() {
    let world = world().await;
    let row = |n: u64| {
        json!({"cluster_uid": cluster_uid(1), "cluster": "cluster-1", "observed": format!("2026-11-23T14:00:{n:02}Z"),
        "reason": if n.is_multiple_of(2) { "not_json" } else { "record" }, "detail": "odd", "frame_bytes": 3, "frame": "{\"a\": ü",
        "topic": "beidou.kube.reject.v1", "log_partition": 0, "log_offset": n})
    };
    world.insert("kube_reject", (0..9).map(row)).await;
    let cut = "INSERT INTO kube_reject (cluster_uid, observed, reason, frame) VALUES ('x', '2026-11-23 14:01:00', 'not_json', unhex('ff7bc3'))";
    world.engine.run(cut).await;
    let list = world.api.list(&format!("/api/v1/rejects?{RANGE}&limit=5")).await;
    assert_eq!(list["items"][0]["head"], "\u{fffd}{\u{fffd}", "bytes that are no text do no harm");
    assert_eq!(world.api.all(&format!("/api/v1/rejects?{RANGE}&limit=2"), "observed").await.len(), 10);
    assert_eq!(world.api.all(&format!("/api/v1/rejects?{RANGE}&reason=record"), "reason").await.len(), 4);
}

#[tokio::test]
async fn a_heavy_query_is_ended_and_told_as_such() {
    let (world, _) = filled().await;
    let config = beidou_query_api::QueryApiConfig { query_memory_bytes: 1, ..crate::support::config() };
    let strict = crate::support::start(config, world.log.clone(), world.engine.store()).await;
    let refused = strict.get(&format!("/api/v1/events?{RANGE}")).await;
    assert_eq!(
        (refused.status, refused.json()["type"].as_str()),
        (422, Some("/problems/too-much")),
        "{}",
        refused.text
    );
}

#[tokio::test]
async fn the_first_cluster_is_there_at_once() {
    let world = world().await;
    let clusters = async || world.api.get("/api/v1/clusters").await.json()["items"].as_array().unwrap().len();
    assert_eq!(clusters().await, 0);
    world.insert("kube_event", [seed(1, 1).row()]).await;
    assert_eq!(clusters().await, 1, "that there was none is not repeated");
}
