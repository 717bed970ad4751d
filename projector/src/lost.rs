//! Records that were removed from the log before they were in the tables: what is said of them.
//!
//! ```text
//!  log       ──kept──┤ removed ├──kept──►        (somebody deleted segments, or the log had no hold for us)
//!  coverage            [ gap  ]                  of every cluster that was watched then, a margin wider at both ends
//!  rejects             one row that names the offsets
//! ```
//!
//! The watch had delivered them, so its sessions call that time complete. The gap has a reason of its own,
//! [`Reason::LogRemoved`], which outweighs them. Only lost states of Events make a gap: lost facts of coverage leave time
//! that nobody proves, and that is what answers say of it.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use beidou_log::{LogError, ReadLimit, StoredRecord};
use beidou_schemas::{
    ClusterUid, Epoch, Micros, Offset, Topic, TopicPartition,
    coverage::{Broken, CoverageFact, CoverageState, Position, Reason},
    time::SECOND,
};

use crate::{
    ProjectorError,
    encode::{Encoded, LostRange},
    worker::Worker,
};

/// A state is observed, and brought into the log, at most so long after it was committed: Events live for an hour.
const MARGIN: i64 = 3600 * SECOND;
/// How much of the coverage topic one read brings.
const READ: ReadLimit = ReadLimit { max_bytes: 4 << 20, max_wait: Duration::ZERO };
/// One stored batch is enough to see when it was observed.
const LOOK: ReadLimit = ReadLimit { max_bytes: 1, max_wait: Duration::ZERO };

/// What the coverage topic says of a cluster.
#[derive(Debug)]
struct Watched {
    name: String,
    epoch: Epoch,
    /// The first and the last proven moment.
    times: Range<Micros>,
}

impl Worker {
    /// What is to be said of a lost range. `before` is when the last record before it was observed, `kept` what is left
    /// of the cut.
    pub async fn lost(
        &self,
        before: Option<Micros>,
        offsets: Range<Offset>,
        kept: &[StoredRecord],
    ) -> Result<LostRange, ProjectorError> {
        let now = Micros::of(jiff::Timestamp::now());
        let after = match kept.first() {
            Some(record) => observed(record),
            None => self.patiently(|| self.first_observed(offsets.end)).await?,
        };
        // Not into the future, where nothing is lost; but not before the record either, if our clock was set back.
        let until = after.map_or(now, |after| after.plus(MARGIN).min(now).max(after));
        let before = before.map(|before| before.min(until));
        let clusters = match self.at.topic {
            Topic::KubeEvent => self.patiently(|| self.watched()).await?,
            Topic::KubeCoverage
            | Topic::KubeReject
            | Topic::Ledger
            | Topic::Maintenance
            | Topic::KubeImport
            | Topic::OperationCommand
            | Topic::Operation
            | Topic::OperationTask
            | Topic::OperationLedger
            | Topic::OperationDraft => BTreeMap::new(),
        };
        let detail = format!("{}..{} of {}", offsets.start, offsets.end, self.at);
        let gap = |(cluster, watched): (ClusterUid, Watched)| {
            // A gap's key is its cluster and beginning: those of two partitions must differ.
            let apart = i64::from(self.at.partition);
            let from = before.unwrap_or(watched.times.start).plus(-MARGIN - apart).max(Micros(0));
            // A cluster has lost nothing long after its watch had ended.
            let until = until.min(watched.times.end.plus(MARGIN));
            (watched.times.end >= from && from < until).then(|| Broken {
                cluster,
                cluster_name: watched.name,
                epoch: watched.epoch,
                state: CoverageState::Gap,
                from,
                until,
                reason: Reason::LogRemoved,
                detail: detail.clone(),
            })
        };
        let gaps = clusters.into_iter().filter_map(gap).collect();
        Ok(LostRange { offsets, observed: after.unwrap_or(now), gaps })
    }

    /// When the first record from `offset` on was observed, if there is any.
    async fn first_observed(&self, offset: Offset) -> Result<Option<Micros>, ProjectorError> {
        match self.log.read(self.at, offset, LOOK).await {
            Ok(batch) => Ok(batch.records.first().and_then(observed)),
            // More is gone meanwhile; the next cut will say so.
            Err(LogError::Removed { .. }) => Ok(None),
            Err(error) => Err(ProjectorError::log("read", self.at)(error)),
        }
    }

    /// All clusters of which the coverage topic speaks. From the log, not from the table, which may lag behind it.
    async fn watched(&self) -> Result<BTreeMap<ClusterUid, Watched>, ProjectorError> {
        let mut found = BTreeMap::new();
        for partition in 0..self.log.partitions(Topic::KubeCoverage) {
            let at = TopicPartition::new(Topic::KubeCoverage, partition);
            let bounds = self.log.bounds(at).await.map_err(ProjectorError::log("find the bounds of", at))?;
            let mut next = bounds.start;
            while next < bounds.end {
                let batch = match self.log.read(at, next, READ).await {
                    Err(LogError::Removed { first, .. }) if first > next => {
                        next = first;
                        continue;
                    }
                    answer => answer.map_err(ProjectorError::log("read", at))?,
                };
                // What is no fact is told where the topic itself is projected.
                let facts = batch.records.iter().filter_map(|r| CoverageFact::from_json(&r.record.value).ok());
                facts.for_each(|fact| note_fact(&mut found, fact));
                if batch.next <= next {
                    break;
                }
                next = batch.next;
            }
        }
        Ok(found)
    }

    /// Says it in the log of the process, and counts it.
    pub fn tell_lost(&self, encoded: &Encoded) {
        if let Some(Range { start: from, end: to }) = encoded.lost {
            self.metrics.lost.inc_by(to - from);
            tracing::error!(
                source = %self.at, from, to,
                "the log lost records before they were in the tables; the gap is listed by `beidou coverage` and `beidou rejects`"
            );
        }
    }
}

fn observed(stored: &StoredRecord) -> Option<Micros> {
    stored.record.header("ce_time").and_then(Micros::parse).filter(|time| time.in_column())
}

fn note_fact(found: &mut BTreeMap<ClusterUid, Watched>, fact: CoverageFact) {
    let mut note = |cluster: ClusterUid, name: String, epoch: Epoch, times: Range<Micros>| {
        let watched =
            found.entry(cluster).or_insert_with(|| Watched { name: String::new(), epoch, times: times.clone() });
        watched.times = watched.times.start.min(times.start)..watched.times.end.max(times.end);
        (watched.name, watched.epoch) = (name, epoch);
    };
    let mut at = |p: Position| note(p.cluster, p.cluster_name, p.epoch, p.from..p.until);
    match fact {
        CoverageFact::Started(position) | CoverageFact::Advanced(position) => at(position),
        CoverageFact::Ended(end) => at(end.position),
        CoverageFact::Snapshot(snapshot) => snapshot.positions.into_iter().for_each(at),
        CoverageFact::Broken(b) => note(b.cluster, b.cluster_name, b.epoch, b.from..b.until),
        CoverageFact::Missed(m) => note(m.cluster, m.cluster_name, m.epoch, m.from..m.until),
        CoverageFact::Imported(_) => {}
    }
}
