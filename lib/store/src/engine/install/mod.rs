//! Getting the engine library: found, or fetched, checked and put into the cache.
//!
//! ```text
//! BEIDOU_ENGINE_LIBRARY ─┐
//! cache, verified before ─┴─▶ path        (locate: cheap, at each start)
//! npm pack │ GET ─▶ package ─ SHA-512 ─▶ unpack ─ SHA-512 ─▶ sync, rename, marker ─▶ path      (install)
//! ```
//! Invariants: only a file with the pinned checksum gets into the cache; two installers at once are harmless (a lock,
//! then a second look, then a rename); no registry's name stands in the source.

mod digest;
mod fetch;
mod marker;
mod registry;
mod release;
mod unpack;

pub use fetch::Source;
pub use registry::Registry;
pub use release::{Release, VERSION};

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often a waiting installer looks whether the other one is done.
const LOCK_POLL: Duration = Duration::from_millis(200);

/// A step of the installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Another process is installing the same engine.
    Wait,
    /// The package comes over the network.
    Download,
    /// A checksum is being computed.
    Verify,
    /// The library is being unpacked.
    Unpack,
}

/// How far the installation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is going on.
    pub stage: Stage,
    /// Bytes of this stage that are done.
    pub done_bytes: u64,
    /// All bytes of this stage; 0 if unknown.
    pub total_bytes: u64,
}

impl Progress {
    fn new(stage: Stage, done_bytes: u64, total_bytes: u64) -> Progress {
        Progress { stage, done_bytes, total_bytes }
    }
}

/// Hears about progress, several times a second, from any thread.
pub type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;

/// A listener that ignores everything.
#[must_use]
pub fn no_progress() -> OnProgress {
    Arc::new(|_| {})
}

/// Why there is no usable engine library.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// No package is known for this machine.
    #[error(
        "the embedded engine does not support {platform} (supported: {supported}); use a ClickHouse server instead, or \
         set BEIDOU_ENGINE_LIBRARY to a libchdb.so that you have built"
    )]
    Unsupported {
        /// This machine.
        platform: String,
        /// What is supported.
        supported: String,
    },
    /// The library named by the environment is not there.
    #[error(
        "BEIDOU_ENGINE_LIBRARY names {path}, which is no file: correct it, or unset it to use the installed engine"
    )]
    Override {
        /// The path given.
        path: PathBuf,
    },
    /// There is no place for a cache.
    #[error("find a cache folder: neither BEIDOU_CACHE_DIR, XDG_CACHE_HOME nor HOME is set; set BEIDOU_CACHE_DIR")]
    NoCache,
    /// Neither npm nor a registry.
    #[error(
        "get the embedded engine ({package}): npm is not on PATH and no registry is configured; install npm, or set \
         npm_config_registry to your package registry, or set BEIDOU_ENGINE_LIBRARY to a libchdb.so"
    )]
    NoSource {
        /// The package that is needed.
        package: String,
    },
    /// The package could not be fetched.
    #[error(
        "get the embedded engine from {from}: {reason}\ncheck the network and the registry (npm_config_registry, \
         .npmrc), or set BEIDOU_ENGINE_LIBRARY to a libchdb.so"
    )]
    Fetch {
        /// npm, or the address.
        from: String,
        /// What went wrong.
        reason: String,
    },
    /// A file is not the pinned one.
    #[error(
        "the checksum of {file} is wrong\n  expected sha512 {expected}\n  got      sha512 {got}\nit was damaged or \
         replaced: remove it (if it is still there) and run `beidou engine install` again; if it stays wrong, your \
         registry serves another file under this name"
    )]
    Checksum {
        /// The file.
        file: String,
        /// The pinned sum.
        expected: String,
        /// The file's sum.
        got: String,
    },
    /// A file cannot be read or written.
    #[error("{act} {path}")]
    File {
        /// The act that failed.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A thread of ours failed.
    #[error("run the installation")]
    Thread(#[from] tokio::task::JoinError),
}

/// Knows where the library belongs and where it comes from.
#[derive(Debug, Clone)]
pub struct Installer {
    /// The pinned release for this machine.
    pub release: Release,
    /// A library that the user named; used as it is, unchecked.
    pub library_override: Option<PathBuf>,
    /// Root of the cache; the library lies in `engine/<version>/` below.
    pub cache_dir: PathBuf,
    /// Where to fetch from; `None` if nothing is configured.
    pub source: Option<Source>,
}

impl Installer {
    /// Reads the environment: `BEIDOU_ENGINE_LIBRARY`, `BEIDOU_CACHE_DIR`, `XDG_CACHE_HOME`, `PATH`, npm's settings.
    ///
    /// # Errors
    /// Unsupported platform, or no place for a cache; neither matters if a library is named explicitly.
    pub fn from_environment() -> Result<Installer, InstallError> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let library_override = variable("BEIDOU_ENGINE_LIBRARY");
        let release = match (Release::for_this_platform(), &library_override) {
            (Err(_), Some(_)) => Release::stand_in(),
            (found, _) => found?,
        };
        let xdg = || variable("XDG_CACHE_HOME").map(|cache| cache.join("beidou"));
        let home = || std::env::home_dir().map(|home| home.join(".cache").join("beidou"));
        let cache_dir = match (variable("BEIDOU_CACHE_DIR").or_else(xdg).or_else(home), &library_override) {
            (None, Some(_)) => PathBuf::new(),
            (found, _) => found.ok_or(InstallError::NoCache)?,
        };
        let source = Source::from_environment(release.scope);
        Ok(Installer { release, library_override, cache_dir, source })
    }

    /// Where the installed library belongs.
    #[must_use]
    pub fn library_path(&self) -> PathBuf {
        self.cache_dir.join("engine").join(self.release.version).join("libchdb.so")
    }

    /// The library, if it can be used as it is. Cheap: looks at sizes and marks, sums nothing up.
    ///
    /// # Errors
    /// The library named by the environment does not exist.
    pub fn locate(&self) -> Result<Option<PathBuf>, InstallError> {
        if let Some(path) = &self.library_override {
            return match path.is_file() {
                true => Ok(Some(path.clone())),
                false => Err(InstallError::Override { path: path.clone() }),
            };
        }
        let library = self.library_path();
        Ok(marker::holds(&library, &self.release).then_some(library))
    }

    /// The library, fetched if need be. Safe to run in several processes at once.
    ///
    /// # Errors
    /// See [`InstallError`]; a failed installation leaves no half-written library.
    pub async fn install(&self, progress: OnProgress) -> Result<PathBuf, InstallError> {
        if let Some(library) = self.locate()? {
            return Ok(library);
        }
        let library = self.library_path();
        let folder = library.parent().unwrap_or(&self.cache_dir).to_path_buf();
        std::fs::create_dir_all(&folder).map_err(|source| file_error("make the cache folder", &folder, source))?;
        let _lock = lock(&folder, &progress).await?;
        if let Some(library) = self.locate()? {
            return Ok(library);
        }
        if self.adopt(&library, &progress).await? {
            return Ok(library);
        }
        let package = format!("{}@{}", self.release.package(), self.release.version);
        let source = self.source.as_ref().ok_or(InstallError::NoSource { package })?;
        let temporary = tempfile::Builder::new().prefix(".fetch-").tempdir_in(&folder);
        let temporary = temporary.map_err(|source| file_error("make a temporary folder in", &folder, source))?;
        let fetched = source.fetch(&self.release, temporary.path(), &progress).await?;
        let release = self.release;
        let target = library.clone();
        tokio::task::spawn_blocking(move || {
            unpack::check_package(&fetched, &release, &progress)?;
            let unpacked = unpack::unpack(&fetched, &target, &release, &progress);
            drop(temporary);
            unpacked
        })
        .await??;
        Ok(library)
    }

    /// Sums the library up in full and compares it with the pinned checksum. A library named by the environment is only
    /// looked for. Returns its path.
    ///
    /// # Errors
    /// No library, or a wrong checksum (with what to do).
    pub async fn verify(&self, progress: OnProgress) -> Result<PathBuf, InstallError> {
        if self.library_override.is_some()
            && let Some(library) = self.locate()?
        {
            return Ok(library);
        }
        let (library, release) = (self.library_path(), self.release);
        tokio::task::spawn_blocking(move || {
            unpack::check_library(&library, &release, &progress)?;
            marker::write(&library, &release)?;
            Ok(library)
        })
        .await?
    }

    /// Takes a whole library that lies at the right place without a (valid) mark; a damaged one is to be replaced.
    async fn adopt(&self, library: &Path, progress: &OnProgress) -> Result<bool, InstallError> {
        let right_size = std::fs::metadata(library).is_ok_and(|found| found.len() == self.release.library_bytes);
        if !right_size {
            return Ok(false);
        }
        match self.verify(progress.clone()).await {
            Ok(_) => Ok(true),
            Err(InstallError::Checksum { got, .. }) => {
                tracing::warn!(path = %library.display(), got, "the installed engine is damaged, fetching it again");
                Ok(false)
            }
            Err(other) => Err(other),
        }
    }
}

fn file_error(act: &'static str, path: &Path, source: io::Error) -> InstallError {
    InstallError::File { act, path: path.to_path_buf(), source }
}

/// Takes the folder's lock; the kernel frees it when its owner ends, so a wait always ends.
async fn lock(folder: &Path, progress: &OnProgress) -> Result<File, InstallError> {
    let path = folder.join(".lock");
    let fail = |source| file_error("lock", &path, source);
    let file = File::create(&path).map_err(fail)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                progress(Progress::new(Stage::Wait, 0, 0));
                tokio::time::sleep(LOCK_POLL).await;
            }
            Err(TryLockError::Error(source)) => return Err(fail(source)),
        }
    }
}
