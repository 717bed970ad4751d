//! What one projector does for the whole site: audits, rebuilds, compaction, retention, and answers to what is asked.
//!
//! ```text
//!  the leading partition is ours, and runs ─► become the writer of the outcomes ─► work
//!            ▲                                                                      │ another one leads by now
//!            └──────── a pause, after which our assignment is certain ◄─────────────┘
//! ```
//!
//! Two may believe that they lead, for as long as one stands still. Its writer is fenced then, and whatever changes what all
//! have looks at that first.

use std::{sync::Arc, time::Duration};

use beidou_log::Log;
use beidou_schemas::maintenance::fact::OUTCOMES;
use beidou_store::Store;
use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
};

use crate::{
    ProjectorConfig, ProjectorError,
    archive::compact_daily,
    audit::{Auditor, Keeper},
    error::chain,
    maintenance::Maintenance,
    metrics::Count,
    retention,
    run::{LEADING, Projector},
    status::{Phase, Status},
    turns::Turns,
    wishes,
};

/// Who asks for audits and rebuilds.
#[derive(Clone)]
pub(crate) enum Asked {
    /// Nobody.
    Nobody,
    /// Somebody in this process.
    Here(Arc<Mutex<Maintenance>>),
    /// Whoever writes to the log.
    Log,
}

/// The work of the leading projector. Dropped, it ends at its next wait.
pub(crate) struct Leading {
    task: JoinHandle<()>,
    turns: Turns,
}

impl Leading {
    pub(crate) fn begin(projector: &Projector, certain_after: Option<Duration>) -> Self {
        let work = Work {
            log: projector.log.clone(),
            store: projector.store.clone(),
            config: projector.config.clone(),
            status: projector.status.subscribe(),
            turns: projector.turns.clone(),
            retention_failures: projector.metrics.retention_failures.clone(),
            asked: projector.asked.clone(),
            certain_after,
        };
        Self { task: tokio::spawn(work.run()), turns: projector.turns.clone() }
    }

    /// Ends the work wherever it stands, and returns when nothing is done any more.
    pub(crate) async fn end(mut self) {
        self.task.abort();
        let _how_it_ended = (&mut self.task).await;
        self.turns.leads_by(None);
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Work {
    log: Arc<dyn Log>,
    store: Store,
    config: Arc<ProjectorConfig>,
    status: watch::Receiver<Status>,
    turns: Turns,
    retention_failures: Count,
    asked: Asked,
    certain_after: Option<Duration>,
}

impl Work {
    async fn run(mut self) {
        let runs = |status: &Status| status.partitions.get(&LEADING).is_some_and(|p| p.phase == Phase::Running);
        loop {
            // Until then tables may be missing.
            if self.status.wait_for(runs).await.is_err() {
                return;
            }
            let Err(error) = self.lead().await else { return };
            let error = chain(&error);
            match self.certain_after {
                Some(pause) => {
                    tracing::warn!(
                        error,
                        "another projector leads, or the log does not let this one lead: it tries again"
                    );
                    tokio::time::sleep(pause).await;
                }
                None => {
                    tracing::error!(error, "audits and rebuilds cannot be asked for until the next start");
                    self.asked = Asked::Nobody;
                }
            }
        }
    }

    /// Leads until it is fenced.
    async fn lead(&self) -> Result<(), ProjectorError> {
        // A log without the topic has nobody who could ask, or lead as well.
        let is_known = self.log.partitions(OUTCOMES.topic) > OUTCOMES.partition;
        let writer = match (is_known, &self.asked) {
            (true, Asked::Log | Asked::Here(_)) => Some(wishes::lead(&*self.log, &self.config.name).await?),
            (false, _) | (true, Asked::Nobody) => None,
        };
        self.turns.leads_by(writer.clone());
        let (maintenance, asking) = match &self.asked {
            Asked::Nobody => (None, None),
            Asked::Here(maintenance) => (Some(maintenance.clone()), None),
            Asked::Log => {
                let (maintenance, asking) = Maintenance::channel();
                (Some(Arc::new(Mutex::new(maintenance))), Some(asking))
            }
        };
        let serving = async {
            match (writer, asking) {
                (Some(writer), Some(asking)) => wishes::serve(self.log.clone(), writer, asking).await,
                (_, _) => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            served = serving => served,
            () = self.keep(maintenance) => Ok(()),
        }
    }

    /// All that is done without being asked, and what is asked.
    async fn keep(&self, maintenance: Option<Arc<Mutex<Maintenance>>>) {
        let (config, turns) = (&self.config, &self.turns);
        let compacting = async {
            if let Some(archive) = config.archive.clone() {
                compact_daily(archive, turns.clone()).await;
            }
        };
        let archive = config.archive.as_ref().map(|config| config.archive.clone());
        let (kept, store, failures) = (config.retention.clone(), self.store.clone(), self.retention_failures.clone());
        let retaining = retention::run(kept, store, archive, turns.clone(), failures);
        let auditor = Auditor::new(self.log.clone(), self.store.clone(), config, self.status.clone(), turns.clone());
        let keeper = Keeper { auditor, config: config.audit.clone(), maintenance };
        tokio::join!(compacting, retaining, keeper.run());
    }
}
