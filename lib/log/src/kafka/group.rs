//! Sharing partitions through a consumer group, for membership and assignment only: nothing is read through it, and
//! nothing is committed.
//!
//! ```text
//!  a thread polls ─► assigned ─► paused at once ─► Take ─► whoever works
//!                 └► revoked ──► Give, and wait ──► token dropped ─► on with the rebalance
//! ```
//!
//! - Rebalances are cooperative: only partitions that move are asked back, work on the others goes on.
//! - While work on a partition ends, its member holds the rebalance up, at most for `max.poll.interval.ms`. A member that
//!   stands still longer loses its partitions; its writers find themselves fenced.
//! - A group's offsets are committed by those who release (`releases`), and Kafka refuses that beside living members: so
//!   members have a group of their own.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc::{self, RecvTimeoutError},
    },
    thread::JoinHandle,
    time::Duration,
};

use async_trait::async_trait;
use beidou_schemas::{Topic, TopicPartition};
use rdkafka::{
    ClientConfig, ClientContext, Statistics,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance},
    error::KafkaError,
    topic_partition_list::TopicPartitionList,
};
use tokio::sync::mpsc as async_mpsc;

use super::client::{is_final, refused, write_error, write_line};
use crate::{Change, Given, LogError, Member};

/// How often the thread looks whether it shall end, and a rebalance whether it still must wait.
const SLICE: Duration = Duration::from_millis(100);
/// Told of the client's state so often: a member without a partition is told of nothing else.
const TELLS_EVERY_MS: &str = "1000";
/// What a member that has lost its session may think too long of its own.
const MARGIN: Duration = Duration::from_secs(2);

/// What a member must know.
pub(super) struct Setup {
    pub group: String,
    /// The topics and their names in Kafka.
    pub topics: BTreeMap<String, Topic>,
    pub config: ClientConfig,
    pub session: Duration,
}

type Told = Result<Change, LogError>;

/// A member of a consumer group.
pub(super) struct KafkaMember {
    changes: async_mpsc::UnboundedReceiver<Told>,
    certain_after: Duration,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl KafkaMember {
    /// Joins. Blocking.
    pub(super) fn join(mut setup: Setup) -> Result<Self, LogError> {
        let act = format!("share partitions as a member of the group {}", setup.group);
        let session = setup.session.as_millis().to_string();
        setup.config.set("group.id", &setup.group).set("session.timeout.ms", session);
        setup.config.set("statistics.interval.ms", TELLS_EVERY_MS);
        let (sender, changes) = async_mpsc::unbounded_channel();
        let stop = Arc::new(AtomicBool::new(false));
        let names: Vec<String> = setup.topics.keys().cloned().collect();
        let context = Sharing {
            topics: setup.topics,
            changes: sender.clone(),
            stop: Arc::clone(&stop),
            told: AtomicBool::new(false),
        };
        let consumer: BaseConsumer<Sharing> =
            setup.config.create_with_context(context).map_err(|error| refused(&act, error))?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        consumer.subscribe(&names).map_err(|error| refused(&act, error))?;
        let until = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("log-member".into());
        let thread = thread.spawn(move || serve(&consumer, &act, &sender, &until)).map_err(|source| {
            LogError::Broker { act: "start a member's thread".into(), retry: true, source: Arc::new(source) }
        })?;
        Ok(Self { changes, certain_after: setup.session + MARGIN, stop, thread: Some(thread) })
    }

    /// Ends the thread, which closes the consumer. Blocking.
    fn end(stop: &AtomicBool, thread: Option<JoinHandle<()>>) {
        stop.store(true, SeqCst);
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a member's thread of the log ended by a panic");
        }
    }
}

#[async_trait]
impl Member for KafkaMember {
    async fn next(&mut self) -> Told {
        self.changes.recv().await.unwrap_or(Err(LogError::Closed))
    }

    async fn leave(mut self: Box<Self>) {
        let (stop, thread) = (Arc::clone(&self.stop), self.thread.take());
        let ended = crate::off_thread(move || {
            Self::end(&stop, thread);
            Ok(())
        });
        if let Err(error) = ended.await {
            tracing::debug!(%error, "a member of the log's group has not left properly, its session ends by itself");
        }
    }

    fn certain_after(&self) -> Option<Duration> {
        Some(self.certain_after)
    }
}

impl Drop for KafkaMember {
    /// Leaving waits for a broker, so nobody waits for it here.
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
    }
}

/// Polls until the end. No record comes, since every partition is paused; one that slips through is not ours to read.
fn serve(consumer: &BaseConsumer<Sharing>, act: &str, changes: &async_mpsc::UnboundedSender<Told>, stop: &AtomicBool) {
    while !stop.load(SeqCst) {
        match consumer.poll(SLICE) {
            Some(Err(error)) if is_final(&error) => {
                let _nobody_listens = changes.send(Err(refused(act, error)));
                return;
            }
            Some(Err(error)) => tracing::debug!(%error, "the group of the log is not answered"),
            Some(Ok(_)) | None => {}
        }
    }
}

/// Takes what the group decides.
struct Sharing {
    topics: BTreeMap<String, Topic>,
    changes: async_mpsc::UnboundedSender<Told>,
    stop: Arc<AtomicBool>,
    /// A first assignment was told of.
    told: AtomicBool,
}

impl Sharing {
    fn partitions(&self, list: &TopicPartitionList) -> Vec<TopicPartition> {
        let known = |name: &str, number: i32| {
            let (topic, number) = (self.topics.get(name)?, u32::try_from(number).ok()?);
            Some(TopicPartition::new(*topic, number))
        };
        list.elements().iter().filter_map(|element| known(element.topic(), element.partition())).collect()
    }

    fn take(&self, partitions: Vec<TopicPartition>) {
        self.told.store(true, SeqCst);
        let _nobody_listens = self.changes.send(Ok(Change::Take(partitions)));
    }

    /// Asks for partitions, and waits until they are given.
    fn ask_back(&self, partitions: Vec<TopicPartition>) {
        let (token, given) = mpsc::channel::<()>();
        if self.changes.send(Ok(Change::Give(partitions, Given::new(token)))).is_err() {
            return;
        }
        while let Err(RecvTimeoutError::Timeout) = given.recv_timeout(SLICE) {
            if self.stop.load(SeqCst) {
                return;
            }
        }
    }
}

impl ClientContext for Sharing {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        write_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        write_error(&error, reason);
    }

    /// The only word of an assignment without partitions.
    fn stats(&self, statistics: Statistics) {
        let steady = statistics.cgrp.is_some_and(|group| group.join_state == "steady");
        if steady && !self.told.load(SeqCst) {
            self.take(Vec::new());
        }
    }
}

impl ConsumerContext for Sharing {
    fn pre_rebalance(&self, _consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(list) => self.ask_back(self.partitions(list)),
            Rebalance::Assign(_) => {}
            Rebalance::Error(error) => tracing::warn!(%error, "partitions cannot be shared for the moment"),
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => {
                if let Err(error) = consumer.pause(list) {
                    tracing::warn!(%error, "partitions that are only assigned are fetched all the same");
                }
                self.take(self.partitions(list));
            }
            Rebalance::Revoke(_) | Rebalance::Error(_) => {}
        }
    }
}
