//! Saved queries, short links, audits and rebuilds: what is asked stands on the log, and what stands there is answered.

use std::sync::Arc;

use beidou_log::{Log, ReadLimit, memory::MemoryLog};
use beidou_schemas::{
    Micros,
    maintenance::{
        AuditReport, Fault, Finding,
        fact::{Audited, Failed, LinkSaved, OUTCOMES, Outcome, REQUESTS, Request},
    },
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, Api, TOKEN, answer, log, without_store};

async fn send(api: &Api, method: Method, path: &str, body: Value) -> Answer {
    answer(api.client.request(method, format!("{}{path}", api.url)).bearer_auth(TOKEN).json(&body)).await
}

async fn requests(log: &Arc<MemoryLog>) -> Vec<Request> {
    let limit = ReadLimit { max_bytes: usize::MAX, max_wait: Default::default() };
    let batch = log.read(REQUESTS, 0, limit).await.unwrap();
    batch.records.iter().map(|stored| Request::from_json(&stored.record.value).unwrap()).collect()
}

async fn tell(log: &Arc<MemoryLog>, outcome: Outcome) {
    let record = outcome.to_record(Uuid::new_v4(), Micros(9));
    log.writer(OUTCOMES, "test").await.unwrap().append(vec![record]).await.unwrap();
}

#[tokio::test]
async fn queries_are_saved_for_all_and_over_restarts() {
    let log = log();
    let api = without_store(log.clone()).await;
    assert_eq!(api.list("/api/v1/queries").await["items"], json!([]));
    let line = "reason:BackOff -namespace:kube-system";
    let saved = send(&api, Method::PUT, "/api/v1/queries/crash-loops", json!({"line": "reason:x"})).await;
    assert_eq!((saved.status, &saved.json()["subject"]), (200, &json!("tester")));
    let body = json!({"line": line, "description": "first look"});
    assert_eq!(send(&api, Method::PUT, "/api/v1/queries/crash-loops", body).await.status, 200);
    assert_eq!(send(&api, Method::PUT, "/api/v1/queries/b", json!({"line": "count>9"})).await.status, 200);
    let again = without_store(log.clone()).await;
    let found = again.list("/api/v1/queries").await;
    let lines: Vec<_> = found["items"].as_array().unwrap().iter().map(|item| (&item["name"], &item["line"])).collect();
    assert_eq!(lines, [(&json!("b"), &json!("count>9")), (&json!("crash-loops"), &json!(line))]);
    assert_eq!(send(&again, Method::DELETE, "/api/v1/queries/b", Value::Null).await.status, 204);
    let gone = send(&again, Method::DELETE, "/api/v1/queries/b", Value::Null).await;
    assert_eq!((gone.status, &gone.json()["type"]), (404, &json!("/problems/unknown-query")));
    // The other process reads what this one wrote.
    assert_eq!(api.list("/api/v1/queries").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_saved_is_refused_with_its_place_and_nothing_is_written() {
    let log = log();
    let api = without_store(log.clone()).await;
    let put = async |name: &str, body: Value| send(&api, Method::PUT, &format!("/api/v1/queries/{name}"), body).await;
    let bad = put("a", json!({"line": "kind:Pod nmespace:x"})).await.json();
    assert_eq!((&bad["type"], &bad["parameter"]["name"]), (&json!("/problems/bad-query-line"), &json!("line")));
    assert_eq!((&bad["parameter"]["line"]["character"], &bad["status"]), (&json!(9), &json!(400)));
    for (name, body) in [
        ("Big", json!({"line": "a"})),
        ("a", json!({"line": "a", "colour": "red"})),
        ("a", json!({})),
        ("a", json!({"line": "a", "description": "x".repeat(1001)})),
    ] {
        let refused = put(name, body).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
    }
    assert_eq!(put("a", json!({"line": "x".repeat(20_000)})).await.status, 413);
    assert!(requests(&log).await.is_empty());
    assert_eq!(api.get("/api/v1/queries?x=1").await.status, 400);
}

#[tokio::test]
async fn statements_are_saved_beside_lines_and_a_name_stands_for_one_of_them() {
    let log = log();
    let api = without_store(log.clone()).await;
    let put = async |name: &str, body: Value| send(&api, Method::PUT, &format!("/api/v1/queries/{name}"), body).await;
    let sql = "SELECT reason, count() FROM events WHERE time >= {from} AND time < {to} GROUP BY reason";
    let saved = put("reasons", json!({"sql": sql, "description": "by reason"})).await;
    assert_eq!((saved.status, saved.json().get("line"), &saved.json()["sql"]), (200, None, &json!(sql)));
    assert_eq!(put("a", json!({"line": "count>9"})).await.status, 200);
    let forms = async |api: &Api| {
        let found = api.list("/api/v1/queries").await;
        let items = found["items"].as_array().unwrap();
        items.iter().map(|item| (item.get("line").cloned(), item.get("sql").cloned())).collect::<Vec<_>>()
    };
    let again = without_store(log.clone()).await;
    assert_eq!(forms(&again).await, [(Some(json!("count>9")), None), (None, Some(json!(sql)))]);
    assert_eq!(put("a", json!({"sql": "SELECT count() FROM events"})).await.status, 200);
    assert_eq!(forms(&api).await[0], (None, Some(json!("SELECT count() FROM events"))));
    assert_eq!(send(&api, Method::DELETE, "/api/v1/queries/reasons", Value::Null).await.status, 204);
    assert_eq!(forms(&api).await.len(), 1);
}

#[tokio::test]
async fn the_list_of_saved_queries_is_paged_and_no_page_is_larger_than_a_megabyte() {
    let api = without_store(log()).await;
    let sql = format!("SELECT '{}'", "x".repeat(12_000));
    let names: Vec<String> = (100..190).map(|n| format!("large-{n}")).collect();
    for name in &names {
        let saved = send(&api, Method::PUT, &format!("/api/v1/queries/{name}"), json!({"sql": sql})).await;
        assert_eq!(saved.status, 200, "{}", saved.text);
    }
    let first = api.list("/api/v1/queries?limit=1000").await;
    assert_eq!(first["total"]["value"], 90);
    assert!(first["next"].is_string() && first["items"].as_array().unwrap().len() > 70, "cut where it is full");
    for limit in [1000, 7] {
        assert_eq!(api.all(&format!("/api/v1/queries?limit={limit}"), "name").await, names);
    }
}

#[tokio::test]
async fn no_statement_is_saved_that_could_not_be_run() {
    let log = log();
    let api = without_store(log.clone()).await;
    let put = async |body: Value| send(&api, Method::PUT, "/api/v1/queries/a", body).await;
    let long = format!("SELECT '{}'", "x".repeat(12 * 1024));
    for (sql, says) in [
        ("DROP TABLE events", "SELECT"),
        ("SELECT name FROM system.tables", "system"),
        ("SELECT {since}", "{since}"),
        (long.as_str(), "at most 12288"),
    ] {
        let saved = put(json!({"sql": sql})).await.json();
        // The same problem as where it is run, but for the name of the field.
        let body = json!({"query": sql});
        let run = send(&api, Method::POST, "/api/v1/sql?from=-1h", body).await.json();
        assert_eq!(
            (&saved["type"], &saved["parameter"]["name"]),
            (&json!("/problems/bad-sql"), &json!("sql")),
            "{saved}"
        );
        assert_eq!((&saved["detail"], &saved["parameter"]["line"]), (&run["detail"], &run["parameter"]["line"]));
        assert!(saved["detail"].as_str().unwrap().contains(says), "{saved}");
    }
    for (body, has) in [
        (json!({"line": "a", "sql": "SELECT 1"}), "both of line and sql"),
        (json!({"description": "a"}), "neither of line and sql"),
        (json!({"line": null}), "neither of line and sql"),
    ] {
        let refused = put(body).await;
        assert_eq!((refused.status, &refused.json()["type"]), (400, &json!("/problems/bad-parameter")));
        assert!(refused.json()["detail"].as_str().unwrap().contains(has), "{}", refused.text);
    }
    assert!(requests(&log).await.is_empty());
}

#[tokio::test]
async fn an_address_has_one_short_link_for_all_and_over_restarts() {
    let log = log();
    let api = without_store(log.clone()).await;
    let address = "/events?from=-6h&q=reason%3ABackOff";
    let post =
        async |api: &Api, address: &str| send(api, Method::POST, "/api/v1/links", json!({"address": address})).await;
    let made = post(&api, address).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let link = made.json();
    assert_eq!((&link["address"], &link["subject"]), (&json!(address), &json!("tester")));
    let id = link["id"].as_str().unwrap();
    assert!(id.len() == 10 && id.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{id}");
    assert_ne!(post(&api, "/sql").await.json()["id"], link["id"]);
    let again = without_store(log.clone()).await;
    assert_eq!(post(&again, address).await.json(), link);
    assert_eq!(again.list(&format!("/api/v1/links/{id}")).await, link);
    assert_eq!(requests(&log).await.len(), 2, "what is known is not written again");
    let unknown = again.get("/api/v1/links/nothing").await;
    assert_eq!((unknown.status, &unknown.json()["type"]), (404, &json!("/problems/unknown-link")));
    assert_eq!(again.bare(&format!("/api/v1/links/{id}")).await.status, 401);
}

#[tokio::test]
async fn a_short_link_never_leads_to_the_address_of_another() {
    let body = json!({"address": "/events"});
    let made = send(&without_store(log()).await, Method::POST, "/api/v1/links", body.clone()).await.json();
    let id = made["id"].as_str().unwrap();
    let log = log();
    let other = LinkSaved { id: id.into(), address: "/sql".into(), subject: "a".into(), time: Micros(9) };
    let record = Request::LinkSaved(other).to_record(Uuid::new_v4());
    log.writer(REQUESTS, "test").await.unwrap().append(vec![record]).await.unwrap();
    let api = without_store(log).await;
    let longer = send(&api, Method::POST, "/api/v1/links", body).await.json();
    let longer = longer["id"].as_str().unwrap();
    assert!(longer.len() == id.len() + 1 && longer.starts_with(id), "{longer}");
    for (id, address) in [(id, "/sql"), (longer, "/events")] {
        assert_eq!(api.list(&format!("/api/v1/links/{id}")).await["address"], address);
    }
}

#[tokio::test]
async fn an_address_that_leads_elsewhere_or_holds_a_fragment_is_refused() {
    let log = log();
    let api = without_store(log.clone()).await;
    let post = async |body: Value| send(&api, Method::POST, "/api/v1/links", body).await;
    let long = format!("/{}", "x".repeat(15 * 1024));
    for address in
        ["", "events", "//evil.example", "https://evil.example/", "/#token=bd_secret", "/a\nb", long.as_str()]
    {
        let refused = post(json!({"address": address})).await;
        let problem = refused.json();
        assert_eq!((refused.status, &problem["parameter"]["name"]), (400, &json!("address")), "{problem}");
        assert!(problem["parameter"]["allowed"].as_str().unwrap().contains("beginning with one '/'"), "{problem}");
        let shown: String = address.chars().take(200).collect();
        assert_eq!(problem["parameter"]["value"], json!(shown));
    }
    assert_eq!(post(json!({"address": "/a", "id": "b"})).await.status, 400);
    assert!(requests(&log).await.is_empty());
}

fn found(detail: String) -> AuditReport {
    let mut report = AuditReport::default();
    report.find(Finding {
        fault: Fault::Missing,
        cluster_uid: "c".into(),
        hour: "2026-11-23T14".into(),
        place: String::new(),
        rows: 3,
        repaired: false,
        detail,
    });
    report
}

#[tokio::test]
async fn an_audit_is_asked_for_and_told_when_it_is_done() {
    let log = log();
    let api = without_store(log.clone()).await;
    let accepted = send(&api, Method::POST, "/api/v1/audits", json!({"full": true})).await;
    assert_eq!(accepted.status, 202, "{}", accepted.text);
    let id: Uuid = accepted.json()["id"].as_str().unwrap().parse().unwrap();
    let asked = requests(&log).await;
    assert!(
        matches!(&asked[..], [Request::AuditAsked(a)] if a.id == id && a.full && a.subject == "tester"),
        "{asked:?}"
    );
    let path = format!("/api/v1/audits/{id}");
    assert_eq!(api.list(&path).await["state"], "open");
    let report = AuditReport { full: true, ..found("neither archive nor log has them".into()) };
    tell(&log, Outcome::Audited(Audited { id, report })).await;
    let done = api.list(&path).await;
    assert_eq!((&done["state"], &done["audit"]["unrepaired"]), (&json!("done"), &json!(1)));
    assert_eq!(done["audit"]["findings"][0]["fault"], "missing");
    // One that ran by itself.
    tell(&log, Outcome::Failed(Failed { id: Uuid::from_u128(5), why: "the archive was away".into() })).await;
    let all = api.list("/api/v1/audits").await;
    let states: Vec<_> = all["items"].as_array().unwrap().iter().map(|item| &item["state"]).collect();
    assert_eq!(states, ["done", "failed"]);
    assert_eq!(all["items"][1]["subject"], Value::Null);
}

#[tokio::test]
async fn the_list_of_audits_is_paged_and_no_page_is_larger_than_a_megabyte() {
    let log = log();
    let api = without_store(log.clone()).await;
    let ids: Vec<Uuid> = (1..=30).map(Uuid::from_u128).collect();
    for id in &ids {
        tell(&log, Outcome::Audited(Audited { id: *id, report: found("x".repeat(100_000)) })).await;
    }
    let first = api.list("/api/v1/audits").await;
    assert_eq!(first["total"]["value"], 30);
    assert_eq!(first["items"].as_array().unwrap().len(), 9, "cut where it is full");
    // Told in the same moment, they stand in the order of their ids.
    let newest_first: Vec<String> = ids.iter().rev().map(Uuid::to_string).collect();
    for limit in [1000, 7] {
        assert_eq!(api.all(&format!("/api/v1/audits?limit={limit}"), "id").await, newest_first);
    }
    let next = first["next"].as_str().unwrap();
    assert_eq!(api.get(&format!("/api/v1/rebuilds?cursor={next}")).await.json()["type"], "/problems/bad-cursor");
}

#[tokio::test]
async fn rebuilds_are_bounded_and_told_apart() {
    let log = log();
    let api = without_store(log.clone()).await;
    for _ in 0..16 {
        assert_eq!(send(&api, Method::POST, "/api/v1/rebuilds", Value::Null).await.status, 202);
    }
    let full = send(&api, Method::POST, "/api/v1/audits", json!({})).await;
    assert_eq!((full.status, &full.json()["type"]), (503, &json!("/problems/busy")));
    let list = api.list("/api/v1/rebuilds").await;
    let id = list["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!((list["items"].as_array().unwrap().len(), &list["next"]), (16, &Value::Null));
    assert_eq!(api.get(&format!("/api/v1/audits/{id}")).await.json()["type"], "/problems/unknown-work");
    assert_eq!(api.get("/api/v1/audits/x").await.status, 400);
    assert_eq!(api.bare("/api/v1/audits").await.status, 401);
}
