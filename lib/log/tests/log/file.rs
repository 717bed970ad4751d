//! What only the file log promises: recovery from torn tails, damage noticed, a full disk survived, one writer
//! process, tails in other processes. What it keeps and gives back: `keeping.rs`.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::support::{noise, text};
use beidou_log::{
    Log, LogError, ReadLimit, StoredRecord,
    file::{FaultPoint, Faults, FileLog, FileOptions},
};
use beidou_schemas::{Record, Topic, TopicPartition};

const EVENTS: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 0 };
const TOPICS: [(Topic, u32); 2] = [(Topic::KubeEvent, 1), (Topic::Ledger, 1)];
const ALL: ReadLimit = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO };
const FIRST_SEGMENT: &str = "00000000000000000000.seg";

fn open(dir: &Path) -> Arc<FileLog> {
    FileLog::open(FileOptions::new(dir, TOPICS)).unwrap()
}

fn events_dir(dir: &Path) -> PathBuf {
    dir.join(Topic::KubeEvent.name()).join("0")
}

async fn read_all(log: &FileLog, at: TopicPartition) -> Vec<StoredRecord> {
    let first = log.bounds(at).await.unwrap().start;
    log.read(at, first, ALL).await.unwrap().records
}

async fn values(log: &FileLog) -> Vec<String> {
    read_all(log, EVENTS).await.iter().map(|r| String::from_utf8(r.record.value.to_vec()).unwrap()).collect()
}

/// Appends each value as one commit of its own.
async fn append_each(dir: &Path, all: &[&str]) {
    let log = open(dir);
    let writer = log.writer(EVENTS, "test").await.unwrap();
    for value in all {
        writer.append(vec![text(*value)]).await.unwrap();
    }
}

/// A log as a crash leaves it: "c" is written but the durable mark does not know of it.
struct Crashed {
    dir: tempfile::TempDir,
    mark: Vec<u8>,
    segment: Vec<u8>,
    /// Where the frame of "c" begins.
    last: usize,
}

impl Crashed {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        append_each(dir.path(), &["a", "b"]).await;
        let events = events_dir(dir.path());
        let mark = fs::read(events.join("durable")).unwrap();
        let last = fs::metadata(events.join(FIRST_SEGMENT)).unwrap().len() as usize;
        append_each(dir.path(), &["c"]).await;
        let segment = fs::read(events.join(FIRST_SEGMENT)).unwrap();
        Self { dir, mark, segment, last }
    }

    fn segment_path(&self) -> PathBuf {
        events_dir(self.dir.path()).join(FIRST_SEGMENT)
    }

    fn put(&self, mark: &[u8], segment: &[u8]) {
        fs::write(events_dir(self.dir.path()).join("durable"), mark).unwrap();
        fs::write(self.segment_path(), segment).unwrap();
    }

    /// Opens a writer, checks that nothing but `kept` bytes are left, appends "d", and says what is there.
    async fn recover(&self, kept: usize) -> Result<Vec<String>, LogError> {
        let log = open(self.dir.path());
        let writer = log.writer(EVENTS, "test").await?;
        assert_eq!(fs::metadata(self.segment_path()).unwrap().len(), kept as u64);
        writer.append(vec![text("d")]).await?;
        Ok(values(&log).await)
    }
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_is_cut() {
    let crashed = Crashed::new().await;
    for cut in crashed.last..=crashed.segment.len() {
        crashed.put(&crashed.mark, &crashed.segment[..cut]);
        let whole = cut == crashed.segment.len();
        let expected: &[&str] = if whole { &["a", "b", "c", "d"] } else { &["a", "b", "d"] };
        let kept = if whole { cut } else { crashed.last };
        assert_eq!(crashed.recover(kept).await.unwrap(), expected, "cut at {cut}");
    }
}

#[tokio::test]
async fn a_tail_with_any_wrong_byte_is_cut() {
    let crashed = Crashed::new().await;
    for at in crashed.last..crashed.segment.len() {
        let mut segment = crashed.segment.clone();
        segment[at] ^= 0x40;
        crashed.put(&crashed.mark, &segment);
        assert_eq!(crashed.recover(crashed.last).await.unwrap(), ["a", "b", "d"], "byte {at}");
    }
}

#[tokio::test]
async fn damage_of_what_was_durable_is_an_error_and_nothing_is_cut() {
    let crashed = Crashed::new().await;
    // With the mark as it was, and with one that a power loss took back to the beginning or away altogether.
    for (case, mark) in [("mark", &crashed.mark[..]), ("no mark", &[]), ("unreadable mark", &[7; 36])] {
        for at in 0..crashed.last {
            let mut segment = crashed.segment.clone();
            segment[at] ^= 0x40;
            crashed.put(mark, &segment);
            let error = crashed.recover(0).await.unwrap_err();
            assert!(
                matches!(&error, LogError::Damaged { path, position, .. }
                    if *path == crashed.segment_path() && *position <= at as u64),
                "{case}, byte {at}: {error}"
            );
            assert_eq!(fs::read(crashed.segment_path()).unwrap(), segment, "{case}: the file must stay as it is");
        }
    }
}

#[tokio::test]
async fn a_file_that_lost_durable_bytes_is_an_error() {
    let crashed = Crashed::new().await;
    crashed.put(&crashed.mark, &crashed.segment[..crashed.last - 1]);
    assert!(matches!(crashed.recover(0).await, Err(LogError::Damaged { .. })));
    fs::remove_file(crashed.segment_path()).unwrap();
    assert!(matches!(crashed.recover(0).await, Err(LogError::Damaged { .. })));
}

#[tokio::test]
async fn a_reader_names_file_and_place_of_damage() {
    let dir = tempfile::tempdir().unwrap();
    append_each(dir.path(), &["a", "b", "c"]).await;
    let path = events_dir(dir.path()).join(FIRST_SEGMENT);
    let mut segment = fs::read(&path).unwrap();
    let second = segment.len() / 3;
    segment[second + 60] ^= 1;
    fs::write(&path, segment).unwrap();
    let log = FileLog::open_existing(dir.path()).unwrap();
    let error = log.read(EVENTS, 0, ALL).await.unwrap_err();
    let expected =
        format!("{} is damaged at byte {second}: the batch body does not match its checksum", path.display());
    assert_eq!(error.to_string(), expected);
    // What stands before is still readable.
    let one = ReadLimit { max_bytes: 0, ..ALL };
    assert_eq!(log.read(EVENTS, 0, one).await.unwrap().records.len(), 1);
}

/// A disk that is full while the flag is set, at one fail point.
fn full_disk(dir: &Path, point: FaultPoint, nth: u32) -> (Arc<FileLog>, Arc<AtomicBool>) {
    let full = Arc::new(AtomicBool::new(false));
    let (flag, seen) = (Arc::clone(&full), std::sync::atomic::AtomicU32::new(0));
    let faults = Faults::new(move |here, _| {
        let strikes = here == point && flag.load(Ordering::SeqCst) && seen.fetch_add(1, Ordering::SeqCst) >= nth;
        if strikes { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    });
    (FileLog::open(FileOptions { faults, ..FileOptions::new(dir, TOPICS) }).unwrap(), full)
}

#[tokio::test]
async fn a_full_disk_refuses_appends_and_loses_nothing() {
    for point in [FaultPoint::BeforeWrite, FaultPoint::BeforeSync, FaultPoint::AfterSync] {
        let dir = tempfile::tempdir().unwrap();
        let (log, full) = full_disk(dir.path(), point, 0);
        let writer = log.writer(EVENTS, "test").await.unwrap();
        writer.append(vec![text("before")]).await.unwrap();
        full.store(true, Ordering::SeqCst);
        for _ in 0..3 {
            let error = writer.append(vec![text("lost")]).await.unwrap_err();
            assert!(matches!(error, LogError::Full { .. }) && error.is_retryable(), "{point:?}: {error}");
        }
        assert_eq!(values(&log).await, ["before"], "{point:?}");
        full.store(false, Ordering::SeqCst);
        assert_eq!(writer.append(vec![text("after")]).await.unwrap(), 1..2);
        drop(writer);
        assert_eq!(values(&open(dir.path())).await, ["before", "after"], "{point:?}");
        let again = open(dir.path());
        let _writer = again.writer(EVENTS, "test").await.unwrap();
        assert_eq!(values(&again).await, ["before", "after"], "{point:?}, recovered");
    }
}

#[tokio::test]
async fn a_full_disk_refuses_a_writer_that_can_try_again() {
    let dir = tempfile::tempdir().unwrap();
    append_each(dir.path(), &["before"]).await;
    let (log, full) = full_disk(dir.path(), FaultPoint::BeforeEpoch, 0);
    full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let error = log.writer(EVENTS, "test").await.err().unwrap();
        assert!(matches!(error, LogError::Full { .. }) && error.is_retryable(), "{error}");
        let told = error.to_string();
        assert!(told.contains(events_dir(dir.path()).to_str().unwrap()) && told.contains("free space"), "{told}");
    }
    full.store(false, Ordering::SeqCst);
    let writer = log.writer(EVENTS, "test").await.unwrap();
    writer.append(vec![text("after")]).await.unwrap();
    assert_eq!(values(&log).await, ["before", "after"]);
}

#[tokio::test]
async fn a_segment_that_could_not_be_made_leaves_no_stray() {
    let dir = tempfile::tempdir().unwrap();
    let failing = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&failing);
    let faults = Faults::new(move |point, _| {
        let strikes = point == FaultPoint::AfterCreate && flag.load(Ordering::SeqCst);
        if strikes { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    });
    let options = FileOptions { faults, segment_bytes: 4096, ..FileOptions::new(dir.path(), TOPICS) };
    let log = FileLog::open(options).unwrap();
    let writer = log.writer(EVENTS, "test").await.unwrap();
    let (small, large) = (|n| vec![text(format!("{n}"))], |n| vec![noise(n, 350)]);
    writer.append(small(0)).await.unwrap();
    writer.append(large(1)).await.unwrap();
    failing.store(true, Ordering::SeqCst);
    let error = writer.append(large(2)).await.unwrap_err();
    assert!(matches!(error, LogError::Full { .. }), "{error}");
    // A small one still fits into the old segment; the next one is then made at another offset.
    assert_eq!(writer.append(small(2)).await.unwrap(), 2..3);
    let segments = || {
        let names = fs::read_dir(events_dir(dir.path())).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_str().is_some_and(|name| name.ends_with(".seg"))).count()
    };
    assert_eq!(segments(), 1, "a stray segment is left");
    failing.store(false, Ordering::SeqCst);
    writer.append(large(3)).await.unwrap();
    assert_eq!(segments(), 2);
    drop(writer);
    for log in [Arc::clone(&log), FileLog::open_existing(dir.path()).unwrap(), open(dir.path())] {
        let offsets: Vec<_> = read_all(&log, EVENTS).await.iter().map(|stored| stored.offset).collect();
        assert_eq!(offsets, [0, 1, 2, 3]);
    }
    let again = open(dir.path());
    let writer = again.writer(EVENTS, "test").await.unwrap();
    assert_eq!(writer.append(small(4)).await.unwrap(), 4..5);
}

#[tokio::test]
async fn a_group_that_fails_half_way_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (log, full) = full_disk(dir.path(), FaultPoint::BeforeWrite, 2);
    let writer = log.writer(EVENTS, "test").await.unwrap();
    full.store(true, Ordering::SeqCst);
    let appends: Vec<_> = (0..20)
        .map(|n| {
            let writer = Arc::clone(&writer);
            tokio::spawn(async move { (n, writer.append(vec![text(n.to_string())]).await) })
        })
        .collect();
    let mut acknowledged = BTreeMap::new();
    for append in appends {
        let (n, answer) = append.await.unwrap();
        if let Ok(range) = answer {
            acknowledged.insert(range.start, n.to_string());
        }
    }
    assert!(acknowledged.len() <= 2);
    drop(writer);
    let again = open(dir.path());
    let _writer = again.writer(EVENTS, "test").await.unwrap();
    assert_eq!(values(&again).await, acknowledged.into_values().collect::<Vec<_>>());
}

#[tokio::test]
async fn nothing_is_readable_before_it_is_durable() {
    let dir = tempfile::tempdir().unwrap();
    let (reached, at_sync) = std::sync::mpsc::channel();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let faults = Faults::new(move |point, _| {
        if point == FaultPoint::BeforeSync {
            reached.send(()).unwrap();
            wait.lock().unwrap().recv_timeout(Duration::from_secs(120)).unwrap();
        }
        Ok(())
    });
    let log = FileLog::open(FileOptions { faults, ..FileOptions::new(dir.path(), TOPICS) }).unwrap();
    let writer = log.writer(EVENTS, "test").await.unwrap();
    let appending = Arc::clone(&writer);
    let append = tokio::spawn(async move { appending.append(vec![text("a")]).await });
    tokio::task::spawn_blocking(move || at_sync.recv().unwrap()).await.unwrap();
    assert!(fs::metadata(events_dir(dir.path()).join(FIRST_SEGMENT)).unwrap().len() > 0, "it is written");
    let other = FileLog::open_existing(dir.path()).unwrap();
    assert!(values(&log).await.is_empty(), "and not synced");
    assert!(values(&other).await.is_empty());
    go_on.send(()).unwrap();
    append.await.unwrap().unwrap();
    assert_eq!(values(&log).await, ["a"]);
    assert_eq!(values(&other).await, ["a"]);
}

#[tokio::test]
async fn appends_under_way_keep_the_order_of_their_first_poll() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let writer = log.writer(EVENTS, "test").await.unwrap();
    // Large and small by turns: the large ones take long to compress, and must not be overtaken. The runtime of this
    // test has one thread, and polls tasks first in the order of their spawning.
    let append = |n: u64| {
        let (writer, batch) = (Arc::clone(&writer), vec![noise(n, if n.is_multiple_of(2) { 50_000 } else { 1 })]);
        tokio::spawn(async move { writer.append(batch).await })
    };
    let appends: Vec<_> = (0..10).map(append).collect();
    for (n, append) in appends.into_iter().enumerate() {
        assert_eq!(append.await.unwrap().unwrap().start, n as u64);
    }
}

#[tokio::test]
async fn the_folder_is_checked_at_open() {
    let dir = tempfile::tempdir().unwrap();
    let missing = FileLog::open_existing(dir.path()).err().unwrap().to_string();
    assert!(missing.contains("there is no log in it"), "{missing}");
    drop(open(dir.path()));
    let other_count = FileLog::open(FileOptions::new(dir.path(), [(Topic::KubeEvent, 3)])).err().unwrap().to_string();
    assert!(other_count.contains("has 1 partitions there and 3 were asked for"), "{other_count}");
    let more = FileLog::open(FileOptions::new(dir.path(), [(Topic::KubeCoverage, 2)])).unwrap();
    assert_eq!(more.partitions(Topic::KubeCoverage), 2);
    assert_eq!(FileLog::open_existing(dir.path()).unwrap().partitions(Topic::KubeCoverage), 2);
    let zero = FileLog::open(FileOptions::new(dir.path(), [(Topic::KubeReject, 0)])).err().unwrap().to_string();
    assert!(zero.contains("cannot have 0 partitions"), "{zero}");

    let path = dir.path().join("log.json");
    for (content, expected) in [
        (r#"{"format_version": 2, "shards": {}}"#, "its format version is 2, this beidou knows 1"),
        (r#"{"format_version": 1, "partitions": {"beidou.new.v9": 1}}"#, "a newer beidou has written here"),
        ("{", "it is not of the expected form"),
    ] {
        fs::write(&path, content).unwrap();
        let error = FileLog::open_existing(dir.path()).err().unwrap().to_string();
        assert!(error.contains(expected) && error.contains("log.json"), "{error}");
    }
}

#[tokio::test]
async fn consumer_names_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    for name in ["", "a/b", "..", "a b", &"x".repeat(101)] {
        assert!(matches!(log.release(EVENTS, name, 1).await, Err(LogError::Refused { .. })), "{name:?}");
    }
    log.release(EVENTS, "projector-clickhouse_1", 1).await.unwrap();
}

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/log-v1")
}

fn golden_records() -> Vec<Record> {
    let record = |n: u32| Record {
        key: format!("key-{n}").into(),
        headers: [("ce_id", "1.a.2"), ("", "")].into_iter().collect(),
        value: format!("{{\"n\":{n},\"text\":\"{}\"}}", "again and again, ".repeat(4)).into(),
    };
    let mut all: Vec<Record> = (0..20).map(record).collect();
    all.push(Record::default());
    all
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// A log that version 1 wrote, as it lies on disk, stays readable and writable for ever.
/// `BEIDOU_UPDATE_GOLDEN=1` writes it anew; only for a new version in a new folder.
#[tokio::test]
async fn the_golden_log_reads_back() {
    if std::env::var_os("BEIDOU_UPDATE_GOLDEN").is_some() {
        let log = FileLog::open(FileOptions::new(golden_dir(), [(Topic::KubeEvent, 1)])).unwrap();
        let writer = log.writer(EVENTS, "golden").await.unwrap();
        let mut records = golden_records();
        let last = records.split_off(20);
        writer.append(records).await.unwrap();
        writer.append(last).await.unwrap();
        log.release(EVENTS, "projector", 20).await.unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    copy_dir(&golden_dir(), dir.path());
    let log = FileLog::open_existing(dir.path()).unwrap();
    let read = read_all(&log, EVENTS).await;
    assert_eq!(read.iter().map(|r| r.offset).collect::<Vec<_>>(), (0..21).collect::<Vec<_>>());
    assert_eq!(read.into_iter().map(|r| r.record).collect::<Vec<_>>(), golden_records());
    let writer = log.writer(EVENTS, "test").await.unwrap();
    assert_eq!(writer.epoch(), 2);
    assert_eq!(writer.append(vec![text("goes on")]).await.unwrap(), 21..22);
}
