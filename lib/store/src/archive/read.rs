//! Reading one file: what it says of itself, and its rows batch by batch.

use std::{
    fs::File,
    io::{BufReader, Read},
};

use arrow_array::RecordBatch;
use beidou_schemas::{
    archive::{FILE_SCHEMA, FileNote, NOTE_KEY},
    kube_event::{HashedRow, RangeHash, RowHasher},
};
use bytes::Bytes;
use parquet::{
    arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder},
    errors::Result,
    file::reader::{ChunkReader, Length},
};

use super::{ArchiveError, columns::Columns, rows::Tally, write::Finished};

/// Rows of one batch: about 3 MB of usual rows.
const BATCH_ROWS: usize = 4096;

/// The bytes of a file: on disk, or in memory.
#[derive(Debug)]
pub(super) enum Source {
    File(File),
    Bytes(Bytes),
}

/// A part of a file.
#[derive(Debug)]
pub(super) enum Part {
    File(BufReader<File>),
    Bytes(bytes::buf::Reader<Bytes>),
}

impl Length for Source {
    fn len(&self) -> u64 {
        match self {
            Self::File(file) => Length::len(file),
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }
}

impl ChunkReader for Source {
    type T = Part;

    fn get_read(&self, start: u64) -> Result<Part> {
        Ok(match self {
            Self::File(file) => Part::File(file.get_read(start)?),
            Self::Bytes(bytes) => Part::Bytes(bytes.get_read(start)?),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        match self {
            Self::File(file) => file.get_bytes(start, length),
            Self::Bytes(bytes) => bytes.get_bytes(start, length),
        }
    }
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Bytes(bytes) => bytes.read(buffer),
        }
    }
}

/// A file that is open.
pub struct Opened {
    path: String,
    note: FileNote,
    builder: ParquetRecordBatchReaderBuilder<Source>,
}

/// The rows of a file.
pub struct Batches {
    path: String,
    reader: ParquetRecordBatchReader,
}

impl Opened {
    pub(super) fn new(path: &str, source: Source) -> Result<Self, ArchiveError> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(source).map_err(ArchiveError::parquet(path))?;
        let not_ours = |what: String| ArchiveError::NotOurs { path: path.into(), what };
        let pairs = builder.metadata().file_metadata().key_value_metadata();
        let text = pairs.into_iter().flatten().find(|pair| pair.key == NOTE_KEY).and_then(|pair| pair.value.as_deref());
        let text = text.ok_or_else(|| not_ours(format!("its metadata has no key {NOTE_KEY:?}")))?;
        let note: FileNote = serde_json::from_str(text).map_err(|error| not_ours(error.to_string()))?;
        if note.schema > FILE_SCHEMA {
            return Err(not_ours(format!("its rows have form {}, this version knows {FILE_SCHEMA}", note.schema)));
        }
        Ok(Self { path: path.into(), note, builder })
    }

    /// What the file says of itself.
    pub fn note(&self) -> &FileNote {
        &self.note
    }

    /// Its rows. Reading them takes processor and disk: not on the reactor.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn batches(self) -> Result<Batches, ArchiveError> {
        let reader = self.builder.with_batch_size(BATCH_ROWS).build().map_err(ArchiveError::parquet(&self.path))?;
        Ok(Batches { path: self.path, reader })
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        let path = &self.path;
        self.reader.next().map(|batch| batch.map_err(|error| ArchiveError::parquet(path)(error.into())))
    }
}

/// Compares a file's rows with what is known of them.
pub(super) fn check(path: &str, content: Bytes, note: &FileNote) -> Result<(), ArchiveError> {
    let opened = Opened::new(path, Source::Bytes(content))?;
    let own = opened.note().clone();
    let mut tally = Tally::default();
    for batch in opened.batches()? {
        tally.add(&batch?)?;
    }
    // First against itself: what does not hold what it says is damaged, not another file.
    if (tally.rows, tally.hash) != (own.rows, own.hash) {
        let what =
            format!("it has {} rows with hash {}, and says {} and {}", tally.rows, tally.hash, own.rows, own.hash);
        return Err(ArchiveError::NotOurs { path: path.into(), what });
    }
    if (own.rows, own.hash, &own.ranges) != (note.rows, note.hash, &note.ranges) {
        let what = format!(
            "it has {} rows with hash {} of {:?}, expected were {} with {} of {:?}",
            own.rows, own.hash, own.ranges, note.rows, note.hash, note.ranges
        );
        return Err(ArchiveError::Differs { path: path.into(), what });
    }
    Ok(())
}

/// The hash of a whole file's rows, where they are the states of `file`: all that rows are compared by is the same but the
/// residual, which is what a version makes of it.
pub(super) fn same_states(path: &str, there: &Bytes, file: &Finished) -> Result<Option<RangeHash>, ArchiveError> {
    let (note, own) = states(path, there)?;
    let (wanted, others) = states(path, &file.content)?;
    Ok(((note.rows, note.ranges, own) == (wanted.rows, wanted.ranges, others)).then_some(note.hash))
}

fn states(path: &str, content: &Bytes) -> Result<(FileNote, RangeHash), ArchiveError> {
    let opened = Opened::new(path, Source::Bytes(content.clone()))?;
    let (note, mut states, mut hasher) = (opened.note().clone(), RangeHash::default(), RowHasher::default());
    for batch in opened.batches()? {
        let batch = batch?;
        let columns = Columns::of(&batch)?;
        for row in 0..batch.num_rows() {
            states = states.with(hasher.hash(&HashedRow { residual: "", ..columns.hashed(row) }));
        }
    }
    Ok((note, states))
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opened({}, {} rows)", self.path, self.note.rows)
    }
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Batches({})", self.path)
    }
}
