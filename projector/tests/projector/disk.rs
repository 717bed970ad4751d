//! A log that refuses for a while, at any call: the projector waits, says why, and goes on by itself.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::support::{DEADLINE, Engine, Running, events, log, number};
use async_trait::async_trait;
use beidou_log::{
    Log, LogError, ReadBatch, ReadLimit, Writer,
    memory::{MemoryLog, Overlay, Watched},
};
use beidou_projector::{PartitionStatus, Phase, ProjectorConfig, Status};
use beidou_schemas::{Offset, TopicPartition};

/// A log whose disk can be full: then it refuses everything.
struct Disk {
    log: Arc<MemoryLog>,
    full: Arc<AtomicBool>,
}

fn check(full: &AtomicBool) -> Result<(), LogError> {
    if full.load(Ordering::SeqCst) { Err(LogError::Full { path: "data/log".into() }) } else { Ok(()) }
}

#[async_trait]
impl Overlay for Disk {
    fn below(&self) -> &MemoryLog {
        &self.log
    }

    async fn writer(&self, at: TopicPartition, name: &str) -> Result<Arc<dyn Writer>, LogError> {
        check(&self.full)?;
        let (writer, full) = (self.log.writer(at, name).await?, Arc::clone(&self.full));
        Ok(Arc::new(Watched::new(writer).before(move |_| check(&full))))
    }

    async fn read(&self, at: TopicPartition, from: Offset, limit: ReadLimit) -> Result<ReadBatch, LogError> {
        check(&self.full)?;
        self.log.read(at, from, limit).await
    }

    async fn bounds(&self, at: TopicPartition) -> Result<Range<Offset>, LogError> {
        check(&self.full)?;
        self.log.bounds(at).await
    }

    async fn release(&self, at: TopicPartition, consumer: &str, upto: Offset) -> Result<(), LogError> {
        check(&self.full)?;
        self.log.release(at, consumer, upto).await
    }
}

async fn until(projector: &mut Running, what: &str, reached: impl FnMut(&Status) -> bool) {
    let in_time = tokio::time::timeout(DEADLINE, projector.status.wait_for(reached)).await.is_ok();
    assert!(in_time, "not in time: {what}: {:#?}", projector.status.borrow());
}

fn says_why(partition: &PartitionStatus) -> bool {
    let error = partition.error.as_ref();
    partition.phase == Phase::Retrying && error.is_some_and(|e| e.contains("data/log") && e.contains("free space"))
}

fn all_wait(status: &Status) -> bool {
    !status.partitions.is_empty() && status.partitions.values().all(says_why)
}

/// One makes the tables, and cannot; the others wait for them.
fn none_begins(status: &Status) -> bool {
    let mut all = status.partitions.values();
    all.clone().any(says_why) && all.all(|p| p.phase != Phase::Running)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_waited_for_at_any_point() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let (log, store, full) = (log(), engine.store(), Arc::new(AtomicBool::new(true)));
    let history: Vec<_> = (1..61_u64).map(|n| events::event(n.into(), n, 1, "2026-11-23T13:00:00Z")).collect();
    events::append(&log, &history[..30]).await;
    let disk = Arc::new(Disk { log: Arc::clone(&log), full: Arc::clone(&full) });
    let mut projector = Running::start(ProjectorConfig::default(), &disk, &store);
    until(&mut projector, "full at the start", none_begins).await;
    full.store(false, Ordering::SeqCst);
    projector.caught_up(&log).await;

    full.store(true, Ordering::SeqCst);
    until(&mut projector, "full while it runs", all_wait).await;
    events::append(&log, &history[30..]).await;
    full.store(false, Ordering::SeqCst);
    projector.caught_up(&log).await;
    assert_eq!(number(&store, "SELECT count() FROM kube_event").await, 60);

    // Without anything new to project it is ready again all the same.
    full.store(true, Ordering::SeqCst);
    until(&mut projector, "full while idle", all_wait).await;
    full.store(false, Ordering::SeqCst);
    until(&mut projector, "ready again", |status| status.is_ready()).await;
    projector.stop().await;
}
