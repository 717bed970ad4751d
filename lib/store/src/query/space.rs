//! How much room the tables take, how much there is, and how many rows came lately.

use clickhouse::Row;
use serde::Deserialize;

use super::{QueryError, Reader, statement::Statement};

/// Tables of ours: there are four, and a view or two.
const MOST_TABLES: u64 = 100;
/// Disks of a server.
const MOST_DISKS: u64 = 100;

/// What a table takes on disk, in bytes. `bytes` is all of it, marks and small files too.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct TableSpace {
    /// The table.
    pub table: String,
    /// Its rows.
    pub rows: u64,
    /// Parts that count.
    pub parts: u64,
    /// All bytes of these parts.
    pub bytes: u64,
    /// Columns, compressed.
    pub data_bytes: u64,
    /// The key and the skipping indexes.
    pub index_bytes: u64,
    /// Projections: roll-ups.
    pub projection_bytes: u64,
    /// Parts that were replaced, and go within minutes.
    pub outdated_bytes: u64,
}

/// A disk of the store.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct DiskSpace {
    /// Its name in the store.
    pub disk: String,
    /// Where it is mounted, on the store's machine.
    pub path: String,
    /// Bytes that can be written.
    pub free_bytes: u64,
    /// Its size.
    pub total_bytes: u64,
}

/// Rows of Events, by their own time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Row, Deserialize)]
pub struct Lately {
    /// Of the last 24 full hours.
    pub rows: u64,
    /// The hour of the oldest row, in seconds since 1970; 0 without rows.
    pub first_hour: i64,
    /// The hour that has begun, likewise.
    pub this_hour: i64,
}

impl Reader {
    /// Every table with what it takes.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn tables(&self) -> Result<Vec<TableSpace>, QueryError> {
        self.all(tables(), MOST_TABLES).await
    }

    /// Whether Events are there, or rightly none: retention removed them, all that is proven has left the table for the archive, or the log
    /// brought rejects only. While a table is restored, rejects come first.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn events_stand(&self) -> Result<bool, QueryError> {
        Ok(self.all::<u8>(events_stand(), 1).await?.first() == Some(&1))
    }

    /// The store's disks.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn disks(&self) -> Result<Vec<DiskSpace>, QueryError> {
        self.all(disks(), MOST_DISKS).await
    }

    /// How many rows a day has brought.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn lately(&self) -> Result<Lately, QueryError> {
        Ok(self.all(lately(), 1).await?.into_iter().next().unwrap_or_default())
    }
}

pub(super) fn events_stand() -> Statement {
    Statement::new(
        "SELECT (EXISTS(SELECT 1 FROM kube_event)
    OR EXISTS(SELECT 1 FROM kube_coverage WHERE reason = 'removed_by_retention')
    OR ((EXISTS(SELECT 1 FROM kube_reject)
        OR EXISTS(SELECT 1 FROM kube_hot WHERE hot_from >= (SELECT max(until_time) FROM kube_coverage))) AND NOT EXISTS(
        SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'kube_event_next'))) AS stand",
    )
}

pub(super) fn tables() -> Statement {
    Statement::new(
        "SELECT table, sum(r) AS rows, sum(p) AS parts, sum(b) AS bytes, sum(d) AS data_bytes, sum(i) AS index_bytes,
    sum(pr) AS projection_bytes, sum(o) AS outdated_bytes
FROM
(
    SELECT table, sumIf(rows, active) AS r, countIf(active) AS p, sumIf(bytes_on_disk, active) AS b,
        sumIf(data_compressed_bytes, active) AS d,
        sumIf(primary_key_size + secondary_indices_compressed_bytes + secondary_indices_marks_bytes, active) AS i,
        toUInt64(0) AS pr, sumIf(bytes_on_disk, NOT active) AS o
    FROM system.parts
    WHERE database = currentDatabase()
    GROUP BY table
    UNION ALL
    SELECT table, 0, 0, 0, 0, 0, sumIf(bytes_on_disk, active), 0
    FROM system.projection_parts
    WHERE database = currentDatabase()
    GROUP BY table
)
GROUP BY table",
    )
    .line("ORDER BY table")
    .limit(MOST_TABLES)
}

pub(super) fn disks() -> Statement {
    Statement::new(
        "SELECT name AS disk, path, free_space AS free_bytes, total_space AS total_bytes\nFROM system.disks\nORDER BY name",
    )
    .limit(MOST_DISKS)
}

/// From the roll-up by the hour.
pub(super) fn lately() -> Statement {
    Statement::new(
        "WITH toInt64(toUnixTimestamp(toStartOfHour(now()))) AS this
SELECT sumIf(n, hour >= this - 86400 AND hour < this) AS rows, if(sum(n) = 0, 0, min(hour)) AS first_hour, this AS this_hour
FROM
(
    SELECT toInt64(toUnixTimestamp(toStartOfHour(time))) AS hour, count() AS n
    FROM kube_event
    GROUP BY toStartOfHour(time)
)",
    )
    .limit(1)
}
