//! A partition of the log that is folded into memory: read from its begin on, and waited for by who must know all of it.

use std::time::Duration;

use beidou_log::{Log, LogError, ReadLimit, StoredRecord};
use beidou_schemas::{Offset, TopicPartition};
use tokio::sync::watch;

use crate::problem::{Kind, Problem};

/// Between two tries at a log that cannot be read.
pub(crate) const RETRY_EVERY: Duration = Duration::from_secs(2);
/// What was appended is read back within milliseconds; after this the log has a problem, or the fold of a long one is
/// under way.
const READ_BACK_LIMIT: Duration = Duration::from_secs(5);

/// How far the partition is to be read so that all is known that it has now.
pub(crate) async fn end(log: &dyn Log, at: TopicPartition) -> Result<Offset, LogError> {
    let bounds = log.bounds(at).await?;
    // Behind a log that is empty lies nothing to be read.
    Ok(if bounds.start == bounds.end { 0 } else { bounds.end })
}

/// Waits until enough is read; `otherwise` says what is not.
pub(crate) async fn reached<T>(
    read: &watch::Sender<T>,
    is_enough: impl FnMut(&T) -> bool,
    otherwise: &str,
) -> Result<(), Problem> {
    let mut read = read.subscribe();
    match tokio::time::timeout(READ_BACK_LIMIT, read.wait_for(is_enough)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(Problem::new(Kind::LogAway, otherwise)),
    }
}

/// Reads on, and tells how far, until `take` has something against a record: that is why it ended. It waits only where nothing is
/// there: whoever waits is not told of an end behind which no record lies, such as that of a transaction in Kafka.
pub(crate) async fn follow(
    log: &dyn Log,
    at: TopicPartition,
    limit: ReadLimit,
    take: impl Fn(&StoredRecord) -> Result<(), String>,
    read: impl Fn(Offset),
) -> String {
    let (mut next, mut waits) = (0, false);
    loop {
        let max_wait = if waits { limit.max_wait } else { Duration::ZERO };
        match log.read(at, next, ReadLimit { max_wait, ..limit }).await {
            Ok(batch) => {
                waits = batch.records.is_empty() && !waits;
                if let Err(why) = batch.records.iter().try_for_each(&take) {
                    tracing::error!(%at, why, "a partition is not read any more");
                    return why;
                }
                next = batch.next;
                read(next);
            }
            // The size of some topics is bounded: what is gone is old.
            Err(LogError::Removed { first, .. }) if first > next => next = first,
            Err(error) => {
                tracing::warn!(%at, error = %error, "cannot follow the log, answers lag meanwhile");
                tokio::time::sleep(RETRY_EVERY).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{ops::Range, sync::Arc};

    use async_trait::async_trait;
    use beidou_log::{
        ReadBatch,
        memory::{MemoryLog, Overlay},
    };
    use beidou_schemas::{Record, Topic};

    use super::*;

    const AT: TopicPartition = TopicPartition { topic: Topic::Operation, partition: 0 };
    const LIMIT: ReadLimit = ReadLimit { max_bytes: 1 << 20, max_wait: Duration::from_secs(1) };

    /// A log as Kafka's is: behind its records stands a mark that nobody reads, and who waits is not told of.
    struct Marked(Arc<MemoryLog>);

    #[async_trait]
    impl Overlay for Marked {
        fn below(&self) -> &MemoryLog {
            &self.0
        }

        async fn bounds(&self, at: TopicPartition) -> Result<Range<Offset>, LogError> {
            let bounds = self.0.bounds(at).await?;
            Ok(bounds.start..bounds.end + 1)
        }

        async fn read(&self, at: TopicPartition, from: Offset, limit: ReadLimit) -> Result<ReadBatch, LogError> {
            let end = self.0.bounds(at).await?.end;
            if limit.max_wait.is_zero() && from >= end {
                return Ok(ReadBatch { records: Vec::new(), next: end + 1 });
            }
            let batch = self.0.read(at, from.min(end), limit).await?;
            Ok(ReadBatch { next: batch.next.max(from), ..batch })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_is_read_though_no_record_lies_at_the_end() {
        let log = Marked(MemoryLog::new([(Topic::Operation, 1)]));
        log.0.writer(AT, "test").await.unwrap().append(vec![Record::default(); 3]).await.unwrap();
        let wanted = end(&log, AT).await.unwrap();
        assert_eq!(wanted, 4);
        let read = watch::Sender::new(0);
        let reading = follow(&log, AT, LIMIT, |_| Ok(()), |next| _ = read.send_replace(next));
        tokio::select! {
            why = reading => panic!("{why}"),
            there = reached(&read, |read| *read >= wanted, "not all is read") => there.unwrap(),
        }
    }
}
