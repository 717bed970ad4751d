//! Slow readers, quiet logs and shared reads, in virtual time.

use std::sync::Mutex;

use async_trait::async_trait;
use beidou_log::{
    Log, ReadBatch, ReadLimit,
    memory::{MemoryLog, Overlay},
};
use beidou_schemas::Record;
use tokio::{sync::mpsc, time::Instant};

use super::*;
use crate::{
    app::locked,
    follow::{HEARTBEAT, PATIENCE, QUEUE, answer},
};

const PARTITIONS: u32 = 2;
const FIRST: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 0 };

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

/// A log that remembers what was read of the first partition: from where, and whether the reader would wait.
struct Noting {
    below: Arc<MemoryLog>,
    reads: Mutex<Vec<(Offset, bool)>>,
}

#[async_trait]
impl Overlay for Noting {
    fn below(&self) -> &MemoryLog {
        &self.below
    }

    async fn read(&self, at: TopicPartition, from: Offset, limit: ReadLimit) -> Result<ReadBatch, LogError> {
        if at == FIRST {
            locked(&self.reads).push((from, !limit.max_wait.is_zero()));
        }
        self.below.read(at, from, limit).await
    }
}

/// A role over such a log, whose offsets have holes.
struct Site {
    log: Arc<Noting>,
    app: Arc<App>,
}

impl Site {
    fn new() -> Self {
        let below = MemoryLog::with_holes([(Topic::KubeEvent, PARTITIONS), (Topic::Ledger, PARTITIONS + 2)]);
        let log = Arc::new(Noting { below, reads: Mutex::default() });
        Self { app: App::for_tests(log.clone()), log }
    }

    /// A tail at work, from here on or from the begin of the log.
    async fn tail(&self, from_begin: bool) -> mpsc::Receiver<Event> {
        let app = self.app.clone();
        let position = if from_begin { vec![0; PARTITIONS as usize] } else { end(&app).await.unwrap() };
        let (follower, mut messages) = Follower::new(&app).unwrap();
        let filter = EventFilter::default();
        tokio::spawn(run(Tail { app, filter, line: None, clusters: None, position, follower }));
        drop(messages.recv().await.expect("a sign of life"));
        messages
    }

    /// Appends records of so many bytes, one by one.
    async fn append(&self, count: usize, bytes: usize) {
        let writer = self.log.below.writer(FIRST, "test").await.unwrap();
        for _ in 0..count {
            writer.append(vec![Record { value: vec![b'x'; bytes].into(), ..Record::default() }]).await.unwrap();
        }
    }

    /// What the log holds.
    async fn offsets(&self) -> Vec<Offset> {
        let all = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO };
        let batch = self.log.below.read(FIRST, 0, all).await.unwrap();
        batch.records.iter().map(|stored| stored.offset).collect()
    }

    /// Reads that waited at an end, and reads of tails behind it.
    fn reads(&self) -> (Vec<Offset>, Vec<Offset>) {
        let reads = locked(&self.log.reads).clone();
        let from = |waiting| reads.iter().filter(|(_, waits)| *waits == waiting).map(|(from, _)| *from).collect();
        (from(true), from(false))
    }
}

fn is_each_once(mut reads: Vec<Offset>) -> bool {
    let count = reads.len();
    reads.sort_unstable();
    reads.dedup();
    reads.len() == count
}

/// The next so many offsets that a tail tells.
async fn told(messages: &mut mpsc::Receiver<Event>, count: usize) -> Vec<Offset> {
    let mut told = Vec::new();
    while told.len() < count {
        let (queue, one) = mpsc::channel(1);
        queue.send(messages.recv().await.expect("the tail goes on")).await.unwrap();
        drop(queue);
        let text = text(one).await;
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        told.extend(data.map(|data| {
            serde_json::from_str::<serde_json::Value>(data).unwrap()["offset"].as_u64().expect("a reject")
        }));
    }
    told
}

#[tokio::test(start_paused = true)]
async fn tails_at_the_end_share_one_read_of_each_partition() {
    let site = Site::new();
    let mut tails = Vec::new();
    for _ in 0..8 {
        tails.push(site.tail(false).await);
    }
    for round in 1..=5 {
        site.append(4, 100).await;
        let expected = site.offsets().await.split_off(4 * (round - 1));
        for messages in &mut tails {
            assert_eq!(told(messages, 4).await, expected);
        }
    }
    let (waiting, behind) = site.reads();
    assert!(behind.is_empty() && is_each_once(waiting), "no two tails read the same");
}

#[tokio::test(start_paused = true)]
async fn a_slow_tail_loses_nothing_and_holds_nobody() {
    let site = Site::new();
    let (mut fast, mut slow) = (site.tail(false).await, site.tail(false).await);
    // The queue of the slow one is full long before; what it has not read then is more than what is kept.
    let rounds = 2 * QUEUE / 4;
    let mut seen = Vec::new();
    for _ in 0..rounds {
        site.append(4, reads::KEPT / 16).await;
        seen.extend(told(&mut fast, 4).await);
    }
    let expected = site.offsets().await;
    assert_eq!(seen, expected);
    assert_eq!(told(&mut slow, expected.len()).await, expected);
    site.append(4, 100).await;
    let rest = site.offsets().await.split_off(expected.len());
    assert_eq!((told(&mut slow, 4).await, told(&mut fast, 4).await), (rest.clone(), rest));
    let (waiting, behind) = site.reads();
    assert!(!behind.is_empty(), "it read by itself what was not kept any more");
    assert!(is_each_once(waiting), "and shared the rest");
}

#[tokio::test(start_paused = true)]
async fn a_tail_from_an_old_position_meets_the_others() {
    let site = Site::new();
    site.append(2 * QUEUE, reads::KEPT / 16).await;
    let mut newest = site.tail(false).await;
    let mut oldest = site.tail(true).await;
    let mut seen = Vec::new();
    // First it stands still at its full queue, while more is appended.
    for _ in 0..QUEUE {
        site.append(3, 100).await;
        assert_eq!(told(&mut newest, 3).await, site.offsets().await.split_off(2 * QUEUE + seen.len()));
        seen.extend(told(&mut oldest, 3).await);
    }
    let all = site.offsets().await;
    seen.extend(told(&mut oldest, all.len() - seen.len()).await);
    assert_eq!(seen, all);
    site.append(1, 100).await;
    let last = site.offsets().await.split_off(all.len());
    assert_eq!((told(&mut oldest, 1).await, told(&mut newest, 1).await), (last.clone(), last));
    let (waiting, behind) = site.reads();
    assert_eq!(behind.first(), Some(&0), "what lies before the end is read beside it");
    assert!(is_each_once(waiting), "and from there on once for both");
}

#[tokio::test(start_paused = true)]
async fn a_tail_at_the_end_does_not_wait_for_one_that_reads_old_records() {
    let site = Site::new();
    site.append(2 * QUEUE, reads::KEPT / 16).await;
    // Alone, it reads on from its place, until its reader takes no more.
    let mut oldest = site.tail(true).await;
    let mut seen = told(&mut oldest, 1).await;
    let mut newest = site.tail(false).await;
    site.append(3, 100).await;
    let all = site.offsets().await;
    assert_eq!(told(&mut newest, 3).await, all[2 * QUEUE..]);
    seen.extend(told(&mut oldest, all.len() - 1).await);
    assert_eq!(seen, all);
}
