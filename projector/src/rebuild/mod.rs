//! The table of Events filled anew, from the archive and the log behind it, while everything goes on.
//!
//! ```text
//!  archive ─────► kube_event_next        queries and inserts: kube_event
//!  log, again ──► kube_event_next
//!  pause: the last of the log, compare, EXCHANGE TABLES ─► go on; the old table is added up and dropped
//! ```
//!
//! Rows that neither hold, of a time when the archive was off, are copied from the old table. The swap is refused where the
//! new table has not exactly the rows and the hash that were read. A crash leaves the old table, or the new one; the other
//! one goes at the next start.
//!
//! Workers of this projector wait at the gate while the tables are swapped. Those of others cannot: their ledgers are fenced
//! for it, so that what they have begun is repeated into the new table. Before the swap it is looked at whether that still
//! holds.

mod restore;
mod tail;

pub(crate) use restore::restore;
pub(crate) use tail::{Part, Tail};

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
    time::Instant,
};

use beidou_log::Writer;
use beidou_schemas::{
    Micros, Offset, Topic, TopicPartition,
    archive::{Collection, FileEntry, PartitionRange, join_range},
    ledger::Archived,
    maintenance::RebuildReport,
};
use beidou_store::{
    archive::{Catalogue, Sum},
    audit::{FillError, Filling},
    hot::{self, Hot},
};

use crate::{
    ProjectorError,
    audit::{Auditor, Facts},
    readable::Readable,
};

/// Why a new table is not taken where the archive is not proved to be whole.
const FEWER: &str = "a manifest of the archive is lost, and the new table would have fewer rows than the one that is read; \
    bring events/manifest back first";

impl From<FillError> for ProjectorError {
    fn from(error: FillError) -> Self {
        match error {
            FillError::Archive(error) => error.into(),
            FillError::Store(error) => error.into(),
            FillError::Stopped => Self::Rebuild { why: "the inserts have ended".into() },
        }
    }
}

/// Fills a new table and puts it in the place of the old one.
///
/// # Errors
/// When archive, log or store refuse, or what came out is not what went in: the old table stays.
pub(crate) async fn rebuild(auditor: &Auditor) -> Result<RebuildReport, ProjectorError> {
    let _turn = auditor.turns.turn.lock().await;
    auditor.turns.still_leads().await?;
    let filling = Filling::begin(&auditor.store).await?;
    let outcome = fill(auditor, &filling).await;
    let discarded = Filling::discard(&auditor.store).await;
    let report = outcome?;
    // The swap is done; what is left of the old table goes at the next start.
    if let Err(error) = discarded {
        tracing::warn!(error = &error as &dyn std::error::Error, "the old table is not dropped yet");
    }
    tracing::info!(rows = report.rows, paused_ms = report.paused_ms, "rebuilt the table of Events");
    Ok(report)
}

async fn fill(auditor: &Auditor, filling: &Filling) -> Result<RebuildReport, ProjectorError> {
    let archive = auditor.archive.as_ref().ok_or_else(|| refused("there is no archive to rebuild from"))?;
    let mut report = RebuildReport { started: now(), ..RebuildReport::default() };
    let mut begins: BTreeMap<u32, Offset> = BTreeMap::new();
    for (partition, (archived, _)) in auditor.places().await? {
        begins.insert(partition, archived.ok_or_else(|| refused("the archive has not begun yet"))?);
    }
    let catalogue = archive.going_on().await?;
    let mut facts = Facts::default();
    facts.read(&*auditor.log, Collection::Events).await?;
    let hot = hot::bounds(&auditor.store).await?;
    let (paths, covered) = counted(&catalogue, &facts, &begins, &hot);
    let of_archive = filling.files(archive, paths).await?;
    let of_table = filling.copy_uncovered(&covered, &begins).await?;
    let mut tails = BTreeMap::new();
    for (&partition, &begin) in &begins {
        let at = TopicPartition::new(Topic::KubeEvent, partition);
        tails.insert(partition, Tail::primed(auditor.log.clone(), at, auditor.window, begin).await?);
    }
    let mut of_log = follow(auditor, filling, &mut tails).await?;
    let mut all = of_archive;
    all.join(of_table);
    all.join(of_log);
    let found = filling.sum().await?;
    if found != all {
        let (Sum { rows, hash }, wanted) = (found, all);
        let why =
            format!("the new table has {rows} rows with hash {hash}, read were {} with {}", wanted.rows, wanted.hash);
        return Err(ProjectorError::Rebuild { why });
    }
    let paused = {
        let _gate = auditor.turns.gate.write().await;
        let begun = Instant::now();
        let alone = Alone::on(auditor).await?;
        let last = follow(auditor, filling, &mut tails).await?;
        all.join(last);
        of_log.join(last);
        if filling.rows_so_far().await? != all.rows {
            return Err(refused("the last rows are not all in the new table"));
        }
        // A file of a lost manifest that is gone as well is missed by nobody else.
        let unproven = catalogue.days.values().any(|entry| recorded(entry).is_none());
        if unproven && filling.rows_to_replace().await? > all.rows {
            return Err(refused(FEWER));
        }
        filling.call_whole().await?;
        alone.is_still().await?;
        auditor.turns.still_leads().await?;
        filling.swap().await?;
        begun.elapsed()
    };
    let before = filling.sum().await?;
    (report.rows, report.hash) = (all.rows, all.hash);
    (report.from_archive, report.from_log, report.from_table) = (of_archive.rows, of_log.rows, of_table.rows);
    (report.before_rows, report.before_hash) = (before.rows, before.hash);
    report.paused_ms = u64::try_from(paused.as_millis()).unwrap_or(u64::MAX);
    report.ended = now();
    Ok(report)
}

/// The right to write the ledgers of all Event partitions: nobody else brings a cut to its end meanwhile.
struct Alone(Vec<(TopicPartition, Arc<dyn Writer>)>);

impl Alone {
    async fn on(auditor: &Auditor) -> Result<Self, ProjectorError> {
        let mut writers = Vec::new();
        for (source, at) in auditor.ledgers() {
            writers.push((at, auditor.writer_of(source).await?));
        }
        Ok(Self(writers))
    }

    /// # Errors
    /// When somebody has come in between: rows may have gone to the old table that the new one has not.
    async fn is_still(&self) -> Result<(), ProjectorError> {
        for (at, writer) in &self.0 {
            writer.is_newest().await.map_err(ProjectorError::log("swap the tables as the writer of", *at))?;
        }
        Ok(())
    }
}

/// Fills in what the tables have by now and the archive had not when it was read.
async fn follow(auditor: &Auditor, filling: &Filling, tails: &mut BTreeMap<u32, Tail>) -> Result<Sum, ProjectorError> {
    let mut sum = Sum::default();
    for (partition, (_, watermark)) in auditor.places().await? {
        let Some(tail) = tails.get_mut(&partition) else { continue };
        while let Some(part) = tail.next(watermark).await? {
            sum.join(filling.rows(&part.rows).await?);
        }
        if let Some(why) = not_held(partition, &tail.past) {
            return Err(ProjectorError::Rebuild { why });
        }
    }
    Ok(sum)
}

/// What stands against it, where a reader that began at the archive's end had to pass over something.
fn not_held(partition: u32, past: &Readable) -> Option<String> {
    let damaged = past.damaged.first().map(|damage| {
        let (Range { start, end }, what) = (&damage.offsets, &damage.what);
        format!(
            "records {start}..{end} of partition {partition} cannot be read from the log, and the archive does not cover \
             them yet: the table alone has their rows, and stays. Ask again when the archive has passed them, \
             or bring the file back from a backup; {what}"
        )
    });
    let lost = || {
        let Range { start, end } = past.lost.first()?;
        Some(format!("the log lacks {start}..{end} of partition {partition}, which the archive has not"))
    };
    damaged.or_else(lost)
}

/// Files with their SHA-256, as far as it is known.
type Files = Vec<(String, Option<String>)>;

/// The files that count below these places, without days that the table need not have; and what all of them cover of the log.
fn counted(
    catalogue: &Catalogue,
    facts: &Facts,
    begins: &BTreeMap<u32, Offset>,
    hot: &Hot,
) -> (Files, Vec<PartitionRange>) {
    let mut covered = Vec::new();
    let is_hot = |entry: &&FileEntry| hot.get(&entry.cluster_uid).is_none_or(|bound| *bound <= entry.note.min_time);
    let hot_days = catalogue.days.values().filter(is_hot);
    let mut paths: Files = hot_days.map(|entry| (entry.path.clone(), recorded(entry))).collect();
    for range in catalogue.days.values().flat_map(|entry| &entry.note.ranges) {
        join_range(&mut covered, *range);
    }
    for file in &catalogue.ranges {
        if begins.get(&file.range.partition).is_some_and(|begin| file.range.to <= *begin) {
            let fact = facts.files.get(&file.path);
            paths.push((file.path.clone(), fact.map(|fact| fact.sha256.clone())));
            join_range(&mut covered, file.range);
        }
    }
    (paths, covered)
}

/// Range files below these places that the ledger knows, that are not there, and that no manifest has taken out. Where manifests
/// are lost they may have.
fn gone(catalogue: &Catalogue, facts: &Facts, begins: &BTreeMap<u32, Offset>) -> Files {
    if !catalogue.lost.is_empty() {
        return Files::new();
    }
    let listed: BTreeSet<&str> = catalogue.ranges.iter().map(|file| file.path.as_str()).collect();
    let is_gone = |fact: &&Archived| {
        begins.get(&fact.source.partition).is_some_and(|begin| fact.to <= *begin)
            && !listed.contains(fact.path.as_str())
            && !catalogue.was_removed(&fact.path)
    };
    facts.files.values().filter(is_gone).map(|fact| (fact.path.clone(), Some(fact.sha256.clone()))).collect()
}

/// The SHA-256 of a day file; `None` where its manifest is lost.
pub(crate) fn recorded(entry: &FileEntry) -> Option<String> {
    (!entry.sha256.is_empty()).then(|| entry.sha256.clone())
}

fn refused(why: &str) -> ProjectorError {
    ProjectorError::Rebuild { why: why.into() }
}

fn now() -> Micros {
    Micros::of(jiff::Timestamp::now())
}
