//! What ends ingest as a whole. What ails one cluster is its status, never an error here.

use beidou_log::LogError;
use beidou_schemas::fact::FactError;

/// Why ingest cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// A setting is not usable.
    #[error("the setting ingest.{key} is not allowed: expected {allowed}")]
    Config {
        /// The setting.
        key: &'static str,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The right to append was refused.
    #[error("cannot become the writer of the log")]
    Writer(#[source] LogError),
    /// An append failed for good.
    #[error("cannot append to the log")]
    Append(#[source] LogError),
    /// The positions of the watches could not be read back.
    #[error("cannot read the watch positions from the log")]
    Positions(#[source] LogError),
    /// A coverage fact is not understood.
    #[error("cannot understand the watch positions in the log")]
    Fact(#[from] FactError),
    /// Imported states cannot be read.
    #[error("cannot read imported states from the log")]
    Import(#[source] LogError),
    /// Ingest was told to stop while it waited for the log.
    #[error("stopped while the log did not take what was read; it will be read again")]
    Stopped,
}
