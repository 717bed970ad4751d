//! Facts of the undo ledger: each entry is a step, a host and a kind. It is owed before the act that it undoes.

use serde::{Deserialize, Serialize};

use crate::operation::{Settled, UndoKind};

/// Something is about to be done that must be undone unless all ends well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoOwed {
    /// The step that does it.
    pub step: String,
    /// What.
    pub kind: UndoKind,
    /// To which hosts, by address.
    pub hosts: Vec<String>,
}

/// It is about to be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoStarted {
    /// What.
    pub kind: UndoKind,
    /// On which host.
    pub host: String,
    /// 1 for the first try.
    pub number: u32,
}

/// It was undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoDone {
    /// What.
    pub kind: UndoKind,
    /// On which host.
    pub host: String,
}

/// A try to undo it failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoFailed {
    /// What.
    pub kind: UndoKind,
    /// On which host.
    pub host: String,
    /// For people.
    pub why: String,
}

/// It need not be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoSettled {
    /// What.
    pub kind: UndoKind,
    /// On which hosts.
    pub hosts: Vec<String>,
    /// Why.
    pub why: Settled,
}
