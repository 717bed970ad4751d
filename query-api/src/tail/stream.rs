//! One tail at work: a read under way on every partition, messages in the order in which the reads return.

use std::sync::Arc;

use beidou_log::{Log, LogError, ReadBatch, ReadLimit};
use beidou_schemas::{Offset, Topic, TopicPartition};
use futures::{StreamExt, stream::FuturesUnordered};
use tokio::time::{Duration, Instant, interval_at, sleep};

use super::{Tail, TailGap, TailReject};
use crate::{
    answer::event::EventItem,
    follow::{Ended, HEARTBEAT},
};

/// One read of one partition: with eight partitions 2 MB for each tail.
const READ: ReadLimit = ReadLimit { max_bytes: 256 << 10, max_wait: Duration::from_secs(10) };
/// Between two tries at a log that cannot be read now.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Serves the tail until its caller goes, is too slow, or the process ends.
pub(crate) async fn run(mut tail: Tail) {
    let over = tail.follower.over();
    tail.app.metrics.tails.inc();
    tokio::select! {
        () = over => {}
        Err(_) = serve(&mut tail) => {}
    }
    tail.app.metrics.tails.dec();
}

type Answer = (u32, Result<ReadBatch, LogError>);

async fn read(log: Arc<dyn Log>, partition: u32, from: Offset, pause: Duration) -> Answer {
    sleep(pause).await;
    (partition, log.read(TopicPartition::new(Topic::KubeEvent, partition), from, READ).await)
}

async fn serve(tail: &mut Tail) -> Result<std::convert::Infallible, Ended> {
    let log = tail.app.log.clone();
    let reads = tail.position.iter().zip(0..).map(|(&from, p)| read(log.clone(), p, from, Duration::ZERO));
    let mut reads: FuturesUnordered<_> = reads.collect();
    let mut beats = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    tail.heartbeat().await?;
    loop {
        tokio::select! {
            _ = beats.tick() => tail.heartbeat().await?,
            Some((partition, answer)) = reads.next() => {
                let pause = take(tail, partition, answer).await?;
                reads.push(read(log.clone(), partition, tail.position[partition as usize], pause));
            }
        }
    }
}

/// Sends what a read brought; how long to wait before the next one.
async fn take(tail: &mut Tail, partition: u32, answer: Result<ReadBatch, LogError>) -> Result<Duration, Ended> {
    let at = partition as usize;
    match answer {
        Ok(batch) => {
            for stored in &batch.records {
                tail.position[at] = stored.offset + 1;
                match EventItem::of_record(stored) {
                    Ok(item) if tail.passes(&item) => tail.item(&item).await?,
                    Ok(_) => {}
                    Err(detail) => tail.reject(&TailReject { partition, offset: stored.offset, detail }).await?,
                }
            }
            tail.position[at] = batch.next;
            Ok(Duration::ZERO)
        }
        Err(LogError::Removed { from, first, .. }) => {
            tail.position[at] = first;
            tail.gap(&TailGap { partition, from, to: first, reason: "retention" }).await?;
            Ok(Duration::ZERO)
        }
        Err(error) if error.is_retryable() => {
            tracing::warn!(partition, error = %error, "a live tail cannot read the log, it tries again");
            Ok(RETRY_EVERY)
        }
        Err(error) => {
            tracing::error!(partition, error = %error, "a live tail cannot go on");
            Err(Ended::Log)
        }
    }
}
