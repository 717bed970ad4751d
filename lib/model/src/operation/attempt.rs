//! One run of a runner, as the facts tell it.

use std::collections::BTreeMap;

use beidou_schemas::{
    Micros,
    operation::{AttemptEnd, AttemptId, Purpose, Reason},
    runner::HostOutcome,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The runner was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// `local`, `job`.
    pub executor: String,
    /// Where it runs.
    pub place: String,
    /// Since when.
    pub at: Micros,
}

/// It is to stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub at: Micros,
}

/// It is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Over {
    /// How.
    pub end: AttemptEnd,
    /// Since when.
    pub at: Micros,
    /// The exit code: for people.
    pub exit: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// For people.
    pub message: String,
}

/// One run of a runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// The stage, a place in the plan.
    pub stage: u32,
    /// The step, a place in the plan.
    pub step: u32,
    /// The batch.
    pub batch: u32,
    /// 1 for the first of this step and batch.
    pub number: u32,
    /// The step, or undoing it.
    pub purpose: Purpose,
    /// Its hosts, places in the plan.
    pub hosts: Vec<u32>,
    /// Since when it is to be.
    pub intended: Micros,
    /// How long it may take from its claim on.
    pub deadline_ms: u64,
    /// SHA-256 of its token.
    pub token_sha256: Option<String>,
    /// The runner was made.
    pub launched: Option<Launch>,
    /// Who has the work.
    pub runner: Option<Uuid>,
    /// Since when.
    pub claimed: Option<Micros>,
    /// When something was heard of it last.
    pub heard: Micros,
    /// The number of the event that is wanted next.
    pub next: u64,
    /// What became of hosts.
    pub results: BTreeMap<u32, HostOutcome>,
    /// It is to stop.
    pub stop: Option<Stop>,
    /// It is over.
    pub over: Option<Over>,
}

impl Attempt {
    /// A moment after it was claimed, by these milliseconds.
    pub(crate) fn deadline(&self) -> Micros {
        after(self.claimed.unwrap_or(self.intended), self.deadline_ms)
    }
}

/// A time moved by milliseconds.
pub(crate) fn after(time: Micros, ms: u64) -> Micros {
    time.plus(i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1000))
}
