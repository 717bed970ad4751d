//! What ends controllers as a whole. What ails one operation, cluster or webhook is a fact or a status, never an error here.

use beidou_crds::SpecError;
use beidou_log::LogError;
use beidou_schemas::{Offset, TopicPartition, fact::FactError};
pub(crate) use beidou_service::telemetry::chain;

/// Why controllers cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ControllersError {
    /// A setting is not usable.
    #[error("the setting controllers.{key} is not allowed: expected {allowed}")]
    Config {
        /// The setting.
        key: &'static str,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A cluster of the configuration is not usable.
    #[error("the setting controllers.clusters is not allowed: {name}: {why}")]
    Cluster {
        /// Its name.
        name: String,
        /// What of it.
        why: SpecError,
    },
    /// The log refused; [`LogError::Fenced`] when other controllers took over.
    #[error("cannot {act} {at}")]
    Log {
        /// What was tried.
        act: &'static str,
        /// Where.
        at: TopicPartition,
        /// Why.
        source: LogError,
    },
    /// A fact or command that this version cannot read.
    #[error("the record at offset {offset} of {at} cannot be read")]
    Fact {
        /// Where.
        at: TopicPartition,
        /// Which record.
        offset: Offset,
        /// Why.
        source: FactError,
    },
    /// What was appended is not what stands in the log: somebody else writes there.
    #[error("{at} does not hold what was appended at {offset}: another writer is at work")]
    NotReadBack {
        /// Where.
        at: TopicPartition,
        /// Where it should stand.
        offset: Offset,
    },
    /// A file of the data folder.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The management cluster cannot be used.
    #[error("cannot use the management cluster")]
    Management(#[from] crate::target::TargetError),
    /// The door cannot listen, or its server ended.
    #[error("the door for runners cannot serve at {address}")]
    Door {
        /// Where.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// A fail point was reached: for tests.
    #[error("ended at the fail point {0}, on purpose")]
    FailPoint(&'static str),
}

impl ControllersError {
    pub(crate) fn log(act: &'static str, at: TopicPartition) -> impl FnOnce(LogError) -> Self {
        move |source| Self::Log { act, at, source }
    }
}
