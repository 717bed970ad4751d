//! How far statements are that run now, by whom they were marked.

use clickhouse::Row;
use serde::Deserialize;

use super::{QueryError, Reader, statement::Statement};

/// A statement that the server works on. Those of others who share a server are among them; their marks are none of ours.
#[derive(Debug, Clone, PartialEq, Row, Deserialize)]
pub struct RunningRow {
    /// `log_comment`: the caller, as JSON.
    pub comment: String,
    /// Rows read so far.
    pub read_rows: u64,
    /// Rows that will be read, as far as is known.
    pub total_rows: u64,
    /// Memory that it holds now.
    pub memory_bytes: i64,
}

/// Far more than run at once.
const MOST_RUNNING: u64 = 1000;

impl Reader {
    /// All marked statements that run now.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn running(&self) -> Result<Vec<RunningRow>, QueryError> {
        self.all(running(), MOST_RUNNING).await
    }
}

pub(super) fn running() -> Statement {
    Statement::new(
        "SELECT Settings['log_comment'] AS comment, toUInt64(read_rows) AS read_rows,
    toUInt64(total_rows_approx) AS total_rows, toInt64(memory_usage) AS memory_bytes
FROM system.processes
WHERE comment != ''
LIMIT 1000",
    )
}
