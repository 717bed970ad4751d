//! The maintenance topic and a running projector: requests become wishes, and what came of them is told to the log.
//!
//! ```text
//!  requests ──► those without an outcome ──(bounded)──► projector ──(bounded)──► outcomes
//! ```
//!
//! Invariants:
//! - A request has at least one outcome, also over crashes: what has none after a start is asked again. Audit and rebuild
//!   may both be done twice.
//! - The writer of the outcomes is the one projector that leads: an older one is fenced, and stops to take wishes.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use beidou_log::{Log, LogError, ReadLimit, Writer};
use beidou_schemas::{
    Micros, Offset, TopicPartition,
    maintenance::fact::{self, OUTCOMES, REQUESTS, Request},
};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{
    ProjectorError,
    error::chain,
    maintenance::{Asking, Outcome, Wish},
};

/// What one read brings; waits so long for a request.
const READ: ReadLimit = ReadLimit { max_bytes: 4 << 20, max_wait: Duration::from_secs(5) };
/// The same where all is there already.
const READ_BACK: ReadLimit = ReadLimit { max_bytes: 4 << 20, max_wait: Duration::ZERO };
/// Between two tries at a log that refuses.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Becomes the writer of the outcomes, in the place of whoever led before. `name` says who it is.
///
/// # Errors
/// When the log refuses for good.
pub async fn lead(log: &dyn Log, name: &str) -> Result<Arc<dyn Writer>, ProjectorError> {
    patiently(|| async { log.writer(OUTCOMES, name).await }, "become the writer of", OUTCOMES).await
}

/// Serves the topic until the projector takes no more wishes; drop the future to stop it at any point.
///
/// # Errors
/// When another projector leads, or a fact is of a newer version.
pub async fn serve(log: Arc<dyn Log>, writer: Arc<dyn Writer>, asking: Asking) -> Result<(), ProjectorError> {
    let Asking { wishes, outcomes } = asking;
    let done = done(&*log).await?;
    let asked = ask(&*log, &done, wishes);
    let told = tell(&*writer, outcomes);
    tokio::try_join!(asked, told).map(drop)
}

/// The ids of all outcomes.
async fn done(log: &dyn Log) -> Result<BTreeSet<Uuid>, ProjectorError> {
    let bounds = patiently(|| async { log.bounds(OUTCOMES).await }, "find the end of", OUTCOMES).await?;
    let (mut next, mut found) = (bounds.start, BTreeSet::new());
    while next < bounds.end {
        let batch = patiently(|| async { log.read(OUTCOMES, next, READ_BACK).await }, "read", OUTCOMES).await?;
        for stored in &batch.records {
            let outcome = fact::Outcome::from_json(&stored.record.value);
            let failed = |source| ProjectorError::Fact { at: OUTCOMES, offset: stored.offset, source };
            found.insert(outcome.map_err(failed)?.id());
        }
        if batch.next <= next {
            break;
        }
        next = batch.next;
    }
    Ok(found)
}

/// Hands over every request that is not done, old ones and those to come.
async fn ask(log: &dyn Log, done: &BTreeSet<Uuid>, wishes: mpsc::Sender<(Uuid, Wish)>) -> Result<(), ProjectorError> {
    let mut next: Offset = 0;
    loop {
        let read = || async {
            match log.read(REQUESTS, next, READ).await {
                // The size of the topic is bounded: what is gone is old.
                Err(LogError::Removed { first, .. }) if first > next => log.read(REQUESTS, first, READ).await,
                answer => answer,
            }
        };
        let batch = patiently(read, "read", REQUESTS).await?;
        for stored in &batch.records {
            let request = Request::from_json(&stored.record.value);
            let failed = |source| ProjectorError::Fact { at: REQUESTS, offset: stored.offset, source };
            let (id, wish) = match request.map_err(failed)? {
                Request::AuditAsked(asked) => (asked.id, Wish::Audit { full: asked.full }),
                Request::RebuildAsked(asked) => (asked.id, Wish::Rebuild),
                Request::QuerySaved(_) | Request::SqlSaved(_) | Request::QueryDeleted(_) | Request::LinkSaved(_) => {
                    continue;
                }
            };
            if !done.contains(&id) && wishes.send((id, wish)).await.is_err() {
                return Ok(());
            }
        }
        next = batch.next;
    }
}

/// Appends what came of wishes, and of audits that ran by themselves.
async fn tell(writer: &dyn Writer, mut outcomes: mpsc::Receiver<(Uuid, Outcome)>) -> Result<(), ProjectorError> {
    while let Some((id, outcome)) = outcomes.recv().await {
        let fact = match outcome {
            Outcome::Audited(report) => fact::Outcome::Audited(fact::Audited { id, report }),
            Outcome::Rebuilt(report) => fact::Outcome::Rebuilt(fact::Rebuilt { id, report }),
            Outcome::Failed { why } => fact::Outcome::Failed(fact::Failed { id, why }),
        };
        let record = fact.to_record(Uuid::new_v4(), Micros::of(jiff::Timestamp::now()));
        patiently(|| async { writer.append(vec![record.clone()]).await }, "append to", OUTCOMES).await?;
    }
    Ok(())
}

/// Tries again while the log refuses for a while: a full disk, mostly.
async fn patiently<T, F: Future<Output = Result<T, LogError>>>(
    mut act: impl FnMut() -> F,
    what: &'static str,
    at: TopicPartition,
) -> Result<T, ProjectorError> {
    let mut told = false;
    loop {
        match act().await {
            Err(error) if error.is_retryable() => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(%at, what, error = chain(&error), "the log refuses, maintenance waits for it");
                }
                tokio::time::sleep(RETRY_EVERY).await;
            }
            outcome => return outcome.map_err(ProjectorError::log(what, at)),
        }
    }
}
