//! Cases about reading: from anywhere, bounded, waiting, apart by partition.

use std::{
    future::{Future, poll_fn},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use beidou_schemas::{Offset, Topic, TopicPartition};

use super::{
    ALL, EVENTS, LEDGER, PARTITIONS, PATIENCE, Subject, append, bounds, check_batch, must, read_all, read_from, text,
    values, writer,
};
use crate::{Log, LogError, ReadLimit, StoredRecord};

/// A partition to which nothing was appended has no records and empty bounds, and can be read.
pub async fn a_new_partition_is_empty(subject: &dyn Subject) {
    let log = subject.open().await;
    let found = bounds(&log, EVENTS).await;
    assert!(found.is_empty(), "{found:?}");
    let batch = must("read", log.read(EVENTS, 0, ALL).await);
    check_batch(&batch, 0);
    assert!(batch.records.is_empty());
    assert_eq!(log.partitions(Topic::KubeEvent), PARTITIONS);
}

/// Each topic and partition has its own records.
pub async fn partitions_are_apart(subject: &dyn Subject) {
    let log = subject.open().await;
    let second = TopicPartition::new(Topic::KubeEvent, 1);
    for at in [EVENTS, second, LEDGER] {
        append(&writer(&log, at).await, vec![text("k", at.to_string())]).await;
    }
    for at in [EVENTS, second, LEDGER] {
        assert_eq!(values(&read_all(&log, at).await), [at.to_string()]);
    }
}

/// Whatever the start, exactly the records from there on are read.
pub async fn a_read_from_the_middle(subject: &dyn Subject) {
    let log = subject.open().await;
    let writer = writer(&log, EVENTS).await;
    for batch in 0..4 {
        append(&writer, (0..5).map(|n| text("k", format!("{batch}.{n}"))).collect()).await;
    }
    let all = read_all(&log, EVENTS).await;
    assert_eq!(all.len(), 20);
    // With records there, the longest of waits is none.
    let patient = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::MAX };
    assert_eq!(must("read", log.read(EVENTS, all[0].offset, patient).await).records, all);
    let found = bounds(&log, EVENTS).await;
    // Also against a second handle, which knows nothing yet, and backwards.
    let other = if subject.keeps() { subject.open().await } else { Arc::clone(&log) };
    for from in found.rev() {
        let expected: Vec<_> = all.iter().filter(|stored| stored.offset >= from).cloned().collect();
        assert_eq!(read_from(&other, EVENTS, from, ALL).await, expected, "from {from}");
    }
}

/// Reads with a small limit bring at least something each, and everything in the end.
pub async fn a_limit_bounds_a_read(subject: &dyn Subject) {
    let log = subject.open().await;
    let writer = writer(&log, EVENTS).await;
    for batch in 0..10 {
        append(&writer, vec![text("k", format!("{batch}").repeat(1000))]).await;
    }
    let all = read_all(&log, EVENTS).await;
    let first = bounds(&log, EVENTS).await.start;
    let limit = ReadLimit { max_bytes: 2500, max_wait: Duration::ZERO };
    let one = must("read", log.read(EVENTS, first, limit).await);
    assert!((1..=3).contains(&one.records.len()), "{} records for 2500 bytes", one.records.len());
    for max_bytes in [0, 1, 2500] {
        let limit = ReadLimit { max_bytes, max_wait: Duration::ZERO };
        assert_eq!(read_from(&log, EVENTS, first, limit).await, all, "by {max_bytes} bytes");
    }
}

/// At the end and beyond, a read that may not wait returns empty, and says where to go on. Beyond the end it may also say
/// that the end was lost.
pub async fn a_read_at_the_end_returns_empty(subject: &dyn Subject) {
    let log = subject.open().await;
    append(&writer(&log, EVENTS).await, vec![text("k", "a")]).await;
    let end = bounds(&log, EVENTS).await.end;
    for from in [end, end + 10] {
        match log.read(EVENTS, from, ALL).await {
            Err(LogError::Lost { from: told, end: at_end, .. }) if from > end => {
                assert_eq!((told, at_end), (from, end))
            }
            answer => {
                let batch = must("read", answer);
                assert!(batch.records.is_empty());
                assert_eq!(batch.next, from);
            }
        }
    }
}

/// A read that waits at the end returns when something is appended: in the same handle, and in another one.
pub async fn a_waiting_read_is_woken(subject: &dyn Subject) {
    let log = subject.open().await;
    let writer = writer(&log, EVENTS).await;
    append(&writer, vec![text("k", "first")]).await;
    let end = bounds(&log, EVENTS).await.end;
    let mut handles = vec![Arc::clone(&log)];
    if subject.keeps() {
        handles.push(subject.open().await);
    }
    let mut reads: Vec<_> = handles.iter().map(|log| Box::pin(read_patiently(log, end))).collect();
    for read in &mut reads {
        let pending = poll_fn(|context| Poll::Ready(read.as_mut().poll(context).is_pending())).await;
        assert!(pending, "a read at the end must wait");
    }
    append(&writer, vec![text("k", "second")]).await;
    for read in reads {
        assert_eq!(read.await, ["second"]);
    }
}

async fn read_patiently(log: &Arc<dyn Log>, from: Offset) -> Vec<String> {
    let limit = ReadLimit { max_bytes: usize::MAX, max_wait: PATIENCE };
    let batch = must("read", log.read(EVENTS, from, limit).await);
    check_batch(&batch, from);
    assert!(!batch.records.is_empty(), "the read was not woken within {PATIENCE:?}");
    values(&batch.records)
}

/// Whoever waits comes to the end from wherever it began, past what several writers left there that is no record, and is
/// brought the next record, once.
pub async fn a_waiting_reader_comes_to_the_end(subject: &dyn Subject) {
    let log = subject.open().await;
    for epoch in 0..3 {
        let writer = writer(&log, LEDGER).await;
        for batch in 0..2 {
            append(&writer, vec![text("k", format!("{epoch}.{batch}"))]).await;
        }
    }
    let (all, there) = (read_all(&log, LEDGER).await, bounds(&log, LEDGER).await);
    assert_eq!(all.len(), 6);
    let mut readers = Vec::new();
    for from in there.start..=there.end {
        let (records, next) = wait_up_to(&log, from, there.end).await;
        let expected: Vec<_> = all.iter().filter(|stored| stored.offset >= from).cloned().collect();
        assert_eq!(records, expected, "from {from}");
        readers.push(next);
    }
    append(&writer(&log, LEDGER).await, vec![text("k", "next")]).await;
    let end = bounds(&log, LEDGER).await.end;
    for next in readers {
        let (records, _) = wait_up_to(&log, next, end).await;
        assert_eq!(values(&records), ["next"], "from {next}");
    }
}

/// By reads of which none may end because it has waited long enough.
async fn wait_up_to(log: &Arc<dyn Log>, from: Offset, end: Offset) -> (Vec<StoredRecord>, Offset) {
    let patient = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::MAX };
    let (mut next, mut found) = (from, Vec::new());
    while next < end {
        let read = tokio::time::timeout(PATIENCE, log.read(LEDGER, next, patient)).await;
        let batch = must("read", must("wait", read));
        check_batch(&batch, next);
        assert!(batch.next > next, "a read that waits at {next} ended without going on");
        next = batch.next;
        found.extend(batch.records);
    }
    (found, next)
}

/// A partition that does not exist is named as such by every call.
pub async fn no_such_partition(subject: &dyn Subject) {
    let log = subject.open().await;
    let at = TopicPartition::new(Topic::KubeEvent, PARTITIONS);
    let answers = [
        log.writer(at, "contract").await.err(),
        log.read(at, 0, ALL).await.err(),
        log.bounds(at).await.err(),
        log.release(at, "contract", 0).await.err(),
    ];
    for answer in answers {
        let right = matches!(answer, Some(LogError::NoPartition { partitions: PARTITIONS, .. }));
        assert!(right, "{answer:?}");
    }
}
