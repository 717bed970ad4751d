//! A range of the log as rows, encoded as the worker of its partition encodes it.

use std::{ops::Range, sync::Arc, time::Duration};

use arrow_array::RecordBatch;
use beidou_log::{Log, ReadBatch, ReadLimit};
use beidou_schemas::{Offset, TopicPartition};
use beidou_store::insert::Block;

use crate::{
    ProjectorError,
    compute::compute,
    encode::{CutRange, Encoder},
    learn::learn,
    readable::{Damage, Readable},
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

    /// The other blocks: those of its rows.
    pub(crate) fn of_rows(&self) -> &[Block] {
        &self.blocks[..self.rows.len()]
    }
}

/// Reads a partition on and on, past what is gone or damaged.
pub(crate) struct Tail {
    log: Arc<dyn Log>,
    at: TopicPartition,
    encoder: Option<Encoder>,
    /// Where it stands, and what it could not read.
    pub past: Readable,
}

impl Tail {
    /// A reader from an offset on that knows nothing of what lies before.
    pub(crate) fn new(log: Arc<dyn Log>, at: TopicPartition, window: u32, from: Offset) -> Self {
        Self { log, at, encoder: Encoder::new(at, window), past: Readable::starting(from) }
    }

    /// A reader that knows what lies before, as the partition's worker does.
    pub(crate) async fn primed(
        log: Arc<dyn Log>,
        at: TopicPartition,
        window: u32,
        from: Offset,
    ) -> Result<Self, ProjectorError> {
        let mut tail = Self::new(log, at, window, from.saturating_sub(window.into()));
        while let Some((_, batch)) = tail.read(from).await? {
            let Some(mut encoder) = tail.encoder.take() else { break };
            tail.encoder = Some(
                tail.compute(move || {
                    encoder.remember(&batch.records);
                    encoder
                })
                .await?,
            );
        }
        // What is lost or damaged there the index only does not know.
        tail.past = Readable::starting(from);
        Ok(tail)
    }

    /// What of the facts of operations it could not read, where its rows follow from them.
    pub(crate) fn unread(&self) -> Option<&Damage> {
        self.encoder.as_ref()?.unread()
    }

    /// The next part below `end`; `None` when all of it was read.
    pub(crate) async fn next(&mut self, end: Offset) -> Result<Option<Part>, ProjectorError> {
        let Some((from, batch)) = self.read(end).await? else { return Ok(None) };
        let Some(mut encoder) = self.encoder.take() else { return Ok(None) };
        learn(&*self.log, &mut encoder, from).await?;
        let range = CutRange { source: self.at, from, to: self.past.next };
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

    async fn read(&mut self, end: Offset) -> Result<Option<(Offset, ReadBatch)>, ProjectorError> {
        self.past.read(&*self.log, self.at, end, READ).await
    }

    /// Runs what takes processor time off the reactor.
    async fn compute<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ProjectorError> {
        compute(self.at, work).await
    }
}
