//! Create, read, update and patch of single Events, as a collector's heartbeat needs them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rand::RngExt;
use serde_json::{Map, Value};

use super::access;
use super::object;
use super::shared::{Shared, State as ServerState};
use super::status::Status;
use crate::storage::Stored;

/// `POST /api/v1/namespaces/{namespace}/events`.
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Path(namespace): Path<String>,
    body: Bytes,
) -> Result<Response, Status> {
    let mut state = shared.lock();
    access::check(&shared, &state.access, "create", &namespace)?;
    let mut event = parse(&body)?;
    name_it(&mut event, &namespace, &mut state)?;
    let key = object::key_of(&event)
        .ok_or_else(|| invalid("", "metadata.name: Required value: name or generateName is required"))?;
    let name = key.rsplit('/').next().unwrap_or_default().to_owned();
    if state.storage.get(&key).is_some() {
        return Err(Status::new(409, "AlreadyExists", format!("events \"{name}\" already exists")));
    }
    commit(&shared, &mut state, event, &namespace, &name).map(|body| json_answer(StatusCode::CREATED, body))
}

/// `GET /api/v1/namespaces/{namespace}/events/{name}`.
pub(super) async fn read(
    State(shared): State<Arc<Shared>>,
    Path((namespace, name)): Path<(String, String)>,
) -> Result<Response, Status> {
    let state = shared.lock();
    access::check(&shared, &state.access, "get", &namespace)?;
    let stored = find(&state, &namespace, &name)?;
    Ok(json_answer(StatusCode::OK, stored.json.clone()))
}

/// `PUT /api/v1/namespaces/{namespace}/events/{name}`.
pub(super) async fn update(
    State(shared): State<Arc<Shared>>,
    Path((namespace, name)): Path<(String, String)>,
    body: Bytes,
) -> Result<Response, Status> {
    let mut state = shared.lock();
    access::check(&shared, &state.access, "update", &namespace)?;
    let stored = find(&state, &namespace, &name)?;
    let event = parse(&body)?;
    if object::key_of(&event).as_deref() != Some(&*stored.key) {
        return Err(Status::bad_request("the name of the object does not match the name on the URL"));
    }
    check_precondition(&event, stored, &name)?;
    commit(&shared, &mut state, event, &namespace, &name).map(|body| json_answer(StatusCode::OK, body))
}

/// `PATCH /api/v1/namespaces/{namespace}/events/{name}`: merge and strategic merge (the same for Events).
pub(super) async fn patch(
    State(shared): State<Arc<Shared>>,
    Path((namespace, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Status> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !matches!(kind, "application/merge-patch+json" | "application/strategic-merge-patch+json") {
        let message = "the body of the request was in an unknown format - accepted media types include: \
                       application/merge-patch+json, application/strategic-merge-patch+json";
        return Err(Status::new(415, "UnsupportedMediaType", message));
    }
    let mut state = shared.lock();
    access::check(&shared, &state.access, "patch", &namespace)?;
    let stored = find(&state, &namespace, &name)?;
    let patch = parse(&body)?;
    check_precondition(&patch, stored, &name)?;
    let mut event: Value =
        serde_json::from_slice(&stored.json).map_err(|error| Status::bad_request(error.to_string()))?;
    object::merge(&mut event, Value::Object(patch));
    let Value::Object(event) = event else { return Err(Status::bad_request("the patch leaves no object")) };
    commit(&shared, &mut state, event, &namespace, &name).map(|body| json_answer(StatusCode::OK, body))
}

fn commit(
    shared: &Shared,
    state: &mut ServerState,
    event: Map<String, Value>,
    namespace: &str,
    name: &str,
) -> Result<axum::body::Bytes, Status> {
    if let Some(why) = object::invalid(&event, namespace) {
        return Err(invalid(name, &why));
    }
    let change = object::commit(shared, state, event).ok_or_else(|| Status::bad_request("metadata.name is missing"))?;
    Ok(change.object.json.clone())
}

/// Fills in the namespace, and the name where only a stem is given.
fn name_it(event: &mut Map<String, Value>, namespace: &str, state: &mut ServerState) -> Result<(), Status> {
    let metadata = event.get_mut("metadata").and_then(Value::as_object_mut);
    let metadata = metadata.ok_or_else(|| invalid("", "metadata: Required value"))?;
    match metadata.get("namespace").and_then(Value::as_str) {
        Some(given) if given != namespace => {
            return Err(Status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        Some(_) | None => metadata.insert("namespace".to_owned(), Value::String(namespace.to_owned())),
    };
    if metadata.get("name").is_none_or(Value::is_null)
        && let Some(stem) = metadata.get("generateName").and_then(Value::as_str)
    {
        let name = format!("{stem}{:05x}", state.random.random_range(0..0xf_ffff_u32));
        metadata.insert("name".to_owned(), Value::String(name));
    }
    Ok(())
}

/// A resourceVersion or uid in the request must be the stored one.
fn check_precondition(given: &Map<String, Value>, stored: &Stored, name: &str) -> Result<(), Status> {
    let version = given.get("metadata").and_then(|metadata| metadata.get("resourceVersion")).and_then(Value::as_str);
    let same_version =
        version.is_none_or(|version| version.is_empty() || version == stored.resource_version.to_string());
    if same_version && object::uid_of(given).is_none_or(|uid| uid == stored.uid) {
        return Ok(());
    }
    let message = format!(
        "Operation cannot be fulfilled on events \"{name}\": the object has been modified; please apply your changes to the latest version and try again"
    );
    Err(Status::new(409, "Conflict", message))
}

fn find<'a>(state: &'a ServerState, namespace: &str, name: &str) -> Result<&'a Stored, Status> {
    let stored = state.storage.get(&format!("{namespace}/{name}"));
    stored.map(AsRef::as_ref).ok_or_else(|| Status::not_found(name))
}

fn parse(body: &Bytes) -> Result<Map<String, Value>, Status> {
    serde_json::from_slice(body)
        .map_err(|error| Status::bad_request(format!("the object provided is unrecognized: {error}")))
}

fn invalid(name: &str, why: &str) -> Status {
    Status::new(422, "Invalid", format!("Event \"{name}\" is invalid: {why}"))
}

fn json_answer(code: StatusCode, body: Bytes) -> Response {
    (code, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
