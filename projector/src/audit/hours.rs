//! Rows of the table against the archive: by cluster and hour, and where these differ by identity.
//!
//! The files have been compared with what was recorded of them before: the archive is right. Only for a row that it does
//! not know the log is asked first.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use beidou_log::ReadLimit;
use beidou_schemas::{
    Micros, Topic, TopicPartition,
    envelope::EventEnvelope,
    kube_event::column_uuid,
    maintenance::{AuditReport, Fault, Finding},
    time::HOUR,
};
use beidou_store::{
    archive::{Archive, Hours, StateId, Sum},
    audit::{HourRow, StateRow, delete_states, hours_of_day, insert_rows, merge_doubled, states_of_hour},
};

use super::{
    Auditor,
    files::{Seen, tell},
    of_rows, some_of,
};
use crate::{ProjectorError, error::chain};

/// Rows of an hour that are looked at one by one: some 400 MB. A busier hour that differs is told, and needs a rebuild.
const MOST_IN_HOUR: u64 = 4_000_000;
/// One record is enough to see which state stands at an offset.
const LOOK: ReadLimit = ReadLimit { max_bytes: 1, max_wait: Duration::ZERO };

/// How an hour of a cluster differs.
struct Difference {
    cluster: String,
    hour: i64,
    /// States that the table has not.
    missing: HashSet<StateId>,
    /// Rows of the right content beyond the first, and their states.
    doubled: Vec<StateRow>,
    /// Rows of the wrong content.
    wrong: Vec<StateRow>,
    /// Of these, states of which no row is right.
    lost: HashSet<StateId>,
    /// Rows that nobody knows.
    unknown: Vec<StateRow>,
    /// Rows that the log knows and the archive has not.
    not_archived: Vec<StateRow>,
}

impl Auditor {
    /// Compares a day, counted from 1970, and repairs the table.
    pub(super) async fn compare_day(
        &mut self,
        archive: &Archive,
        day: i64,
        seen: &Seen,
        report: &mut AuditReport,
    ) -> Result<(), ProjectorError> {
        let (mut wanted, mut paths, mut blind) = (Hours::new(), Vec::new(), BTreeSet::new());
        for entry in seen.by_day.get(&day).into_iter().flatten() {
            match self.day_file(archive, entry, report).await? {
                Some((path, hours)) => {
                    add(&mut wanted, &hours, day);
                    paths.push((path, hours));
                }
                // Of this cluster it is not known what must be there.
                None => drop(blind.insert(entry.cluster_uid.clone())),
            }
        }
        for (path, hours) in &self.memory.ranges {
            if hours.keys().any(|(_, hour)| hour.div_euclid(24) == day) {
                add(&mut wanted, hours, day);
                paths.push((path.clone(), hours.clone()));
            }
        }
        let found = self.hours(day, seen).await?;
        let removed = self.turns.removed();
        let stays = |(uid, hour): &&(String, i64)| {
            !blind.contains(uid) && removed.get(uid).is_none_or(|below| hour * HOUR >= below.0)
        };
        let all: BTreeSet<_> = wanted.keys().chain(found.keys()).filter(stays).collect();
        let (mut differences, mut merges) = (Vec::new(), BTreeSet::new());
        for key in all {
            let sum = wanted.get(key).copied().unwrap_or_default();
            (report.hours, report.rows) = (report.hours + 1, report.rows + sum.rows);
            if !is_equal(sum, found.get(key)) {
                let most = sum.rows.max(found.get(key).map_or(0, |row| row.rows));
                if most > MOST_IN_HOUR {
                    let mut finding = of_rows(Fault::Changed, &key.0, at(key.1), String::new(), most);
                    finding.detail = "too many rows to look at one by one: `beidou rebuild` mends it".into();
                    tell(report, finding);
                    continue;
                }
                let difference = self.difference(archive, key, &paths, seen).await?;
                self.mend(archive, &difference, &paths).await?;
                if !difference.doubled.is_empty() {
                    merges.insert(Micros(key.1 * HOUR).year_month());
                }
                differences.push(difference);
            }
        }
        if differences.is_empty() {
            return Ok(());
        }
        let mut not_merged = None;
        for month in merges {
            not_merged = self.merge(month).await.or(not_merged);
        }
        let not_merged = not_merged.unwrap_or_default();
        let strangers = differences.iter().flat_map(|difference| difference.wrong.iter().chain(&difference.unknown));
        delete_states(&self.store, &strangers.cloned().collect::<Vec<_>>()).await?;
        let found = self.hours(day, seen).await?;
        for difference in differences {
            let key = (difference.cluster.clone(), difference.hour);
            let equal = is_equal(wanted.get(&key).copied().unwrap_or_default(), found.get(&key));
            difference.tell(equal, &not_merged, report);
        }
        Ok(())
    }

    /// Merges a month; where the engine cannot, it is told why.
    pub(super) async fn merge(&self, month: u32) -> Option<String> {
        merge_doubled(&self.store, month).await.err().map(|error| format!(": {}", chain(&error)))
    }

    async fn hours(&self, day: i64, seen: &Seen) -> Result<BTreeMap<(String, i64), HourRow>, ProjectorError> {
        let rows = hours_of_day(&self.store, day, &seen.covered).await?;
        Ok(rows.into_iter().map(|row| ((row.cluster_uid.clone(), row.hour), row)).collect())
    }

    async fn difference(
        &self,
        archive: &Archive,
        (cluster, hour): &(String, i64),
        paths: &[(String, Hours)],
        seen: &Seen,
    ) -> Result<Difference, ProjectorError> {
        let mut right: HashMap<StateId, u64> = HashMap::new();
        for path in of(paths, cluster, *hour) {
            right.extend(archive.of_hour(path, cluster, *hour, Arc::default()).await?.states);
        }
        let mut found = Difference::new(cluster, *hour);
        let mut have = HashSet::new();
        for state in states_of_hour(&self.store, cluster, *hour, &seen.covered).await? {
            match right.get(&state.id()) {
                Some(hash) if *hash == state.hash => {
                    have.insert(state.id());
                    if state.rows > 1 {
                        found.doubled.push(state);
                    }
                }
                Some(_) => found.wrong.push(state),
                None if state.covered == 0 => {}
                None if self.log_knows(&state).await? => found.not_archived.push(state),
                None => found.unknown.push(state),
            }
        }
        let wrong: HashSet<StateId> = found.wrong.iter().map(StateRow::id).collect();
        found.lost = wrong.difference(&have).copied().collect();
        found.missing = right.into_keys().filter(|id| !have.contains(id) && !wrong.contains(id)).collect();
        Ok(found)
    }

    /// Whether the log holds this state at the place that the row names.
    async fn log_knows(&self, state: &StateRow) -> Result<bool, ProjectorError> {
        let at = TopicPartition::new(Topic::KubeEvent, u32::from(state.log_partition));
        if at.partition >= self.log.partitions(Topic::KubeEvent) {
            return Ok(false);
        }
        let bounds = self.log.bounds(at).await.map_err(ProjectorError::log("find the bounds of", at))?;
        if !bounds.contains(&state.log_offset) {
            return Ok(false);
        }
        let Ok(batch) = self.log.read(at, state.log_offset, LOOK).await else { return Ok(false) };
        let record = batch.records.first().filter(|stored| stored.offset == state.log_offset);
        let envelope = record.and_then(|stored| EventEnvelope::read(&stored.record).ok());
        Ok(envelope.is_some_and(|envelope| {
            let identity = envelope.identity;
            let id = (identity.epoch.0, column_uuid(&identity.event), identity.resource_version.0);
            identity.cluster.as_str() == state.cluster_uid
                && id == (state.epoch, state.event_uid, state.resource_version)
        }))
    }

    /// Inserts what is right. What is wrong is deleted after months with doubled rows were merged.
    async fn mend(
        &self,
        archive: &Archive,
        difference: &Difference,
        paths: &[(String, Hours)],
    ) -> Result<(), ProjectorError> {
        let Difference { cluster, hour, missing, lost, .. } = difference;
        let mut wanted: HashSet<StateId> = missing.union(lost).copied().collect();
        for path in of(paths, cluster, *hour) {
            if wanted.is_empty() {
                break;
            }
            let found = archive.of_hour(path, cluster, *hour, Arc::new(wanted.clone())).await?;
            for rows in &found.rows {
                insert_rows(&self.store, rows).await?;
            }
            for (id, _) in &found.states {
                wanted.remove(id);
            }
        }
        Ok(())
    }
}

impl Difference {
    fn new(cluster: &str, hour: i64) -> Self {
        Self {
            cluster: cluster.into(),
            hour,
            missing: HashSet::new(),
            doubled: Vec::new(),
            wrong: Vec::new(),
            lost: HashSet::new(),
            unknown: Vec::new(),
            not_archived: Vec::new(),
        }
    }

    /// One finding for each kind of fault.
    fn tell(&self, repaired: bool, not_merged: &str, report: &mut AuditReport) {
        let ids = |states: &[StateRow]| states.iter().map(StateRow::id).collect::<Vec<_>>();
        let rows = |states: &[StateRow]| states.iter().map(|state| state.rows).sum::<u64>();
        let doubled = rows(&self.doubled) - self.doubled.len() as u64;
        let missing: Vec<_> = self.missing.iter().copied().collect();
        let mended = if repaired { "" } else { "; the hour still differs, see the next audit or `beidou rebuild`" };
        for (fault, states, rows, what, repaired) in [
            (Fault::Missing, missing, self.missing.len() as u64, "inserted from the archive", repaired),
            (Fault::Doubled, ids(&self.doubled), doubled, "merged into one", repaired),
            (Fault::Changed, ids(&self.wrong), rows(&self.wrong), "replaced by the archive's rows", repaired),
            (
                Fault::Unknown,
                ids(&self.unknown),
                rows(&self.unknown),
                "deleted: neither archive nor log know it",
                repaired,
            ),
            (
                Fault::Unknown,
                ids(&self.not_archived),
                rows(&self.not_archived),
                "the log knows it and the archive does not: it stays in the table",
                false,
            ),
        ] {
            if states.is_empty() {
                continue;
            }
            let named = some_of(states.into_iter().map(|id| (self.cluster.as_str(), id)));
            let detail = format!("{what}{not_merged}{mended}; e.g. {named}");
            let finding = of_rows(fault, &self.cluster, at(self.hour), String::new(), rows);
            tell(report, Finding { repaired, detail, ..finding });
        }
    }
}

fn is_equal(wanted: Sum, found: Option<&HourRow>) -> bool {
    let sum = found.map(HourRow::sum).unwrap_or_default();
    sum == wanted && found.is_none_or(|row| row.distinct == row.rows)
}

fn at(hour: i64) -> Option<Micros> {
    Some(Micros(hour * HOUR))
}

fn add(all: &mut Hours, hours: &Hours, day: i64) {
    for (key, sum) in hours.iter().filter(|((_, hour), _)| hour.div_euclid(24) == day) {
        all.entry(key.clone()).or_default().join(*sum);
    }
}

/// The files that have rows of a cluster's hour.
fn of<'a>(paths: &'a [(String, Hours)], cluster: &str, hour: i64) -> impl Iterator<Item = &'a str> {
    let key = (cluster.to_owned(), hour);
    paths.iter().filter(move |(_, hours)| hours.contains_key(&key)).map(|(path, _)| path.as_str())
}
