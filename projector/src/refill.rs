//! Rows of what never leaves the log, made again where the table has lost them.
//!
//! ```text
//!  first rows of the log there? ─yes─► nothing is missing
//!                               └no──► all behind them, then they: a crash between begins anew at the next start
//! ```
//!
//! Rows that are there already become one with those of the same identity.

use arrow_array::{RecordBatch, UInt64Array};
use beidou_log::Writer;
use beidou_schemas::Offset;
use beidou_store::{insert::Block, migrate::has_operation_row};
use uuid::Uuid;

use crate::{
    ProjectorError,
    ledger::LedgerHand,
    rebuild::Tail,
    worker::{LOOK, Worker},
};

impl Worker {
    /// Makes the rows of facts of operations, or of what runners told, again, if the ledger says that they are in the table and
    /// they are not.
    pub(crate) async fn refill(&self, hand: &LedgerHand) -> Result<(), ProjectorError> {
        match hand.ledger().watermark() {
            Some(watermark) if self.at.topic.is_kept() => {
                let writer = hand.writer();
                self.patiently(|| self.refill_below(&*writer, watermark)).await
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn refill_below(&self, writer: &dyn Writer, watermark: Offset) -> Result<(), ProjectorError> {
        let start = self.bounds(self.at).await?.start;
        // Nearly always this is all: the log's first record has its row.
        let first = self.log.read(self.at, start, LOOK).await.map_err(ProjectorError::log("read", self.at))?;
        if let Some(first) = first.records.first()
            && has_operation_row(&self.store, self.at.topic, first.offset).await?
        {
            return Ok(());
        }
        let mut tail = Tail::new(self.log.clone(), self.at, self.config.window, start);
        // The engine must not take them for those that it had before.
        let run = Uuid::new_v4();
        let mut first = None;
        while let Some(part) = tail.next(watermark).await? {
            match (&first, offset_of_first(&part.rows)) {
                (None, Some(offset)) => {
                    if has_operation_row(&self.store, self.at.topic, offset).await? {
                        return Ok(());
                    }
                    tracing::warn!(source = %self.at, "the table has lost rows that the ledger speaks of, they are made again from the log");
                    first = Some(part);
                }
                (None, None) | (Some(_), _) => self.insert_all(writer, &part.blocks, run).await?,
            }
        }
        if let Some(first) = first {
            self.insert_all(writer, &first.blocks, run).await?;
            tracing::info!(source = %self.at, to = watermark, "the rows are there again");
        }
        Ok(())
    }

    async fn insert_all(&self, writer: &dyn Writer, blocks: &[Block], run: Uuid) -> Result<(), ProjectorError> {
        for block in blocks {
            self.insert(writer, &block.of_run(run)).await?;
        }
        Ok(())
    }
}

fn offset_of_first(rows: &[RecordBatch]) -> Option<Offset> {
    let offsets = |batch: &RecordBatch| {
        let column = batch.column_by_name("log_offset")?.as_any().downcast_ref::<UInt64Array>()?;
        column.values().first().copied()
    };
    rows.iter().filter_map(offsets).min()
}
