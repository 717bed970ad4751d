//! SHA-512 of files and streams, as lower-case hexadecimal text.

use sha2::{Digest, Sha512};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// Bytes between two progress reports, and the size of one read.
const STEP: usize = 1 << 20;

/// A running checksum.
#[derive(Default)]
pub(super) struct Checksum {
    state: Sha512,
    bytes: u64,
}

impl Checksum {
    pub(super) fn update(&mut self, data: &[u8]) {
        self.state.update(data);
        self.bytes += data.len() as u64;
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn finish(self) -> String {
        self.state.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Copies `source` into `target` and sums it up; `step` hears the bytes done so far.
pub(super) fn copy(source: &mut impl Read, target: &mut impl Write, mut step: impl FnMut(u64)) -> io::Result<Checksum> {
    let mut checksum = Checksum::default();
    let mut buffer = vec![0u8; STEP];
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => return Ok(checksum),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        target.write_all(&buffer[..count])?;
        checksum.update(&buffer[..count]);
        step(checksum.bytes());
    }
}

/// The checksum of a whole file.
pub(super) fn of_file(path: &Path, step: impl FnMut(u64)) -> io::Result<String> {
    copy(&mut File::open(path)?, &mut io::sink(), step).map(Checksum::finish)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_sha_512() {
        let mut checksum = Checksum::default();
        checksum.update(b"abc");
        assert!(checksum.finish().starts_with("ddaf35a193617abacc417349ae204131"));
    }
}
