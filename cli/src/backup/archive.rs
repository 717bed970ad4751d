//! The archive's part of a backup: the files that count, and of range files those that the copied ledger knows.

use std::{fs, path::Path, time::Duration};

use anyhow::Context;
use beidou_log::{Log, ReadLimit, file::FileLog};
use beidou_model::ledger::ArchiveLedger;
use beidou_schemas::{
    Offset, Topic,
    archive::{Collection, PartitionRange},
    ledger::{self, LedgerFact},
};
use beidou_store::archive::{Archive, ArchiveError, Break, Catalogue, Salvaged};

use crate::roles::archive::salvaged;

/// How much of the ledger one read brings.
const READ: ReadLimit = ReadLimit { max_bytes: 4 << 20, max_wait: Duration::ZERO };

/// How a copy ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// The archive is another one than before the ledger was copied.
    Compacted,
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
    let target = Archive::folder(to)?;
    for (collection, before) in Collection::ALL.into_iter().zip(before) {
        let known = known(log, collection).await?;
        if copy_collection(&archive.of(collection), before, &known, &target).await? == Outcome::Compacted {
            return Ok(Outcome::Compacted);
        }
    }
    Ok(Outcome::Done)
}

async fn copy_collection(
    archive: &Archive,
    before: u64,
    known: &[ArchiveLedger],
    target: &Archive,
) -> anyhow::Result<Outcome> {
    let Salvaged { catalogue, doubtful, .. } = salvaged(archive).await?;
    if catalogue.generation != before {
        return Ok(Outcome::Compacted);
    }
    for path in paths(&catalogue, known) {
        match archive.read(&path).await {
            Ok(content) => drop(target.put_new(&path, content).await?),
            Err(error) if error.is_missing() => return Ok(Outcome::Compacted),
            Err(error) => return Err(error.into()),
        }
    }
    // Whether these count is not known without their manifest: they come along, as far as they are there.
    for Break { path, .. } in doubtful {
        match archive.read(&path).await {
            Ok(content) => drop(target.put_new(&path, content).await?),
            Err(error) if error.is_missing() => {}
            Err(error) => return Err(error.into()),
        }
    }
    let collection = archive.collection();
    for listed in archive.list(&collection.manifests()).await? {
        if collection.manifest_generation(&listed.path).is_some_and(|generation| generation <= before) {
            target.put_new(&listed.path, archive.read(&listed.path).await?).await?;
        }
    }
    Ok(Outcome::Done)
}

fn paths(catalogue: &Catalogue, known: &[ArchiveLedger]) -> Vec<String> {
    let ranges = catalogue.ranges.iter().filter(|file| is_known(file.range, known)).map(|file| file.path.clone());
    catalogue.days.keys().cloned().chain(ranges).collect()
}

/// Whether the ledger says that the file is there, or is going to be.
fn is_known(range: PartitionRange, known: &[ArchiveLedger]) -> bool {
    let Some(ledger) = known.get(range.partition as usize) else { return false };
    let announced = Some(range.from) == ledger.watermark() && Some(range.to) == ledger.pending();
    announced || ledger.watermark().is_some_and(|watermark| range.to <= watermark)
}

/// What the copied ledger says of a collection, by the number of the source.
async fn known(log: &Path, collection: Collection) -> anyhow::Result<Vec<ArchiveLedger>> {
    let log = FileLog::open_existing(log)?;
    let events = log.partitions(Topic::KubeEvent);
    let mut known = Vec::new();
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
                    ledger.apply(&LedgerFact::from_json(&stored.record.value)?)?;
                }
                if batch.next <= next {
                    break;
                }
                next = batch.next;
            }
        }
        known.push(ledger);
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
