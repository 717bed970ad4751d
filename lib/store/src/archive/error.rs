//! What can go wrong at the archive, and whether it is worth another try.

use parquet::errors::ParquetError;

/// An error of the archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The folder or object store refused.
    #[error("the archive could not {act} {path}")]
    Objects {
        /// What was tried.
        act: &'static str,
        /// With which file.
        path: String,
        /// Why.
        source: object_store::Error,
    },
    /// A file is no Parquet file, or is damaged.
    #[error("{path} could not be read as Parquet: it is damaged, or not a file of the archive")]
    Parquet {
        /// Which file.
        path: String,
        /// Why.
        source: ParquetError,
    },
    /// Rows could not be written as Parquet.
    #[error("rows could not be written as Parquet")]
    Write(#[from] ParquetError),
    /// Rows could not be sorted or split.
    #[error("rows could not be put in order")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// A file lacks what each file of the archive has.
    #[error("{path} is not a file of the archive: {what}")]
    NotOurs {
        /// Which file.
        path: String,
        /// What it lacks.
        what: String,
    },
    /// A file holds other rows than it must.
    #[error("{path} is not what was stored: {what}")]
    Differs {
        /// Which file.
        path: String,
        /// What differs.
        what: String,
    },
    /// The manifests do not follow one another.
    #[error(
        "the archive's manifest {path} cannot be followed: {what}; restore the folder of manifests, the files themselves may be whole"
    )]
    Chain {
        /// Which manifest.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// Another compaction was faster; nothing is lost.
    #[error("another compaction wrote generation {generation} first; this one has changed nothing")]
    Raced {
        /// The generation.
        generation: u64,
    },
    /// The operating system refused.
    #[error("cannot {act} {path}")]
    Io {
        /// What was tried.
        act: &'static str,
        /// The file or folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl ArchiveError {
    pub(super) fn objects(act: &'static str, path: &str) -> impl FnOnce(object_store::Error) -> Self {
        move |source| Self::Objects { act, path: path.to_owned(), source }
    }

    pub(super) fn parquet(path: &str) -> impl Fn(ParquetError) -> Self {
        move |source| Self::Parquet { path: path.to_owned(), source }
    }

    /// Whether the same call may succeed later without anybody changing the program or its settings.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Objects { .. } | Self::Io { .. } | Self::Raced { .. } => true,
            Self::Parquet { .. }
            | Self::Write(_)
            | Self::Arrow(_)
            | Self::NotOurs { .. }
            | Self::Differs { .. }
            | Self::Chain { .. } => false,
        }
    }

    /// Whether the file is there and is not what was stored.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Parquet { .. } | Self::NotOurs { .. } | Self::Differs { .. })
    }

    /// Whether the file is not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Objects { source: object_store::Error::NotFound { .. }, .. })
    }
}
