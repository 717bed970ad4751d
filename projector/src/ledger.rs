//! The ledger's hand: fence, read the tail, append facts.

use std::{sync::Arc, time::Duration};

use beidou_log::{Log, ReadLimit, Writer};
use beidou_model::ledger::{ArchiveLedger, Ledger};
use beidou_schemas::{
    Micros, Offset, TopicPartition,
    ddl::TABLE_VERSION,
    ledger::{Cut, Done, LedgerFact},
};
use uuid::Uuid;

use crate::ProjectorError;

/// Offsets of the ledger's end that are read first. One cut is under way at a time, and every fact carries the watermark
/// of its time, so that the last two facts say all; the rest is room for holes in the offsets.
const TAIL: u64 = 64;
/// Facts of the tables that a tail must hold. Of the archive one is enough: at most one file is under way, and each fact
/// names its range.
const ENOUGH: usize = 2;
/// How much one read brings: facts have some 300 bytes.
const READ: ReadLimit = ReadLimit { max_bytes: 1 << 20, max_wait: Duration::ZERO };

/// What the end of a ledger partition says.
pub struct Told {
    ledger: Ledger,
    archive: ArchiveLedger,
    observed: Option<Micros>,
    /// Facts of the tables that were taken in.
    facts: usize,
    /// One of them said that a cut is in the tables.
    has_done: bool,
}

/// The one writer of a ledger partition, and what the ledger says.
pub struct LedgerHand {
    at: TopicPartition,
    writer: Arc<dyn Writer>,
    told: Told,
}

impl Told {
    /// Reads the ledger of a source, whoever writes it. With `archive` it reads back to a fact of the archive too: there is
    /// one every few minutes, unless the archive has just been switched on.
    pub async fn read(
        log: &dyn Log,
        at: TopicPartition,
        source: TopicPartition,
        archive: bool,
    ) -> Result<Self, ProjectorError> {
        let bounds = log.bounds(at).await.map_err(ProjectorError::log("find the end of", at))?;
        let mut tail = TAIL;
        loop {
            let from = bounds.end.saturating_sub(tail).max(bounds.start);
            let mut told = Self {
                ledger: Ledger::new(source, TABLE_VERSION),
                archive: ArchiveLedger::new(source),
                observed: None,
                facts: 0,
                has_done: false,
            };
            told.read_range(log, at, from..bounds.end).await?;
            let all = told.facts >= ENOUGH && (!archive || told.archive.watermark().is_some());
            if all || from == bounds.start {
                return Ok(told);
            }
            tail = tail.saturating_mul(8);
        }
    }

    /// Everything below is in the tables; `None` where the ledger says nothing yet.
    pub fn watermark(&self) -> Option<Offset> {
        self.ledger.watermark()
    }

    /// Everything below is in the archive, where there is one.
    pub fn archived(&self) -> Option<Offset> {
        self.archive.watermark()
    }

    /// Whether a cut is in the tables.
    pub fn has_done(&self) -> bool {
        self.has_done
    }

    fn take(&mut self, fact: &LedgerFact) -> Result<(), ProjectorError> {
        self.ledger.apply(fact)?;
        self.archive.apply(fact)?;
        match fact {
            LedgerFact::Pending(_) => self.facts += 1,
            LedgerFact::Done(done) => {
                self.facts += 1;
                self.has_done = true;
                // A cut without one readable time says nothing.
                self.observed = self.observed.max(Some(done.observed).filter(|observed| observed.0 > 0));
            }
            LedgerFact::Archiving(_) | LedgerFact::Archived(_) => {}
        }
        Ok(())
    }

    async fn read_range(
        &mut self,
        log: &dyn Log,
        at: TopicPartition,
        range: std::ops::Range<u64>,
    ) -> Result<(), ProjectorError> {
        let mut next = range.start;
        while next < range.end {
            let batch = log.read(at, next, READ).await.map_err(ProjectorError::log("read", at))?;
            for stored in &batch.records {
                let offset = stored.offset;
                let fact = LedgerFact::from_json(&stored.record.value);
                self.take(&fact.map_err(|source| ProjectorError::Fact { at, offset, source })?)?;
            }
            if batch.next <= next {
                break;
            }
            next = batch.next;
        }
        Ok(())
    }
}

impl LedgerHand {
    /// Becomes the writer first and reads then: what an older writer still wrote is seen. `archive` as for [`Told::read`].
    pub async fn open(
        log: &dyn Log,
        at: TopicPartition,
        source: TopicPartition,
        name: &str,
        archive: bool,
    ) -> Result<Self, ProjectorError> {
        let writer = log.writer(at, name).await.map_err(ProjectorError::log("become the writer of", at))?;
        let told = Told::read(log, at, source, archive).await?;
        Ok(Self { at, writer, told })
    }

    /// A planted bug: what stands as pending is cut anew.
    pub fn forget_pending(&mut self) {
        self.told.ledger.forget_pending();
    }

    /// A planted bug: goes on as if the fact stood in the ledger.
    pub fn pretend(&mut self, fact: &LedgerFact) -> Result<(), ProjectorError> {
        self.told.take(fact)
    }

    /// What the ledger says.
    pub fn ledger(&self) -> &Ledger {
        &self.told.ledger
    }

    /// What it says of the archive.
    pub fn archive(&self) -> &ArchiveLedger {
        &self.told.archive
    }

    /// The right to append, for the archive's own facts.
    pub fn writer(&self) -> Arc<dyn Writer> {
        self.writer.clone()
    }

    /// When the last record of a cut that is in the tables had been observed.
    pub fn observed(&self) -> Option<Micros> {
        self.told.observed
    }

    /// Writes a fact; returns when it is durable.
    pub async fn append(&mut self, fact: LedgerFact) -> Result<(), ProjectorError> {
        let record = fact.to_record(Uuid::new_v4(), Micros::of(jiff::Timestamp::now()));
        self.writer.append(vec![record]).await.map_err(ProjectorError::log("append to", self.at))?;
        self.told.take(&fact)
    }

    /// The fact that a cut is done.
    pub fn done(cut: Cut, rows: u64, observed: Micros) -> LedgerFact {
        LedgerFact::Done(Done { cut, rows, observed })
    }
}
