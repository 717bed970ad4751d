//! The short account of an operation or a task: what lists, status columns and the head of a page show.

use beidou_schemas::{
    Micros,
    operation::{HostState, OperationId, Phase, Reason, TaskStepKind},
};

use crate::operation::{Board, DebtState, Operation, StepState, Task, next::waits};

/// Hosts of a step, by state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSummary {
    /// Its name.
    pub name: String,
    /// How many hosts stand where: by the number of the state, from `waiting` on.
    pub hosts: [u32; HostState::ALL.len()],
    /// When the first host began.
    pub started: Option<Micros>,
    /// When the last change came, where no host waits or runs any more.
    pub ended: Option<Micros>,
}

/// An operation in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Where it stands.
    pub phase: Phase,
    /// Why.
    pub reason: Option<Reason>,
    /// The same for people.
    pub message: String,
    /// Hosts.
    pub hosts: u32,
    /// Hosts that came through all steps.
    pub through: u32,
    /// Hosts that a step has gone wrong on.
    pub bad: u32,
    /// The present step, and its batch.
    pub present: Option<(String, u32)>,
    /// Its steps.
    pub steps: Vec<StepSummary>,
    /// When something was last heard of the runner that acts.
    pub heard: Option<Micros>,
    /// Entries of the undo ledger that stand.
    pub owed: u32,
    /// Entries that were undone.
    pub undone: u32,
}

/// An operation in short, at this moment: what it waits for depends on it.
pub fn summary(board: &Board, operation: &Operation, now: Micros) -> Summary {
    let hosts = operation.plan.hosts.len() as u32;
    let moves = matches!(operation.phase, Phase::Pending | Phase::Running) && operation.open_attempt().is_none();
    let waiting = moves.then(|| waits(board, operation, now)).flatten();
    let (reason, message) = match waiting {
        Some(closed) if operation.ending.is_none() => (Some(closed.reason), closed.why),
        _ => (operation.reason, operation.message.clone()),
    };
    let bad = |host: &u32| operation.cells.iter().any(|step| step[*host as usize].state.is_bad());
    let present = operation.present().map(|stage| (operation.step(stage.step).name.clone(), stage.batch));
    let undone = |debt: &&crate::operation::Debt| debt.state == DebtState::Done;
    Summary {
        phase: operation.phase,
        reason,
        message,
        hosts,
        through: (0..hosts).filter(|host| operation.is_through(*host)).count() as u32,
        bad: (0..hosts).filter(bad).count() as u32,
        present,
        steps: (0..).zip(operation.step_spans()).map(|(step, span)| step_summary(operation, step, span)).collect(),
        heard: operation.open_attempt().map(|attempt| attempt.heard),
        owed: operation.debts.iter().filter(|debt| debt.stands()).count() as u32,
        undone: operation.debts.iter().filter(undone).count() as u32,
    }
}

fn step_summary(operation: &Operation, step: u32, span: Option<(Micros, Micros)>) -> StepSummary {
    let mut hosts = [0; HostState::ALL.len()];
    for cell in &operation.cells[step as usize] {
        hosts[usize::from(cell.state.number()) - 1] += 1;
    }
    let open =
        hosts[usize::from(HostState::Waiting.number()) - 1] + hosts[usize::from(HostState::Running.number()) - 1];
    let (started, last) = span.unzip();
    let ended = last.filter(|_| open == 0);
    StepSummary { name: operation.step(step).name.clone(), hosts, started, ended }
}

/// A step of a task in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskStepSummary {
    /// Which.
    pub kind: TaskStepKind,
    /// Where it stands.
    pub state: StepState,
    /// Its operation.
    pub operation: Option<OperationId>,
    /// When it began.
    pub started: Option<Micros>,
    /// When it ended.
    pub ended: Option<Micros>,
    /// For people.
    pub message: String,
}

/// A task in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSummary {
    /// Where it stands.
    pub phase: Phase,
    /// Why.
    pub reason: Option<Reason>,
    /// The same for people.
    pub message: String,
    /// Its steps.
    pub steps: Vec<TaskStepSummary>,
}

/// A task in short.
pub fn task_summary(task: &Task) -> TaskSummary {
    let waits = task.present().and_then(|(_, step)| step.gate.as_ref()).filter(|gate| gate.answer.is_none());
    let gated = task.phase == Phase::Running && waits.is_some();
    let steps = task.steps.iter().map(|step| TaskStepSummary {
        kind: step.kind,
        state: step.state,
        operation: step.operation,
        started: step.started,
        ended: step.ended,
        message: step.message.clone(),
    });
    TaskSummary {
        phase: task.phase,
        reason: if gated { Some(Reason::AwaitingApproval) } else { task.reason },
        message: task.message.clone(),
        steps: steps.collect(),
    }
}
