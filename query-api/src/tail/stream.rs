//! One tail at work: it waits for a read of every partition, messages in the order in which the reads return.

use std::sync::Arc;

use beidou_log::LogError;
use beidou_schemas::Offset;
use futures::{StreamExt, stream::FuturesUnordered};
use tokio::time::{Duration, Instant, interval_at, sleep};

use super::{Tail, TailGap, TailReject, reads::Brought};
use crate::{
    answer::event::EventItem,
    app::App,
    follow::{Ended, HEARTBEAT},
};

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

async fn read(app: Arc<App>, partition: u32, from: Offset, pause: Duration) -> (u32, Brought) {
    if !pause.is_zero() {
        sleep(pause).await;
    }
    (partition, app.tail_reads.read(partition, from).await)
}

async fn serve(tail: &mut Tail) -> Result<std::convert::Infallible, Ended> {
    let app = tail.app.clone();
    let reads = tail.position.iter().zip(0..).map(|(&from, p)| read(app.clone(), p, from, Duration::ZERO));
    let mut reads: FuturesUnordered<_> = reads.collect();
    let mut beats = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    tail.heartbeat().await?;
    loop {
        tokio::select! {
            _ = beats.tick() => tail.heartbeat().await?,
            Some((partition, answer)) = reads.next() => {
                let pause = take(tail, partition, answer).await?;
                reads.push(read(app.clone(), partition, tail.position[partition as usize], pause));
            }
        }
    }
}

/// Sends what a read brought; how long to wait before the next one.
async fn take(tail: &mut Tail, partition: u32, brought: Brought) -> Result<Duration, Ended> {
    let at = partition as usize;
    let error = match brought {
        Ok(batch) => {
            let seen = batch.records.partition_point(|stored| stored.offset < tail.position[at]);
            for stored in &batch.records[seen..] {
                tail.position[at] = stored.offset + 1;
                match EventItem::of_record(stored) {
                    Ok(item) if tail.passes(&item) => tail.item(&item).await?,
                    Ok(_) => {}
                    Err(detail) => tail.reject(&TailReject { partition, offset: stored.offset, detail }).await?,
                }
            }
            tail.position[at] = batch.next;
            return Ok(Duration::ZERO);
        }
        Err(error) => error,
    };
    match &*error {
        &LogError::Removed { from, first, .. } => {
            tail.position[at] = first;
            tail.gap(&TailGap { partition, from, to: first, reason: "retention" }).await?;
            Ok(Duration::ZERO)
        }
        error if error.is_retryable() => {
            tracing::warn!(partition, error = %error, "a live tail cannot read the log, it tries again");
            Ok(RETRY_EVERY)
        }
        error => {
            tracing::error!(partition, error = %error, "a live tail cannot go on");
            Err(Ended::Log)
        }
    }
}
