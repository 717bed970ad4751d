//! One audit or rebuild after another: as people ask, and by itself.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::Instant,
};
use uuid::Uuid;

use super::{AuditConfig, Auditor};
use crate::{
    ProjectorError,
    error::chain,
    maintenance::{Maintenance, Outcome, Wish},
    rebuild::rebuild,
    status::Status,
};

/// An audit that got no answer is tried again so soon, or at its own pace if that is shorter.
const TRY_AGAIN: Duration = Duration::from_secs(300);

/// Audits and rebuilds for as long as its projector runs.
pub(crate) struct Keeper {
    pub auditor: Auditor,
    pub config: AuditConfig,
    pub maintenance: Option<Arc<Mutex<Maintenance>>>,
}

impl Keeper {
    /// Works until it is dropped. Whatever fails ends nothing: it is told.
    pub(crate) async fn run(mut self) {
        // Before that there is nothing to compare with.
        if self.auditor.status.wait_for(Status::is_ready).await.is_err() {
            return;
        }
        let mut maintenance = match &self.maintenance {
            Some(maintenance) => Some(maintenance.clone().lock_owned().await),
            None => None,
        };
        let mut next = match (self.config.at_start, self.config.every) {
            (true, _) => Some(Instant::now()),
            (false, every) => every.map(|every| Instant::now() + every),
        };
        loop {
            let (id, wish) = tokio::select! {
                biased;
                Some(asked) = wish(&mut maintenance) => asked,
                () = until(next) => (Uuid::new_v4(), Wish::Audit { full: false }),
            };
            let outcome = match wish {
                Wish::Audit { full } => {
                    let outcome = self.audit(full).await;
                    let again = if matches!(outcome, Outcome::Failed { .. }) { TRY_AGAIN } else { Duration::MAX };
                    next = self.config.every.map(|every| Instant::now() + every.min(again));
                    outcome
                }
                Wish::Rebuild => match rebuild(&self.auditor).await {
                    Ok(report) => Outcome::Rebuilt(report),
                    Err(error) => failed("the rebuild", &error),
                },
            };
            if let Some(maintenance) = &maintenance
                && maintenance.outcomes.send((id, outcome)).await.is_err()
            {
                tracing::debug!("nobody takes outcomes any more");
            }
        }
    }

    async fn audit(&mut self, full: bool) -> Outcome {
        match self.auditor.audit(full).await {
            Ok(report) => {
                self.config.metrics.note(&report);
                let (files, hours, rows, states) = (report.files, report.hours, report.rows, report.log_states);
                let (repaired, unrepaired) = (report.repaired, report.unrepaired);
                tracing::info!(full, files, hours, rows, log_states = states, repaired, unrepaired, "audited");
                Outcome::Audited(report)
            }
            Err(error) => {
                self.config.metrics.failures.inc();
                failed("the audit", &error)
            }
        }
    }
}

/// The next wish; never, where nobody can ask.
async fn wish(maintenance: &mut Option<OwnedMutexGuard<Maintenance>>) -> Option<(Uuid, Wish)> {
    match maintenance {
        Some(maintenance) => maintenance.wishes.recv().await,
        None => None,
    }
}

async fn until(next: Option<Instant>) {
    match next {
        Some(next) => tokio::time::sleep_until(next).await,
        None => std::future::pending().await,
    }
}

fn failed(what: &str, error: &ProjectorError) -> Outcome {
    let why = chain(error);
    tracing::warn!(error = why, "{what} was not done to its end");
    Outcome::Failed { why }
}
