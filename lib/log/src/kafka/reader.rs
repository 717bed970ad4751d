//! Reading a partition from any offset: consumers that are assigned by hand and kept where they stopped.
//!
//! ```text
//!  read(from) ─► one that stopped at `from`, else any, else a new one ─► seek ─► messages ─► records ─► put back
//! ```
//!
//! A consumer fetches ahead, so a reader that goes on where it stopped finds its records in memory. No group is joined:
//! who reads what is decided above. One that brings nothing of what is there gives its place to another.
//!
//! The marker behind each transaction, and what an aborted one has left, have offsets and bring no record. The client passes
//! them where they stand between records, so its own position says how far all has been seen.

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use beidou_schemas::{Offset, Record, TopicPartition};
use bytes::Bytes;
use rdkafka::{
    ClientConfig, Message,
    consumer::{BaseConsumer, Consumer, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode as Code},
    message::{BorrowedMessage, Headers},
    topic_partition_list::{Offset as Place, TopicPartitionList},
};
use tokio::time::{Instant, timeout};

use super::{
    client::{Quiet, code, refused},
    faults::{Fault, Faults},
};
use crate::{LogError, ReadBatch, ReadLimit, StoredRecord};

/// Consumers that a partition keeps while nobody reads: one for the projector, one for its archive or a tail.
const IDLE: usize = 2;
/// How long a broker has to answer a read that may not wait.
const ANSWER: Duration = Duration::from_secs(30);
/// A wait is looked at again so often: wake-ups of the client have been lost before.
const SLICE: Duration = Duration::from_millis(250);

/// Readers of one partition.
pub(super) struct Readers {
    at: TopicPartition,
    topic: Arc<str>,
    config: ClientConfig,
    faults: Faults,
    idle: Mutex<Vec<Reader>>,
}

struct Reader {
    /// `None` only while dropping.
    consumer: Option<StreamConsumer<Quiet>>,
    /// The offset that its next message will have at least.
    next: Offset,
    /// It was put there by the read that goes on: an end that it tells is not one of long ago, left in its queue.
    fresh: bool,
    /// Something has come since it was put: its position is one behind that place, not of before.
    heard: bool,
    /// It has told the end since it last went on.
    ended: bool,
    /// The end of the log when it last brought nothing, if it has brought nothing since.
    silent_at: Option<Offset>,
}

impl Drop for Reader {
    /// Closing a consumer may wait for a broker, so it is done off the async threads, also where a read was cancelled.
    fn drop(&mut self) {
        let consumer = self.consumer.take();
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || drop(consumer))),
            Err(_no_runtime) => drop(consumer),
        }
    }
}

/// What a consumer brought.
enum Came {
    Record(StoredRecord),
    End,
    Nothing,
}

impl Readers {
    pub(super) fn new(at: TopicPartition, topic: Arc<str>, config: ClientConfig, faults: Faults) -> Self {
        Self { at, topic, config, faults, idle: Mutex::default() }
    }

    /// Reads as [`crate::Log::read`] promises; `bounds` asks the broker.
    pub(super) async fn read<B>(
        &self,
        from: Offset,
        limit: ReadLimit,
        bounds: impl Fn() -> B,
    ) -> Result<ReadBatch, LogError>
    where
        B: Future<Output = Result<Range<Offset>, LogError>>,
    {
        let deadline = crate::deadline(limit.max_wait);
        // Whoever may not wait must be told the truth about the end; whoever waits is told by what comes.
        let known = if limit.max_wait.is_zero() { Some(bounds().await?) } else { None };
        if let Some(known) = &known {
            self.within(from, known)?;
            if from == known.end {
                return Ok(ReadBatch { records: Vec::new(), next: from });
            }
        }
        let (upto, give_up) = match &known {
            Some(known) => (known.end, Instant::now() + ANSWER),
            None => (Offset::MAX, deadline),
        };
        let mut reader = self.take(from).await?;
        let mut batch = ReadBatch { records: Vec::new(), next: from };
        let mut bytes = 0;
        while batch.next < upto && (bytes < limit.max_bytes || batch.records.is_empty()) {
            // Once it goes on, a reader that waited takes what has been fetched and no more.
            let patience = if known.is_none() && batch.next > from { Instant::now() } else { give_up };
            match reader.come(patience).await {
                Ok(Came::Record(stored)) if stored.offset < from => {}
                Ok(Came::Record(stored)) => {
                    bytes += stored.record.size();
                    batch.next = stored.offset + 1;
                    batch.records.push(stored);
                }
                Ok(Came::End) if known.is_none() => {
                    reader.ended = true;
                    batch.next = batch.next.max(reader.passed());
                }
                // All that lies before the end that was asked for has been passed.
                Ok(Came::End) if reader.fresh || reader.passed() >= upto => {
                    batch.next = batch.next.max(upto).max(reader.passed());
                }
                Ok(Came::End) => self.put(&mut reader, batch.next)?,
                Ok(Came::Nothing) if known.is_none() => {
                    batch.next = batch.next.max(reader.passed());
                    break;
                }
                Ok(Came::Nothing) => return Err(self.refused(KafkaError::Global(Code::OperationTimedOut))),
                Err(error) if matches!(code(&error), Some(Code::AutoOffsetReset | Code::OffsetOutOfRange)) => {
                    self.within(from, &bounds().await?)?;
                    return Err(self.refused(error));
                }
                Err(error) => return Err(self.refused(error)),
            }
        }
        (reader.next, reader.fresh) = (batch.next, false);
        if batch.next > from {
            (reader.ended, reader.silent_at) = (false, None);
        } else if known.is_none() && self.is_deaf(&mut reader, bounds).await {
            tracing::warn!(partition = %self.at, from, "a consumer brought nothing of what is there: another one takes its place");
            return Ok(batch);
        }
        self.put_back(reader);
        Ok(batch)
    }

    /// Whether a reader that did not go on should have: the log has grown since it was silent before, or it has never come
    /// to an end that lies ahead. Without an answer nothing is said.
    async fn is_deaf<B>(&self, reader: &mut Reader, bounds: impl Fn() -> B) -> bool
    where
        B: Future<Output = Result<Range<Offset>, LogError>>,
    {
        let Ok(bounds) = bounds().await else { return false };
        match reader.silent_at.replace(bounds.end) {
            Some(before) => bounds.end > before,
            None => bounds.end > reader.next && !reader.ended,
        }
    }

    fn within(&self, from: Offset, bounds: &Range<Offset>) -> Result<(), LogError> {
        match from {
            _ if from < bounds.start => Err(LogError::Removed { at: self.at, from, first: bounds.start }),
            _ if from > bounds.end => Err(LogError::Lost { at: self.at, from, end: bounds.end }),
            _ => Ok(()),
        }
    }

    fn refused(&self, error: KafkaError) -> LogError {
        refused(format_args!("read {}", self.at), error)
    }

    /// A consumer that stands at `from`. Where one was put elsewhere, its queue is emptied by the client.
    async fn take(&self, from: Offset) -> Result<Reader, LogError> {
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            match idle.iter().position(|reader| reader.next == from) {
                Some(found) => return Ok(idle.swap_remove(found)),
                None if idle.len() < IDLE => None,
                None => Some(idle.swap_remove(0)),
            }
        };
        let mut reader = match idle {
            Some(reader) => reader,
            None => {
                let consumer = self.config.create_with_context(Quiet).map_err(|error| self.refused(error))?;
                let (fresh, heard, ended, silent_at) = (true, false, false, None);
                Reader { consumer: Some(consumer), next: from, fresh, heard, ended, silent_at }
            }
        };
        self.put(&mut reader, from)?;
        Ok(reader)
    }

    /// Puts a consumer to an offset; what it had fetched is forgotten.
    fn put(&self, reader: &mut Reader, from: Offset) -> Result<(), LogError> {
        let list = place(&self.topic, self.at.partition, from).map_err(|error| self.refused(error))?;
        if let Some(consumer) = &reader.consumer {
            consumer.assign(&list).map_err(|error| self.refused(error))?;
            if self.faults.after(self.at) == Some(Fault::Deaf) {
                consumer.pause(&list).map_err(|error| self.refused(error))?;
            }
        }
        (reader.next, reader.fresh, reader.heard) = (from, true, false);
        (reader.ended, reader.silent_at) = (false, None);
        Ok(())
    }

    fn put_back(&self, reader: Reader) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(reader);
        if idle.len() > IDLE {
            idle.remove(0);
        }
    }
}

impl Reader {
    /// Behind all that has left its queue: records and what is none, in the order of the log. So nothing that is still to come
    /// lies below. 0 while that is not known.
    fn passed(&self) -> Offset {
        let position = self.consumer.as_ref().filter(|_| self.heard).and_then(|consumer| consumer.position().ok());
        match position.and_then(|list| list.elements().first().map(|only| only.offset())) {
            Some(Place::Offset(next)) => next as Offset,
            Some(_) | None => 0,
        }
    }

    async fn come(&mut self, until: Instant) -> Result<Came, KafkaError> {
        let Some(consumer) = &self.consumer else { return Ok(Came::Nothing) };
        loop {
            let wait = SLICE.min(until.saturating_duration_since(Instant::now()));
            match timeout(wait, consumer.recv()).await {
                Ok(Ok(message)) => {
                    self.heard = true;
                    return Ok(Came::Record(stored(&message)));
                }
                Ok(Err(KafkaError::PartitionEOF(_))) => {
                    self.heard = true;
                    return Ok(Came::End);
                }
                Ok(Err(error)) if is_transport(&error) => {}
                Ok(Err(error)) => return Err(error),
                Err(_elapsed) => {}
            }
            if Instant::now() >= until {
                return Ok(Came::Nothing);
            }
        }
    }
}

/// The client mends these by itself; it only tells.
fn is_transport(error: &KafkaError) -> bool {
    matches!(
        code(error),
        Some(Code::BrokerTransportFailure | Code::AllBrokersDown | Code::Resolve | Code::OperationTimedOut)
    )
}

fn place(topic: &str, partition: u32, from: Offset) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition as i32, Place::Offset(from as i64))?;
    Ok(list)
}

/// All records from `from` to the end of the moment. Blocking; for a writer that looks for what it may have written.
pub(super) fn read_range(
    config: &ClientConfig,
    (topic, partition): (&str, u32),
    from: Offset,
    patience: Duration,
) -> Result<Vec<StoredRecord>, KafkaError> {
    let consumer: BaseConsumer<Quiet> = config.create_with_context(Quiet)?;
    let (_, end) = consumer.fetch_watermarks(topic, partition as i32, patience)?;
    let mut found = Vec::new();
    if from >= end as Offset {
        return Ok(found);
    }
    consumer.assign(&place(topic, partition, from)?)?;
    loop {
        match consumer.poll(patience) {
            Some(Ok(message)) => {
                let last = message.offset() + 1 >= end;
                found.push(stored(&message));
                if last {
                    return Ok(found);
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(found),
            Some(Err(error)) if is_transport(&error) => {}
            Some(Err(error)) => return Err(error),
            None => return Err(KafkaError::Global(Code::OperationTimedOut)),
        }
    }
}

/// One record out of a message: one allocation for its headers, one for key and value.
fn stored(message: &BorrowedMessage<'_>) -> StoredRecord {
    let (key, value) = (message.key().unwrap_or_default(), message.payload().unwrap_or_default());
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let headers = headers.map(|header| (header.key, header.value.unwrap_or_default())).collect();
    let mut both = Vec::with_capacity(key.len() + value.len());
    both.extend_from_slice(key);
    both.extend_from_slice(value);
    let mut value = Bytes::from(both);
    let key = value.split_to(key.len());
    StoredRecord { offset: message.offset() as Offset, record: Record { key, headers, value } }
}
