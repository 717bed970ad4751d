//! An operation in short: a row of the list, and the head of every answer about one.

use std::collections::BTreeMap;

use beidou_model::operation::{Board, Operation, view};
use beidou_schemas::{
    Micros,
    operation::{HostState, OperationType, Phase, Reason, TaskStepKind},
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The bundle that an operation uses.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct OperationBundle {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 over its files, 64 hex digits.
    pub digest: String,
}

/// The task that an operation belongs to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct OperationOwner {
    /// The task.
    #[schema(value_type = String, format = "uuid")]
    pub task: Uuid,
    /// Its name, where the task is known.
    pub name: Option<String>,
    /// The step of the task, such as `ScaleUp`.
    #[schema(value_type = String)]
    pub step: TaskStepKind,
}

/// How many hosts stand where.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(super) struct HostCounts {
    /// All.
    pub total: u32,
    /// Came through all steps.
    pub through: u32,
    /// A step went wrong on them.
    pub bad: u32,
}

/// The stage that is next, or runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct PresentStage {
    /// The step.
    pub step: String,
    /// The batch of the step, counted from 0.
    pub batch: u32,
}

/// A step with the number of its hosts in each state.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct StepCounts {
    /// The step.
    pub name: String,
    /// State → hosts, states without hosts left out: `waiting`, `running`, `ok`, `failed`, `unreachable`, `skipped`,
    /// `unknown`, `cancelled`.
    pub hosts: BTreeMap<&'static str, u32>,
    /// When the first host began.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started: Option<Micros>,
    /// When the last change came, where no host waits or runs any more.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Micros>,
}

/// An operation in short.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct OperationItem {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// For people: `namespace/name`.
    pub name: String,
    /// The cluster.
    pub cluster: String,
    /// `ScaleUp`, `ScaleDown`, `Cordon`, `Uncordon`, `Drain`, `Reboot`, `Command`, `NodeJoin`, `NodeRemove`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub operation_type: OperationType,
    /// The bundle.
    pub bundle: OperationBundle,
    /// `Pending`, `Running`, `Held`, `Cancelling`, `Succeeded`, `Failed`, `Cancelled`, `Unknown`.
    #[schema(value_type = String)]
    pub phase: Phase,
    /// Why it waits, is held, or ended so, such as `AwaitingLock`, `CanaryFailed`; null while it runs.
    #[schema(value_type = Option<String>)]
    pub reason: Option<Reason>,
    /// The same for people, with the numbers.
    pub message: String,
    /// Who asked for it.
    pub subject: String,
    /// Why, for people; may be empty.
    pub why: String,
    /// The task that it belongs to.
    pub owner: Option<OperationOwner>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Changes are only tried.
    pub dry_run: bool,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub created: Micros,
    /// When its first step could begin.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started: Option<Micros>,
    /// When it was over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Micros>,
    /// When its last fact was written.
    #[schema(value_type = String, format = DateTime)]
    pub updated: Micros,
    /// Since when it is in this phase.
    #[schema(value_type = String, format = DateTime)]
    pub since: Micros,
    /// Hosts.
    pub hosts: HostCounts,
    /// The present stage; null behind the last one.
    pub present: Option<PresentStage>,
    /// Its steps.
    pub steps: Vec<StepCounts>,
    /// When something was last heard of the runner that acts; null while none acts.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub heard: Option<Micros>,
    /// Entries of the undo ledger that stand.
    pub owed: u32,
    /// Entries that were undone.
    pub undone: u32,
    /// It waits for, or had, the approval of another subject than the requester.
    pub needs_approval: bool,
    /// Who approved.
    pub approved_by: Option<String>,
    /// The number of its last fact.
    pub seq: u64,
}

/// An operation in short, at this moment.
pub(super) fn item(board: &Board, operation: &Operation, now: Micros) -> OperationItem {
    let summary = view::summary(board, operation, now);
    let plan = &operation.plan;
    let owner = operation.owner.map(|owner| OperationOwner {
        task: owner.task.0,
        name: board.tasks.get(&owner.task).map(|task| task.name.clone()),
        step: owner.step,
    });
    OperationItem {
        id: operation.id.0,
        name: operation.name.clone(),
        cluster: operation.spec.cluster_name.clone(),
        operation_type: operation.spec.operation_type,
        bundle: OperationBundle {
            name: plan.bundle.name.clone(),
            version: plan.version.clone(),
            digest: plan.bundle.digest.clone(),
        },
        phase: summary.phase,
        reason: summary.reason,
        message: summary.message,
        subject: operation.subject.clone(),
        why: operation.why.clone(),
        owner,
        labels: operation.spec.labels.clone(),
        dry_run: operation.spec.dry_run,
        created: operation.created,
        started: operation.started,
        ended: operation.ended,
        updated: operation.updated,
        since: operation.since,
        hosts: HostCounts { total: summary.hosts, through: summary.through, bad: summary.bad },
        present: summary.present.map(|(step, batch)| PresentStage { step, batch }),
        steps: summary.steps.into_iter().map(step_counts).collect(),
        heard: summary.heard,
        owed: summary.owed,
        undone: summary.undone,
        needs_approval: plan.approval,
        approved_by: operation.approved.clone(),
        seq: operation.seq,
    }
}

fn step_counts(step: view::StepSummary) -> StepCounts {
    let counted = HostState::ALL.iter().zip(step.hosts).filter(|(_, hosts)| *hosts > 0);
    let hosts = counted.map(|(state, hosts)| (state.name(), hosts)).collect();
    StepCounts { name: step.name, hosts, started: step.started, ended: step.ended }
}
