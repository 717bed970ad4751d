//! The archive's part of a backup: the files that count, and of range files those that the copied ledger knows.

use std::{fs, path::Path, time::Duration};

use anyhow::Context;
use beidou_log::{Log, ReadLimit, file::FileLog};
use beidou_model::ledger::ArchiveLedger;
use beidou_schemas::{
    Offset, Topic, TopicPartition,
    archive::{MANIFESTS, PartitionRange, manifest_generation},
    ledger::{self, LedgerFact},
};
use beidou_store::archive::{Archive, ArchiveError, Catalogue};

/// How much of the ledger one read brings.
const READ: ReadLimit = ReadLimit { max_bytes: 4 << 20, max_wait: Duration::ZERO };

/// How a copy ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// The archive is another one than before the ledger was copied.
    Compacted,
}

/// The archive's generation.
pub(super) async fn generation(archive: Option<&Archive>) -> Result<u64, ArchiveError> {
    match archive {
        Some(archive) => Ok(archive.catalogue().await?.generation),
        None => Ok(0),
    }
}

/// Copies what counts and what the ledger in `log` knows, unless the generation is not `before` any more.
pub(super) async fn copy(archive: &Archive, before: u64, log: &Path, to: &Path) -> anyhow::Result<Outcome> {
    match fs::remove_dir_all(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).context("cannot begin anew"),
        Ok(()) | Err(_) => {}
    }
    let target = Archive::folder(to)?;
    let known = known(log).await?;
    let catalogue = archive.catalogue().await?;
    if catalogue.generation != before {
        return Ok(Outcome::Compacted);
    }
    for path in paths(&catalogue, &known) {
        match archive.read(&path).await {
            Ok(content) => drop(target.put_new(&path, content).await?),
            Err(error) if error.is_missing() => return Ok(Outcome::Compacted),
            Err(error) => return Err(error.into()),
        }
    }
    for listed in archive.list(MANIFESTS).await? {
        if manifest_generation(&listed.path).is_some_and(|generation| generation <= before) {
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

/// What the copied ledger says of the archive, by partition of the Event topic.
async fn known(log: &Path) -> anyhow::Result<Vec<ArchiveLedger>> {
    let log = FileLog::open_existing(log)?;
    let events = log.partitions(Topic::KubeEvent);
    let mut known = Vec::new();
    for source in (0..events).map(|partition| TopicPartition::new(Topic::KubeEvent, partition)) {
        let mut ledger = ArchiveLedger::new(source);
        if let Some(at) = ledger::partition_of(source, events) {
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
    use beidou_schemas::ledger::Archiving;

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
