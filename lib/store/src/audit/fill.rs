//! The table that is filled anew beside the one that is read.
//!
//! ```text
//!  files ─► rows, verified ─► by month ─► blocks ──(bounded)──► two inserts at a time ─► kube_event_next
//! ```
//!
//! Memory is bounded by a block per month that is being gathered, and by [`QUEUE`] + [`INSERTS`] encoded ones.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use beidou_schemas::{
    Offset,
    archive::PartitionRange,
    kube_event::{ROW_HASH_SQL, RangeHash},
};
use clickhouse::Row;
use futures::StreamExt;
use serde::Deserialize;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{TABLE, failed, look::covered_by};
use crate::{
    Store, StoreError,
    archive::{Archive, ArchiveError, Sum, marks, months},
    insert::{Block, insert},
    migrate::call,
};

/// The table under construction. Nobody reads it; one that a crash left is thrown away.
pub const NEXT: &str = "kube_event_next";
/// A block has about so many rows: few parts, and a body of some 60 MB of usual rows.
const BLOCK_ROWS: usize = 131_072;
/// And no more than about so many bytes, whatever its rows.
const BLOCK_BYTES: usize = 96 << 20;
/// Rows of all months that wait for their block; the largest is sent when there are more.
const MOST_GATHERED: usize = 192 << 20;
/// Blocks that wait while others are inserted: one keeps the inserts busy.
const QUEUE: usize = 1;
/// Inserts at a time: each keeps about one core of the engine busy.
const INSERTS: usize = 2;
/// Tries of a block; the engine restarts in under a second, its supervisor waits no longer than this in all.
const TRIES: u64 = 8;

/// Why a table could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// A file of the archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody takes blocks any more: the insert that failed tells why.
    #[error("the inserts have ended")]
    Stopped,
}

/// A table that is being filled.
#[derive(Debug, Clone)]
pub struct Filling {
    store: Store,
    /// Part of each token.
    run: Uuid,
}

#[derive(Debug, Clone, Copy, Row, Deserialize)]
struct Total {
    rows: u64,
    hash: u64,
}

impl Filling {
    /// An empty table of the form that the table of Events has now. An unfinished one is thrown away.
    ///
    /// # Errors
    /// When the store refuses or gives no answer.
    pub async fn begin(store: &Store) -> Result<Self, StoreError> {
        Self::discard(store).await?;
        let sql = format!("CREATE TABLE {NEXT} AS {TABLE}");
        store.define("make a new table", &sql).await?;
        Ok(Self { store: store.clone(), run: Uuid::new_v4() })
    }

    /// Throws an unfinished table away, if there is one.
    ///
    /// # Errors
    /// When the store refuses or gives no answer.
    pub async fn discard(store: &Store) -> Result<(), StoreError> {
        let sql = format!("DROP TABLE IF EXISTS {NEXT} SYNC");
        store.define("drop an unfinished table", &sql).await
    }

    /// Fills in the rows of these files; each must have its SHA-256, where that is known, and hold what it says.
    ///
    /// # Errors
    /// When a file is missing or damaged, or the store refuses.
    pub async fn files(&self, archive: &Archive, files: Vec<(String, Option<String>)>) -> Result<Sum, FillError> {
        let (blocks, queue) = mpsc::channel(QUEUE);
        let (archive, run) = (archive.clone(), self.run);
        let runtime = tokio::runtime::Handle::current();
        let reading = tokio::task::spawn_blocking(move || {
            let mut reading = Reading { run, blocks, months: BTreeMap::new(), number: 0, sum: Sum::default() };
            for (path, sha256) in files {
                let opened = runtime.block_on(archive.open_whole(&path, sha256.as_deref()))?;
                reading.file(&path, opened)?;
            }
            reading.end()
        });
        let inserted = inserts(&self.store, queue).await;
        let read = reading.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        inserted?;
        read
    }

    /// Fills in rows.
    ///
    /// # Errors
    /// When the rows are not those of the table, or the store refuses.
    pub async fn rows(&self, rows: &[RecordBatch]) -> Result<Sum, FillError> {
        let mut sum = Sum::default();
        for batch in rows {
            marks(batch)?.for_each(|mark| sum.add(mark.hash));
            for (_, rows) in months(batch)? {
                let token = format!("{NEXT}/{}/{}", self.run, Uuid::new_v4());
                patiently(&self.store, &Block::encode(NEXT, token, &rows)?).await?;
            }
        }
        Ok(sum)
    }

    /// Copies those rows of the old table that lie below these offsets of their partitions, and that no file covers.
    ///
    /// # Errors
    /// When the store refuses or gives no answer.
    pub async fn copy_uncovered(
        &self,
        covered: &[PartitionRange],
        below: &BTreeMap<u32, Offset>,
    ) -> Result<Sum, StoreError> {
        let all: Vec<_> = below.iter().map(|(&partition, &to)| PartitionRange { partition, from: 0, to }).collect();
        let condition = format!("({}) AND NOT ({})", covered_by(&all), covered_by(covered));
        let sum = self.sum_of(TABLE, &condition).await?;
        if sum.rows > 0 {
            // Never sent twice: half of it may stand there, and is not known again.
            let _turn = self.store.turn(NEXT).await?;
            let sql = format!("INSERT INTO {NEXT} SELECT * FROM {TABLE} WHERE {condition}");
            self.store.writer()?.query_raw(&sql).execute().await.map_err(failed("copy rows"))?;
        }
        Ok(sum)
    }

    /// What the table under construction holds; after the swap, what the old one held.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn sum(&self) -> Result<Sum, StoreError> {
        self.sum_of(NEXT, "1").await
    }

    /// Rows of the table under construction: at once, whatever its size.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn rows_so_far(&self) -> Result<u64, StoreError> {
        self.count(NEXT).await
    }

    /// Rows of the table that is read: at once as well.
    ///
    /// # Errors
    /// When the store gives no answer.
    pub async fn rows_to_replace(&self) -> Result<u64, StoreError> {
        self.count(TABLE).await
    }

    async fn count(&self, table: &str) -> Result<u64, StoreError> {
        let sql = format!("SELECT count() FROM {table}");
        self.store.writer()?.query_raw(&sql).fetch_one().await.map_err(failed("count the rows of a table"))
    }

    /// Calls the table under construction whole, which it stays in the place of the old one.
    ///
    /// # Errors
    /// When the store refuses or gives no answer.
    pub async fn call_whole(&self) -> Result<(), StoreError> {
        call(&self.store, NEXT, true).await
    }

    /// Puts the new table in the place of the old one. The old one bears the new one's name then, until it is discarded.
    ///
    /// # Errors
    /// When the store refuses or gives no answer.
    pub async fn swap(&self) -> Result<(), StoreError> {
        let sql = format!("EXCHANGE TABLES {TABLE} AND {NEXT}");
        self.store.define("swap the tables", &sql).await
    }

    async fn sum_of(&self, table: &str, condition: &str) -> Result<Sum, StoreError> {
        let sql = format!("SELECT count() AS rows, sum({ROW_HASH_SQL}) AS hash FROM {table} WHERE {condition}");
        let total: Total = self.store.writer()?.query_raw(&sql).fetch_one().await.map_err(failed("add up a table"))?;
        Ok(Sum { rows: total.rows, hash: RangeHash(total.hash) })
    }
}

/// Inserts blocks as they come; the first failure ends it, and with it the reading.
async fn inserts(store: &Store, queue: mpsc::Receiver<Block>) -> Result<(), StoreError> {
    let blocks = tokio_stream::wrappers::ReceiverStream::new(queue);
    let mut inserts = blocks.map(|block| async move { patiently(store, &block).await }).buffer_unordered(INSERTS);
    while let Some(inserted) = inserts.next().await {
        inserted?;
    }
    Ok(())
}

/// Inserts a block; an engine that is away for a moment is waited for.
async fn patiently(store: &Store, block: &Block) -> Result<(), StoreError> {
    let mut tries = 1;
    loop {
        match insert(store, block).await {
            Err(error) if error.is_retryable() && tries < TRIES => {
                tokio::time::sleep(std::time::Duration::from_millis(100 * tries * tries)).await;
                tries += 1;
            }
            outcome => return outcome,
        }
    }
}

/// Files into blocks, on a thread of its own.
struct Reading {
    run: Uuid,
    blocks: mpsc::Sender<Block>,
    months: BTreeMap<u32, Gathered>,
    number: u64,
    sum: Sum,
}

#[derive(Default)]
struct Gathered {
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Reading {
    fn file(&mut self, path: &str, opened: crate::archive::Opened) -> Result<(), FillError> {
        let wanted = Sum { rows: opened.note().rows, hash: opened.note().hash };
        let mut sum = Sum::default();
        for batch in opened.batches()? {
            let batch = batch?;
            marks(&batch)?.for_each(|mark| sum.add(mark.hash));
            for (month, rows) in months(&batch)? {
                self.gather(month, rows)?;
            }
        }
        if sum != wanted {
            let what = format!(
                "it has {} rows with hash {}, and says {} and {}",
                sum.rows, sum.hash, wanted.rows, wanted.hash
            );
            return Err(ArchiveError::Differs { path: path.into(), what }.into());
        }
        self.sum.join(sum);
        Ok(())
    }

    fn gather(&mut self, month: u32, rows: RecordBatch) -> Result<(), FillError> {
        let gathered = self.months.entry(month).or_default();
        gathered.rows += rows.num_rows();
        gathered.bytes += rows.get_array_memory_size();
        gathered.batches.push(rows);
        if gathered.rows >= BLOCK_ROWS || gathered.bytes >= BLOCK_BYTES {
            return self.send(month);
        }
        if self.months.values().map(|gathered| gathered.bytes).sum::<usize>() > MOST_GATHERED {
            let largest = self.months.iter().max_by_key(|(_, gathered)| gathered.bytes).map(|(month, _)| *month);
            return largest.map_or(Ok(()), |month| self.send(month));
        }
        Ok(())
    }

    fn send(&mut self, month: u32) -> Result<(), FillError> {
        let Some(gathered) = self.months.remove(&month) else { return Ok(()) };
        let Some(first) = gathered.batches.first() else { return Ok(()) };
        let batch = concat_batches(&first.schema(), &gathered.batches).map_err(StoreError::Encode)?;
        self.number += 1;
        let block = Block::encode(NEXT, format!("{NEXT}/{}/{}", self.run, self.number), &batch)?;
        self.blocks.blocking_send(block).map_err(|_| FillError::Stopped)
    }

    fn end(mut self) -> Result<Sum, FillError> {
        while let Some(month) = self.months.keys().next().copied() {
            self.send(month)?;
        }
        Ok(self.sum)
    }
}
