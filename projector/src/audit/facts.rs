//! What the ledger says of range files: a witness beside the files themselves.

use std::{collections::BTreeMap, time::Duration};

use beidou_log::{Log, ReadLimit};
use beidou_schemas::{
    Topic, TopicPartition,
    archive::Collection,
    ledger::{self, Archived, LedgerFact},
};

use crate::{
    ProjectorError,
    readable::{Damage, Readable},
};

/// How much one read brings.
const READ: ReadLimit = ReadLimit { max_bytes: 4 << 20, max_wait: Duration::ZERO };

/// The facts of files of one collection that no compaction has taken in, as far as they were read: each audit reads on. They are as many as
/// there are range files, hundreds on a busy day.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    past: BTreeMap<TopicPartition, Readable>,
    pub files: BTreeMap<String, Archived>,
}

impl Facts {
    /// Reads what is new of the ledgers of all sources of a collection. What is damaged there is passed over: of files of
    /// that range no more is known than what they say of themselves.
    pub(crate) async fn read(&mut self, log: &dyn Log, collection: Collection) -> Result<(), ProjectorError> {
        let partitions = log.partitions(Topic::KubeEvent);
        for source in collection.sources(partitions) {
            let Some(at) = ledger::partition_of(source, partitions) else { continue };
            let end = log.bounds(at).await.map_err(ProjectorError::log("find the end of", at))?.end;
            let past = self.past.entry(at).or_default();
            while let Some((_, batch)) = past.read(log, at, end, READ).await? {
                for stored in &batch.records {
                    // What cannot be read is told where the ledger is recovered.
                    if let Ok(LedgerFact::Archived(fact)) = LedgerFact::from_json(&stored.record.value)
                        && fact.rows > 0
                    {
                        self.files.insert(fact.path.clone(), fact);
                    }
                }
            }
            // Old facts go with time; their files were compacted long before.
            past.lost.clear();
        }
        Ok(())
    }

    /// What of the ledgers could not be read, now or before.
    pub(super) fn damaged(&self) -> impl Iterator<Item = (TopicPartition, &Damage)> {
        self.past.iter().flat_map(|(at, past)| past.damaged.iter().map(|damage| (*at, damage)))
    }
}
