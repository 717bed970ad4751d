//! Records by their offset: what one read brought serves the next ones too.

use std::time::Duration;

use axum::body::Bytes;
use beidou_log::{Log, ReadBatch, ReadLimit};
use beidou_schemas::{Offset, TopicPartition};

use crate::problem::{Kind, Problem};

const READ: ReadLimit = ReadLimit { max_bytes: 2 << 20, max_wait: Duration::ZERO };

/// A reader of one partition, asked for growing offsets.
pub(super) struct Reader<'a> {
    log: &'a dyn Log,
    at: TopicPartition,
    batch: ReadBatch,
    /// Bytes that were read so far.
    pub read: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(log: &'a dyn Log, at: TopicPartition) -> Self {
        Self { log, at, batch: ReadBatch::default(), read: 0 }
    }

    /// The value of the record at this offset.
    pub(super) async fn record(&mut self, offset: Offset) -> Result<Bytes, Problem> {
        let place = |batch: &ReadBatch| batch.records.binary_search_by_key(&offset, |stored| stored.offset).ok();
        if place(&self.batch).is_none() {
            self.batch = self.log.read(self.at, offset, READ).await?;
            self.read += self.batch.records.iter().map(|stored| stored.record.value.len()).sum::<usize>();
        }
        let found = place(&self.batch).map(|place| self.batch.records[place].record.value.clone());
        let at = self.at;
        found.ok_or_else(|| {
            Problem::new(Kind::LogAway, format!("the log has no record at offset {offset} of {at} any more"))
        })
    }
}
