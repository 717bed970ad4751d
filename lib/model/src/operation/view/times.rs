//! How long things took: per step, and per host of a step.

use beidou_schemas::{
    Micros,
    operation::{AttemptEnd, Purpose},
};

use crate::operation::Operation;

/// How long a batch of a step took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepTime {
    /// The step.
    pub step: String,
    /// The batch.
    pub batch: u32,
    /// The attempt.
    pub number: u32,
    /// When a runner was asked for.
    pub intended: Micros,
    /// When one had the work.
    pub claimed: Option<Micros>,
    /// When it was over.
    pub ended: Option<Micros>,
    /// How it ended.
    pub end: Option<AttemptEnd>,
    /// Its hosts.
    pub hosts: u32,
}

/// Attempts of steps, in order: what a Gantt chart draws.
pub fn step_times(operation: &Operation) -> Vec<StepTime> {
    let acts = operation.attempts.iter().filter(|attempt| attempt.purpose == Purpose::Act);
    acts.map(|attempt| StepTime {
        step: operation.step(attempt.step).name.clone(),
        batch: attempt.batch,
        number: attempt.number,
        intended: attempt.intended,
        claimed: attempt.claimed,
        ended: attempt.over.as_ref().map(|over| over.at),
        end: attempt.over.as_ref().map(|over| over.end),
        hosts: attempt.hosts.len() as u32,
    })
    .collect()
}

/// Milliseconds per host of a step, for hosts that are through: in the order of the plan.
pub fn host_times(operation: &Operation, step: u32) -> Vec<(u32, u64)> {
    let cells = operation.cells.get(step as usize).into_iter().flatten().enumerate();
    cells.filter(|(_, cell)| cell.duration_ms > 0).map(|(host, cell)| (host as u32, cell.duration_ms)).collect()
}
