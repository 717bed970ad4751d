//! The coverage topic: read back at start, written by one task for all clusters.
//!
//! Facts of all clusters go through one bounded channel into one partition, in order; facts that wait together are
//! one append. A snapshot stands at the start of each run and after every [`SNAPSHOT_EVERY`] facts, so that a reader
//! needs only the tail.
//!
//! Replicas of ingest share the topic: each goes on from its own facts, and from those of others where it has none.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use beidou_log::{Log, ReadLimit, Writer};
use beidou_model::watch::{Standing, Standings};
use beidou_schemas::{
    ClusterUid, Micros, Offset, Topic, TopicPartition,
    coverage::{CoverageFact, collector},
};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::{
    error::IngestError,
    outside::Outside,
    publish::{Failure, Retry},
};

/// Coverage has one partition: facts are few (one per heartbeat and cluster), and a snapshot is of all clusters.
pub(crate) const AT: TopicPartition = TopicPartition { topic: Topic::KubeCoverage, partition: 0 };
/// A tail that surely holds a snapshot is then read in one go.
const SNAPSHOT_EVERY: u64 = 1000;
/// Offsets to go back for the first look at the tail: four snapshots' worth.
const FIRST_STEP: u64 = 4 * SNAPSHOT_EVERY;
/// Lists of facts that may wait: one per cluster of a large fleet. A full channel makes the clusters wait.
const WAITING: usize = 64;
/// Lists of facts that make one append; a fact has well below 1 KiB.
const MOST_TOGETHER: usize = 256;
const READ_BYTES: usize = 4 << 20;

struct Order {
    facts: Vec<CoverageFact>,
    durable: oneshot::Sender<()>,
}

/// Where clusters publish what their watches proved.
#[derive(Clone)]
pub(crate) struct Coverage {
    orders: mpsc::Sender<Order>,
    standings: Arc<Mutex<Standings>>,
}

impl Coverage {
    /// The handle of this collector, and the task that must run for it.
    pub(crate) async fn open(
        log: &dyn Log,
        name: &str,
        collector: &str,
        (retry, outside): (Retry, Arc<dyn Outside>),
    ) -> Result<(Self, impl Future<Output = Result<(), IngestError>> + use<>), IngestError> {
        let writer = retry.writer(log, AT, name).await?;
        let Found { mut own, others, .. } = retry.found(|| find(log, collector)).await?;
        let given_up = own.adopt(others.values());
        let standings = Arc::new(Mutex::new(own));
        let (orders, inbox) = mpsc::channel(WAITING);
        let hand = Hand { writer, collector: collector.to_owned(), retry, outside };
        let task = hand.write(given_up, inbox, Arc::clone(&standings));
        Ok((Self { orders, standings }, task))
    }

    /// Where the cluster stands, by all that is durable.
    pub(crate) fn standing(&self, cluster: &ClusterUid) -> Option<Standing> {
        self.standings.lock().unwrap_or_else(PoisonError::into_inner).of(cluster).cloned()
    }

    /// When a cluster of this name was proven last, by all that is durable: its uid is not known before it answers.
    pub(crate) fn proven(&self, name: &str) -> Option<Micros> {
        let standings = self.standings.lock().unwrap_or_else(PoisonError::into_inner);
        standings.iter().filter(|(_, standing)| standing.cluster_name == name).map(|(_, standing)| standing.until).max()
    }

    /// Every import record below this offset is on the Event topic.
    pub(crate) fn imported(&self) -> Offset {
        self.standings.lock().unwrap_or_else(PoisonError::into_inner).imported()
    }

    /// Publishes facts in order. Returns at once for plain progress, which may be lost with the process; everything
    /// else is durable when this returns.
    pub(crate) async fn publish(&self, facts: Vec<CoverageFact>) -> Result<(), IngestError> {
        if facts.is_empty() {
            return Ok(());
        }
        let plain = facts.iter().all(|fact| matches!(fact, CoverageFact::Advanced(_)));
        let (durable, done) = oneshot::channel();
        self.orders.send(Order { facts, durable }).await.map_err(|_| IngestError::Stopped)?;
        if plain { Ok(()) } else { done.await.map_err(|_| IngestError::Stopped) }
    }
}

/// Writes the facts of one collector.
struct Hand {
    writer: Arc<dyn Writer>,
    collector: String,
    retry: Retry,
    outside: Arc<dyn Outside>,
}

impl Hand {
    async fn append(&self, facts: impl Iterator<Item = CoverageFact>) -> Result<(), IngestError> {
        let now = self.outside.now();
        let records: Vec<_> = facts.map(|fact| fact.to_record_by(&self.collector, Uuid::now_v7(), now)).collect();
        Ok(self.retry.append(self.writer.as_ref(), &records).await?)
    }

    async fn write(
        self,
        given_up: Vec<CoverageFact>,
        mut inbox: mpsc::Receiver<Order>,
        standings: Arc<Mutex<Standings>>,
    ) -> Result<(), IngestError> {
        let mut next = standings.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut since_snapshot = 0;
        let mut facts = [given_up, next.tail()].concat();
        let mut waiting: Vec<oneshot::Sender<()>> = Vec::new();
        loop {
            self.append(facts.drain(..)).await?;
            standings.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&next);
            for durable in waiting.drain(..) {
                // Whoever no longer waits has gone; what it published is durable all the same.
                let _gone = durable.send(());
            }
            let mut orders = Vec::new();
            if inbox.recv_many(&mut orders, MOST_TOGETHER).await == 0 {
                return Ok(());
            }
            for order in orders {
                order.facts.iter().for_each(|fact| next.apply(fact));
                since_snapshot += order.facts.len() as u64;
                facts.extend(order.facts);
                waiting.push(order.durable);
            }
            if since_snapshot >= SNAPSHOT_EVERY {
                since_snapshot = 0;
                facts.extend(next.tail());
            }
        }
    }
}

/// Where this collector has brought every cluster.
///
/// # Errors
/// When the log cannot be read, or was written by a newer version.
pub async fn standings(log: &dyn Log, collector: &str) -> Result<Standings, IngestError> {
    Ok(find(log, collector).await?.own)
}

impl Retry {
    /// Asks again while the log cannot be read for the moment.
    async fn found<F>(&self, find: impl Fn() -> F) -> Result<Found, IngestError>
    where
        F: Future<Output = Result<Found, IngestError>>,
    {
        let answer = self.ask(|| async {
            match find().await {
                Err(IngestError::Positions(error)) => Err(error),
                other => Ok(other),
            }
        });
        match answer.await {
            Ok(found) => found,
            Err(Failure::Log(error)) => Err(IngestError::Positions(error)),
            Err(Failure::Stopped) => Err(IngestError::Stopped),
        }
    }
}

/// What the topic says.
#[derive(Default)]
struct Found {
    own: Standings,
    others: BTreeMap<String, Standings>,
    /// A snapshot of our own was among it.
    from_snapshot: bool,
}

/// Reads back where every cluster stands, from our newest snapshots on. A collector that has none reads the whole topic.
async fn find(log: &dyn Log, own: &str) -> Result<Found, IngestError> {
    let bounds = log.bounds(AT).await.map_err(IngestError::Positions)?;
    let mut step = FIRST_STEP;
    loop {
        let from = bounds.end.saturating_sub(step).max(bounds.start);
        let found = fold(log, own, from, bounds.end).await?;
        if found.from_snapshot || from == bounds.start {
            return Ok(found);
        }
        step = step.saturating_mul(2);
    }
}

/// Folds what lies between the two. Facts before the first snapshot count too where there is nothing before them;
/// otherwise the snapshot replaces them. What has no name is of a time with one collector: everybody's own.
async fn fold(log: &dyn Log, own: &str, from: u64, end: u64) -> Result<Found, IngestError> {
    let limit = ReadLimit { max_bytes: READ_BYTES, max_wait: std::time::Duration::ZERO };
    let (mut found, mut at) = (Found::default(), from);
    while at < end {
        let read = log.read(AT, at, limit).await.map_err(IngestError::Positions)?;
        for stored in &read.records {
            let fact = CoverageFact::from_json(&stored.record.value)?;
            match collector(&stored.record).filter(|name| *name != own) {
                Some(other) => found.others.entry(other.to_owned()).or_default().apply(&fact),
                None => {
                    found.from_snapshot |= matches!(fact, CoverageFact::Snapshot(_));
                    found.own.apply(&fact);
                }
            }
        }
        if read.next <= at {
            break;
        }
        at = read.next;
    }
    Ok(found)
}
