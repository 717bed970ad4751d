//! Writing one file: rows gather until a row group is full, are sorted, and leave as compressed columns.
//!
//! What is held is one unsorted row group and the compressed file so far; both have bounds, see [`GroupLimit`].

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use arrow_select::interleave::interleave_record_batch;
use beidou_schemas::{
    Micros,
    archive::{FILE_SCHEMA, FileNote, NOTE_KEY, PartitionRange, join_range},
    kube_event::{RangeHash, RowHasher},
};
use bytes::Bytes;
use parquet::{arrow::ArrowWriter, file::metadata::KeyValue};

use super::{ArchiveError, columns::Columns, layout, sha256_of};

/// When a row group is full: whichever bound is reached first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLimit {
    /// Rows.
    pub rows: usize,
    /// Bytes of its rows in memory.
    pub bytes: usize,
}

impl GroupLimit {
    /// For range files, of which each partition has one open: an estimated 12 MB of usual rows, and 16 MB of any.
    pub const RANGE: Self = Self { rows: 16_384, bytes: 16 << 20 };
    /// For day files, of which one is filled at a time: about 90 MB of usual rows.
    pub const DAY: Self = Self { rows: 131_072, bytes: 128 << 20 };
}

/// A file under construction.
pub struct FileWriter<W: Write + Send> {
    schema: SchemaRef,
    writer: ArrowWriter<W>,
    limit: GroupLimit,
    hasher: RowHasher,
    note: FileNote,
    gathered: Vec<RecordBatch>,
    gathered_rows: usize,
    gathered_bytes: usize,
}

/// A file that is written, in memory.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Its bytes.
    pub content: Bytes,
    /// Their SHA-256, hexadecimal.
    pub sha256: String,
    /// What it says of itself.
    pub note: FileNote,
}

impl Finished {
    pub(super) fn new(content: Bytes, note: FileNote) -> Self {
        Self { sha256: sha256_of(&content), content, note }
    }
}

impl FileWriter<Vec<u8>> {
    /// A file in memory, for rows of this schema.
    ///
    /// # Errors
    /// When Parquet cannot hold such rows.
    pub fn in_memory(rows: &Schema, limit: GroupLimit) -> Result<Self, ArchiveError> {
        Self::new(Vec::new(), rows, limit)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When the last row group cannot be written.
    pub fn finish(self) -> Result<Finished, ArchiveError> {
        let (content, note) = self.close()?;
        Ok(Finished::new(content.into(), note))
    }
}

impl<W: Write + Send> FileWriter<W> {
    /// A file that is written to `sink`.
    ///
    /// # Errors
    /// When Parquet cannot hold such rows.
    pub fn new(sink: W, rows: &Schema, limit: GroupLimit) -> Result<Self, ArchiveError> {
        let schema = layout::schema(rows);
        let writer = ArrowWriter::try_new(sink, schema.clone(), Some(layout::properties(&schema)))?;
        let note = FileNote {
            schema: FILE_SCHEMA,
            rows: 0,
            hash: RangeHash::default(),
            ranges: Vec::new(),
            min_time: Micros(i64::MAX),
            max_time: Micros(i64::MIN),
            observed: Micros(i64::MIN),
        };
        let (hasher, gathered) = (RowHasher::default(), Vec::new());
        Ok(Self { schema, writer, limit, hasher, note, gathered, gathered_rows: 0, gathered_bytes: 0 })
    }

    /// Adds rows. The batch may be a slice of a larger one, which then stays in memory until the row group is written.
    ///
    /// # Errors
    /// When the rows are of another schema, or a full row group cannot be written.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), ArchiveError> {
        let batch = layout::conform(batch, &self.schema)?;
        let columns = Columns::of(&batch)?;
        for row in 0..batch.num_rows() {
            self.note.hash = self.note.hash.with(self.hasher.hash(&columns.hashed(row)));
            self.note.min_time = self.note.min_time.min(columns.time(row));
            self.note.max_time = self.note.max_time.max(columns.time(row));
            self.note.observed = self.note.observed.max(columns.observed(row));
        }
        self.note.rows += batch.num_rows() as u64;
        let mut from = 0;
        while from < batch.num_rows() {
            let rows = (batch.num_rows() - from).min(self.limit.rows - self.gathered_rows);
            self.gather(batch.slice(from, rows))?;
            from += rows;
        }
        Ok(())
    }

    fn gather(&mut self, rows: RecordBatch) -> Result<(), ArchiveError> {
        self.gathered_rows += rows.num_rows();
        self.gathered_bytes += bytes_of(&rows);
        self.gathered.push(rows);
        if self.gathered_rows >= self.limit.rows || self.gathered_bytes >= self.limit.bytes {
            self.write_group()?;
        }
        Ok(())
    }

    /// Notes that rows of this log range, if it has any, are in the file.
    pub fn cover(&mut self, range: PartitionRange) {
        join_range(&mut self.note.ranges, range);
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.note.rows
    }

    /// Bytes of gathered rows, not compressed yet.
    pub fn gathered_bytes(&self) -> usize {
        self.gathered_bytes
    }

    /// Bytes of compressed row groups so far.
    pub fn written_bytes(&self) -> usize {
        self.writer.bytes_written()
    }

    /// Sorts what was gathered and writes it as a row group.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_group(&mut self) -> Result<(), ArchiveError> {
        if self.gathered_rows == 0 {
            return Ok(());
        }
        let sorted = sorted(&self.gathered)?;
        self.writer.write(&sorted)?;
        self.writer.flush()?;
        self.gathered.clear();
        (self.gathered_rows, self.gathered_bytes) = (0, 0);
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When the last row group or the footer cannot be written.
    pub fn close(mut self) -> Result<(W, FileNote), ArchiveError> {
        self.write_group()?;
        if self.note.rows == 0 {
            (self.note.min_time, self.note.max_time, self.note.observed) = (Micros(0), Micros(0), Micros(0));
        }
        let note = serde_json::to_string(&self.note).expect("a note has text keys only");
        self.writer.append_key_value_metadata(KeyValue::new(NOTE_KEY.into(), note));
        Ok((self.writer.into_inner()?, self.note))
    }
}

/// Bytes of a batch's own rows; a slice shares the buffers of the whole.
fn bytes_of(batch: &RecordBatch) -> usize {
    let slice = |column: &arrow_array::ArrayRef| column.to_data().get_slice_memory_size().unwrap_or_default();
    batch.columns().iter().map(slice).sum()
}

/// The rows of all batches in the archive's order.
fn sorted(batches: &[RecordBatch]) -> Result<RecordBatch, ArchiveError> {
    let columns = batches.iter().map(Columns::of).collect::<Result<Vec<_>, _>>()?;
    let rows = |(batch, rows): (usize, &RecordBatch)| (0..rows.num_rows()).map(move |row| (batch, row));
    let mut order: Vec<(usize, usize)> = batches.iter().enumerate().flat_map(rows).collect();
    order.sort_unstable_by(|&(batch, row), &(other, at)| columns[batch].compare(row, &columns[other], at));
    let batches: Vec<_> = batches.iter().collect();
    Ok(interleave_record_batch(&batches, &order)?)
}
