//! Drafts of operations: saved for all, over restarts, and never over the work of another without a word.

use beidou_log::{Log, ReadLimit};
use beidou_schemas::{
    Micros,
    operation::{
        DRAFTS,
        draft::{DraftDeleted, DraftFact, DraftSaved},
        fact::Body,
    },
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    Answer, Api, TOKEN, answer, log,
    operations::{BOSS, append, board_facts, tell, two_callers},
    without_store,
};

const PATH: &str = "/api/v1/operations/drafts";

async fn send(api: &Api, token: &str, method: Method, path: &str, body: Value) -> Answer {
    answer(api.client.request(method, format!("{}{PATH}{path}", api.url)).bearer_auth(token).json(&body)).await
}

async fn post(api: &Api, body: Value) -> Answer {
    send(api, TOKEN, Method::POST, "", body).await
}

fn kind(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["type"].as_str().unwrap_or_default().replace("/problems/", ""))
}

fn refusal(status: u16, kind: &str) -> (u16, String) {
    (status, kind.to_owned())
}

#[tokio::test]
async fn drafts_are_kept_for_all_and_over_restarts() {
    let log = log();
    let api = two_callers(log.clone()).await;
    assert_eq!(api.list(PATH).await["items"], json!([]));
    let spec = json!({"clusterName": "c1", "operationType": "ScaleUp", "batches": {"canary": "no number"}});
    let form = json!({"text": "10.0.0.11 node-1\n10.0.0"});
    let made = post(&api, json!({"name": "", "spec": spec, "form": form})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    assert_eq!((&made["title"], &made["version"]), (&json!("ScaleUp · c1"), &json!(1)));
    let id = made["id"].as_str().unwrap().to_owned();
    // Another person, at another server.
    let again = two_callers(log).await;
    let found = again.list(&format!("{PATH}/{id}")).await;
    assert_eq!((&found["spec"], &found["form"], &found["subject"]), (&spec, &form, &json!("tester")));
    let body = json!({"version": 1, "name": "ops/a", "spec": {}});
    let saved = send(&again, BOSS, Method::PUT, &format!("/{id}"), body).await;
    assert_eq!((saved.status, &saved.json()["version"]), (200, &json!(2)), "{}", saved.text);
    let items = api.list(PATH).await["items"].clone();
    assert_eq!((&items[0]["title"], &items[0]["subject"]), (&json!("ops/a"), &json!("boss")));
    assert_eq!(api.list(&format!("{PATH}/{id}")).await["form"], Value::Null);
    assert_eq!(send(&api, TOKEN, Method::DELETE, &format!("/{id}"), Value::Null).await.status, 204);
    let gone = again.get(&format!("{PATH}/{id}")).await;
    assert_eq!(kind(&gone), refusal(404, "unknown-draft"));
    assert_eq!(again.list(PATH).await["items"], json!([]));
}

#[tokio::test]
async fn who_changes_an_old_version_is_told_who_was_faster() {
    let log = log();
    let api = two_callers(log.clone()).await;
    let id = post(&api, json!({"spec": {}})).await.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/{id}");
    let body = |name: &str| json!({"version": 1, "name": name, "spec": {}});
    // Two people save the same version at two servers, at once.
    let other = two_callers(log).await;
    let (a, b) = tokio::join!(
        send(&api, TOKEN, Method::PUT, &path, body("mine")),
        send(&other, BOSS, Method::PUT, &path, body("yours")),
    );
    let (won, lost, winner) = if a.status == 200 { (a, b, "tester") } else { (b, a, "boss") };
    assert_eq!((won.status, kind(&lost)), (200, refusal(409, "draft-changed")), "{} {}", won.text, lost.text);
    let detail = lost.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with(&format!("version 2 was saved by {winner} at ")), "{detail}");
    let kept = api.list(&format!("{PATH}/{id}")).await;
    assert_eq!((&kept["subject"], &kept["version"]), (&json!(winner), &json!(2)));
    // What somebody else saved meanwhile is not deleted along.
    let old = send(&api, TOKEN, Method::DELETE, &format!("{path}?version=1"), Value::Null).await;
    assert_eq!(kind(&old), refusal(409, "draft-changed"));
    assert_eq!(send(&api, TOKEN, Method::DELETE, &format!("{path}?version=2"), Value::Null).await.status, 204);
    assert_eq!(kind(&send(&api, TOKEN, Method::PUT, &path, body("late")).await), refusal(404, "unknown-draft"));
}

#[tokio::test]
async fn a_secret_is_refused_and_not_repeated() {
    let log = log();
    let mut facts = board_facts();
    for fact in &mut facts {
        if let Body::BundleKnown(known) = &mut fact.body
            && known.bundle.name == "scale-up"
        {
            known.bundle.parameters = json!({"properties": {"token": {"x-secret": true}, "path": {}}});
        }
    }
    tell(&log, &facts).await;
    let api = without_store(log).await;
    let values = json!({"token": "hunter2"});
    for (body, field) in [
        (json!({"spec": {"bundle": "scale-up", "parameters": values}}), "spec.parameters.token"),
        (json!({"spec": {"parameters": values}}), "spec.parameters.token"),
        (json!({"spec": {"bundle": "scale-up"}, "form": {"values": values}}), "form.values.token"),
        (json!({"spec": {"operationMachines": [{}, {"vars": values}]}}), "spec.operationMachines[1].vars.token"),
    ] {
        let refused = post(&api, body).await;
        assert_eq!(
            (kind(&refused), &refused.json()["parameter"]["name"]),
            (refusal(400, "bad-parameter"), &json!(field))
        );
        assert!(!refused.text.contains("hunter2"), "{}", refused.text);
    }
    let secrets = json!([{"parameter": "token", "secret": "s", "key": "k"}]);
    let body = json!({"spec": {"bundle": "scale-up", "parameters": {"path": "/"}, "secrets": secrets}});
    assert_eq!(post(&api, body).await.status, 201);
    // The bundle that is named has no such secret: whether it has the parameter at all is asked at the start.
    assert_eq!(post(&api, json!({"spec": {"bundle": "scale-down", "parameters": {"path": "/"}}})).await.status, 201);
}

#[tokio::test]
async fn drafts_are_bounded_and_nothing_is_written_of_what_is_refused() {
    let log = log();
    let api = without_store(log.clone()).await;
    let large = post(&api, json!({"spec": {}, "form": {"text": "x".repeat(256 << 10)}})).await;
    assert_eq!(kind(&large), refusal(413, "too-large"));
    assert_eq!(large.json()["parameter"]["name"], "body");
    for body in
        [json!({}), json!({"spec": []}), json!({"spec": {}, "colour": 1}), json!({"spec": {}, "name": "x".repeat(508)})]
    {
        assert_eq!(post(&api, body).await.status, 400);
    }
    for path in [format!("{PATH}/x"), format!("{PATH}?x=1")] {
        assert_eq!(api.get(&path).await.status, 400);
    }
    let id = Uuid::from_u128(1);
    let version = send(&api, TOKEN, Method::DELETE, &format!("/{id}?version=0"), Value::Null).await;
    assert_eq!((version.status, &version.json()["parameter"]["name"]), (400, &json!("version")));
    assert_eq!(api.bare(PATH).await.status, 401);
    let limit = ReadLimit { max_bytes: usize::MAX, max_wait: Default::default() };
    assert!(log.read(DRAFTS, 0, limit).await.unwrap().records.is_empty());
    let form = json!({"text": "x".repeat(255 << 10)});
    assert_eq!(post(&api, json!({"name": "a", "spec": {}, "form": form})).await.status, 201);
    let first = log.read(DRAFTS, 0, limit).await.unwrap().records.remove(0);
    let DraftFact::Saved(first) = DraftFact::from_json(&first.record.value).unwrap() else { panic!("not saved") };
    let more = (2..=500_u128).map(|n| {
        let (id, form) = (Uuid::from_u128(n), Value::Null);
        DraftFact::Saved(DraftSaved { id, form, name: "é".repeat(507), ..first.clone() })
    });
    append(&log, DRAFTS, more.map(|fact| fact.to_record(Uuid::new_v4())).collect()).await;
    assert_eq!(api.list(PATH).await["items"].as_array().unwrap().len(), 500);
    assert_eq!(kind(&post(&api, json!({"spec": {}})).await), refusal(409, "drafts-full"));
    let path = format!("/{}", first.id);
    let saved = send(&api, TOKEN, Method::PUT, &path, json!({"version": 1, "spec": {}})).await;
    assert_eq!(saved.status, 200, "one that is there is still saved: {}", saved.text);
    assert_eq!(send(&api, TOKEN, Method::DELETE, &path, Value::Null).await.status, 204);
    assert_eq!(post(&api, json!({"spec": {}})).await.status, 201);
}

#[tokio::test]
async fn a_fact_of_a_newer_version_ends_the_answers() {
    let log = log();
    let deleted = DraftDeleted { id: Uuid::from_u128(1), version: 1, subject: "a".into(), time: Micros(1) };
    let mut record = DraftFact::Deleted(deleted).to_record(Uuid::new_v4());
    record.value = br#"{"kind":3}"#.as_slice().into();
    append(&log, DRAFTS, vec![record]).await;
    let api = without_store(log).await;
    let refused = api.get(PATH).await;
    assert_eq!(kind(&refused), refusal(503, "log-away"), "{}", refused.text);
}
