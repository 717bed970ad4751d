//! States out of dumps: from the import topic, where query-api appends them, onto the Event topic, which ingest alone
//! writes.
//!
//! ```text
//!  import topic ─► read ─► publisher (acknowledged) ─► coverage fact "imported up to" (durable) ─► released
//! ```
//!
//! The position moves only after the acknowledgement, so that a crash repeats and never skips; the projector drops what
//! comes twice. An import proves nothing of any time: no watch position moves by it.

use std::{sync::Arc, time::Duration};

use beidou_log::{Log, LogError, ReadLimit};
use beidou_schemas::{
    Offset, Record, Topic, TopicPartition,
    coverage::{CoverageFact, Imported},
    envelope::EventEnvelope,
    topic::partition_of,
};
use tokio_util::sync::CancellationToken;

use crate::{coverage::Coverage, error::IngestError, publish::Publisher};

const AT: TopicPartition = TopicPartition { topic: Topic::KubeImport, partition: 0 };
/// Our name as a consumer: retention waits for it.
const CONSUMER: &str = "ingest";
/// A few thousand Events at a time: large appends, and other clusters' batches pass in between.
const READ: ReadLimit = ReadLimit { max_bytes: 4 << 20, max_wait: Duration::from_secs(5) };
/// Between two tries at a log that cannot be read.
const RETRY_EVERY: Duration = Duration::from_secs(2);

/// The way of imported states.
pub(crate) struct Importer {
    log: Arc<dyn Log>,
    publisher: Arc<Publisher>,
    coverage: Coverage,
}

impl Importer {
    pub(crate) fn new(log: Arc<dyn Log>, publisher: Arc<Publisher>, coverage: Coverage) -> Self {
        Self { log, publisher, coverage }
    }

    /// Brings over what comes, until `stop`. What is under way then is repeated at the next start.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), IngestError> {
        // A log from before there were imports.
        if self.log.partitions(Topic::KubeImport) == 0 {
            stop.cancelled().await;
            return Ok(());
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(()),
            ended = self.follow() => ended,
        }
    }

    async fn follow(&self) -> Result<(), IngestError> {
        let mut next = self.coverage.imported();
        self.release(next).await;
        loop {
            match self.step(next).await? {
                Some(reached) => next = reached,
                None => tokio::time::sleep(RETRY_EVERY).await,
            }
        }
    }

    /// One read and what follows from it; where to go on, or `None` where the log cannot be read for the moment.
    async fn step(&self, from: Offset) -> Result<Option<Offset>, IngestError> {
        let read = match self.log.read(AT, from, READ).await {
            Ok(read) => read,
            Err(LogError::Removed { first, .. }) => {
                tracing::warn!(from, first, "imported states were removed before they were read, import them again");
                return Ok(Some(first));
            }
            Err(error) if error.is_retryable() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot read imported states, trying again");
                return Ok(None);
            }
            Err(error) => return Err(IngestError::Import(error)),
        };
        if read.records.is_empty() {
            return Ok(Some(read.next));
        }
        let states = self.spread(read.records.iter().map(|stored| &stored.record));
        self.publisher.append(states, Vec::new()).await?;
        self.coverage.publish(vec![CoverageFact::Imported(Imported { upto: read.next })]).await?;
        self.release(read.next).await;
        tracing::debug!(states = read.records.len(), upto = read.next, "imported states are on the event topic");
        Ok(Some(read.next))
    }

    /// The records for each partition of the Event topic.
    fn spread<'a>(&self, records: impl Iterator<Item = &'a Record>) -> Vec<Vec<Record>> {
        let partitions = self.publisher.partitions();
        let mut spread = vec![Vec::new(); partitions as usize];
        for record in records {
            match EventEnvelope::publish_import(record) {
                Ok((envelope, record)) => {
                    let identity = &envelope.identity;
                    spread[partition_of(&identity.cluster, &identity.event, partitions) as usize].push(record);
                }
                // Only a program of another version writes such a record; it must not stop the clusters' watches.
                Err(error) => tracing::error!(%error, "an imported state was not understood and is left out"),
            }
        }
        spread
    }

    /// Retention may take what is over. If it cannot be told, it is told with the next one.
    async fn release(&self, upto: Offset) {
        if let Err(error) = self.log.release(AT, CONSUMER, upto).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "cannot release imported states");
        }
    }
}
