//! The stored form of one batch: a header of 52 bytes and a body. Pure: bytes in, bytes out.
//!
//! ```text
//!  at  bytes  field (little endian)
//!   0   4     magic "BDLF"
//!   4   1     version, 1
//!   5   1     codec: 0 stored, 1 zstd
//!   6   2     zero
//!   8   8     offset of the first record; the others follow without holes
//!  16   8     where in this file the group commit began that wrote this frame
//!  24   8     time of the append, milliseconds since 1970, never falling
//!  32   4     number of records
//!  36   4     bytes of the body before compression
//!  40   4     bytes of the body as stored
//!  44   4     CRC-32C of the body as stored
//!  48   4     CRC-32C of the 48 bytes above
//!  52   …     body: records, each `key, number of headers, (name, value)…, value`; numbers are u32, and each
//!             byte string has its length before it
//! ```
//!
//! The header has its own checksum so that a segment can be walked without its bodies. The start of the group commit
//! tells recovery what was durable when the frame was written: damage before it is damage, not a torn tail.

use std::{cell::RefCell, io};

use beidou_schemas::{Headers, Offset, Record};
use bytes::Bytes;
use zstd::bulk::{Compressor, Decompressor};

use crate::{MAX_STORED_BYTES, StoredRecord, stored_size};

/// Bytes of a frame's header.
pub(super) const HEADER_BYTES: usize = 52;
/// The version of frames that this program writes, and the only one it reads.
pub(super) const VERSION: u8 = 1;
/// The first bytes of each frame.
pub(super) const MAGIC: [u8; 4] = *b"BDLF";

/// zstd's fastest ordinary level. Half the disk of lz4 at three quarters of its speed: ADR 0002.
const LEVEL: i32 = 1;

const STORED: u8 = 0;
const ZSTD: u8 = 1;

thread_local! {
    // A context costs more to make than a small batch to compress.
    static CODECS: RefCell<Option<(Compressor<'static>, Decompressor<'static>)>> = const { RefCell::new(None) };
}

fn with_codecs<T>(
    act: impl FnOnce(&mut Compressor<'static>, &mut Decompressor<'static>) -> io::Result<T>,
) -> io::Result<T> {
    CODECS.with_borrow_mut(|slot| {
        let (compressor, decompressor) = match slot {
            Some(codecs) => codecs,
            None => slot.insert((Compressor::new(LEVEL)?, Decompressor::new()?)),
        };
        act(compressor, decompressor)
    })
}

/// A batch ready to be written, but for its place and time.
#[derive(Debug)]
pub(super) struct Encoded {
    bytes: Vec<u8>,
    records: u32,
}

/// What only the writing thread knows about a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub base: Offset,
    pub commit_start: u64,
    pub time_ms: u64,
}

impl Encoded {
    /// Encodes and compresses; called in the appending task, so that several appends compress at once.
    pub(super) fn new(records: &[Record]) -> io::Result<Self> {
        let raw = encode_records(records);
        let mut bytes = vec![0; HEADER_BYTES + zstd::zstd_safe::compress_bound(raw.len())];
        let stored = with_codecs(|compressor, _| compressor.compress_to_buffer(&raw, &mut bytes[HEADER_BYTES..]))?;
        let (codec, stored) = if stored < raw.len() {
            (ZSTD, stored)
        } else {
            bytes[HEADER_BYTES..HEADER_BYTES + raw.len()].copy_from_slice(&raw);
            (STORED, raw.len())
        };
        bytes.truncate(HEADER_BYTES + stored);
        bytes.shrink_to_fit();
        let body_crc = crc32c::crc32c(&bytes[HEADER_BYTES..]);
        bytes[0..4].copy_from_slice(&MAGIC);
        bytes[4] = VERSION;
        bytes[5] = codec;
        bytes[32..36].copy_from_slice(&(records.len() as u32).to_le_bytes());
        bytes[36..40].copy_from_slice(&(raw.len() as u32).to_le_bytes());
        bytes[40..44].copy_from_slice(&(stored as u32).to_le_bytes());
        bytes[44..48].copy_from_slice(&body_crc.to_le_bytes());
        Ok(Self { bytes, records: records.len() as u32 })
    }

    /// Puts in place and time; then the frame is complete.
    pub(super) fn seal(&mut self, place: Place) -> &[u8] {
        self.bytes[8..16].copy_from_slice(&place.base.to_le_bytes());
        self.bytes[16..24].copy_from_slice(&place.commit_start.to_le_bytes());
        self.bytes[24..32].copy_from_slice(&place.time_ms.to_le_bytes());
        let crc = crc32c::crc32c(&self.bytes[..48]);
        self.bytes[48..52].copy_from_slice(&crc.to_le_bytes());
        &self.bytes
    }

    /// Bytes on disk.
    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Number of records.
    pub(super) fn records(&self) -> u64 {
        u64::from(self.records)
    }
}

fn encode_records(records: &[Record]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(records.iter().map(stored_size).sum());
    let put = |raw: &mut Vec<u8>, bytes: &[u8]| {
        raw.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        raw.extend_from_slice(bytes);
    };
    for record in records {
        put(&mut raw, &record.key);
        raw.extend_from_slice(&record.headers.count().to_le_bytes());
        raw.extend_from_slice(record.headers.stored());
        put(&mut raw, &record.value);
    }
    raw
}

/// A frame's header, read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub codec: u8,
    pub base: Offset,
    pub commit_start: u64,
    pub time_ms: u64,
    pub records: u32,
    pub raw_bytes: u32,
    pub stored_bytes: u32,
    pub body_crc: u32,
}

/// Why bytes are no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadFrame {
    #[error("no batch begins here")]
    Magic,
    #[error("a batch of format version {0} was written by a newer beidou; this one reads version {VERSION}")]
    Version(u8),
    #[error("the batch header does not match its checksum")]
    HeaderChecksum,
    #[error("the batch body does not match its checksum")]
    BodyChecksum,
    #[error("the batch body has the unknown codec {0}")]
    Codec(u8),
    #[error("the batch body cannot be decompressed: {0}")]
    Body(String),
    #[error("the batch ends before its last record")]
    Short,
    #[error("the batch should begin at offset {expected}, it says {found}")]
    Offset { expected: Offset, found: Offset },
    #[error("the file ends within a batch")]
    Cut,
}

impl FrameHeader {
    pub(super) fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, BadFrame> {
        if bytes[0..4] != MAGIC {
            return Err(BadFrame::Magic);
        }
        if u32_at(bytes, 48) != crc32c::crc32c(&bytes[..48]) {
            return Err(BadFrame::HeaderChecksum);
        }
        if bytes[4] != VERSION {
            return Err(BadFrame::Version(bytes[4]));
        }
        Ok(Self {
            codec: bytes[5],
            base: u64_at(bytes, 8),
            commit_start: u64_at(bytes, 16),
            time_ms: u64_at(bytes, 24),
            records: u32_at(bytes, 32),
            raw_bytes: u32_at(bytes, 36),
            stored_bytes: u32_at(bytes, 40),
            body_crc: u32_at(bytes, 44),
        })
    }

    /// The offset behind the last record.
    pub(super) fn next(&self) -> Offset {
        self.base + u64::from(self.records)
    }

    /// Bytes on disk, header and body.
    pub(super) fn len(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.stored_bytes)
    }

    /// Checks the body against its checksum.
    pub(super) fn check_body(&self, body: &[u8]) -> Result<(), BadFrame> {
        if crc32c::crc32c(body) == self.body_crc { Ok(()) } else { Err(BadFrame::BodyChecksum) }
    }

    /// Decodes the records with offset >= `from`. They are slices of one buffer, which lives as long as any of them.
    pub(super) fn decode(&self, body: Vec<u8>, from: Offset, into: &mut Vec<StoredRecord>) -> Result<usize, BadFrame> {
        self.check_body(&body)?;
        let raw = match self.codec {
            STORED => body,
            ZSTD => self.decompress(&body)?,
            unknown => return Err(BadFrame::Codec(unknown)),
        };
        let mut rest = Rest { bytes: Bytes::from(raw), at: 0 };
        let mut size = 0;
        into.reserve(self.next().saturating_sub(from).min(u64::from(self.records)) as usize);
        for offset in self.base..self.next() {
            let record = rest.record()?;
            if offset >= from {
                size += record.size();
                into.push(StoredRecord { offset, record });
            }
        }
        Ok(size)
    }

    fn decompress(&self, body: &[u8]) -> Result<Vec<u8>, BadFrame> {
        let size = self.raw_bytes as usize;
        if size > MAX_STORED_BYTES {
            return Err(BadFrame::Body(format!("it claims {size} bytes")));
        }
        let raw = with_codecs(|_, decompressor| decompressor.decompress(body, size));
        let raw = raw.map_err(|error| BadFrame::Body(error.to_string()))?;
        if raw.len() == size { Ok(raw) } else { Err(BadFrame::Short) }
    }
}

/// The part of a body that is not yet decoded.
struct Rest {
    bytes: Bytes,
    at: usize,
}

impl Rest {
    fn number(&mut self) -> Result<usize, BadFrame> {
        let bytes = self.bytes.get(self.at..self.at + 4).ok_or(BadFrame::Short)?;
        self.at += 4;
        Ok(u32_at(bytes, 0) as usize)
    }

    fn string(&mut self) -> Result<Bytes, BadFrame> {
        let length = self.number()?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or(BadFrame::Short)?;
        let string = self.bytes.slice(self.at..end);
        self.at = end;
        Ok(string)
    }

    fn record(&mut self) -> Result<Record, BadFrame> {
        let key = self.string()?;
        let count = self.number()? as u32;
        let (headers, end) = Headers::take(&self.bytes, self.at, count).map_err(|_short| BadFrame::Short)?;
        self.at = end;
        Ok(Record { key, headers, value: self.string()? })
    }
}

/// A little-endian number. The caller has checked the length.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

/// A little-endian number. The caller has checked the length.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &'static str, value: &'static str) -> Record {
        Record { key: key.into(), headers: [("ce_id", "1.a.2")].into_iter().collect(), value: value.into() }
    }

    fn header_of(frame: &[u8]) -> FrameHeader {
        FrameHeader::parse(frame[..HEADER_BYTES].try_into().unwrap()).unwrap()
    }

    const PLACE: Place = Place { base: 41, commit_start: 7, time_ms: 1_795_444_800_000 };

    #[test]
    fn a_stored_frame_is_golden() {
        let mut encoded = Encoded::new(&[record("k", "v"), Record::default()]).unwrap();
        let found: Vec<String> =
            encoded.seal(PLACE).chunks(16).map(|row| row.iter().map(|b| format!("{b:02x}")).collect()).collect();
        let golden = include_str!("../../tests/golden/frame-v1.hex");
        assert_eq!(found.join("\n"), golden.trim_end());
    }

    #[test]
    fn a_compressed_frame_reads_back_from_the_middle() {
        let records: Vec<Record> = (0..100).map(|_| record("key", "the same value again and again")).collect();
        let mut encoded = Encoded::new(&records).unwrap();
        let frame = encoded.seal(PLACE).to_vec();
        let header = header_of(&frame);
        assert_eq!((header.codec, header.base, header.next()), (ZSTD, 41, 141));
        let mut read = Vec::new();
        header.decode(frame[HEADER_BYTES..].to_vec(), 138, &mut read).unwrap();
        assert_eq!(read.iter().map(|r| r.offset).collect::<Vec<_>>(), [138, 139, 140]);
        assert_eq!(read[0].record, records[97]);
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        let mut encoded = Encoded::new(&[record("k", "v")]).unwrap();
        let frame = encoded.seal(PLACE).to_vec();
        for at in 0..frame.len() {
            let mut broken = frame.clone();
            broken[at] ^= 1;
            let parsed = FrameHeader::parse(broken[..HEADER_BYTES].try_into().unwrap());
            let read = parsed.and_then(|header| header.decode(broken[HEADER_BYTES..].to_vec(), 0, &mut Vec::new()));
            assert!(read.is_err(), "bit at {at}");
        }
    }

    #[test]
    fn a_newer_version_says_so() {
        let mut encoded = Encoded::new(&[record("k", "v")]).unwrap();
        encoded.bytes[4] = 2;
        let frame = encoded.seal(PLACE).to_vec();
        let parsed = FrameHeader::parse(frame[..HEADER_BYTES].try_into().unwrap());
        assert_eq!(parsed, Err(BadFrame::Version(2)));
    }
}
