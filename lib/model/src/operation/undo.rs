//! The undo ledger of an operation: what is owed, and what became of it.

use beidou_schemas::{
    Micros,
    operation::{Settled, UndoBy, UndoKind},
};
use serde::{Deserialize, Serialize};

use super::attempt::after;

/// Milliseconds from a try that failed to the next one, behind the first and behind later ones: what is off, or refused, may come back.
const PAUSES_MS: [u64; 2] = [60_000, 600_000];

/// Where an entry stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DebtState {
    /// Nothing was tried yet, or a try failed.
    Owed,
    /// It is being undone.
    Started {
        /// Since when.
        at: Micros,
    },
    /// It was undone.
    Done,
    /// It need not be undone.
    Settled {
        /// Why.
        why: Settled,
    },
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debt {
    /// The step that owes it, a place in the plan.
    pub step: u32,
    /// What.
    pub kind: UndoKind,
    /// On which host, a place in the plan.
    pub host: u32,
    /// How it is undone.
    pub by: UndoBy,
    /// It was the purpose.
    pub purpose: bool,
    /// Since when.
    pub since: Micros,
    /// Where it stands.
    pub state: DebtState,
    /// Tries so far.
    pub tries: u32,
    /// What the last one said.
    pub why: String,
    /// The next one is not before; absent where none failed, and in logs of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Micros>,
}

impl Debt {
    /// Whether somebody must still act, with so many tries at most.
    pub fn is_open(&self, tries: u32) -> bool {
        match self.state {
            DebtState::Owed => self.tries < tries,
            DebtState::Started { .. } => true,
            DebtState::Done | DebtState::Settled { .. } => false,
        }
    }

    /// When a try that fails now is repeated; none where that was the last of so many.
    pub(crate) fn next_try(&self, now: Micros, tries: u32) -> Option<Micros> {
        let pause = PAUSES_MS[usize::from(self.tries > 1)];
        (self.tries < tries).then(|| after(now, pause))
    }

    /// Until when it waits for its next try, if it does.
    pub(crate) fn rests_until(&self, now: Micros) -> Option<Micros> {
        self.again.filter(|again| self.state == DebtState::Owed && now < *again)
    }

    /// Whether it was given up.
    pub fn is_given_up(&self, tries: u32) -> bool {
        self.state == DebtState::Owed && self.tries >= tries
    }

    /// Whether it is neither undone nor settled.
    pub fn stands(&self) -> bool {
        matches!(self.state, DebtState::Owed | DebtState::Started { .. })
    }
}
