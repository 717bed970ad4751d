//! ClickHouse's own block framing: checksum, method, sizes, data.
//!
//! Shape of a frame: 16 bytes CityHash128 (version 1.0.2) of all that follows; 1 byte method (0x82 LZ4, 0x90 ZSTD,
//! 0x02 none); u32 LE size with this 9-byte header; u32 LE size unpacked; data.
//! Invariants: nothing is handed on before its checksum held; a frame never makes us allocate more than [`MAX_BYTES`].

use std::io::{self, Read};

/// Largest frame, packed or not, that is accepted: twice the projector's largest batch (32 MiB), so that a client may
/// send a batch as one frame; eight inserts at once stay below 1 GiB.
const MAX_BYTES: usize = 64 << 20;

/// Unpacked bytes per frame that we write: the server's own `max_compress_block_size`.
const WRITE_BYTES: usize = 1 << 20;

const CHECKSUM: usize = 16;
const HEADER: usize = 9;
const LZ4: u8 = 0x82;
const ZSTD: u8 = 0x90;
const NONE: u8 = 0x02;

/// Unpacks a sequence of frames while it is read.
pub(super) struct FrameReader<R> {
    source: R,
    block: Vec<u8>,
    at: usize,
}

impl<R: Read> FrameReader<R> {
    pub(super) fn new(source: R) -> FrameReader<R> {
        FrameReader { source, block: Vec::new(), at: 0 }
    }

    /// Loads the next frame; `false` at the end of the source. A cut frame is an error, never an end.
    fn advance(&mut self) -> io::Result<bool> {
        let mut head = [0u8; CHECKSUM + HEADER];
        if self.source.read(&mut head[..1])? == 0 {
            return Ok(false);
        }
        self.source.read_exact(&mut head[1..])?;
        let packed = u32::from_le_bytes([head[17], head[18], head[19], head[20]]) as usize;
        let unpacked = u32::from_le_bytes([head[21], head[22], head[23], head[24]]) as usize;
        if !(HEADER..=MAX_BYTES).contains(&packed) || unpacked > MAX_BYTES {
            return Err(invalid(format!("a compressed block of {packed} bytes for {unpacked}, limit {MAX_BYTES}")));
        }
        let mut frame = vec![0u8; packed];
        frame[..HEADER].copy_from_slice(&head[CHECKSUM..]);
        self.source.read_exact(&mut frame[HEADER..])?;
        if checksum(&frame) != head[..CHECKSUM] {
            return Err(invalid("the checksum of a compressed block does not match".to_owned()));
        }
        self.block = unpack(head[CHECKSUM], &frame[HEADER..], unpacked)?;
        self.at = 0;
        Ok(true)
    }
}

fn unpack(method: u8, data: &[u8], size: usize) -> io::Result<Vec<u8>> {
    let block = match method {
        LZ4 => lz4_flex::block::decompress(data, size).map_err(|error| invalid(error.to_string()))?,
        ZSTD => zstd::bulk::decompress(data, size)?,
        NONE => data.to_vec(),
        other => return Err(invalid(format!("compression method {other:#04x} is not known"))),
    };
    if block.len() == size {
        Ok(block)
    } else {
        Err(invalid(format!("a block of {} bytes, {size} expected", block.len())))
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// ClickHouse stores the high half of the hash first.
fn checksum(frame: &[u8]) -> [u8; CHECKSUM] {
    cityhash_rs::cityhash_102_128(frame).rotate_right(64).to_le_bytes()
}

impl<R: Read> Read for FrameReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() {
            if !self.advance()? {
                return Ok(0);
            }
        }
        let count = out.len().min(self.block.len() - self.at);
        out[..count].copy_from_slice(&self.block[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// Packs `data` into LZ4 frames.
pub(super) fn pack(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() / 2 + CHECKSUM + HEADER);
    for block in data.chunks(WRITE_BYTES) {
        let packed = lz4_flex::block::compress(block);
        let mut frame = Vec::with_capacity(HEADER + packed.len());
        frame.push(LZ4);
        frame.extend_from_slice(&((packed.len() + HEADER) as u32).to_le_bytes());
        frame.extend_from_slice(&(block.len() as u32).to_le_bytes());
        frame.extend_from_slice(&packed);
        out.extend_from_slice(&checksum(&frame));
        out.extend_from_slice(&frame);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unpack_all(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        FrameReader::new(bytes).read_to_end(&mut out).map(|_| out)
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(data in prop::collection::vec(any::<u8>(), 0..4096)) {
            prop_assert_eq!(unpack_all(&pack(&data)).unwrap(), data);
        }

        #[test]
        fn a_changed_or_cut_frame_is_never_taken(at in 0usize..40, cut in any::<bool>()) {
            let mut bytes = pack(b"abcabcabcabcabcabcabcabcabcabcabcabcabcabcabc");
            let at = at % bytes.len();
            if cut { bytes.truncate(at.max(1)) } else { bytes[at] ^= 0x40 }
            prop_assert!(unpack_all(&bytes).is_err());
        }
    }

    #[test]
    fn a_giant_frame_is_refused_before_it_is_allocated() {
        let mut head = vec![0u8; CHECKSUM];
        head.push(LZ4);
        head.extend_from_slice(&u32::MAX.to_le_bytes());
        head.extend_from_slice(&u32::MAX.to_le_bytes());
        let error = unpack_all(&head).unwrap_err();
        assert!(error.to_string().contains("limit"), "{error}");
    }
}
