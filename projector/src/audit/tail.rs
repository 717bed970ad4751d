//! The table against the log: each state of a range is in the table exactly once.
//!
//! The range is encoded again by an encoder that knows nothing of what lies before. A state that it calls new may have
//! been seen before the range: then its row stands at another place, and is looked for by its Event.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ops::Range,
};

use arrow_array::RecordBatch;
use beidou_schemas::{
    Micros, Offset, TopicPartition,
    archive::PartitionRange,
    maintenance::{AuditReport, Fault, Finding},
};
use beidou_store::{
    archive::{StateId, marks, pick},
    audit::{StateRow, delete_states, deletions, insert_rows, known, states_at},
};
use uuid::Uuid;

use super::{Auditor, TOO_MANY, files::tell, of_rows, some_of};
use crate::{ProjectorError, rebuild::Tail};

/// Events that one question looks for.
const MOST_ASKED: usize = 1000;

/// A state as the log has it: its hash and time.
type States = HashMap<(String, StateId), (u64, i64)>;

/// What differs in a range.
#[derive(Default)]
struct Strange {
    missing: BTreeSet<(String, StateId)>,
    doubled: Vec<StateRow>,
    wrong: Vec<StateRow>,
    unknown: Vec<StateRow>,
}

impl Auditor {
    /// Compares a range of a partition of the log, all of which must be in the table. `covered` is what the archive has.
    pub(super) async fn compare_log(
        &mut self,
        at: TopicPartition,
        range: Range<Offset>,
        covered: &[PartitionRange],
        report: &mut AuditReport,
    ) -> Result<(), ProjectorError> {
        let mut tail = Tail::new(self.log.clone(), at, self.window, range.start);
        let mut strange = Strange::default();
        while let Some(part) = tail.next(range.end).await? {
            let log = states_of(&part.rows)?;
            report.log_states += log.len() as u64;
            self.compare_part(at, part.range, log, &mut strange).await?;
        }
        for damage in &tail.past.damaged {
            self.tell_damage(at, damage, covered, report).await?;
        }
        if strange.is_empty() {
            return Ok(());
        }
        let place = format!("{at} {}-{}", range.start, range.end);
        let statements = deletions(strange.wrong.len() + strange.unknown.len());
        if statements > self.memory.deletions {
            strange.tell(None, "", place, report);
            return Ok(());
        }
        self.memory.deletions -= statements;
        let not_merged = self.mend_log(at, &range, &strange).await?;
        let mut after = Strange::default();
        let mut tail = Tail::new(self.log.clone(), at, self.window, range.start);
        while let Some(part) = tail.next(range.end).await? {
            let log = states_of(&part.rows)?;
            self.compare_part(at, part.range, log, &mut after).await?;
        }
        strange.tell(Some(&after), &not_merged, place, report);
        Ok(())
    }

    async fn compare_part(
        &self,
        at: TopicPartition,
        range: Range<Offset>,
        mut log: States,
        strange: &mut Strange,
    ) -> Result<(), ProjectorError> {
        let range = PartitionRange { partition: at.partition, from: range.start, to: range.end };
        let mut have = HashSet::new();
        for state in states_at(&self.store, range).await? {
            let key = (state.cluster_uid.clone(), state.id());
            match log.get(&key) {
                Some((hash, _)) if *hash == state.hash => drop(have.insert(key)),
                Some(_) => {
                    strange.wrong.push(state);
                    continue;
                }
                None => {
                    strange.unknown.push(state);
                    continue;
                }
            }
            if state.rows > 1 {
                strange.doubled.push(state);
            }
        }
        // What retention has removed is not put back.
        let removed = self.removed().await?;
        let stays = |cluster: &str, time: i64| removed.get(cluster).is_none_or(|below| time >= below.0);
        log.retain(|key, (_, time)| !have.contains(key) && stays(&key.0, *time));
        self.look_elsewhere(log, strange).await
    }

    /// States that stand at no place of the range: rows of other places, or missing.
    async fn look_elsewhere(&self, log: States, strange: &mut Strange) -> Result<(), ProjectorError> {
        let all: Vec<_> = log.into_iter().collect();
        for part in all.chunks(MOST_ASKED) {
            let events: Vec<Uuid> = part.iter().map(|((_, id), _)| id.event_uid).collect();
            let times = part.iter().map(|(_, (_, time))| *time);
            let times = (times.clone().min().unwrap_or_default(), times.max().unwrap_or_default());
            let rows = known(&self.store, &events, times).await?;
            let found: HashSet<_> = rows.into_iter().map(|row| (row.cluster_uid.clone(), row.id(), row.hash)).collect();
            for ((cluster, id), (hash, _)) in part {
                if !found.contains(&(cluster.clone(), *id, *hash)) {
                    strange.missing.insert((cluster.clone(), *id));
                }
            }
        }
        Ok(())
    }

    /// Inserts what is missing as the worker would have, with what lies before the range in mind; then deletes what is wrong.
    async fn mend_log(
        &self,
        at: TopicPartition,
        range: &Range<Offset>,
        strange: &Strange,
    ) -> Result<String, ProjectorError> {
        let mut not_merged = None;
        if !strange.missing.is_empty() {
            let mut tail = Tail::primed(self.log.clone(), at, self.window, range.start).await?;
            while let Some(part) = tail.next(range.end).await? {
                for batch in &part.rows {
                    let wanted = marks(batch)?.enumerate();
                    let wanted = wanted.filter(|(_, mark)| strange.is_missing(mark.cluster_uid, mark.id));
                    let rows: Vec<u32> = wanted.map(|(row, _)| row as u32).collect();
                    insert_rows(&self.store, &pick(batch, rows)?).await?;
                }
            }
        }
        let months: BTreeSet<u32> = strange.doubled.iter().map(|state| Micros(state.time).year_month()).collect();
        for month in months {
            not_merged = self.merge(month).await.or(not_merged);
        }
        let strangers: Vec<_> = strange.wrong.iter().chain(&strange.unknown).cloned().collect();
        delete_states(&self.store, &strangers).await?;
        Ok(not_merged.unwrap_or_default())
    }
}

impl Strange {
    fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.doubled.is_empty() && self.wrong.is_empty() && self.unknown.is_empty()
    }

    fn is_missing(&self, cluster: &str, id: StateId) -> bool {
        self.missing.contains(&(cluster.to_owned(), id))
    }

    /// Findings by cluster; `after` is what still differs, `None` where it was too much to be changed.
    fn tell(&self, after: Option<&Self>, not_merged: &str, place: String, report: &mut AuditReport) {
        let left = |differs: fn(&Self) -> bool| after.is_some_and(|after| !differs(after));
        let wrong: BTreeSet<_> = self.wrong.iter().map(key).collect();
        let missing: Vec<_> =
            self.missing.iter().filter(|key| !wrong.contains(key)).cloned().map(|key| (key, 1)).collect();
        let of = |rows: &[StateRow], less: u64| rows.iter().map(|row| (key(row), row.rows - less)).collect::<Vec<_>>();
        for (fault, states, repaired, what) in [
            (Fault::Missing, missing, left(|after| !after.missing.is_empty()), "inserted from the log"),
            (Fault::Doubled, of(&self.doubled, 1), left(|after| !after.doubled.is_empty()), "merged into one"),
            (Fault::Changed, of(&self.wrong, 0), left(|after| !after.wrong.is_empty()), "replaced by the log's states"),
            (
                Fault::Unknown,
                of(&self.unknown, 0),
                left(|after| !after.unknown.is_empty()),
                "deleted: the log has another record there",
            ),
        ] {
            let mut clusters: BTreeMap<String, (u64, Vec<StateId>)> = BTreeMap::new();
            for ((cluster, id), rows) in states {
                let of = clusters.entry(cluster).or_default();
                of.0 += rows;
                of.1.push(id);
            }
            for (cluster, (rows, ids)) in clusters {
                let named = some_of(ids.into_iter().map(|id| (cluster.as_str(), id)));
                let what = match after {
                    None => TOO_MANY,
                    Some(_) if repaired => what,
                    Some(_) => "could not be repaired, the next audit tries again",
                };
                let finding = of_rows(fault, &cluster, None, place.clone(), rows);
                tell(report, Finding { repaired, detail: format!("{what}{not_merged}; e.g. {named}"), ..finding });
            }
        }
    }
}

fn key(row: &StateRow) -> (String, StateId) {
    (row.cluster_uid.clone(), row.id())
}

fn states_of(rows: &[RecordBatch]) -> Result<States, ProjectorError> {
    let mut states = States::new();
    for batch in rows {
        for mark in marks(batch)? {
            states.insert((mark.cluster_uid.to_owned(), mark.id), (mark.hash, mark.time.0));
        }
    }
    Ok(states)
}
