//! A server that answers as asked: what a refused caller is told, and when it is asked again.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use beidou_service::held_port::HeldPort;

use super::*;

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// A port that is held while this lives, and its URL: nobody listens there.
fn nobody() -> (HeldPort, String) {
    let held = HeldPort::any().unwrap();
    let url = format!("http://{}", held.address());
    (held, url)
}

fn http(url: &str) -> Http {
    // One provider for all tests of the process; whoever comes first sets it.
    let _set_before = rustls::crypto::ring::default_provider().install_default();
    Http::new(Target { url: url.into(), token: Some("secret".into()), writer: None }).unwrap()
}

fn problem(status: StatusCode, detail: &str) -> Response {
    (status, format!("{{\"title\":\"T\",\"detail\":{detail:?}}}")).into_response()
}

#[tokio::test]
async fn each_refusal_has_its_code_and_next_step() {
    let router = Router::new()
        .route("/401", get(|| async { problem(StatusCode::UNAUTHORIZED, "the token is not known") }))
        .route("/404", get(|| async { problem(StatusCode::NOT_FOUND, "no cluster a; known: b") }))
        .route("/400", get(|| async { problem(StatusCode::BAD_REQUEST, "from is \"x\"") }))
        .route("/500", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
        .route("/html", get(|| async { "<html>" }));
    let http = http(&serve(router).await);
    for (path, code, said) in [
        ("/401", Code::Unauthorized, "the token is not known"),
        ("/404", Code::NotFound, "known: b"),
        ("/400", Code::Usage, "from is"),
        ("/500", Code::Failure, "HTTP 500"),
        ("/html", Code::Failure, "not Beidou's"),
    ] {
        let failure = http.get::<serde_json::Value>(path, &[]).await.unwrap_err();
        assert!(failure.code == code && failure.text.contains(said), "{path}: {failure:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let (_held, url) = nobody();
    let failure = http(&url).get::<serde_json::Value>("/", &[]).await.unwrap_err();
    assert!(failure.code == Code::Unreachable && failure.next.contains("beidou up"), "{failure:?}");
    let text = crate::exit::text(&failure.into());
    assert!(text.to_lowercase().contains("connection refused"), "{text}");
}

#[tokio::test]
async fn a_stopped_server_of_a_context_is_named() {
    let (_held, url) = nobody();
    let _set_before = rustls::crypto::ring::default_provider().install_default();
    let told = async |pid| {
        let writer = Some(Writer { command: "up".into(), pid });
        let http = Http::new(Target { url: url.clone(), token: None, writer }).unwrap();
        crate::exit::text(&http.get::<serde_json::Value>("/", &[]).await.unwrap_err().into())
    };
    let stopped = told(u32::MAX).await;
    for part in ["`beidou up`, process 4294967295", &url, "is not running", "beidou context use"] {
        assert!(stopped.contains(part), "{part} in {stopped}");
    }
    let running = told(std::process::id()).await;
    assert!(!running.contains("process") && running.contains("is it running?"), "{running}");
}

#[tokio::test]
async fn a_server_that_says_come_back_is_asked_again_with_the_token() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    let answer = move |headers: HeaderMap| {
        let turn = count.fetch_add(1, Ordering::SeqCst);
        async move {
            assert_eq!(headers["authorization"], "Bearer secret");
            match turn {
                0 | 1 => (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "0")]).into_response(),
                _ => "7".into_response(),
            }
        }
    };
    let http = http(&serve(Router::new().route("/", get(answer))).await);
    assert_eq!(http.get::<u32>("/", &[]).await.unwrap(), 7);
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[test]
fn only_http_urls_are_taken() {
    let target = |url: &str| Target { url: url.into(), token: None, writer: None };
    for url in ["", "nowhere", "ftp://h", "127.0.0.1:1"] {
        assert_eq!(Http::new(target(url)).unwrap_err().code, Code::Usage, "{url}");
    }
    for (url, loopback) in
        [("http://127.0.0.1:1", true), ("http://[::1]:1", true), ("http://localhost", true), ("https://h", false)]
    {
        assert_eq!(is_loopback(&reqwest::Url::parse(url).unwrap()), loopback, "{url}");
    }
}

#[tokio::test]
async fn a_caret_stands_under_the_fault_of_a_query_line() {
    let body = r#"{"detail":"character 10: no such field","parameter":{"name":"q","line":{"character":9}}}"#;
    let router = Router::new().route("/", get(move || async move { (StatusCode::BAD_REQUEST, body) }));
    let http = http(&serve(router).await);
    let query = [("from", "-1h".to_owned()), ("q", "kind:Pod nmespace:x".to_owned())];
    let failure = http.get::<serde_json::Value>("/", &query).await.unwrap_err();
    assert_eq!(failure.code, Code::Usage);
    let below = "refused: character 10: no such field\n  kind:Pod nmespace:x\n           ^";
    assert!(failure.text.ends_with(below), "{}", failure.text);
}

#[tokio::test]
async fn a_statement_has_hints_of_its_own_and_a_caret_only_where_a_place_is_known() {
    let late = || async { (StatusCode::GATEWAY_TIMEOUT, r#"{"type":"/problems/time-limit","detail":"too long"}"#) };
    let body = r#"{"detail":"this is no SELECT","parameter":{"name":"query","line":{"character":0,"found":""}}}"#;
    let whole = move || async move { (StatusCode::BAD_REQUEST, body) };
    let router = Router::new().route("/504", axum::routing::post(late)).route("/400", axum::routing::post(whole));
    let http = http(&serve(router).await);
    let refused = async |path: &str| {
        let said = [("query", "DROP TABLE events".to_owned())];
        http.call(Method::POST, path, &[], None, &said).await.unwrap_err()
    };
    assert!(refused("/504").await.next.contains("condition on `time`"));
    assert!(refused("/400").await.text.ends_with("this is no SELECT"));
}
