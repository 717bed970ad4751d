//! Is the process alive, does it serve, what does it count.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use beidou_schemas::{Topic, TopicPartition};
use beidou_service::{metrics::CONTENT_TYPE as METRICS_TYPE, readiness::State as PartState};
use beidou_store::query::Caller;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{app::App, space};

/// Whoever probes waits a few seconds at most.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// Whether the process serves, and what it waits for or lacks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ready {
    /// All parts serve. The API does so without the log, too: it answers what is in the tables.
    ready: bool,
    /// Every part by name: `ready`, or what it waits for or lacks.
    parts: BTreeMap<String, String>,
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", tag = "Process", responses((status = 200, content_type = "text/plain", body = String)))]
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the process serves: store, and every role that runs in it. Of the log it only tells.
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
    // What is in the tables is answered without the log.
    let own = [
        ("query-api/store", store.map_or_else(PartState::Waiting, |()| PartState::Ready)),
        ("query-api/log", log.map_or_else(PartState::Degraded, |()| PartState::Ready)),
    ];
    let own = own.into_iter().map(|(name, state)| (name.to_owned(), state));
    let parts: BTreeMap<String, PartState> = app.process.1.parts().into_iter().chain(own).collect();
    let ready = parts.values().all(PartState::serves);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let parts = parts.into_iter().map(|(name, state)| (name, told(state))).collect();
    (status, Json(Ready { ready, parts })).into_response()
}

fn told(state: PartState) -> String {
    match state {
        PartState::Ready => "ready".into(),
        PartState::Degraded(why) | PartState::Waiting(why) => why,
    }
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
