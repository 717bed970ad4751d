//! A simulated kube-apiserver of one cluster, over plain HTTP on the loopback.
//!
//! It serves what a collector of Events needs: version, discovery, the `kube-system` namespace, list and watch of
//! core/v1 Events straight "from etcd" (no watch cache, so no periodic bookmarks), writes of single Events and the
//! self access reviews; and what operations need: nodes. Faults are turned on through [`ApiServer::faults`]; the ledger tells what really happened.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::clock::{Clock, HOUR_US, MINUTE_US};
use crate::faults::Faults;
use crate::fleet::{Cluster, Purpose, random_uid, stream};
use crate::generate::EventRecord;
use crate::history::HistoryState;
use crate::oracle::Ledger;
use crate::storage::{Storage, Stored};

mod access;
mod connection;
mod list;
mod nodes;
pub(crate) mod object;
mod routes;
pub(crate) mod shared;
mod signal;
mod status;
mod watch;
mod write;

pub use access::Access;
use shared::{Shared, State};
pub(crate) use status::Status as Refused;

/// How often [`ApiServer::keep_time`] looks for expired Events and for history to compact.
const TICK: Duration = Duration::from_secs(1);

/// How to run a server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Which cluster it speaks for.
    pub cluster: Arc<Cluster>,
    /// Bearer token that it accepts.
    pub token: String,
    /// Name of the user behind the token, for refusals.
    pub user: String,
    /// TCP port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Its time.
    pub clock: Clock,
    /// Seed of its chance.
    pub seed: u64,
    /// Time to live of Events.
    pub ttl_us: i64,
    /// Time between compactions (each forgets what is older than the one before); 0 compacts only on demand.
    pub compaction_us: i64,
    /// resourceVersion that it starts at.
    pub resource_version: u64,
    /// What the token may do.
    pub access: Access,
    /// Where everything that happens is written down.
    pub ledger: Ledger,
}

impl ServerOptions {
    /// A server as Kubernetes sets it up: Events live an hour, history is compacted every five minutes.
    #[must_use]
    pub fn new(cluster: Arc<Cluster>, ledger: Ledger) -> Self {
        let token = format!("simulated-{}", cluster.uid.simple());
        let resource_version = 40_000_000 + 7_000_000 * cluster.index as u64;
        Self {
            cluster,
            token,
            user: "system:serviceaccount:beidou:beidou-ingest".to_owned(),
            port: 0,
            clock: Clock::Real,
            seed: 0,
            ttl_us: HOUR_US,
            compaction_us: 5 * MINUTE_US,
            resource_version,
            access: Access::default(),
            ledger,
        }
    }
}

fn shared_of(options: ServerOptions) -> Arc<Shared> {
    let random = stream(options.seed, options.cluster.index, Purpose::Faults);
    let storage = Storage::new(options.resource_version);
    let state = State::new(&options.cluster, storage, options.access.clone(), random, options.clock.now_us());
    Arc::new(Shared::new(options, state))
}

/// A running server; clones are handles to the same one.
#[derive(Clone)]
pub struct ApiServer {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl std::fmt::Debug for ApiServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ApiServer")
            .field("cluster", &self.shared.cluster.name)
            .field("url", &self.url())
            .finish()
    }
}

impl ApiServer {
    /// Starts a server; it runs on the current tokio runtime until [`ApiServer::stop`].
    ///
    /// # Errors
    /// If the port is taken.
    pub async fn start(options: ServerOptions) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let shared = shared_of(options);
        let door = connection::Door { listener, shared: shared.clone() };
        let router = routes::router(shared.clone());
        let stopped = shared.stopped.clone();
        tokio::spawn(async move {
            tokio::select! {
                ended = async { axum::serve(door, router).await } => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "simulated server ended");
                    }
                }
                () = stopped.cancelled() => {}
            }
        });
        Ok(Self { shared, address })
    }

    /// A server without a port: whoever has the router asks it. Faults that break connections are that one's own matter.
    pub fn in_process(options: ServerOptions) -> (Self, axum::Router) {
        let shared = shared_of(options);
        let router = routes::router(shared.clone());
        (Self { shared, address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) }, router)
    }

    /// Expires Events and compacts history by the clock, once a second, until the server stops.
    pub fn keep_time(&self) {
        let shared = self.shared.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(TICK);
            loop {
                tokio::select! {
                    _ = ticks.tick() => shared.tick(),
                    () = shared.stopped.cancelled() => return,
                }
            }
        });
    }

    /// Does once what [`ApiServer::keep_time`] does every second; for servers on a virtual clock.
    pub fn tick(&self) {
        self.shared.tick();
    }

    /// Stops for good: the port is free again and all connections break.
    pub fn stop(&self) {
        self.shared.stopped.cancel();
        let mut state = self.shared.lock();
        self.shared.break_connections(&mut state);
    }

    /// Base URL, such as `http://127.0.0.1:41234`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bearer token that it accepts.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.shared.token
    }

    /// The cluster that it speaks for.
    #[must_use]
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.shared.cluster
    }

    /// The handle that causes faults.
    #[must_use]
    pub fn faults(&self) -> Faults {
        Faults::new(self.shared.clone())
    }

    /// The oracle's ledger.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }

    /// Newest resourceVersion and the incarnation that it belongs to.
    #[must_use]
    pub fn position(&self) -> (u32, u64) {
        let state = self.shared.lock();
        (state.storage.incarnation, state.storage.resource_version)
    }

    /// Changes what the token may do.
    pub fn set_access(&self, access: Access) {
        self.shared.lock().access = access;
    }

    /// Events that are stored now: uid and resourceVersion, in the order of a list.
    #[must_use]
    pub fn stored(&self) -> Vec<(Uuid, u64)> {
        let state = self.shared.lock();
        state.storage.objects().map(|object| (object.uid, object.resource_version)).collect()
    }

    /// Registers a node as its kubelet would, tainted until it was checked, with the Events that tell of it. One that is there
    /// stays as it is.
    pub fn register_node(&self, name: &str, address: &str, taint: &str) {
        {
            let mut state = self.shared.lock();
            if state.nodes.has(name) {
                return;
            }
            let mut node = nodes::node_of(name, address);
            node["spec"]["taints"] = serde_json::json!([{"key": taint, "effect": "NoSchedule"}]);
            state.nodes.put(node);
        }
        for event in nodes::joining(name, &object::now_text(&self.shared)) {
            self.commit_value(event);
        }
    }

    /// Writes an Event as its reporter would: creates it, or updates it in place. An Event that is gone meanwhile
    /// (expired, or lost by a restore) is created anew with a new uid, as reporters do after a 404.
    pub fn report(&self, record: &mut EventRecord) -> u64 {
        let key = format!("{}/{}", record.namespace, record.name);
        let mut state = self.shared.lock();
        match state.storage.get(&key) {
            Some(stored) => record.uid = stored.uid,
            None if record.count > 1 => record.uid = random_uid(&mut state.random),
            None => {}
        }
        let change = self.shared.commit(&mut state, &key, record.uid, u64::from(record.count), |resource_version| {
            let mut json = Vec::with_capacity(1536);
            // Real servers keep managedFields on every Event; here on half of them, so that both are met.
            record.write_json(&mut json, resource_version, record.uid.as_u128().is_multiple_of(2));
            json.into()
        });
        change.resource_version()
    }

    /// Puts a state of history into the store under its own resourceVersion; older ones than the newest are refused.
    ///
    /// Returns whether it was taken.
    pub fn preload(&self, state: &HistoryState) -> bool {
        let Ok(Value::Object(event)) = serde_json::from_slice(&state.json) else { return false };
        let Some(key) = object::key_of(&event) else { return false };
        let mut locked = self.shared.lock();
        if state.resource_version <= locked.storage.resource_version {
            return false;
        }
        let stored = Stored {
            key: key.into(),
            uid: state.uid,
            resource_version: state.resource_version,
            at_us: state.time_us,
            expires_us: state.time_us + self.shared.ttl_us,
            json: state.json.clone(),
        };
        self.shared.commit_at(&mut locked, stored, object::count_of(&event));
        true
    }

    /// Commits any JSON as an Event, unchecked but for `metadata.namespace` and `metadata.name`; the server sets uid
    /// (of a new one), resourceVersion and creationTimestamp. Returns uid and resourceVersion, or nothing without a name.
    pub fn commit_value(&self, event: Value) -> Option<(Uuid, u64)> {
        let Value::Object(event) = event else { return None };
        let mut state = self.shared.lock();
        let change = object::commit(&self.shared, &mut state, event)?;
        Some((change.object.uid, change.resource_version()))
    }

    /// Newest JSON of an Event.
    #[must_use]
    pub fn event(&self, namespace: &str, name: &str) -> Option<Bytes> {
        self.shared.lock().storage.get(&format!("{namespace}/{name}")).map(|stored| stored.json.clone())
    }

    /// A kubeconfig with one context per server, named like its cluster; the first is current.
    #[must_use]
    pub fn kubeconfig(servers: &[Self]) -> String {
        let (mut clusters, mut users, mut contexts) = (String::new(), String::new(), String::new());
        for server in servers {
            let (name, url, token) = (&server.cluster().name, server.url(), server.token());
            clusters += &format!("- name: {name}\n  cluster:\n    server: {url}\n");
            users += &format!("- name: {name}\n  user:\n    token: {token}\n");
            contexts += &format!("- name: {name}\n  context:\n    cluster: {name}\n    user: {name}\n");
        }
        let current = servers.first().map_or("", |server| &server.cluster().name);
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: {current}\nclusters:\n{clusters}users:\n{users}contexts:\n{contexts}"
        )
    }
}
