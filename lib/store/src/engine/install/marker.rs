//! The cheap check at each start: a marker beside the library, written once its full checksum held.
//!
//! Shape (`libchdb.so.verified`): `{"sha512", "bytes", "modified_ns"}`. It vouches for a file of just this size and
//! modification time; anything else is summed up anew.

use super::InstallError;
use super::release::Release;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    sha512: String,
    bytes: u64,
    modified_ns: u64,
}

fn path(library: &Path) -> PathBuf {
    let mut name = library.as_os_str().to_owned();
    name.push(".verified");
    PathBuf::from(name)
}

/// What the marker must say for the file as it is now; `None` if there is no such file of the right size.
fn expected(library: &Path, release: &Release) -> Option<Marker> {
    let metadata = std::fs::metadata(library).ok().filter(|found| found.is_file())?;
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let modified_ns = u64::try_from(modified.as_nanos()).ok()?;
    let marker = Marker { sha512: release.library_sha512.to_owned(), bytes: metadata.len(), modified_ns };
    (marker.bytes == release.library_bytes).then_some(marker)
}

/// Whether the file was verified before and has not changed since.
pub(super) fn holds(library: &Path, release: &Release) -> bool {
    let found = std::fs::read(path(library)).ok().and_then(|bytes| serde_json::from_slice::<Marker>(&bytes).ok());
    found.is_some() && found == expected(library, release)
}

/// Records that the file's full checksum held.
pub(super) fn write(library: &Path, release: &Release) -> Result<(), InstallError> {
    let path = path(library);
    let store = || {
        let marker = expected(library, release).ok_or(std::io::ErrorKind::NotFound)?;
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
        serde_json::to_writer(&mut file, &marker)?;
        file.write_all(b"\n")?;
        file.persist(&path).map(drop).map_err(|error| error.error)
    };
    store().map_err(|source| InstallError::File { act: "record the verified engine in", path: path.clone(), source })
}
