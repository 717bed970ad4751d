//! Rows of `operation_event` as the audit sees them: which they are, where they stand in the log, a hash of what they say.
//!
//! ```text
//!  row hash    XXH3-64 of every column in its order, as text, NUL between them
//! ```
//!
//! Every column, since names and lengths that follow from facts before are what the views tell. The SQL beside the Rust
//! gives the same number on the engine. Readers of the table take the later epoch of one identity (`FINAL`); here each
//! row is looked at by itself.

use std::{collections::BTreeSet, fmt::Write, ops::Range};

use arrow_array::{
    Array, ArrayRef, FixedSizeBinaryArray, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array,
    cast::AsArray,
    types::{TimestampMicrosecondType, UInt16Type, UInt32Type, UInt64Type},
};
use arrow_schema::{DataType, TimeUnit};
use beidou_schemas::{Micros, Offset, TopicPartition, operation::FACTS};
use clickhouse::Row;
use serde::Deserialize;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::{MOST_DELETED, failed, quoted};
use crate::{Store, StoreError, archive::ArchiveError};

const TABLE: &str = "operation_event";

/// All columns in the table's order, as the texts that are hashed.
const COLUMNS: [&str; 27] = [
    "cluster",
    "toString(object)",
    "toString(object_id)",
    "name",
    "type",
    "toString(task_id)",
    "toString(source)",
    "toString(seq)",
    "toString(epoch)",
    "kind",
    "toString(toUnixTimestamp64Micro(time))",
    "attempt",
    "purpose",
    "step",
    "toString(batch)",
    "toString(number)",
    "host",
    "toString(hosts)",
    "action",
    "outcome",
    "reason",
    "message",
    "toString(duration_ms)",
    "subject",
    "value",
    "toString(log_partition)",
    "toString(log_offset)",
];

/// A row, or rows that say the same.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct OperationRow {
    /// The cluster, by name.
    pub cluster_name: String,
    /// The operation or task; nil for the board.
    #[serde(with = "clickhouse::serde::uuid")]
    pub object_id: Uuid,
    /// The run of a runner; empty where none.
    pub attempt: String,
    /// The number among the rows of its object or attempt.
    pub seq: u64,
    /// Of the writer: of two rows of one identity the higher one counts.
    pub epoch: u64,
    /// Where it stands in the log.
    pub log_offset: u64,
    /// Its time, microseconds.
    pub micros: i64,
    /// Of every column.
    pub hash: u64,
    /// How many.
    pub rows: u64,
}

impl OperationRow {
    /// Which row of its source it is, whatever it says.
    pub fn identity(&self) -> (&str, Uuid, &str, u64) {
        (&self.cluster_name, self.object_id, &self.attempt, self.seq)
    }
}

/// The columns of a batch that tell which row it is.
struct Keys<'a> {
    cluster: &'a StringArray,
    object_id: &'a FixedSizeBinaryArray,
    attempt: &'a StringArray,
    seq: &'a UInt64Array,
    epoch: &'a UInt64Array,
    log_offset: &'a UInt64Array,
    time: &'a TimestampMicrosecondArray,
}

impl<'a> Keys<'a> {
    fn of(batch: &'a RecordBatch) -> Option<Self> {
        let column = |name: &str| batch.column_by_name(name);
        Some(Self {
            cluster: column("cluster")?.as_string_opt::<i32>()?,
            object_id: column("object_id")?.as_fixed_size_binary_opt()?,
            attempt: column("attempt")?.as_string_opt::<i32>()?,
            seq: column("seq")?.as_primitive_opt::<UInt64Type>()?,
            epoch: column("epoch")?.as_primitive_opt::<UInt64Type>()?,
            log_offset: column("log_offset")?.as_primitive_opt::<UInt64Type>()?,
            time: column("time")?.as_primitive_opt::<TimestampMicrosecondType>()?,
        })
    }

    fn row(&self, row: usize, hash: u64) -> Option<OperationRow> {
        Some(OperationRow {
            cluster_name: self.cluster.value(row).to_owned(),
            object_id: Uuid::from_slice(self.object_id.value(row)).ok()?,
            attempt: self.attempt.value(row).to_owned(),
            seq: self.seq.value(row),
            epoch: self.epoch.value(row),
            log_offset: self.log_offset.value(row),
            micros: self.time.value(row),
            hash,
            rows: 1,
        })
    }
}

/// The rows of a batch as the archive has them, with names in place of the numbers of enums.
///
/// # Errors
/// When the batch has not the columns of `operation_event`.
pub fn operation_rows(batch: &RecordBatch) -> Result<Vec<OperationRow>, ArchiveError> {
    let what = "it has not the columns of operation_event";
    read(batch).ok_or_else(|| ArchiveError::NotOurs { path: "a batch of rows".into(), what: what.into() })
}

fn read(batch: &RecordBatch) -> Option<Vec<OperationRow>> {
    let (keys, mut text) = (Keys::of(batch)?, String::new());
    let mut rows = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        rows.push(keys.row(row, hash_of(batch, row, &mut text)?)?);
    }
    Some(rows)
}

fn hash_of(batch: &RecordBatch, row: usize, text: &mut String) -> Option<u64> {
    text.clear();
    for (number, column) in batch.columns().iter().enumerate() {
        if number > 0 {
            text.push('\0');
        }
        add(column, row, text)?;
    }
    Some(xxh3_64(text.as_bytes()))
}

/// Adds what a column has in a row, as the engine's `toString` writes it.
fn add(column: &ArrayRef, row: usize, text: &mut String) -> Option<()> {
    match column.data_type() {
        DataType::Utf8 => text.push_str(column.as_string_opt::<i32>()?.value(row)),
        DataType::FixedSizeBinary(16) => {
            let id = Uuid::from_slice(column.as_fixed_size_binary_opt()?.value(row)).ok()?;
            write!(text, "{id}").ok()?;
        }
        DataType::UInt16 => write!(text, "{}", column.as_primitive_opt::<UInt16Type>()?.value(row)).ok()?,
        DataType::UInt32 => write!(text, "{}", column.as_primitive_opt::<UInt32Type>()?.value(row)).ok()?,
        DataType::UInt64 => write!(text, "{}", column.as_primitive_opt::<UInt64Type>()?.value(row)).ok()?,
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            write!(text, "{}", column.as_primitive_opt::<TimestampMicrosecondType>()?.value(row)).ok()?;
        }
        _ => return None,
    }
    Some(())
}

/// The same hash on the engine.
fn hash_sql() -> String {
    format!("xxh3(concat({}))", COLUMNS.join(", '\\0', "))
}

/// The condition that a row is of a source, whose rows say so.
fn of(at: TopicPartition) -> &'static str {
    if at == FACTS { "source = 'decided'" } else { "source = 'told'" }
}

fn within(at: TopicPartition, offsets: &Range<Offset>) -> String {
    format!("{} AND log_offset >= {} AND log_offset < {}", of(at), offsets.start, offsets.end)
}

async fn select(store: &Store, condition: &str) -> Result<Vec<OperationRow>, StoreError> {
    let sql = format!(
        "SELECT toString(cluster) AS cluster_name, object_id, attempt, seq, epoch, log_offset, \
         toUnixTimestamp64Micro(time) AS micros, {} AS hash, count() AS rows FROM {TABLE} WHERE {condition} \
         GROUP BY cluster, object_id, attempt, seq, epoch, log_offset, time, hash",
        hash_sql()
    );
    store.writer()?.query_raw(&sql).fetch_all().await.map_err(failed("list rows of operations"))
}

/// The rows of a source that stand at these places of its log.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn operation_rows_at(
    store: &Store,
    at: TopicPartition,
    offsets: Range<Offset>,
) -> Result<Vec<OperationRow>, StoreError> {
    select(store, &within(at, &offsets)).await
}

/// The rows of a source with the identity of one of these, wherever they stand.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn operation_rows_like(
    store: &Store,
    at: TopicPartition,
    rows: &[&OperationRow],
) -> Result<Vec<OperationRow>, StoreError> {
    let identity = |row: &&OperationRow| {
        let (cluster, id, attempt, seq) = row.identity();
        format!("({}, toUUID('{id}'), {}, {seq})", quoted(cluster), quoted(attempt))
    };
    let all: Vec<_> = rows.iter().map(identity).collect();
    select(store, &format!("{} AND (cluster, object_id, attempt, seq) IN ({})", of(at), all.join(", "))).await
}

/// How many rows of a source stand at these places of its log.
///
/// # Errors
/// When the store gives no answer: retry.
pub async fn count_operation_rows(
    store: &Store,
    at: TopicPartition,
    offsets: &Range<Offset>,
) -> Result<u64, StoreError> {
    let sql = format!("SELECT count() FROM {TABLE} WHERE {}", within(at, offsets));
    store.writer()?.query_raw(&sql).fetch_one().await.map_err(failed("count rows of operations"))
}

/// Deletes those rows of a source that stand at these places and have exactly these hashes.
///
/// # Errors
/// When the store refuses or gives no answer: what is left the next audit finds.
pub async fn delete_operation_rows(store: &Store, at: TopicPartition, rows: &[OperationRow]) -> Result<(), StoreError> {
    for rows in rows.chunks(MOST_DELETED) {
        let months: BTreeSet<_> = rows.iter().map(|row| Micros(row.micros).year_month().to_string()).collect();
        let places: Vec<_> = rows.iter().map(|row| format!("({}, {})", row.log_offset, row.hash)).collect();
        let sql = format!(
            "ALTER TABLE {TABLE} DELETE WHERE toYYYYMM(time) IN ({}) AND {} AND (log_offset, {}) IN ({})",
            months.into_iter().collect::<Vec<_>>().join(", "),
            of(at),
            hash_sql(),
            places.join(", ")
        );
        let query = store.writer()?.query_raw(&sql).with_setting("mutations_sync", "2");
        query.execute().await.map_err(failed("delete rows of operations"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use beidou_schemas::ddl::MIGRATIONS;

    use super::*;

    #[test]
    fn every_column_of_the_table_is_hashed_in_its_order() {
        let table = MIGRATIONS.iter().find(|migration| migration.name == TABLE).unwrap();
        let names: Vec<_> = table.columns().map(|(name, _)| name).collect();
        let hashed: Vec<_> = COLUMNS
            .iter()
            .map(|text| text.trim_start_matches("toString(").trim_start_matches("toUnixTimestamp64Micro("))
            .map(|text| text.trim_end_matches(')'))
            .collect();
        assert_eq!(hashed, names);
    }
}
