//! A projector that loses its ledger between PENDING and the insert: another one has the cut, so it inserts nothing any more.

use std::sync::Arc;

use crate::support::{Engine, Running, events, kept, log, number};
use async_trait::async_trait;
use beidou_log::{
    Log, LogError, Writer,
    memory::{MemoryLog, Overlay, Watched},
};
use beidou_projector::{
    ProjectorConfig, ProjectorError,
    fault::{Bug, Faults},
};
use beidou_schemas::{Record, Topic, TopicPartition, ledger::LedgerFact};

/// A log in which somebody newer becomes the writer of a ledger as soon as a cut of Events stands there.
struct Contested(Arc<MemoryLog>);

#[async_trait]
impl Overlay for Contested {
    fn below(&self) -> &MemoryLog {
        &self.0
    }

    async fn writer(&self, at: TopicPartition, name: &str) -> Result<Arc<dyn Writer>, LogError> {
        let (writer, log) = (self.0.writer(at, name).await?, self.0.clone());
        Ok(Arc::new(Watched::new(writer).after(move |records| {
            match at.topic == Topic::Ledger && records.iter().any(is_pending) {
                true => log.fence(at).map(drop),
                false => Ok(()),
            }
        })))
    }
}

fn is_pending(record: &Record) -> bool {
    let fact = LedgerFact::from_json(&record.value);
    matches!(fact, Ok(LedgerFact::Pending(cut)) if cut.source.topic == Topic::KubeEvent)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_fenced_after_pending_inserts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let (log, store) = (log(), engine.store());
    let history = kept::history(0..100);
    events::append(&log, &history).await;
    let error = Running::start(ProjectorConfig::default(), &Arc::new(Contested(log.clone())), &store).ended().await;
    assert!(matches!(error, ProjectorError::Log { source: LogError::Fenced { .. }, .. }), "{error:?}");
    assert_eq!(number(&store, "SELECT count() FROM kube_event").await, 0, "the newer one inserts them");
    let mut newer = Running::start(ProjectorConfig::default(), &log, &store);
    newer.caught_up(&log).await;
    assert_eq!(number(&store, "SELECT count() FROM kube_event").await, 100);
    newer.stop().await;
}

/// The proof that the test above can fail.
#[tokio::test(flavor = "multi_thread")]
async fn the_planted_bug_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let (log, store) = (log(), engine.store());
    events::append(&log, &kept::history(0..100)).await;
    let faults = Faults { bugs: vec![Bug::FenceIgnored], ..Faults::default() };
    let config = ProjectorConfig { faults, ..ProjectorConfig::default() };
    let mut fenced = Running::start(config, &Arc::new(Contested(log.clone())), &store);
    fenced.caught_up(&log).await;
    assert_eq!(number(&store, "SELECT count() FROM kube_event").await, 100, "it was fenced, and has inserted them");
    fenced.crash().await;
}
