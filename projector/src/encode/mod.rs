//! Records into rows: pure, synchronous, the same cut always into the same blocks.
//!
//! ```text
//!  records of a cut ─► event     ─► kube_event, one block per month
//!                      coverage  ─► kube_coverage
//!                      reject    ─► kube_reject   ◄── what the others could not decode
//!                      operation ─► operation_event, one block per month
//!  a lost range      ─► lost      ─► kube_coverage, kube_reject
//! ```

mod column;
mod coverage;
mod event;
mod lost;
mod operation;
mod reject;

pub use coverage::CoverageEncoder;
pub use event::EventEncoder;
pub use lost::LostRange;
pub use operation::OperationEncoder;
pub use reject::RejectEncoder;

use std::ops::Range;

use arrow_array::RecordBatch;
use beidou_log::StoredRecord;
use beidou_schemas::{Micros, Offset, Topic, TopicPartition, ddl::TABLE_VERSION};
use beidou_store::{StoreError, insert::Block};

use crate::{ProjectorError, readable::Damage};

/// What a cut becomes.
#[derive(Debug, Default)]
pub struct Encoded {
    /// The blocks to insert, in order.
    pub blocks: Vec<Block>,
    /// Those of them that are archived, as the archive has them.
    pub archive: Vec<RecordBatch>,
    /// Rows in all of them, without those of rejected records.
    pub rows: u64,
    /// States that had been seen before.
    pub duplicates: u64,
    /// Records that could not be decoded; each has a row in `kube_reject`.
    pub rejects: u64,
    /// When the last record had been observed.
    pub observed: Micros,
    /// Records that were removed from the log before they were read.
    pub lost: Option<Range<Offset>>,
    /// How much time the index of seen states holds, in microseconds; `None` while it holds all.
    pub window_span: Option<i64>,
}

/// The encoder of one source partition.
#[derive(Debug)]
pub enum Encoder {
    /// States of Events; remembers what it has seen.
    Event(EventEncoder),
    /// Coverage facts.
    Coverage(CoverageEncoder),
    /// Rejected frames.
    Reject(RejectEncoder),
    /// Facts of operations; knows those before.
    Operation(OperationEncoder),
    /// What runners told of operations; knows their facts.
    Told(OperationEncoder),
}

impl Encoder {
    /// The encoder of a source, `None` for topics that are not projected. `window` is the index's.
    pub fn new(at: TopicPartition, window: u32) -> Option<Self> {
        match at.topic {
            Topic::KubeEvent => Some(Self::Event(EventEncoder::new(at, window))),
            Topic::KubeCoverage => Some(Self::Coverage(CoverageEncoder::new(at))),
            Topic::KubeReject => Some(Self::Reject(RejectEncoder::new(at))),
            Topic::Operation => Some(Self::Operation(OperationEncoder::new(at))),
            Topic::OperationTask => Some(Self::Told(OperationEncoder::new(at))),
            Topic::Ledger | Topic::Maintenance | Topic::KubeImport => None,
            Topic::OperationCommand | Topic::OperationLedger | Topic::OperationDraft => None,
        }
    }

    /// Offsets before a cut that the encoder must have seen to encode it as it did the first time.
    pub fn memory(&self) -> u64 {
        match self {
            Self::Event(encoder) => encoder.memory(),
            // Facts of operations never leave the log: they are read by `learn`.
            Self::Coverage(_) | Self::Reject(_) | Self::Operation(_) | Self::Told(_) => 0,
        }
    }

    /// What of the facts before could not be read, where rows follow from them.
    pub(crate) fn unread(&self) -> Option<&Damage> {
        match self {
            Self::Operation(encoder) | Self::Told(encoder) => encoder.unread(),
            Self::Event(_) | Self::Coverage(_) | Self::Reject(_) => None,
        }
    }

    /// Sees records that are in the tables already.
    pub fn remember(&mut self, records: &[StoredRecord]) {
        match self {
            Self::Event(encoder) => encoder.remember(records),
            Self::Coverage(_) | Self::Reject(_) | Self::Operation(_) | Self::Told(_) => {}
        }
    }

    /// Encodes the records of the cut `from..to`.
    ///
    /// # Errors
    /// When this version is too old for a fact, or Arrow refuses a batch.
    pub fn encode(&mut self, range: CutRange, records: &[StoredRecord]) -> Result<Encoded, ProjectorError> {
        match self {
            Self::Event(encoder) => encoder.encode(range, records),
            Self::Coverage(encoder) => encoder.encode(range, records),
            Self::Reject(encoder) => encoder.encode(range, records),
            Self::Operation(encoder) => encoder.encode_facts(range, records),
            Self::Told(encoder) => encoder.encode_told(range, records),
        }
    }
}

/// Which cut is encoded: part of every token.
#[derive(Debug, Clone, Copy)]
pub struct CutRange {
    /// The source.
    pub source: TopicPartition,
    /// First offset.
    pub from: u64,
    /// Behind the last offset.
    pub to: u64,
}

impl CutRange {
    /// A block of this cut. The token names table, table version, source, range and table partition: it is new for every
    /// block, and the same whenever the block is repeated.
    fn block(self, table: &str, part: &str, batch: &RecordBatch) -> Result<Block, StoreError> {
        let Self { source, from, to } = self;
        let token = format!("{table}/{TABLE_VERSION}/{source}/{from}-{to}/{part}");
        Block::encode(table, token, batch)
    }
}

#[cfg(test)]
mod tests {
    use beidou_schemas::ddl::MIGRATIONS;

    use super::{coverage::CoverageRows, event::EventRows, operation::OperationRows, reject::RejectRows};

    #[test]
    fn columns_are_those_of_the_tables_in_order() {
        let event = ("kube_event", EventRows::with_room(0).finish().unwrap());
        let coverage = ("kube_coverage", CoverageRows::with_room(0).finish().unwrap());
        let reject = ("kube_reject", RejectRows::with_room(0).finish().unwrap());
        let operation = ("operation_event", OperationRows::with_room(0).finish().unwrap());
        for (table, batch) in [event, coverage, reject, operation] {
            let migration = MIGRATIONS.iter().find(|migration| migration.name == table).unwrap();
            let columns: Vec<_> = migration.columns().map(|(name, _)| name).collect();
            let schema = batch.schema();
            let fields: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            assert_eq!(fields, columns, "{table}");
        }
    }
}
