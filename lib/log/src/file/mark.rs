//! The durable mark: how far readers may read. 36 bytes, written in place after each sync, read by other processes.
//!
//! It is not synced itself: after a power loss it may lie behind the truth, and recovery moves it on. It never lies
//! ahead. A reader that meets it half written sees a wrong checksum and reads again.

use std::{
    fs::File,
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::Path,
};

use beidou_schemas::Offset;

use super::{
    frame::{u32_at, u64_at},
    layout::failed,
};
use crate::LogError;

const MAGIC: [u8; 4] = *b"BDLM";
const VERSION: u32 = 1;
const BYTES: usize = 36;
/// A write of 36 bytes is over in less than a microsecond; so many looks in vain mean damage.
const ATTEMPTS: usize = 100;

/// The end of what is durable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// The first offset of the last segment.
    pub segment: Offset,
    /// Bytes of that segment which are durable.
    pub position: u64,
    /// The offset behind the last durable record.
    pub next: Offset,
}

impl Mark {
    fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[0..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&VERSION.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.segment.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.position.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.next.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..32]);
        bytes[32..36].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn parse(bytes: &[u8; BYTES]) -> Result<Self, &'static str> {
        if bytes[0..4] != MAGIC || u32_at(bytes, 32) != crc32c::crc32c(&bytes[..32]) {
            return Err("the durable mark does not match its checksum");
        }
        if u32_at(bytes, 4) != VERSION {
            return Err("the durable mark was written by a newer beidou");
        }
        Ok(Self { segment: u64_at(bytes, 8), position: u64_at(bytes, 16), next: u64_at(bytes, 24) })
    }

    /// Writes the mark in place.
    pub(super) fn write(self, file: &File) -> io::Result<()> {
        file.write_all_at(&self.to_bytes(), 0)
    }

    /// Reads the mark; `None` when no writer was ever here.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, LogError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("open", path, error)),
        };
        let mut last = "";
        for _ in 0..ATTEMPTS {
            let mut bytes = [0; BYTES];
            match file.read_exact_at(&mut bytes, 0) {
                Ok(()) => {}
                // Made, and not yet written for the first time.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(failed("read", path, error)),
            }
            match Self::parse(&bytes) {
                Ok(mark) => return Ok(Some(mark)),
                Err(what) => last = what,
            }
            std::thread::yield_now();
        }
        Err(LogError::Damaged { path: path.to_owned(), position: 0, what: last.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_and_notices_damage() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("durable");
        assert_eq!(Mark::read(&path).unwrap(), None);
        let mark = Mark { segment: 7, position: 4711, next: 99 };
        let file = File::create(&path).unwrap();
        assert_eq!(Mark::read(&path).unwrap(), None);
        mark.write(&file).unwrap();
        assert_eq!(Mark::read(&path).unwrap(), Some(mark));
        file.write_all_at(&[1], 20).unwrap();
        assert!(Mark::read(&path).unwrap_err().to_string().contains("checksum"));
    }
}
