//! Who makes runners: a process beside this one, or a Job. One trait, one contract suite.
//!
//! What an executor promises ([`contract`] checks it):
//! - Making the same runner twice makes one. Another order under the same name is refused.
//! - It knows after a restart what it made before.
//! - A runner that is gone is reported as gone, with exit code or signal where that can be known. What it did is not said:
//!   that is for the runner to tell. One that was told to stop, and has not ended, is there.

pub mod contract;
mod job;
mod local;

use std::time::Duration;

use async_trait::async_trait;
use beidou_schemas::runner::AttemptId;

pub use self::{job::KubernetesJob, local::LocalProcess};
pub use crate::token::Secret;

/// What a runner is made of.
#[derive(Debug, Clone)]
pub struct Order {
    /// The attempt, and so the name.
    pub attempt: AttemptId,
    /// What goes into it, as a digest: the same attempt with another one is another order.
    pub input: String,
    /// Where the door is.
    pub door: String,
    /// What it is let in with.
    pub token: Secret,
    /// Names and values of files that only the runner may read.
    pub secrets: Vec<(String, Secret)>,
    /// How long it may be there at all.
    pub deadline: Duration,
}

/// Where a runner stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// There is none of this name, and it is not known that there ever was.
    Absent,
    /// It is there.
    Running,
    /// It is gone.
    Gone {
        /// The exit code, where it is known.
        exit: Option<i32>,
        /// The signal, where it is known.
        signal: Option<i32>,
        /// For people.
        message: String,
    },
}

/// Why a runner was not made, looked at or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// Something of this name was made of another order.
    #[error("{0} is there already, and was made for something else")]
    Other(String),
    /// A file or process.
    #[error("cannot {act} {what}")]
    Local {
        /// What was tried.
        act: &'static str,
        /// With what.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// The API server.
    #[error("cannot {act} the Job")]
    Kube {
        /// What was tried.
        act: &'static str,
        /// Why.
        source: Box<kube::Error>,
    },
}

impl ExecuteError {
    /// Whether the same may succeed later by itself.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Other(_) => false,
            Self::Local { source, .. } => source.kind() != std::io::ErrorKind::NotFound,
            Self::Kube { source, .. } => match &**source {
                kube::Error::Api(status) => status.code >= 500 || status.code == 429,
                _ => true,
            },
        }
    }
}

/// Makes runners.
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// `local`, `job`.
    fn name(&self) -> &'static str;

    /// Where a secret file of an attempt lies for its runner.
    fn secret_path(&self, attempt: &AttemptId, name: &str) -> String;

    /// Makes the runner, unless it was made before; tells where it is.
    async fn launch(&self, order: &Order) -> Result<String, ExecuteError>;

    /// Where it stands.
    async fn look(&self, attempt: &AttemptId) -> Result<Standing, ExecuteError>;

    /// What keeps it from beginning, where that can be known: only for people.
    async fn waits_for(&self, _: &AttemptId) -> Option<String> {
        None
    }

    /// Ends it: with `force` at once, else as it likes within its own grace.
    async fn stop(&self, attempt: &AttemptId, force: bool) -> Result<(), ExecuteError>;

    /// Removes what is left of it, secrets first. It must be gone.
    async fn forget(&self, attempt: &AttemptId) -> Result<(), ExecuteError>;
}
