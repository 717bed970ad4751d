//! `backup.json`: every file of a backup with size and SHA-256. It is written last: a backup without it is not whole.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Component, Path, PathBuf},
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    exit::{Code, Failure},
    private_file,
};

/// The form that this version writes, and the only one it reads.
pub(super) const FORMAT_VERSION: u32 = 1;
const NAME: &str = "backup.json";
/// How much of a file is held at once.
const CHUNK: usize = 1 << 20;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub format_version: u32,
    /// The version of Beidou that made it.
    pub beidou: String,
    /// When it was finished, RFC 3339.
    pub time: String,
    /// By path.
    pub files: Vec<Entry>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Below the backup, with `/`.
    pub path: String,
    pub bytes: u64,
    /// Hexadecimal.
    pub sha256: String,
}

#[derive(Deserialize)]
struct VersionOnly {
    format_version: u32,
}

impl Manifest {
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|entry| entry.bytes).sum()
    }

    /// Reads that of a backup.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(NAME);
        let text = fs::read(&path).map_err(|error| {
            let next = "name the folder that `beidou backup` made; one that was broken off has no such file";
            Failure::new(Code::Usage, format!("{} is no whole backup", folder.display()), next).because(error)
        })?;
        let broken = || format!("{} is not of the expected form", path.display());
        let version = serde_json::from_slice::<VersionOnly>(&text).with_context(broken)?.format_version;
        if version != FORMAT_VERSION {
            let text = format!("the backup has format version {version}, this beidou knows {FORMAT_VERSION}");
            return Err(Failure::new(Code::Usage, text, "use the version of beidou that made it").into());
        }
        let manifest: Self = serde_json::from_slice(&text).with_context(broken)?;
        match manifest.files.iter().find(|entry| !is_inside(&entry.path)) {
            Some(entry) => anyhow::bail!("{}: {:?} does not lie inside the backup", path.display(), entry.path),
            None => Ok(manifest),
        }
    }
}

/// Whether a path stays below the folder it is joined to.
fn is_inside(path: &str) -> bool {
    !path.is_empty() && Path::new(path).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Reads every file of a finished copy, and writes the manifest.
pub(super) fn write(folder: &Path) -> anyhow::Result<Manifest> {
    let mut files = Vec::new();
    for path in files_below(folder)? {
        let (bytes, sha256) = copy(&folder.join(&path), io::sink())?;
        let path = path.to_str().with_context(|| format!("{} is no UTF-8", path.display()))?.to_owned();
        files.push(Entry { path, bytes, sha256 });
    }
    let time = jiff::Timestamp::now().to_string();
    let manifest = Manifest { format_version: FORMAT_VERSION, beidou: env!("CARGO_PKG_VERSION").into(), time, files };
    let path = folder.join(NAME);
    private_file::write(&path, &serde_json::to_vec_pretty(&manifest)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(manifest)
}

/// Copies a file; returns its size and SHA-256.
pub(super) fn copy(from: &Path, mut to: impl Write) -> anyhow::Result<(u64, String)> {
    let act = || format!("cannot copy {}", from.display());
    let (mut file, mut hash, mut bytes) = (File::open(from).with_context(act)?, Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = file.read(&mut chunk).with_context(act)?;
        if read == 0 {
            return Ok((bytes, hexadecimal(&hash.finalize())));
        }
        hash.update(&chunk[..read]);
        to.write_all(&chunk[..read]).with_context(act)?;
        bytes += read as u64;
    }
}

/// SHA-256, hexadecimal.
pub(super) fn sha256_of(content: &[u8]) -> String {
    hexadecimal(&Sha256::digest(content))
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All files below a folder, sorted, relative to it.
fn files_below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(below) = folders.pop() {
        let act = || format!("cannot look into {}", folder.join(&below).display());
        for entry in fs::read_dir(folder.join(&below)).with_context(act)? {
            let entry = entry.with_context(act)?;
            let path = below.join(entry.file_name());
            if entry.file_type().with_context(act)?.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_listed_and_nothing_outside_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::write(dir.path().join("a/b/c"), "abc").unwrap();
        fs::write(dir.path().join("d"), "").unwrap();
        let written = write(dir.path()).unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let listed: Vec<_> = written.files.iter().map(|e| (e.path.as_str(), e.bytes, e.sha256.as_str())).collect();
        assert_eq!((listed[0], listed[1].0, listed.len()), (("a/b/c", 3, abc), "d", 2));
        assert_eq!(Manifest::read(dir.path()).unwrap(), written);
        for outside in ["../x", "/etc/passwd", "a/../../x", ""] {
            assert!(!is_inside(outside), "{outside}");
        }
        let newer = serde_json::json!({"format_version": 2, "colour": "red"});
        fs::write(dir.path().join(NAME), newer.to_string()).unwrap();
        let error = Manifest::read(dir.path()).unwrap_err();
        assert!(crate::exit::text(&error).contains("format version 2"), "{error}");
    }
}
