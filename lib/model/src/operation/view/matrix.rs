//! The host × step matrix at any moment, and what changed between two.

use beidou_schemas::{Micros, operation::HostState};

use crate::operation::Operation;

/// The matrix: `bytes[step * hosts + host]` is the number of the host's state, 0 before the operation was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// How many steps.
    pub steps: usize,
    /// How many hosts.
    pub hosts: usize,
    /// The states.
    pub bytes: Vec<u8>,
}

/// A cell that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixChange {
    /// When.
    pub time: Micros,
    /// The step, a place in the plan.
    pub step: u32,
    /// The host, a place in the plan.
    pub host: u32,
    /// The number of its state from then on.
    pub state: u8,
}

/// The matrix at a moment, changes of this very moment included.
pub fn matrix_at(operation: &Operation, at: Micros) -> Matrix {
    let (steps, hosts) = (operation.plan.steps.len(), operation.plan.hosts.len());
    let first = if at < operation.created { 0 } else { HostState::Waiting.number() };
    let mut bytes = vec![first; steps * hosts];
    for change in operation.changes.iter().take_while(|change| change.time <= at) {
        bytes[change.step as usize * hosts + change.host as usize] = change.state.number();
    }
    Matrix { steps, hosts, bytes }
}

/// What changed after `from`, up to `to`: with the matrix at `from`, it gives the matrix at any moment between.
pub fn changes(operation: &Operation, from: Micros, to: Micros) -> Vec<MatrixChange> {
    let within = operation.changes.iter().filter(|change| change.time > from && change.time <= to);
    within
        .map(|change| MatrixChange {
            time: change.time,
            step: change.step,
            host: change.host,
            state: change.state.number(),
        })
        .collect()
}
