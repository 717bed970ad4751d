//! The right to append to a partition of the log: taken with the first record, and anew where it was lost.

use std::{ops::Range, sync::Arc};

use beidou_log::{Log, LogError, Writer};
use beidou_schemas::{Offset, Record, TopicPartition};
use tokio::sync::{Mutex, MutexGuard};

/// Who writes, for whoever finds the partition taken.
const WRITER: &str = "query-api";
/// Writers that are taken for one record: where the log is no Kafka, two servers fence each other.
const TRIES: u32 = 4;

/// The hand of this server at one partition.
pub(crate) struct Hand {
    log: Arc<dyn Log>,
    at: TopicPartition,
    writer: Mutex<Option<Arc<dyn Writer>>>,
}

/// The hand, held: nobody else at this server appends meanwhile, so that what is checked holds until it is appended.
pub(crate) struct Held<'a> {
    hand: &'a Hand,
    writer: MutexGuard<'a, Option<Arc<dyn Writer>>>,
}

impl Hand {
    pub(crate) fn new(log: Arc<dyn Log>, at: TopicPartition) -> Self {
        Self { log, at, writer: Mutex::default() }
    }

    /// Waits for the turn.
    pub(crate) async fn hold(&self) -> Held<'_> {
        Held { hand: self, writer: self.writer.lock().await }
    }
}

impl Held<'_> {
    /// Appends a record. A writer that failed is not kept. One that another server has fenced wrote nothing: a new one does.
    pub(crate) async fn append(&mut self, record: Record) -> Result<Range<Offset>, LogError> {
        let mut tries = 0;
        loop {
            let writer = match self.writer.take() {
                Some(writer) => writer,
                None => self.hand.log.writer(self.hand.at, WRITER).await?,
            };
            tries += 1;
            match writer.append(vec![record.clone()]).await {
                Ok(range) => {
                    *self.writer = Some(writer);
                    return Ok(range);
                }
                Err(LogError::Fenced { .. }) if tries < TRIES => {}
                Err(error) => return Err(error),
            }
        }
    }
}
