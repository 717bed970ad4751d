//! The fold of ledger facts, and the cuts that follow from it.

use std::collections::BTreeMap;

use beidou_schemas::{
    Offset, TopicPartition,
    ledger::{Cut, LedgerFact},
};

/// A ledger that cannot be followed. None of these mends itself: the log and its ledger no longer belong together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// A fact about another partition.
    #[error("a ledger fact about {found} stands in the ledger of {expected}")]
    Source {
        /// The partition that this ledger is about.
        expected: TopicPartition,
        /// The partition that the fact is about.
        found: TopicPartition,
    },
    /// A fact about a table that this version does not know.
    #[error(
        "the ledger of {source_partition} knows table version {found}, this version writes {known}: upgrade beidou"
    )]
    Newer {
        /// The source partition.
        source_partition: TopicPartition,
        /// The fact's table version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Pending cuts overlap or leave a hole.
    #[error(
        "the pending cut {from}..{to} of {source_partition} does not begin at {expected}, where the one before it \
         ended: two projectors have written one ledger"
    )]
    Broken {
        /// The source partition.
        source_partition: TopicPartition,
        /// First offset of the cut.
        from: Offset,
        /// Behind its last offset.
        to: Offset,
        /// Where it should begin.
        expected: Offset,
    },
    /// The log no longer holds what it held when the cut was written.
    #[error(
        "the log holds other records in {from}..{to} of {source_partition} than when the cut was written \
         ({found_records} instead of {records}, hash {found_hash} instead of {hash}): log and ledger are not of one \
         origin, restore both from the same backup"
    )]
    Differs {
        /// The source partition.
        source_partition: TopicPartition,
        /// First offset of the cut.
        from: Offset,
        /// Behind its last offset.
        to: Offset,
        /// Records written down.
        records: u64,
        /// Records found.
        found_records: u64,
        /// Hash written down.
        hash: String,
        /// Hash found.
        found_hash: String,
    },
}

/// The ledger of one source partition for one table version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    source: TopicPartition,
    table_version: u32,
    watermark: Option<Offset>,
    /// Cuts above the watermark, by first and last offset.
    pending: BTreeMap<(Offset, Offset), Cut>,
    /// Done ranges above the watermark: from, to.
    done: BTreeMap<Offset, Offset>,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(source: TopicPartition, table_version: u32) -> Self {
        Self { source, table_version, watermark: None, pending: BTreeMap::new(), done: BTreeMap::new() }
    }

    /// Takes one fact in. Facts about older tables say nothing about the present one.
    ///
    /// # Errors
    /// When the fact is about another partition or a newer table.
    pub fn apply(&mut self, fact: &LedgerFact) -> Result<(), LedgerError> {
        if fact.source() != self.source {
            return Err(LedgerError::Source { expected: self.source, found: fact.source() });
        }
        let cut = match fact {
            LedgerFact::Pending(cut) => cut,
            LedgerFact::Done(done) => &done.cut,
            // The archive's own: see `ArchiveLedger`.
            LedgerFact::Archiving(_) | LedgerFact::Archived(_) => return Ok(()),
        };
        if cut.table_version > self.table_version {
            let (found, known) = (cut.table_version, self.table_version);
            return Err(LedgerError::Newer { source_partition: self.source, found, known });
        }
        if cut.table_version < self.table_version {
            return Ok(());
        }
        match fact {
            LedgerFact::Pending(cut) => drop(self.pending.insert((cut.from, cut.to), cut.clone())),
            LedgerFact::Done(done) => {
                let to = self.done.entry(done.cut.from).or_default();
                *to = done.cut.to.max(*to);
            }
            LedgerFact::Archiving(_) | LedgerFact::Archived(_) => {}
        }
        self.watermark = self.watermark.max(Some(cut.watermark));
        self.settle();
        Ok(())
    }

    /// Everything below this offset is in the tables. `None` while no fact is known.
    pub fn watermark(&self) -> Option<Offset> {
        self.watermark
    }

    /// The cuts to repeat, in order, exactly as they are.
    ///
    /// # Errors
    /// When they do not continue one another.
    pub fn recover(&self) -> Result<Vec<Cut>, LedgerError> {
        let mut expected = self.watermark.unwrap_or_default();
        for (&(from, to), cut) in &self.pending {
            if from != expected {
                return Err(LedgerError::Broken { source_partition: cut.source, from, to, expected });
            }
            expected = to;
        }
        Ok(self.pending.values().cloned().collect())
    }

    /// The cut that ends at `to`: it begins where everything known ends, or at `first` in an empty ledger.
    pub fn plan(&self, first: Offset, to: Offset, records: u64, hash: String) -> Cut {
        let watermark = self.watermark.unwrap_or(first);
        let from = self.pending.last_key_value().map_or(watermark, |(&(_, to), _)| to);
        Cut { source: self.source, from, to, records, hash, table_version: self.table_version, watermark }
    }

    /// Forgets the cuts that are pending: a bug that tests plant.
    pub fn forget_pending(&mut self) {
        self.pending.clear();
    }

    /// Forgets what lies below the watermark, and moves it over done ranges that touch it.
    fn settle(&mut self) {
        let Some(mut watermark) = self.watermark else { return };
        while let Some(entry) = self.done.first_entry().filter(|entry| *entry.key() <= watermark) {
            watermark = watermark.max(entry.remove());
        }
        self.pending.retain(|&(_, to), _| to > watermark);
        self.watermark = Some(watermark);
    }
}

/// Compares what the log holds now with what was written down.
///
/// # Errors
/// [`LedgerError::Differs`].
pub fn verify(cut: &Cut, found_records: u64, found_hash: &str) -> Result<(), LedgerError> {
    if (cut.records, cut.hash.as_str()) == (found_records, found_hash) {
        return Ok(());
    }
    Err(LedgerError::Differs {
        source_partition: cut.source,
        from: cut.from,
        to: cut.to,
        records: cut.records,
        found_records,
        hash: cut.hash.clone(),
        found_hash: found_hash.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use beidou_schemas::{Micros, Topic, ledger::Done};
    use proptest::prelude::*;

    const SOURCE: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 3 };

    fn cut(from: Offset, to: Offset, watermark: Offset) -> Cut {
        Cut { source: SOURCE, from, to, records: to - from, hash: format!("{from}"), table_version: 1, watermark }
    }

    fn pending(from: Offset, to: Offset, watermark: Offset) -> LedgerFact {
        LedgerFact::Pending(cut(from, to, watermark))
    }

    fn done(from: Offset, to: Offset, watermark: Offset) -> LedgerFact {
        LedgerFact::Done(Done { cut: cut(from, to, watermark), rows: 1, observed: Micros(0) })
    }

    fn fold(facts: &[LedgerFact]) -> Ledger {
        let mut ledger = Ledger::new(SOURCE, 1);
        facts.iter().for_each(|fact| ledger.apply(fact).unwrap());
        ledger
    }

    #[test]
    fn the_state_follows_from_the_facts() {
        let repeats = |ledger: &Ledger| ledger.recover().unwrap().iter().map(|c| (c.from, c.to)).collect::<Vec<_>>();
        for (facts, watermark, repeated, next) in [
            (vec![], None, vec![], 7),
            (vec![pending(10, 20, 10)], Some(10), vec![(10, 20)], 20),
            (vec![pending(10, 20, 10), done(10, 20, 10)], Some(20), vec![], 20),
            (vec![pending(10, 20, 10), pending(20, 30, 10)], Some(10), vec![(10, 20), (20, 30)], 30),
            (vec![pending(10, 20, 10), pending(20, 30, 10), done(20, 30, 10)], Some(10), vec![(10, 20), (20, 30)], 30),
            (vec![pending(10, 20, 10), done(10, 20, 10), pending(20, 30, 20)], Some(20), vec![(20, 30)], 30),
            // The beginning of the ledger was compacted away.
            (vec![pending(90, 95, 90)], Some(90), vec![(90, 95)], 95),
        ] {
            let ledger = fold(&facts);
            assert_eq!(ledger.watermark(), watermark, "{facts:?}");
            assert_eq!(repeats(&ledger), repeated, "{facts:?}");
            let planned = ledger.plan(7, 100, 1, "x".into());
            assert_eq!((planned.from, planned.watermark), (next, watermark.unwrap_or(7)), "{facts:?}");
        }
    }

    #[test]
    fn a_done_cut_behind_one_that_is_not_waits_for_it() {
        let ledger = fold(&[pending(10, 20, 10), pending(20, 30, 10), done(20, 30, 10), done(10, 20, 10)]);
        assert_eq!((ledger.watermark(), ledger.recover().unwrap()), (Some(30), vec![]));
    }

    #[test]
    fn facts_that_do_not_fit_are_refused() {
        let mut ledger = Ledger::new(SOURCE, 1);
        let mut other = cut(0, 1, 0);
        other.source.partition = 4;
        assert!(matches!(ledger.apply(&LedgerFact::Pending(other)), Err(LedgerError::Source { .. })));
        let newer = LedgerFact::Pending(Cut { table_version: 2, ..cut(0, 1, 0) });
        assert!(matches!(ledger.apply(&newer), Err(LedgerError::Newer { found: 2, known: 1, .. })));
        let mut rebuilt = Ledger::new(SOURCE, 2);
        rebuilt.apply(&done(0, 10, 0)).unwrap();
        assert_eq!(rebuilt.watermark(), None, "a rebuilt table starts afresh");
        for facts in [[pending(10, 20, 10), pending(10, 25, 10)], [pending(10, 20, 10), pending(21, 25, 10)]] {
            assert!(matches!(fold(&facts).recover(), Err(LedgerError::Broken { .. })));
        }
    }

    #[test]
    fn a_repeated_cut_must_find_the_same_records() {
        let cut = cut(10, 20, 10);
        assert_eq!(verify(&cut, 10, "10"), Ok(()));
        for (records, hash) in [(9, "10"), (10, "11")] {
            let error = verify(&cut, records, hash).unwrap_err();
            assert!(error.to_string().contains("10..20") && error.to_string().contains("same backup"), "{error}");
        }
    }

    /// What a projector writes: cuts in order, each done after it was pending, up to two in flight.
    fn history() -> impl Strategy<Value = Vec<LedgerFact>> {
        (proptest::collection::vec(1..20u64, 1..12), 0..3usize, 0..2usize).prop_map(|(sizes, in_flight, first)| {
            let mut facts = Vec::new();
            let mut ends = vec![first as u64];
            for size in &sizes {
                let (from, to) = (*ends.last().unwrap(), ends.last().unwrap() + size);
                let watermark = ends[ends.len().saturating_sub(1 + in_flight)];
                facts.push(pending(from, to, watermark));
                if ends.len() > in_flight {
                    let at = ends.len() - in_flight - 1;
                    let (from, to) = (ends[at], ends.get(at + 1).copied().unwrap_or(to));
                    facts.push(done(from, to, ends[at]));
                }
                ends.push(to);
            }
            facts
        })
    }

    proptest! {
        #[test]
        fn order_and_repetition_do_not_matter_and_the_watermark_only_grows(
            facts in history(),
            picks in proptest::collection::vec(any::<proptest::sample::Index>(), 0..60),
        ) {
            let straight = fold(&facts);
            let mut mixed = Ledger::new(SOURCE, 1);
            let mut before = None;
            for fact in picks.iter().map(|pick| pick.get(&facts)).chain(facts.iter().rev()) {
                mixed.apply(fact).unwrap();
                prop_assert!(mixed.watermark() >= before);
                before = mixed.watermark();
            }
            prop_assert_eq!(&mixed, &straight);
            prop_assert!(straight.recover().is_ok());
        }
    }
}
