//! A log is copied while it is written: the copy opens, holds a prefix of each partition, and no fact runs ahead.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use beidou_log::{
    Log, ReadLimit, Writer,
    file::{FileLog, FileOptions, LogCopy, Retention},
};
use beidou_schemas::{Record, Topic, TopicPartition};

const EVENTS: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 0 };
const LEDGER: TopicPartition = TopicPartition { topic: Topic::Ledger, partition: 0 };

fn options(dir: &Path) -> FileOptions {
    // Small segments and a small cap, so that segments are closed and removed while the copy is made.
    let retention = Retention { max_bytes: 40_000, ..Retention::default() };
    let options = FileOptions::new(dir, [(Topic::KubeEvent, 1), (Topic::Ledger, 1)]);
    FileOptions { retention, segment_bytes: 4_000, ..options }
}

/// A value that does not compress, and tells its number first.
fn record(number: u64) -> Record {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut value = number.to_string() + " ";
    for _ in 0..40 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        value += &format!("{state:016x}");
    }
    Record { value: value.into(), ..Record::default() }
}

async fn numbers(log: &Arc<FileLog>, at: TopicPartition) -> Vec<u64> {
    let limit = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO };
    let (bounds, mut found) = (log.bounds(at).await.unwrap(), Vec::new());
    let mut next = bounds.start;
    while next < bounds.end {
        let batch = log.read(at, next, limit).await.unwrap();
        for stored in &batch.records {
            let text = String::from_utf8(stored.record.value.to_vec()).unwrap();
            let number = text.split(' ').next().unwrap().parse().unwrap();
            assert_eq!(stored.record, record(number), "whole");
            found.push(number);
        }
        next = batch.next;
    }
    found
}

/// Writes an Event, then the fact that speaks of it, and so on.
async fn write(events: Arc<dyn Writer>, ledger: Arc<dyn Writer>, stop: Arc<AtomicBool>) -> u64 {
    let mut number = 0;
    while !stop.load(Ordering::SeqCst) {
        events.append(vec![record(number)]).await.unwrap();
        ledger.append(vec![record(number)]).await.unwrap();
        number += 1;
    }
    number
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_what_a_crash_could_have_left() {
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("log");
    let log = FileLog::open(options(&from)).unwrap();
    let (events, ledger) = (log.writer(EVENTS, "a").await.unwrap(), log.writer(LEDGER, "a").await.unwrap());
    log.release(EVENTS, "projector", u64::MAX).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn(write(events, ledger, stop.clone()));
    let mut removed = 0;
    for round in 0..20 {
        let to = dir.path().join(format!("copy-{round}"));
        let (source, target) = (from.clone(), to.clone());
        tokio::task::spawn_blocking(move || {
            let copy = LogCopy::begin(&source, &target).unwrap();
            assert_eq!(copy.topics().collect::<Vec<_>>(), [Topic::KubeEvent, Topic::Ledger]);
            [Topic::Ledger, Topic::KubeEvent].into_iter().for_each(|topic| copy.topic(topic).unwrap());
        })
        .await
        .unwrap();
        let copy = FileLog::open(options(&to)).unwrap();
        let (said, there) = (numbers(&copy, LEDGER).await, numbers(&copy, EVENTS).await);
        assert!(there.windows(2).all(|pair| pair[1] == pair[0] + 1), "no hole: {there:?}");
        assert!(said.last() <= there.last(), "the ledger speaks of {:?}, and {:?} is there", said.last(), there.last());
        removed += usize::from(there.first() > Some(&0));
        // It goes on as a log does after a crash.
        let writer = copy.writer(EVENTS, "b").await.unwrap();
        let next = there.last().map_or(0, |last| last + 1);
        writer.append(vec![record(next)]).await.unwrap();
        assert_eq!(numbers(&copy, EVENTS).await.last(), Some(&next));
    }
    stop.store(true, Ordering::SeqCst);
    assert!(writing.await.unwrap() > 100 && removed > 0, "segments went meanwhile: {removed}");
}
