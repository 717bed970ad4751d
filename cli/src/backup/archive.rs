//! The archive's part of a backup: the files that count, and of range files those that the copied ledger knows.
//!
//! Each is compared with the SHA-256 that manifest or ledger recorded. One that is gone or damaged holds up no other, and is
//! told: without it a restore ends at its first start.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use anyhow::Context;
use beidou_log::{Log, ReadLimit, file::FileLog};
use beidou_model::ledger::ArchiveLedger;
use beidou_schemas::{
    Offset, Topic,
    archive::{Collection, PartitionRange},
    ledger::{self, Archived, LedgerFact},
};
use beidou_store::archive::{Archive, ArchiveError, Break, Catalogue, Salvaged};

use super::manifest::sha256_of;
use crate::roles::archive::salvaged;

/// How much of the ledger one read brings.
const READ: ReadLimit = ReadLimit { max_bytes: 4 << 20, max_wait: Duration::ZERO };

/// How a copy ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All is copied but for these files, which are gone; or they came along, and are not what was recorded.
    Done(Vec<Break>),
    /// The archive is another one than before the ledger was copied.
    Compacted,
}

/// What the copied ledgers say of a collection.
#[derive(Debug, Default)]
struct Known {
    /// By the number of the source.
    ledgers: Vec<ArchiveLedger>,
    /// Files that were put, by path: what was said of each last.
    files: BTreeMap<String, Archived>,
}

/// The generation of each collection.
pub(super) type Generations = [u64; Collection::ALL.len()];

/// The archive's generations.
pub(super) async fn generations(archive: Option<&Archive>) -> Result<Generations, ArchiveError> {
    let mut found = Generations::default();
    for (collection, generation) in Collection::ALL.into_iter().zip(&mut found) {
        if let Some(archive) = archive {
            *generation = archive.of(collection).salvage().await?.catalogue.generation;
        }
    }
    Ok(found)
}

/// Copies what counts and what the ledgers in `log` know, unless the generations are not those `before` any more.
pub(super) async fn copy(archive: &Archive, before: Generations, log: &Path, to: &Path) -> anyhow::Result<Outcome> {
    match fs::remove_dir_all(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).context("cannot begin anew"),
        Ok(()) | Err(_) => {}
    }
    let (target, mut broken) = (Archive::folder(to)?, Vec::new());
    for (collection, before) in Collection::ALL.into_iter().zip(before) {
        let known = known(log, collection).await?;
        match copy_collection(&archive.of(collection), before, &known, &target).await? {
            Outcome::Done(more) => broken.extend(more),
            Outcome::Compacted => return Ok(Outcome::Compacted),
        }
    }
    Ok(Outcome::Done(broken))
}

async fn copy_collection(archive: &Archive, before: u64, known: &Known, target: &Archive) -> anyhow::Result<Outcome> {
    let Salvaged { catalogue, doubtful, .. } = salvaged(archive).await?;
    if catalogue.generation != before {
        return Ok(Outcome::Compacted);
    }
    let mut broken = Vec::new();
    for (path, sha256) in wanted(&catalogue, known) {
        let what = copy_file(archive, path, sha256, target).await?;
        broken.extend(what.map(|what| Break { path: path.into(), what }));
    }
    // A compaction takes files away, an audit puts another one in the place of one that is bad: both in a new generation.
    if !broken.is_empty() && archive.salvage().await?.catalogue.generation != before {
        return Ok(Outcome::Compacted);
    }
    // Whether these count is not known without their manifest, which is told: they come along, as far as they are there.
    for Break { path, .. } in doubtful {
        let _is_in_doubt = copy_file(archive, &path, "", target).await?;
    }
    let collection = archive.collection();
    for listed in archive.list(&collection.manifests()).await? {
        if collection.manifest_generation(&listed.path).is_some_and(|generation| generation <= before) {
            target.put_new(&listed.path, archive.read(&listed.path).await?).await?;
        }
    }
    Ok(Outcome::Done(broken))
}

/// Copies a file as it is, if it is there; tells what is wrong with it. `sha256` is empty where nothing was recorded.
async fn copy_file(archive: &Archive, path: &str, sha256: &str, target: &Archive) -> anyhow::Result<Option<String>> {
    let content = match archive.read(path).await {
        Ok(content) => content,
        Err(error) if error.is_missing() => return Ok(Some("it is not there".into())),
        Err(error) => return Err(error.into()),
    };
    let found = sha256_of(&content);
    target.put_new(path, content).await?;
    let is_other = !sha256.is_empty() && found != sha256;
    Ok(is_other.then(|| format!("its SHA-256 is {found}, it was stored with {sha256}")))
}

/// The files that count, by path, with what was recorded of them.
fn wanted<'a>(catalogue: &'a Catalogue, known: &'a Known) -> BTreeMap<&'a str, &'a str> {
    let days = catalogue.days.values().map(|file| (file.path.as_str(), file.sha256.as_str()));
    let listed = catalogue.ranges.iter().filter(|file| is_known(file.range, &known.ledgers));
    let ranges = listed.map(|file| {
        let recorded = known.files.get(&file.path).map_or("", |fact| fact.sha256.as_str());
        (file.path.as_str(), recorded)
    });
    // One that is gone is missed by the ledger alone. Where a manifest is lost, that one may have taken it out.
    let put = known.files.values().filter(|fact| catalogue.lost.is_empty() && !catalogue.was_removed(&fact.path));
    days.chain(ranges).chain(put.map(|fact| (fact.path.as_str(), fact.sha256.as_str()))).collect()
}

/// Whether the ledger says that the file is there, or is going to be.
fn is_known(range: PartitionRange, known: &[ArchiveLedger]) -> bool {
    let Some(ledger) = known.get(range.partition as usize) else { return false };
    let announced = Some(range.from) == ledger.watermark() && Some(range.to) == ledger.pending();
    announced || ledger.watermark().is_some_and(|watermark| range.to <= watermark)
}

/// What the copied ledger says of a collection.
async fn known(log: &Path, collection: Collection) -> anyhow::Result<Known> {
    let log = FileLog::open_existing(log)?;
    let events = log.partitions(Topic::KubeEvent);
    let mut known = Known::default();
    for source in collection.sources(events) {
        let mut ledger = ArchiveLedger::new(source);
        // A site that was made before operations has no ledger of them yet.
        let at = ledger::partition_of(source, events).filter(|at| at.partition < log.partitions(at.topic));
        if let Some(at) = at {
            let bounds = log.bounds(at).await?;
            let mut next: Offset = bounds.start;
            while next < bounds.end {
                let batch = log.read(at, next, READ).await?;
                for stored in &batch.records {
                    let fact = LedgerFact::from_json(&stored.record.value)?;
                    ledger.apply(&fact)?;
                    if let LedgerFact::Archived(file) = fact
                        && file.rows > 0
                    {
                        known.files.insert(file.path.clone(), file);
                    }
                }
                if batch.next <= next {
                    break;
                }
                next = batch.next;
            }
        }
        known.ledgers.push(ledger);
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use beidou_schemas::{TopicPartition, ledger::Archiving};

    use super::*;

    #[test]
    fn a_file_that_the_ledger_does_not_announce_is_left_out() {
        let source = TopicPartition::new(Topic::KubeEvent, 0);
        let mut ledger = ArchiveLedger::new(source);
        ledger.apply(&LedgerFact::Archiving(Archiving { source, from: 20, to: 30 })).unwrap();
        let range = |partition, from, to| PartitionRange { partition, from, to };
        for (range, expected) in [
            (range(0, 0, 20), true),
            (range(0, 20, 30), true),
            (range(0, 20, 25), false),
            (range(0, 30, 40), false),
            (range(1, 0, 20), false),
        ] {
            assert_eq!(is_known(range, std::slice::from_ref(&ledger)), expected, "{range:?}");
        }
        assert!(!is_known(range(0, 0, 1), &[ArchiveLedger::new(source)]));
    }
}
