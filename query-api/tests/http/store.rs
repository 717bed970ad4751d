//! What the store is told with every query, and what becomes of a store that is slow, busy or gone. A stand-in answers
//! in its place; answers of the real one are tested elsewhere.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use beidou_query_api::QueryApiConfig;
use beidou_store::{Server, Store, engine::Credentials};
use serde_json::Value;
use tokio::{net::TcpListener, sync::Notify};

use crate::support::{Api, config, log, start};

/// Far above what a busy machine needs.
const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy)]
enum Does {
    /// Answers with this error text.
    Fail(&'static str),
    /// Takes the query and never answers.
    Hang,
}

struct StandIn {
    does: Does,
    settings: Mutex<Vec<HashMap<String, String>>>,
    came: Notify,
    left: Notify,
}

/// Tells that the query's connection was closed: the server then ends the query.
struct OnDrop(Arc<StandIn>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.left.notify_one();
    }
}

async fn query(State(store): State<Arc<StandIn>>, Query(settings): Query<HashMap<String, String>>) -> Response {
    // The role asks for itself now and then, too.
    let of_caller = settings["log_comment"].contains("tester");
    store.settings.lock().unwrap().push(settings);
    let _left = of_caller.then(|| OnDrop(store.clone()));
    if of_caller {
        store.came.notify_one();
    }
    match store.does {
        Does::Fail(text) => (StatusCode::INTERNAL_SERVER_ERROR, text).into_response(),
        Does::Hang => std::future::pending().await,
    }
}

async fn with(does: Does, config: QueryApiConfig) -> (Arc<StandIn>, Api) {
    let stand_in = Arc::new(StandIn { does, settings: Mutex::default(), came: Notify::new(), left: Notify::new() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(query).with_state(stand_in.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let user = || Credentials { user: "u".into(), password: "p".into() };
    let server = Server::at(url, "d".into(), user(), user());
    let api = start(config, log(), Store::server(server).unwrap()).await;
    (stand_in, api)
}

#[tokio::test]
async fn every_query_is_bounded_and_says_who_asks() {
    let config = QueryApiConfig { query_time_limit_seconds: 7, query_memory_bytes: 12_345, ..config() };
    let (store, api) = with(Does::Fail("Code: 60. DB::Exception: no such table"), config).await;
    let refused = api.get("/api/v1/events").await;
    let all = store.settings.lock().unwrap().clone();
    let comment = |settings: &HashMap<String, String>| serde_json::from_str::<Value>(&settings["log_comment"]).unwrap();
    let own: Vec<_> = all.iter().filter(|s| comment(s)["subject"] == "tester").collect();
    assert!(!own.is_empty(), "{all:?}");
    assert!(own.iter().all(|s| comment(s)["request_id"] == refused.header("x-request-id")));
    for settings in &all {
        assert_eq!((&*settings["max_execution_time"], &*settings["max_memory_usage"]), ("7", "12345"));
        assert!(settings["max_result_rows"].parse::<u64>().unwrap() > 0, "{settings:?}");
    }
}

#[tokio::test]
async fn errors_of_the_store_tell_what_to_do() {
    for (text, status, kind) in [
        ("Code: 159. DB::Exception: Timeout exceeded", 504, "time-limit"),
        ("Code: 241. DB::Exception: Memory limit exceeded", 422, "too-much"),
        ("Code: 202. DB::Exception: Too many simultaneous queries", 503, "busy"),
        ("Code: 60. DB::Exception: secret table name", 503, "store-away"),
        ("Code: 47. DB::Exception: secret column name", 500, "internal"),
    ] {
        let (_, api) = with(Does::Fail(text), config()).await;
        let refused = api.get("/api/v1/clusters").await;
        assert_eq!((refused.status, refused.json()["type"].as_str()), (status, Some(&*format!("/problems/{kind}"))));
        assert!(!refused.text.contains("secret"), "{}", refused.text);
        assert_eq!(refused.headers.contains_key("retry-after"), status == 503, "{kind}");
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_its_query_along() {
    let (store, api) = with(Does::Hang, config()).await;
    let asking = tokio::spawn(api.request("/api/v1/rejects").send());
    tokio::time::timeout(DEADLINE, store.came.notified()).await.expect("the query reaches the store");
    asking.abort();
    tokio::time::timeout(DEADLINE, store.left.notified()).await.expect("the query's connection is closed");
}

#[tokio::test]
async fn more_requests_than_places_are_sent_away() {
    let (store, api) = with(Does::Hang, QueryApiConfig { max_requests: 1, ..config() }).await;
    let asking = tokio::spawn(api.request("/api/v1/rejects").send());
    tokio::time::timeout(DEADLINE, store.came.notified()).await.expect("the first takes the place");
    let second = api.get("/api/v1/rejects").await;
    assert_eq!((second.status, second.json()["type"].as_str()), (503, Some("/problems/busy")));
    assert_eq!(api.bare("/healthz").await.status, 200, "probes need no place");
    asking.abort();
}

#[tokio::test]
async fn a_store_that_hangs_ends_in_a_time_limit() {
    let (_, api) = with(Does::Hang, QueryApiConfig { query_time_limit_seconds: 1, ..config() }).await;
    let refused = api.get("/api/v1/rejects").await;
    assert_eq!((refused.status, refused.json()["type"].as_str()), (504, Some("/problems/time-limit")));
}

#[tokio::test]
async fn an_answer_tells_how_long_it_waited_for_the_store() {
    let (_store, api) = with(Does::Fail("Code: 60. DB::Exception: no such table"), config()).await;
    let times = |told: &str| -> (f64, f64) {
        let (store, all) = told.strip_prefix("store;dur=").unwrap().split_once(", total;dur=").unwrap();
        (store.parse().unwrap(), all.parse().unwrap())
    };
    let (store, all) = times(api.get("/api/v1/events").await.header("server-timing"));
    assert!(0.0 < store && store <= all, "{store} of {all}");
    let (store, _) = times(api.get("/healthz").await.header("server-timing"));
    assert_eq!(store, 0.0, "nobody was asked");
}
