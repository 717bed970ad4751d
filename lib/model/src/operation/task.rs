//! An automatic task, as the facts tell it.

use std::ops::Not;

use beidou_schemas::{
    Micros,
    operation::{
        GateMode, OperationId, Phase, Reason, TaskId, TaskSpec, TaskStepKind,
        fact::{OperationAsked, TaskAccepted},
    },
};
use serde::{Deserialize, Serialize};

use super::{Board, Notice, Rests};

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Its turn has not come.
    Waiting,
    /// It runs.
    Running,
    /// It went well.
    Done,
    /// It did not.
    Failed,
}

/// A work order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateState {
    /// Who answers.
    pub mode: GateMode,
    /// Since when it is open.
    pub asked: Micros,
    /// Until when.
    pub until: Micros,
    /// The fact that opened it.
    pub seq: u64,
    /// The webhook has taken it.
    pub told: bool,
    /// The answer, and who gave it.
    pub answer: Option<(bool, String)>,
    /// The number of the work order in the team's system.
    pub ticket: String,
    /// What was said.
    pub why: String,
}

/// A step; where a task names several bundles, the turn of one of them at it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskStep {
    /// Which.
    pub kind: TaskStepKind,
    /// The bundle whose turn it is, where the task names several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
    /// Where it stands.
    pub state: StepState,
    /// When it began.
    pub started: Option<Micros>,
    /// When it ended.
    pub ended: Option<Micros>,
    /// The operation that is to be made, and since when.
    pub asked: Option<(OperationAsked, Micros)>,
    /// The operation that was made.
    pub operation: Option<OperationId>,
    /// Its work order.
    pub gate: Option<GateState>,
    /// Somebody left it out.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub left_out: bool,
    /// For people.
    pub message: String,
}

impl TaskStep {
    /// What it is called: `ScaleUp`, or `ScaleUp/command` where the task names several bundles.
    pub fn name(&self) -> String {
        self.kind.name_of(self.bundle.as_deref())
    }

    /// What the name of its operation ends in: `scaleup`, or `scaleup-command`.
    pub fn suffix(&self) -> String {
        self.name().to_ascii_lowercase().replace('/', "-")
    }
}

/// A task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// For people: `namespace/name`.
    pub name: String,
    /// Who asked.
    pub subject: String,
    /// Why, for people; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What it is to do.
    pub spec: TaskSpec,
    /// The number of its last fact.
    pub seq: u64,
    /// The epoch of its last fact.
    pub epoch: u64,
    /// When it was accepted.
    pub created: Micros,
    /// When its last fact was written.
    pub updated: Micros,
    /// Where it stands.
    pub phase: Phase,
    /// Why, where it stands still or is over.
    pub reason: Option<Reason>,
    /// The same for people.
    pub message: String,
    /// Since when it stands there.
    pub since: Micros,
    /// Its steps, one after the other.
    pub steps: Vec<TaskStep>,
    /// When it was over.
    pub ended: Option<Micros>,
    /// What people are to be told.
    pub notices: Vec<Notice>,
    /// Its facts do not follow one another: nothing is done any more.
    pub broken: bool,
}

impl Rests for Task {
    fn rests(&self) -> bool {
        self.phase.is_over() && self.notices.is_empty()
    }
}

impl Task {
    pub(crate) fn new(id: TaskId, accepted: TaskAccepted, seq: u64, epoch: u64, now: Micros) -> Self {
        let TaskAccepted { name, subject, spec, why } = accepted;
        let step = |(kind, bundle): (TaskStepKind, Option<&str>)| TaskStep {
            kind,
            bundle: bundle.map(str::to_owned),
            state: StepState::Waiting,
            started: None,
            ended: None,
            asked: None,
            operation: None,
            gate: None,
            left_out: false,
            message: String::new(),
        };
        let steps = spec.steps().map(step).collect();
        Self {
            id,
            name,
            subject,
            why,
            spec,
            seq,
            epoch,
            created: now,
            updated: now,
            phase: Phase::Pending,
            reason: None,
            message: String::new(),
            since: now,
            steps,
            ended: None,
            notices: Vec::new(),
            broken: false,
        }
    }

    /// The first step that is not done: a place, and the step.
    pub fn present(&self) -> Option<(u32, &TaskStep)> {
        let place = self.steps.iter().position(|step| step.state != StepState::Done)?;
        Some((place as u32, &self.steps[place]))
    }

    /// Whether somebody else has said that a bundle may change so much at a step: at the task's gate, or of an operation before. Who
    /// approved one of another bundle knew what that does: beside it, only the opening of its nodes. A gate that opens by itself says
    /// nothing: who asks for the task chooses its mode.
    pub fn is_approved(&self, board: &Board, kind: TaskStepKind, bundle: &str) -> bool {
        self.steps.iter().any(|step| {
            let asked = step.gate.as_ref().filter(|gate| gate.mode != GateMode::Open);
            let opened = asked.and_then(|gate| gate.answer.as_ref()).is_some_and(|(open, _)| *open);
            let is_own = step.bundle.as_deref().is_none_or(|own| own == bundle || kind == TaskStepKind::UncordonNodes);
            let made = step.operation.filter(|_| is_own).and_then(|id| board.made_by(self.id, id));
            opened || made.is_some_and(|made| made.approved.is_some())
        })
    }

    /// The operation of the present step.
    pub fn present_operation(&self) -> Option<OperationId> {
        self.present().and_then(|(_, step)| step.operation)
    }
}

impl Task {
    /// The gate that a step is, if it is one.
    pub fn gate_of(&self, kind: TaskStepKind) -> Option<&beidou_schemas::operation::Gate> {
        match kind {
            TaskStepKind::ScaleUpWorkprocess | TaskStepKind::ScaleDownWorkprocess => Some(&self.spec.workprocess),
            _ if kind.closes() => Some(&self.spec.sub_workprocess),
            _ => None,
        }
    }
}
