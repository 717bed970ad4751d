//! What an API server says of nodes, and no more: it can be away, and it tells what was asked of it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use serde_json::{Value, json};

/// Two nodes, and how they are asked for.
pub struct ApiServer {
    url: String,
    pub state: Arc<Nodes>,
}

/// What stands there.
pub struct Nodes {
    pub all: Mutex<BTreeMap<String, Value>>,
    /// So many writes are answered with 503.
    pub refuse: AtomicUsize,
    /// Everything is.
    pub away: AtomicBool,
    /// Lists so far.
    pub lists: AtomicUsize,
}

impl ApiServer {
    pub async fn start() -> Self {
        let node = |number: u8| {
            let value = json!({
                "apiVersion": "v1", "kind": "Node",
                "metadata": {"name": format!("n{number}"), "uid": format!("u{number}"), "resourceVersion": "1"},
                "spec": {},
                "status": {
                    "addresses": [{"type": "InternalIP", "address": format!("10.0.0.{number}")}],
                    "conditions": [{"type": "Ready", "status": "True"}],
                },
            });
            (format!("n{number}"), value)
        };
        let all = Mutex::new([node(1), node(2)].into());
        let (refuse, away, lists) = (AtomicUsize::new(0), AtomicBool::new(false), AtomicUsize::new(0));
        let state = Arc::new(Nodes { all, refuse, away, lists });
        let version = json!({"major": "1", "minor": "36", "gitVersion": "v1.36.0", "gitCommit": "", "gitTreeState": "",
            "buildDate": "", "goVersion": "", "compiler": "", "platform": ""});
        let routes = Router::new()
            .route("/version", get(move || async move { Json(version) }))
            .route("/api/v1/nodes", get(list))
            .route("/api/v1/nodes/{name}", any(one))
            .fallback(|| async { failure(StatusCode::NOT_FOUND) })
            .with_state(Arc::clone(&state));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, routes).await });
        Self { url, state }
    }

    pub fn kubeconfig(&self) -> String {
        Self::kubeconfig_at(&self.url)
    }

    /// For an API server that is there, or that is not.
    pub fn kubeconfig_at(url: &str) -> String {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        });
        config.to_string()
    }

    pub fn client(&self) -> kube::Client {
        kube::Client::try_from(kube::Config::new(self.url.parse().unwrap())).unwrap()
    }

    pub fn edit(&self, name: &str, edit: impl FnOnce(&mut Value)) {
        edit(self.state.all.lock().unwrap().get_mut(name).unwrap());
    }

    pub fn node(&self, name: &str) -> Option<Value> {
        self.state.all.lock().unwrap().get(name).cloned()
    }

    pub fn all(&self, fits: impl Fn(&Value) -> bool) -> bool {
        self.state.all.lock().unwrap().values().all(fits)
    }

    /// Waits until nodes were listed so often from now on.
    pub async fn listed(&self, times: usize) {
        let until = self.state.lists.load(Ordering::Relaxed) + times;
        let met = async {
            while self.state.lists.load(Ordering::Relaxed) < until {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), met).await.unwrap();
    }
}

fn failure(code: StatusCode) -> Response {
    // Reasons are words without spaces: `NotFound`, `Conflict`.
    let reason = code.canonical_reason().unwrap_or_default().replace(' ', "");
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": code.to_string(), "reason": reason, "code": code.as_u16()});
    (code, Json(status)).into_response()
}

async fn list(State(nodes): State<Arc<Nodes>>) -> Response {
    if nodes.away.load(Ordering::Relaxed) {
        return failure(StatusCode::SERVICE_UNAVAILABLE);
    }
    nodes.lists.fetch_add(1, Ordering::Relaxed);
    let items: Vec<Value> = nodes.all.lock().unwrap().values().cloned().collect();
    let list = json!({"apiVersion": "v1", "kind": "NodeList", "metadata": {"resourceVersion": "1"}, "items": items});
    Json(list).into_response()
}

async fn one(State(nodes): State<Arc<Nodes>>, method: Method, Path(name): Path<String>, body: String) -> Response {
    let refused = |left: usize| left.checked_sub(1);
    let refused =
        method != Method::GET && nodes.refuse.fetch_update(Ordering::Relaxed, Ordering::Relaxed, refused).is_ok();
    if refused || nodes.away.load(Ordering::Relaxed) {
        return failure(StatusCode::SERVICE_UNAVAILABLE);
    }
    let mut all = nodes.all.lock().unwrap();
    let Some(node) = all.get_mut(&name) else { return failure(StatusCode::NOT_FOUND) };
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    match method {
        Method::PUT => *node = body,
        Method::PATCH => node["spec"]["unschedulable"] = body["spec"]["unschedulable"].clone(),
        Method::DELETE => {
            if body["preconditions"]["uid"].as_str().is_some_and(|uid| node["metadata"]["uid"] != uid) {
                return failure(StatusCode::CONFLICT);
            }
            return Json(all.remove(&name)).into_response();
        }
        _ => {}
    }
    Json(node.clone()).into_response()
}
