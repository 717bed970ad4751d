//! The outermost layer: gives the request its id and its span, counts it, writes problems out, and logs it: one line, of
//! a level that says whether somebody should look.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header::CACHE_CONTROL},
    middleware::Next,
    response::Response,
};
use beidou_store::query::Waited;
use tracing::{Instrument, Level, field::Empty, info_span};
use uuid::Uuid;

use crate::{
    app::App,
    problem::{Kind, Problem},
};

/// The id of a request: in the answer's header `x-request-id`, in problems, in our log, and beside the query.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub Arc<str>);

/// The path of a request that no route took: one label for all of them, since callers choose them.
const NO_ROUTE: &str = "(none)";

pub(crate) async fn access(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = RequestId(Uuid::now_v7().to_string().into());
    request.extensions_mut().insert(id.clone());
    let waited = Waited::default();
    request.extensions_mut().insert(waited.clone());
    let route = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    let path = request.uri().path().to_owned();
    let span = info_span!("request", id = %id.0, method = %request.method(), path, subject = Empty);

    let mut response = next.run(request).instrument(span.clone()).await;
    let mut why = None;
    if let Some(problem) = problem(&mut response) {
        why = Some(if problem.cause.is_empty() { &problem.detail } else { &problem.cause }.clone());
        response = problem.respond(&id.0);
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert("x-request-id", value);
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    time(response.headers_mut(), waited.time(), took);
    app.metrics.answered(&route, status, took);
    let took_ms = took.as_millis() as u64;
    span.in_scope(|| match level(&route, status) {
        Level::ERROR => tracing::error!(status, took_ms, why, "request failed"),
        Level::WARN => tracing::warn!(status, took_ms, why, "request not answered"),
        _ => tracing::debug!(status, took_ms, why, "answered"),
    });
    response
}

/// Where the time went, as browsers and `curl -i` show it: waiting for the store, and all until the answer began.
fn time(headers: &mut HeaderMap, store: Duration, all: Duration) {
    let [store, all] = [store, all].map(|time| time.as_secs_f64() * 1e3);
    if let Ok(value) = HeaderValue::from_str(&format!("store;dur={store:.2}, total;dur={all:.2}")) {
        headers.insert("server-timing", value);
    }
}

/// What is well, or the caller's mistake, is for those who look closely. A store that is away and a query that takes too
/// long concern whoever runs this; an internal error is a bug or a broken setup.
fn level(route: &str, status: u16) -> Level {
    // A probe asks every few seconds, and "not ready" is an answer to its question.
    let is_probe = matches!(route, "/healthz" | "/readyz" | "/metrics");
    match status {
        500 => Level::ERROR,
        501.. if !is_probe => Level::WARN,
        _ => Level::DEBUG,
    }
}

/// What a route or layer returned as a problem, and what the framework refused in its own words.
fn problem(response: &mut Response) -> Option<Problem> {
    let own = response.extensions_mut().remove::<Problem>();
    own.or_else(|| match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Some(Problem::new(Kind::TooLarge, "the body is larger than 16 KiB")),
        StatusCode::BAD_REQUEST => Some(Problem::new(Kind::BadParameter, "the path is not valid: UTF-8 is expected")),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_somebody_should_look_at_is_loud() {
        for (route, status, expected) in [
            ("/api/v1/events", 200, Level::DEBUG),
            ("/api/v1/events", 422, Level::DEBUG),
            (NO_ROUTE, 404, Level::DEBUG),
            ("/api/v1/events", 503, Level::WARN),
            ("/api/v1/events", 504, Level::WARN),
            ("/readyz", 503, Level::DEBUG),
            ("/readyz", 500, Level::ERROR),
            ("/api/v1/events", 500, Level::ERROR),
        ] {
            assert_eq!(level(route, status), expected, "{route} {status}");
        }
    }
}
