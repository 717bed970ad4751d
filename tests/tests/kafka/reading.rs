//! The reading side: ends that are known, transactions that are not read, retention that is told in time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use beidou_log::{
    Log, LogError, ReadLimit, Threat,
    contract::PARTITIONS,
    kafka::{Fault, Faults, KafkaOptions},
};
use beidou_schemas::Offset;
use beidou_tests::{
    kafka::{Broker, Settings},
    proxy::{Mode, Proxy},
    wait::until,
};
use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
    topic_partition_list::TopicPartitionList,
};

use crate::site::{ALL, EVENTS, LEDGER, PATIENCE, all, ends, open, options, set, text, values};

/// A runtime has 512 threads for what blocks.
const MORE_THAN_THREADS: usize = 600;
const PATIENT: ReadLimit = ReadLimit { max_bytes: usize::MAX, max_wait: PATIENCE };

#[tokio::test(flavor = "multi_thread")]
async fn a_read_outside_of_what_is_there_is_told_and_never_reset() {
    let broker = Broker::shared().await.unwrap();
    let options = options(broker.address());
    let log = open(&options).await;
    log.writer(EVENTS, "test").await.unwrap().append(vec![text("a"), text("b")]).await.unwrap();
    for limit in [ALL, PATIENT] {
        let beyond = log.read(EVENTS, 12, limit).await;
        assert!(matches!(beyond, Err(LogError::Lost { from: 12, end: 2, .. })), "{beyond:?}");
    }
    set(&broker, &options.name(EVENTS.topic), "retention.ms", "1").await;
    until("retention removes both", PATIENCE, async || {
        (ends(&broker, &options.name(EVENTS.topic), 0)? == (2, 2)).then_some(())
    })
    .await
    .unwrap();
    for limit in [ALL, PATIENT] {
        let before = log.read(EVENTS, 1, limit).await;
        assert!(matches!(before, Err(LogError::Removed { from: 1, first: 2, .. })), "{before:?}");
    }
}

/// A read that waits is told by what comes: a consumer from which nothing comes would keep its reader waiting for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_brings_nothing_gives_its_place_to_another() {
    let broker = Broker::shared().await.unwrap();
    let mut options = options(broker.address());
    let puts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&puts);
    options.faults = Faults::new(move |at| (at == EVENTS && count.fetch_add(1, SeqCst) == 0).then_some(Fault::Deaf));
    let log = open(&options).await;
    // By another one, whose hook is not asked.
    let other = open(&KafkaOptions { faults: Faults::default(), ..options.clone() }).await;
    other.writer(EVENTS, "test").await.unwrap().append(vec![text("a"), text("b")]).await.unwrap();
    let short = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::from_millis(500) };
    let deaf = log.read(EVENTS, 0, short).await.unwrap();
    assert_eq!((deaf.records.len(), deaf.next, puts.load(SeqCst)), (0, 0, 1));
    let heard = log.read(EVENTS, 0, PATIENT).await.unwrap();
    assert_eq!((heard.next, puts.load(SeqCst)), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_committed_is_not_read_and_not_counted() {
    let broker = Broker::shared().await.unwrap();
    let options = options(broker.address());
    let log = open(&options).await;
    let first = log.writer(LEDGER, "test").await.unwrap();
    first.append(vec![text("kept")]).await.unwrap();
    let end = log.bounds(LEDGER).await.unwrap().end;

    let topic = options.name(LEDGER.topic);
    let stranger = stranger(&broker, &topic);
    let uncommitted: BaseConsumer = broker.client().set("isolation.level", "read_uncommitted").create().unwrap();
    let (_, there) = uncommitted.fetch_watermarks(&topic, 0, PATIENCE).unwrap();
    assert_eq!(there as Offset, end + 1, "the broker has the record");
    assert_eq!(log.bounds(LEDGER).await.unwrap().end, end, "the end is that of what is committed");
    assert_eq!(all(&log, LEDGER).await, ["kept"]);

    stranger.abort_transaction(PATIENCE).unwrap();
    first.append(vec![text("later")]).await.unwrap();
    assert_eq!(all(&log, LEDGER).await, ["kept", "later"]);
    let read = log.read(LEDGER, end, ALL).await.unwrap();
    assert_eq!(values(&read.records), ["later"], "the hole that it left is passed");
}

/// Another writer of the ledger, which has begun a transaction and does not end it.
fn stranger(broker: &Broker, topic: &str) -> ThreadedProducer<DefaultProducerContext> {
    let stranger: ThreadedProducer<DefaultProducerContext> =
        broker.client().set("transactional.id", format!("{topic}.stranger")).create().unwrap();
    stranger.init_transactions(PATIENCE).unwrap();
    stranger.begin_transaction().unwrap();
    let record = BaseRecord::<(), str>::to(topic).partition(0).payload("never");
    stranger.send(record).map_err(|(error, _)| error).unwrap();
    stranger.flush(PATIENCE).unwrap();
    stranger
}

/// What lies at the end and is no record: whoever waits passes it, and the consumer that brought nothing of it is not
/// taken for a deaf one.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_passes_what_an_aborted_transaction_left() {
    let broker = Broker::shared().await.unwrap();
    let mut options = options(broker.address());
    let puts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&puts);
    options.faults = Faults::new(move |at| {
        count.fetch_add(usize::from(at == LEDGER), SeqCst);
        None
    });
    let log = open(&options).await;
    // By another one, whose hook is not asked.
    let other = open(&KafkaOptions { faults: Faults::default(), ..options.clone() }).await;
    let writer = other.writer(LEDGER, "test").await.unwrap();
    writer.append(vec![text("kept")]).await.unwrap();
    let end = other.bounds(LEDGER).await.unwrap().end;
    let (mut next, mut found) = (0, Vec::new());
    while next < end {
        let batch = log.read(LEDGER, next, PATIENT).await.unwrap();
        next = batch.next;
        found.extend(values(&batch.records));
    }
    assert_eq!((next, found), (end, vec!["kept".to_owned()]));

    let stranger = stranger(&broker, &options.name(LEDGER.topic));
    let short = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::from_millis(500) };
    let early = log.read(LEDGER, end, short).await.unwrap();
    assert_eq!((early.records.len(), early.next), (0, end), "what may still be committed is not passed");
    stranger.abort_transaction(PATIENCE).unwrap();
    let passed = log.read(LEDGER, end, PATIENT).await.unwrap();
    assert_eq!((passed.records.len(), passed.next), (0, end + 2), "the record and its marker");
    assert_eq!(passed.next, other.bounds(LEDGER).await.unwrap().end);
    writer.append(vec![text("later")]).await.unwrap();
    let later = log.read(LEDGER, passed.next, PATIENT).await.unwrap();
    assert_eq!((values(&later.records), puts.load(SeqCst)), (vec!["later".to_owned()], 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_alarm_comes_before_retention_does() {
    let broker = Broker::shared().await.unwrap();
    let mut options = options(broker.address());
    options.retention.max_age = Duration::from_secs(3600);
    let log = open(&options).await;
    let writer = log.writer(EVENTS, "test").await.unwrap();
    let range = writer.append((0..10).map(|n| text(n.to_string())).collect()).await.unwrap();
    let (now, half) = (SystemTime::now(), Duration::from_secs(1800));
    let at = |next: Offset, now: SystemTime| log.threat(EVENTS, next, now);
    assert_eq!(at(range.start, now).await.unwrap(), None, "young");
    let unread = |unread| Some(Threat { unread, overtaken: false });
    let later = SystemTime::now() + half + Duration::from_secs(1);
    assert_eq!(at(range.start, later).await.unwrap(), unread(10), "half of the hour is over");
    assert_eq!(at(range.start + 4, later).await.unwrap(), unread(6));
    assert_eq!(at(range.end, later).await.unwrap(), None, "all is read");
    let ledger = log.writer(LEDGER, "test").await.unwrap();
    ledger.append(vec![text("a")]).await.unwrap();
    assert_eq!(log.threat(LEDGER, 0, later).await.unwrap(), None, "a ledger does not go by age");
}

/// Nothing is removed yet, and no client is told how full the partition is: what was read says how large records are.
#[tokio::test(flavor = "multi_thread")]
async fn the_alarm_by_room_does_not_wait_for_the_first_removal() {
    let broker = Broker::shared().await.unwrap();
    let mut options = options(broker.address());
    options.retention.max_bytes = u64::from(PARTITIONS) * 1000;
    let log = open(&options).await;
    let writer = log.writer(EVENTS, "test").await.unwrap();
    let range = writer.append(vec![text("x".repeat(200)); 10]).await.unwrap();
    let at = |next: Offset| log.threat(EVENTS, next, SystemTime::now());
    assert_eq!(at(range.start).await.unwrap(), None, "nobody has read anything");
    assert_eq!(all(&log, EVENTS).await.len(), 10);
    let unread = |unread| Some(Threat { unread, overtaken: false });
    assert_eq!(at(range.start).await.unwrap(), unread(10), "2,000 bytes, and room for 1,000 in any case");
    assert_eq!(at(range.start + 4).await.unwrap(), unread(6));
    assert_eq!(at(range.start + 5).await.unwrap(), None, "these have room");
    assert_eq!(log.bounds(EVENTS).await.unwrap(), range, "and nothing was removed");
}

/// A question to a broker holds a thread until it is answered: names are looked up in threads, too.
#[tokio::test(flavor = "multi_thread")]
async fn questions_that_no_broker_answers_leave_threads_to_others() {
    let proxy = Proxy::start().await.unwrap();
    let settings = Settings { advertised: Some(proxy.port()), ..Settings::default() };
    let broker = Broker::with(&settings).await.unwrap();
    proxy.leads_to(&broker.address());
    let log = open(&options(proxy.address())).await;
    log.bounds(EVENTS).await.unwrap();
    proxy.set(Mode::Stalled);
    let mut asked: Vec<_> = (0..MORE_THAN_THREADS).map(|_| log.bounds(EVENTS)).collect();
    for question in &mut asked {
        assert!(futures::poll!(question).is_pending());
    }
    let mut asked = futures::future::select_all(asked);
    tokio::select! {
        biased;
        (answer, ..) = &mut asked => panic!("nobody answers, and a question ended before others had a thread: {answer:?}"),
        other = tokio::task::spawn_blocking(|| ()) => other.unwrap(),
    }
    proxy.set(Mode::Passes);
    let (first, _, others) = asked.await;
    first.unwrap();
    for answer in futures::future::join_all(others).await {
        assert_eq!(answer.unwrap(), 0..0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn releases_are_offsets_of_a_group_and_only_grow() {
    let broker = Broker::shared().await.unwrap();
    let options = options(broker.address());
    let log = open(&options).await;
    let writer = log.writer(EVENTS, "test").await.unwrap();
    writer.append((0..10).map(|n| text(n.to_string())).collect()).await.unwrap();
    let group = format!("{}beidou.projector", options.kafka.prefix);
    let consumer: BaseConsumer = broker.client().set("group.id", group).create().unwrap();
    let committed = || {
        let mut asked = TopicPartitionList::new();
        asked.add_partition(&options.name(EVENTS.topic), 0);
        consumer.committed_offsets(asked, PATIENCE).unwrap().elements()[0].offset().to_raw()
    };
    for (upto, expected) in [(0, 0), (7, 7), (3, 7), (Offset::MAX, 10)] {
        log.release(EVENTS, "projector", upto).await.unwrap();
        assert_eq!(committed(), Some(expected), "after {upto}");
    }
    open(&options).await.release(EVENTS, "projector", 2).await.unwrap();
    assert_eq!(committed(), Some(10), "another process does not take it back");
}

/// An end of long ago may stand in a reader's queue: what came since must not be passed over for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_waited_in_vain_misses_nothing_later() {
    let broker = Broker::shared().await.unwrap();
    let log = open(&options(broker.address())).await;
    let writer = log.writer(LEDGER, "test").await.unwrap();
    let (mut next, mut found) = (0, Vec::new());
    for round in 0..30 {
        // Given up before, while or after its consumer is told of the end.
        let impatient = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::from_millis(round * 5) };
        let batch = log.read(LEDGER, next, impatient).await.unwrap();
        next = batch.next;
        found.extend(values(&batch.records));
        writer.append(vec![text(round.to_string())]).await.unwrap();
        let batch = log.read(LEDGER, next, ALL).await.unwrap();
        next = batch.next;
        found.extend(values(&batch.records));
    }
    assert_eq!(found, (0..30).map(|round| round.to_string()).collect::<Vec<_>>());
}
