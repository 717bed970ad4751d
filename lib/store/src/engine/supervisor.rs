//! Keeps one engine process running: starts it, waits until it answers, restarts it when it dies, stops it in order.
//!
//! ```text
//! Starting ─ endpoint file of this pid, /ping ─▶ Ready ─ process ended ─▶ Waiting (backoff) ─▶ Starting …
//!                                                                └─ too often ─▶ Failed
//! any state ─ stop ─▶ Stopped
//! ```
//! Invariants: the child's standard input is held open by us and nobody else, so that our end, even by SIGKILL, is its
//! end; at most one child lives at a time; restarts are bounded ([`MAX_FAILURES`] in a row without a stable run).

use super::endpoint::Endpoint;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// An engine with ten million rows opens in under a second; a cold disk and busy cores may take fifty times that.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a starting engine is looked for: a fifth of its shortest start.
const START_POLL: Duration = Duration::from_millis(40);
/// Longest wait for one `/ping`.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// Wait before the first restart; doubled for each further failure in a row, up to [`MAX_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const MAX_BACKOFF: Duration = Duration::from_secs(10);
/// A run of this length counts as stable and forgives earlier failures.
const STABLE_RUN: Duration = Duration::from_secs(60);
/// Failures in a row after which something is broken that no restart mends (about a minute of trying).
const MAX_FAILURES: u32 = 10;
/// Longest wait for an orderly end: above the engine's own last resort (12 s).
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// What the supervised engine is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineState {
    /// A process was or is being started; it does not answer yet.
    Starting,
    /// The engine answers at this endpoint.
    Ready(Endpoint),
    /// The engine ended without being asked; it is started again after `delay`.
    Waiting {
        /// What happened.
        reason: String,
        /// Failures in a row so far.
        failures: u32,
        /// Pause before the next start.
        delay: Duration,
    },
    /// Given up; nothing is started any more.
    Failed {
        /// The last failure.
        reason: String,
    },
    /// Stopped on request.
    Stopped,
}

/// The supervised engine will not become ready.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// It failed too often.
    #[error("keep the engine running: given up after {MAX_FAILURES} failures in a row; the last one: {reason}")]
    Failed {
        /// The last failure.
        reason: String,
    },
    /// It was stopped.
    #[error("the engine was stopped")]
    Stopped,
}

/// A running supervisor. Dropped without [`Supervisor::stop`], it lets the engine end by itself (its input closes).
#[derive(Debug)]
pub struct Supervisor {
    state: watch::Receiver<EngineState>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Starts supervising. `command` makes the command of one engine process on `data_dir`, tied to its standard input
    /// (`beidou engine --data DIR …`); standard input is set here, standard output and error are the caller's.
    /// Must be called inside a tokio runtime.
    pub fn start(data_dir: PathBuf, command: impl Fn() -> Command + Send + Sync + 'static) -> Supervisor {
        let (sender, state) = watch::channel(EngineState::Starting);
        let stop = CancellationToken::new();
        let keeper = Keeper { data_dir, command: Box::new(command), state: sender, stop: stop.clone() };
        Supervisor { state, stop, task: Some(tokio::spawn(keeper.run())) }
    }

    /// The engine's state, now and as it changes. After each restart, read the endpoint anew.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<EngineState> {
        self.state.clone()
    }

    /// Waits until the engine answers.
    ///
    /// # Errors
    /// It failed too often, or was stopped.
    pub async fn ready(&self) -> Result<Endpoint, SupervisorError> {
        let mut state = self.state.clone();
        loop {
            match &*state.borrow_and_update() {
                EngineState::Ready(endpoint) => return Ok(endpoint.clone()),
                EngineState::Failed { reason } => return Err(SupervisorError::Failed { reason: reason.clone() }),
                EngineState::Stopped => return Err(SupervisorError::Stopped),
                EngineState::Starting | EngineState::Waiting { .. } => {}
            }
            if state.changed().await.is_err() {
                return Err(SupervisorError::Stopped);
            }
        }
    }

    /// Stops the engine in order and waits for its end, at most 15 s; then it is killed.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the engine's supervisor failed");
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// How one engine process ended.
enum End {
    Asked,
    Failed(String),
}

struct Keeper {
    data_dir: PathBuf,
    command: Box<dyn Fn() -> Command + Send + Sync>,
    state: watch::Sender<EngineState>,
    stop: CancellationToken,
}

impl Keeper {
    async fn run(self) {
        let mut failures = 0u32;
        while !self.stop.is_cancelled() {
            let started = Instant::now();
            self.state.send_replace(EngineState::Starting);
            let reason = match self.keep_one().await {
                End::Asked => break,
                End::Failed(reason) => reason,
            };
            failures = if started.elapsed() >= STABLE_RUN { 1 } else { failures + 1 };
            if failures >= MAX_FAILURES {
                tracing::error!(failures, reason, "the engine fails again and again, given up");
                self.state.send_replace(EngineState::Failed { reason });
                return;
            }
            let delay = backoff(failures);
            tracing::warn!(failures, reason, delay_ms = delay.as_millis(), "the engine ended, starting it again");
            self.state.send_replace(EngineState::Waiting { reason, failures, delay });
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = self.stop.cancelled() => {}
            }
        }
        self.state.send_replace(EngineState::Stopped);
    }

    /// Runs one engine process from its start to its end.
    async fn keep_one(&self) -> End {
        let (mut child, input) = match self.spawn() {
            Ok(started) => started,
            Err(error) => return End::Failed(format!("start the engine process: {error}")),
        };
        let pid = child.id();
        tokio::select! {
            status = child.wait() => return End::Failed(describe(status)),
            () = self.stop.cancelled() => return end(child, input).await,
            endpoint = self.await_endpoint(pid) => match endpoint {
                Some(endpoint) => self.state.send_replace(EngineState::Ready(endpoint)),
                None => {
                    end(child, input).await;
                    return End::Failed(format!("the engine did not answer within {} s", START_TIMEOUT.as_secs()));
                }
            },
        };
        tokio::select! {
            status = child.wait() => End::Failed(describe(status)),
            () = self.stop.cancelled() => end(child, input).await,
        }
    }

    fn spawn(&self) -> io::Result<(Child, ChildStdin)> {
        let mut child = (self.command)().stdin(Stdio::piped()).kill_on_drop(true).spawn()?;
        let input = child.stdin.take().ok_or_else(|| io::Error::other("the process has no standard input"))?;
        Ok((child, input))
    }

    /// Waits for the endpoint file of this very process and for an answer there; `None` after [`START_TIMEOUT`].
    async fn await_endpoint(&self, pid: Option<u32>) -> Option<Endpoint> {
        let look = async {
            loop {
                if let Ok(endpoint) = Endpoint::read(&self.data_dir)
                    && Some(endpoint.pid) == pid
                    && ping(&endpoint).await
                {
                    return endpoint;
                }
                tokio::time::sleep(START_POLL).await;
            }
        };
        tokio::time::timeout(START_TIMEOUT, look).await.ok()
    }
}

/// Closes the child's input and waits for its end; kills it when it takes too long.
async fn end(mut child: Child, input: ChildStdin) -> End {
    drop(input);
    if tokio::time::timeout(STOP_TIMEOUT, child.wait()).await.is_err() {
        tracing::warn!(timeout_ms = STOP_TIMEOUT.as_millis(), "the engine did not end in time, killing it");
        if let Err(error) = child.kill().await {
            tracing::error!(%error, "the engine could not be killed");
        }
    }
    End::Asked
}

/// Whether the engine at `endpoint` answers.
async fn ping(endpoint: &Endpoint) -> bool {
    // Never through a proxy: the address is this machine's own.
    let Ok(client) = reqwest::Client::builder().no_proxy().timeout(PING_TIMEOUT).build() else {
        return false;
    };
    let answer = client.get(format!("{}/ping", endpoint.url)).send().await;
    answer.is_ok_and(|response| response.status().is_success())
}

fn describe(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => format!("the engine process ended with {status}"),
        Err(error) => format!("wait for the engine process: {error}"),
    }
}

/// 0.25 s, 0.5 s, 1 s … 10 s.
fn backoff(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(10);
    FIRST_BACKOFF.saturating_mul(1 << doublings).min(MAX_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_doubles_up_to_its_bound() {
        let delays: Vec<u128> = (1..=8).map(|failures| backoff(failures).as_millis()).collect();
        assert_eq!(delays, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
        assert_eq!(backoff(u32::MAX), MAX_BACKOFF);
    }
}
