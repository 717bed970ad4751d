//! Paths, the gate in front of them (delay, refusal, token), and the small answers of discovery.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::shared::Shared;
use super::status::Status;
use super::{access, list, nodes, write};

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/readyz", get(|| async { "ok" }))
        .route("/version", get(version))
        .route("/api", get(|| async { Json(json!({ "kind": "APIVersions", "versions": ["v1"] })) }))
        .route("/apis", get(groups))
        .route("/api/v1", get(resources))
        .route("/api/v1/namespaces/{name}", get(namespace))
        .route("/api/v1/nodes", get(nodes::list).post(nodes::create))
        .route("/api/v1/nodes/{name}", get(nodes::read).put(nodes::replace).patch(nodes::patch).delete(nodes::delete))
        .route("/api/v1/events", get(list::all))
        .route("/api/v1/namespaces/{namespace}/events", get(list::in_namespace).post(write::create))
        .route("/api/v1/namespaces/{namespace}/events/{name}", get(write::read).put(write::update).patch(write::patch))
        .route("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", post(access::review))
        .route("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", post(access::rules))
        .fallback(|| async { Status::new(404, "NotFound", "the server could not find the requested resource") })
        .layer(middleware::from_fn_with_state(shared.clone(), gate))
        .with_state(shared)
}

async fn gate(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let (delay, refusal) = {
        let mut state = shared.lock();
        let knobs = &mut state.knobs;
        let refused = knobs.refusals > 0;
        knobs.refusals = knobs.refusals.saturating_sub(1);
        (knobs.delay, refused.then_some(knobs.refusal))
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if let Some(refusal) = refusal {
        return refusal.status(&shared.user).into_response();
    }
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given.and_then(|value| value.strip_prefix("Bearer ")) != Some(&shared.token) {
        return Status::new(401, "Unauthorized", "Unauthorized").into_response();
    }
    next.run(request).await
}

async fn version(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let version = shared.cluster.version;
    let minor = version.split('.').nth(1).unwrap_or_default();
    Json(json!({ "major": "1", "minor": minor, "gitVersion": version, "platform": "linux/amd64" }))
}

async fn groups() -> Json<Value> {
    let version = json!({ "groupVersion": "authorization.k8s.io/v1", "version": "v1" });
    let group = json!({ "name": "authorization.k8s.io", "versions": [version], "preferredVersion": version });
    Json(json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": [group] }))
}

async fn resources() -> Json<Value> {
    let events = json!({
        "name": "events", "singularName": "event", "namespaced": true, "kind": "Event",
        "verbs": ["create", "get", "list", "patch", "update", "watch"],
    });
    let namespaces = json!({
        "name": "namespaces", "singularName": "namespace", "namespaced": false, "kind": "Namespace", "verbs": ["get"],
    });
    Json(json!({ "kind": "APIResourceList", "groupVersion": "v1", "resources": [events, namespaces] }))
}

async fn namespace(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Response {
    if !shared.lock().access.can_get_namespaces {
        let message = format!(
            "namespaces \"{name}\" is forbidden: User \"{}\" cannot get resource \"namespaces\" in API group \"\" in the namespace \"{name}\"",
            shared.user
        );
        return Status::new(403, "Forbidden", message).into_response();
    }
    let known = name == "kube-system" || name == "default";
    let namespaces = || shared.cluster.workloads.iter().map(|workload| &*workload.namespace);
    if !known && !namespaces().any(|namespace| namespace == name) {
        return Status::new(404, "NotFound", format!("namespaces \"{name}\" not found")).into_response();
    }
    // Only the identity of kube-system matters to anybody; the others get one derived from it.
    let salt =
        if name == "kube-system" { 0 } else { name.bytes().fold(1, |sum: u128, byte| sum * 31 + u128::from(byte)) };
    let uid = uuid::Uuid::from_u128(shared.cluster.uid.as_u128() ^ salt);
    let metadata =
        json!({ "name": name, "uid": uid, "resourceVersion": "7", "creationTimestamp": "2024-03-12T02:11:40Z" });
    let status = json!({ "phase": "Active" });
    Json(json!({ "kind": "Namespace", "apiVersion": "v1", "metadata": metadata, "status": status })).into_response()
}
