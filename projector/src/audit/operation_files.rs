//! The archive's files of operations: each is what was recorded and holds what the log says, or is made again from there.
//!
//! ```text
//!  a row of the log ─► the range file of its place, or the day file of its place, day and cluster ─► its rows and hash
//!                  └─► neither: no file covers its place, and one is written
//!  file, read to its end ─► SHA-256, rows, hash: as recorded, and as the log says
//! ```
//!
//! What each file must hold by the log is known to an audit that has read all of it: a full one, or any where it is
//! small. Others compare files with what was recorded, the new ones first, then those that were read longest ago.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::RecordBatch;
use beidou_schemas::{
    Micros, Offset, TopicPartition,
    archive::{Collection, FileEntry, PartitionRange, join_range},
    ledger::Archived,
    maintenance::{AuditReport, Fault},
    operation::SAID,
    time::DAY,
};
use beidou_store::{
    archive::{Archive, ArchiveError, Catalogue, Expected, FileWriter, Finished, GroupLimit, Sum, marks, pick},
    audit::OperationRow,
};

use super::{
    Auditor,
    damage::tell_damaged_ledgers,
    files::{LEAST_SHARE, SHARE, chain_first, fault_of, file_finding, salvaged, tell},
    now,
    operations::Source,
};
use crate::{
    ProjectorError,
    archive::DEFAULT_MAX_ROWS,
    error::chain,
    rebuild::{Tail, recorded},
};

/// Said of a day file where others have rows of the same places.
const NOT_ALONE: &str =
    "other files of its cluster and day cover the same range of the log, and nobody knows which rows are its own";
/// Said where the log cannot say what a file must hold.
const NOT_READ: &str = "the log cannot be read there, or facts before it cannot";

/// Files that must be there, and what each must hold.
pub(super) struct Files {
    archive: Archive,
    sources: Vec<Source>,
    catalogue: Catalogue,
    /// All manifests follow one another.
    whole: bool,
    files: Vec<File>,
    /// Range files by number of their source and first offset: where each ends, and its place in `files`.
    ranges: BTreeMap<(u32, Offset), (Offset, usize)>,
    /// Places of day files by day, counted from 1970, and cluster.
    days: BTreeMap<i64, BTreeMap<String, Vec<usize>>>,
    /// What all of them cover of the log.
    covered: Vec<PartitionRange>,
    /// Ranges that none covers, and that have rows.
    holes: BTreeSet<PartitionRange>,
    /// Rows of ranges that files cover, and that none of these can have, by day and cluster.
    astray: BTreeMap<(i64, String), u64>,
}

/// A file that must be there.
struct File {
    path: String,
    of: Of,
    bytes: u64,
    sha256: Option<String>,
    /// What ledger or manifest say of it.
    recorded: Option<Sum>,
    /// What it must hold by the log.
    must: Sum,
    /// By the log it can be told what is its own: no other file can have rows of the same places.
    alone: bool,
}

/// What a file is of.
enum Of {
    Range(PartitionRange),
    Day(Box<FileEntry>),
}

/// What the log has for a file.
enum Made {
    Rows(Finished),
    Nothing,
    Unread,
}

/// Readers of the log that go on where they stand: the facts before are not read anew for each file.
#[derive(Default)]
struct Readers(BTreeMap<TopicPartition, Tail>);

impl Auditor {
    /// Which files must be there. What is wrong with manifests and ledgers is told; `None` where nothing can be compared.
    pub(super) async fn operation_files(
        &mut self,
        archive: Archive,
        sources: &[Source],
        report: &mut AuditReport,
    ) -> Result<Option<Files>, ProjectorError> {
        let facts = &mut self.memory.operations.facts;
        facts.read(&*self.log, Collection::Operations).await?;
        tell_damaged_ledgers(facts, report);
        let Some((catalogue, whole)) = salvaged(&archive, report).await? else { return Ok(None) };
        facts.files.retain(|path, _| !catalogue.was_removed(path));
        let mut files = Files::new(archive, sources.to_vec(), catalogue, whole);
        files.add_ranges(&facts.files);
        files.add_days();
        let paths: BTreeSet<&str> = files.files.iter().map(|file| file.path.as_str()).collect();
        self.memory.operations.read.retain(|path, _| paths.contains(path.as_str()));
        Ok(Some(files))
    }

    /// Compares files with what was recorded, and with the log where all of it was taken in.
    pub(super) async fn compare_operation_files(
        &mut self,
        files: &Files,
        complete: bool,
        full: bool,
        report: &mut AuditReport,
    ) -> Result<(), ProjectorError> {
        let by_log = complete && files.whole;
        let mut readers = Readers::default();
        for index in self.to_read(files, full) {
            let file = &files.files[index];
            let sum = if by_log && file.alone { Some(file.must) } else { file.recorded };
            let expected = Expected { sha256: file.sha256.clone(), sum };
            match files.archive.examine(&file.path, &expected).await {
                Ok(_) => {
                    report.files += 1;
                    self.memory.operations.read.insert(file.path.clone(), self.memory.number);
                }
                Err(error) if error.is_missing() || error.is_damage() => {
                    self.make_again(files, file, &error, &mut readers, report).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        if by_log {
            for hole in &files.holes {
                self.fill(files, *hole, &mut readers, report).await?;
            }
            for ((day, cluster), rows) in &files.astray {
                let place = format!("{}/dt={}/cluster={cluster}", files.folder(), Micros(day * DAY).day_text());
                let why =
                    "no file that counts can have these rows of the log, and those of their range are as recorded";
                tell(report, file_finding(Fault::FileMissing, &place, *rows, false, why.into()));
            }
        }
        Ok(())
    }

    /// All files, or new ones and those that were read longest ago, as many as one audit reads.
    fn to_read(&self, files: &Files, full: bool) -> Vec<usize> {
        let all = &files.files;
        let mut order: Vec<usize> = (0..all.len()).collect();
        if full {
            return order;
        }
        let most = (all.iter().map(|file| file.bytes).sum::<u64>() / SHARE).max(LEAST_SHARE);
        let age = |index: &usize| self.memory.operations.read.get(&all[*index].path).copied().unwrap_or_default();
        order.sort_by_key(age);
        let mut read = 0;
        order.retain(|index| {
            let fits = read < most;
            read += all[*index].bytes;
            fits
        });
        order
    }

    /// Makes a file that is gone, or not what it must be, again from the log.
    async fn make_again(
        &mut self,
        files: &Files,
        file: &File,
        error: &ArchiveError,
        readers: &mut Readers,
        report: &mut AuditReport,
    ) -> Result<(), ProjectorError> {
        let (fault, rows) = (fault_of(error), file.recorded.map_or(0, |sum| sum.rows));
        let held = |why: &str| file_finding(fault, &file.path, rows, false, format!("{}; {why}", chain(error)));
        let (ranges, entry) = match &file.of {
            Of::Range(range) => (vec![*range], None),
            Of::Day(_) if !files.whole => {
                tell(report, held(&format!("{}, then it is made again", chain_first(&files.archive))));
                return Ok(());
            }
            Of::Day(entry) => (entry.note.ranges.clone(), Some(&**entry)),
        };
        let made = match self.made_of_log(files, &ranges, entry, readers).await? {
            Made::Rows(made) if file.alone || file.recorded == Some(sum_of(&made)) => made,
            Made::Rows(_) => {
                tell(report, held(NOT_ALONE));
                return Ok(());
            }
            Made::Nothing => {
                tell(report, held("the log has no rows for it"));
                return Ok(());
            }
            Made::Unread => {
                tell(report, held(NOT_READ));
                return Ok(());
            }
        };
        let path = match &file.of {
            Of::Range(range) => self.put_range(files, *range, &made).await?,
            Of::Day(entry) => {
                files.archive.replace_day(entry, &made, now()).await.map_err(ProjectorError::Archiving)?.path
            }
        };
        let why = format!("{}; made again from the log as {path}", chain(error));
        tell(report, file_finding(fault, &file.path, made.note.rows, true, why));
        self.memory.operations.read.insert(path, self.memory.number);
        Ok(())
    }

    /// Writes a file of a range that none covers.
    async fn fill(
        &mut self,
        files: &Files,
        range: PartitionRange,
        readers: &mut Readers,
        report: &mut AuditReport,
    ) -> Result<(), ProjectorError> {
        let path = Collection::Operations.range_path(range.partition, range.from, range.to);
        let (rows, repaired, why) = match self.made_of_log(files, &[range], None, readers).await? {
            Made::Rows(made) if !files.catalogue.was_removed(&path) => {
                self.put_range(files, range, &made).await?;
                (made.note.rows, true, "no file had these rows of the log: written")
            }
            Made::Rows(made) => (made.note.rows, false, "a manifest has taken a file of that name out"),
            Made::Nothing => return Ok(()),
            Made::Unread => (0, false, NOT_READ),
        };
        tell(report, file_finding(Fault::FileMissing, &path, rows, repaired, why.into()));
        Ok(())
    }

    /// Puts the file of a range over what may be there, and tells the ledger. Tells where it is.
    async fn put_range(&self, files: &Files, range: PartitionRange, made: &Finished) -> Result<String, ProjectorError> {
        let PartitionRange { partition, from, to } = range;
        let path = Collection::Operations.range_path(partition, from, to);
        let put = files.archive.replace_range(&path, made).await.map_err(ProjectorError::Archiving)?;
        if let Some(source) = files.source(partition) {
            let Sum { rows, hash } = sum_of(made);
            let (source, bytes, sha256) = (source.at, put.bytes, put.sha256);
            self.note(&Archived { source, from, to, rows, hash, bytes, sha256, path: path.clone() }).await?;
        }
        Ok(path)
    }

    /// The file of what the log has at these ranges; of a day file's day and cluster alone.
    async fn made_of_log(
        &self,
        files: &Files,
        ranges: &[PartitionRange],
        entry: Option<&FileEntry>,
        readers: &mut Readers,
    ) -> Result<Made, ProjectorError> {
        let limit = if entry.is_some() { GroupLimit::DAY } else { GroupLimit::RANGE };
        let mut writer: Option<FileWriter<Vec<u8>>> = None;
        for range in ranges {
            let Some(source) = files.source(range.partition) else { return Ok(Made::Unread) };
            let tail = readers.at(self, source.at, range.from);
            let passed = tail.past.damaged.len() + tail.past.lost.len();
            while let Some(part) = tail.next(range.to).await? {
                for batch in &part.rows {
                    let rows = match entry {
                        Some(entry) => of_day(batch, entry)?,
                        None => batch.clone(),
                    };
                    let file = match &mut writer {
                        Some(file) => file,
                        None => writer.insert(FileWriter::in_memory(batch.schema_ref(), limit)?),
                    };
                    file.add(&rows)?;
                }
            }
            if tail.unread().is_some() || tail.past.damaged.len() + tail.past.lost.len() > passed {
                return Ok(Made::Unread);
            }
        }
        let Some(mut file) = writer.filter(|file| file.rows() > 0) else { return Ok(Made::Nothing) };
        ranges.iter().for_each(|range| file.cover(*range));
        Ok(Made::Rows(file.finish()?))
    }
}

impl Files {
    fn new(archive: Archive, sources: Vec<Source>, catalogue: Catalogue, whole: bool) -> Self {
        Self {
            archive,
            sources,
            catalogue,
            whole,
            files: Vec::new(),
            ranges: BTreeMap::new(),
            days: BTreeMap::new(),
            covered: Vec::new(),
            holes: BTreeSet::new(),
            astray: BTreeMap::new(),
        }
    }

    fn folder(&self) -> &'static str {
        self.archive.collection().folder()
    }

    fn source(&self, number: u32) -> Option<&Source> {
        self.sources.iter().find(|source| source.number == number)
    }

    /// Range files: those that are listed, and those that the ledger knows. What lies above the places is being written.
    fn add_ranges(&mut self, facts: &BTreeMap<String, Archived>) {
        // One that is gone may have been removed by a manifest that is lost.
        let known = facts.values().filter(|_| self.whole).map(|fact| (fact.path.clone(), fact.bytes));
        let listed = self.catalogue.ranges.iter().map(|file| (file.path.clone(), file.bytes));
        let paths: BTreeMap<String, u64> = known.chain(listed).collect();
        for (path, bytes) in paths {
            let Some(range) = Collection::Operations.parse_range_path(&path) else { continue };
            if self.source(range.partition).is_none_or(|source| range.to > source.archived) {
                continue;
            }
            let fact = facts.get(&path);
            let recorded = fact.map(|fact| Sum { rows: fact.rows, hash: fact.hash });
            let sha256 = fact.map(|fact| fact.sha256.clone());
            self.ranges.insert((range.partition, range.from), (range.to, self.files.len()));
            join_range(&mut self.covered, range);
            let (of, must) = (Of::Range(range), Sum::default());
            self.files.push(File { path, of, bytes, sha256, recorded, must, alone: true });
        }
    }

    /// Day files: those that manifests name.
    fn add_days(&mut self) {
        let entries: Vec<FileEntry> = self.catalogue.days.values().cloned().collect();
        for entry in entries {
            let is_alone = |range: &PartitionRange| {
                // A compaction by hand may be ahead of what this audit takes in.
                self.source(range.partition).is_some_and(|source| range.to <= source.archived)
            };
            let alone = entry.note.ranges.iter().all(is_alone);
            entry.note.ranges.iter().for_each(|range| join_range(&mut self.covered, *range));
            if let Some(day) = day_of(&entry) {
                let shelf = self.days.entry(day).or_default().entry(entry.cluster.clone()).or_default();
                shelf.push(self.files.len());
            }
            let recorded_sum = Some(Sum { rows: entry.note.rows, hash: entry.note.hash });
            let (path, bytes, sha256) = (entry.path.clone(), entry.bytes, recorded(&entry));
            let (of, must) = (Of::Day(Box::new(entry)), Sum::default());
            self.files.push(File { path, of, bytes, sha256, recorded: recorded_sum, must, alone });
        }
        for shelf in self.days.values().flat_map(BTreeMap::values) {
            for (number, one) in shelf.iter().enumerate() {
                for other in &shelf[number + 1..] {
                    if self.files[*one].meets(&self.files[*other]) {
                        (self.files[*one].alone, self.files[*other].alone) = (false, false);
                    }
                }
            }
        }
    }

    /// Adds rows of the log to the files that must hold them. What the archive has not reached yet is none of them.
    pub(super) fn take(
        &mut self,
        source: &Source,
        batch: &RecordBatch,
        rows: &[OperationRow],
    ) -> Result<(), ProjectorError> {
        for (mark, row) in marks(batch)?.zip(rows) {
            if row.log_offset >= source.archived {
                continue;
            }
            let (day, offset) = (mark.time.0.div_euclid(DAY), row.log_offset);
            if let Some(file) = self.file_of(source.number, offset, day, &row.cluster_name) {
                self.files[file].must.add(mark.hash);
            } else if self.covered.iter().any(|range| holds(range, source.number, offset)) {
                *self.astray.entry((day, row.cluster_name.clone())).or_default() += 1;
            } else {
                let hole = self.hole(source, offset);
                self.holes.insert(hole);
            }
        }
        Ok(())
    }

    /// The place in `files` of the one that must hold a row.
    fn file_of(&self, number: u32, offset: Offset, day: i64, cluster: &str) -> Option<usize> {
        if let Some((&(of, _), &(to, file))) = self.ranges.range(..=(number, offset)).next_back()
            && of == number
            && offset < to
        {
            return Some(file);
        }
        let shelf = self.days.get(&day)?.get(cluster)?;
        shelf.iter().copied().find(|file| self.files[*file].covers(number, offset))
    }

    /// The range around an offset that no file covers, cut as files are.
    fn hole(&self, source: &Source, offset: Offset) -> PartitionRange {
        let partition = source.number;
        let own: Vec<_> = self.covered.iter().filter(|range| range.partition == partition).collect();
        let from = own.iter().map(|range| range.to).filter(|to| *to <= offset).max().unwrap_or_default();
        let to = own.iter().map(|range| range.from).filter(|from| *from > offset).min().unwrap_or(source.archived);
        // What runners told may be 1 MB a record, and a file is made in memory.
        let most = if source.at == SAID { DEFAULT_MAX_ROWS / 1000 } else { DEFAULT_MAX_ROWS };
        let from = from + (offset - from) / most * most;
        PartitionRange { partition, from, to: to.min(from + most) }
    }
}

impl File {
    /// What it covers of the log.
    fn ranges(&self) -> &[PartitionRange] {
        match &self.of {
            Of::Range(range) => std::slice::from_ref(range),
            Of::Day(entry) => &entry.note.ranges,
        }
    }

    fn covers(&self, number: u32, offset: Offset) -> bool {
        self.ranges().iter().any(|range| holds(range, number, offset))
    }

    /// Whether both cover a part of the log.
    fn meets(&self, other: &Self) -> bool {
        let common = |one: &PartitionRange, other: &PartitionRange| {
            one.partition == other.partition && one.from < other.to && other.from < one.to
        };
        self.ranges().iter().any(|one| other.ranges().iter().any(|other| common(one, other)))
    }
}

impl Readers {
    /// The reader of a source, at this offset.
    fn at(&mut self, auditor: &Auditor, at: TopicPartition, from: Offset) -> &mut Tail {
        let fresh = || Tail::new(auditor.log.clone(), at, auditor.window, from);
        let tail = self.0.entry(at).or_insert_with(fresh);
        // What its encoder knows already is not to be taken in again.
        if tail.past.next > from {
            *tail = fresh();
        }
        tail.past.next = from;
        tail
    }
}

fn holds(range: &PartitionRange, number: u32, offset: Offset) -> bool {
    range.partition == number && range.from <= offset && offset < range.to
}

/// The day of a day file, counted from 1970.
fn day_of(entry: &FileEntry) -> Option<i64> {
    Micros::parse(&format!("{}T00:00:00Z", entry.dt)).map(|day| day.0.div_euclid(DAY))
}

/// Those rows of a batch that are of a day file's day and cluster.
fn of_day(batch: &RecordBatch, entry: &FileEntry) -> Result<RecordBatch, ProjectorError> {
    let day = day_of(entry);
    let mut rows = Vec::new();
    for (row, mark) in marks(batch)?.enumerate() {
        if Some(mark.time.0.div_euclid(DAY)) == day && mark.cluster_uid == entry.cluster {
            rows.push(row as u32);
        }
    }
    Ok(pick(batch, rows)?)
}

fn sum_of(file: &Finished) -> Sum {
    Sum { rows: file.note.rows, hash: file.note.hash }
}
