//! How an operation is carried out: fixed when it is accepted, so that nobody needs the bundle to know what comes next.

use serde::{Deserialize, Serialize};

use super::{Actor, LockScope, RetryScope, UndoBy, UndoKind};
use crate::{numbered::numbered, runner::BundleRef};

numbered! {
    /// In which order batches and steps are taken.
    pub enum Order {
        /// All batches of a step, then the next step: machines that nobody uses yet.
        Steps = 1 => "steps",
        /// All changing steps of a batch, then the next batch: nodes in service.
        Batches = 2 => "batches",
    }
}

/// What a step owes for each host from its beginning on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoPlan {
    /// What was done.
    pub kind: UndoKind,
    /// How it is undone.
    pub by: UndoBy,
    /// It was the purpose: nothing is undone when all ends well.
    #[serde(default)]
    pub purpose: bool,
    /// How long one try may take, in milliseconds, where its step says so; else [`Limits::undo_ms`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
}

/// A step of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepPlan {
    /// Its name.
    pub name: String,
    /// Who does it.
    pub actor: Actor,
    /// It changes hosts or cluster.
    pub mutates: bool,
    /// How long one attempt may take, in milliseconds.
    pub deadline_ms: u64,
    /// What a retry may repeat.
    pub retry: RetryScope,
    /// What it owes.
    #[serde(default)]
    pub undo: Vec<UndoPlan>,
    /// It decides whether a host may be released.
    #[serde(default)]
    pub checks: bool,
    /// It only readies machines for a step behind it: nothing that is in service is changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub readies: bool,
}

/// One batch of one step. Stages are taken one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The step, counted from 0.
    pub step: u32,
    /// The batch, counted from 0 within the step.
    pub batch: u32,
    /// The hosts: places in [`Plan::hosts`].
    pub hosts: Vec<u32>,
    /// It is the first of several, and a failure in it holds the operation.
    pub canary: bool,
    /// How long it is watched before the next stage, in milliseconds.
    pub soak_ms: u64,
}

/// Bounds of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Hold when so many hosts of a batch failed.
    pub hold_at_hosts: u32,
    /// Hold when this share of a batch failed.
    pub hold_at_percent: u32,
    /// How long it may wait for its start.
    pub pending_ms: u64,
    /// How long a runner may take to claim its attempt.
    pub claim_ms: u64,
    /// How long nothing may be heard of a runner.
    pub silence_ms: u64,
    /// How long a runner may take to stop.
    pub stop_ms: u64,
    /// How long one undoing may take that says nothing else.
    pub undo_ms: u64,
    /// How often it is tried.
    pub undo_tries: u32,
    /// How long a lock holds without being renewed.
    pub lock_ms: u64,
}

/// When an operation has succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuccessRule {
    /// At least this share of the hosts came through.
    pub min_percent: u32,
    /// At most so many did not. None means any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_failed: Option<u32>,
}

/// How an operation is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The bundle.
    pub bundle: BundleRef,
    /// Its version.
    pub version: String,
    /// The hosts, by address.
    pub hosts: Vec<String>,
    /// The steps, in order.
    pub steps: Vec<StepPlan>,
    /// What is done, one after the other.
    pub stages: Vec<Stage>,
    /// What is locked.
    pub lock: LockScope,
    /// Bounds.
    pub limits: Limits,
    /// When it has succeeded.
    pub success: SuccessRule,
    /// Another subject than the requester must approve.
    pub approval: bool,
}
