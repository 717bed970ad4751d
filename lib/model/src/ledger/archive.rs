//! What the ledger says of the archive: how far it holds a source partition, and which file was about to be put.
//!
//! One file is under way at a time, so that one *archiving* fact at most lies above the watermark. Its range is repeated
//! exactly: a file of that name may be there already.

use beidou_schemas::{Offset, TopicPartition, ledger::LedgerFact};

use super::LedgerError;

/// The archive's side of the ledger of one source partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveLedger {
    source: TopicPartition,
    watermark: Option<Offset>,
    /// The last range that was announced.
    announced: Option<(Offset, Offset)>,
}

impl ArchiveLedger {
    /// A ledger without facts.
    pub fn new(source: TopicPartition) -> Self {
        Self { source, watermark: None, announced: None }
    }

    /// Takes one fact in; those of the tables say nothing here.
    ///
    /// # Errors
    /// When the fact is about another partition.
    pub fn apply(&mut self, fact: &LedgerFact) -> Result<(), LedgerError> {
        if fact.source() != self.source {
            return Err(LedgerError::Source { expected: self.source, found: fact.source() });
        }
        match fact {
            LedgerFact::Archiving(range) => {
                self.announced = self.announced.max(Some((range.from, range.to)));
                // Ranges follow one another: what lies below is there.
                self.watermark = self.watermark.max(Some(range.from));
            }
            LedgerFact::Archived(range) => self.watermark = self.watermark.max(Some(range.to)),
            LedgerFact::Pending(_) | LedgerFact::Done(_) => {}
        }
        Ok(())
    }

    /// Everything below this offset that the archive was ever to hold is in it. `None` while no fact is known.
    pub fn watermark(&self) -> Option<Offset> {
        self.watermark
    }

    /// Behind the range that was announced and not put, as far as is known; it begins at the watermark.
    pub fn pending(&self) -> Option<Offset> {
        self.announced.map(|(_, to)| to).filter(|to| Some(*to) > self.watermark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use beidou_schemas::{
        Topic,
        kube_event::RangeHash,
        ledger::{Archived, Archiving, Cut},
    };

    const SOURCE: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 3 };

    fn archiving(from: Offset, to: Offset) -> LedgerFact {
        LedgerFact::Archiving(Archiving { source: SOURCE, from, to })
    }

    fn archived(from: Offset, to: Offset) -> LedgerFact {
        let (sha256, path) = (String::new(), String::new());
        LedgerFact::Archived(Archived { source: SOURCE, from, to, rows: 0, hash: RangeHash(0), bytes: 0, sha256, path })
    }

    #[test]
    fn the_state_follows_from_the_facts_whatever_their_order() {
        for (facts, watermark, pending) in [
            (vec![], None, None),
            (vec![archiving(5, 20)], Some(5), Some(20)),
            (vec![archiving(5, 20), archived(5, 20)], Some(20), None),
            (vec![archived(5, 20)], Some(20), None),
            (vec![archived(5, 20), archiving(20, 30)], Some(20), Some(30)),
            // The archive was off, and the log had moved on.
            (vec![archived(5, 20), archiving(50, 60)], Some(50), Some(60)),
            (vec![archiving(20, 30), archiving(20, 30), archived(20, 30)], Some(30), None),
        ] {
            for reverse in [false, true] {
                let mut ledger = ArchiveLedger::new(SOURCE);
                let mut facts = facts.clone();
                if reverse {
                    facts.reverse();
                }
                facts.iter().for_each(|fact| ledger.apply(fact).unwrap());
                assert_eq!((ledger.watermark(), ledger.pending()), (watermark, pending), "{facts:?}");
            }
        }
    }

    #[test]
    fn facts_of_the_tables_and_of_others_are_kept_apart() {
        let cut =
            Cut { source: SOURCE, from: 0, to: 9, records: 9, hash: String::new(), table_version: 1, watermark: 0 };
        let mut ledger = ArchiveLedger::new(SOURCE);
        ledger.apply(&LedgerFact::Pending(cut)).unwrap();
        assert_eq!(ledger, ArchiveLedger::new(SOURCE));
        let mut other = ArchiveLedger::new(TopicPartition { partition: 4, ..SOURCE });
        assert!(matches!(other.apply(&archiving(0, 1)), Err(LedgerError::Source { .. })));
        let mut tables = super::super::Ledger::new(SOURCE, 1);
        tables.apply(&archiving(0, 1)).unwrap();
        assert_eq!(tables, super::super::Ledger::new(SOURCE, 1));
    }
}
