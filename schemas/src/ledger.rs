//! Facts on `beidou.ledger.v1`: which range of the log a projector is about to insert or to archive, and which it has.
//!
//! A cut `[from, to)` is written as *pending* before the first insert, and as *done* after the last. After a crash the
//! pending cuts are repeated exactly; the same cut gives the same rows and the same de-duplication tokens. The watermark
//! is a maximum: it never goes back, whatever order facts are read in.
//!
//! The archive has facts of its own: its files span many cuts. *Archiving* names the range of a file before it is put,
//! *archived* says what was put. Ranges follow one another without holes, unless the archive was off for a while.
//!
//! Each source partition has a ledger partition of its own, so that each has one writer, the projector of that source:
//!
//! ```text
//!  ledger partition   0 … P-1              P                P+1
//!  source             event 0 … event P-1  coverage 0       reject 0
//! ```
//!
//! Facts of operations have a ledger topic of their own, since a topic's partitions never change (docs/adr/0016):
//!
//! ```text
//!  operation ledger partition   0             1
//!  source                       operation 0   operation task 0
//! ```

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Micros, Offset, Record, Topic, TopicPartition,
    envelope::own_fact,
    fact::{FactError, body, numbered_json, split_kind, unknown},
    kube_event::RangeHash,
};

/// Partitions of the ledger topic where the event topic has `event_partitions`: one per source partition.
pub const fn partitions(event_partitions: u32) -> u32 {
    event_partitions + 2
}

/// Partitions of the ledger topic of operations.
pub const OPERATION_PARTITIONS: u32 = 2;

/// The ledger partition of a source partition; `None` for the ledger itself, which nobody projects.
pub fn partition_of(source: TopicPartition, event_partitions: u32) -> Option<TopicPartition> {
    let partition = match source.topic {
        Topic::KubeEvent => source.partition,
        Topic::KubeCoverage => event_partitions,
        Topic::KubeReject => event_partitions + 1,
        // What is imported is projected once it is on the Event topic.
        Topic::Ledger | Topic::Maintenance | Topic::KubeImport => return None,
        // They have one partition each.
        Topic::Operation => return (source.partition == 0).then_some(of_operations(0)),
        Topic::OperationTask => return (source.partition == 0).then_some(of_operations(1)),
        // What became of a command is told by the facts that follow from it.
        Topic::OperationCommand | Topic::OperationLedger | Topic::OperationDraft => return None,
    };
    Some(TopicPartition::new(Topic::Ledger, partition))
}

fn of_operations(partition: u32) -> TopicPartition {
    TopicPartition::new(Topic::OperationLedger, partition)
}

/// A cut of a source partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// The source.
    pub source: TopicPartition,
    /// First offset.
    pub from: Offset,
    /// Behind the last offset.
    pub to: Offset,
    /// Records in the cut; offsets may have holes, so this is not `to - from`.
    pub records: u64,
    /// XXH3-128 over the records' ids and values, hexadecimal: a repeated cut must find the same.
    pub hash: String,
    /// The table version that the rows go to.
    pub table_version: u32,
    /// Everything below this offset was done when the fact was written.
    pub watermark: Offset,
}

/// A cut that is in the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// The cut.
    pub cut: Cut,
    /// Rows inserted: duplicates and undecodable records are not among them.
    pub rows: u64,
    /// When the last record of the cut had been observed.
    pub observed: Micros,
}

/// A range of a source partition that one file of the archive is to hold. An empty one says where the archive begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archiving {
    /// The source.
    pub source: TopicPartition,
    /// First offset.
    pub from: Offset,
    /// Behind the last offset.
    pub to: Offset,
}

/// A range that is in the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archived {
    /// The source.
    pub source: TopicPartition,
    /// First offset.
    pub from: Offset,
    /// Behind the last offset.
    pub to: Offset,
    /// Rows in the file: duplicates and undecodable records are not among them.
    pub rows: u64,
    /// Their hash.
    pub hash: RangeHash,
    /// Size of the file; 0 where the range has no rows, and so no file.
    pub bytes: u64,
    /// SHA-256 of the file, hexadecimal; empty without a file.
    pub sha256: String,
    /// Where the file was put, see [`crate::archive`]; empty without a file. Compaction moves the rows on later.
    pub path: String,
}

/// A fact on the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerFact {
    /// 1: about to be inserted.
    Pending(Cut),
    /// 2: inserted.
    Done(Done),
    /// 3: about to be put into the archive.
    Archiving(Archiving),
    /// 4: in the archive.
    Archived(Archived),
}

impl LedgerFact {
    /// The source partition that the fact speaks of.
    pub fn source(&self) -> TopicPartition {
        match self {
            Self::Pending(cut) => cut.source,
            Self::Done(done) => done.cut.source,
            Self::Archiving(range) => range.source,
            Self::Archived(range) => range.source,
        }
    }

    /// The JSON value.
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Pending(cut) => numbered_json(1, cut),
            Self::Done(done) => numbered_json(2, done),
            Self::Archiving(range) => numbered_json(3, range),
            Self::Archived(range) => numbered_json(4, range),
        }
    }

    /// Reads a JSON value.
    ///
    /// # Errors
    /// When the value has not the form of its kind, or the kind is unknown.
    pub fn from_json(json: &[u8]) -> Result<Self, FactError> {
        let (kind, value) = split_kind(Topic::Ledger, json)?;
        Ok(match kind {
            1 => Self::Pending(body(Topic::Ledger, value)?),
            2 => Self::Done(body(Topic::Ledger, value)?),
            3 => Self::Archiving(body(Topic::Ledger, value)?),
            4 => Self::Archived(body(Topic::Ledger, value)?),
            other => return Err(unknown("ledger fact", other, "1, 2, 3, 4")),
        })
    }

    /// The record to append. `id` must be new for each fact.
    pub fn to_record(&self, id: Uuid, time: Micros) -> Record {
        let source = self.source();
        // The number of Event partitions says where, not in which topic.
        let topic = partition_of(source, 0).map_or(Topic::Ledger, |at| at.topic);
        own_fact(topic, &id.to_string(), &source.to_string(), time, self.to_json().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_partition_has_a_ledger_partition_of_its_own() {
        let events = (0..4).map(|p| TopicPartition::new(Topic::KubeEvent, p));
        let singles = [Topic::KubeCoverage, Topic::KubeReject].map(|topic| TopicPartition::new(topic, 0));
        let found: Vec<_> = events.chain(singles).map(|source| partition_of(source, 4).unwrap().partition).collect();
        assert_eq!(found, (0..partitions(4)).collect::<Vec<_>>());
        assert_eq!(partition_of(TopicPartition::new(Topic::Ledger, 0), 4), None);

        let of = |topic, partition| partition_of(TopicPartition::new(topic, partition), 4);
        let operations = [Topic::Operation, Topic::OperationTask].map(|topic| of(topic, 0).unwrap());
        let expected =
            (0..OPERATION_PARTITIONS).map(|partition| TopicPartition::new(Topic::OperationLedger, partition));
        assert_eq!(operations.to_vec(), expected.collect::<Vec<_>>());
        assert_eq!((of(Topic::Operation, 1), of(Topic::OperationCommand, 0)), (None, None));
    }

    #[test]
    fn a_fact_names_the_topic_that_it_stands_in() {
        for (source, topic) in [(Topic::KubeEvent, Topic::Ledger), (Topic::Operation, Topic::OperationLedger)] {
            let source = TopicPartition::new(source, 0);
            let record = LedgerFact::Archiving(Archiving { source, from: 0, to: 0 }).to_record(Uuid::nil(), Micros(0));
            assert_eq!(record.header("ce_type"), Some(topic.name()));
        }
    }

    #[test]
    fn values_are_golden_and_read_back() {
        let cut = Cut {
            source: TopicPartition::new(Topic::KubeEvent, 3),
            from: 10,
            to: 20,
            records: 9,
            hash: "00ff".into(),
            table_version: 1,
            watermark: 10,
        };
        let done = Done { cut: cut.clone(), rows: 8, observed: Micros(1_795_444_800_000_000) };
        let facts = [LedgerFact::Pending(cut), LedgerFact::Done(done)];
        let text: Vec<_> = facts.iter().map(|f| String::from_utf8(f.to_json()).unwrap()).collect();
        insta::assert_snapshot!(text.join("\n"));
        for fact in facts {
            assert_eq!(LedgerFact::from_json(&fact.to_json()).unwrap(), fact);
        }
        assert!(LedgerFact::from_json(br#"{"kind":5}"#).is_err());
    }

    #[test]
    fn archive_facts_are_golden_and_read_back() {
        let source = TopicPartition::new(Topic::KubeEvent, 3);
        let archived = Archived {
            source,
            from: 10,
            to: 20,
            rows: 8,
            hash: RangeHash(0x0123_4567_89ab_cdef),
            bytes: 4711,
            sha256: "00ff".into(),
            path: crate::archive::Collection::Events.range_path(3, 10, 20),
        };
        let facts = [LedgerFact::Archiving(Archiving { source, from: 10, to: 20 }), LedgerFact::Archived(archived)];
        let text: Vec<_> = facts.iter().map(|f| String::from_utf8(f.to_json()).unwrap()).collect();
        insta::assert_snapshot!(text.join("\n"));
        for fact in facts {
            assert_eq!(LedgerFact::from_json(&fact.to_json()).unwrap(), fact);
        }
    }
}
