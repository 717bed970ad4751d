//! A projector: joins those who share the partitions, and works on those that it is given.

use std::sync::Arc;

use beidou_log::Log;
use beidou_schemas::{Topic, TopicPartition, ledger};
use beidou_store::Store;
use prometheus_client::registry::Registry;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    ProjectorConfig, ProjectorError,
    budget::Budget,
    crew::Crew,
    leading::Asked,
    maintenance::Maintenance,
    metrics::{Filled, Metrics},
    status::{Reporter, Status},
    turns::Turns,
    worker::Worker,
};

/// The topics that are projected.
pub const SOURCES: [Topic; 5] =
    [Topic::KubeEvent, Topic::KubeCoverage, Topic::KubeReject, Topic::Operation, Topic::OperationTask];
/// Whoever has this partition leads.
pub const LEADING: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 0 };
/// The name under which the projectors of a site share the partitions.
pub const GROUP: &str = "projectors";

/// All partitions that are projected.
pub(crate) fn sources(log: &dyn Log) -> Vec<TopicPartition> {
    let of = |topic| (0..log.partitions(topic)).map(move |partition| TopicPartition::new(topic, partition));
    SOURCES.into_iter().flat_map(of).collect()
}

/// A projector that is ready to run.
pub struct Projector {
    pub(crate) config: Arc<ProjectorConfig>,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) store: Store,
    pub(crate) metrics: Metrics,
    /// Of the workers, and of their archive stages.
    budgets: [Budget; 2],
    pub(crate) status: watch::Sender<Status>,
    pub(crate) turns: Turns,
    pub(crate) asked: Asked,
}

/// Runs a projector until `shutdown`.
///
/// # Errors
/// See [`Projector::run`].
pub async fn run(
    config: ProjectorConfig,
    log: Arc<dyn Log>,
    store: Store,
    registry: &mut Registry,
    shutdown: CancellationToken,
) -> Result<(), ProjectorError> {
    Projector::new(config, log, store, registry).run(shutdown).await
}

impl Projector {
    /// Prepares a projector and registers its metrics.
    pub fn new(config: ProjectorConfig, log: Arc<dyn Log>, store: Store, registry: &mut Registry) -> Self {
        let metrics = Metrics::register(registry);
        let archive = config.archive.as_ref().map_or(0, |archive| archive.budget);
        let budgets = [Budget::new(config.budget), Budget::new(archive)];
        Filled::register(registry, &budgets);
        let (config, status, turns) = (Arc::new(config), watch::Sender::default(), Turns::default());
        Self { config, log, store, metrics, budgets, status, turns, asked: Asked::Nobody }
    }

    /// Takes wishes of this process while it leads, and tells what came of them and of its own audits.
    pub fn maintained(mut self, maintenance: Maintenance) -> Self {
        self.asked = Asked::Here(Arc::new(Mutex::new(maintenance)));
        self
    }

    /// Takes the wishes that stand in the log while it leads, and tells there what came of them and of its own audits.
    pub fn asked_by_log(mut self) -> Self {
        self.asked = Asked::Log;
        self
    }

    /// Where its workers stand, now and as it changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Brings the tables forward and projects the partitions that it is given until `shutdown`: all of them, where the log is
    /// not shared. A stop at any point is harmless: what was under way is repeated by whoever comes next. When it returns, no
    /// worker runs any more, and others may have the partitions.
    ///
    /// # Errors
    /// The first worker that fails for good ends all of them: another projector took over where partitions are not shared,
    /// ledger and log do not fit, or the tables are lost or a newer version's.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ProjectorError> {
        let (found, expected) =
            (self.log.partitions(Topic::Ledger), ledger::partitions(self.log.partitions(Topic::KubeEvent)));
        if found != expected {
            return Err(ProjectorError::LedgerPartitions { found, expected });
        }
        let mut member = self.log.join(GROUP, &SOURCES).await.map_err(ProjectorError::Sharing)?;
        let mut crew = Crew::new(self, member.certain_after());
        let outcome = crew.work(&mut *member, &shutdown).await;
        crew.end().await;
        member.leave().await;
        outcome
    }

    /// A worker of a partition; `None` where that has no ledger.
    pub(crate) fn worker(&self, at: TopicPartition, stop: CancellationToken) -> Option<Worker> {
        let ledger_at = ledger::partition_of(at, self.log.partitions(Topic::KubeEvent))?;
        if self.log.partitions(ledger_at.topic) <= ledger_at.partition {
            return None;
        }
        let [budget, archive_budget] = self.budgets.clone();
        Some(Worker {
            at,
            ledger_at,
            log: self.log.clone(),
            store: self.store.clone(),
            config: self.config.clone(),
            budget,
            archive_budget,
            turns: self.turns.clone(),
            stop,
            metrics: self.metrics.of(at),
            reporter: Reporter::new(at, self.status.clone()),
        })
    }
}
