//! Why a question got no answer, told apart by what the caller can do.

use std::time::Duration;

use super::cold::ColdSize;
use crate::{StoreError, archive::ArchiveError};

/// A question without an answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The store is not there now, or its tables are not made yet: ask again later.
    #[error("the store is not reachable")]
    Away(#[source] StoreError),
    /// The question took longer than allowed: narrow the range or the filters.
    #[error("the query took longer than {} s", .0.as_secs_f64())]
    TimeLimit(Duration),
    /// The question needs more memory or rows than allowed: narrow the range or the filters.
    #[error("the query needs more than its limits allow")]
    TooMuch(#[source] StoreError),
    /// The question needs more of the archive than allowed.
    #[error(
        "the range begins before what the tables hold, and reads {} files with {} bytes of the archive; allowed are {} files and \
         {} bytes: take a shorter range or fewer clusters, raise query_api.archive_files or query_api.archive_bytes, or export it",
        needed.files, needed.bytes, most.files, most.bytes
    )]
    TooCold {
        /// What it needs.
        needed: ColdSize,
        /// What it may have.
        most: ColdSize,
    },
    /// A file of the archive that the question needs is not there.
    #[error("{path} of the archive is missing: `beidou audit` says more")]
    NoFile {
        /// The file.
        path: String,
    },
    /// Files of the archive that the question needs cannot be read.
    #[error("files of the archive cannot be copied to where the engine reads them")]
    Archive(#[source] Box<ArchiveError>),
    /// The ClickHouse server cannot read files of the archive that the question needs.
    #[error(
        "the ClickHouse server cannot read the bucket of the archive: is its named collection right, and are all files there?"
    )]
    Bucket(#[source] StoreError),
    /// The store has more work than it takes at once: ask again later.
    #[error("the store is busy")]
    Busy(#[source] StoreError),
    /// The store refused the question, or its answer was not understood: an error of this program or its setup.
    #[error("the store refused the query")]
    Refused(#[source] StoreError),
}

/// ClickHouse's error codes for what a user can do something about.
mod code {
    pub const UNKNOWN_TABLE: u32 = 60;
    pub const UNKNOWN_DATABASE: u32 = 81;
    pub const TOO_MANY_ROWS: u32 = 158;
    pub const TIMEOUT_EXCEEDED: u32 = 159;
    pub const TOO_MANY_SIMULTANEOUS_QUERIES: u32 = 202;
    pub const MEMORY_LIMIT_EXCEEDED: u32 = 241;
    pub const TOO_MANY_BYTES: u32 = 307;
    pub const QUERY_WAS_CANCELLED: u32 = 394;
    pub const TOO_MANY_ROWS_OR_BYTES: u32 = 396;
    pub const S3_ERROR: u32 = 499;
    pub const NAMED_COLLECTION_DOESNT_EXIST: u32 = 669;
}

impl QueryError {
    /// Sorts what the client library says.
    pub(crate) fn of(source: clickhouse::error::Error, limit: Duration) -> Self {
        use clickhouse::error::Error;
        let number = match &source {
            Error::BadResponse(text) => engine_code(text),
            Error::Network(_) | Error::TimedOut => return Self::Away(StoreError::ClickHouse { act: "answer", source }),
            _ => None,
        };
        let of = |source| StoreError::ClickHouse { act: "answer", source };
        match number {
            Some(code::UNKNOWN_TABLE | code::UNKNOWN_DATABASE) => Self::Away(of(source)),
            Some(code::TIMEOUT_EXCEEDED) => Self::TimeLimit(limit),
            Some(
                code::TOO_MANY_ROWS | code::MEMORY_LIMIT_EXCEEDED | code::TOO_MANY_BYTES | code::TOO_MANY_ROWS_OR_BYTES,
            ) => Self::TooMuch(of(source)),
            Some(code::TOO_MANY_SIMULTANEOUS_QUERIES | code::QUERY_WAS_CANCELLED) => Self::Busy(of(source)),
            Some(code::S3_ERROR | code::NAMED_COLLECTION_DOESNT_EXIST) => Self::Bucket(of(source)),
            Some(_) | None => Self::Refused(of(source)),
        }
    }
}

/// The number in `Code: N. DB::Exception: …`.
pub(crate) fn engine_code(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("Code: ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clickhouse::error::Error;

    #[test]
    fn errors_are_told_apart_by_what_can_be_done() {
        let name = |error: QueryError| match error {
            QueryError::Away(_) => "away",
            QueryError::TimeLimit(_) => "time",
            QueryError::TooMuch(_) | QueryError::TooCold { .. } => "much",
            QueryError::Busy(_) => "busy",
            QueryError::NoFile { .. } | QueryError::Archive(_) | QueryError::Bucket(_) => "archive",
            QueryError::Refused(_) => "refused",
        };
        for (source, expected) in [
            (Error::BadResponse("Code: 159. DB::Exception: Timeout exceeded".into()), "time"),
            (Error::BadResponse("Code: 241. DB::Exception: memory".into()), "much"),
            (Error::BadResponse("Code: 202. DB::Exception: Too many".into()), "busy"),
            (Error::BadResponse("Code: 60. DB::Exception: Unknown table".into()), "away"),
            (Error::BadResponse("Code: 499. DB::Exception: Failed to get object info".into()), "archive"),
            (Error::BadResponse("Code: 669. DB::Exception: There is no named collection".into()), "archive"),
            (Error::BadResponse("Code: 47. DB::Exception: Unknown identifier".into()), "refused"),
            (Error::BadResponse("bad gateway".into()), "refused"),
            (Error::Network("connection refused".into()), "away"),
            (Error::NotEnoughData, "refused"),
        ] {
            let text = source.to_string();
            assert_eq!(name(QueryError::of(source, Duration::from_secs(1))), expected, "{text}");
        }
    }
}
