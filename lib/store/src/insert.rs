//! Inserts: one batch is one request, one block and one part, so that it is in the table whole or not at all.
//!
//! ```text
//!  RecordBatch ──encode──► Block (ArrowStream body, token) ──insert──► ClickHouse
//!                            └── the same bytes and token again after any failure: the engine skips what it has
//! ```
//!
//! Invariants:
//! - A block must fit one table partition (the caller splits by month): ClickHouse commits partition by partition.
//! - An insert that ends without an answer has an unknown outcome: repeat it with the same token, never skip it.
//! - A body that is cut short commits nothing: the connection breaks before the last chunk.

use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use bytes::Bytes;
use clickhouse::Compression;
use uuid::Uuid;

use crate::{Store, StoreError};

/// Rows that one block may have: ClickHouse forms blocks of 1,048,449 rows by default; we stay well below.
pub const MAX_ROWS: usize = 262_144;

/// A socket of a living ClickHouse takes a chunk within milliseconds, unless its memory is full.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// An insert takes a second on an overloaded machine; after two minutes the process behind it hangs.
const END_TIMEOUT: Duration = Duration::from_secs(120);
/// Settings that make one body one block: a limit above any body, nothing asynchronous, nothing split over threads.
const SETTINGS: &[(&str, &str)] = &[
    ("async_insert", "0"),
    ("insert_deduplicate", "1"),
    ("max_insert_block_size", "1048449"),
    ("min_insert_block_size_rows", "1048449"),
    ("min_insert_block_size_bytes", "4294967296"),
    ("max_insert_threads", "1"),
    ("max_partitions_per_insert_block", "1"),
    ("wait_end_of_query", "1"),
];

/// Rows ready to be sent: encoded once, sent as often as need be.
#[derive(Debug, Clone)]
pub struct Block {
    table: String,
    statement: String,
    token: String,
    body: Bytes,
    rows: usize,
}

impl Block {
    /// The same rows under another token: inserted also where the engine has taken them before.
    #[must_use]
    pub fn of_run(&self, run: Uuid) -> Self {
        Self { token: format!("{}/{run}", self.token), ..self.clone() }
    }

    /// Encodes a batch for a table. The batch's columns are the table's, by name; columns that it lacks take defaults.
    ///
    /// # Errors
    /// [`StoreError::Encode`] when Arrow cannot write the batch.
    pub fn encode(table: &str, token: String, batch: &RecordBatch) -> Result<Self, StoreError> {
        let schema = batch.schema();
        let columns: Vec<_> = schema.fields().iter().map(|field| format!("`{}`", field.name())).collect();
        let statement = format!("INSERT INTO {table} ({}) FORMAT ArrowStream", columns.join(", "));
        let mut body = Vec::with_capacity(batch.get_array_memory_size() + 4096);
        let mut writer = StreamWriter::try_new(&mut body, &schema)?;
        writer.write(batch)?;
        writer.finish()?;
        drop(writer);
        Ok(Self { table: table.to_owned(), statement, token, body: body.into(), rows: batch.num_rows() })
    }

    /// Rows in the block.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes that are sent.
    pub fn bytes(&self) -> usize {
        self.body.len()
    }

    /// The de-duplication token.
    pub fn token(&self) -> &str {
        &self.token
    }
}

/// Sends a block when it is its turn; returns when the engine has it on disk.
///
/// # Errors
/// [`StoreError::NoEngine`] or [`StoreError::ClickHouse`]: the outcome is unknown, repeat with the same block.
pub async fn insert(store: &Store, block: &Block) -> Result<(), StoreError> {
    store.in_turn(&block.table, || send(store, block)).await
}

async fn send(store: &Store, block: &Block) -> Result<(), StoreError> {
    // Loopback and data-centre links carry more than LZ4 on one core compresses: bodies go as they are.
    let client = store.writer()?.with_compression(Compression::None);
    let mut request = client
        .insert_formatted_with(block.statement.clone())
        .with_timeouts(Some(SEND_TIMEOUT), Some(END_TIMEOUT))
        .with_setting("insert_deduplication_token", &block.token);
    for (name, value) in SETTINGS {
        request = request.with_setting(*name, *value);
    }
    let failed = |source| StoreError::ClickHouse { act: "insert a block of rows", source };
    request.send(block.body.clone()).await.map_err(failed)?;
    request.end().await.map_err(failed)
}
