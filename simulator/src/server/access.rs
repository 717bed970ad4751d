//! What the token may do, and the reviews by which a client asks.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::shared::Shared;
use super::status::Status;

/// Rights of the token; everything else that the server serves is open to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// May list Events of the whole cluster.
    pub can_list_events: bool,
    /// May watch Events of the whole cluster.
    pub can_watch_events: bool,
    /// May get, create, update and patch Events.
    pub can_create_events: bool,
    /// May get namespaces, among them `kube-system`.
    pub can_get_namespaces: bool,
}

impl Default for Access {
    fn default() -> Self {
        Self { can_list_events: true, can_watch_events: true, can_create_events: true, can_get_namespaces: true }
    }
}

impl Access {
    fn allows(&self, verb: &str, group: &str, resource: &str) -> bool {
        match (group, resource, verb) {
            ("", "events", "list") => self.can_list_events,
            ("", "events", "watch") => self.can_watch_events,
            ("", "events", "get" | "create" | "update" | "patch") => self.can_create_events,
            ("", "namespaces", "get") => self.can_get_namespaces,
            _ => false,
        }
    }

    fn rules(&self) -> Vec<Value> {
        let all = [
            (self.can_list_events, "list", "events"),
            (self.can_watch_events, "watch", "events"),
            (self.can_create_events, "get", "events"),
            (self.can_create_events, "create", "events"),
            (self.can_create_events, "update", "events"),
            (self.can_create_events, "patch", "events"),
            (self.can_get_namespaces, "get", "namespaces"),
        ];
        let granted = all.into_iter().filter(|(granted, _, _)| *granted);
        granted
            .map(|(_, verb, resource)| json!({ "verbs": [verb], "apiGroups": [""], "resources": [resource] }))
            .collect()
    }
}

/// Refuses what the token may not do. `namespace` is empty for the whole cluster.
pub(super) fn check(shared: &Shared, access: &Access, verb: &str, namespace: &str) -> Result<(), Status> {
    if access.allows(verb, "", "events") {
        return Ok(());
    }
    let place = match namespace {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace \"{namespace}\""),
    };
    Err(Status::forbidden(&shared.user, verb, &place))
}

/// `POST …/selfsubjectaccessreviews`.
pub(super) async fn review(State(shared): State<Arc<Shared>>, Json(mut review): Json<Value>) -> Response {
    let asked = |name: &str| {
        let path = format!("/spec/resourceAttributes/{name}");
        review.pointer(&path).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (verb, group, resource) = (asked("verb"), asked("group"), asked("resource"));
    let allowed = shared.lock().access.allows(&verb, &group, &resource);
    review["status"] =
        json!({ "allowed": allowed, "reason": if allowed { "RBAC: allowed by simulated role" } else { "" } });
    (StatusCode::CREATED, Json(review)).into_response()
}

/// `POST …/selfsubjectrulesreviews`.
pub(super) async fn rules(State(shared): State<Arc<Shared>>, Json(mut review): Json<Value>) -> Response {
    let rules = shared.lock().access.rules();
    review["status"] = json!({ "resourceRules": rules, "nonResourceRules": [], "incomplete": false });
    (StatusCode::CREATED, Json(review)).into_response()
}
