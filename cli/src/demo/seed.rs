//! A week of history into the log, and the proof that it is whole: coverage facts as ingest writes them.
//!
//! ```text
//!  one thread per cluster: generate ─► records by partition ─► short queue ─► append ─► durable ─► coverage facts
//!                                                                                projector follows beside it
//! ```
//!
//! One cluster was not watched for a while: of that time only the last state of each Event is kept, as a list finds it
//! afterwards, and the time is reported as degraded.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use beidou_log::{Log, Writer};
use beidou_projector::Status;
use beidou_schemas::{
    ClusterUid, Epoch, EventUid, Identity, Micros, Offset, Record, ResourceVersion, Topic, TopicPartition,
    coverage::{Broken, CoverageFact, CoverageState, Position, Reason, SessionEnd},
    envelope::{EventEnvelope, FoundBy},
    time::{DAY, SECOND},
    topic::partition_of,
};
use beidou_simulator::{ClusterHistory, HistoryOptions, HistoryState, history};
use tokio::{sync::mpsc, task::JoinSet};
use uuid::Uuid;

use super::Stage;
use crate::{
    exit::{Code, Failure},
    progress::Bars,
};

/// Records of one append over all partitions: some 3 MB, a fraction of a second's work for every stage.
const BATCH: usize = 4096;
/// Batches between generator and log, for each cluster: enough that neither waits for the other's hiccups.
const QUEUE: usize = 4;
/// Our name as a writer of the log.
const WRITER: &str = "demo";
/// The cluster that was not watched for a while, when that began before now, and how long it took: less than Events
/// live, so that a list still found the last state of each.
const UNWATCHED: (&str, i64, i64) = ("sz-prod-01", 4 * DAY, 40 * 60 * SECOND);
/// Events of the last hour still stand in the simulated API servers.
const EVENT_TTL: i64 = 3600 * SECOND;
/// How often the bars move.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The history as it was written.
#[derive(Debug)]
pub struct Seeded {
    /// States in the log, and in the tables.
    pub states: u64,
    /// How long it took.
    pub took: Duration,
    /// Each cluster's generator, ready to go on, with the states that its API server still has.
    pub clusters: Vec<(ClusterHistory, Vec<HistoryState>)>,
}

/// What one cluster's thread hands over at its end.
struct Told {
    history: ClusterHistory,
    recent: Vec<HistoryState>,
    facts: Vec<CoverageFact>,
}

type Batch = Vec<Vec<Record>>;

impl Stage {
    /// Writes the history and waits until it is in the tables; `None` where an earlier demo has.
    ///
    /// # Errors
    /// When the log refuses, or holds something else.
    pub(super) async fn seed(&self) -> anyhow::Result<Option<Seeded>> {
        let begun = Instant::now();
        if self.is_told {
            return Ok(None);
        }
        for (at, end) in ends(self.log.as_ref()).await? {
            if end > 0 {
                let text = format!("{at} holds records that no finished demo wrote");
                let next = "choose an empty directory with --data; `beidou up --data` goes on with collected data";
                return Err(Failure::new(Code::Failure, text, next).into());
            }
        }
        let bars = Bars::new();
        let written = bars.counting("written to the log", self.options.states, "states");
        let in_tables = bars.counting("in the tables", self.options.states, "rows");
        let count = Arc::new(AtomicU64::new(0));
        let write = write(self.log.clone(), self.options.clone(), count.clone());
        tokio::pin!(write);
        let mut beats = tokio::time::interval(LOOK_EVERY);
        let clusters = loop {
            tokio::select! {
                clusters = &mut write => break clusters?,
                _ = beats.tick() => {
                    written.at(count.load(Ordering::Relaxed));
                    in_tables.at(rows(&self.projected.borrow()));
                }
            }
        };
        let states = count.load(Ordering::Relaxed);
        written.of(states);
        written.at(states);
        written.finish();
        in_tables.of(states);
        let ends = ends(self.log.as_ref()).await?;
        while !is_in_tables(&self.projected.borrow(), &ends) {
            beats.tick().await;
            in_tables.at(rows(&self.projected.borrow()));
        }
        in_tables.at(states);
        bars.clear();
        self.mark.write(&self.process.data)?;
        Ok(Some(Seeded { states, took: begun.elapsed(), clusters }))
    }
}

fn rows(status: &Status) -> u64 {
    let events = status.partitions.iter().filter(|(at, _)| at.topic == Topic::KubeEvent);
    events.map(|(_, partition)| partition.watermark).sum()
}

async fn ends(log: &dyn Log) -> anyhow::Result<Vec<(TopicPartition, Offset)>> {
    let mut ends = Vec::new();
    for topic in [Topic::KubeEvent, Topic::KubeCoverage] {
        for partition in 0..log.partitions(topic) {
            let at = TopicPartition::new(topic, partition);
            ends.push((at, log.bounds(at).await?.end));
        }
    }
    Ok(ends)
}

fn is_in_tables(status: &Status, ends: &[(TopicPartition, Offset)]) -> bool {
    ends.iter().all(|(at, end)| status.partitions.get(at).is_some_and(|partition| partition.watermark >= *end))
}

async fn write(
    log: Arc<dyn Log>,
    options: HistoryOptions,
    count: Arc<AtomicU64>,
) -> anyhow::Result<Vec<(ClusterHistory, Vec<HistoryState>)>> {
    let partitions = log.partitions(Topic::KubeEvent);
    let mut writers = Vec::new();
    for partition in 0..partitions {
        writers.push(log.writer(TopicPartition::new(Topic::KubeEvent, partition), WRITER).await?);
    }
    let writers: Arc<[Arc<dyn Writer>]> = writers.into();
    let (mut threads, mut appenders) = (JoinSet::new(), JoinSet::new());
    for (index, history) in history(&options).into_iter().enumerate() {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let now_us = options.now_us;
        let from_us = now_us - i64::from(options.days) * DAY;
        threads.spawn_blocking(move || {
            Teller::new(history, from_us, now_us, partitions)?.tell(&sender).map(|told| (index, told))
        });
        appenders.spawn(append(writers.clone(), receiver, count.clone()));
    }
    while let Some(appended) = appenders.join_next().await {
        appended??;
    }
    let mut told = Vec::new();
    while let Some(ended) = threads.join_next().await {
        told.push(ended??);
    }
    told.sort_by_key(|(index, _)| *index);
    // The proof comes after what it proves.
    let coverage = log.writer(TopicPartition::new(Topic::KubeCoverage, 0), WRITER).await?;
    let now = Micros(options.now_us);
    let facts = told.iter().flat_map(|(_, told)| &told.facts).map(|fact| fact.to_record(Uuid::now_v7(), now));
    coverage.append(facts.collect()).await.context("cannot write the coverage of the history")?;
    Ok(told.into_iter().map(|(_, told)| (told.history, told.recent)).collect())
}

async fn append(
    writers: Arc<[Arc<dyn Writer>]>,
    mut batches: mpsc::Receiver<Batch>,
    count: Arc<AtomicU64>,
) -> anyhow::Result<()> {
    while let Some(batch) = batches.recv().await {
        let states: usize = batch.iter().map(Vec::len).sum();
        let appends = writers.iter().zip(batch).filter(|(_, records)| !records.is_empty());
        let appends = appends.map(|(writer, records)| writer.append(records));
        futures::future::try_join_all(appends).await.context("cannot write the history to the log")?;
        count.fetch_add(states as u64, Ordering::Relaxed);
    }
    Ok(())
}

/// Tells one cluster's history.
struct Teller {
    history: ClusterHistory,
    cluster: ClusterUid,
    name: String,
    from: Micros,
    now: Micros,
    unwatched: Option<(Micros, Micros)>,
    partitions: u32,
    batch: Batch,
    batched: usize,
    recent: Vec<HistoryState>,
}

impl Teller {
    fn new(history: ClusterHistory, from_us: i64, now_us: i64, partitions: u32) -> anyhow::Result<Self> {
        let cluster = history.cluster().clone();
        let (name, age, length) = UNWATCHED;
        let begin = now_us - age;
        let unwatched = (cluster.name == name && begin > from_us).then_some((Micros(begin), Micros(begin + length)));
        Ok(Self {
            history,
            cluster: cluster.uid.to_string().parse()?,
            name: cluster.name.clone(),
            from: Micros(from_us),
            now: Micros(now_us),
            unwatched,
            partitions,
            batch: vec![Vec::new(); partitions as usize],
            batched: 0,
            recent: Vec::new(),
        })
    }

    fn tell(mut self, to: &mpsc::Sender<Batch>) -> anyhow::Result<Told> {
        let start = ResourceVersion(self.history.resource_version());
        let (mut at_break, mut missed) = (start, HashMap::<Uuid, HistoryState>::new());
        while let Some(state) = self.history.next() {
            if state.time_us >= self.now.0 - EVENT_TTL {
                self.recent.push(state.clone());
            }
            match self.unwatched {
                Some((from, until)) if (from.0..until.0).contains(&state.time_us) => {
                    missed.insert(state.uid, state);
                    continue;
                }
                Some((_, until)) if !missed.is_empty() && state.time_us >= until.0 => {
                    self.listed(std::mem::take(&mut missed), until, to)?;
                }
                Some((from, _)) if state.time_us < from.0 => at_break = ResourceVersion(state.resource_version),
                Some(_) | None => {}
            }
            self.put(&state, Micros(state.time_us), to)?;
        }
        self.hand_over(to)?;
        let facts = self.facts(start, at_break)?;
        Ok(Told { history: self.history, recent: self.recent, facts })
    }

    /// What the list finds afterwards: the last state of each Event, observed at the end.
    fn listed(
        &mut self,
        missed: HashMap<Uuid, HistoryState>,
        at: Micros,
        to: &mpsc::Sender<Batch>,
    ) -> anyhow::Result<()> {
        let mut found: Vec<_> = missed.into_values().collect();
        found.sort_by_key(|state| state.resource_version);
        found.iter().try_for_each(|state| self.put(state, at, to))
    }

    fn put(&mut self, state: &HistoryState, observed: Micros, to: &mpsc::Sender<Batch>) -> anyhow::Result<()> {
        let event: EventUid = state.uid.to_string().parse()?;
        let partition = partition_of(&self.cluster, &event, self.partitions);
        let identity = Identity {
            cluster: self.cluster.clone(),
            epoch: Epoch(0),
            event,
            resource_version: ResourceVersion(state.resource_version),
        };
        let envelope = EventEnvelope { identity, cluster_name: self.name.clone(), observed, found_by: FoundBy::Seed };
        self.batch[partition as usize].push(envelope.wrap(state.json.clone()));
        self.batched += 1;
        if self.batched >= BATCH { self.hand_over(to) } else { Ok(()) }
    }

    fn hand_over(&mut self, to: &mpsc::Sender<Batch>) -> anyhow::Result<()> {
        self.batched = 0;
        let batch = std::mem::replace(&mut self.batch, vec![Vec::new(); self.partitions as usize]);
        to.blocking_send(batch).context("the history was stopped")
    }

    /// One session over the week, or two with the unwatched time between them.
    fn facts(&self, start: ResourceVersion, at_break: ResourceVersion) -> anyhow::Result<Vec<CoverageFact>> {
        let end = ResourceVersion(self.history.resource_version());
        let Some((from, until)) = self.unwatched else {
            return Ok(self.session(start, end, self.from, self.now, Reason::Shutdown));
        };
        let mut facts = self.session(start, at_break, self.from, from, Reason::Expired);
        facts.push(CoverageFact::Broken(Broken {
            cluster: self.cluster.clone(),
            cluster_name: self.name.clone(),
            epoch: Epoch(0),
            state: CoverageState::Degraded,
            from,
            until,
            reason: Reason::Expired,
            detail: format!("too old resource version: {at_break} (made by the demo)"),
        }));
        facts.extend(self.session(at_break, end, until, self.now, Reason::Shutdown));
        Ok(facts)
    }

    fn session(
        &self,
        start: ResourceVersion,
        end: ResourceVersion,
        from: Micros,
        until: Micros,
        reason: Reason,
    ) -> Vec<CoverageFact> {
        let began = Position {
            cluster: self.cluster.clone(),
            cluster_name: self.name.clone(),
            epoch: Epoch(0),
            session: Uuid::now_v7(),
            start_resource_version: start,
            resource_version: start,
            from,
            until: from,
        };
        let position = Position { resource_version: end, until, ..began.clone() };
        let ended = SessionEnd { position: position.clone(), reason, detail: String::new(), deleted_frames: 0 };
        vec![CoverageFact::Started(began), CoverageFact::Advanced(position), CoverageFact::Ended(ended)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(cluster: &str) -> (Vec<Record>, Told) {
        let now_us = 1_795_415_160_000_000;
        let options = HistoryOptions { states: 20_000, ..HistoryOptions::demo(1, now_us) };
        let history = history(&options).into_iter().find(|one| one.cluster().name == cluster).unwrap();
        let teller = Teller::new(history, now_us - 7 * DAY, now_us, 3).unwrap();
        let (sender, mut receiver) = mpsc::channel(100);
        let told = teller.tell(&sender).unwrap();
        drop(sender);
        let mut records = Vec::new();
        while let Ok(batch) = receiver.try_recv() {
            records.extend(batch.into_iter().flatten());
        }
        (records, told)
    }

    #[test]
    fn the_unwatched_time_is_reported_and_holds_one_state_of_each_event() {
        let (records, told) = told("sz-prod-01");
        let broken: Vec<_> = told
            .facts
            .iter()
            .filter_map(|fact| match fact {
                CoverageFact::Broken(broken) => Some(broken),
                _ => None,
            })
            .collect();
        assert_eq!(broken.len(), 1);
        let observed_late = records.iter().filter_map(|record| EventEnvelope::read(record).ok());
        let late: Vec<_> = observed_late.filter(|envelope| envelope.observed == broken[0].until).collect();
        let mut events: Vec<_> = late.iter().map(|envelope| envelope.identity.event.clone()).collect();
        assert!(!events.is_empty(), "something happened in the unwatched time");
        let all = events.len();
        events.sort();
        events.dedup();
        assert_eq!(events.len(), all);
    }

    #[test]
    fn the_last_fact_is_the_position_that_ingest_goes_on_from() {
        let (records, told) = told("hz-prod-02");
        let Some(CoverageFact::Ended(end)) = told.facts.last() else { panic!("{:?}", told.facts) };
        let newest = records.iter().map(|record| EventEnvelope::read(record).unwrap().identity.resource_version).max();
        assert_eq!(Some(end.position.resource_version), newest);
        assert_eq!(told.history.resource_version(), end.position.resource_version.0);
        assert!(!told.recent.is_empty());
        assert!(records.len() > 6_000, "{} states of a third of the fleet", records.len());
    }
}
