//! The archive: every row once more, as Parquet files that any tool reads, in a folder or an object store.
//!
//! ```text
//!  projector ──batches──► write ──► put if absent ──► events/range/…       one file per range of a log partition
//!                                                          │ compact, daily
//!                                                          ▼
//!                         manifest generation n+1 ──► events/dt=…/cluster=…  one file per cluster-day, or 256 MB
//!  operations/… lies beside it in the same way: a collection of its own
//!  catalogue = manifests, folded + range files that none of them removed ──► read ──► rows ──► the Event's JSON
//! ```
//!
//! Invariants:
//! - A file never changes. It is put under a name that nobody has, and an answer means that it is on disk.
//! - A file is removed only after the manifest that takes it out of the catalogue is stored, and that only after the files
//!   in its place were read back and hold the same rows by count and hash.
//! - Rows are compared by the hash of `beidou_schemas::kube_event`, for operations of other columns, never by bytes: another
//!   version of the library writes other bytes for the same rows.

mod bucket;
mod catalogue;
mod columns;
mod compact;
mod error;
mod examine;
mod expire;
mod layout;
mod mend;
mod read;
mod rows;
mod s3;
mod salvage;
mod shelf;
mod split;
mod staged;
mod write;

pub use catalogue::{Catalogue, Held, RangeFile};
pub use compact::{Compacted, Compaction, MERGE_BELOW, TARGET_BYTES};
pub use error::ArchiveError;
pub use examine::{Expected, Hours, OfHour, RowMark, StateId, Sum, marks, months, pick};
pub use expire::Expired;
pub use read::{Batches, Opened};
pub use rows::{hash, states};
pub use s3::{InvalidS3, S3};
pub use salvage::{Break, Salvaged};
pub use shelf::{Pins, Shelf, Wanted};
pub use write::{FileWriter, Finished, GroupLimit};

use std::{
    collections::BTreeSet,
    fmt,
    path::Path as FilePath,
    sync::{Arc, Mutex},
};

use beidou_schemas::{archive::Collection, kube_event::RangeHash};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::{
    Error, GetResultPayload, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, local::LocalFileSystem,
    memory::InMemory, path::Path,
};
use sha2::{Digest, Sha256};

/// Access to one archive. Cheap to clone.
#[derive(Clone)]
pub struct Archive {
    objects: Arc<dyn ObjectStore>,
    collection: Collection,
    place: Arc<str>,
    /// Where its files lie on this machine, if they do.
    root: Option<Arc<FilePath>>,
    /// Where files of a compaction are built.
    scratch: Option<Arc<FilePath>>,
    /// Files that a compaction has left out, as damaged.
    suspects: Arc<Mutex<BTreeSet<String>>>,
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Where it is.
    pub path: String,
    /// Its size.
    pub bytes: u64,
}

/// What came of putting a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of what is stored, hexadecimal.
    pub sha256: String,
    /// The hash of the rows that are stored.
    pub hash: RangeHash,
    /// Whether it had been there before, with the same rows or states.
    pub repeated: bool,
}

impl Put {
    fn of(file: &Finished) -> Self {
        let (bytes, sha256) = (file.content.len() as u64, file.sha256.clone());
        Self { bytes, sha256, hash: file.note.hash, repeated: false }
    }
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Archive({})", self.place)
    }
}

impl Archive {
    /// An archive in a folder, made when missing. What was put is on disk: files and folders are synced.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn folder(folder: &FilePath) -> Result<Self, ArchiveError> {
        let path = folder.display().to_string();
        std::fs::create_dir_all(folder).map_err(|source| ArchiveError::Io {
            act: "make the folder",
            path: path.clone(),
            source,
        })?;
        let objects = LocalFileSystem::new_with_prefix(folder).map_err(ArchiveError::objects("open", &path))?;
        let root =
            folder.canonicalize().map_err(|source| ArchiveError::Io { act: "find", path: path.clone(), source })?;
        Ok(Self { place: path.into(), root: Some(root.into()), ..Self::on(Arc::new(objects.with_fsync(true))) })
    }

    /// An archive in a bucket of S3. Nothing is asked yet.
    ///
    /// # Errors
    /// When the authorities cannot be read, or the environment names something that cannot be.
    pub fn s3(s3: &S3) -> Result<Self, ArchiveError> {
        let bucket = bucket::Bucket::open(s3).map_err(ArchiveError::objects("open", &s3.place()))?;
        Ok(Self::on(Arc::new(bucket)))
    }

    /// An archive that nothing keeps: the twin for tests.
    pub fn in_memory() -> Self {
        Self { place: "memory".into(), ..Self::on(Arc::new(InMemory::new())) }
    }

    /// An archive on any object store that puts if absent.
    pub fn on(objects: Arc<dyn ObjectStore>) -> Self {
        let place = objects.to_string().into();
        Self { objects, collection: Collection::Events, place, root: None, scratch: None, suspects: Arc::default() }
    }

    /// Builds the files of compactions in this folder, which may take as much as a day of all clusters; without it that is done in
    /// the system's folder for temporary files, which may be in memory.
    #[must_use]
    pub fn building_in(self, folder: &FilePath) -> Self {
        Self { scratch: Some(folder.into()), ..self }
    }

    /// The same place, for files of another collection: its own catalogue, manifests and compaction.
    #[must_use]
    pub fn of(&self, collection: Collection) -> Self {
        Self { collection, ..self.clone() }
    }

    /// Of what the files are.
    pub fn collection(&self) -> Collection {
        self.collection
    }

    /// Where it is, for people.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The folder that its files lie in, absolute; `None` where it is none of this machine.
    pub fn root(&self) -> Option<&FilePath> {
        self.root.as_deref()
    }

    /// Puts a file under a name that nobody has; `false`, and nothing is changed, where somebody has it.
    ///
    /// # Errors
    /// When the outcome is unknown: put it again.
    pub async fn put_new(&self, path: &str, content: Bytes) -> Result<bool, ArchiveError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let put = self.objects.put_opts(&at(path)?, PutPayload::from_bytes(content), options).await;
        match put {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. }) => Ok(false),
            Err(source) => Err(ArchiveError::objects("put", path)(source)),
        }
    }

    /// Puts a Parquet file. One that is there already must hold the same states, and stays as it is, though another version
    /// filled their residual otherwise; only what is no whole file is replaced, since nobody can have relied on it.
    ///
    /// # Errors
    /// [`ArchiveError::Differs`] when other states are there; else worth another try.
    pub async fn put_file(&self, path: &str, file: &Finished) -> Result<Put, ArchiveError> {
        if self.put_new(path, file.content.clone()).await? {
            return Ok(Put::of(file));
        }
        let there = self.read(path).await?;
        let hash = match read::check(path, there.clone(), &file.note) {
            Ok(()) => file.note.hash,
            Err(error @ ArchiveError::Differs { .. }) => read::same_states(path, &there, file)?.ok_or(error)?,
            Err(error) => {
                say_torn(path, &error);
                let put = self.objects.put(&at(path)?, PutPayload::from_bytes(file.content.clone())).await;
                put.map_err(ArchiveError::objects("replace", path))?;
                return Ok(Put::of(file));
            }
        };
        Ok(Put { bytes: there.len() as u64, sha256: sha256_of(&there), hash, repeated: true })
    }

    /// The whole content of a file.
    ///
    /// # Errors
    /// [`ArchiveError::is_missing`] when it is not there.
    pub async fn read(&self, path: &str) -> Result<Bytes, ArchiveError> {
        let got = self.objects.get(&at(path)?).await.map_err(ArchiveError::objects("read", path))?;
        got.bytes().await.map_err(ArchiveError::objects("read", path))
    }

    /// Opens a Parquet file. In a folder it is read piece by piece, else taken into memory whole.
    ///
    /// # Errors
    /// When it is not there, or is no file of ours.
    pub async fn open(&self, path: &str) -> Result<Opened, ArchiveError> {
        let got = self.objects.get(&at(path)?).await.map_err(ArchiveError::objects("open", path))?;
        let source = match got.payload {
            GetResultPayload::File(file, _) => read::Source::File(file),
            GetResultPayload::Stream(stream) => {
                let parts: Vec<Bytes> = stream.try_collect().await.map_err(ArchiveError::objects("read", path))?;
                read::Source::Bytes(parts.concat().into())
            }
        };
        Opened::new(path, source)
    }

    /// Everything below a folder, by path.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub async fn list(&self, folder: &str) -> Result<Vec<Listed>, ArchiveError> {
        let prefix = at(folder)?;
        let listed = self.objects.list(Some(&prefix));
        let listed = listed.map_ok(|meta| Listed { path: meta.location.into(), bytes: meta.size });
        let mut listed: Vec<_> = listed.try_collect().await.map_err(ArchiveError::objects("list", folder))?;
        listed.sort_unstable();
        Ok(listed)
    }

    /// Removes a file; one that is not there is as good.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn remove(&self, path: &str) -> Result<(), ArchiveError> {
        match self.objects.delete(&at(path)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(ArchiveError::objects("remove", path)(source)),
        }
    }

    /// Reads a file back whole and compares it with what is known of it.
    ///
    /// # Errors
    /// [`ArchiveError::Differs`] with what differs; any other error when it cannot be read to its end.
    pub async fn verify(
        &self,
        path: &str,
        sha256: &str,
        note: &beidou_schemas::archive::FileNote,
    ) -> Result<(), ArchiveError> {
        let content = self.read(path).await?;
        let (path, sha256, note) = (path.to_owned(), sha256.to_owned(), note.clone());
        blocking(move || {
            let found = sha256_of(&content);
            if found != sha256 {
                let what = format!("its SHA-256 is {found}, it was stored with {sha256}");
                return Err(ArchiveError::Differs { path, what });
            }
            read::check(&path, content, &note)
        })
        .await
    }
}

fn say_torn(path: &str, error: &(dyn std::error::Error + 'static)) {
    tracing::warn!(path, error, "a file of the archive is not whole and is written again");
}

fn at(path: &str) -> Result<Path, ArchiveError> {
    Path::parse(path).map_err(|error| ArchiveError::objects("name", path)(error.into()))
}

/// A path of these parts; what a path cannot hold is percent-encoded.
fn path_of<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    Path::from_iter(parts).into()
}

/// SHA-256, hexadecimal.
fn sha256_of(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes work that needs the processor or a disk off the reactor. A panic of it is one of ours and goes on.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
