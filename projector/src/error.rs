//! What ends a projector. Everything that can mend itself is retried and never gets here.

use beidou_log::LogError;
use beidou_model::ledger::LedgerError;
use beidou_schemas::{Offset, TopicPartition, fact::FactError};
pub(crate) use beidou_service::telemetry::chain;
use beidou_store::{StoreError, archive::ArchiveError};

/// Why a projector ended before it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectorError {
    /// The log refused; [`LogError::Fenced`] when another projector took over.
    #[error("cannot {act} {at}")]
    Log {
        /// What was tried.
        act: &'static str,
        /// Where.
        at: TopicPartition,
        /// Why.
        source: LogError,
    },
    /// The log does not let partitions be shared.
    #[error("cannot share the partitions with other projectors")]
    Sharing(#[source] LogError),
    /// The partition is asked back: no failure.
    #[error("{at} goes to another projector")]
    GivenBack {
        /// The source.
        at: TopicPartition,
    },
    /// Ledger and log do not fit together.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A fact of our own that this version cannot read.
    #[error("the fact at offset {offset} of {at} cannot be read")]
    Fact {
        /// Where.
        at: TopicPartition,
        /// Which record.
        offset: Offset,
        /// Why.
        source: FactError,
    },
    /// The store's tables are not ours to write, or rows cannot be encoded.
    #[error("cannot write to the store")]
    Store(#[from] StoreError),
    /// The archive gives no answer, or a file of it is not what it must be.
    #[error("cannot read the archive")]
    Archive(#[from] ArchiveError),
    /// The archive does not take a file.
    #[error("cannot write to the archive")]
    Archiving(#[source] ArchiveError),
    /// The log has no partition for the ledger of this source.
    #[error("the ledger topic has {found} partitions, {expected} are needed: one for each source partition")]
    LedgerPartitions {
        /// How many it has.
        found: u32,
        /// How many it needs.
        expected: u32,
    },
    /// The tables are empty, though the ledger says that they were filled.
    #[error(
        "the tables are empty, but by the ledger {at} was inserted: the store was wiped, or another one is configured. Configure the right one, or start again with the archive switched on: then they are restored; to begin anew choose another data directory"
    )]
    TablesLost {
        /// A source that was projected.
        at: TopicPartition,
    },
    /// The table of Events could not be filled anew; the one that was there stays.
    #[error("the table of Events is not rebuilt: {why}")]
    Rebuild {
        /// What stood against it.
        why: String,
    },
    /// Retention names clusters that nobody knows. What it says of them may be meant for others, so nothing is removed.
    #[error(
        "`retention.clusters` names what no cluster is or was called: {names}. Correct or remove it; nothing is removed until then, or until such a cluster is known"
    )]
    RetentionNames {
        /// The entries.
        names: String,
    },
    /// A worker panicked: a bug.
    #[error("the worker of {at} panicked")]
    Panicked {
        /// Its source.
        at: TopicPartition,
        /// What the runtime says.
        source: tokio::task::JoinError,
    },
}

impl ProjectorError {
    /// Whether the same may succeed later without anybody changing the program or its settings.
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::Log { source, .. } | Self::Sharing(source) => source.is_retryable(),
            Self::Store(source) => source.is_retryable(),
            Self::Archive(source) | Self::Archiving(source) => source.is_retryable(),
            Self::Ledger(_)
            | Self::GivenBack { .. }
            | Self::Fact { .. }
            | Self::LedgerPartitions { .. }
            | Self::TablesLost { .. }
            | Self::RetentionNames { .. }
            | Self::Rebuild { .. }
            | Self::Panicked { .. } => false,
        }
    }

    /// Whether somebody else has become the writer of what this one wrote.
    pub(crate) fn is_fenced(&self) -> bool {
        matches!(self, Self::Log { source: LogError::Fenced { .. }, .. })
    }

    pub(crate) fn log(act: &'static str, at: TopicPartition) -> impl FnOnce(LogError) -> Self {
        move |source| Self::Log { act, at, source }
    }
}
