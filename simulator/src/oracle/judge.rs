//! Reads a ledger the way a judge does: which states there were, how long each could be listed, which we lost.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::entry::{Entry, Loss, StateId};

/// The life of a state: when it was committed and until when a list could still bring it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// Commit, in microseconds.
    pub from_us: i64,
    /// When a later state, a deletion or a restore took its place; none if it is still listable.
    pub until_us: Option<i64>,
    /// True if a restore brought it into this incarnation.
    pub carried: bool,
}

/// A ledger, understood.
#[derive(Debug, Default)]
pub struct Judge {
    lives: HashMap<StateId, Life>,
    losses: Vec<Loss>,
    latest: HashMap<(Uuid, Uuid), StateId>,
    incarnations: HashMap<Uuid, u32>,
}

impl Judge {
    /// Understands a ledger.
    #[must_use]
    pub fn of(entries: &[Entry]) -> Self {
        let mut judge = Self::default();
        for entry in entries {
            judge.note(entry);
        }
        judge
    }

    fn note(&mut self, entry: &Entry) {
        match entry {
            Entry::Committed { state, at_us, carried, .. } => {
                self.enter(*state, *at_us);
                self.supersede(state, *at_us);
                self.lives.insert(*state, Life { from_us: *at_us, until_us: None, carried: *carried });
                self.latest.insert((state.cluster, state.uid), *state);
            }
            Entry::Deleted { state, at_us } => {
                self.supersede(state, *at_us);
                self.latest.remove(&(state.cluster, state.uid));
            }
            Entry::Lost(loss) => self.losses.push(loss.clone()),
            Entry::StreamOpened { .. } | Entry::StreamClosed { .. } | Entry::Listed { .. } | Entry::Fault { .. } => {}
        }
    }

    /// The first state of a new incarnation ends all lives of the one before.
    fn enter(&mut self, state: StateId, at_us: i64) {
        let known = self.incarnations.entry(state.cluster).or_insert(state.incarnation);
        if *known == state.incarnation {
            return;
        }
        *known = state.incarnation;
        for life in self.lives.iter_mut().filter(|(id, _)| id.cluster == state.cluster).map(|(_, life)| life) {
            life.until_us.get_or_insert(at_us);
        }
    }

    fn supersede(&mut self, state: &StateId, at_us: i64) {
        let before = self.latest.get(&(state.cluster, state.uid)).and_then(|id| self.lives.get_mut(id));
        if let Some(life) = before {
            life.until_us.get_or_insert(at_us);
        }
    }

    /// Every state that was ever committed, with its life.
    #[must_use]
    pub fn states(&self) -> &HashMap<StateId, Life> {
        &self.lives
    }

    /// Every loss, in order.
    #[must_use]
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// States that a collector may miss without fault of its own: lost by us, or sent but never proved to be kept.
    #[must_use]
    pub fn excused(&self) -> HashSet<StateId> {
        self.losses.iter().flat_map(|loss| loss.lost.iter().chain(&loss.at_risk)).copied().collect()
    }

    /// Intervals in which history of this cluster was lost, `(from, to)` in microseconds. A state at risk that is
    /// among the `missing` ones stretches its interval back to its commit.
    #[must_use]
    pub fn intervals(&self, cluster: Uuid, missing: &HashSet<StateId>) -> Vec<(i64, i64)> {
        let of_cluster = self.losses.iter().filter(|loss| loss.cluster == cluster);
        of_cluster
            .map(|loss| {
                let at_risk = loss.at_risk.iter().filter(|state| missing.contains(state));
                let earliest = at_risk.filter_map(|state| self.lives.get(state)).map(|life| life.from_us).min();
                (loss.from_us.min(earliest.unwrap_or(i64::MAX)), loss.to_us)
            })
            .collect()
    }

    /// Whether a list at `at_us` would have brought this very state.
    #[must_use]
    pub fn listable_at(&self, state: &StateId, at_us: i64) -> bool {
        self.lives
            .get(state)
            .is_some_and(|life| life.from_us <= at_us && life.until_us.is_none_or(|until| at_us < until))
    }
}
