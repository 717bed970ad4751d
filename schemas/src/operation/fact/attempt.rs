//! Facts of one run of a runner: intended, offered, launched, claimed, heard of, over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    operation::{AttemptEnd, Purpose, Reason},
    runner::{AttemptId, HostOutcome},
};

/// A runner is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptIntended {
    /// Its id.
    pub attempt: AttemptId,
    /// The place of the stage in the plan.
    pub stage: u32,
    /// The step.
    pub step: String,
    /// The batch of the step.
    pub batch: u32,
    /// 1 for the first of this step and batch.
    pub number: u32,
    /// The step itself, or undoing it.
    pub purpose: Purpose,
    /// The hosts, by address.
    pub hosts: Vec<String>,
    /// How long it may take from its claim on, in milliseconds.
    pub deadline_ms: u64,
}

/// A token was made for it. The last one counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptOffered {
    /// Which attempt.
    pub attempt: AttemptId,
    /// SHA-256 of the token, 64 hex digits.
    pub token_sha256: String,
}

/// The runner was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptLaunched {
    /// Which attempt.
    pub attempt: AttemptId,
    /// `local`, `job`.
    pub executor: String,
    /// Where it runs: a process, or `namespace/job`.
    pub place: String,
    /// Names of the nodes that its hosts are, by address: those that were not told before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub nodes: BTreeMap<String, String>,
}

/// A runner has the work, and no other gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptClaimed {
    /// Which attempt.
    pub attempt: AttemptId,
    /// The runner.
    pub runner: Uuid,
    /// What it is told, each by its SHA-256 in 64 hex digits: `inventory`, `known_hosts`, and each variable, as `variables.<name>`.
    /// Part of that is of the cluster, which may be told otherwise between two attempts. Nothing of secrets. Empty where it is not
    /// known, and where no runner is told anything.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
}

impl AttemptClaimed {
    /// A claim of which it is not known what the runner is told.
    #[must_use]
    pub fn new(attempt: AttemptId, runner: Uuid) -> Self {
        Self { attempt, runner, inputs: BTreeMap::new() }
    }
}

/// Something was heard of it. Written no more often than a heartbeat comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heard {
    /// Which attempt.
    pub attempt: AttemptId,
    /// The number of the event that is wanted next.
    pub next: u64,
}

/// What became of a host. The first one of an attempt and host counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostResult {
    /// Which attempt.
    pub attempt: AttemptId,
    /// The host, by address.
    pub host: String,
    /// What became of it.
    pub outcome: HostOutcome,
}

/// It is to stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopAsked {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Why.
    pub reason: Reason,
}

/// It is over. Hosts without a result are unknown, if a runner had claimed it; else they wait as before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptEnded {
    /// Which attempt.
    pub attempt: AttemptId,
    /// How.
    pub end: AttemptEnd,
    /// The exit code: for people, never the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// For people; may be empty.
    pub message: String,
}
