//! The files of the archive: each is read to its end, and written again where it is not what it must be.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arrow_array::RecordBatch;
use beidou_log::Writer;
use beidou_schemas::{
    Micros, Topic, TopicPartition,
    archive::{Collection, FileEntry, PartitionRange, join_range},
    ledger::{self, Archived, LedgerFact},
    maintenance::{AuditReport, Fault, Finding},
    time::{DAY, HOUR},
};
use beidou_store::{
    archive::{
        Archive, ArchiveError, Break, Catalogue, Expected, FileWriter, Finished, GroupLimit, Hours, Salvaged, Sum,
    },
    audit::{days, rows_of_day_file, rows_of_range},
};
use uuid::Uuid;

use super::{Auditor, Places, damage::tell_damaged_ledgers, now};
use crate::{ProjectorError, error::chain, rebuild::recorded};

/// An audit by itself reads at least so many bytes of day files, if there are: about two seconds of one core.
pub(super) const LEAST_SHARE: u64 = 256 << 20;
/// And at least this part of all: with one audit an hour each day file is read once a week.
pub(super) const SHARE: u64 = 7 * 24;

/// The archive as one audit sees it.
pub(super) struct Seen {
    /// All manifests follow one another.
    pub whole: bool,
    /// Day files by day, counted from 1970.
    pub by_day: BTreeMap<i64, Vec<FileEntry>>,
    /// What the files that are believed cover of the log.
    pub covered: Vec<PartitionRange>,
}

impl Auditor {
    /// Compares the archive with what was recorded of it, and the table with the archive. Tells what it covers of the log.
    pub(super) async fn compare_archive(
        &mut self,
        archive: &Archive,
        places: &Places,
        full: bool,
        report: &mut AuditReport,
    ) -> Result<Vec<PartitionRange>, ProjectorError> {
        self.memory.facts.read(&*self.log, Collection::Events).await?;
        tell_damaged_ledgers(&self.memory.facts, report);
        let Some((catalogue, whole)) = salvaged(archive, report).await? else { return Ok(Vec::new()) };
        self.memory.facts.files.retain(|path, _| !catalogue.was_removed(path));
        let mut seen = Seen { whole, by_day: by_day(&catalogue), covered: Vec::new() };
        self.compare_ranges(archive, &catalogue, places, full, &mut seen, report).await?;
        for range in catalogue.days.values().flat_map(|entry| &entry.note.ranges) {
            join_range(&mut seen.covered, *range);
        }
        let mut all: BTreeSet<i64> = days(&self.store).await?.into_iter().collect();
        all.extend(seen.by_day.keys());
        all.extend(self.memory.ranges.values().flat_map(|hours| hours.keys().map(|(_, hour)| hour.div_euclid(24))));
        let chosen = if full { all.into_iter().collect() } else { self.choose(all, &seen.by_day) };
        for day in chosen {
            self.compare_day(archive, day, &seen, report).await?;
            self.memory.days.insert(day, self.memory.number);
            self.memory.fresh.remove(&day);
        }
        Ok(seen.covered)
    }

    /// Days whose files are new, then those that were compared longest ago, as many as one audit may read.
    fn choose(&self, all: BTreeSet<i64>, by_day: &BTreeMap<i64, Vec<FileEntry>>) -> Vec<i64> {
        let bytes = |day: &i64| by_day.get(day).into_iter().flatten().map(|entry| entry.bytes).sum::<u64>();
        let most = (all.iter().map(bytes).sum::<u64>() / SHARE).max(LEAST_SHARE);
        let age = |day: &i64| self.memory.days.get(day).copied().unwrap_or_default();
        let mut days: Vec<i64> = all.into_iter().collect();
        days.sort_by_key(|day| (!self.memory.fresh.contains(day), age(day), -day));
        let mut read = 0;
        days.retain(|day| {
            let fits = read < most;
            read += bytes(day);
            fits
        });
        days
    }

    /// Range files: those that are listed, and those that the ledger knows. What lies above the places is being written.
    async fn compare_ranges(
        &mut self,
        archive: &Archive,
        catalogue: &Catalogue,
        places: &Places,
        full: bool,
        seen: &mut Seen,
        report: &mut AuditReport,
    ) -> Result<(), ProjectorError> {
        let listed: BTreeSet<&str> = catalogue.ranges.iter().map(|file| file.path.as_str()).collect();
        // One that is gone may have been removed by a manifest that is lost.
        let known = self.memory.facts.files.keys().map(String::as_str).filter(|_| seen.whole);
        let paths: BTreeSet<String> = listed.iter().copied().chain(known).map(str::to_owned).collect();
        self.memory.ranges.retain(|path, _| paths.contains(path));
        for path in paths {
            let Some(range) = Collection::Events.parse_range_path(&path) else { continue };
            let archived = places.get(&range.partition).and_then(|(archived, _)| *archived).unwrap_or_default();
            if range.to > archived {
                continue;
            }
            // What was read before may be gone by now.
            if full || !listed.contains(path.as_str()) || !self.memory.ranges.contains_key(&path) {
                let Some(hours) = self.range_file(archive, &path, range, report).await? else {
                    self.memory.ranges.remove(&path);
                    continue;
                };
                self.memory.fresh.extend(hours.keys().map(|(_, hour)| hour.div_euclid(24)));
                self.memory.ranges.insert(path, hours);
            }
            join_range(&mut seen.covered, range);
        }
        Ok(())
    }

    /// What a range file holds; `None` where it is not what it must be and cannot be written again.
    async fn range_file(
        &self,
        archive: &Archive,
        path: &str,
        range: PartitionRange,
        report: &mut AuditReport,
    ) -> Result<Option<Hours>, ProjectorError> {
        let fact = self.memory.facts.files.get(path);
        let expected = fact.map_or_else(Expected::default, |fact| Expected {
            sha256: Some(fact.sha256.clone()),
            sum: Some(Sum { rows: fact.rows, hash: fact.hash }),
        });
        let error = match archive.examine(path, &expected).await {
            Ok(hours) => {
                report.files += 1;
                return Ok(Some(hours));
            }
            Err(error) if error.is_missing() || error.is_damage() => error,
            Err(error) => return Err(error.into()),
        };
        let fault = fault_of(&error);
        let Some(wanted) = expected.sum else {
            let why = format!("{}; the ledger does not say any more what it must hold", chain(&error));
            tell(report, file_finding(fault, path, 0, false, why));
            return Ok(None);
        };
        let PartitionRange { partition, from, to } = range;
        let rows = rows_of_range(&self.store, partition, from, to).await?;
        let Some(file) = range_file_of(&rows, range, wanted)? else {
            let why = format!("{}; the table's rows of its range are not those that it must hold", chain(&error));
            tell(report, file_finding(fault, path, wanted.rows, false, why));
            return Ok(None);
        };
        let put = archive.replace_range(path, &file).await.map_err(ProjectorError::Archiving)?;
        let source = TopicPartition::new(Topic::KubeEvent, partition);
        let (rows, hash, path) = (wanted.rows, wanted.hash, path.to_owned());
        let fact = Archived { source, from, to, rows, hash, bytes: put.bytes, sha256: put.sha256, path };
        self.note(&fact).await?;
        let why = format!("{}; written again from the table's rows", chain(&error));
        tell(report, file_finding(fault, &fact.path, rows, true, why));
        let expected = Expected { sha256: Some(fact.sha256), sum: Some(wanted) };
        Ok(Some(archive.examine(&fact.path, &expected).await?))
    }

    /// The writer of a source's ledger. That of another projector is fenced: it goes on after a pause, and reads the fact.
    pub(crate) async fn writer_of(&self, source: TopicPartition) -> Result<Arc<dyn Writer>, ProjectorError> {
        if let Some(writer) = self.turns.writer(source) {
            return Ok(writer);
        }
        let at = ledger::partition_of(source, self.log.partitions(Topic::KubeEvent)).unwrap_or(source);
        self.log.writer(at, &self.name).await.map_err(ProjectorError::log("become the writer of", at))
    }

    /// Tells the ledger that a range's file is another one now.
    pub(super) async fn note(&self, fact: &Archived) -> Result<(), ProjectorError> {
        let writer = self.writer_of(fact.source).await?;
        let record = LedgerFact::Archived(fact.clone()).to_record(Uuid::new_v4(), now());
        let failed = ProjectorError::log("append a fact of the ledger of", fact.source);
        writer.append(vec![record]).await.map(drop).map_err(failed)
    }

    /// What a day file holds; `None` where it is not what it must be and cannot be written again.
    pub(super) async fn day_file(
        &self,
        archive: &Archive,
        entry: &FileEntry,
        seen: &Seen,
        report: &mut AuditReport,
    ) -> Result<Option<(String, Hours)>, ProjectorError> {
        let wanted = Sum { rows: entry.note.rows, hash: entry.note.hash };
        let expected = Expected { sha256: recorded(entry), sum: Some(wanted) };
        let error = match archive.examine(&entry.path, &expected).await {
            Ok(hours) => {
                report.files += 1;
                return Ok(Some((entry.path.clone(), hours)));
            }
            Err(error) if error.is_missing() || error.is_damage() => error,
            Err(error) => return Err(error.into()),
        };
        let fault = fault_of(&error);
        if !seen.whole {
            let why = format!("{}; {}, then it is written again", chain(&error), chain_first(archive));
            tell(report, file_finding(fault, &entry.path, wanted.rows, false, why));
            return Ok(None);
        }
        let Some(file) = self.day_file_of(entry, wanted).await? else {
            let why = format!("{}; the table's rows of its day are not those that it must hold", chain(&error));
            tell(report, file_finding(fault, &entry.path, wanted.rows, false, why));
            return Ok(None);
        };
        let new = archive.replace_day(entry, &file, now()).await.map_err(ProjectorError::Archiving)?;
        let why = format!("{}; written again from the table's rows as {}", chain(&error), new.path);
        tell(report, file_finding(fault, &entry.path, wanted.rows, true, why));
        let expected = Expected { sha256: Some(new.sha256.clone()), sum: Some(wanted) };
        let hours = archive.examine(&new.path, &expected).await?;
        Ok(Some((new.path, hours)))
    }

    /// The file of the table's rows, if they are those that it must hold. Rows come hour by hour.
    async fn day_file_of(&self, entry: &FileEntry, wanted: Sum) -> Result<Option<Finished>, ProjectorError> {
        let Some(first) = Micros::parse(&format!("{}T00:00:00Z", entry.dt)).map(|day| day.0.div_euclid(HOUR)) else {
            return Ok(None);
        };
        let mut writer: Option<FileWriter<Vec<u8>>> = None;
        for hour in first..first + 24 {
            for batch in rows_of_day_file(&self.store, entry, hour).await? {
                let file = match &mut writer {
                    Some(file) => file,
                    None => writer.insert(FileWriter::in_memory(batch.schema_ref(), GroupLimit::DAY)?),
                };
                file.add(&batch)?;
            }
            if writer.as_ref().is_some_and(|file| file.rows() > wanted.rows) {
                return Ok(None);
            }
        }
        let Some(mut file) = writer else { return Ok(None) };
        entry.note.ranges.iter().for_each(|range| file.cover(*range));
        let file = file.finish()?;
        Ok((Sum { rows: file.note.rows, hash: file.note.hash } == wanted).then_some(file))
    }
}

fn range_file_of(rows: &[RecordBatch], range: PartitionRange, wanted: Sum) -> Result<Option<Finished>, ProjectorError> {
    let Some(first) = rows.first() else { return Ok(None) };
    let mut file = FileWriter::in_memory(first.schema_ref(), GroupLimit::RANGE)?;
    for batch in rows {
        file.add(batch)?;
    }
    file.cover(range);
    let file = file.finish()?;
    Ok((Sum { rows: file.note.rows, hash: file.note.hash } == wanted).then_some(file))
}

fn by_day(catalogue: &Catalogue) -> BTreeMap<i64, Vec<FileEntry>> {
    let mut by_day: BTreeMap<i64, Vec<FileEntry>> = BTreeMap::new();
    for entry in catalogue.days.values() {
        // A day that is no date is no file of ours; the manifest's hash covers it.
        if let Some(day) = Micros::parse(&format!("{}T00:00:00Z", entry.dt)) {
            by_day.entry(day.0.div_euclid(DAY)).or_default().push(entry.clone());
        }
    }
    by_day
}

/// What day files of a lost manifest are not, and bad ones of a broken chain are not made.
pub(super) fn chain_first(archive: &Archive) -> String {
    format!("bring {} back first", archive.collection().manifests())
}

/// Which files count, and whether all manifests follow one another. What is wrong with them is told; `None` where nothing
/// can be compared.
pub(super) async fn salvaged(
    archive: &Archive,
    report: &mut AuditReport,
) -> Result<Option<(Catalogue, bool)>, ProjectorError> {
    let Salvaged { catalogue, broken, doubtful } = match archive.salvage().await {
        Ok(salvaged) => salvaged,
        Err(ArchiveError::Chain { path, what }) => {
            let why = format!("{what}; nothing of the archive can be compared, {}", chain_first(archive));
            tell(report, file_finding(Fault::ManifestBroken, &path, 0, false, why));
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    // Nobody proves any more that files and manifests before were not changed.
    for Break { path, what } in &broken {
        let why = format!(
            "{what}; the archive is read on from the newest manifest, but that nothing before was changed is not proved any \
             more: bring {} back from a backup",
            archive.collection().manifests()
        );
        tell(report, file_finding(Fault::ManifestBroken, path, 0, false, why));
    }
    for Break { path, what } in &doubtful {
        let why = format!("{what}: nothing is compacted or rebuilt until that is known, {}", chain_first(archive));
        tell(report, file_finding(Fault::ManifestBroken, path, 0, false, why));
    }
    Ok(Some((catalogue, broken.is_empty())))
}

pub(super) fn fault_of(error: &ArchiveError) -> Fault {
    if error.is_missing() { Fault::FileMissing } else { Fault::FileDamaged }
}

pub(super) fn file_finding(fault: Fault, path: &str, rows: u64, repaired: bool, detail: String) -> Finding {
    let (cluster_uid, hour) = (String::new(), String::new());
    Finding { fault, cluster_uid, hour, place: path.into(), rows, repaired, detail }
}

/// Takes a finding into the report, and tells it.
pub(super) fn tell(report: &mut AuditReport, finding: Finding) {
    let Finding { fault, cluster_uid, hour, place, rows, repaired, detail } = &finding;
    tracing::warn!(
        fault = fault.name(),
        cluster_uid,
        hour,
        place,
        rows,
        repaired,
        detail,
        "the audit found a difference"
    );
    report.find(finding);
}
