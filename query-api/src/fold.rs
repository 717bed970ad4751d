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
            Err(LogError::Removed { first, .. }) if first > next => next = first,
            Err(error) => {
                tracing::warn!(%at, error = %error, "cannot follow the log, answers lag meanwhile");
                tokio::time::sleep(RETRY_EVERY).await;
            }
        }
    }
}
