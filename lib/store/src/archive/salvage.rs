//! What still counts when manifests do not follow one another.
//!
//! ```text
//!  newest ──hash of──► the one before ──hash of──► … gone, or not what its follower recorded: lost
//!  those before a lost one: taken as they read; nobody proves any more that they were not changed
//!  day files of a lost generation: taken in by what they say of themselves; their SHA-256 is not known any more
//! ```
//!
//! A manifest tells what it added and removed, not all that counts, so that the newest one is not enough. Invariants:
//! - Nothing is called a leftover here: what a lost manifest may have named is not removed.
//! - A file that is gone does not count where a lost manifest may have removed it.
//! - Where rows may be counted twice, or not at all, that is said, and nothing new is built on it.
//!
//! When the lost manifests come back they fit between those that were written without them.

use std::collections::{BTreeMap, BTreeSet};

use beidou_schemas::{
    Micros,
    archive::{Collection, FileEntry, Manifest, PartitionRange},
    time::DAY,
};
use bytes::Bytes;

use super::{Archive, ArchiveError, Catalogue, Listed, blocking, sha256_of, split::split};

/// More lost manifests than this are no loss: the number of the newest is not to be believed.
const MOST_LOST: u64 = 100_000;
/// Said of a file that is gone.
const GONE: &str = "it is not there, and nobody knows whether a lost manifest has removed it";
/// Said of a file whose manifest is lost.
const TWICE: &str = "its manifest is lost, and other files have rows of the same day and range of the log";

/// Something that is wrong with the chain of manifests, or with a file for want of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// The manifest, or the file.
    pub path: String,
    /// What is wrong with it.
    pub what: String,
}

/// What counts, as far as it can be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// What counts. The SHA-256 of a file of a lost manifest is empty.
    pub catalogue: Catalogue,
    /// Manifests that are lost; empty where the chain is whole, and then all else is as in [`Archive::catalogue`].
    pub broken: Vec<Break>,
    /// Files of which nobody knows without them whether they count: rows may be there twice, or not at all.
    pub doubtful: Vec<Break>,
}

impl Archive {
    /// Reads which files count now, also where manifests are lost that are not the newest.
    ///
    /// # Errors
    /// [`ArchiveError::Chain`] when the newest manifest cannot be read, or one contradicts those before it.
    pub async fn salvage(&self) -> Result<Salvaged, ArchiveError> {
        match self.catalogue().await {
            Ok(catalogue) => Ok(Salvaged { catalogue, ..Salvaged::default() }),
            Err(error @ ArchiveError::Chain { .. }) => {
                let salvaged = self.salvage_broken().await?;
                // No manifest is lost: one of them contradicts those before it.
                if salvaged.broken.is_empty() { Err(error) } else { Ok(salvaged) }
            }
            Err(error) => Err(error),
        }
    }

    /// What a rebuild or the next generation is made from: [`Archive::salvage`], where each row is there once.
    ///
    /// # Errors
    /// [`ArchiveError::Chain`] where that is in doubt, and when the newest manifest cannot be read.
    pub async fn going_on(&self) -> Result<Catalogue, ArchiveError> {
        let Salvaged { catalogue, broken, doubtful } = self.salvage().await?;
        let Some(Break { path, what }) = broken.into_iter().next() else { return Ok(catalogue) };
        if let Some(file) = doubtful.first() {
            let what = format!("{what}, and {}: {}", file.path, file.what);
            return Err(ArchiveError::Chain { path, what });
        }
        tracing::warn!(path, what, "the chain of manifests is broken, going on from the newest one");
        Ok(catalogue)
    }

    async fn salvage_broken(&self) -> Result<Salvaged, ArchiveError> {
        let ranges = self.list(&self.collection.ranges()).await?;
        let (mut stored, mut foreign) = (BTreeMap::new(), Vec::new());
        for Listed { path, .. } in self.list(&self.collection.manifests()).await? {
            match self.collection.manifest_generation(&path) {
                Some(generation) => drop(stored.insert(generation, self.read(&path).await?)),
                None => foreign.push(Break { path, what: "its name is not a manifest's".into() }),
            }
        }
        let chain = Chain::walk(self.collection, &stored)?;
        let files = self.list(self.collection.folder()).await?;
        let lost = chain.lost.clone();
        let (mut salvaged, gone) = chain.fold(&files);
        salvaged.broken.extend(foreign);
        let of_lost =
            |path: &str| self.collection.day_generation(path).is_some_and(|generation| lost.contains(&generation));
        let mut adopted = Vec::new();
        for Listed { path, bytes } in files.iter().filter(|file| of_lost(&file.path)) {
            if salvaged.catalogue.days.contains_key(path) || salvaged.catalogue.was_removed(path) {
                continue;
            }
            match self.adopt(path, *bytes).await {
                Ok(entry) => adopted.push(entry),
                Err(error) if error.is_damage() || error.is_missing() => {
                    let what = format!("its manifest is lost, and what it says of itself cannot be read: {error}");
                    salvaged.doubtful.push(Break { path: path.clone(), what });
                }
                Err(error) => return Err(error),
            }
        }
        let is_gone = |entry: &&FileEntry| !adopted.iter().any(|file| has_taken_in(file, entry));
        let doubt = |entry: &FileEntry| Break { path: entry.path.clone(), what: GONE.into() };
        salvaged.doubtful.extend(gone.iter().filter(is_gone).map(doubt));
        let paths: Vec<String> = adopted.iter().map(|entry| entry.path.clone()).collect();
        salvaged.catalogue.days.extend(adopted.into_iter().map(|entry| (entry.path.clone(), entry)));
        salvaged.catalogue.complete(ranges, &files);
        salvaged.catalogue.leftovers.clear();
        let twice = paths.into_iter().filter(|path| salvaged.catalogue.may_be_twice(path));
        salvaged.doubtful.extend(twice.map(|path| Break { path, what: TWICE.into() }));
        Ok(salvaged)
    }

    /// A day file by what it says of itself.
    async fn adopt(&self, path: &str, bytes: u64) -> Result<FileEntry, ArchiveError> {
        let (opened, path) = (self.open(path).await?, path.to_owned());
        blocking(move || {
            let note = opened.note().clone();
            let first = opened.batches()?.next().transpose()?;
            let shelf = first.map(|rows| split(&rows)).transpose()?.and_then(|parts| parts.into_iter().next());
            let Some((shelf, _)) = shelf else {
                return Err(ArchiveError::NotOurs { path, what: "it has no rows".into() });
            };
            let (dt, sha256) = (Micros(shelf.day * DAY).day_text(), String::new());
            let (cluster_uid, cluster) = (shelf.cluster_uid, shelf.cluster);
            Ok(FileEntry { path, dt, cluster_uid, cluster, bytes, sha256, note })
        })
        .await
    }
}

/// A chain of manifests, followed from its newest end.
struct Chain {
    collection: Collection,
    /// Those that are there, oldest first.
    taken: Vec<Manifest>,
    /// SHA-256 of the newest.
    sha256: String,
    /// Generations of those that are not.
    lost: BTreeSet<u64>,
    broken: Vec<Break>,
}

impl Chain {
    fn walk(collection: Collection, stored: &BTreeMap<u64, Bytes>) -> Result<Self, ArchiveError> {
        let Some((&newest, content)) = stored.last_key_value() else {
            return Err(ArchiveError::Chain { path: collection.manifests(), what: "no manifest is left".into() });
        };
        if newest.saturating_sub(stored.len() as u64) > MOST_LOST {
            let what = format!("more than {MOST_LOST} manifests before it would be lost; is its name right?");
            return Err(ArchiveError::Chain { path: collection.manifest_path(newest), what });
        }
        let mut chain =
            Self { collection, taken: vec![], sha256: sha256_of(content), lost: BTreeSet::new(), broken: vec![] };
        let mut wanted: Option<String> = None;
        for generation in (1..=newest).rev() {
            let path = collection.manifest_path(generation);
            match manifest(stored.get(&generation), generation, wanted.take()) {
                Ok(manifest) => {
                    wanted = Some(manifest.previous_sha256.clone());
                    chain.taken.push(manifest);
                }
                Err(what) if generation == newest => return Err(ArchiveError::Chain { path, what }),
                Err(what) => {
                    chain.lost.insert(generation);
                    chain.broken.push(Break { path, what });
                }
            }
        }
        chain.taken.reverse();
        Ok(chain)
    }

    /// What those that are there say, and what is gone of it and may be removed. `files` are those of the archive.
    fn fold(self, files: &[Listed]) -> (Salvaged, Vec<FileEntry>) {
        let Self { collection, taken, sha256, lost, broken } = self;
        let mut gone = Vec::new();
        let mut catalogue = Catalogue { collection, sha256, ..Catalogue::default() };
        let mut added_by = BTreeMap::new();
        for manifest in taken {
            catalogue.generation = manifest.generation;
            for path in manifest.removed {
                catalogue.days.remove(&path);
                catalogue.removed.insert(path);
            }
            for entry in manifest.added {
                added_by.insert(entry.path.clone(), manifest.generation);
                catalogue.days.insert(entry.path.clone(), entry);
            }
        }
        let there: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
        catalogue.days.retain(|path, entry| {
            let may_be_removed = lost.last() > added_by.get(path);
            let counts = there.contains(path.as_str()) || !may_be_removed;
            if !counts {
                gone.push(entry.clone());
            }
            counts
        });
        catalogue.lost = lost;
        (Salvaged { catalogue, broken, doubtful: Vec::new() }, gone)
    }
}

/// A manifest as it is stored, or why it is as good as lost. `wanted` is what its follower recorded of it.
fn manifest(content: Option<&Bytes>, generation: u64, wanted: Option<String>) -> Result<Manifest, String> {
    let content = content.ok_or("the manifest is not there")?;
    let manifest = Manifest::from_json(content).map_err(|error| format!("the manifest cannot be read: {error}"))?;
    if manifest.generation != generation {
        return Err(format!("the manifest says that it is of generation {}", manifest.generation));
    }
    let found = sha256_of(content);
    match wanted {
        Some(wanted) if wanted != found => {
            Err(format!("the manifest has SHA-256 {found}, the one behind it has recorded {wanted}"))
        }
        Some(_) | None => Ok(manifest),
    }
}

impl Catalogue {
    /// Whether rows of this day file, whose manifest is lost, may stand in another file as well: one of another compaction
    /// for the same cluster and day, or a range file, with a common range of the log.
    fn may_be_twice(&self, path: &str) -> bool {
        let Some(file) = self.days.get(path) else { return false };
        let meets = |range: &PartitionRange| file.note.ranges.iter().any(|own| overlap(own, range));
        let in_day = |other: &FileEntry| {
            same_shelf(file, other)
                && written_by(&other.path) != written_by(path)
                && other.note.ranges.iter().any(meets)
        };
        self.days.values().any(in_day) || self.ranges.iter().any(|other| meets(&other.range))
    }
}

/// Whether a file holds the rows of one that is gone, as that of a compaction which took it in: a file covers the ranges of
/// all that came into it.
fn has_taken_in(file: &FileEntry, gone: &FileEntry) -> bool {
    let covered = |range: &PartitionRange| file.note.ranges.iter().any(|own| contains(own, range));
    same_shelf(file, gone) && file.note.rows >= gone.note.rows && gone.note.ranges.iter().all(covered)
}

/// Whether two files are of one cluster and day.
fn same_shelf(one: &FileEntry, other: &FileEntry) -> bool {
    (&one.dt, &one.cluster_uid, &one.cluster) == (&other.dt, &other.cluster_uid, &other.cluster)
}

fn contains(one: &PartitionRange, other: &PartitionRange) -> bool {
    one.partition == other.partition && one.from <= other.from && one.to >= other.to
}

fn overlap(one: &PartitionRange, other: &PartitionRange) -> bool {
    one.partition == other.partition && one.from < other.to && other.from < one.to
}

/// The compaction that wrote a day file: its generation and tag.
fn written_by(path: &str) -> Option<(u64, &str)> {
    let (generation, rest) = path.rsplit_once('/')?.1.split_once('-')?;
    Some((generation.parse().ok()?, rest.split_once('-')?.1))
}
