//! Where the partitions of Events end: one reading for all who want to know it at once, so that a log which does not answer
//! keeps one reading waiting, however many ask.
//!
//! ```text
//!  an answer ─► a young reading that began behind its proofs? ─► that one
//!            └► none is under way: it begins one, which goes on though nobody may wait for it any more
//!            └► one is under way: it waits for that, a moment
//! ```

use std::{sync::Arc, time::Duration};

use beidou_log::{Log, LogError};
use beidou_schemas::{Offset, Topic, TopicPartition};
use futures::future::join_all;
use tokio::{sync::Mutex, time::Instant};

/// A reading tells of the log as it was at most so long ago.
const OLDEST: Duration = Duration::from_secs(1);
/// A broker answers within milliseconds. Answers out of the tables wait no longer for one that does not.
const PATIENCE: Duration = Duration::from_secs(1);

/// What was last read.
pub(super) struct Ends {
    log: Arc<dyn Log>,
    /// Held by whoever reads, until the log has answered.
    last: Arc<Mutex<Option<Reading>>>,
}

struct Reading {
    begun: Instant,
    ends: Arc<[Offset]>,
}

impl Ends {
    pub(super) fn new(log: Arc<dyn Log>) -> Self {
        Self { log, last: Arc::default() }
    }

    /// By a reading that began at this moment or later; `None` where the log does not answer in time.
    pub(super) async fn since(&self, moment: Instant) -> Option<Arc<[Offset]>> {
        let found = async {
            let mut last = Arc::clone(&self.last).lock_owned().await;
            let is_good = |reading: &&Reading| reading.begun >= moment && reading.begun.elapsed() < OLDEST;
            if let Some(reading) = last.as_ref().filter(is_good) {
                return Some(reading.ends.clone());
            }
            let log = Arc::clone(&self.log);
            let reading = tokio::spawn(async move {
                let (begun, read) = (Instant::now(), read(&*log).await);
                let ends = read.inspect_err(|error| {
                    tracing::warn!(%error, "cannot read the log's ends, coverage answers are too modest meanwhile");
                });
                Some(last.insert(Reading { begun, ends: ends.ok()?.into() }).ends.clone())
            });
            reading.await.ok().flatten()
        };
        tokio::time::timeout(PATIENCE, found).await.ok().flatten()
    }
}

/// Asks the log; 0 for a partition that is empty and always was, so that nothing waits for it.
pub(super) async fn read(log: &dyn Log) -> Result<Vec<Offset>, LogError> {
    let bounds = (0..log.partitions(Topic::KubeEvent)).map(|p| log.bounds(TopicPartition::new(Topic::KubeEvent, p)));
    // All are waited for: what one that fails first would leave behind, the next reading would add to.
    let all = join_all(bounds).await.into_iter();
    all.map(|bounds| bounds.map(|b| if b.start == b.end { 0 } else { b.end })).collect()
}
