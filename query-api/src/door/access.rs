//! The outermost layer: gives the request its id and its span, counts it, and writes problems out.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, StatusCode, header::CACHE_CONTROL},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument, field::Empty, info_span};
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
    let route = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    let path = request.uri().path().to_owned();
    let span = info_span!("request", id = %id.0, method = %request.method(), path, subject = Empty);

    let mut response = next.run(request).instrument(span.clone()).await;
    if let Some(problem) = problem(&mut response) {
        response = problem.respond(&id.0);
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        headers.insert("x-request-id", value);
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    app.metrics.answered(&route, status, took);
    let took_ms = took.as_millis() as u64;
    // Probes come every few seconds and tell nothing when they go well.
    let is_probe = matches!(route.as_str(), "/healthz" | "/readyz" | "/metrics");
    span.in_scope(|| match is_probe {
        true => tracing::debug!(status, took_ms, "answered"),
        false => tracing::info!(status, took_ms, "answered"),
    });
    response
}

/// What a route or layer returned as a problem, and what the framework refused in its own words.
fn problem(response: &mut Response) -> Option<Problem> {
    let own = response.extensions_mut().remove::<Problem>();
    own.or_else(|| match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Some(Problem::new(Kind::TooLarge, "calls take no body")),
        StatusCode::BAD_REQUEST => Some(Problem::new(Kind::BadParameter, "the path is not valid: UTF-8 is expected")),
        _ => None,
    })
}
