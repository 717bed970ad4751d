//! Rows of the table against the archive: by cluster and hour, and where these differ by identity.
//!
//! The files have been compared with what was recorded of them before: the archive is right. Only for a row that it does
//! not know the log is asked first.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use beidou_log::{LogError, ReadLimit};
use beidou_schemas::{
    Micros, Topic, TopicPartition,
    envelope::EventEnvelope,
    kube_event::column_uuid,
    maintenance::{AuditReport, Fault, Finding},
    time::HOUR,
};
use beidou_store::{
    archive::{Archive, Hours, StateId, Sum},
    audit::{HourRow, StateRow, delete_states, deletions, hours_of_day, insert_rows, merge_doubled, states_of_hour},
};

use super::{
    Auditor, TOO_MANY,
    files::{Seen, tell},
    of_rows, some_of,
};
use crate::{ProjectorError, error::chain, rebuild::recorded};

/// Rows of an hour that are looked at one by one: some 400 MB. A busier hour that differs is told, and needs a rebuild.
const MOST_IN_HOUR: u64 = 4_000_000;
/// One record is enough to see which state stands at an offset.
const LOOK: ReadLimit = ReadLimit { max_bytes: 1, max_wait: Duration::ZERO };

/// Why rows stay as they are where the archive is not proved to be right.
const UNPROVEN: &str =
    "nothing is changed there: a manifest that vouched for its files is lost, bring events/manifest back first";

/// What the archive has of a day.
#[derive(Default)]
struct Wanted {
    hours: Hours,
    /// The files, and what each holds.
    paths: Vec<(String, Hours)>,
    /// Clusters of which it is not known what must be there.
    blind: BTreeSet<String>,
    /// Clusters with a file that no manifest vouches for.
    unproven: BTreeSet<String>,
}

/// What the log says of a row that the archive does not know.
enum Witness {
    Known,
    Unknown,
    /// It is damaged at that place.
    Damaged,
}

/// What came of a difference.
#[derive(Clone, Copy)]
enum Told<'a> {
    /// Nothing was changed, for this reason.
    Held(&'a str),
    /// It was repaired, as far as it could be.
    Mended {
        /// The hour is as it must be now.
        equal: bool,
        /// Why a month could not be merged.
        not_merged: &'a str,
    },
}

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
    /// Rows of which the log cannot say any more whether it had them.
    not_told: Vec<StateRow>,
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
        let wanted = self.wanted(archive, day, seen, report).await?;
        let found = self.hours(day, seen).await?;
        let removed = self.removed().await?;
        let stays = |(uid, hour): &&(String, i64)| {
            !wanted.blind.contains(uid) && removed.get(uid).is_none_or(|below| hour * HOUR >= below.0)
        };
        let all: BTreeSet<_> = wanted.hours.keys().chain(found.keys()).filter(stays).collect();
        let (mut differences, mut strangers) = (Vec::new(), Vec::new());
        for key in all {
            let sum = wanted.hours.get(key).copied().unwrap_or_default();
            (report.hours, report.rows) = (report.hours + 1, report.rows + sum.rows);
            if is_equal(sum, found.get(key)) {
                continue;
            }
            let most = sum.rows.max(found.get(key).map_or(0, |row| row.rows));
            if most > MOST_IN_HOUR {
                let mut finding = of_rows(Fault::Changed, &key.0, at(key.1), String::new(), most);
                finding.detail = "too many rows to look at one by one: `beidou rebuild` mends it".into();
                tell(report, finding);
                continue;
            }
            let difference = self.difference(archive, key, &wanted.paths, seen).await?;
            let deleted = difference.wrong.iter().chain(&difference.unknown);
            // Of a file that is gone the rows would be called unknown here.
            let in_doubt = !seen.whole && deleted.clone().next().is_some();
            let held = if in_doubt || wanted.unproven.contains(&key.0) {
                Some(UNPROVEN)
            } else {
                let statements = deletions(strangers.len() + deleted.clone().count());
                (statements > self.memory.deletions).then_some(TOO_MANY)
            };
            if let Some(why) = held {
                difference.tell(Told::Held(why), report);
                continue;
            }
            self.mend(archive, &difference, &wanted.paths).await?;
            strangers.extend(deleted.cloned());
            differences.push(difference);
        }
        self.finish_day(day, seen, wanted.hours, (differences, strangers), report).await
    }

    /// What the archive has of a day.
    async fn wanted(
        &self,
        archive: &Archive,
        day: i64,
        seen: &Seen,
        report: &mut AuditReport,
    ) -> Result<Wanted, ProjectorError> {
        let mut wanted = Wanted::default();
        for entry in seen.by_day.get(&day).into_iter().flatten() {
            match self.day_file(archive, entry, seen, report).await? {
                Some((path, hours)) => {
                    add(&mut wanted.hours, &hours, day);
                    wanted.paths.push((path, hours));
                }
                None => drop(wanted.blind.insert(entry.cluster_uid.clone())),
            }
            if recorded(entry).is_none() {
                wanted.unproven.insert(entry.cluster_uid.clone());
            }
        }
        for (path, hours) in &self.memory.ranges {
            if hours.keys().any(|(_, hour)| hour.div_euclid(24) == day) {
                add(&mut wanted.hours, hours, day);
                wanted.paths.push((path.clone(), hours.clone()));
            }
        }
        Ok(wanted)
    }

    /// Merges what is doubled and deletes what is wrong, now that the right rows are there; then looks again.
    async fn finish_day(
        &mut self,
        day: i64,
        seen: &Seen,
        wanted: Hours,
        (differences, strangers): (Vec<Difference>, Vec<StateRow>),
        report: &mut AuditReport,
    ) -> Result<(), ProjectorError> {
        if differences.is_empty() {
            return Ok(());
        }
        let doubled = differences.iter().filter(|difference| !difference.doubled.is_empty());
        let merges: BTreeSet<u32> = doubled.map(|difference| Micros(difference.hour * HOUR).year_month()).collect();
        let mut not_merged = None;
        for month in merges {
            not_merged = self.merge(month).await.or(not_merged);
        }
        let not_merged = not_merged.unwrap_or_default();
        self.memory.deletions -= deletions(strangers.len());
        delete_states(&self.store, &strangers).await?;
        let found = self.hours(day, seen).await?;
        for difference in differences {
            let key = (difference.cluster.clone(), difference.hour);
            let equal = is_equal(wanted.get(&key).copied().unwrap_or_default(), found.get(&key));
            difference.tell(Told::Mended { equal, not_merged: &not_merged }, report);
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
        let (mut have, mut strangers) = (HashSet::new(), Vec::new());
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
                None => strangers.push(state),
            }
        }
        if deletions(strangers.len()) > self.memory.deletions {
            // They stay, whatever the log says of each.
            found.unknown = strangers;
        } else {
            for state in strangers {
                match self.log_knows(&state).await? {
                    Witness::Known => found.not_archived.push(state),
                    Witness::Unknown => found.unknown.push(state),
                    Witness::Damaged => found.not_told.push(state),
                }
            }
        }
        let wrong: HashSet<StateId> = found.wrong.iter().map(StateRow::id).collect();
        found.lost = wrong.difference(&have).copied().collect();
        found.missing = right.into_keys().filter(|id| !have.contains(id) && !wrong.contains(id)).collect();
        Ok(found)
    }

    /// Whether the log holds this state at the place that the row names.
    async fn log_knows(&self, state: &StateRow) -> Result<Witness, ProjectorError> {
        let at = TopicPartition::new(Topic::KubeEvent, u32::from(state.log_partition));
        if at.partition >= self.log.partitions(Topic::KubeEvent) {
            return Ok(Witness::Unknown);
        }
        let bounds = self.log.bounds(at).await.map_err(ProjectorError::log("find the bounds of", at))?;
        if !bounds.contains(&state.log_offset) {
            return Ok(Witness::Unknown);
        }
        let batch = match self.log.read(at, state.log_offset, LOOK).await {
            Ok(batch) => batch,
            Err(LogError::Removed { .. }) => return Ok(Witness::Unknown),
            Err(LogError::Damaged { .. }) => return Ok(Witness::Damaged),
            Err(error) => return Err(ProjectorError::log("read", at)(error)),
        };
        let record = batch.records.first().filter(|stored| stored.offset == state.log_offset);
        let envelope = record.and_then(|stored| EventEnvelope::read(&stored.record).ok());
        let is_there = envelope.is_some_and(|envelope| {
            let identity = envelope.identity;
            let id = (identity.epoch.0, column_uuid(&identity.event), identity.resource_version.0);
            identity.cluster.as_str() == state.cluster_uid
                && id == (state.epoch, state.event_uid, state.resource_version)
        });
        Ok(if is_there { Witness::Known } else { Witness::Unknown })
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
            not_told: Vec::new(),
        }
    }

    /// One finding for each kind of fault.
    fn tell(&self, told: Told<'_>, report: &mut AuditReport) {
        let ids = |states: &[StateRow]| states.iter().map(StateRow::id).collect::<Vec<_>>();
        let rows = |states: &[StateRow]| states.iter().map(|state| state.rows).sum::<u64>();
        let doubled = rows(&self.doubled) - self.doubled.len() as u64;
        let missing: Vec<_> = self.missing.iter().copied().collect();
        let (repaired, not_merged, mended) = match told {
            Told::Held(_) => (false, "", ""),
            Told::Mended { equal: true, not_merged } => (true, not_merged, ""),
            Told::Mended { equal: false, not_merged } => {
                (false, not_merged, "; the hour still differs, see the next audit or `beidou rebuild`")
            }
        };
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
            (
                Fault::Unknown,
                ids(&self.not_told),
                rows(&self.not_told),
                "the archive does not know it and the log is damaged at its place: it stays in the table",
                false,
            ),
        ] {
            if states.is_empty() {
                continue;
            }
            let what = if let Told::Held(why) = told { why } else { what };
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
