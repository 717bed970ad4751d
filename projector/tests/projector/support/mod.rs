//! What the projector's tests share: a real engine in a process of its own, of which each test has a database, Events to project, and SQL to look.

#![allow(dead_code, clippy::unwrap_used, missing_docs, reason = "test code, of which each binary uses its part")]

pub mod damaged;
#[path = "../../../../lib/store/tests/support/engine.rs"]
mod engine;
pub mod events;
pub mod kept;
pub mod operations;
mod wait;

pub use engine::Engine;
#[allow(unused_imports, reason = "each binary uses its part")]
pub use wait::{DEADLINE, wait_for, wait_until};

use std::{sync::Arc, time::Duration};

use beidou_log::{Log, memory::MemoryLog};
use beidou_projector::{
    Projector, ProjectorConfig, ProjectorError, Status,
    maintenance::{Asking, Maintenance, Outcome, Wish},
};
use beidou_schemas::{Record, Topic, TopicPartition, ledger};
use beidou_store::Store;
use prometheus_client::registry::Registry;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Partitions of the event topic.
pub const PARTITIONS: u32 = 2;

/// Rows of a query as JSON objects.
pub async fn rows(store: &Store, sql: &str) -> Vec<serde_json::Value> {
    let client = store.reader().unwrap();
    let mut cursor = client.query_raw(sql).fetch_bytes("JSONEachRow").unwrap();
    let text = cursor.collect().await.unwrap();
    text.split(|&b| b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect()
}

/// The one number of a query.
pub async fn number(store: &Store, sql: &str) -> u64 {
    store.reader().unwrap().query_raw(sql).fetch_one().await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// A log with the topics that a projector reads and writes; offsets have holes.
pub fn log() -> Arc<MemoryLog> {
    MemoryLog::with_holes([
        (Topic::KubeEvent, PARTITIONS),
        (Topic::KubeCoverage, 1),
        (Topic::KubeReject, 1),
        (Topic::Ledger, ledger::partitions(PARTITIONS)),
    ])
}

/// The same, and the topics of operations.
pub fn log_of_operations() -> Arc<MemoryLog> {
    MemoryLog::with_holes([
        (Topic::KubeEvent, PARTITIONS),
        (Topic::KubeCoverage, 1),
        (Topic::KubeReject, 1),
        (Topic::Ledger, ledger::partitions(PARTITIONS)),
        (Topic::Operation, 1),
        (Topic::OperationTask, 1),
        (Topic::OperationLedger, ledger::OPERATION_PARTITIONS),
    ])
}

/// The same as the first, with partitions that projectors share.
pub fn shared() -> Arc<MemoryLog> {
    MemoryLog::shared([
        (Topic::KubeEvent, PARTITIONS),
        (Topic::KubeCoverage, 1),
        (Topic::KubeReject, 1),
        (Topic::Ledger, ledger::partitions(PARTITIONS)),
        (Topic::Maintenance, 2),
    ])
}

/// A database of the shared engine in a folder that goes with it, this log, and the store of both.
pub async fn scene<L>(log: L) -> ((Engine, tempfile::TempDir), L, Store) {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let store = engine.store();
    ((engine, dir), log, store)
}

/// Appends to a partition as its writer.
pub async fn append(log: &Arc<MemoryLog>, at: TopicPartition, records: Vec<Record>) {
    log.writer(at, "test").await.unwrap().append(records).await.unwrap();
}

/// Runs SQL that changes something.
pub async fn execute(store: &Store, sql: &str) {
    let query = store.writer().unwrap().query_raw(sql).with_setting("mutations_sync", "2");
    query.execute().await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Asks for something and waits until it is done.
pub async fn ask(asking: &mut Asking, wish: Wish) -> Outcome {
    let id = uuid::Uuid::new_v4();
    asking.wishes.send((id, wish)).await.unwrap();
    let outcome = tokio::time::timeout(DEADLINE, asking.outcomes.recv()).await.expect("done in time").unwrap();
    assert_eq!(outcome.0, id);
    outcome.1
}

/// A projector that runs.
pub struct Running {
    pub status: watch::Receiver<Status>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ProjectorError>>,
}

impl Running {
    pub fn start<L: Log>(config: ProjectorConfig, log: &Arc<L>, store: &Store) -> Running {
        Self::maintained(config, log, store).0
    }

    /// One that takes wishes.
    pub fn maintained<L: Log>(config: ProjectorConfig, log: &Arc<L>, store: &Store) -> (Running, Asking) {
        let stop = CancellationToken::new();
        let (maintenance, asking) = Maintenance::channel();
        let projector = Projector::new(config, log.clone(), store.clone(), &mut Registry::default());
        let projector = projector.maintained(maintenance);
        let status = projector.status();
        (Running { status, task: tokio::spawn(projector.run(stop.clone())), stop }, asking)
    }

    /// Waits until everything that is in the log now is in the tables.
    pub async fn caught_up(&mut self, log: &Arc<MemoryLog>) {
        let topics = beidou_projector::SOURCES.map(|topic| (topic, log.partitions(topic)));
        let mut ends = Vec::new();
        for at in topics.into_iter().flat_map(|(topic, n)| (0..n).map(move |p| TopicPartition::new(topic, p))) {
            let first = log.bounds(at).await.unwrap().start;
            let limit = beidou_log::ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO };
            if let Some(last) = log.read(at, first, limit).await.unwrap().records.last() {
                ends.push((at, last.offset + 1));
            }
        }
        let reached = |status: &Status| {
            status.is_ready()
                && ends.iter().all(|(at, end)| status.partitions.get(at).is_some_and(|p| p.watermark >= *end))
        };
        let in_time = tokio::time::timeout(DEADLINE, self.status.wait_for(reached)).await.is_ok();
        assert!(in_time, "not caught up in time: {:#?}", self.status.borrow());
    }

    /// Ends it at whatever point it is, as a crash would.
    pub async fn crash(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }

    pub async fn ended(self) -> ProjectorError {
        tokio::time::timeout(DEADLINE, self.task).await.expect("ended in time").unwrap().unwrap_err()
    }
}
