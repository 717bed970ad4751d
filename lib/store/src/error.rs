//! What can go wrong at the store, and whether it is worth another try.

use clickhouse::error::Error;

use crate::{engine::EndpointError, query::engine_code};

/// ClickHouse's `UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE`.
const ANOTHERS_TURN: u32 = 286;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The embedded engine has not written its endpoint yet, or has gone.
    #[error("the embedded engine is not running")]
    NoEngine(#[from] EndpointError),
    /// The way to it is set wrongly.
    #[error(transparent)]
    Connect(#[from] crate::client::ConnectError),
    /// A server on which nobody may read the archive.
    #[error("the ClickHouse server has no user that reads the archive: set store.archive_reader_user")]
    NoArchiveReader,
    /// ClickHouse refused or did not answer.
    #[error("clickhouse could not {act}")]
    ClickHouse {
        /// What was tried.
        act: &'static str,
        /// Its answer.
        source: Error,
    },
    /// The tables were made by a newer version.
    #[error(
        "the tables have migration {found}, this version knows {known}: upgrade beidou, or use another data directory"
    )]
    TooNew {
        /// The newest applied migration.
        found: u32,
        /// The newest known one.
        known: u32,
    },
    /// A writer has still to bring the tables forward.
    #[error("the tables have migration {found} of {known}: start the projector, which brings them forward")]
    NotMigrated {
        /// The newest applied migration.
        found: u32,
        /// The newest known one.
        known: u32,
    },
    /// An applied migration's text is not the one that this version has.
    #[error("migration {number} was applied with another text: the tables were not made by a released version")]
    Changed {
        /// The migration.
        number: u32,
    },
    /// A batch could not be written in the wire format.
    #[error("a batch of rows could not be encoded")]
    Encode(#[from] arrow_schema::ArrowError),
}

impl StoreError {
    /// Whether the same call may succeed later without anybody changing the program or its settings.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NoEngine(_) | Self::ClickHouse { .. } | Self::NotMigrated { .. } => true,
            Self::Connect(_) | Self::NoArchiveReader | Self::TooNew { .. } | Self::Changed { .. } | Self::Encode(_) => {
                false
            }
        }
    }

    /// Whether a replicated table refused an insert because another one waits for its quorum. Nothing of it was stored, and its
    /// turn comes.
    pub fn is_anothers_turn(&self) -> bool {
        let Self::ClickHouse { source: Error::BadResponse(text), .. } = self else { return false };
        engine_code(text) == Some(ANOTHERS_TURN)
    }
}
