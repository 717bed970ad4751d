//! Facts of the undo ledger: each entry is a step, a host and a kind. It is owed before the act that it undoes. Facts of before name
//! no step: then a host had one entry of a kind.

use serde::{Deserialize, Serialize};

use crate::{
    Micros,
    operation::{Settled, UndoKind},
};

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
    /// The step that owes it; absent in logs of before, and where all of that kind is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
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
    /// The step that owes it; absent in logs of before, and where all of that kind is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// On which host.
    pub host: String,
}

/// A try to undo it failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoFailed {
    /// What.
    pub kind: UndoKind,
    /// The step that owes it; absent in logs of before, and where all of that kind is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// On which host.
    pub host: String,
    /// For people.
    pub why: String,
    /// When it is tried again; absent where it is not, and in logs of before, when that was at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Micros>,
}

/// It need not be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoSettled {
    /// What.
    pub kind: UndoKind,
    /// The step that owes it; absent in logs of before, and where all of that kind is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// On which hosts.
    pub hosts: Vec<String>,
    /// Why.
    pub why: Settled,
}
