//! How far the table holds the log: the ledger's watermark against the end of the log, and what that means in time.
//!
//! ```text
//!  coverage rows say: proven until T ──► then the log's ends are read ──► watermark ≥ ends: the table holds all of it
//! ```
//!
//! The order matters. A proof until T says that everything before T stands in the log *when the proof is written*. Ends
//! that are read after the proof therefore lie behind everything it speaks of. So an answer reads the intervals first,
//! then the ends, then the rows. Answers share a reading of the ends, where it began after the intervals of each were read.
//! Where the watermark lags, or the log does not say its ends, the newest older pair (ends, proofs) that it has passed
//! tells how far each cluster is held; those pairs are taken every few seconds.
//!
//! Right after a start there is no such pair. Nothing is promised then: when the last projected record was observed is no
//! measure, since a state may be observed (by a list, by a watch taken up again) long after it happened.
//!
//! A table without a row though the ledger tells of some was lost: until it is restored, nothing is answered from it.

mod ends;
mod proofs;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use beidou_log::{Log, LogError, ReadLimit};
use beidou_model::ledger::Ledger;
use beidou_schemas::{Micros, Offset, Topic, TopicPartition, ddl::TABLE_VERSION, ledger::LedgerFact};
use beidou_service::CancellationToken;
use beidou_store::query::{QueryError, Reader};

pub(crate) use self::proofs::Proofs;
use self::{ends::Ends, proofs::Kept};
use crate::{app::locked, ask::Range};

/// Between two pairs: what a lagging answer is at most too modest by, and how long after a start it knows nothing.
const SAMPLE_EVERY: Duration = Duration::from_secs(2);
/// Half an hour of pairs; then the older half is thinned to every second one, again and again.
const MOST_SAMPLES: usize = 900;
/// Facts to read back at the start: a cut is far shorter than this many facts, and each fact carries the watermark.
const TAIL_FACTS: Offset = 256;
/// Facts are small; a read brings a few thousand.
const READ: ReadLimit = ReadLimit { max_bytes: 1 << 20, max_wait: Duration::from_secs(5) };
/// Between two looks at the watermarks, for somebody who waits: a cut takes longer than this.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Between two tries at a log that cannot be read.
const RETRY_EVERY: Duration = Duration::from_secs(2);

/// Follows the ledger.
pub(crate) struct Projected {
    log: Arc<dyn Log>,
    ends: Ends,
    /// What is done of each partition of the Event topic.
    partitions: Vec<Mutex<Ledger>>,
    samples: Mutex<VecDeque<Sample>>,
    /// The table had rows at the last look, or is rightly empty.
    stands: AtomicBool,
    /// What was last asked of coverage, and how old an answer may take it.
    kept: Kept,
    age: Duration,
}

type Proven = Arc<BTreeMap<String, Micros>>;

struct Sample {
    ends: Arc<[Offset]>,
    proven: Proven,
}

/// How far the table holds the log at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reach {
    /// All of it.
    Everything,
    /// For each cluster all that was proven until this.
    Proven(Proven),
    /// No pair has been passed since the start: how far is not known yet.
    NotYetKnown,
}

impl Reach {
    /// Until when the cluster's history is surely in the table: `MAX` for all of it, 0 for none that we know of.
    pub(crate) fn of(&self, cluster: &str) -> Micros {
        match self {
            Self::Everything => Micros(i64::MAX),
            Self::Proven(proven) => proven.get(cluster).copied().unwrap_or_default(),
            Self::NotYetKnown => Micros(0),
        }
    }
}

impl Projected {
    pub(crate) fn new(log: Arc<dyn Log>, age: Duration) -> Arc<Self> {
        let ledger =
            |partition| Mutex::new(Ledger::new(TopicPartition::new(Topic::KubeEvent, partition), TABLE_VERSION));
        let partitions = (0..log.partitions(Topic::KubeEvent)).map(ledger).collect();
        let (samples, stands, kept) = (Mutex::default(), AtomicBool::default(), Kept::default());
        Arc::new(Self { ends: Ends::new(log.clone()), log, partitions, samples, stands, kept, age })
    }

    /// How far the table holds what was in the log when these proofs had been read. Ask for the rows after.
    ///
    /// A log that does not say its ends now costs precision, not the answer: older pairs go on telling.
    pub(crate) async fn reach(&self, proofs: &Proofs) -> Reach {
        let ends = self.ends.since(proofs.came()).await;
        let marks = self.marks();
        if ends.is_some_and(|ends| passed(&marks, &ends)) {
            return Reach::Everything;
        }
        let samples = locked(&self.samples);
        let newest = samples.iter().rev().find(|sample| passed(&marks, &sample.ends));
        newest.map_or(Reach::NotYetKnown, |sample| Reach::Proven(sample.proven.clone()))
    }

    /// Whether the table has no row though the ledger tells of some: it is being restored, or waits for it.
    pub(crate) async fn is_lost(&self, reader: &Reader) -> Result<bool, QueryError> {
        let stands = self.stands.load(Ordering::Relaxed) || self.marks().iter().all(|mark| *mark == 0);
        Ok(!stands && !self.look(reader).await?)
    }

    /// What was proven of these clusters, a few seconds ago or now.
    pub(crate) async fn proofs(
        &self,
        reader: &Reader,
        clusters: &[String],
        range: Range,
    ) -> Result<Arc<Proofs>, QueryError> {
        match self.kept.younger_than(self.age, range) {
            Some(kept) => Ok(kept),
            None if clusters.is_empty() => Ok(Arc::new(Proofs::of_none(range))),
            None => Ok(Arc::new(Proofs::of(reader, Some(clusters), range).await?)),
        }
    }

    async fn look(&self, reader: &Reader) -> Result<bool, QueryError> {
        let stands = reader.events_stand().await;
        self.stands.store(*stands.as_ref().unwrap_or(&false), Ordering::Relaxed);
        stands
    }

    /// Waits until the table holds all that is in the log now; `false` where nothing moves for `patience`.
    pub(crate) async fn caught_up(&self, patience: Duration) -> Result<bool, LogError> {
        let ends = ends::read(&*self.log).await?;
        let (mut marks, mut moved) = (self.marks(), Instant::now());
        while !passed(&marks, &ends) {
            if moved.elapsed() > patience {
                return Ok(false);
            }
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.marks();
            if now != marks {
                (marks, moved) = (now, Instant::now());
            }
        }
        Ok(true)
    }

    /// The watermark of each partition.
    fn marks(&self) -> Vec<Offset> {
        self.partitions.iter().map(|ledger| locked(ledger).watermark().unwrap_or_default()).collect()
    }

    /// Takes in the ledger until the end of the process.
    pub(crate) async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let all = (0..self.log.partitions(Topic::Ledger)).map(|p| self.follow_one(p));
        tokio::select! {
            () = stop.cancelled() => {}
            _ = futures::future::join_all(all) => {}
        }
    }

    async fn follow_one(&self, partition: u32) {
        let at = TopicPartition::new(Topic::Ledger, partition);
        let mut from = None;
        loop {
            if let Err(error) = self.read_on(at, &mut from).await {
                tracing::warn!(%at, error = %error, "cannot follow the ledger, coverage answers lag meanwhile");
                tokio::time::sleep(RETRY_EVERY).await;
            }
        }
    }

    async fn read_on(&self, at: TopicPartition, from: &mut Option<Offset>) -> Result<(), LogError> {
        let next = match *from {
            Some(next) => next,
            None => self.tail_of(at).await?,
        };
        match self.log.read(at, next, READ).await {
            Ok(batch) => {
                batch.records.iter().for_each(|stored| self.take(&stored.record.value));
                *from = Some(batch.next);
                Ok(())
            }
            Err(error) => {
                // Compacted behind our back: its tail still tells everything.
                *from = None;
                Err(error)
            }
        }
    }

    async fn tail_of(&self, at: TopicPartition) -> Result<Offset, LogError> {
        let bounds = self.log.bounds(at).await?;
        Ok(bounds.end.saturating_sub(TAIL_FACTS).max(bounds.start))
    }

    fn take(&self, json: &[u8]) {
        let fact = match LedgerFact::from_json(json) {
            Ok(fact) => fact,
            Err(error) => return tracing::warn!(error = %error, "a ledger fact was not understood"),
        };
        let source = fact.source();
        let ledger = self.partitions.get(source.partition as usize).filter(|_| source.topic == Topic::KubeEvent);
        let Some(ledger) = ledger else { return };
        if let Err(error) = locked(ledger).apply(&fact) {
            tracing::warn!(error = %error, "a ledger fact does not fit");
        }
    }

    /// Takes pairs of ends and proofs until the end of the process.
    pub(crate) async fn sample(self: Arc<Self>, reader: Reader, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(SAMPLE_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            if let Err(error) = self.take_sample(&reader).await {
                tracing::debug!(error, "no pair of proofs and ends taken");
            }
        }
    }

    /// Proofs first, ends after: see the header.
    async fn take_sample(&self, reader: &Reader) -> Result<(), String> {
        self.look(reader).await.map_err(|error| error.to_string())?;
        let proofs = Arc::new(Proofs::of_all(reader).await.map_err(|error| error.to_string())?);
        let (proven, came) = (proofs.proven(), proofs.came());
        self.kept.keep(proofs);
        let ends = self.ends.since(came).await.ok_or("the log does not say where it ends")?;
        self.keep(Sample { ends, proven: Arc::new(proven) });
        Ok(())
    }

    fn keep(&self, sample: Sample) {
        let mut samples = locked(&self.samples);
        samples.push_back(sample);
        if samples.len() > MOST_SAMPLES {
            let mut index = 0;
            samples.retain(|_| {
                index += 1;
                index > MOST_SAMPLES / 2 || index % 2 == 0
            });
        }
    }
}

fn passed(marks: &[Offset], ends: &[Offset]) -> bool {
    marks.iter().zip(ends).all(|(mark, end)| mark >= end)
}

#[cfg(test)]
mod tests;
