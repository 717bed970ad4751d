//! The file log among processes: killed while it appends, refused as a second writer, tailed from outside.
//!
//! The other process is this test binary itself, started again for the one test `processes::child`, with a role in its
//! environment. Without a role `child` has nothing to do.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use beidou_log::{
    Log, LogError, ReadLimit,
    file::{FileLog, FileOptions},
};
use beidou_schemas::{Record, Topic, TopicPartition};

const EVENTS: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 0 };
const ROLE: &str = "BEIDOU_LOG_TEST_ROLE";
const DIR: &str = "BEIDOU_LOG_TEST_DIR";
const ROUNDS: usize = 12;
/// Records of a batch all carry its name; a torn batch would show fewer.
const BATCH: usize = 7;
const PATIENCE: Duration = Duration::from_secs(120);

fn open(dir: &Path) -> Arc<FileLog> {
    let options = FileOptions { segment_bytes: 64 * 1024, ..FileOptions::new(dir, [(Topic::KubeEvent, 1)]) };
    FileLog::open(options).unwrap()
}

fn start(role: &str, dir: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::child", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

/// The next line that the child says behind this word; the test harness's own lines are passed over.
fn next_said(output: &mut BufReader<ChildStdout>, word: &str) -> Option<String> {
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        // A line that a kill cut short was not said.
        if let Some(said) = line.strip_suffix('\n').and_then(|line| line.split_once(word)) {
            return Some(said.1.trim().to_owned());
        }
    }
}

fn say(word: &str, what: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{word} {what}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let (Ok(role), Ok(dir)) = (std::env::var(ROLE), std::env::var(DIR)) else { return };
    match role.as_str() {
        "append" => append_for_ever(Path::new(&dir)).await,
        "tail" => tail(Path::new(&dir)).await,
        "second" => {
            let error = open(Path::new(&dir)).writer(EVENTS, "the second").await.err().unwrap();
            say("REFUSED", &error.to_string());
        }
        other => panic!("no such role: {other}"),
    }
}

/// Appends from several tasks; says each batch's name once it is acknowledged.
async fn append_for_ever(dir: &Path) {
    let log = open(dir);
    let writer = log.writer(EVENTS, "the child").await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let writer = Arc::clone(&writer);
            tokio::spawn(async move {
                for n in 0_u64.. {
                    let name = format!("{}.{task}.{n}", writer.epoch());
                    writer.append(batch(&name)).await.unwrap();
                    say("ACKED", &name);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

fn batch(name: &str) -> Vec<Record> {
    let record =
        |n: usize| Record { key: name.to_owned().into(), value: vec![b'x'; n * 97].into(), ..Record::default() };
    (0..BATCH).map(record).collect()
}

/// Says each record as it comes, until "end".
async fn tail(dir: &Path) {
    let log = FileLog::open_existing(dir).unwrap();
    say("READY", "");
    let mut next = 0;
    loop {
        let batch = log.read(EVENTS, next, ReadLimit { max_bytes: 1, max_wait: PATIENCE }).await.unwrap();
        assert!(!batch.records.is_empty(), "nothing came");
        for stored in &batch.records {
            let key = String::from_utf8(stored.record.key.to_vec()).unwrap();
            say("SAW", &key);
            if key == "end" {
                return;
            }
        }
        next = batch.next;
    }
}

#[tokio::test]
async fn every_acknowledged_batch_survives_kills() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let (mut child, mut output) = start("append", dir.path());
        // Another number of batches each time, so that the kill falls into another state.
        for _ in 0..(1 + round * 37 % 101) {
            acknowledged.insert(next_said(&mut output, "ACKED").expect("the child appends until it is killed"));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        while let Some(name) = next_said(&mut output, "ACKED") {
            acknowledged.insert(name);
        }
        check(dir.path(), &acknowledged).await;
    }
}

/// Each acknowledged batch is there, and each batch is whole, at successive offsets, once. Checked as a reader finds
/// it after the crash, and again after recovery.
async fn check(dir: &Path, acknowledged: &BTreeSet<String>) {
    for recovered in [false, true] {
        let log = open(dir);
        let _writer = if recovered { Some(log.writer(EVENTS, "the parent").await.unwrap()) } else { None };
        let all = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO };
        let records = log.read(EVENTS, 0, all).await.unwrap().records;
        assert!(records.iter().enumerate().all(|(n, stored)| stored.offset == n as u64));
        let mut found = BTreeSet::new();
        for whole in records.chunks(BATCH) {
            let name = String::from_utf8(whole[0].record.key.to_vec()).unwrap();
            let read: Vec<Record> = whole.iter().map(|stored| stored.record.clone()).collect();
            assert_eq!(read, batch(&name), "torn or mixed");
            assert!(found.insert(name), "a batch stands there twice");
        }
        let lost: Vec<_> = acknowledged.difference(&found).collect();
        assert!(lost.is_empty(), "lost {lost:?}");
    }
}

#[tokio::test]
async fn a_second_writer_process_is_refused_with_the_first_ones_name_and_id() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let writer = log.writer(EVENTS, "the first").await.unwrap();
    let (mut child, mut output) = start("second", dir.path());
    let said = next_said(&mut output, "REFUSED").expect("the child is refused");
    assert!(child.wait().unwrap().success());
    let holder = format!("the first, process {}", std::process::id());
    let expected = LogError::Locked { at: EVENTS, holder };
    assert_eq!(said, expected.to_string());
    writer.append(batch("still the writer")).await.unwrap();
}

#[tokio::test]
async fn another_process_tails() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let writer = log.writer(EVENTS, "the first").await.unwrap();
    let (mut child, mut output) = start("tail", dir.path());
    assert!(next_said(&mut output, "READY").is_some());
    let record = |key: String| Record { key: key.into(), value: vec![b'y'; 500].into(), ..Record::default() };
    // One by one: each is seen before the next is appended. Then many at once, over several segments.
    for n in 0..5 {
        writer.append(vec![record(n.to_string())]).await.unwrap();
        assert_eq!(next_said(&mut output, "SAW"), Some(n.to_string()));
    }
    for n in 5..300 {
        writer.append(vec![record(n.to_string())]).await.unwrap();
    }
    writer.append(vec![record("end".into())]).await.unwrap();
    for n in 5..300 {
        assert_eq!(next_said(&mut output, "SAW"), Some(n.to_string()));
    }
    assert_eq!(next_said(&mut output, "SAW"), Some("end".into()));
    assert!(child.wait().unwrap().success());
}
