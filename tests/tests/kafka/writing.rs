//! The writing side under faults: nothing acknowledged is lost, nothing that waits is dropped, nobody writes who was fenced.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use beidou_log::{
    Log, LogError, MAX_RECORD_BYTES, Writer,
    kafka::{Fault, Faults, KafkaLog},
};
use beidou_schemas::{Offset, Record, TopicPartition};
use beidou_tests::{kafka::Broker, wait::until};
use rdkafka::{
    admin::AdminOptions,
    consumer::{BaseConsumer, Consumer},
};
use tokio::task::JoinSet;

use crate::{
    proxy::Proxied,
    site::{COVERAGE, EVENTS, LEDGER, PATIENCE, all, open, options, text},
};

/// A broker that is back may take so long to answer a producer on a busy machine: a fresh one might store something twice.
const SILENCE: u32 = 15;

/// A log on a broker of its own, with a writer of each kind.
async fn writers(log: &KafkaLog) -> Vec<(TopicPartition, Arc<dyn Writer>)> {
    let mut writers = Vec::new();
    for at in [EVENTS, COVERAGE, LEDGER] {
        writers.push((at, log.writer(at, "test").await.unwrap()));
    }
    writers
}

type Appended = (TopicPartition, Result<std::ops::Range<Offset>, LogError>);

/// So many appends to each partition at once, of records `name.n`.
fn spawn_appends(writers: &[(TopicPartition, Arc<dyn Writer>)], name: &str, count: usize) -> JoinSet<Appended> {
    let mut tasks = JoinSet::new();
    for (at, writer) in writers {
        for n in 0..count {
            let (at, writer, record) = (*at, Arc::clone(writer), text(format!("{name}.{n}")));
            tasks.spawn(async move { (at, writer.append(vec![record]).await) });
        }
    }
    tasks
}

async fn all_well(mut tasks: JoinSet<Appended>) {
    while let Some(done) = tasks.join_next().await {
        let (at, result) = done.unwrap();
        let range = result.unwrap_or_else(|error| panic!("{at}: {error:?}"));
        assert!(!range.is_empty(), "{at}");
    }
}

/// Returns when the log says that appends wait, and why.
async fn trouble(log: &KafkaLog, says: &str) {
    until("the log tells that appends wait", PATIENCE, async || log.trouble().filter(|text| text.contains(says)))
        .await
        .unwrap();
}

async fn no_trouble(log: &KafkaLog) {
    until("the log is well again", PATIENCE, async || log.trouble().is_none().then_some(())).await.unwrap();
}

/// Each value once, whatever the order.
fn once(found: Vec<String>, expected: usize) {
    let distinct: BTreeSet<&String> = found.iter().collect();
    assert_eq!((distinct.len(), found.len()), (expected, expected), "each once: {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_outlive_a_broker_that_is_killed_and_are_stored_once() {
    let mut broker = Broker::start().await.unwrap();
    let mut options = options(broker.address());
    options.kafka.silence_seconds = SILENCE;
    let log = open(&options).await;
    let writers = writers(&log).await;
    all_well(spawn_appends(&writers, "before", 5)).await;
    let during = spawn_appends(&writers, "during", 20);
    broker.kill().unwrap();
    let after = spawn_appends(&writers, "after", 20);
    trouble(&log, "has acknowledged nothing").await;
    broker.restart().await.unwrap();
    all_well(during).await;
    all_well(after).await;
    no_trouble(&log).await;
    for (at, _) in &writers {
        once(all(&log, *at).await, 45);
    }
}

/// The id of the broker that leads the first partition of a topic, where one answers.
fn leader(asking: &BaseConsumer, topic: &str) -> Option<i32> {
    let metadata = asking.fetch_metadata(Some(topic), PATIENCE).ok()?;
    let partitions = metadata.topics().first()?.partitions();
    partitions.iter().find(|partition| partition.id() == 0).map(|partition| partition.leader())
}

/// Of three brokers the one that leads is killed and stays dead.
#[tokio::test(flavor = "multi_thread")]
async fn appends_go_on_when_the_leader_of_their_partition_dies() {
    let mut brokers = Broker::several(3).await.unwrap();
    let mut options = options(brokers[0].address());
    options.kafka.brokers = brokers.iter().map(Broker::address).collect();
    // A change of leader on a busy machine is no silence: a fresh producer might store something twice.
    (options.kafka.replicas, options.kafka.silence_seconds) = (3, 60);
    let log = open(&options).await;
    let writers = writers(&log).await;
    all_well(spawn_appends(&writers, "before", 5)).await;
    let name = options.name(EVENTS.topic);
    let all_of_them = options.kafka.brokers.join(",");
    let asking: BaseConsumer = brokers[0].client().set("bootstrap.servers", all_of_them).create().unwrap();
    let killed = leader(&asking, &name).unwrap();
    let mut during = spawn_appends(&writers, "during", 20);
    let (_, first) = during.join_next().await.unwrap().unwrap();
    first.unwrap();
    // Ids begin with 1.
    brokers[killed as usize - 1].kill().unwrap();
    let after = spawn_appends(&writers, "after", 20);
    all_well(during).await;
    all_well(after).await;
    let another = async || leader(&asking, &name).filter(|leader| *leader != killed);
    until("another broker leads", PATIENCE, another).await.unwrap();
    for (at, _) in &writers {
        until("the ends are told", PATIENCE, async || log.bounds(*at).await.ok()).await.unwrap();
        let found = all(&log, *at).await;
        let distinct: BTreeSet<&String> = found.iter().collect();
        assert_eq!(distinct.len(), 45, "{at}: {found:?}");
        // Five requests of Events are on their way at once: one may be repeated, and is known by its identity.
        assert!(*at == EVENTS || found.len() == 45, "{at}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_stands_still_is_told_and_waited_for() {
    let broker = Broker::start().await.unwrap();
    let mut options = options(broker.address());
    options.kafka.silence_seconds = SILENCE;
    let log = open(&options).await;
    let writers = writers(&log).await;
    all_well(spawn_appends(&writers, "before", 5)).await;
    broker.pause().unwrap();
    let mut during = spawn_appends(&writers, "during", 20);
    // That of the fenced writer is told before those of the shared ones.
    trouble(&log, "beidou.ledger.v1/0 has acknowledged nothing").await;
    assert!(during.try_join_next().is_none(), "no append may be acknowledged");
    broker.resume().unwrap();
    all_well(during).await;
    no_trouble(&log).await;
    for (at, _) in &writers {
        once(all(&log, *at).await, 25);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_partition_of_a_broker_that_answers_gets_a_fresh_producer() {
    let proxied = Proxied::start().await;
    let log = open(&options(proxied.address.clone())).await;
    let writer = log.writer(EVENTS, "test").await.unwrap();
    writer.append(vec![text("before")]).await.unwrap();
    proxied.switch.mute.store(true, SeqCst);
    let writers = [(EVENTS, writer)];
    let during = spawn_appends(&writers, "during", 20);
    trouble(&log, "while its broker answers").await;
    let swallowed = proxied.switch.swallowed.load(SeqCst);
    assert!(swallowed > 0);
    until("the fresh producer sends what was kept", PATIENCE, async || {
        (proxied.switch.swallowed.load(SeqCst) > swallowed).then_some(())
    })
    .await
    .unwrap();
    proxied.switch.mute.store(false, SeqCst);
    all_well(during).await;
    once(all(&log, EVENTS).await, 21);
    drop(proxied.broker);
}

/// Breaks the producers of the first appends to `at` for good; counts how many batches were handed over.
fn breaking(at: TopicPartition, first: usize) -> (Faults, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let faults = Faults::new(move |of| (of == at && count.fetch_add(1, SeqCst) < first).then_some(Fault::Fatal));
    (faults, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fatal_error_is_outlived_and_nothing_acknowledged_is_missing() {
    let broker = Broker::shared().await.unwrap();
    for at in [EVENTS, COVERAGE] {
        let mut options = options(broker.address());
        let (faults, asked) = breaking(at, 3);
        options.faults = faults;
        let log = open(&options).await;
        let writer = log.writer(at, "test").await.unwrap();
        all_well(spawn_appends(&[(at, Arc::clone(&writer))], "a", 10)).await;
        writer.append(vec![text("last")]).await.unwrap();
        assert!(asked.load(SeqCst) > 11, "what was handed to a broken producer is handed to a fresh one");
        // What a broken producer had sent may stand twice; readers know it by identity.
        let found = all(&log, at).await;
        let distinct: BTreeSet<&String> = found.iter().collect();
        assert_eq!(distinct.len(), 11, "{found:?}");
        assert_eq!(found.last().map(String::as_str), Some("last"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_holds_each_fact_once_also_after_fatal_errors() {
    let broker = Broker::shared().await.unwrap();
    let mut options = options(broker.address());
    let (faults, asked) = breaking(LEDGER, 3);
    options.faults = faults;
    let log = open(&options).await;
    let writer = log.writer(LEDGER, "test").await.unwrap();
    for n in 0..5 {
        writer.append(vec![text(format!("{n}.a")), text(format!("{n}.b"))]).await.unwrap();
    }
    assert!(asked.load(SeqCst) >= 8, "three attempts were broken");
    let expected: Vec<String> = (0..5).flat_map(|n| [format!("{n}.a"), format!("{n}.b")]).collect();
    assert_eq!(all(&log, LEDGER).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_commit_without_an_answer_has_stored_is_looked_for_until_it_is_seen() {
    let broker = Broker::shared().await.unwrap();
    let mut options = options(broker.address());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    options.faults = Faults::new(move |of| {
        let is_first = of == LEDGER && count.fetch_add(1, SeqCst) == 0;
        is_first.then_some(Fault::Unanswered)
    });
    let log = open(&options).await;
    let writer = log.writer(LEDGER, "test").await.unwrap();
    assert_eq!(writer.append(vec![text("a"), text("b")]).await.unwrap(), 0..2);
    assert_eq!(asked.load(SeqCst), 1, "it was sent once");
    writer.append(vec![text("c")]).await.unwrap();
    assert_eq!(all(&log, LEDGER).await, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_whose_producer_breaks_does_not_take_the_partition_back() {
    let broker = Broker::shared().await.unwrap();
    let mut options = options(broker.address());
    let newer = open(&options).await;
    let (faults, _) = breaking(LEDGER, 1);
    options.faults = faults;
    let older = open(&options).await;
    let first = older.writer(LEDGER, "older").await.unwrap();
    let second = newer.writer(LEDGER, "newer").await.unwrap();
    assert!(second.epoch() > first.epoch());
    // Its producer breaks before the broker says that it is fenced: a fresh one would have the newest right.
    let answer = first.append(vec![text("never")]).await;
    assert!(matches!(answer, Err(LogError::Fenced { .. })), "{answer:?}");
    second.append(vec![text("kept")]).await.unwrap();
    assert_eq!(all(&newer, LEDGER).await, ["kept"]);
}

/// A group forgets what nobody commits for a week, and writers live longer: one of a lower epoch would be taken for an older one.
#[tokio::test(flavor = "multi_thread")]
async fn the_epoch_of_a_writer_that_lives_is_not_forgotten() {
    let broker = Broker::shared().await.unwrap();
    let mut options = options(broker.address());
    options.faults = Faults::new(|of| (of == LEDGER).then_some(Fault::Aged));
    let log = open(&options).await;
    for _ in 0..9 {
        drop(log.writer(LEDGER, "older").await.unwrap());
    }
    let living = log.writer(LEDGER, "living").await.unwrap();
    let group = format!("{}beidou.writers", options.kafka.prefix);
    let forgotten = broker.admin().unwrap().delete_groups(&[group.as_str()], &AdminOptions::new()).await.unwrap();
    forgotten.into_iter().next().unwrap().unwrap();
    // Between the two it is committed again; the end, which stands in for what is forgotten, lies below it.
    for value in ["a", "b"] {
        living.append(vec![text(value)]).await.unwrap();
    }
    assert!(log.bounds(LEDGER).await.unwrap().end + 1 < living.epoch());
    let newer = log.writer(LEDGER, "newer").await.unwrap();
    assert!(newer.epoch() > living.epoch(), "{} after {}", newer.epoch(), living.epoch());
    let looked = living.is_newest().await;
    assert!(matches!(looked, Err(LogError::Fenced { .. })), "{looked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_buffer_makes_the_caller_wait() {
    let broker = Broker::start().await.unwrap();
    let mut options = options(broker.address());
    options.kafka.buffer_mib = 64;
    let log = open(&options).await;
    let writer = log.writer(EVENTS, "test").await.unwrap();
    let large =
        |n: u8| Record { key: vec![n].into(), value: vec![b'x'; MAX_RECORD_BYTES - 1].into(), ..Record::default() };
    broker.pause().unwrap();
    let mut waiting: Vec<_> = (0..6).map(|n| Box::pin(writer.append(vec![large(n)]))).collect();
    for append in &mut waiting {
        let pending =
            std::future::poll_fn(|context| std::task::Poll::Ready(append.as_mut().poll(context).is_pending()));
        assert!(pending.await, "no broker answers");
    }
    // Three fit with what a record takes beside its bytes; the others stand before the buffer, and no memory is taken.
    assert!(log.room() < MAX_RECORD_BYTES, "{} bytes are free", log.room());
    broker.resume().unwrap();
    for append in waiting {
        append.await.unwrap();
    }
    assert_eq!(all_keys(&log).await, (0..6).collect::<Vec<u8>>(), "in the order of the calls");
    // An append is answered a moment before its room is given back.
    until("all of it is free again", PATIENCE, async || (log.room() == 64 * 1024 * 1024).then_some(())).await.unwrap();
}

async fn all_keys(log: &KafkaLog) -> Vec<u8> {
    let (bounds, mut found) = (log.bounds(EVENTS).await.unwrap(), Vec::new());
    let mut next = bounds.start;
    while next < bounds.end {
        let batch = log.read(EVENTS, next, crate::site::ALL).await.unwrap();
        next = batch.next;
        found.extend(batch.records.iter().map(|stored| stored.record.key[0]));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_headers_that_kafka_cannot_keep_are_refused() {
    let broker = Broker::shared().await.unwrap();
    let log = open(&options(broker.address())).await;
    let writer = log.writer(EVENTS, "test").await.unwrap();
    for name in [&b"a\0b"[..], &b"\xff"[..]] {
        let headers = [(name, "v")].into_iter().collect();
        let answer = writer.append(vec![Record { headers, ..Record::default() }]).await;
        assert!(matches!(&answer, Err(LogError::Topic { what, .. }) if what.contains("UTF-8")), "{answer:?}");
    }
    assert_eq!(all(&log, EVENTS).await, Vec::<String>::new());
}
