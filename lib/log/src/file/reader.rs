//! Reading: walks the frames from the nearest known place, decodes those that hold what was asked for, and stops at
//! the durable end. Synchronous; runs on the blocking pool.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use beidou_schemas::Offset;

use super::{
    frame::{BadFrame, FrameHeader, HEADER_BYTES},
    layout::{failed, segment_path},
    mark::Mark,
    partition::{Partition, Spot},
};
use crate::{LogError, ReadBatch};

/// Retention may remove the segment between our look and our open; each round begins with a fresh list. A reader that
/// loses so often is behind retention in any case.
const ATTEMPTS: usize = 4;

/// Reads what is durable from `from` on. Never waits.
pub(super) fn read(partition: &Partition, from: Offset, max_bytes: usize) -> Result<ReadBatch, LogError> {
    let mark = partition.durable()?;
    let mut batch = ReadBatch { records: Vec::new(), next: from };
    let mut bytes = 0;
    while batch.next < mark.next && (batch.records.is_empty() || bytes < max_bytes) {
        let open = open_segment(partition, batch.next, mark)?;
        let before = batch.next;
        bytes += open.read(partition, max_bytes.saturating_sub(bytes), &mut batch)?;
        if batch.next == before {
            let what = format!("the segment ends before offset {before}, and the next one is missing");
            return Err(LogError::Damaged { path: open.path, position: open.end, what });
        }
    }
    Ok(batch)
}

struct OpenSegment {
    base: Offset,
    path: PathBuf,
    file: File,
    /// Bytes that may be read.
    end: u64,
}

fn open_segment(partition: &Partition, from: Offset, mark: Mark) -> Result<OpenSegment, LogError> {
    for _ in 0..ATTEMPTS {
        let Some(base) = partition.segment_of(from, mark)? else { break };
        let path = segment_path(&partition.dir, base);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                partition.refresh()?;
                continue;
            }
            Err(error) => return Err(failed("open", &path, error)),
        };
        let end = if base == mark.segment {
            mark.position
        } else {
            file.metadata().map_err(|e| failed("read", &path, e))?.len()
        };
        return Ok(OpenSegment { base, path, file, end });
    }
    let first = partition.refresh()?.unwrap_or(mark.next);
    Err(LogError::Removed { at: partition.at, from, first })
}

impl OpenSegment {
    fn read(&self, partition: &Partition, max_bytes: usize, batch: &mut ReadBatch) -> Result<usize, LogError> {
        let mut spot = partition.before(self.base, batch.next);
        let mut bytes = 0;
        while spot.position < self.end && (batch.records.is_empty() || bytes < max_bytes) {
            let header = self.header(spot)?;
            if header.next() > batch.next {
                let body = self.body(spot, &header)?;
                let size = header.decode(body, batch.next, &mut batch.records);
                bytes += size.map_err(|bad| damaged(&self.path, spot.position, &bad))?;
                batch.next = header.next();
            }
            let next = Spot { offset: header.next(), position: spot.position + header.len() };
            partition.note(self.base, spot, next);
            spot = next;
        }
        Ok(bytes)
    }

    fn header(&self, spot: Spot) -> Result<FrameHeader, LogError> {
        let found = header_at(&self.file, spot, self.end).map_err(|e| failed("read", &self.path, e))?;
        found.map_err(|bad| damaged(&self.path, spot.position, &bad))
    }

    fn body(&self, spot: Spot, header: &FrameHeader) -> Result<Vec<u8>, LogError> {
        let mut body = vec![0; header.stored_bytes as usize];
        let position = spot.position + HEADER_BYTES as u64;
        self.file.read_exact_at(&mut body, position).map_err(|e| failed("read", &self.path, e))?;
        Ok(body)
    }
}

/// Reads the header of the frame that should stand at `spot`, in a file of which `end` bytes count.
pub(super) fn header_at(file: &File, spot: Spot, end: u64) -> io::Result<Result<FrameHeader, BadFrame>> {
    if end.saturating_sub(spot.position) < HEADER_BYTES as u64 {
        return Ok(Err(BadFrame::Cut));
    }
    let mut bytes = [0; HEADER_BYTES];
    file.read_exact_at(&mut bytes, spot.position)?;
    Ok(FrameHeader::parse(&bytes).and_then(|header| {
        if header.base != spot.offset {
            Err(BadFrame::Offset { expected: spot.offset, found: header.base })
        } else if header.len() > end - spot.position {
            Err(BadFrame::Cut)
        } else {
            Ok(header)
        }
    }))
}

/// Damage at this place.
pub(super) fn damaged(path: &Path, position: u64, bad: &BadFrame) -> LogError {
    LogError::Damaged { path: path.to_owned(), position, what: bad.to_string() }
}
