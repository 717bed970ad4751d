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

/// Where the partition ends now. Nobody waits longer for that than for what is read back.
pub(crate) async fn end(log: &dyn Log, at: TopicPartition) -> Result<Offset, Problem> {
    match tokio::time::timeout(READ_BACK_LIMIT, log.bounds(at)).await {
        Ok(bounds) => Ok(bounds?.end),
        Err(_late) => Err(Problem::new(Kind::LogAway, "the log does not answer")),
    }
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

/// Reads on, and tells how far, until `take` has something against a record: that is why it ended.
pub(crate) async fn follow(
    log: &dyn Log,
    at: TopicPartition,
    limit: ReadLimit,
    take: impl Fn(&StoredRecord) -> Result<(), String>,
    read: impl Fn(Offset),
) -> String {
    let mut next = 0;
    loop {
        match log.read(at, next, limit).await {
            Ok(batch) => {
                if let Err(why) = batch.records.iter().try_for_each(&take) {
                    tracing::error!(%at, why, "a partition is not read any more");
                    return why;
                }
                next = batch.next;
                read(next);
            }
            // The size of some topics is bounded: what is gone is old.
            Err(LogError::Removed { first, .. }) if first > next => {
                next = first;
                read(next);
            }
            Err(error) => {
                tracing::warn!(%at, error = %error, "cannot follow the log, answers lag meanwhile");
                tokio::time::sleep(RETRY_EVERY).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use beidou_log::memory::{Away, MemoryLog};
    use beidou_schemas::{Record, Topic};

    use super::*;

    const AT: TopicPartition = TopicPartition { topic: Topic::Operation, partition: 0 };
    /// A read that waits so long waits in vain: nothing comes any more.
    const LIMIT: ReadLimit = ReadLimit { max_bytes: 1 << 20, max_wait: Duration::MAX };

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_for_a_log_that_is_away() {
        let log = Away::new(MemoryLog::new([(Topic::Operation, 1)]));
        assert_eq!(end(&*log, AT).await.unwrap(), 0);
        log.set(true);
        assert_eq!(end(&*log, AT).await.unwrap_err().kind, Kind::LogAway);
    }

    async fn is_read_to_the_end(log: &MemoryLog) {
        let wanted = log.bounds(AT).await.unwrap().end;
        let read = watch::Sender::new(0);
        let reading = follow(log, AT, LIMIT, |_| Ok(()), |next| _ = read.send_replace(next));
        tokio::select! {
            why = reading => panic!("{why}"),
            there = reached(&read, |read| *read >= wanted, "not all is read") => there.unwrap(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_is_read_though_no_record_lies_at_the_end() {
        let log = MemoryLog::with_holes([(Topic::Operation, 1)]);
        is_read_to_the_end(&log).await;
        let writer = log.writer(AT, "test").await.unwrap();
        writer.append(vec![Record::default(); 3]).await.unwrap();
        is_read_to_the_end(&log).await;
        log.lose_below(AT, Offset::MAX).unwrap();
        is_read_to_the_end(&log).await;
    }
}
