//! The file that is open: its range so far, and whether it is time to close it. No clock, no I/O.

use arrow_array::RecordBatch;
use beidou_schemas::{Offset, archive::PartitionRange};
use beidou_store::archive::{ArchiveError, FileWriter, Finished, GroupLimit};

/// A file is closed at this size, whatever its rows: Events of 76 KB, of which 65,536 would be 5 GB.
const MOST_BYTES: usize = 32 << 20;

/// A range file under construction.
pub(super) struct OpenFile {
    pub from: Offset,
    pub to: Offset,
    partition: u32,
    /// Made with the first row: a range may have none.
    writer: Option<FileWriter<Vec<u8>>>,
}

impl OpenFile {
    pub(super) fn new(partition: u32, from: Offset) -> Self {
        Self { from, to: from, partition, writer: None }
    }

    /// Adds the rows of the next part of the range.
    pub(super) fn add(&mut self, to: Offset, rows: &[RecordBatch]) -> Result<(), ArchiveError> {
        for batch in rows {
            let writer = match &mut self.writer {
                Some(writer) => writer,
                None => self.writer.insert(FileWriter::in_memory(batch.schema_ref(), GroupLimit::RANGE)?),
            };
            writer.add(batch)?;
        }
        self.to = to;
        Ok(())
    }

    /// Whether it has reached a bound.
    pub(super) fn is_full(&self, max_rows: u64) -> bool {
        self.writer.as_ref().is_some_and(|writer| {
            writer.rows() >= max_rows || writer.written_bytes() + writer.gathered_bytes() >= MOST_BYTES
        })
    }

    /// The file; `None` where the range has no rows.
    pub(super) fn finish(self) -> Result<Option<Finished>, ArchiveError> {
        let Some(mut writer) = self.writer else { return Ok(None) };
        writer.cover(PartitionRange { partition: self.partition, from: self.from, to: self.to });
        writer.finish().map(Some)
    }
}
