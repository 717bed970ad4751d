//! Cases about what is kept: over a reopening, and under retention.

use std::sync::Arc;

use beidou_schemas::{Offset, TopicPartition};

use super::{
    ALL, EVENTS, LEDGER, Subject, Unreleased, append, bounds, is_removed, must, read_all, read_from, text, values,
    writer,
};
use crate::{Log, Writer};

/// Batches that [`fill`] appends.
const BATCHES: usize = 40;

/// Fills a partition with batches that do not compress well, so that small segments are closed; returns their starts.
async fn fill(writer: &Arc<dyn Writer>) -> Vec<Offset> {
    let mut starts = Vec::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..BATCHES {
        let mut value = String::new();
        for _ in 0..64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            value.push_str(&format!("{:08x}", state >> 32));
        }
        starts.push(append(writer, vec![text("k", value)]).await.start);
    }
    starts
}

/// What was acknowledged is there when the log is opened again, and appends go on behind it.
pub async fn reopening_keeps_all(subject: &dyn Subject) {
    if !subject.keeps() {
        return;
    }
    let mut expected = Vec::new();
    for round in 0..4 {
        let log = subject.open().await;
        assert_eq!(values(&read_all(&log, EVENTS).await), expected, "before round {round}");
        let writer = writer(&log, EVENTS).await;
        for n in 0..3 {
            expected.push(format!("{round}.{n}"));
            append(&writer, vec![text("k", format!("{round}.{n}"))]).await;
        }
        assert_eq!(values(&read_all(&log, EVENTS).await), expected, "in round {round}");
    }
}

/// Retention removes old batches, never past the slowest registered consumer, and goes on once that has moved. Where it
/// cannot wait for consumers, they are told what they lost.
pub async fn releases_guide_retention(subject: &dyn Subject) {
    match subject.unreleased() {
        Unreleased::Held => unreleased_records_are_held(subject).await,
        Unreleased::Goes => unreleased_records_are_missed(subject).await,
    }
}

async fn unreleased_records_are_missed(subject: &dyn Subject) {
    let log = subject.open().await;
    let writer = writer(&log, EVENTS).await;
    let first = bounds(&log, EVENTS).await.start;
    release(&log, EVENTS, "slow", first).await;
    fill(&writer).await;
    subject.remove_all_allowed(EVENTS).await;
    let now_first = bounds(&log, EVENTS).await.start;
    assert!(now_first > first, "retention does not wait for consumers here");
    assert!(is_removed(log.read(EVENTS, first, ALL).await, now_first), "a consumer that was overtaken is told");
    release(&log, EVENTS, "slow", now_first).await;
}

async fn unreleased_records_are_held(subject: &dyn Subject) {
    let log = subject.open().await;
    let writer = writer(&log, EVENTS).await;
    let first = bounds(&log, EVENTS).await.start;
    release(&log, EVENTS, "slow", first).await;
    release(&log, EVENTS, "fast", first).await;
    let starts = fill(&writer).await;
    let all = read_all(&log, EVENTS).await;
    release(&log, EVENTS, "fast", starts[BATCHES - 1]).await;

    subject.remove_all_allowed(EVENTS).await;
    assert_eq!(read_from(&log, EVENTS, first, ALL).await, all, "the slow consumer needs all of it");

    let middle = starts[BATCHES / 2];
    release(&log, EVENTS, "slow", middle).await;
    subject.remove_all_allowed(EVENTS).await;
    let now_first = bounds(&log, EVENTS).await.start;
    assert!(now_first > first, "what both have released should be removed");
    assert!(now_first <= middle, "removed up to {now_first}, past the slowest consumer at {middle}");

    // A release never goes back.
    release(&log, EVENTS, "slow", starts[BATCHES - 1]).await;
    release(&log, EVENTS, "slow", first).await;
    subject.remove_all_allowed(EVENTS).await;
    assert!(bounds(&log, EVENTS).await.start > middle);
    let last: Vec<_> = all.iter().filter(|stored| stored.offset >= starts[BATCHES - 1]).cloned().collect();
    assert_eq!(read_from(&log, EVENTS, starts[BATCHES - 1], ALL).await, last);
}

/// A reader behind retention is told so, with the first record that is left. It is never skipped on in silence.
pub async fn removed_records_are_reported(subject: &dyn Subject) {
    let log = subject.open().await;
    let writer = writer(&log, EVENTS).await;
    let starts = fill(&writer).await;
    let all = read_all(&log, EVENTS).await;
    subject.remove_all_allowed(EVENTS).await;
    let found = bounds(&log, EVENTS).await;
    assert!(found.start > starts[0], "without consumers retention removes what it may");
    for from in [starts[0], found.start - 1] {
        let answer = log.read(EVENTS, from, ALL).await;
        assert!(is_removed(answer, found.start), "a read from {from} when {found:?} are left");
    }
    let left: Vec<_> = all.into_iter().filter(|stored| stored.offset >= found.start).collect();
    assert_eq!(read_from(&log, EVENTS, found.start, ALL).await, left);
}

/// The memory of the control plane does not go by age, also not what a consumer has released.
pub async fn topics_that_do_not_expire_keep_all(subject: &dyn Subject) {
    let log = subject.open().await;
    let writer = writer(&log, LEDGER).await;
    fill(&writer).await;
    let all = read_all(&log, LEDGER).await;
    release(&log, LEDGER, "reader", Offset::MAX).await;
    subject.remove_all_allowed(LEDGER).await;
    assert_eq!(read_all(&log, LEDGER).await, all);
}

async fn release(log: &Arc<dyn Log>, at: TopicPartition, consumer: &str, upto: Offset) {
    must("release", log.release(at, consumer, upto).await);
}
