//! Slow readers and quiet logs, in virtual time.

use beidou_log::{Log, memory::MemoryLog};
use beidou_schemas::Record;
use tokio::{sync::mpsc, time::Instant};

use super::*;
use crate::follow::{HEARTBEAT, PATIENCE, QUEUE, answer};

const PARTITIONS: u32 = 2;

fn log() -> Arc<MemoryLog> {
    MemoryLog::new([(Topic::KubeEvent, PARTITIONS), (Topic::Ledger, PARTITIONS + 2)])
}

async fn tail(log: &Arc<MemoryLog>) -> (Tail, mpsc::Receiver<Event>) {
    let app = App::for_tests(log.clone());
    let position = end(&app).await.unwrap();
    let (follower, messages) = Follower::new(&app).unwrap();
    (Tail { app, filter: EventFilter::default(), line: None, clusters: None, position, follower }, messages)
}

/// Records that cannot be decoded: each is told, and they are quickly made.
async fn append(log: &Arc<MemoryLog>, count: usize) {
    let writer = log.writer(TopicPartition::new(Topic::KubeEvent, 0), "test").await.unwrap();
    writer.append(vec![Record::default(); count]).await.unwrap();
}

async fn text(messages: mpsc::Receiver<Event>) -> String {
    let body = answer(messages).into_body();
    String::from_utf8(axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_let_go_and_can_resume() {
    let log = log();
    let (tail, messages) = tail(&log).await;
    let app = tail.app.clone();
    append(&log, 3 * QUEUE).await;
    let mut fresh = tail;
    fresh.position = vec![0; PARTITIONS as usize];
    let begun = Instant::now();
    run(fresh).await;
    assert!(begun.elapsed() >= PATIENCE);
    assert_eq!((app.metrics.tails_too_slow.get(), app.metrics.tails.get()), (1, 0));
    let sent = text(messages).await;
    let last = sent.rsplit("id: ").next().and_then(|rest| rest.lines().next()).unwrap();
    let position = position(&app, "after", last).unwrap();
    // One of the queue's places went to the first sign of life.
    assert_eq!(position, [QUEUE as u64 - 1, 0], "the last message in the queue says where to go on");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_tail_gives_signs_of_life() {
    let log = log();
    let (tail, mut messages) = tail(&log).await;
    let stop = tail.app.stop.clone();
    let running = tokio::spawn(run(tail));
    let begun = Instant::now();
    for _ in 0..4 {
        assert!(messages.recv().await.is_some());
    }
    assert_eq!(begun.elapsed(), 3 * HEARTBEAT);
    stop.cancel();
    running.await.unwrap();
    assert!(messages.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_tail_ends_with_its_reader() {
    let log = log();
    let (tail, messages) = tail(&log).await;
    let app = tail.app.clone();
    let running = tokio::spawn(run(tail));
    drop(messages);
    running.await.unwrap();
    assert_eq!(app.metrics.tails.get(), 0);
    assert_eq!(app.tail_places.available_permits(), crate::QueryApiConfig::default().max_tails as usize);
}
