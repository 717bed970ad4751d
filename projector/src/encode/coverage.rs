//! Coverage facts into rows of `kube_coverage`.
//!
//! A session is one row that grows: each started, advanced or ended fact is a newer version of it, by log offset. Of the
//! facts of one session in one cut only the last is inserted. A snapshot repeats what other rows say.

use std::collections::BTreeMap;

use beidou_log::StoredRecord;
use beidou_schemas::{
    ClusterUid, Micros, TopicPartition,
    coverage::{Broken, CoverageFact, CoverageState, Missed, Position, Reason, SessionEnd},
    fact::FactError,
};
use uuid::Uuid;

use super::{
    CutRange, Encoded,
    column::{Column, rows},
    reject::Rejects,
};
use crate::ProjectorError;

/// The table.
pub const TABLE: &str = "kube_coverage";

rows! {
    /// Rows of `kube_coverage`.
    CoverageRows {
        cluster_uid: Text,
        cluster: Text,
        epoch: UInt32,
        state: Enum,
        session: Uid,
        from_time: Time,
        until_time: Time,
        start_resource_version: UInt64,
        resource_version: UInt64,
        reason: Text,
        detail: Text,
        deleted_frames: UInt64,
        log_offset: UInt64,
    }
}

/// The table's key: one row each.
type Key = (ClusterUid, CoverageState, Uuid, Micros);

/// The newest of a key's facts in a cut.
pub(super) enum Interval {
    Session(Position, Option<(Reason, String, u64)>),
    Broken(Broken),
    Missed(Missed),
}

/// Encodes the coverage topic.
#[derive(Debug)]
pub struct CoverageEncoder {
    at: TopicPartition,
}

impl CoverageEncoder {
    /// The encoder of one partition.
    pub fn new(at: TopicPartition) -> Self {
        Self { at }
    }

    pub(super) fn encode(&self, range: CutRange, records: &[StoredRecord]) -> Result<Encoded, ProjectorError> {
        let (mut out, mut rejects) = (Encoded::default(), Rejects::default());
        let mut newest: BTreeMap<Key, (u64, Interval)> = BTreeMap::new();
        for stored in records {
            let observed = stored.record.header("ce_time").and_then(Micros::parse).unwrap_or_default();
            out.observed = out.observed.max(observed);
            match CoverageFact::from_json(&stored.record.value) {
                Ok(fact) => {
                    if let Some((key, interval)) = interval(fact) {
                        newest.insert(key, (stored.offset, interval));
                    }
                }
                // Written by a newer version: to skip it would be to lie about coverage.
                Err(source @ FactError::Kind(_)) => {
                    return Err(ProjectorError::Fact { at: self.at, offset: stored.offset, source });
                }
                Err(error @ FactError::Json { .. }) => rejects.put_record(self.at, stored, &error.to_string()),
            }
        }
        out.rows = newest.len() as u64;
        if !newest.is_empty() {
            let mut rows = CoverageRows::with_room(newest.len());
            newest.values().for_each(|(offset, interval)| rows.put(*offset, interval));
            let batch = rows.finish().map_err(beidou_store::StoreError::Encode)?;
            out.blocks.push(range.block(TABLE, "all", &batch)?);
        }
        rejects.finish(range, &mut out)?;
        Ok(out)
    }
}

fn interval(fact: CoverageFact) -> Option<(Key, Interval)> {
    let session = |position: Position, end| {
        let key = (position.cluster.clone(), CoverageState::Complete, position.session, position.from);
        Some((key, Interval::Session(position, end)))
    };
    match fact {
        CoverageFact::Started(position) | CoverageFact::Advanced(position) => session(position, None),
        CoverageFact::Ended(SessionEnd { position, reason, detail, deleted_frames }) => {
            session(position, Some((reason, detail, deleted_frames)))
        }
        CoverageFact::Broken(broken) => {
            Some(((broken.cluster.clone(), broken.state, Uuid::nil(), broken.from), Interval::Broken(broken)))
        }
        CoverageFact::Missed(missed) => {
            let key = (missed.cluster.clone(), CoverageState::Degraded, missed.comparison, missed.from);
            Some((key, Interval::Missed(missed)))
        }
        CoverageFact::Snapshot(_) | CoverageFact::Imported(_) => None,
    }
}

impl CoverageRows {
    pub(super) fn put(&mut self, offset: u64, interval: &Interval) {
        match interval {
            Interval::Session(position, end) => {
                self.named(&position.cluster, &position.cluster_name, position.epoch.0);
                self.state.put(CoverageState::Complete.number());
                self.session.put(position.session);
                self.between(position.from, position.until);
                self.start_resource_version.put(position.start_resource_version.0);
                self.resource_version.put(position.resource_version.0);
                let (reason, detail, deleted) = end.as_ref().map_or(("", "", 0), |(r, d, n)| (r.name(), d, *n));
                self.because(reason, detail, deleted);
            }
            Interval::Broken(broken) => {
                self.named(&broken.cluster, &broken.cluster_name, broken.epoch.0);
                self.state.put(broken.state.number());
                self.session.put(Uuid::nil());
                self.between(broken.from, broken.until);
                self.start_resource_version.put(0);
                self.resource_version.put(0);
                self.because(broken.reason.name(), &broken.detail, 0);
            }
            Interval::Missed(missed) => {
                self.named(&missed.cluster, &missed.cluster_name, missed.epoch.0);
                self.state.put(CoverageState::Degraded.number());
                self.session.put(missed.comparison);
                self.between(missed.from, missed.until);
                self.start_resource_version.put(0);
                self.resource_version.put(missed.list.0);
                let detail = format!("{} states, found by a list and stored", missed.states);
                self.because(Reason::MissedByWatch.name(), &detail, 0);
            }
        }
        self.log_offset.put(offset);
    }

    fn named(&mut self, cluster: &ClusterUid, name: &str, epoch: u32) {
        self.cluster_uid.put(cluster.as_str());
        self.cluster.put(name);
        self.epoch.put(epoch);
    }

    fn between(&mut self, from: Micros, until: Micros) {
        self.from_time.put(from);
        self.until_time.put(until);
    }

    fn because(&mut self, reason: &str, detail: &str, deleted_frames: u64) {
        self.reason.put(reason);
        self.detail.put(detail);
        self.deleted_frames.put(deleted_frames);
    }
}
