//! From a fetched package to the library in its place.
//!
//! Flow: checksum of the package → its one member, unpacked to a temporary name and summed up on the way → sync →
//! rename → marker. Blocking. Invariant: the final name only ever names a whole, verified library.

use super::release::Release;
use super::{InstallError, OnProgress, Progress, Stage, digest, marker};
use std::fs::File;
use std::path::Path;

/// Refuses a package that is not the pinned one.
pub(super) fn check_package(package: &Path, release: &Release, progress: &OnProgress) -> Result<(), InstallError> {
    let step = |done| progress(Progress::new(Stage::Verify, done, release.package_bytes));
    let got = digest::of_file(package, step).map_err(|source| InstallError::File {
        act: "read the fetched package",
        path: package.to_path_buf(),
        source,
    })?;
    if got == release.package_sha512 {
        return Ok(());
    }
    let name = format!("{}-{}.tgz", release.name, release.version);
    Err(InstallError::Checksum { file: name, expected: release.package_sha512.to_owned(), got })
}

/// Unpacks the library of a checked package to `library`.
pub(super) fn unpack(
    package: &Path,
    library: &Path,
    release: &Release,
    progress: &OnProgress,
) -> Result<(), InstallError> {
    let file_error = |act, path: &Path, source| InstallError::File { act, path: path.to_path_buf(), source };
    let read = |source| file_error("unpack the engine from", package, source);
    let write = |source| file_error("write the engine to", library, source);
    let folder = library.parent().unwrap_or(Path::new("."));
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(File::open(package).map_err(read)?));
    for entry in archive.entries().map_err(read)? {
        let mut entry = entry.map_err(read)?;
        if entry.path().map_err(read)?.as_ref() != Path::new(release.member) {
            continue;
        }
        let mut target = tempfile::Builder::new().prefix(".part-").tempfile_in(folder).map_err(write)?;
        let step = |done| progress(Progress::new(Stage::Unpack, done, release.library_bytes));
        let got = digest::copy(&mut entry, target.as_file_mut(), step).map_err(write)?.finish();
        if got != release.library_sha512 {
            let file = format!("{} of the package", release.member);
            return Err(InstallError::Checksum { file, expected: release.library_sha512.to_owned(), got });
        }
        target.as_file().sync_all().map_err(write)?;
        target.persist(library).map_err(|error| write(error.error))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(write)?;
        return marker::write(library, release);
    }
    Err(read(std::io::Error::new(std::io::ErrorKind::NotFound, format!("the package has no {}", release.member))))
}

/// Sums the library up in full.
pub(super) fn check_library(library: &Path, release: &Release, progress: &OnProgress) -> Result<(), InstallError> {
    let step = |done| progress(Progress::new(Stage::Verify, done, release.library_bytes));
    let got = digest::of_file(library, step).map_err(|source| InstallError::File {
        act: "read the engine library",
        path: library.to_path_buf(),
        source,
    })?;
    if got == release.library_sha512 {
        return Ok(());
    }
    let file = library.display().to_string();
    Err(InstallError::Checksum { file, expected: release.library_sha512.to_owned(), got })
}
