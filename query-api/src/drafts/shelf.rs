//! What the topic of drafts says, folded. Pure.

use std::collections::BTreeMap;

use beidou_schemas::operation::draft::{DraftFact, DraftSaved};
use uuid::Uuid;

/// Drafts that there may be. Each has at most 256 KiB and most have 10 KB: 125 MB in all, and most often 5 MB.
pub(crate) const MOST_DRAFTS: usize = 500;

/// All drafts.
#[derive(Debug, Default)]
pub(crate) struct Shelf(BTreeMap<Uuid, DraftSaved>);

impl Shelf {
    /// Takes a fact in. The first one that is left of a draft counts whatever its version: what was before it is gone from
    /// the log, or the draft was deleted at another server while this save was on its way, and stays for whoever saved.
    pub(crate) fn take(&mut self, fact: DraftFact) {
        match fact {
            DraftFact::Saved(saved) => {
                let known = self.0.get(&saved.id).map(|draft| draft.version);
                if known.is_none_or(|known| known.checked_add(1) == Some(saved.version)) {
                    self.0.insert(saved.id, saved);
                }
            }
            DraftFact::Deleted(deleted) => {
                if self.0.get(&deleted.id).is_some_and(|draft| draft.version == deleted.version) {
                    self.0.remove(&deleted.id);
                }
            }
        }
    }

    /// One draft.
    pub(crate) fn find(&self, id: Uuid) -> Option<&DraftSaved> {
        self.0.get(&id)
    }

    /// All drafts, in no order that means anything.
    pub(crate) fn all(&self) -> impl Iterator<Item = &DraftSaved> {
        self.0.values()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use beidou_schemas::{Micros, operation::draft::DraftDeleted};
    use serde_json::{Map, Value};

    use super::*;

    fn saved(version: u32, name: &str) -> DraftFact {
        let (id, name, subject) = (Uuid::from_u128(1), name.into(), "a".into());
        let (spec, form, time) = (Map::new(), Value::Null, Micros(1));
        DraftFact::Saved(DraftSaved { id, version, name, spec, form, subject, time })
    }

    fn deleted(version: u32) -> DraftFact {
        DraftFact::Deleted(DraftDeleted { id: Uuid::from_u128(1), version, subject: "a".into(), time: Micros(2) })
    }

    fn name(facts: impl IntoIterator<Item = DraftFact>) -> Option<String> {
        let mut shelf = Shelf::default();
        facts.into_iter().for_each(|fact| shelf.take(fact));
        shelf.find(Uuid::from_u128(1)).map(|draft| draft.name.clone())
    }

    #[test]
    fn of_two_saves_for_one_version_the_first_counts() {
        assert_eq!(name([saved(1, "x"), saved(2, "y"), saved(2, "z")]).as_deref(), Some("y"));
        assert_eq!(name([saved(1, "x"), saved(3, "y")]).as_deref(), Some("x"));
        // What was before it is gone from the log.
        assert_eq!(name([saved(7, "x"), saved(8, "y")]).as_deref(), Some("y"));
    }

    #[test]
    fn a_removal_counts_for_the_version_that_it_meant() {
        assert_eq!(name([saved(1, "x"), deleted(1), deleted(1)]), None);
        assert_eq!(name([saved(1, "x"), saved(2, "y"), deleted(1)]).as_deref(), Some("y"));
        assert_eq!(name([deleted(1)]), None);
    }
}
