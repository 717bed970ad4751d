//! A small API server that keeps Events and does what a test asks of it, and the harness around ingest.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "clippy takes only functions marked as tests for tests")]

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Query, State},
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use beidou_ingest::{
    ClusterConfig, ClusterState, IngestConfig, IngestError, IngestMetrics, IngestStatus, Inputs, Machine,
};
use beidou_log::{Log, ReadLimit, memory::MemoryLog};
use beidou_schemas::{Record, Topic, TopicPartition, coverage::CoverageFact};
use prometheus_client::{encoding::text::encode, registry::Registry};
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// How one watch is served; without a plan it is served well.
pub enum Opening {
    Refuse(u16),
    Empty,
    /// These bytes, then the end.
    Send(Vec<Bytes>, End),
}

pub enum End {
    /// A clean end of the body.
    Close,
    /// The connection breaks.
    Cut,
    /// On with the usual service.
    Serve,
    /// The usual service until this is told, then the connection breaks.
    CutWhen(Arc<Notify>),
}

/// How one full list is served.
pub enum Listing {
    /// Pages after the first are expired.
    ExpireSecondPage,
    Refuse(u16),
}

#[derive(Default)]
pub struct Inner {
    pub version: u64,
    frames: Vec<(u64, Bytes)>,
    items: BTreeMap<String, Value>,
    pub plan: VecDeque<Opening>,
    pub lists: VecDeque<Listing>,
    expire_next_page: bool,
    snapshot: Vec<Value>,
    snapshot_version: u64,
    pub forbid_heartbeat: bool,
    heartbeat: Option<u64>,
    pub heartbeats: u64,
    /// Versions from which watches were asked.
    pub watched: Vec<u64>,
    pub full_lists: u64,
    /// The next state is committed, and no watch is told.
    pub drop_next: bool,
    pub token: Option<String>,
    pub hang: bool,
    /// The uid of the cluster that has taken the place of the one at the start.
    pub uid: Option<String>,
}

pub struct Api {
    inner: Mutex<Inner>,
    changed: watch::Sender<u64>,
    pub url: String,
    task: JoinHandle<()>,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Api {
    pub async fn start(uid: &str) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let uid = uid.to_owned();
        Arc::new_cyclic(|api: &std::sync::Weak<Self>| {
            let router = Router::new().fallback(serve).with_state((api.clone(), uid));
            let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
            let inner = Mutex::new(Inner { version: 100, ..Inner::default() });
            Self { inner, changed: watch::Sender::new(0), url, task }
        })
    }

    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Commits a state of an Event, with managedFields; returns its version.
    pub fn write(&self, uid: &str, message: &str) -> u64 {
        let version = {
            let mut inner = self.lock();
            inner.version += 1;
            let version = inner.version;
            let item = event(uid, version, message);
            let kind = if inner.items.contains_key(uid) { "MODIFIED" } else { "ADDED" };
            if !std::mem::take(&mut inner.drop_next) {
                inner.frames.push((version, frame(kind, &item)));
            }
            inner.items.insert(uid.into(), item);
            version
        };
        self.changed.send_modify(|n| *n += 1);
        version
    }

    /// Sets the server back to an older version without any Event.
    pub fn set_back(&self, version: u64) {
        let mut inner = self.lock();
        inner.version = version;
        inner.frames.clear();
        inner.items.clear();
        inner.heartbeat = None;
    }

    /// Forgets the history, as compaction does.
    pub fn compact(&self) {
        self.lock().frames.clear();
    }
}

pub fn event(uid: &str, version: u64, message: &str) -> Value {
    json!({
        "kind": "Event", "apiVersion": "v1",
        "metadata": {
            "name": uid, "namespace": "default", "uid": uid, "resourceVersion": version.to_string(),
            "managedFields": [{ "manager": "kubelet" }],
        },
        "reason": "Tested", "message": message, "lastTimestamp": null,
    })
}

pub fn frame(kind: &str, object: &Value) -> Bytes {
    format!("{}\n", json!({ "type": kind, "object": object })).into()
}

type Shared = (std::sync::Weak<Api>, String);

async fn serve(
    State((api, uid)): State<Shared>,
    method: Method,
    uri: Uri,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(api) = api.upgrade() else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let (hang, token, uid) = {
        let inner = api.lock();
        (inner.hang, inner.token.clone(), inner.uid.clone().unwrap_or(uid))
    };
    if hang {
        std::future::pending::<()>().await;
    }
    let given = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if token.is_some_and(|token| given != format!("Bearer {token}")) {
        return status(401, "Unauthorized");
    }
    match (method.as_str(), uri.path()) {
        ("GET", "/api/v1/namespaces/kube-system") => axum::Json(json!({ "metadata": { "uid": uid } })).into_response(),
        ("GET", "/api/v1/events") if query.contains_key("watch") => open(&api, &query),
        ("GET", "/api/v1/events") => list(&api, &query),
        (_, path) if path.starts_with("/api/v1/namespaces/default/events") => beat(&api, &method, &body),
        _ => status(404, "not found"),
    }
}

fn status(code: u16, message: &str) -> Response {
    let body = json!({ "kind": "Status", "code": code, "message": message });
    (StatusCode::from_u16(code).unwrap(), axum::Json(body)).into_response()
}

fn open(api: &Arc<Api>, query: &BTreeMap<String, String>) -> Response {
    let from: u64 = query["resourceVersion"].parse().unwrap();
    let plan = {
        let mut inner = api.lock();
        inner.watched.push(from);
        inner.plan.pop_front()
    };
    let (first, end) = match plan {
        Some(Opening::Refuse(code)) => return status(code, "refused by plan"),
        Some(Opening::Empty) => return Body::empty().into_response(),
        Some(Opening::Send(chunks, end)) => (chunks, end),
        None => (vec![], End::Serve),
    };
    let (sender, receiver) = futures::channel::mpsc::unbounded::<Result<Bytes, std::io::Error>>();
    let api = Arc::downgrade(api);
    tokio::spawn(async move {
        for chunk in first {
            let _ = sender.unbounded_send(Ok(chunk));
        }
        match end {
            End::Close => {}
            End::Cut => drop(sender.unbounded_send(Err(std::io::Error::other("cut")))),
            End::Serve => follow(api, from, sender).await,
            End::CutWhen(told) => {
                let cut = sender.clone();
                tokio::select! {
                    () = follow(api, from, sender) => {}
                    () = told.notified() => drop(cut.unbounded_send(Err(std::io::Error::other("cut")))),
                }
            }
        }
    });
    Body::from_stream(receiver).into_response()
}

async fn follow(
    api: std::sync::Weak<Api>,
    mut from: u64,
    sender: futures::channel::mpsc::UnboundedSender<Result<Bytes, std::io::Error>>,
) {
    let Some(mut changed) = api.upgrade().map(|api| api.changed.subscribe()) else { return };
    loop {
        changed.mark_unchanged();
        {
            let Some(api) = api.upgrade() else { return };
            for (version, bytes) in &api.lock().frames {
                if *version > from {
                    let _ = sender.unbounded_send(Ok(bytes.clone()));
                    from = *version;
                }
            }
        }
        if sender.is_closed() || changed.changed().await.is_err() {
            return;
        }
    }
}

fn list(api: &Api, query: &BTreeMap<String, String>) -> Response {
    let mut inner = api.lock();
    let limit: usize = query["limit"].parse().unwrap();
    if limit == 1 {
        return axum::Json(json!({ "metadata": { "resourceVersion": inner.version.to_string() }, "items": [] }))
            .into_response();
    }
    if query.contains_key("continue") && std::mem::take(&mut inner.expire_next_page) {
        return status(410, "the continue token is too old");
    }
    if !query.contains_key("continue") {
        inner.full_lists += 1;
        match inner.lists.pop_front() {
            Some(Listing::ExpireSecondPage) => inner.expire_next_page = true,
            Some(Listing::Refuse(code)) => return status(code, "refused by plan"),
            None => {}
        }
        inner.snapshot_version = inner.version;
        inner.snapshot = inner.items.values().cloned().collect();
        for item in &mut inner.snapshot {
            item.as_object_mut().unwrap().retain(|key, _| key != "kind" && key != "apiVersion");
        }
    }
    let size = limit.min(inner.snapshot.len());
    let rest = inner.snapshot.split_off(size);
    let page = std::mem::replace(&mut inner.snapshot, rest);
    let more = if inner.snapshot.is_empty() { "" } else { "more&=/" };
    let metadata = json!({ "resourceVersion": inner.snapshot_version.to_string(), "continue": more });
    axum::Json(json!({ "kind": "EventList", "metadata": metadata, "items": page })).into_response()
}

fn beat(api: &Api, method: &Method, body: &[u8]) -> Response {
    let answer = {
        let mut inner = api.lock();
        if inner.forbid_heartbeat {
            return status(403, "events is forbidden");
        }
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let known = asked["metadata"]["resourceVersion"].as_str().map(|text| text.parse::<u64>().unwrap());
        match (method.as_str(), inner.heartbeat) {
            ("POST", Some(_)) => return status(409, "already exists"),
            ("PATCH" | "GET", None) => return status(404, "not found"),
            ("PATCH", found) if known != found => return status(409, "conflict"),
            ("GET", Some(found)) => found,
            _ => {
                inner.version += 1;
                inner.heartbeats += 1;
                let version = inner.version;
                inner.heartbeat = Some(version);
                let mut object = event("heartbeat", version, "proof");
                object["reason"] = "BeidouHeartbeat".into();
                object["reportingComponent"] = "beidou-ingest".into();
                inner.frames.push((version, frame("MODIFIED", &object)));
                version
            }
        }
    };
    api.changed.send_modify(|n| *n += 1);
    axum::Json(json!({ "metadata": { "resourceVersion": answer.to_string() } })).into_response()
}

/// The settings of tests: everything thirty times faster. A stream that owes a frame for three heartbeats is given up, and a
/// starved machine may stand still for a good part of a second.
pub fn quick() -> IngestConfig {
    IngestConfig { heartbeat_ms: 1000, page_size: 2, longest_wait_ms: 200, ..IngestConfig::default() }
}

pub fn memory() -> Arc<MemoryLog> {
    MemoryLog::with_holes([
        (Topic::KubeEvent, 4),
        (Topic::KubeCoverage, 1),
        (Topic::KubeReject, 1),
        (Topic::KubeImport, 1),
    ])
}

/// A running ingest.
pub struct Running {
    pub clusters: watch::Sender<Vec<ClusterConfig>>,
    pub status: watch::Receiver<IngestStatus>,
    registry: Registry,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), IngestError>>,
}

impl Running {
    pub fn start(log: Arc<dyn Log>, clusters: Vec<ClusterConfig>) -> Self {
        Self::start_with(log, clusters, quick())
    }

    pub fn start_with(log: Arc<dyn Log>, clusters: Vec<ClusterConfig>, config: IngestConfig) -> Self {
        let (clusters, receiver) = watch::channel(clusters);
        let (status, status_receiver) = watch::channel(IngestStatus::default());
        let mut registry = Registry::default();
        let metrics = IngestMetrics::new(&mut registry);
        let shutdown = CancellationToken::new();
        let inputs = Inputs { log, clusters: receiver, metrics, status, outside: Arc::new(Machine), fault: None };
        let task = tokio::spawn(beidou_ingest::run(config, inputs, shutdown.clone()));
        Self { clusters, status: status_receiver, registry, shutdown, task }
    }

    /// What a figure says now; `None` while it is not told.
    pub fn figure(&self, name: &str) -> Option<f64> {
        let mut text = String::new();
        encode(&mut text, &self.registry).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
    }

    pub async fn stop(self) -> Result<(), IngestError> {
        self.shutdown.cancel();
        within(self.task).await.unwrap()
    }

    /// As `kill -9` does: without a word.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err_and(|error| error.is_cancelled()));
    }

    pub async fn ended(self) -> Result<(), IngestError> {
        within(self.task).await.unwrap()
    }

    /// Waits until the watch of the cluster `one` is open, so that its start is in the log.
    pub async fn watching(&mut self) {
        self.until(|s| s.clusters.get("one").is_some_and(|c| c.state == ClusterState::Watching)).await;
    }

    /// Waits until the status says so.
    pub async fn until(&mut self, condition: impl Fn(&IngestStatus) -> bool) -> IngestStatus {
        let mut status = self.status.clone();
        match tokio::time::timeout(DEADLINE, status.wait_for(|status| condition(status))).await {
            Ok(status) => status.unwrap().clone(),
            Err(_) => panic!("the status never became so: {:#?}", *self.status.borrow()),
        }
    }
}

const DEADLINE: Duration = Duration::from_secs(60);

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("it takes far too long")
}

pub async fn all(log: &dyn Log, topic: Topic) -> Vec<Record> {
    let mut records = Vec::new();
    for partition in 0..log.partitions(topic) {
        let at = TopicPartition::new(topic, partition);
        let bounds = log.bounds(at).await.unwrap();
        let mut from = bounds.start;
        while from < bounds.end {
            let read = log.read(at, from, ReadLimit { max_bytes: 1 << 20, max_wait: Duration::ZERO }).await.unwrap();
            records.extend(read.records.into_iter().map(|stored| stored.record));
            from = read.next;
        }
    }
    records
}

/// Waits until what the log holds of a topic is enough.
pub async fn eventually(log: &dyn Log, topic: Topic, enough: impl Fn(&[Record]) -> bool) -> Vec<Record> {
    let searching = async {
        loop {
            let records = all(log, topic).await;
            if enough(&records) {
                return records;
            }
            tokio::task::yield_now().await;
        }
    };
    match tokio::time::timeout(DEADLINE, searching).await {
        Ok(records) => records,
        Err(_) => {
            let facts = facts(log).await;
            panic!("the log never held enough of {topic}: {:?} {:#?}", all(log, topic).await.len(), story(&facts))
        }
    }
}

/// `uid/resourceVersion` of all stored states, sorted, each as often as it is stored.
pub fn states(records: &[Record]) -> Vec<String> {
    let mut states: Vec<String> = records.iter().map(|record| record.header("ce_id").unwrap().to_owned()).collect();
    states.sort();
    states
}

pub async fn facts(log: &dyn Log) -> Vec<CoverageFact> {
    let records = all(log, Topic::KubeCoverage).await;
    records.iter().map(|record| CoverageFact::from_json(&record.value).unwrap()).collect()
}

/// Everything but progress and snapshots, in words.
pub fn story(facts: &[CoverageFact]) -> Vec<String> {
    facts
        .iter()
        .filter_map(|fact| match fact {
            CoverageFact::Started(position) => Some(format!("started {}", position.resource_version)),
            CoverageFact::Ended(end) => Some(format!("ended {}", end.reason.name())),
            CoverageFact::Broken(b) => Some(format!("{} {} epoch {}", b.state.name(), b.reason.name(), b.epoch.0)),
            CoverageFact::Missed(missed) => Some(format!("missed {}", missed.states)),
            CoverageFact::Advanced(_) | CoverageFact::Snapshot(_) | CoverageFact::Imported(_) => None,
        })
        .collect()
}
