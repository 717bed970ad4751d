//! What the control plane must know of a bundle: its steps and limits. Controllers tell it when they find a bundle, so that
//! plans are made, and names are checked, from the log alone.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Actor, Batches, LockScope, OperationType, Order, RetryScope, SuccessRule, UndoPlan};

/// A step of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepShape {
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
    /// What it owes per host as soon as it begins.
    #[serde(default)]
    pub undo: Vec<UndoPlan>,
    /// It decides whether a host may be released.
    #[serde(default)]
    pub checks: bool,
    /// The step that readies all machines for it at once, before its first batch, whatever a flow names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepare: Option<String>,
}

/// How many machines an operation may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineCount {
    /// At least.
    pub least: u32,
    /// At most.
    pub most: u32,
}

/// A bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleShape {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 over its files, 64 hex digits.
    pub digest: String,
    /// What it does.
    pub operation_type: OperationType,
    /// Its steps.
    pub steps: Vec<StepShape>,
    /// The steps of an operation that names none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flow: Vec<String>,
    /// What it locks.
    pub lock: LockScope,
    /// When an operation has succeeded.
    pub success: SuccessRule,
    /// How hosts are taken in batches.
    #[serde(default)]
    pub batches: Batches,
    /// Whether a step takes all batches before the next step, or a batch all steps before the next batch.
    pub order: Order,
    /// It works on a cluster that Beidou must know. A script on hosts may not care.
    pub needs_cluster: bool,
    /// How many machines its groups take; absent for as many as any operation may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machines: Option<MachineCount>,
    /// Its parameters: a JSON Schema, secret ones marked `x-secret`.
    pub parameters: Value,
}
