//! What the ledger says of range files: a witness beside the files themselves.

use std::{collections::BTreeMap, time::Duration};

use beidou_log::{Log, LogError, ReadLimit};
use beidou_schemas::{
    Offset, Topic, TopicPartition,
    ledger::{self, Archived, LedgerFact},
};

use crate::ProjectorError;

/// How much one read brings.
const READ: ReadLimit = ReadLimit { max_bytes: 4 << 20, max_wait: Duration::ZERO };

/// The facts of files that no compaction has taken in, as far as they were read: each audit reads on. They are as many as
/// there are range files, hundreds on a busy day.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    next: BTreeMap<u32, Offset>,
    pub files: BTreeMap<String, Archived>,
}

impl Facts {
    /// Reads what is new of the ledgers of all Event partitions.
    pub(crate) async fn read(&mut self, log: &dyn Log) -> Result<(), ProjectorError> {
        let partitions = log.partitions(Topic::KubeEvent);
        for partition in 0..partitions {
            let source = TopicPartition::new(Topic::KubeEvent, partition);
            let Some(at) = ledger::partition_of(source, partitions) else { continue };
            let end = log.bounds(at).await.map_err(ProjectorError::log("find the end of", at))?.end;
            let mut next = self.next.get(&partition).copied().unwrap_or_default();
            while next < end {
                let batch = match log.read(at, next, READ).await {
                    Ok(batch) => batch,
                    // Old facts go with time; their files were compacted long before.
                    Err(LogError::Removed { first, .. }) if first > next => {
                        next = first;
                        continue;
                    }
                    Err(error) => return Err(ProjectorError::log("read", at)(error)),
                };
                for stored in &batch.records {
                    // What cannot be read is told where the ledger is recovered.
                    if let Ok(LedgerFact::Archived(fact)) = LedgerFact::from_json(&stored.record.value)
                        && fact.rows > 0
                    {
                        self.files.insert(fact.path.clone(), fact);
                    }
                }
                if batch.next <= next {
                    break;
                }
                next = batch.next;
            }
            self.next.insert(partition, next);
        }
        Ok(())
    }
}
