//! Operations: the log keeps facts and what runners told for ever, so that table and archive are compared with it.
//!
//! ```text
//!  log ─► encoded as its worker does ─┬► each row stands in the table at its place, or a later epoch in its stead
//!                                     └► the file that must hold each row       (`operation_files`)
//! ```
//!
//! Names and lengths of a row follow from the facts before it, which are read for that. Where one of these cannot be
//! read, nothing behind it is compared, and nothing of it is changed. Rows that stand twice are no difference: whoever
//! reads this table takes one row of each identity, and its engine merges the others away.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
    time::Duration,
};

use beidou_log::{LogError, ReadLimit};
use beidou_schemas::{
    Offset, Topic, TopicPartition,
    archive::Collection,
    ledger,
    maintenance::{AuditReport, Fault, Finding},
    operation::{FACTS, SAID, fact::Fact, said::Said},
};
use beidou_store::{
    audit::{
        MOST_DELETED, OperationRow, count_operation_rows, delete_operation_rows, deletions, operation_rows,
        operation_rows_at, operation_rows_like,
    },
    insert::insert,
};
use uuid::Uuid;

use super::{
    Auditor, Facts,
    damage::log_finding,
    files::{SHARE, tell},
    of_rows,
    operation_files::Files,
};
use crate::{
    ProjectorError,
    ledger::Told,
    readable::Damage,
    rebuild::{Part, Tail},
};

/// Rows that one question looks for: its text stays below the engine's bound of 256 KB.
const MOST_ASKED: usize = 500;
/// An audit by itself compares at least so many records of a source, if there are: some 50 MB, a second of one core.
const LEAST_RECORDS: u64 = 100_000;
/// The same of what runners told, where a record may be 1 MB.
const LEAST_TOLD: u64 = 1_000;
/// Said of records that are to be there for ever.
const GONE: &str = "the log has these records no more";
/// One record is enough to see what stands at an offset.
const LOOK: ReadLimit = ReadLimit { max_bytes: 1, max_wait: Duration::ZERO };

/// A source of rows, and how far it is projected.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    pub at: TopicPartition,
    /// Its number in the archive.
    pub number: u32,
    /// Everything below is in the archive, where there is one.
    pub archived: Offset,
    /// Everything below is in the table.
    watermark: Offset,
}

/// What is known from audits before.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// What the ledger says of files.
    pub facts: Facts,
    /// In which audit a file was read last.
    pub read: BTreeMap<String, u64>,
    rounds: BTreeMap<TopicPartition, Round>,
}

/// How far audits by themselves have come in a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Round {
    /// Everything below was there when the last one ran.
    upto: Option<Offset>,
    /// Where the next one goes on with what is old.
    next: Offset,
}

/// What differs in a part of the log.
#[derive(Default)]
struct Strange<'a> {
    /// Rows that the table has neither at their places nor a later epoch of elsewhere.
    missing: Vec<&'a OperationRow>,
    /// Rows that say something else than the log at their place.
    changed: Vec<OperationRow>,
    /// Rows at places where the log has no such row.
    unknown: Vec<OperationRow>,
}

/// What could not be read in this audit, and was told.
type Unread = Vec<(TopicPartition, Damage)>;

impl Auditor {
    /// Compares table and archive of operations with the log, and repairs both.
    pub(super) async fn compare_operations(
        &mut self,
        full: bool,
        report: &mut AuditReport,
    ) -> Result<(), ProjectorError> {
        let sources = self.operation_sources().await?;
        if sources.is_empty() {
            return Ok(());
        }
        let archive = self.archive.as_ref().map(|archive| archive.of(Collection::Operations));
        let mut files = match archive {
            Some(archive) => self.operation_files(archive, &sources, report).await?,
            None => None,
        };
        let (mut complete, mut unread) = (true, Unread::new());
        for source in &sources {
            complete &= self.compare_source(source, full, files.as_mut(), &mut unread, report).await?;
        }
        match files {
            Some(files) => self.compare_operation_files(&files, complete, full, report).await,
            None => Ok(()),
        }
    }

    /// What is projected of operations, by the ledgers: nothing on a log of before they were.
    async fn operation_sources(&self) -> Result<Vec<Source>, ProjectorError> {
        let events = self.log.partitions(Topic::KubeEvent);
        let is_there = |at: TopicPartition| self.log.partitions(at.topic) > at.partition;
        let mut found = Vec::new();
        for (number, at) in (0..).zip(Collection::Operations.sources(events)) {
            let Some(ledger_at) = ledger::partition_of(at, events) else { continue };
            if is_there(at) && is_there(ledger_at) {
                let told = Told::read(&*self.log, ledger_at, at, self.archive.is_some()).await?;
                let (archived, watermark) = (told.archived().unwrap_or_default(), told.watermark().unwrap_or_default());
                found.push(Source { at, number, archived, watermark });
            }
        }
        Ok(found)
    }

    /// Compares what this audit looks at of a source. Whether that was all of it, and all could be read: then `files` knows
    /// what each must hold.
    async fn compare_source(
        &mut self,
        source: &Source,
        full: bool,
        mut files: Option<&mut Files>,
        unread: &mut Unread,
        report: &mut AuditReport,
    ) -> Result<bool, ProjectorError> {
        let Source { at, watermark, .. } = *source;
        let start = self.log.bounds(at).await.map_err(ProjectorError::log("find the start of", at))?.start;
        let round = self.memory.operations.rounds.get(&at).copied().unwrap_or_default();
        let least = if at == SAID { LEAST_TOLD } else { LEAST_RECORDS };
        let (ranges, round) = round.chosen(start..watermark.max(start), full, least);
        let mut tail = Tail::new(self.log.clone(), at, self.window, start);
        'ranges: for range in &ranges {
            tail.past.next = range.start;
            while let Some(part) = tail.next(range.end).await? {
                if tail.unread().is_some() {
                    break 'ranges;
                }
                let mut log = Vec::new();
                for batch in &part.rows {
                    let rows = operation_rows(batch)?;
                    if let Some(files) = files.as_deref_mut() {
                        files.take(source, batch, &rows)?;
                    }
                    log.extend(rows);
                }
                report.log_states += log.len() as u64;
                self.compare_rows(at, &part, &log, report).await?;
            }
        }
        self.memory.operations.rounds.insert(at, round);
        let damaged: Unread = match tail.unread() {
            Some(damage) => vec![(FACTS, damage.clone())],
            None => {
                let gone = |lost: &Range<Offset>| Damage { offsets: lost.clone(), what: GONE.into() };
                let all = tail.past.damaged.iter().cloned().chain(tail.past.lost.iter().map(gone));
                all.map(|damage| (at, damage)).collect()
            }
        };
        let is_complete = ranges.len() == 1 && damaged.is_empty();
        for one in damaged {
            if !unread.contains(&one) {
                self.tell_unread(&one, report).await?;
                unread.push(one);
            }
        }
        Ok(is_complete)
    }

    async fn tell_unread(
        &self,
        (at, damage): &(TopicPartition, Damage),
        report: &mut AuditReport,
    ) -> Result<(), ProjectorError> {
        let rows = count_operation_rows(&self.store, *at, &damage.offsets).await?;
        let held = match *at == FACTS {
            true => {
                "nor were rows of the facts behind it and of what runners told, whose names follow from these facts: all \
                 of them stay as they are"
            }
            false => "its rows in table and archive stay as they are",
        };
        tell(report, log_finding(*at, damage, rows, held));
        Ok(())
    }

    /// Compares the rows of a part of the log with those that stand at its places, and makes the table as the log is.
    async fn compare_rows(
        &mut self,
        at: TopicPartition,
        part: &Part,
        log: &[OperationRow],
        report: &mut AuditReport,
    ) -> Result<(), ProjectorError> {
        let strange = self.strange(at, &part.range, log).await?;
        if strange.is_empty() {
            return Ok(());
        }
        if !strange.missing.is_empty() || !strange.changed.is_empty() {
            // The engine must not take them for those that it had before.
            let run = Uuid::new_v4();
            for block in part.of_rows() {
                insert(&self.store, &block.of_run(run)).await?;
            }
        }
        let mut wrong: Vec<OperationRow> = strange.changed.iter().chain(&strange.unknown).cloned().collect();
        wrong.truncate(self.memory.deletions * MOST_DELETED);
        self.memory.deletions -= deletions(wrong.len());
        delete_operation_rows(&self.store, at, &wrong).await?;
        let after = self.strange(at, &part.range, log).await?;
        strange.tell(&after, &format!("{at} {}-{}", part.range.start, part.range.end), report);
        Ok(())
    }

    async fn strange<'a>(
        &self,
        at: TopicPartition,
        range: &Range<Offset>,
        log: &'a [OperationRow],
    ) -> Result<Strange<'a>, ProjectorError> {
        let right: HashSet<_> = log.iter().map(|row| (row.log_offset, row.hash)).collect();
        let known: HashSet<_> = log.iter().map(|row| (row.log_offset, row.identity())).collect();
        let (mut strange, mut found) = (Strange::default(), HashSet::new());
        for row in operation_rows_at(&self.store, at, range.clone()).await? {
            if right.contains(&(row.log_offset, row.hash)) {
                found.insert((row.log_offset, row.hash));
            } else if known.contains(&(row.log_offset, row.identity())) {
                strange.changed.push(row);
            } else {
                strange.unknown.push(row);
            }
        }
        let absent: Vec<&OperationRow> = {
            let changed: HashSet<_> = strange.changed.iter().map(|row| (row.log_offset, row.identity())).collect();
            let is_absent = |row: &&OperationRow| {
                !found.contains(&(row.log_offset, row.hash)) && !changed.contains(&(row.log_offset, row.identity()))
            };
            log.iter().filter(is_absent).collect()
        };
        strange.missing = self.not_followed(at, absent).await?;
        Ok(strange)
    }

    /// Those rows of which the table has no later epoch either, at another place where the log has it. Of two rows of one
    /// identity the engine keeps that one alone.
    async fn not_followed<'a>(
        &self,
        at: TopicPartition,
        absent: Vec<&'a OperationRow>,
    ) -> Result<Vec<&'a OperationRow>, ProjectorError> {
        let mut missing = Vec::new();
        for part in absent.chunks(MOST_ASKED) {
            let there = operation_rows_like(&self.store, at, part).await?;
            for row in part {
                let mut is_followed = false;
                for other in &there {
                    let may_follow = other.identity() == row.identity() && other.epoch >= row.epoch;
                    if may_follow && !is_followed {
                        is_followed = self.log_has(at, other).await?;
                    }
                }
                if !is_followed {
                    missing.push(*row);
                }
            }
        }
        Ok(missing)
    }

    /// Whether the log has this row where it says. What cannot be read there may be it.
    async fn log_has(&self, at: TopicPartition, row: &OperationRow) -> Result<bool, ProjectorError> {
        let bounds = self.log.bounds(at).await.map_err(ProjectorError::log("find the bounds of", at))?;
        if !bounds.contains(&row.log_offset) {
            return Ok(false);
        }
        let batch = match self.log.read(at, row.log_offset, LOOK).await {
            Ok(batch) => batch,
            Err(LogError::Removed { .. } | LogError::Damaged { .. }) => return Ok(true),
            Err(error) => return Err(ProjectorError::log("read", at)(error)),
        };
        let Some(stored) = batch.records.first().filter(|stored| stored.offset == row.log_offset) else {
            return Ok(false);
        };
        let value = &stored.record.value;
        Ok(if at == SAID {
            Said::from_json(value).is_ok_and(|said| {
                (said.operation.0, said.attempt.as_str(), said.epoch) == (row.object_id, &*row.attempt, row.epoch)
                    && said.events.iter().any(|event| event.seq == row.seq)
            })
        } else {
            let is = |fact: Fact| (fact.object.id(), fact.seq, fact.epoch) == (row.object_id, row.seq, row.epoch);
            Fact::from_json(value).is_ok_and(is)
        })
    }
}

impl Round {
    /// What an audit compares of a source, in its order, and where the next one goes on: all; or what is new, and of the rest
    /// what was compared longest ago.
    fn chosen(self, all: Range<Offset>, full: bool, least: u64) -> (Vec<Range<Offset>>, Self) {
        let (records, upto) = (all.end - all.start, Some(all.end));
        let share = (records / SHARE).max(least);
        if full || records <= share {
            return (vec![all], Self { upto, ..self });
        }
        let new = self.upto.unwrap_or(all.end - share).clamp(all.start, all.end);
        let begin = if (all.start..new).contains(&self.next) { self.next } else { all.start };
        let next = begin.saturating_add(share).min(new);
        (vec![begin..next, new..all.end], Self { upto, next })
    }
}

impl Strange<'_> {
    fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.changed.is_empty() && self.unknown.is_empty()
    }

    /// One finding for each kind of fault; `after` is what still differs.
    fn tell(&self, after: &Strange<'_>, place: &str, report: &mut AuditReport) {
        let rows = |rows: &[OperationRow]| rows.iter().map(|row| row.rows).sum::<u64>();
        for (fault, rows, named, what, repaired) in [
            (
                Fault::Missing,
                self.missing.len() as u64,
                some_of(self.missing.iter().copied()),
                "made again from the log",
                after.missing.is_empty(),
            ),
            (
                Fault::Changed,
                rows(&self.changed),
                some_of(self.changed.iter()),
                "replaced by the log's rows",
                after.changed.is_empty(),
            ),
            (
                Fault::Unknown,
                rows(&self.unknown),
                some_of(self.unknown.iter()),
                "deleted: the log has no such row there",
                after.unknown.is_empty(),
            ),
        ] {
            if rows == 0 {
                continue;
            }
            let what = if repaired { what } else { "could not be repaired whole, the next audit goes on" };
            let detail = format!("{what}; e.g. {named}");
            tell(report, Finding { repaired, detail, ..of_rows(fault, "", None, place.to_owned(), rows) });
        }
    }
}

/// Names a few of these rows, for people.
fn some_of<'a>(rows: impl Iterator<Item = &'a OperationRow>) -> String {
    /// Enough to look one up.
    const NAMED: usize = 3;
    let name = |row: &OperationRow| {
        let OperationRow { cluster_name, object_id, attempt, seq, .. } = row;
        let of = if attempt.is_empty() { object_id.to_string() } else { attempt.clone() };
        format!("{cluster_name}/{of}/{seq}")
    };
    rows.take(NAMED).map(name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_sources_and_full_audits_are_compared_whole() {
        let round = Round { upto: Some(7), next: 3 };
        for (all, full) in [(5..5, false), (5..LEAST_RECORDS, false), (0..10 * LEAST_RECORDS, true)] {
            let next = Round { upto: Some(all.end), next: 3 };
            assert_eq!(round.chosen(all.clone(), full, LEAST_RECORDS), (vec![all], next));
        }
    }

    #[test]
    fn audits_by_themselves_come_to_every_record_and_to_new_ones_at_once() {
        let (start, mut end, mut round) = (5, 5 + 10 * LEAST_RECORDS, Round::default());
        let mut compared = HashSet::new();
        for _ in 0..11 {
            let (ranges, next) = round.chosen(start..end, false, LEAST_RECORDS);
            let [old, new] = ranges.as_slice() else { panic!("{ranges:?}") };
            assert!(old.end <= new.start && new.end == end, "{ranges:?}");
            assert!(
                old.end - old.start <= LEAST_RECORDS && round.upto.is_none_or(|upto| new.start == upto),
                "{ranges:?}"
            );
            compared.extend(ranges.iter().flat_map(|range| range.clone().step_by(1000)).map(|offset| offset / 1000));
            (round, end) = (next, end + 1000);
        }
        let all: HashSet<u64> = (start / 1000..end / 1000 - 1).collect();
        assert!(compared.is_superset(&all), "{:?}", all.difference(&compared).collect::<Vec<_>>());
    }
}
