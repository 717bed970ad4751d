//! Is the process alive, does it serve, what does it count.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use beidou_schemas::{Topic, TopicPartition};
use beidou_service::{metrics::CONTENT_TYPE as METRICS_TYPE, readiness};
use beidou_store::query::Caller;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{app::App, space};

/// Whoever probes waits a few seconds at most.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// Whether the process serves, and what it waits for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ready {
    /// All parts serve.
    ready: bool,
    /// Every part by name: `ready`, or what it waits for.
    parts: BTreeMap<String, String>,
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", tag = "Process", responses((status = 200, content_type = "text/plain", body = String)))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the process serves: store, log, and every role that runs in it.
#[utoipa::path(
    get, path = "/readyz", tag = "Process",
    responses((status = 200, body = Ready), (status = 503, body = Ready))
)]
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Response {
    let store = within(async {
        let caller = Caller { request_id: "readyz".into(), subject: "probe".into() };
        app.reader(caller).ping().await.map_err(|error| error.to_string())
    });
    let log = within(async {
        let at = TopicPartition::new(Topic::KubeEvent, 0);
        app.log.bounds(at).await.map(drop).map_err(|error| error.to_string())
    });
    let (store, log) = tokio::join!(store, log);
    let own = [("query-api/store", store), ("query-api/log", log)];
    let own = own.into_iter().map(|(name, state)| (name.to_owned(), state.err()));
    let roles = app.process.1.parts().into_iter().map(|(name, state)| match state {
        readiness::State::Ready => (name, None),
        readiness::State::Waiting(why) => (name, Some(why)),
    });
    let parts: BTreeMap<String, Option<String>> = roles.chain(own).collect();
    let ready = parts.values().all(Option::is_none);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let parts = parts.into_iter().map(|(name, why)| (name, why.unwrap_or_else(|| "ready".into()))).collect();
    (status, Json(Ready { ready, parts })).into_response()
}

async fn within(probe: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let late = || Err(format!("no answer within {} s", PROBE_LIMIT.as_secs()));
    tokio::time::timeout(PROBE_LIMIT, probe).await.unwrap_or_else(|_| late())
}

/// Metrics of the process, OpenMetrics text.
#[utoipa::path(
    get, path = "/metrics", tag = "Process", security(("token" = [])),
    responses((status = 200, content_type = "application/openmetrics-text", body = String))
)]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    space::refresh(&app).await;
    ([(CONTENT_TYPE, METRICS_TYPE)], app.process.0.encode()).into_response()
}
