//! Appends batches of one cluster's states to the log.
//!
//! A batch is spread over the partitions of the event topic by the stable hash of cluster and Event; all partitions
//! are appended to at once, and the batch is acknowledged when all of them are. What the log refuses for the moment
//! (a full disk) is tried again for as long as it takes: the reader waits meanwhile, so the server holds the rest.

use std::{sync::Arc, time::Duration};

use beidou_log::{Log, LogError, Writer};
use beidou_model::watch::EventKey;
use beidou_schemas::{
    EventUid, Record, ResourceVersion, Topic, TopicPartition,
    envelope::EventEnvelope,
    reject::{Reject, RejectReason},
    topic::partition_of,
};
use futures::future::try_join_all;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{error::IngestError, fault::Fault, metrics::IngestMetrics, status::Board};

/// The first wait after a refused append; doubled up to [`LONGEST_RETRY`].
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// Short enough that collection goes on soon after somebody made room.
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// What a batch changes in what is known of live Events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The log has this state.
    Kept(EventKey, ResourceVersion),
    /// The Event ended.
    Ended(EventKey),
}

/// States of one cluster on their way into the log, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    partitions: Vec<Vec<Record>>,
    rejects: Vec<Record>,
    /// What is known of live Events once the log has it.
    pub(crate) changes: Vec<Change>,
    /// Bytes of all records.
    pub(crate) bytes: usize,
    /// The version of the last frame, stored or not.
    pub(crate) version: Option<ResourceVersion>,
    /// The stream from which it comes; an acknowledgement counts only for the stream that is open.
    pub(crate) stream: u64,
}

impl Batch {
    pub(crate) fn push(&mut self, envelope: &EventEnvelope, record: Record, partitions: u32) {
        let identity = &envelope.identity;
        let partition = partition_of(&identity.cluster, &identity.event, partitions) as usize;
        if self.partitions.len() <= partition {
            self.partitions.resize_with(partitions as usize, Vec::new);
        }
        self.bytes += record.size();
        self.changes.push(Change::Kept((&identity.event).into(), identity.resource_version));
        self.partitions[partition].push(record);
    }

    pub(crate) fn reject(&mut self, reject: &Reject) {
        let record = reject.to_record(&fact_id());
        self.bytes += record.size();
        self.rejects.push(record);
    }

    /// Nothing to append and no version to acknowledge.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes == 0 && self.version.is_none()
    }
}

fn fact_id() -> EventUid {
    Uuid::now_v7().to_string().parse().expect("a UUID is 36 visible ASCII characters")
}

/// The right to append Events and rejects.
pub(crate) struct Publisher {
    events: Vec<Arc<dyn Writer>>,
    rejects: Arc<dyn Writer>,
    pub(crate) retry: Retry,
}

impl Publisher {
    pub(crate) async fn open(log: &dyn Log, name: &str, retry: Retry) -> Result<Self, IngestError> {
        let mut events = Vec::new();
        for partition in 0..log.partitions(Topic::KubeEvent) {
            let at = TopicPartition::new(Topic::KubeEvent, partition);
            events.push(retry.writer(log, at, name).await?);
        }
        let rejects = retry.writer(log, TopicPartition::new(Topic::KubeReject, 0), name).await?;
        Ok(Self { events, rejects, retry })
    }

    pub(crate) fn partitions(&self) -> u32 {
        self.events.len() as u32
    }

    /// Returns when the whole batch is durable.
    pub(crate) async fn append(&self, partitions: Vec<Vec<Record>>, rejects: Vec<Record>) -> Result<(), IngestError> {
        let events = self.events.iter().zip(partitions).filter(|(_, records)| !records.is_empty());
        let all = try_join_all(events.map(|(writer, records)| self.append_events(writer.as_ref(), records)));
        let rejects = async {
            match rejects.is_empty() {
                true => Ok(()),
                false => self.retry.append(self.rejects.as_ref(), &rejects).await.map_err(IngestError::from),
            }
        };
        tokio::try_join!(all, rejects)?;
        Ok(())
    }

    /// [`Publisher::append`] of a batch, which it takes apart.
    pub(crate) async fn append_batch(&self, batch: &mut Batch) -> Result<(), IngestError> {
        self.append(std::mem::take(&mut batch.partitions), std::mem::take(&mut batch.rejects)).await
    }

    /// A record that the log can never hold becomes a reject, so that it does not stop all that follow.
    async fn append_events(&self, writer: &dyn Writer, records: Vec<Record>) -> Result<(), IngestError> {
        match self.retry.append(writer, &records).await {
            Err(Failure::Log(LogError::TooLarge { .. })) if records.len() > 1 => {
                for record in records {
                    Box::pin(self.append_events(writer, vec![record])).await?;
                }
                Ok(())
            }
            Err(Failure::Log(LogError::TooLarge { size, limit })) => {
                let detail = format!("the Event has {size} bytes, the log takes {limit}");
                let rejects: Vec<Record> = records.iter().filter_map(|record| too_large(record, &detail)).collect();
                Ok(self.retry.append(self.rejects.as_ref(), &rejects).await?)
            }
            other => Ok(other?),
        }
    }
}

fn too_large(record: &Record, detail: &str) -> Option<Record> {
    let envelope = EventEnvelope::read(record).ok()?;
    let reject = Reject {
        cluster: envelope.identity.cluster,
        cluster_name: envelope.cluster_name,
        observed: envelope.observed,
        reason: RejectReason::TooLarge,
        detail: detail.into(),
        frame_bytes: record.value.len() as u64,
        frame: record.value.clone(),
    };
    Some(reject.to_record(&fact_id()))
}

/// An append that did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    Log(LogError),
    Stopped,
}

impl From<Failure> for IngestError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Log(error) => Self::Append(error),
            Failure::Stopped => Self::Stopped,
        }
    }
}

/// What is asked of the log until it takes it.
#[derive(Clone)]
pub(crate) struct Retry {
    pub(crate) board: Board,
    pub(crate) metrics: IngestMetrics,
    /// The process must end: what is not durable by now stays unacknowledged.
    pub(crate) abandon: CancellationToken,
    /// A planted bug.
    pub(crate) fault: Option<Fault>,
}

impl Retry {
    pub(crate) async fn append(&self, writer: &dyn Writer, records: &[Record]) -> Result<(), Failure> {
        if self.fault == Some(Fault::RefusedIsKept) {
            return match writer.append(records.to_vec()).await {
                Err(error) if !error.is_retryable() => Err(Failure::Log(error)),
                Ok(_) | Err(_) => Ok(()),
            };
        }
        self.ask(|| writer.append(records.to_vec())).await.map(drop)
    }

    /// Becomes the writer of a partition: that too needs room on the disk.
    pub(crate) async fn writer(
        &self,
        log: &dyn Log,
        at: TopicPartition,
        name: &str,
    ) -> Result<Arc<dyn Writer>, IngestError> {
        self.ask(|| log.writer(at, name)).await.map_err(|failure| match failure {
            Failure::Log(error) => IngestError::Writer(error),
            Failure::Stopped => IngestError::Stopped,
        })
    }

    pub(crate) async fn ask<T, F>(&self, mut ask: impl FnMut() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, LogError>>,
    {
        let mut wait = FIRST_RETRY;
        loop {
            let answer = tokio::select! {
                biased;
                answer = ask() => answer,
                () = self.abandon.cancelled() => return Err(Failure::Stopped),
            };
            match answer {
                Ok(answer) => {
                    if wait > FIRST_RETRY {
                        tracing::info!("the log takes records again");
                        self.board.log_trouble(None);
                    }
                    return Ok(answer);
                }
                Err(error) if error.is_retryable() => {
                    if wait == FIRST_RETRY {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "the log does not take records, watches wait"
                        );
                    }
                    self.board.log_trouble(Some(error.to_string()));
                    self.metrics.log_retries.inc();
                }
                Err(error) => return Err(Failure::Log(error)),
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(LONGEST_RETRY),
                () = self.abandon.cancelled() => return Err(Failure::Stopped),
            }
        }
    }
}
