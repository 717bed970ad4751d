//! Facts of an automatic task.

use serde::{Deserialize, Serialize};

use crate::{
    Micros,
    operation::{GateMode, OperationId, OperationSpec, Reason, TaskSpec, TaskStepKind},
};

/// A task is valid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskAccepted {
    /// For people: `namespace/name`.
    pub name: String,
    /// Who asked.
    pub subject: String,
    /// What it is to do.
    pub spec: TaskSpec,
    /// Why, for people; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// A step began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskStepStarted {
    /// Its place in the task, counted from 0; where it names several bundles, each turn of one has its own.
    pub step: u32,
    /// Which.
    pub kind: TaskStepKind,
}

/// An operation is to be made for the present step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationAsked {
    /// The step's place in the task.
    pub step: u32,
    /// The id that it has, unless its resource has another one.
    pub operation: OperationId,
    /// Its name: `namespace/name`.
    pub name: String,
    /// What it is to do.
    pub spec: OperationSpec,
}

/// A work order was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateAsked {
    /// The step's place in the task.
    pub step: u32,
    /// Who answers.
    pub mode: GateMode,
    /// Until when.
    pub until: Micros,
}

/// It was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateAnswered {
    /// The step's place in the task.
    pub step: u32,
    /// It may go on.
    pub open: bool,
    /// Who answered; never the requester, where somebody else was asked.
    pub subject: String,
    /// The number of the work order in the team's system; may be empty.
    pub ticket: String,
    /// For people; may be empty.
    pub why: String,
}

/// A step is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskStepEnded {
    /// Its place in the task.
    pub step: u32,
    /// It went well.
    pub ok: bool,
    /// Why it ended so.
    pub reason: Reason,
    /// The same for people.
    pub message: String,
    /// Who left it out; absent where it came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}
