//! A range of the log as rows, encoded as the worker of its partition encodes it.

use std::{ops::Range, sync::Arc, time::Duration};

use arrow_array::RecordBatch;
use beidou_log::{Log, LogError, ReadBatch, ReadLimit};
use beidou_schemas::{Offset, TopicPartition};
use beidou_store::insert::Block;

use crate::{
    ProjectorError,
    encode::{CutRange, Encoder},
};

/// How much of the log is encoded at once.
const READ: ReadLimit = ReadLimit { max_bytes: 8 << 20, max_wait: Duration::ZERO };

/// A part of the range.
pub(crate) struct Part {
    /// Its offsets.
    pub range: Range<Offset>,
    /// The rows of states that the encoder had not seen.
    pub rows: Vec<RecordBatch>,
    /// All its blocks, for the tables that the worker inserts them into.
    pub blocks: Vec<Block>,
}

impl Part {
    /// Those blocks that are no rows of Events: what could not be decoded.
    pub(crate) fn rejects(&self) -> &[Block] {
        &self.blocks[self.rows.len()..]
    }
}

/// Reads a partition on and on.
pub(crate) struct Tail {
    log: Arc<dyn Log>,
    at: TopicPartition,
    encoder: Option<Encoder>,
    next: Offset,
    /// Ranges that the log had no more.
    pub lost: Vec<Range<Offset>>,
}

impl Tail {
    /// A reader from an offset on that knows nothing of what lies before.
    pub(crate) fn new(log: Arc<dyn Log>, at: TopicPartition, window: u32, from: Offset) -> Self {
        Self { log, at, encoder: Encoder::new(at, window), next: from, lost: Vec::new() }
    }

    /// A reader that knows what lies before, as the partition's worker does.
    pub(crate) async fn primed(
        log: Arc<dyn Log>,
        at: TopicPartition,
        window: u32,
        from: Offset,
    ) -> Result<Self, ProjectorError> {
        let mut tail = Self::new(log, at, window, from.saturating_sub(window.into()));
        while let Some(batch) = tail.read(from).await? {
            let Some(mut encoder) = tail.encoder.take() else { break };
            tail.encoder = Some(
                tail.compute(move || {
                    encoder.remember(&batch.records);
                    encoder
                })
                .await?,
            );
        }
        // What is lost there the index only does not know.
        tail.lost.clear();
        tail.next = from;
        Ok(tail)
    }

    /// The next part below `end`; `None` when all of it was read.
    pub(crate) async fn next(&mut self, end: Offset) -> Result<Option<Part>, ProjectorError> {
        let from = self.next;
        let Some(batch) = self.read(end).await? else { return Ok(None) };
        let Some(mut encoder) = self.encoder.take() else { return Ok(None) };
        let range = CutRange { source: self.at, from, to: self.next };
        let (encoder, encoded) = self
            .compute(move || {
                let encoded = encoder.encode(range, &batch.records);
                (encoder, encoded)
            })
            .await?;
        self.encoder = Some(encoder);
        let encoded = encoded?;
        Ok(Some(Part { range: range.from..range.to, rows: encoded.archive, blocks: encoded.blocks }))
    }

    async fn read(&mut self, end: Offset) -> Result<Option<ReadBatch>, ProjectorError> {
        while self.next < end {
            match self.log.read(self.at, self.next, READ).await {
                Ok(batch) if batch.next <= self.next => return Ok(None),
                Ok(mut batch) => {
                    batch.records.retain(|stored| stored.offset < end);
                    self.next = batch.next.min(end);
                    return Ok(Some(batch));
                }
                Err(LogError::Removed { first, .. }) if first > self.next => {
                    let first = first.min(end);
                    self.lost.push(self.next..first);
                    self.next = first;
                }
                Err(error) => return Err(ProjectorError::log("read", self.at)(error)),
            }
        }
        Ok(None)
    }

    /// Runs what takes processor time off the reactor.
    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ProjectorError> {
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|source| ProjectorError::Panicked { at: self.at, source })
    }
}
