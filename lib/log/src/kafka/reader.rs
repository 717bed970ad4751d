//! Reading a partition from any offset: consumers that are assigned by hand and kept where they stopped.
//!
//! ```text
//!  read(from) ─► one that stopped at `from`, else a new one, else any ─► seek ─► messages ─► records ─► put back
//! ```
//!
//! A consumer fetches ahead, so a reader that goes on where it stopped finds its records in memory. No group is joined:
//! who reads what is decided above. One that brings nothing of what is there gives its place to another, and one that nobody
//! has used for a while is closed: it would hold its threads, and what it has fetched, for nothing.
//!
//! The marker behind each transaction, and what an aborted one has left, have offsets and bring no record. The client passes
//! them where they stand between records, so its own position says how far all has been seen.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
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

/// Consumers of a partition, unless more reads are under way at once: for the projector, its archive, the tails at the end, and
/// one behind.
const MOST: usize = 4;
/// One that rests for so long is closed: far above the longest wait of a read.
pub(super) const REST: Duration = Duration::from_secs(60);
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
    /// Those that rest, the longest first.
    idle: Mutex<Vec<Reader>>,
    /// Held by each consumer, to count them.
    alive: Arc<()>,
    /// Records that were brought so far, and their bytes.
    brought: [AtomicU64; 2],
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
    /// When it was used last.
    used: Instant,
    _alive: Arc<()>,
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
        let (idle, alive, brought) = (Mutex::default(), Arc::default(), Default::default());
        Self { at, topic, config, faults, idle, alive, brought }
    }

    fn count(&self, records: usize, bytes: usize) {
        for (brought, more) in self.brought.iter().zip([records, bytes]) {
            brought.fetch_add(more as u64, Ordering::Relaxed);
        }
    }

    /// How many bytes a record has in the mean, uncompressed; `None` before one was read.
    pub(super) fn mean(&self) -> Option<u64> {
        let [records, bytes] = self.brought.each_ref().map(|brought| brought.load(Ordering::Relaxed));
        bytes.checked_div(records).map(|mean| mean.max(1))
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
        self.count(batch.records.len(), bytes);
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
                Some(found) => return Ok(idle.remove(found)),
                None if idle.is_empty() || Arc::strong_count(&self.alive) <= MOST => None,
                None => Some(idle.remove(0)),
            }
        };
        let mut reader = match idle {
            Some(reader) => reader,
            None => {
                let consumer = self.config.create_with_context(Quiet).map_err(|error| self.refused(error))?;
                let (fresh, heard, ended, silent_at) = (true, false, false, None);
                let (used, _alive) = (Instant::now(), Arc::clone(&self.alive));
                Reader { consumer: Some(consumer), next: from, fresh, heard, ended, silent_at, used, _alive }
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

    fn put_back(&self, mut reader: Reader) {
        reader.used = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(reader);
        if idle.len() > MOST {
            idle.remove(0);
        }
    }

    /// Closes those that have rested for [`REST`].
    pub(super) fn close_rested(&self, now: Instant) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|reader| now.saturating_duration_since(reader.used) < REST);
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

#[cfg(test)]
mod tests {
    use beidou_schemas::Topic;

    use super::*;

    const AT: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 0 };

    fn readers() -> Readers {
        let mut config = ClientConfig::new();
        config.set("group.id", "test");
        Readers::new(AT, "events".into(), config, Faults::default())
    }

    fn alive(readers: &Readers) -> usize {
        Arc::strong_count(&readers.alive) - 1
    }

    /// Two tails behind and the read at the end took turns at places for two: one was closed, and made anew, at each return.
    #[tokio::test]
    async fn a_consumer_is_used_again_where_there_are_enough() {
        let readers = readers();
        let at_end = readers.take(1000).await.unwrap();
        for round in 0..3 {
            for behind in 0..2 * MOST as Offset {
                let mut reader = readers.take(100 * behind + round).await.unwrap();
                reader.next += 1;
                readers.put_back(reader);
            }
            assert_eq!(alive(&readers), MOST);
        }
        let mut all = vec![at_end];
        for place in 0..MOST as Offset {
            all.push(readers.take(2000 + place).await.unwrap());
        }
        assert_eq!(alive(&readers), MOST + 1, "a read under way never waits for another one");
        all.into_iter().for_each(|reader| readers.put_back(reader));
        assert_eq!(alive(&readers), MOST);
    }

    #[tokio::test]
    async fn a_consumer_that_rests_is_closed() {
        let readers = readers();
        let (first, second) = (readers.take(1).await.unwrap(), readers.take(2).await.unwrap());
        readers.put_back(first);
        readers.close_rested(Instant::now());
        assert_eq!(alive(&readers), 2);
        readers.close_rested(Instant::now() + REST);
        assert_eq!(alive(&readers), 1, "the other one is in use");
        drop(second);
    }
}
