//! A bundle: its files, its digest, and what its `bundle.yaml` says.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Component, Path},
};

use sha2::{Digest, Sha256};

use crate::{Fault, Manifest, fault::lines, manifest};

/// Files of a bundle: Kubespray has some 1,500.
const MAX_FILES: usize = 5_000;
/// Bytes of all files together: a bundle is text. Programs come from where the playbook fetches them.
pub(crate) const MAX_BYTES: u64 = 32 << 20;
const MANIFEST: &str = "bundle.yaml";
/// What data that gzip compressed begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A folder or file cannot be read.
    #[error("read {path}")]
    Read {
        /// Which.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// It is not understood, or contradicts itself.
    #[error("{}", lines(.0))]
    Invalid(Vec<Fault>),
    /// It cannot be written.
    #[error("write {path}")]
    Write {
        /// Where.
        path: String,
        /// What the system says.
        source: io::Error,
    },
}

/// Files with a manifest that is valid.
#[derive(Debug, Clone)]
pub struct Bundle {
    manifest: Manifest,
    files: BTreeMap<String, Vec<u8>>,
    digest: String,
}

impl Bundle {
    /// Of files: path inside the bundle, with `/`, and content.
    ///
    /// # Errors
    /// When `bundle.yaml` is missing or not valid: all that is wrong at once.
    pub fn of_files(files: BTreeMap<String, Vec<u8>>) -> Result<Self, BundleError> {
        let bytes: u64 = files.values().map(|file| file.len() as u64).sum();
        if files.len() > MAX_FILES || bytes > MAX_BYTES {
            let message = format!("{} files with {bytes} bytes: at most {MAX_FILES} with {MAX_BYTES}", files.len());
            return Err(BundleError::Invalid(vec![Fault::new("bundle", "", message)]));
        }
        if let Some(bad) = files.keys().find(|name| !inside(name)) {
            let fault = Fault::new(bad, "", "is outside the bundle: names have no .. and no / at the front");
            return Err(BundleError::Invalid(vec![fault]));
        }
        let Some(text) = files.get(MANIFEST) else {
            return Err(BundleError::Invalid(vec![Fault::new(MANIFEST, "", "is missing")]));
        };
        let manifest = manifest::read(MANIFEST, &String::from_utf8_lossy(text), |file| files.contains_key(file))
            .map_err(BundleError::Invalid)?;
        let digest = digest(&files);
        Ok(Self { manifest, files, digest })
    }

    /// Of a folder. Links are refused: a digest over what they point at would be worth nothing.
    ///
    /// # Errors
    /// As [`Bundle::of_files`], and when something cannot be read.
    pub fn of_folder(folder: &Path) -> Result<Self, BundleError> {
        let mut files = BTreeMap::new();
        collect(folder, folder, &mut files)?;
        Self::of_files(files)
    }

    /// Of a folder, or of a file with a tar archive.
    ///
    /// # Errors
    /// As [`Bundle::of_folder`] and [`Bundle::of_tar`].
    pub fn of_path(path: &Path) -> Result<Self, BundleError> {
        if path.is_dir() {
            return Self::of_folder(path);
        }
        let read = |source| BundleError::Read { path: path.display().to_string(), source };
        let size = fs::metadata(path).map_err(read)?.len();
        if size > 2 * MAX_BYTES {
            let message = format!("has {size} bytes, and is no folder: a tar archive has at most {}", 2 * MAX_BYTES);
            return Err(BundleError::Invalid(vec![Fault::new(&path.display().to_string(), "", message)]));
        }
        Self::of_tar(&fs::read(path).map_err(read)?)
    }

    /// Of a tar archive, as an artifact holds it; it may be compressed with gzip, and have one folder around all.
    ///
    /// # Errors
    /// As [`Bundle::of_files`], and when it is no tar archive or has more than files and folders.
    pub fn of_tar(bytes: &[u8]) -> Result<Self, BundleError> {
        match bytes.starts_with(&GZIP) {
            true => Self::of_entries(flate2::read::GzDecoder::new(bytes)),
            false => Self::of_entries(bytes),
        }
    }

    fn of_entries(bytes: impl io::Read) -> Result<Self, BundleError> {
        let read = |source| BundleError::Read { path: "the bundle's archive".into(), source };
        let mut files = BTreeMap::new();
        let mut left = MAX_BYTES;
        for entry in tar::Archive::new(bytes).entries().map_err(read)? {
            let mut entry = entry.map_err(read)?;
            let name = entry.path().map_err(read)?.to_string_lossy().trim_start_matches("./").to_owned();
            let kind = entry.header().entry_type();
            if kind.is_dir() || kind.is_pax_global_extensions() {
                continue;
            }
            if !kind.is_file() || entry.size() > left || files.len() >= MAX_FILES {
                let message = format!(
                    "is a link or device, or too much: only files may be in a bundle, at most {MAX_FILES} with {MAX_BYTES} bytes"
                );
                return Err(BundleError::Invalid(vec![Fault::new(&name, "", message)]));
            }
            left -= entry.size();
            let mut content = Vec::new();
            io::Read::read_to_end(&mut entry, &mut content).map_err(read)?;
            files.insert(name, content);
        }
        Self::of_files(without_folder(files))
    }

    /// As a tar archive, the same bytes for the same files.
    #[must_use]
    pub fn to_tar(&self) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, content.as_slice()).expect("a Vec takes any bytes");
        }
        archive.into_inner().expect("a Vec takes any bytes")
    }

    /// Writes all files below a folder. What begins with `#!` is executable.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), BundleError> {
        for (name, content) in &self.files {
            let path = folder.join(name);
            let write = |source| BundleError::Write { path: path.display().to_string(), source };
            fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(write)?;
            fs::write(&path, content).map_err(write)?;
            let mode = if content.starts_with(b"#!") { 0o755 } else { 0o644 };
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).map_err(write)?;
        }
        Ok(())
    }

    /// What `bundle.yaml` says.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 over names and contents, 64 hex digits.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// A file's text, where it is text.
    #[must_use]
    pub fn text(&self, file: &str) -> Option<&str> {
        self.files.get(file).and_then(|content| std::str::from_utf8(content).ok())
    }

    /// The names of all files.
    pub fn file_names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }
}

/// Lengths stand before names and contents, so that no two sets of files look alike.
fn digest(files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut hash = Sha256::new();
    for (name, content) in files {
        for part in [name.as_bytes(), content] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Without the folder that everything is in, where there is one, as `tar -c FOLDER` makes it.
fn without_folder(files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let folder = |name: &String| name.split_once('/').map(|(folder, _)| format!("{folder}/"));
    let Some(first) = files.keys().next().and_then(folder) else { return files };
    if files.contains_key(MANIFEST) || !files.keys().all(|name| name.starts_with(&first)) {
        return files;
    }
    files.into_iter().map(|(name, content)| (name[first.len()..].to_owned(), content)).collect()
}

fn inside(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> Result<(), BundleError> {
    let read = |path: &Path| {
        let path = path.display().to_string();
        move |source| BundleError::Read { path, source }
    };
    for entry in fs::read_dir(folder).map_err(read(folder))? {
        let path = entry.map_err(read(folder))?.path();
        let kind = fs::symlink_metadata(&path).map_err(read(&path))?;
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        if kind.is_dir() {
            collect(root, &path, files)?;
        } else if !kind.is_file() || kind.len() > MAX_BYTES || files.len() >= MAX_FILES {
            let message =
                format!("is a link or device, or too large: at most {MAX_FILES} files with {MAX_BYTES} bytes");
            return Err(BundleError::Invalid(vec![Fault::new(&name, "", message)]));
        } else {
            files.insert(name, fs::read(&path).map_err(read(&path))?);
        }
    }
    Ok(())
}
