//! Facts of an operation's or task's way from its acceptance to its end.

use serde::{Deserialize, Serialize};

use crate::{
    Micros,
    operation::{OperationSpec, Owner, Phase, Plan, Reason},
};

/// An operation is valid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// For people: `namespace/name`.
    pub name: String,
    /// Who asked.
    pub subject: String,
    /// What it is to do.
    pub spec: OperationSpec,
    /// The task that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// How it is carried out.
    pub plan: Plan,
    /// Why, for people; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// It is not valid, and over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// For people: `namespace/name`.
    pub name: String,
    /// Who asked.
    pub subject: String,
    /// The cluster that was named.
    pub cluster: String,
    /// What was wrong.
    pub field: String,
    /// What stood there.
    pub value: String,
    /// What would have been accepted.
    pub allowed: String,
}

/// Somebody said that it may begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approved {
    /// Who: never the requester.
    pub subject: String,
    /// For people; may be empty.
    pub why: String,
}

/// Somebody said that it may not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejected {
    /// Who.
    pub subject: String,
    /// For people; may be empty.
    pub why: String,
}

/// All that it waited for is there: its first step may begin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Started {}

/// It stands still.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// Why. `OutcomeUnknown`, `RunnerSilent` make the phase `Unknown`.
    pub reason: Reason,
    /// The same for people, with the numbers.
    pub message: String,
    /// Who held it; none when a rule did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

/// It goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resumed {
    /// Who said so; none when what had held it went away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// For people; may be empty.
    pub why: String,
}

/// It is being cancelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelAsked {
    /// Who.
    pub subject: String,
    /// For people; may be empty.
    pub why: String,
}

/// A batch of a step is through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageEnded {
    /// Its place in the plan.
    pub stage: u32,
    /// Hosts that came through.
    pub ok: u32,
    /// Hosts that did not.
    pub bad: u32,
}

/// Somebody left a step out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepSkipped {
    /// Which.
    pub step: String,
    /// Who.
    pub subject: String,
    /// For people; may be empty.
    pub why: String,
}

/// Somebody wants hosts of the present step to be tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryAsked {
    /// The place of the stage in the plan.
    pub stage: u32,
    /// Which hosts.
    pub hosts: Vec<String>,
    /// Who.
    pub subject: String,
    /// Why, for people; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// Warnings rose on the touched nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarningsRose {
    /// The nodes, at most a hundred.
    pub hosts: Vec<String>,
    /// Warnings since the stage began, in its last hour where it has taken longer.
    pub count: u64,
    /// Warnings in as much time before.
    pub before: u64,
    /// The most frequent reason.
    pub reason: String,
}

/// How it will end is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    /// How.
    pub phase: Phase,
    /// Why.
    pub reason: Reason,
    /// The same for people.
    pub message: String,
}

/// It is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finished {
    /// How.
    pub phase: Phase,
    /// Why.
    pub reason: Reason,
    /// The same for people; names what could not be undone.
    pub message: String,
}

/// People were told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notified {
    /// The fact that they were told of.
    pub of_seq: u64,
}

/// People could not be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifyFailed {
    /// The fact that they were to be told of.
    pub of_seq: u64,
    /// For people.
    pub why: String,
    /// When it is tried again.
    pub again: Micros,
    /// It is not: another try would come to the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub for_good: bool,
}
