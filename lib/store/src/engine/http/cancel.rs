//! Stops a statement whose client has gone.
//!
//! The engine's C interface knows no query ids, so each statement's session carries a marker of its own in a setting that
//! nothing else here uses ([`MARKER_SETTING`]; `log_comment` stays free for callers), and `KILL QUERY` finds it by that.
//! Flow: [`ticket`] gives a [`ClientGuard`] to the answer and a [`JobTicket`] to the engine's thread. A guard dropped
//! before [`ClientGuard::complete`] kills the statement, again and again until the job says that it ended: the first
//! KILL may come before the engine has registered the statement.
//! Invariant: KILL is always ASYNC; a SYNC one waits for a session that waits for us.

use super::Shim;
use super::text::literal;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

/// Only used when the engine itself connects to remote servers, which it is never granted.
pub(super) const MARKER_SETTING: &str = "chdb_client_name";
/// A KILL takes about 20 ms and is noticed at the next block; 100 tries of 100 ms cover ten seconds of a busy machine.
const KILL_ATTEMPTS: u32 = 100;
const KILL_INTERVAL: Duration = Duration::from_millis(100);

/// The engine thread's side.
pub(super) struct JobTicket {
    /// The value of [`MARKER_SETTING`] for this statement's session.
    pub marker: String,
    gone: CancellationToken,
    _finished: DropGuard,
}

impl JobTicket {
    /// Whether nobody waits for the answer any more.
    pub(super) fn client_is_gone(&self) -> bool {
        self.gone.is_cancelled()
    }
}

/// The answer's side: dropped early, it stops the statement.
pub(super) struct ClientGuard {
    shim: Arc<Shim>,
    marker: String,
    gone: CancellationToken,
    finished: CancellationToken,
    completed: bool,
}

/// A pair for one statement.
pub(super) fn ticket(shim: &Arc<Shim>) -> (ClientGuard, JobTicket) {
    let marker = format!("beidou-{}", Uuid::new_v4().simple());
    let (gone, finished) = (CancellationToken::new(), CancellationToken::new());
    let job = JobTicket { marker: marker.clone(), gone: gone.clone(), _finished: finished.clone().drop_guard() };
    (ClientGuard { shim: shim.clone(), marker, gone, finished, completed: false }, job)
}

impl ClientGuard {
    /// The answer reached its end; nothing is left to stop.
    pub(super) fn complete(mut self) {
        self.completed = true;
    }
}

impl Drop for ClientGuard {
    fn drop(&mut self) {
        if self.completed || self.finished.is_cancelled() {
            return;
        }
        self.gone.cancel();
        let (shim, finished) = (self.shim.clone(), self.finished.clone());
        let condition = format!("Settings['{MARKER_SETTING}'] = {}", literal(&self.marker));
        // Outside a runtime the process is ending, and the statement with it.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(kill_until(shim, condition, finished));
        }
    }
}

async fn kill_until(shim: Arc<Shim>, condition: String, finished: CancellationToken) {
    for _ in 0..KILL_ATTEMPTS {
        kill(&shim, condition.clone()).await;
        if tokio::time::timeout(KILL_INTERVAL, finished.cancelled()).await.is_ok() {
            return;
        }
    }
    tracing::warn!(attempts = KILL_ATTEMPTS, "a statement without a client could not be stopped");
}

/// Stops every statement that `condition` (over `system.processes`) matches.
pub(super) async fn kill(shim: &Arc<Shim>, condition: String) {
    let shim = shim.clone();
    let outcome = tokio::task::spawn_blocking(move || {
        shim.engine.session()?.execute(&format!("KILL QUERY WHERE {condition} ASYNC"))
    });
    match outcome.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the engine refused to stop a statement"),
        Err(error) => tracing::warn!(%error, "the thread that stops statements failed"),
    }
}
