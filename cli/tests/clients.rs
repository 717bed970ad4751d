//! The clients against a server that answers as query-api does: pages, tokens, gaps, a tail that breaks.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a failure is a failed test")]

use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex, mpsc},
};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

const TOKEN: &str = "bd_of_the_test";
/// Rows that the server has.
const ROWS: usize = 2_500;

/// What the server was asked, and how often its tail was opened.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    queries: Vec<HashMap<String, String>>,
    /// Bodies of calls of SQL.
    statements: Vec<Value>,
    tails: Vec<Option<String>>,
    /// How often an export was begun, and looked after.
    exports: usize,
    looks: usize,
    /// Hears each look.
    looked: Option<mpsc::Sender<usize>>,
}

fn event(number: usize) -> Value {
    json!({"id": format!("0.u.{number}"), "uid": "u", "cluster": "hz-prod-02", "resource_version": number.to_string(),
        "time": "2026-11-24T06:06:10Z", "type": "Warning", "reason": "BackOff", "message": format!("row {number}"),
        "kind": "Pod", "namespace": "shop", "name": "web-0", "occurrences": number})
}

fn list(items: Vec<Value>, next: Option<String>, parts: Value) -> Json<Value> {
    let range = json!({"from": "2026-11-24T00:00:00Z", "to": "2026-11-24T12:00:00Z"});
    let coverage = json!([{"cluster": "hz-prod-02", "cluster_uid": "c", "share": 0.9, "complete": false,
        "proven_until": "2026-11-24T11:59:59Z", "projected_until": "2026-11-24T11:59:59Z",
        "known_until": "2026-11-24T11:59:59Z", "parts": parts}]);
    Json(json!({"items": items, "next": next, "range": range, "coverage": coverage}))
}

async fn events(
    State(server): State<Server>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if headers.get("authorization").is_none_or(|value| value != &format!("Bearer {TOKEN}")) {
        return (StatusCode::UNAUTHORIZED, Json(json!({"detail": "the token is not known"}))).into_response();
    }
    server.0.lock().unwrap().queries.push(query.clone());
    let gap =
        json!([{"state": "gap", "reason": "expired", "from": "2026-11-24T02:00:00Z", "to": "2026-11-24T03:00:00Z"}]);
    // Only one reason is known; of that there is something in the last hours alone.
    if query.get("reason").is_some_and(|reason| reason != "BackOff") {
        return list(Vec::new(), None, json!([])).into_response();
    }
    let begin: usize = query.get("cursor").map_or(0, |cursor| cursor.parse().unwrap());
    let end = (begin + query["limit"].parse::<usize>().unwrap()).min(ROWS);
    list((begin..end).map(event).collect(), (end < ROWS).then(|| end.to_string()), gap).into_response()
}

/// The first connection breaks after two messages; the second goes on after the id and never ends.
async fn tail(State(server): State<Server>, headers: HeaderMap) -> Response {
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap().to_owned());
    let turn = {
        let mut seen = server.0.lock().unwrap();
        seen.tails.push(last);
        seen.tails.len()
    };
    let message = |number: usize| format!("id: p{number}\ndata: {}\n\n", event(number));
    let body = match turn {
        1 => axum::body::Body::from(format!(": heartbeat\nid: p0\n\n{}{}", message(1), message(2))),
        _ => {
            let text = format!("{}{}", message(2), message(3));
            let endless = futures::StreamExt::chain(
                futures::stream::iter([Ok::<_, std::convert::Infallible>(text)]),
                futures::stream::pending(),
            );
            axum::body::Body::from_stream(endless)
        }
    };
    ([("content-type", "text/event-stream")], body).into_response()
}

fn running_export() -> Json<Value> {
    Json(json!({"id": "0199-a", "subject": "s", "question": "", "format": "csv", "state": "running",
        "began": "2026-11-24T00:00:00Z", "rows": 0, "bytes": 0}))
}

async fn begin_export(State(server): State<Server>) -> Response {
    server.0.lock().unwrap().exports += 1;
    (StatusCode::ACCEPTED, running_export()).into_response()
}

async fn endless_export(State(server): State<Server>) -> Json<Value> {
    let mut seen = server.0.lock().unwrap();
    seen.looks += 1;
    if let Some(looked) = &seen.looked {
        // Once the test has heard enough, nobody listens.
        let _unheard = looked.send(seen.looks);
    }
    running_export()
}

const STATEMENT: &str = "SELECT reason, count()\nFROM events GROUP BY reason";

/// Two, each on a page of its own.
async fn saved_queries(Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let by = |query: Value| {
        let mut all = json!({"description": "", "subject": "s", "time": "2026-11-24T00:00:00Z"});
        all.as_object_mut().unwrap().extend(query.as_object().unwrap().clone());
        all
    };
    let (item, next) = match query.get("cursor") {
        None => (json!({"name": "loops", "line": "reason:BackOff"}), Some("behind loops")),
        Some(cursor) => {
            assert_eq!(cursor, "behind loops");
            (json!({"name": "reasons", "sql": STATEMENT}), None)
        }
    };
    Json(json!({"items": [by(item)], "next": next, "total": {"value": 2, "exact": true}}))
}

async fn sql(State(server): State<Server>, Json(body): Json<Value>) -> Json<Value> {
    server.0.lock().unwrap().statements.push(body);
    Json(json!({"columns": [{"name": "n", "type": "UInt64"}], "rows": [[7]], "truncated": false,
        "statistics": {"rows_read": 7, "bytes_read": 7, "elapsed": 0.1}}))
}

/// Serves on a thread of its own until the process ends.
fn serve() -> (Server, String) {
    let server = Server::default();
    let router = Router::new()
        .route("/api/v1/events", get(events))
        .route("/api/v1/events/tail", get(tail))
        .route("/api/v1/exports", post(begin_export))
        .route("/api/v1/exports/{id}", get(endless_export))
        .route("/api/v1/queries", get(saved_queries))
        .route("/api/v1/sql", post(sql))
        .with_state(server.clone());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    (server, url)
}

fn beidou(url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_beidou"));
    command
        .args(args)
        .env_clear()
        .env("BEIDOU_URL", url)
        .env("BEIDOU_TOKEN", TOKEN)
        .env("TZ", "UTC")
        .stdin(Stdio::null());
    command
}

fn run(url: &str, args: &[&str]) -> Output {
    beidou(url, args).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn pages_are_followed_up_to_the_limit() {
    let (server, url) = serve();
    for (limit, rows, pages, more) in [("50", 50, 1, true), ("2100", 2_100, 3, true), ("9999", ROWS, 3, false)] {
        server.0.lock().unwrap().queries.clear();
        let output = run(&url, &["events", "--limit", limit, "-o", "json", "--since", "7d"]);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((document["items"].as_array().unwrap().len(), &document["more"]), (rows, &json!(more)), "{limit}");
        assert_eq!(document["items"][rows - 1]["message"], format!("row {}", rows - 1));
        let seen = server.0.lock().unwrap();
        assert_eq!(seen.queries.len(), pages, "{limit}");
        let from: Vec<_> = seen.queries.iter().map(|query| (&query["from"], &query["to"])).collect();
        assert!(from.iter().all(|range| *range == from[0]), "the range is the same on each page: {from:?}");
    }
}

#[test]
fn a_gap_is_shown_in_every_form() {
    let (_server, url) = serve();
    let table = stdout(&run(&url, &["events", "--limit", "2"]));
    for part in
        ["pod/web-0", "more than 2 match", "coverage: not complete", "gap", "02:00:00 to 03:00:00 (1h): expired"]
    {
        assert!(table.contains(part), "{part:?} in {table}");
    }
    assert!(!table.contains('\u{1b}'), "no colour where there is no terminal: {table}");
    let lines = run(&url, &["events", "--limit", "2", "-o", "ndjson"]);
    assert_eq!(stdout(&lines).lines().count(), 2);
    assert!(String::from_utf8_lossy(&lines.stderr).contains("gap"));
    let document: Value = serde_json::from_slice(&run(&url, &["events", "--limit", "2", "-o", "json"]).stdout).unwrap();
    assert_eq!(document["coverage"][0]["parts"][0]["state"], "gap");
}

#[test]
fn nothing_found_says_what_to_try_and_is_no_failure() {
    let (_server, url) = serve();
    let output = run(&url, &["events", "--reason", "Nonsense", "--since", "2h"]);
    let text = stdout(&output);
    assert!(output.status.success() && text.contains("nothing matches since 2h"), "{text}");
    assert!(text.contains("without --reason"), "{text}");
}

#[test]
fn a_wrong_token_is_told_apart() {
    let (_server, url) = serve();
    let output = beidou(&url, &["events"]).env("BEIDOU_TOKEN", "wrong").output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stderr).contains("refused the token"));
}

#[test]
fn a_broken_tail_goes_on_after_the_last_message_and_repeats_nothing() {
    let (server, url) = serve();
    let mut child = beidou(&url, &["events", "--follow", "-o", "ndjson"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let messages: Vec<String> = lines
        .take(3)
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap()["message"].as_str().unwrap().to_owned())
        .collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(messages, ["row 1", "row 2", "row 3"]);
    assert_eq!(server.0.lock().unwrap().tails, [None, Some("p2".to_owned())]);
}

#[test]
fn a_saved_query_is_asked_by_the_command_of_its_form() {
    let (server, url) = serve();
    let answer = run(&url, &["sql", "--saved", "reasons", "-o", "json"]);
    assert!(answer.status.success() && stdout(&answer).contains('7'), "{answer:?}");
    assert!(run(&url, &["events", "--saved", "loops"]).status.success());
    {
        let seen = server.0.lock().unwrap();
        assert_eq!((&seen.statements[0]["query"], &*seen.queries[0]["q"]), (&json!(STATEMENT), "reason:BackOff"));
    }
    for (command, name, code, next) in [
        ("sql", "loops", 2, "beidou events --saved loops"),
        ("events", "reasons", 2, "beidou sql --saved reasons"),
        ("sql", "nobody", 3, "beidou queries"),
    ] {
        let refused = run(&url, &[command, "--saved", name]);
        let told = String::from_utf8(refused.stderr).unwrap();
        assert!(refused.status.code() == Some(code) && told.contains(next), "{told}");
    }
    let listed = stdout(&run(&url, &["queries"]));
    for words in [["loops", "line", "reason:BackOff"], ["reasons", "sql", "SELECT"]] {
        let row = listed.lines().find(|line| line.starts_with(words[0])).unwrap_or_else(|| panic!("{listed}"));
        assert_eq!(row.split_whitespace().take(3).collect::<Vec<_>>(), words, "{listed}");
    }
}

#[test]
fn an_interrupted_export_says_its_id_and_how_to_cancel_it() {
    let (server, url) = serve();
    let (looked, looks) = mpsc::channel();
    server.0.lock().unwrap().looked = Some(looked);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("all.csv");
    let child = beidou(&url, &["export", "-o", "csv", "--out", out.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The second look comes after the first one was waited for, and Ctrl-C with it.
    while looks.recv().unwrap() < 2 {}
    let interrupted = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    for said in ["0199-a", "beidou exports get 0199-a --out", "beidou exports remove 0199-a"] {
        assert!(told.contains(said), "{told}");
    }
}

#[test]
fn an_export_into_a_missing_folder_is_never_begun() {
    let (server, url) = serve();
    let output = run(&url, &["export", "-o", "csv", "--out", "/nowhere/at/all.csv"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("/nowhere/at is no folder"), "{told}");
    assert_eq!(server.0.lock().unwrap().exports, 0);
}
