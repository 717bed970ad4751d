//! The server behaves as a real API server does for Events: list, watch, write, rights.

use crate::harness::{EVENTS, Frames, Harness, IN_BEIDOU, Next, heartbeat, number};
use beidou_simulator::clock::HOUR_US;
use beidou_simulator::{Access, ApiServer};
use reqwest::Method;
use serde_json::{Value, json};

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";

#[tokio::test]
async fn discovery_and_identity() {
    let harness = Harness::start().await;
    assert_eq!(harness.get("/readyz").await, (200, Value::String("ok".into())));
    let (_, version) = harness.get("/version").await;
    assert_eq!(version["gitVersion"], harness.server.cluster().version);
    let (_, system) = harness.get("/api/v1/namespaces/kube-system").await;
    assert_eq!(system["metadata"]["uid"], harness.server.cluster().uid.to_string());
    let (code, status) = harness.get("/api/v1/pods").await;
    assert_eq!((code, &status["kind"]), (404, &json!("Status")));
}

#[tokio::test]
async fn a_wrong_or_missing_token_is_refused() {
    let harness = Harness::start().await;
    let url = format!("{}{EVENTS}", harness.server.url());
    for request in [harness.client.get(&url), harness.client.get(&url).bearer_auth("wrong")] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.json::<Value>().await.unwrap()["reason"], "Unauthorized");
    }
}

#[tokio::test]
async fn a_paged_list_is_one_snapshot() {
    let mut harness = Harness::start().await;
    harness.emit(40);
    let stored = harness.server.stored();
    let (code, page) = harness.get(&format!("{EVENTS}?limit=7")).await;
    assert_eq!(code, 200);
    assert_eq!(page["metadata"]["remainingItemCount"], stored.len() - 7);
    let token = page["metadata"]["continue"].as_str().unwrap().to_owned();
    let snapshot = &page["metadata"]["resourceVersion"];
    harness.emit(30);
    let (_, second) = harness.get(&format!("{EVENTS}?limit=1000&continue={token}")).await;
    assert_eq!(&second["metadata"]["resourceVersion"], snapshot);
    let items: Vec<_> = [&page, &second].iter().flat_map(|page| page["items"].as_array().unwrap().clone()).collect();
    let listed: Vec<_> = items.iter().map(|item| number(&item["metadata"]["resourceVersion"])).collect();
    assert_eq!(listed, stored.iter().map(|(_, version)| *version).collect::<Vec<_>>());
    assert!(items.iter().all(|item| item.get("kind").is_none()), "items of a list carry no kind");
}

#[tokio::test]
async fn a_continue_token_dies_with_compaction_and_offers_an_inconsistent_one() {
    let mut harness = Harness::start().await;
    harness.emit(40);
    let (_, page) = harness.get(&format!("{EVENTS}?limit=7")).await;
    let token = page["metadata"]["continue"].as_str().unwrap();
    harness.emit(1);
    harness.server.faults().compact_now();
    let (code, status) = harness.get(&format!("{EVENTS}?limit=7&continue={token}")).await;
    assert_eq!((code, &status["reason"]), (410, &json!("Expired")));
    let resume = status["metadata"]["continue"].as_str().unwrap();
    let (code, rest) = harness.get(&format!("{EVENTS}?continue={resume}")).await;
    assert_eq!((code, rest["items"].as_array().unwrap().len()), (200, harness.server.stored().len() - 7));
    let (code, _) = harness.get(&format!("{EVENTS}?limit=7&continue=nonsense")).await;
    assert_eq!(code, 400);
}

#[tokio::test]
async fn a_list_from_the_future_times_out() {
    let harness = Harness::start().await;
    let (code, status) = harness.get(&format!("{EVENTS}?resourceVersion={}", harness.version() + 1)).await;
    assert_eq!((code, &status["reason"]), (504, &json!("Timeout")));
    assert!(status["message"].as_str().unwrap().starts_with("Too large resource version"));
}

#[tokio::test]
async fn a_watch_brings_what_comes_after_its_version_and_nothing_else() {
    let mut harness = Harness::start().await;
    harness.emit(5);
    let from = harness.version();
    let before = harness.emit(5);
    let mut frames = harness.watch(from).await;
    assert_eq!(frames.versions(5).await, before, "changes made before the watch began");
    let after = harness.emit(300);
    assert_eq!(frames.versions(300).await, after, "changes made while it runs");
    assert!(after.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(after.last().unwrap() - after[0] > 300, "other resources take versions too");
}

#[tokio::test]
async fn updates_are_modifications_and_expiry_is_a_deletion_of_the_last_object() {
    let mut harness = Harness::start().await;
    let mut frames = harness.watch(harness.version()).await;
    let mut record = harness.record();
    harness.report(&mut record);
    assert_eq!(frames.frame().await["type"], "ADDED");
    harness.clock.advance(HOUR_US / 2);
    harness.report(&mut record);
    let last = frames.frame().await;
    assert_eq!(last["type"], "MODIFIED");
    harness.clock.advance(HOUR_US / 2 + 1);
    harness.server.tick();
    assert_eq!(harness.server.stored().len(), 1, "a write restarts the time to live");
    harness.clock.advance(HOUR_US / 2);
    harness.server.tick();
    let deleted = frames.frame().await;
    assert_eq!(deleted["type"], "DELETED");
    assert_eq!(deleted["object"]["message"], last["object"]["message"]);
    assert_eq!(number(&deleted["object"]["metadata"]["resourceVersion"]), harness.version());
    assert!(harness.server.stored().is_empty());
}

#[tokio::test]
async fn a_watch_ends_cleanly_at_its_timeout_and_has_no_bookmarks() {
    let harness = Harness::start().await;
    let query = format!("resourceVersion={}&timeoutSeconds=1&allowWatchBookmarks=true", harness.version());
    let mut frames = Frames::of(harness.watch_with(&query).await);
    assert!(matches!(frames.next().await, Next::End(rest) if rest.is_empty()));
}

#[tokio::test]
async fn a_watch_without_a_version_starts_with_the_present_state() {
    let mut harness = Harness::start().await;
    harness.emit(3);
    let stored = harness.server.stored().len();
    let response =
        harness.watch_with("sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan").await;
    let mut frames = Frames::of(response);
    for _ in 0..stored {
        assert_eq!(frames.frame().await["type"], "ADDED");
    }
    let bookmark = frames.frame().await;
    assert_eq!(bookmark["type"], "BOOKMARK");
    assert_eq!(number(&bookmark["object"]["metadata"]["resourceVersion"]), harness.version());
    let later = harness.emit(1);
    assert_eq!(frames.versions(1).await, later);
}

#[tokio::test]
async fn a_watch_from_the_future_skips_until_there() {
    let mut harness = Harness::start().await;
    let from = harness.version() + 50;
    let mut frames = harness.watch(from).await;
    let later: Vec<_> = harness.emit(60).into_iter().filter(|version| *version > from).collect();
    assert_eq!(frames.versions(later.len()).await, later);
}

#[tokio::test]
async fn a_namespace_has_its_own_list_and_watch() {
    let mut harness = Harness::start().await;
    harness.emit(20);
    let (code, made) = harness.send(Method::POST, IN_BEIDOU, JSON, &heartbeat("one")).await;
    assert_eq!(code, 201, "{made}");
    let (_, page) = harness.get(IN_BEIDOU).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    let response =
        harness.request(Method::GET, &format!("{IN_BEIDOU}?watch=true&resourceVersion={}", harness.version()));
    let mut frames = Frames::of(response.send().await.unwrap());
    harness.emit(20);
    harness.send(Method::POST, IN_BEIDOU, JSON, &heartbeat("two")).await;
    assert_eq!(frames.frame().await["object"]["metadata"]["name"], "two");
}

#[tokio::test]
async fn a_heartbeat_is_created_patched_and_replaced() {
    let harness = Harness::start().await;
    let one = format!("{IN_BEIDOU}/one");
    assert_eq!(harness.send(Method::PATCH, &one, MERGE, &json!({ "count": 2 })).await.0, 404);
    let (code, made) = harness.send(Method::POST, IN_BEIDOU, JSON, &heartbeat("one")).await;
    assert_eq!(code, 201);
    assert!(made["metadata"]["uid"].is_string() && made["metadata"]["creationTimestamp"].is_string());
    let (code, status) = harness.send(Method::POST, IN_BEIDOU, JSON, &heartbeat("one")).await;
    assert_eq!((code, &status["reason"]), (409, &json!("AlreadyExists")));

    let (code, patched) = harness.send(Method::PATCH, &one, MERGE, &json!({ "count": 2, "message": null })).await;
    assert_eq!((code, &patched["count"]), (200, &json!(2)));
    assert!(patched.get("message").is_none());
    assert_eq!(patched["metadata"]["uid"], made["metadata"]["uid"]);
    let versions = [&made, &patched].map(|event| number(&event["metadata"]["resourceVersion"]));
    assert!(versions[0] < versions[1]);
    assert_eq!(harness.get(&one).await, (200, patched.clone()));

    assert_eq!(harness.send(Method::PUT, &one, JSON, &patched).await.0, 200);
    assert_eq!(harness.send(Method::PUT, &one, JSON, &patched).await.0, 409, "the version is no longer the newest");
    assert_eq!(harness.send(Method::PATCH, &one, "application/apply-patch+yaml", &json!({})).await.0, 415);
    let stem = json!({ "metadata": { "generateName": "beat-" }, "involvedObject": { "namespace": "beidou" } });
    let (code, named) = harness.send(Method::POST, IN_BEIDOU, JSON, &stem).await;
    assert_eq!(code, 201);
    assert!(named["metadata"]["name"].as_str().unwrap().len() > "beat-".len());
}

#[tokio::test]
async fn events_that_a_real_server_refuses_are_refused() {
    let harness = Harness::start().await;
    let mut elsewhere = heartbeat("one");
    elsewhere["involvedObject"]["namespace"] = json!("default");
    let mut half_new = heartbeat("two");
    half_new["eventTime"] = json!("2026-11-23T06:26:00.000000Z");
    let mut nameless = heartbeat("three");
    nameless["metadata"] = json!({});
    for event in [elsewhere, half_new, nameless] {
        let (code, status) = harness.send(Method::POST, IN_BEIDOU, JSON, &event).await;
        assert_eq!((code, &status["reason"]), (422, &json!("Invalid")), "{event}");
    }
    let (code, _) = harness.send(Method::POST, IN_BEIDOU, JSON, &json!("not an object")).await;
    assert_eq!(code, 400);
}

#[tokio::test]
async fn rights_are_refused_and_reviewed_alike() {
    let harness = Harness::start().await;
    harness.server.set_access(Access { can_create_events: false, can_watch_events: false, ..Access::default() });
    let (code, status) = harness.send(Method::POST, IN_BEIDOU, JSON, &heartbeat("one")).await;
    assert_eq!((code, &status["reason"]), (403, &json!("Forbidden")));
    assert!(status["message"].as_str().unwrap().contains("cannot create resource \"events\""));
    assert_eq!(harness.watch_with("resourceVersion=1").await.status(), 403);
    assert_eq!(harness.get(EVENTS).await.0, 200);

    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    for (verb, allowed) in [("create", false), ("watch", false), ("list", true)] {
        let review = json!({ "spec": { "resourceAttributes": { "verb": verb, "resource": "events" } } });
        let (code, answer) = harness.send(Method::POST, path, JSON, &review).await;
        assert_eq!((code, &answer["status"]["allowed"]), (201, &json!(allowed)), "{verb}");
    }
    let path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let (_, rules) = harness.send(Method::POST, path, JSON, &json!({ "spec": { "namespace": "default" } })).await;
    let rules = rules["status"]["resourceRules"].to_string();
    assert!(rules.contains("\"list\"") && !rules.contains("\"watch\""));
}

#[tokio::test]
async fn live_objects_sometimes_carry_managed_fields() {
    let mut harness = Harness::start().await;
    harness.emit(60);
    let (_, items) = harness.list(500).await;
    let managed = items.iter().filter(|item| item["metadata"].get("managedFields").is_some()).count();
    assert!(managed > 0 && managed < items.len(), "{managed} of {}", items.len());
}

#[tokio::test]
async fn a_stopped_server_frees_its_port_and_kubeconfig_names_its_clusters() {
    let harness = Harness::start().await;
    let config = ApiServer::kubeconfig(std::slice::from_ref(&harness.server));
    assert!(config.contains("current-context: hz-prod-01") && config.contains(&harness.server.url()));
    let mut frames = harness.watch(harness.version()).await;
    harness.server.stop();
    assert!(matches!(frames.next().await, Next::Broken(_)));
}

#[tokio::test]
async fn a_node_that_joins_is_told_of_once() {
    let harness = Harness::start().await;
    let before = harness.server.stored().len();
    for _ in 0..2 {
        harness.server.register_node("fresh-1", "10.0.0.9", "beidou.io/joining");
    }
    assert_eq!(harness.server.stored().len() - before, 3);
    let event: Value = serde_json::from_slice(&harness.server.event("default", "fresh-1.nodeready").unwrap()).unwrap();
    assert_eq!((&event["involvedObject"]["kind"], &event["source"]["host"]), (&json!("Node"), &json!("fresh-1")));
    let (code, node) = harness.get("/api/v1/nodes/fresh-1").await;
    assert_eq!((code, &node["spec"]["taints"][0]["key"]), (200, &json!("beidou.io/joining")));
}
