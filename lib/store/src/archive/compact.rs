//! Compaction: range files become day files, and the manifest says so.
//!
//! ```text
//!  inputs, oldest first ─► rows, verified ─► shelves (day, cluster) ─► row groups ─► scratch files ─► put ─► read back
//!                                                                                                       │
//!                     remove inputs ◄─ manifest, put if absent ◄─ rows and hash of both sides equal ◄───┘
//! ```
//!
//! Invariants:
//! - Until the manifest is stored nothing has changed for a reader; after it, the inputs count no longer. A crash leaves
//!   files that do not count, which the next compaction removes.
//! - Two compactions at once do no harm: one of them stores the generation, the other one gives up.
//! - A file that is damaged is left out and stays: it holds up no other. Where one shows, all begins anew, and each file is read
//!   through before its rows are taken. Later compactions of the process read that one alone through first: it may be mended.
//! - Whoever gives it up ends it within a batch: its thread would hold up the end of the process.
//! - Memory is bounded by [`MOST_GATHERED`] and by one file of [`TARGET_BYTES`] while it is put. Scratch files are on disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufWriter, ErrorKind},
    sync::{Arc, MutexGuard, PoisonError, Weak},
};

use arrow_array::RecordBatch;
use beidou_schemas::{
    Micros,
    archive::{FileEntry, FileNote, PartitionRange, day_file},
    kube_event::RangeHash,
    time::DAY,
};
use bytes::Bytes;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::{
    Archive, ArchiveError, Catalogue, Finished, GroupLimit, blocking, path_of,
    rows::Tally,
    split::{Shelf, split},
    write::FileWriter,
};

/// A day file is closed at this size: large enough that a reader opens few, small enough to be sent at once.
pub const TARGET_BYTES: usize = 256 << 20;
/// A day file below this size is taken in again when rows for its shelf come late, so that a day remains one file.
pub const MERGE_BELOW: u64 = 32 << 20;
/// Rows of all shelves that wait for their row group: the largest shelf is written when there are more.
const MOST_GATHERED: usize = 256 << 20;
/// Files under construction at once: each takes a handle and some 100 KB. Rows of more days than this come only with an
/// import, whose files then are smaller.
const MOST_OPEN: usize = 256;

/// What to compact, and how.
#[derive(Debug, Clone)]
pub struct Compaction {
    /// Only range files whose rows were all observed before.
    pub before: Micros,
    /// Of these only files with a row that happened before: what retention will take from its day.
    pub older_than: Option<Micros>,
    /// The time now, for the manifest.
    pub now: Micros,
    /// Part of each new name: another one for each compaction.
    pub tag: String,
    /// Size at which a file is closed: [`TARGET_BYTES`].
    pub target_bytes: usize,
    /// When a row group is full.
    pub group: GroupLimit,
}

impl Compaction {
    /// A compaction of what was observed before, with the usual bounds.
    pub fn new(before: Micros, now: Micros) -> Self {
        let tag = format!("{:08x}", Uuid::new_v4().as_fields().0);
        Self { before, older_than: None, now, tag, target_bytes: TARGET_BYTES, group: GroupLimit::DAY }
    }
}

/// What a compaction did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compacted {
    /// The generation that it stored; `None` when there was nothing to compact.
    pub generation: Option<u64>,
    /// Rows moved.
    pub rows: u64,
    /// Files taken in, and their bytes.
    pub inputs: (u64, u64),
    /// Files made, and their bytes.
    pub outputs: (u64, u64),
    /// Leftovers of earlier compactions that were removed.
    pub swept: u64,
    /// Files that are damaged or gone, and were left out: a backup or the audit may mend them.
    pub left_out: Vec<String>,
}

impl Archive {
    /// Compacts what is old enough. Repeat it after any error: what was not finished is not there.
    ///
    /// # Errors
    /// [`ArchiveError::Raced`] when another one was faster. [`ArchiveError::Chain`] as in [`Archive::going_on`]. After any
    /// error nothing was changed.
    pub async fn compact(&self, compaction: &Compaction) -> Result<Compacted, ArchiveError> {
        let catalogue = self.going_on().await?;
        let mut done = Compacted::default();
        for path in &catalogue.leftovers {
            self.remove(path).await?;
            done.swept += 1;
        }
        let inputs = self.inputs(&catalogue, compaction, &mut done.left_out).await?;
        if inputs.is_empty() {
            return Ok(done);
        }
        done.swept += self.sweep_staged().await?;
        let (taken, made) = match self.run(&catalogue, compaction, inputs.clone(), false).await {
            Err(error) if is_of_a_file(&error) => self.run(&catalogue, compaction, inputs, true).await?,
            ran => ran?,
        };
        done.left_out.extend(taken.left_out.iter().cloned());
        if taken.paths.is_empty() {
            return Ok(done);
        }
        if let Err(error) = self.verify_all(&taken, &made).await {
            self.discard(&made).await;
            return Err(error);
        }
        done.rows = taken.rows;
        done.inputs = (taken.paths.len() as u64, taken.bytes);
        done.outputs = (made.len() as u64, made.iter().map(|entry| entry.bytes).sum());
        let removed = taken.paths.clone();
        match self.store_manifest(&catalogue, made.clone(), removed, compaction.now).await {
            Ok(generation) => done.generation = Some(generation),
            Err(error @ ArchiveError::Raced { .. }) => {
                self.discard(&made).await;
                return Err(error);
            }
            // Stored or not: whoever reads next sees one or the other.
            Err(error) => return Err(error),
        }
        for path in &taken.paths {
            self.remove(path).await?;
        }
        Ok(done)
    }

    async fn run(
        &self,
        catalogue: &Catalogue,
        compaction: &Compaction,
        inputs: Vec<Input>,
        careful: bool,
    ) -> Result<(Taken, Vec<FileEntry>), ArchiveError> {
        let asking = Arc::new(());
        let run = Run {
            asked: Arc::downgrade(&asking),
            archive: self.clone(),
            compaction: compaction.clone(),
            generation: catalogue.generation + 1,
            days: catalogue.days.clone(),
            careful,
            runtime: Handle::current(),
            shelves: BTreeMap::new(),
            taken: Taken::default(),
            made: Vec::new(),
        };
        blocking(move || run.work(inputs)).await
    }

    /// The range files that are old enough, the oldest first.
    async fn inputs(
        &self,
        catalogue: &Catalogue,
        asked: &Compaction,
        left_out: &mut Vec<String>,
    ) -> Result<Vec<Input>, ArchiveError> {
        let old = |note: &FileNote| asked.older_than.is_none_or(|limit| note.min_time < limit);
        let mut inputs = Vec::new();
        for file in &catalogue.ranges {
            let note = match self.open(&file.path).await {
                Ok(opened) => opened.note().clone(),
                Err(error) => {
                    leave_out(&file.path, error, left_out)?;
                    continue;
                }
            };
            if note.observed < asked.before && old(&note) {
                inputs.push(Input { path: file.path.clone(), bytes: file.bytes, note });
            }
        }
        inputs.sort_by_key(|input| input.note.observed);
        Ok(inputs)
    }

    /// Reads the new files back, and compares what they hold with what was taken in.
    async fn verify_all(&self, taken: &Taken, made: &[FileEntry]) -> Result<(), ArchiveError> {
        let (mut rows, mut hash) = (0, RangeHash::default());
        for entry in made {
            self.verify(&entry.path, &entry.sha256, &entry.note).await?;
            rows += entry.note.rows;
            hash = hash.and(entry.note.hash);
        }
        if (rows, hash) != (taken.rows, taken.hash) {
            let what = format!("{rows} rows with hash {hash} came of {} with {}", taken.rows, taken.hash);
            return Err(ArchiveError::Differs { path: "the compaction".into(), what });
        }
        Ok(())
    }

    fn suspects(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.suspects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes files that no manifest will name. One that stays is swept later.
    async fn discard(&self, made: &[FileEntry]) {
        for entry in made {
            if let Err(error) = self.remove(&entry.path).await {
                tracing::warn!(
                    path = entry.path,
                    error = &error as &dyn std::error::Error,
                    "a file of the archive stays"
                );
            }
        }
    }
}

/// Whether an error is of one file alone.
fn is_of_a_file(error: &ArchiveError) -> bool {
    error.is_damage() || error.is_missing()
}

/// Goes on without a file, if the error is of it alone.
fn leave_out(path: &str, error: ArchiveError, left_out: &mut Vec<String>) -> Result<(), ArchiveError> {
    if !is_of_a_file(&error) {
        return Err(error);
    }
    let error = &error as &dyn std::error::Error;
    tracing::warn!(path, error, "a file of the archive is left out of its compaction, and stays as it is");
    left_out.push(path.to_owned());
    Ok(())
}

/// A file to take in.
#[derive(Debug, Clone)]
struct Input {
    path: String,
    bytes: u64,
    note: FileNote,
}

/// What was taken in.
#[derive(Debug, Default)]
struct Taken {
    paths: Vec<String>,
    bytes: u64,
    rows: u64,
    hash: RangeHash,
    left_out: Vec<String>,
}

type Scratch = FileWriter<BufWriter<File>>;

/// A compaction under way, on a thread of its own.
struct Run {
    /// As long as somebody waits for it.
    asked: Weak<()>,
    archive: Archive,
    compaction: Compaction,
    generation: u64,
    days: BTreeMap<String, FileEntry>,
    /// Whether a file is read through before its rows are taken.
    careful: bool,
    runtime: Handle,
    shelves: BTreeMap<Shelf, Scratch>,
    taken: Taken,
    made: Vec<FileEntry>,
}

impl Run {
    fn work(mut self, inputs: Vec<Input>) -> Result<(Taken, Vec<FileEntry>), ArchiveError> {
        let outcome = self.take_all(inputs).and_then(|()| self.finish_all());
        match outcome {
            Ok(()) => Ok((self.taken, self.made)),
            Err(error) => {
                self.runtime.block_on(self.archive.discard(&self.made));
                Err(error)
            }
        }
    }

    fn take_all(&mut self, inputs: Vec<Input>) -> Result<(), ArchiveError> {
        for input in inputs {
            self.take(input)?;
        }
        // Small files of the same shelves come in as well.
        let small: Vec<FileEntry> = self.days.values().filter(|entry| entry.bytes < MERGE_BELOW).cloned().collect();
        for entry in small {
            let shelf = self.shelves.keys().find(|shelf| shelf.holds(&entry));
            if shelf.is_some() {
                self.take(Input { path: entry.path, bytes: entry.bytes, note: entry.note })?;
            }
        }
        Ok(())
    }

    fn is_asked(&self) -> Result<(), ArchiveError> {
        if self.asked.strong_count() > 0 {
            return Ok(());
        }
        let (path, source) = ("the archive".into(), ErrorKind::Interrupted.into());
        Err(ArchiveError::Io { act: "compact, for nobody waits for it,", path, source })
    }

    fn take(&mut self, input: Input) -> Result<(), ArchiveError> {
        let read_through = self.careful || self.archive.suspects().contains(&input.path);
        if read_through && let Err(error) = self.read(&input, |_, _| Ok(())) {
            leave_out(&input.path, error, &mut self.taken.left_out)?;
            self.archive.suspects().insert(input.path);
            return Ok(());
        }
        self.read(&input, |run, batch| {
            split(batch)?.iter().try_for_each(|(shelf, rows)| run.put_on(shelf, rows, &input.note.ranges))
        })?;
        self.taken.rows += input.note.rows;
        self.taken.hash = self.taken.hash.and(input.note.hash);
        self.taken.bytes += input.bytes;
        self.taken.paths.push(input.path);
        Ok(())
    }

    /// Reads a file to its end; it must hold what its note says.
    fn read(
        &mut self,
        input: &Input,
        mut each: impl FnMut(&mut Self, &RecordBatch) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        self.is_asked()?;
        let opened = self.runtime.block_on(self.archive.open(&input.path))?;
        let mut tally = Tally::default();
        for batch in opened.batches()? {
            let batch = batch?;
            self.is_asked()?;
            tally.add(&batch)?;
            each(self, &batch)?;
        }
        let note = &input.note;
        if (tally.rows, tally.hash) == (note.rows, note.hash) {
            return Ok(());
        }
        let what =
            format!("it has {} rows with hash {}, and says {} and {}", tally.rows, tally.hash, note.rows, note.hash);
        Err(ArchiveError::Differs { path: input.path.clone(), what })
    }

    fn put_on(&mut self, shelf: &Shelf, rows: &RecordBatch, ranges: &[PartitionRange]) -> Result<(), ArchiveError> {
        if !self.shelves.contains_key(shelf) {
            if self.shelves.len() == MOST_OPEN {
                self.finish_largest()?;
            }
            let file = FileWriter::new(self.scratch()?, &rows.schema(), self.compaction.group)?;
            self.shelves.insert(shelf.clone(), file);
        }
        let Some(file) = self.shelves.get_mut(shelf) else { return Ok(()) };
        file.add(rows)?;
        ranges.iter().for_each(|range| file.cover(*range));
        if file.written_bytes() >= self.compaction.target_bytes {
            return self.finish(&shelf.clone());
        }
        if self.shelves.values().map(Scratch::gathered_bytes).sum::<usize>() > MOST_GATHERED
            && let Some(largest) = self.shelves.values_mut().max_by_key(|file| file.gathered_bytes())
        {
            largest.write_group()?;
        }
        Ok(())
    }

    fn scratch(&self) -> Result<BufWriter<File>, ArchiveError> {
        let folder = self.archive.scratch.as_deref().map_or_else(std::env::temp_dir, Into::into);
        let failed =
            |source| ArchiveError::Io { act: "make a temporary file in", path: folder.display().to_string(), source };
        Ok(BufWriter::new(tempfile::tempfile_in(&folder).map_err(failed)?))
    }

    fn finish_largest(&mut self) -> Result<(), ArchiveError> {
        let largest = self.shelves.iter().max_by_key(|(_, file)| file.written_bytes() + file.gathered_bytes());
        match largest.map(|(shelf, _)| shelf.clone()) {
            Some(shelf) => self.finish(&shelf),
            None => Ok(()),
        }
    }

    fn finish_all(&mut self) -> Result<(), ArchiveError> {
        while let Some(shelf) = self.shelves.keys().next().cloned() {
            self.finish(&shelf)?;
        }
        Ok(())
    }

    /// Closes a shelf's file and puts it.
    fn finish(&mut self, shelf: &Shelf) -> Result<(), ArchiveError> {
        let Some(file) = self.shelves.remove(shelf) else { return Ok(()) };
        self.is_asked()?;
        let (sink, note) = file.close()?;
        let finished = Finished::new(content(sink)?, note);
        let dt = Micros(shelf.day * DAY).day_text();
        let name = day_file(self.generation, self.made.len() + 1, &self.compaction.tag);
        let [folder, day, cluster] = self.archive.collection.day_folder(&dt, &shelf.cluster);
        let path = path_of([folder.as_str(), &day, &cluster, &name]);
        let put = self.runtime.block_on(self.archive.put_file(&path, &finished))?;
        self.made.push(FileEntry {
            path,
            dt,
            cluster_uid: shelf.cluster_uid.clone(),
            cluster: shelf.cluster.clone(),
            bytes: put.bytes,
            sha256: put.sha256,
            note: finished.note,
        });
        Ok(())
    }
}

impl Shelf {
    fn holds(&self, entry: &FileEntry) -> bool {
        (&self.cluster_uid, &self.cluster) == (&entry.cluster_uid, &entry.cluster)
            && Micros(self.day * DAY).day_text() == entry.dt
    }
}

/// The content of a scratch file.
fn content(sink: BufWriter<File>) -> Result<Bytes, ArchiveError> {
    use std::io::{Read, Seek};
    let failed = |source| ArchiveError::Io { act: "read back", path: "a temporary file".into(), source };
    let mut file = sink.into_inner().map_err(|error| failed(error.into_error()))?;
    let mut content = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut content)).map_err(failed)?;
    Ok(content.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_nobody_waits_for_any_more_ends() {
        for waits in [false, true] {
            let asking = Arc::new(());
            let mut run = Run {
                asked: Arc::downgrade(&asking),
                archive: Archive::in_memory(),
                compaction: Compaction::new(Micros(0), Micros(0)),
                generation: 1,
                days: BTreeMap::new(),
                careful: false,
                runtime: Handle::current(),
                shelves: BTreeMap::new(),
                taken: Taken::default(),
                made: Vec::new(),
            };
            let asking = waits.then_some(asking);
            let note = FileNote {
                schema: 1,
                rows: 0,
                hash: RangeHash::default(),
                ranges: Vec::new(),
                min_time: Micros(0),
                max_time: Micros(0),
                observed: Micros(0),
            };
            let input = Input { path: "events/range/p0000/gone.parquet".into(), bytes: 0, note };
            let ended = blocking(move || run.take(input)).await.unwrap_err();
            assert_eq!(ended.is_missing(), asking.is_some(), "{ended}");
        }
    }
}
