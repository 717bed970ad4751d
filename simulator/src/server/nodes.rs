//! Nodes, as far as operations touch them: list, read, create, replace, merge and delete. They stand apart from the Events, and
//! are not watched.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::object;
use super::shared::Shared;
use super::status::Status;
use crate::fleet::Cluster;

/// The first nodes of a cluster are its control plane.
const LEADING: usize = 3;

/// The nodes of a server.
#[derive(Debug)]
pub(crate) struct Nodes {
    all: BTreeMap<String, Value>,
    version: u64,
}

impl Nodes {
    /// Those of the fleet.
    pub fn of(cluster: &Cluster) -> Self {
        let mut nodes = Self { all: BTreeMap::new(), version: 1 };
        for (at, node) in cluster.nodes.iter().enumerate() {
            let address = format!("10.{}.{}.{}", 32 + cluster.index, at / 200, 11 + at % 200);
            let mut value = node_of(&node.name, &address);
            value["metadata"]["uid"] = node.uid.to_string().into();
            if at < LEADING {
                value["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] = "".into();
            }
            nodes.put(value);
        }
        nodes
    }

    pub fn has(&self, name: &str) -> bool {
        self.all.contains_key(name)
    }

    /// Stores it under its name, with a new version.
    pub fn put(&mut self, mut node: Value) -> Option<Value> {
        self.version += 1;
        node["metadata"]["resourceVersion"] = self.version.to_string().into();
        let name = node["metadata"]["name"].as_str()?.to_owned();
        self.all.insert(name, node.clone());
        Some(node)
    }
}

/// A node as its kubelet registers it: Ready.
pub(crate) fn node_of(name: &str, address: &str) -> Value {
    let ready = json!({"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"});
    json!({
        "kind": "Node", "apiVersion": "v1",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        "spec": {},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "conditions": [ready],
        },
    })
}

/// What is told of a node that joins: by its kubelet, and by the controller that takes it in.
pub(crate) fn joining(name: &str, now: &str) -> Vec<Value> {
    let told = [
        ("kubelet", name, "Starting", "Starting kubelet.".to_owned()),
        ("node-controller", "", "RegisteredNode", format!("Node {name} event: Registered Node {name} in Controller")),
        ("kubelet", name, "NodeReady", format!("Node {name} status is now: NodeReady")),
    ];
    let event = |(component, host, reason, message): (&str, &str, &str, String)| {
        json!({
            "metadata": {"name": format!("{name}.{}", reason.to_lowercase()), "namespace": "default"},
            "involvedObject": {"kind": "Node", "name": name, "uid": name},
            "reason": reason, "message": message, "type": "Normal", "count": 1,
            "source": {"component": component, "host": host}, "reportingComponent": component, "reportingInstance": host,
            "firstTimestamp": now, "lastTimestamp": now, "eventTime": null,
        })
    };
    told.map(event).into()
}

/// `GET /api/v1/nodes`.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Response {
    let state = shared.lock();
    let items: Vec<&Value> = state.nodes.all.values().collect();
    let metadata = json!({"resourceVersion": state.nodes.version.to_string()});
    answer(StatusCode::OK, &json!({"kind": "NodeList", "apiVersion": "v1", "metadata": metadata, "items": items}))
}

/// `GET /api/v1/nodes/{name}`.
pub(super) async fn read(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Result<Response, Status> {
    let state = shared.lock();
    let node = state.nodes.all.get(&name).ok_or_else(|| missing(&name))?;
    Ok(answer(StatusCode::OK, node))
}

/// `POST /api/v1/nodes`.
pub(super) async fn create(State(shared): State<Arc<Shared>>, body: Bytes) -> Result<Response, Status> {
    let node = parse(&body)?;
    let mut state = shared.lock();
    let name = node["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    if name.is_empty() {
        return Err(Status::new(422, "Invalid", "Node \"\" is invalid: metadata.name: Required value"));
    }
    if state.nodes.all.contains_key(&name) {
        return Err(Status::new(409, "AlreadyExists", format!("nodes \"{name}\" already exists")));
    }
    let stored = state.nodes.put(node).ok_or_else(|| Status::bad_request("metadata.name is missing"))?;
    Ok(answer(StatusCode::CREATED, &stored))
}

/// `PUT /api/v1/nodes/{name}`.
pub(super) async fn replace(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Response, Status> {
    let node = parse(&body)?;
    let mut state = shared.lock();
    let stored = state.nodes.all.get(&name).ok_or_else(|| missing(&name))?;
    let given = node["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    if !given.is_empty() && Some(given) != stored["metadata"]["resourceVersion"].as_str() {
        let message = format!(
            "Operation cannot be fulfilled on nodes \"{name}\": the object has been modified; please apply your changes to the latest version and try again"
        );
        return Err(Status::new(409, "Conflict", message));
    }
    put(&mut state.nodes, node)
}

/// `PATCH /api/v1/nodes/{name}`: as a merge.
pub(super) async fn patch(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<Response, Status> {
    let change = parse(&body)?;
    let mut state = shared.lock();
    let mut node = state.nodes.all.get(&name).cloned().ok_or_else(|| missing(&name))?;
    object::merge(&mut node, change);
    put(&mut state.nodes, node)
}

/// `DELETE /api/v1/nodes/{name}`.
pub(super) async fn delete(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Result<Response, Status> {
    let gone = shared.lock().nodes.all.remove(&name).ok_or_else(|| missing(&name))?;
    Ok(answer(StatusCode::OK, &gone))
}

fn put(nodes: &mut Nodes, node: Value) -> Result<Response, Status> {
    let stored = nodes.put(node).ok_or_else(|| Status::bad_request("metadata.name is missing"))?;
    Ok(answer(StatusCode::OK, &stored))
}

fn parse(body: &Bytes) -> Result<Value, Status> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(node)) if node.get("metadata").is_none_or(Value::is_object) => Ok(Value::Object(node)),
        _ => Err(Status::bad_request("the object provided is unrecognized")),
    }
}

fn missing(name: &str) -> Status {
    Status::new(404, "NotFound", format!("nodes \"{name}\" not found"))
}

fn answer(code: StatusCode, body: &Value) -> Response {
    (code, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
