//! Cases about appending: whole, in order, durable when acknowledged, bounded.

use std::sync::Arc;

use beidou_schemas::Record;
use tokio::task::JoinSet;

use super::{ALL, EVENTS, Subject, append, bounds, must, read_all, read_from, text, values, writer};
use crate::{LogError, MAX_BATCH_BYTES, MAX_RECORD_BYTES};

/// Batches of any content read back exactly, each at the offsets that its append returned. Driven by generated data.
pub async fn appends_read_back(subject: &dyn Subject, batches: Vec<Vec<Record>>) {
    let log = subject.open().await;
    let writer = writer(&log, EVENTS).await;
    let mut ranges = Vec::new();
    for batch in &batches {
        ranges.push(append(&writer, batch.clone()).await);
    }
    let read = read_all(&log, EVENTS).await;
    let records: Vec<&Record> = read.iter().map(|stored| &stored.record).collect();
    assert_eq!(records, batches.iter().flatten().collect::<Vec<_>>());
    for (batch, range) in batches.iter().zip(ranges) {
        let within: Vec<&Record> =
            read.iter().filter(|stored| range.contains(&stored.offset)).map(|stored| &stored.record).collect();
        assert_eq!(within, batch.iter().collect::<Vec<_>>(), "records at {range:?}");
    }
}

/// A batch without records is acknowledged and leaves no trace.
pub async fn an_empty_batch_changes_nothing(subject: &dyn Subject) {
    let log = subject.open().await;
    let writer = writer(&log, EVENTS).await;
    append(&writer, vec![text("k", "a")]).await;
    let before = bounds(&log, EVENTS).await;
    assert!(append(&writer, Vec::new()).await.is_empty());
    assert_eq!(bounds(&log, EVENTS).await, before);
}

/// Records of successive appends, and within one, keep their order.
pub async fn order_is_kept(subject: &dyn Subject) {
    let log = subject.open().await;
    let writer = writer(&log, EVENTS).await;
    let mut end = 0;
    for batch in 0..20 {
        let range = append(&writer, (0..7).map(|n| text("k", format!("{batch}.{n}"))).collect()).await;
        assert!(range.start >= end && !range.is_empty(), "{range:?} after {end}");
        end = range.end;
    }
    let expected: Vec<String> = (0..20).flat_map(|batch| (0..7).map(move |n| format!("{batch}.{n}"))).collect();
    assert_eq!(values(&read_all(&log, EVENTS).await), expected);
}

/// Many appends at once: each is readable the moment it is acknowledged, none is lost, torn or mixed with another.
pub async fn concurrent_appends_are_each_readable_when_acknowledged(subject: &dyn Subject) {
    const TASKS: usize = 16;
    const BATCHES: usize = 10;
    let log = subject.open().await;
    let writer = writer(&log, EVENTS).await;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (log, writer) = (Arc::clone(&log), Arc::clone(&writer));
        tasks.spawn(async move {
            for batch in 0..BATCHES {
                let name = format!("{task}.{batch}");
                let range = append(&writer, vec![text("a", name.clone()), text("b", name.clone())]).await;
                let read = must("read", log.read(EVENTS, range.start, ALL).await);
                assert_eq!(values(&read.records[..2]), [name.clone(), name], "acknowledged and not readable");
                assert!(range.contains(&read.records[1].offset), "a batch stands at its own offsets");
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        must("an appending task", done);
    }
    let mut found = values(&read_all(&log, EVENTS).await);
    assert!(found.chunks(2).all(|pair| pair[0] == pair[1]), "two batches were mixed");
    found.sort();
    found.dedup();
    assert_eq!(found.len(), TASKS * BATCHES);
}

/// A record and a batch beyond the limits are refused, and leave no trace; the largest record passes.
pub async fn too_large_is_refused(subject: &dyn Subject) {
    let log = subject.open().await;
    let writer = writer(&log, EVENTS).await;
    let before = bounds(&log, EVENTS).await;
    let sized = |bytes: usize| Record { value: vec![b'x'; bytes].into(), ..Record::default() };
    let record = writer.append(vec![text("k", "small"), sized(MAX_RECORD_BYTES + 1)]).await;
    assert!(matches!(record, Err(LogError::TooLarge { size, .. }) if size == MAX_RECORD_BYTES + 1), "{record:?}");
    let large = sized(MAX_RECORD_BYTES);
    let count = MAX_BATCH_BYTES / MAX_RECORD_BYTES + 1;
    let batch = writer.append(vec![large.clone(); count]).await;
    assert!(matches!(batch, Err(LogError::TooLarge { .. })), "{batch:?}");
    // 8 MiB of lengths each, and nothing else: no reader would take them together.
    let hollow = Record { headers: std::iter::repeat_n(("", ""), 1 << 20).collect(), ..Record::default() };
    let batch = writer.append(vec![hollow; 2 * MAX_BATCH_BYTES / (8 << 20)]).await;
    assert!(matches!(batch, Err(LogError::TooLarge { size, .. }) if size > 2 * MAX_BATCH_BYTES), "{batch:?}");
    assert_eq!(bounds(&log, EVENTS).await, before);
    let range = append(&writer, vec![large.clone()]).await;
    let read = read_from(&log, EVENTS, range.start, ALL).await;
    assert!(read.len() == 1 && read[0].record == large, "the largest record must read back");
}
