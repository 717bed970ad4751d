//! The ledger's hand: fence, read the tail, append facts.

use std::{sync::Arc, time::Duration};

use beidou_log::{Log, ReadLimit, Writer};
use beidou_model::ledger::Ledger;
use beidou_schemas::{
    Micros, TopicPartition,
    ddl::TABLE_VERSION,
    ledger::{Cut, Done, LedgerFact},
};
use uuid::Uuid;

use crate::ProjectorError;

/// Offsets of the ledger's end that are read first. One cut is under way at a time, and every fact carries the watermark
/// of its time, so that the last two facts say all; the rest is room for holes in the offsets.
const TAIL: u64 = 64;
/// Facts that a tail must hold.
const ENOUGH: usize = 2;
/// How much one read brings: facts have some 300 bytes.
const READ: ReadLimit = ReadLimit { max_bytes: 1 << 20, max_wait: Duration::ZERO };

/// The one writer of a ledger partition, and what the ledger says.
pub struct LedgerHand {
    at: TopicPartition,
    writer: Arc<dyn Writer>,
    ledger: Ledger,
}

impl LedgerHand {
    /// Becomes the writer first and reads then: what an older writer still wrote is seen.
    pub async fn open(
        log: &dyn Log,
        at: TopicPartition,
        source: TopicPartition,
        name: &str,
    ) -> Result<Self, ProjectorError> {
        let writer = log.writer(at, name).await.map_err(ProjectorError::log("become the writer of", at))?;
        let bounds = log.bounds(at).await.map_err(ProjectorError::log("find the end of", at))?;
        let mut tail = TAIL;
        loop {
            let from = bounds.end.saturating_sub(tail).max(bounds.start);
            let facts = read(log, at, from..bounds.end).await?;
            if facts.len() < ENOUGH && from > bounds.start {
                tail = tail.saturating_mul(8);
                continue;
            }
            let mut ledger = Ledger::new(source, TABLE_VERSION);
            facts.iter().try_for_each(|fact| ledger.apply(fact))?;
            return Ok(Self { at, writer, ledger });
        }
    }

    /// What the ledger says.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Writes a fact; returns when it is durable.
    pub async fn append(&mut self, fact: LedgerFact) -> Result<(), ProjectorError> {
        let record = fact.to_record(Uuid::new_v4(), Micros::of(jiff::Timestamp::now()));
        self.writer.append(vec![record]).await.map_err(ProjectorError::log("append to", self.at))?;
        Ok(self.ledger.apply(&fact)?)
    }

    /// The fact that a cut is done.
    pub fn done(cut: Cut, rows: u64, observed: Micros) -> LedgerFact {
        LedgerFact::Done(Done { cut, rows, observed })
    }
}

async fn read(
    log: &dyn Log,
    at: TopicPartition,
    range: std::ops::Range<u64>,
) -> Result<Vec<LedgerFact>, ProjectorError> {
    let (mut facts, mut next) = (Vec::new(), range.start);
    while next < range.end {
        let batch = log.read(at, next, READ).await.map_err(ProjectorError::log("read", at))?;
        for stored in &batch.records {
            let offset = stored.offset;
            let fact = LedgerFact::from_json(&stored.record.value);
            facts.push(fact.map_err(|source| ProjectorError::Fact { at, offset, source })?);
        }
        if batch.next <= next {
            break;
        }
        next = batch.next;
    }
    Ok(facts)
}
