//! What the file log keeps and gives back: by size in every topic, by age in those that expire.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::support::{noise, text};
use beidou_log::{
    Log, LogError, ReadLimit,
    file::{FileLog, FileOptions, Retention},
};
use beidou_schemas::{Offset, Topic, TopicPartition};

const EVENTS: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 0 };
const COVERAGE: TopicPartition = TopicPartition { topic: Topic::KubeCoverage, partition: 0 };
const LEDGER: TopicPartition = TopicPartition { topic: Topic::Ledger, partition: 0 };
const TOPICS: [(Topic, u32); 3] = [(Topic::KubeEvent, 1), (Topic::KubeCoverage, 1), (Topic::Ledger, 2)];
const ALL: ReadLimit = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO };

/// Small segments, and a cap for four of them in each topic.
fn capped(dir: &Path) -> Arc<FileLog> {
    let retention = Retention { max_age: Duration::from_secs(3600), max_bytes: 16 * 1024, fact_bytes: 16 * 1024 };
    let options = FileOptions { segment_bytes: 4096, retention, ..FileOptions::new(dir, TOPICS) };
    FileLog::open(options).unwrap()
}

fn disk_bytes(dir: &Path, at: TopicPartition) -> u64 {
    let partition = dir.join(at.topic.name()).join(at.partition.to_string());
    fs::read_dir(partition).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum()
}

#[tokio::test]
async fn the_cap_gives_space_back_and_never_drops_what_is_needed() {
    let dir = tempfile::tempdir().unwrap();
    let log = capped(dir.path());
    let writer = log.writer(EVENTS, "test").await.unwrap();
    for n in 0..100 {
        writer.append(vec![noise(n, 64)]).await.unwrap();
    }
    assert!(disk_bytes(dir.path(), EVENTS) < 20 * 1024, "{} bytes", disk_bytes(dir.path(), EVENTS));
    let bounds = log.bounds(EVENTS).await.unwrap();
    log.release(EVENTS, "projector", bounds.start).await.unwrap();

    let mut appended = bounds.end;
    let mut refused = None;
    for _ in 0..100 {
        match writer.append(vec![noise(appended, 64)]).await {
            Ok(range) => appended = range.end,
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    let error = refused.expect("a share of 16 KiB cannot take 100 KiB");
    assert!(matches!(&error, LogError::CapReached { held_by, .. } if held_by == "projector"), "{error}");
    assert!(error.is_retryable());
    assert_eq!(log.bounds(EVENTS).await.unwrap(), bounds.start..appended, "nothing was dropped");
    // The control plane's own topics go on, or the consumer could never catch up.
    log.writer(LEDGER, "test").await.unwrap().append(vec![text("goes on")]).await.unwrap();

    log.release(EVENTS, "projector", appended).await.unwrap();
    assert_eq!(writer.append(vec![noise(appended, 64)]).await.unwrap().start, appended);
    assert!(disk_bytes(dir.path(), EVENTS) < 20 * 1024);
}

#[tokio::test]
async fn age_removes_whole_closed_segments_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    for restart in [false, true] {
        let log = capped(dir.path());
        let mut writer = log.writer(EVENTS, "test").await.unwrap();
        for n in 0..12 {
            writer.append(vec![noise(n, 64)]).await.unwrap();
        }
        if restart {
            drop(writer);
            writer = log.writer(EVENTS, "test").await.unwrap();
        }
        assert_eq!(log.enforce_retention(SystemTime::now()).await.unwrap().segments, 0, "nothing is old");
        let freed = log.enforce_retention(SystemTime::now() + Duration::from_secs(3700)).await.unwrap();
        assert!(freed.segments > 0 && freed.bytes > 0);
        let bounds = log.bounds(EVENTS).await.unwrap();
        assert!(!bounds.is_empty(), "the active segment stays");
        drop(writer);
    }
}

#[tokio::test]
async fn a_crash_behind_a_roll_does_not_keep_what_is_old() {
    let dir = tempfile::tempdir().unwrap();
    let log = capped(dir.path());
    let writer = log.writer(EVENTS, "test").await.unwrap();
    for n in 0..3 {
        writer.append(vec![noise(n, 64)]).await.unwrap();
    }
    drop(writer);
    // The next segment was made, and nothing was written into it.
    let next = dir.path().join(EVENTS.topic.name()).join("0").join(format!("{:020}.seg", 3));
    fs::write(next, []).unwrap();
    let writer = log.writer(EVENTS, "test").await.unwrap();
    writer.append(vec![noise(3, 64)]).await.unwrap();
    let freed = log.enforce_retention(SystemTime::now() + Duration::from_secs(3700)).await.unwrap();
    assert_eq!((freed.segments, log.bounds(EVENTS).await.unwrap()), (1, 3..4));
}

#[tokio::test]
async fn a_reader_survives_removal_beneath_it() {
    let dir = tempfile::tempdir().unwrap();
    let log = capped(dir.path());
    let other = FileLog::open_existing(dir.path()).unwrap();
    let writer = log.writer(EVENTS, "test").await.unwrap();
    let mut next: Offset = 0;
    for n in 0..200 {
        writer.append(vec![noise(n, 64)]).await.unwrap();
        if n % 50 == 49 {
            // The other handle's list of segments is old by now.
            let removed = other.read(EVENTS, next, ALL).await.unwrap_err();
            let LogError::Removed { first, .. } = removed else { panic!("{removed}") };
            let batch = other.read(EVENTS, first, ALL).await.unwrap();
            assert_eq!(batch.records.first().map(|r| r.offset), Some(first));
            assert_eq!(batch.next, n + 1);
            next = first;
        }
    }
}

#[tokio::test]
async fn the_memory_of_the_control_plane_is_bounded_by_size_alone() {
    let dir = tempfile::tempdir().unwrap();
    let log = capped(dir.path());
    // Two ledger partitions share the cap of their topic.
    for (at, share) in [(COVERAGE, 16 * 1024), (LEDGER, 8 * 1024)] {
        let writer = log.writer(at, "test").await.unwrap();
        for n in 0..100 {
            writer.append(vec![noise(n, 64)]).await.unwrap();
        }
        let used = disk_bytes(dir.path(), at);
        assert!(used < share + 4096, "{used} bytes in {at}");
        let before = log.bounds(at).await.unwrap();
        assert!(before.start > 0 && before.end == 100, "{before:?}");
        let late = SystemTime::now() + Duration::from_secs(10 * 365 * 24 * 3600);
        log.enforce_retention(late).await.unwrap();
        assert_eq!(log.bounds(at).await.unwrap(), before, "nothing goes by age: its tail is read back at a start");
        let gone = log.read(at, 0, ALL).await.unwrap_err();
        assert!(matches!(gone, LogError::Removed { first, .. } if first == before.start), "{gone}");
    }
}

#[tokio::test]
async fn coverage_that_is_not_yet_in_the_tables_is_never_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let log = capped(dir.path());
    log.release(COVERAGE, "projector", 0).await.unwrap();
    let writer = log.writer(COVERAGE, "test").await.unwrap();
    let mut refused = None;
    for n in 0..100 {
        refused = refused.or(writer.append(vec![noise(n, 64)]).await.err());
    }
    assert!(matches!(refused, Some(LogError::CapReached { at: COVERAGE, .. })), "{refused:?}");
    assert_eq!(log.bounds(COVERAGE).await.unwrap().start, 0);
}
