//! All workers of a projector: started together, ended together.

use std::{collections::BTreeMap, sync::Arc};

use beidou_log::Log;
use beidou_schemas::{Topic, TopicPartition, ledger};
use beidou_store::{
    Store, StoreError,
    archive::Archive,
    audit::Filling,
    migrate::{has_no_events, is_empty, migrate},
};
use prometheus_client::registry::Registry;
use tokio::{
    sync::watch,
    task::{Id, JoinSet},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    ProjectorConfig, ProjectorError,
    archive::compact_daily,
    audit::{Auditor, Keeper},
    budget::Budget,
    maintenance::Maintenance,
    metrics::{Filled, Metrics},
    rebuild::restore,
    retention,
    status::{Reporter, Status},
    turns::Turns,
    worker::Worker,
};

/// The topics that are projected.
pub const SOURCES: [Topic; 3] = [Topic::KubeEvent, Topic::KubeCoverage, Topic::KubeReject];
/// How often a store that is away is looked for before the first insert: an engine starts in under a second.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(200);

/// A projector that is ready to run.
pub struct Projector {
    config: Arc<ProjectorConfig>,
    log: Arc<dyn Log>,
    store: Store,
    metrics: Metrics,
    /// Of the workers, and of their archive stages.
    budgets: [Budget; 2],
    status: watch::Sender<Status>,
    maintenance: Option<Maintenance>,
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
        let (config, status) = (Arc::new(config), watch::Sender::default());
        Self { config, log, store, metrics, budgets, status, maintenance: None }
    }

    /// Takes wishes while it runs, and tells what came of them and of its own audits.
    pub fn maintained(mut self, maintenance: Maintenance) -> Self {
        self.maintenance = Some(maintenance);
        self
    }

    /// Where its workers stand, now and as it changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Brings the tables forward and projects every partition of every topic until `shutdown`. A stop at any point is
    /// harmless: what was under way is repeated at the next start. When it returns, no worker runs any more.
    ///
    /// # Errors
    /// The first worker that fails for good ends all of them: another projector took over, ledger and log do not fit, or
    /// the tables are a newer version's.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ProjectorError> {
        let events = self.log.partitions(Topic::KubeEvent);
        let (found, expected) = (self.log.partitions(Topic::Ledger), ledger::partitions(events));
        if found != expected {
            return Err(ProjectorError::LedgerPartitions { found, expected });
        }
        let [budget, archive_budget] = self.budgets.clone();
        let turns = Turns::default();
        let workers: Vec<_> = SOURCES
            .into_iter()
            .flat_map(|topic| (0..self.log.partitions(topic)).map(move |p| TopicPartition::new(topic, p)))
            .filter_map(|at| {
                let ledger_at = ledger::partition_of(at, events)?;
                Some(self.worker(at, ledger_at, budget.clone(), archive_budget.clone(), turns.clone()))
            })
            .collect();
        let Some(lost) = shutdown.run_until_cancelled(self.ready_tables(&workers)).await else { return Ok(()) };
        let tables_are_lost = lost?;
        let compacting = self.config.archive.clone().map(|archive| tokio::spawn(compact_daily(archive, turns.clone())));
        let _compacting = compacting.map(AbortOnDropHandle::new);
        let archive = self.config.archive.as_ref().map(|config| config.archive.clone());
        let keeping = retention::run(self.config.retention.clone(), self.store.clone(), archive, turns.clone());
        let _keeping = AbortOnDropHandle::new(tokio::spawn(keeping));
        let _auditing = AbortOnDropHandle::new(tokio::spawn(self.keeper(turns).run()));
        // Dropped with this future, the workers end at their next wait; a proper stop waits for that.
        let mut running = JoinSet::new();
        let sources: BTreeMap<Id, TopicPartition> = workers
            .into_iter()
            .map(|worker| (worker.at, running.spawn(worker.run(tables_are_lost)).id()))
            .map(|(at, id)| (id, at))
            .collect();
        let outcome = shutdown.run_until_cancelled(first_failure(&mut running, &sources)).await.unwrap_or(Ok(()));
        running.shutdown().await;
        outcome
    }

    /// Brings the tables forward; lost ones are restored, where there is an archive. Tells whether they are empty else.
    async fn ready_tables(&self, workers: &[Worker]) -> Result<bool, ProjectorError> {
        let (is_empty, has_no_events) = self.migrate().await?;
        match &self.config.archive {
            Some(archive) if has_no_events => restored(workers, &archive.archive).await.map(|()| false),
            Some(_) => Ok(false),
            None => Ok(is_empty),
        }
    }

    /// Whoever audits and rebuilds.
    fn keeper(mut self, turns: Turns) -> Keeper {
        let archive = self.config.archive.as_ref().map(|config| config.archive.clone());
        let (log, store, status) = (self.log.clone(), self.store.clone(), self.status.subscribe());
        let auditor = Auditor::new(log, store, archive, self.config.window, status, turns);
        Keeper { auditor, config: self.config.audit.clone(), maintenance: self.maintenance.take() }
    }

    fn worker(
        &self,
        at: TopicPartition,
        ledger_at: TopicPartition,
        budget: Budget,
        archive_budget: Budget,
        turns: Turns,
    ) -> Worker {
        Worker {
            at,
            ledger_at,
            log: self.log.clone(),
            store: self.store.clone(),
            config: self.config.clone(),
            budget,
            archive_budget,
            turns,
            metrics: self.metrics.of(at),
            reporter: Reporter::new(at, self.status.clone()),
        }
    }

    /// Brings the tables forward, throws an unfinished one away (a restore does that itself, for it tells readers that the
    /// tables are not whole), and says whether all are empty, and whether that of Events
    /// is. An engine that goes away meanwhile is waited for, at whichever step.
    async fn migrate(&self) -> Result<(bool, bool), ProjectorError> {
        let mut said = false;
        loop {
            let ready = async {
                migrate(&self.store).await?;
                let (is_empty, has_no_events) = (is_empty(&self.store).await?, has_no_events(&self.store).await?);
                if !has_no_events {
                    Filling::discard(&self.store).await?;
                }
                Ok::<_, StoreError>((is_empty, has_no_events))
            };
            match ready.await {
                Err(error) if error.is_retryable() => {
                    if !said {
                        tracing::info!(error = &error as &dyn std::error::Error, "waiting for the store");
                    }
                    said = true;
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                outcome => return outcome.map_err(Into::into),
            }
        }
    }
}

/// Restores the tables, from the beginning again where the engine goes away meanwhile.
async fn restored(workers: &[Worker], archive: &Archive) -> Result<(), ProjectorError> {
    loop {
        match restore(workers, archive).await {
            Err(ProjectorError::Store(error)) if error.is_retryable() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the restore begins anew");
                tokio::time::sleep(LOOK_EVERY).await;
            }
            outcome => return outcome.map(drop),
        }
    }
}

/// Waits until a worker fails, or all have ended.
async fn first_failure(
    running: &mut JoinSet<Result<(), ProjectorError>>,
    sources: &BTreeMap<Id, TopicPartition>,
) -> Result<(), ProjectorError> {
    while let Some(ended) = running.join_next().await {
        ended.map_err(|source| ProjectorError::Panicked { at: sources[&source.id()], source })??;
    }
    Ok(())
}
