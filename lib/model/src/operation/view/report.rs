//! What came of a task, machine by machine: what its closing work order carries.

use beidou_schemas::operation::{
    Actor, HostState, NamedMachine, OperationId, OperationType, StepPlan, TaskStepKind, UndoKind,
};
use serde::Serialize;

use super::{ErrorGroup, by_error};
use crate::operation::{Board, Operation, Task, TaskStep};

/// What came of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Where its long form is, at the API.
    pub path: String,
    /// Its operations, whose runs are the long form.
    pub operations: Vec<OperationId>,
    /// Machines that came through.
    pub ok: usize,
    /// Machines that stopped on the way.
    pub failed: usize,
    /// Each machine, in the order of the task.
    pub machines: Vec<MachineReport>,
    /// What the inventory of the cluster has more and less than before.
    pub inventory: Inventory,
}

/// What came of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MachineReport {
    /// Its address.
    pub ip: String,
    /// The name of its node, where one was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Its role, where the task or the cluster gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Whether it came through all operations of the task.
    pub ok: bool,
    /// Where it stopped; absent if it came through, or nothing was done to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stopped>,
}

/// Where a machine stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stopped {
    /// The step.
    pub step: String,
    /// How it stands there.
    pub state: HostState,
    /// The stable word for what was wrong; may be empty, as are the next two.
    pub code: String,
    /// What was wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// What an inventory has more and less than before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Inventory {
    /// Machines that are nodes now.
    pub added: Vec<Entry>,
    /// Machines that are none any more.
    pub removed: Vec<Entry>,
}

/// A machine of an inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its address.
    pub ip: String,
    /// The name of its node, where one was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The cluster.
    pub cluster: String,
    /// Its role, where the task or the cluster gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// What came of a task so far. Machines have the `role` of the cluster where the task gives them none.
pub fn report(board: &Board, task: &Task, role: Option<&str>) -> Report {
    let made = |step: &TaskStep| board.made_by(task.id, step.operation?);
    let runs: Vec<&Operation> = task.steps.iter().filter_map(made).collect();
    let errors: Vec<ErrorGroup> = runs.iter().flat_map(|run| by_error(run)).collect();
    let machine = |named: &NamedMachine| {
        let ip = &named.name;
        let stopped = errors.iter().find(|group| group.hosts.contains(ip)).map(stopped);
        let passed = |run: &&Operation| run.place(ip).is_some_and(|host| run.is_through(host));
        let ok = !runs.is_empty() && runs.iter().all(passed);
        let node = runs.iter().rev().find_map(|run| run.nodes.get(ip)).cloned();
        let role = named.role.as_deref().or(role).map(str::to_owned);
        MachineReport { ip: ip.clone(), node, role, ok, stopped }
    };
    let machines: Vec<MachineReport> = task.spec.operation_task_machines.iter().map(machine).collect();
    let changes = |step: &&TaskStep| matches!(step.kind, TaskStepKind::ScaleUp | TaskStepKind::ScaleDown);
    let changes: Vec<&Operation> = task.steps.iter().filter(changes).filter_map(made).collect();
    let change = joining(task, &changes);
    let changed = machines.iter().filter(|machine| change.is_some_and(|run| is_changed(run, &machine.ip)));
    let entry = |machine: &MachineReport| {
        let MachineReport { ip, node, role, .. } = machine.clone();
        Entry { ip, node, cluster: task.spec.cluster.clone(), role }
    };
    let entries: Vec<Entry> = changed.map(entry).collect();
    let inventory = match task.spec.operation_task_type {
        OperationType::ScaleUp | OperationType::NodeJoin => Inventory { added: entries, ..Inventory::default() },
        _ => Inventory { removed: entries, ..Inventory::default() },
    };
    Report {
        path: format!("/api/v1/tasks/{}", task.id),
        operations: runs.iter().map(|run| run.id).collect(),
        ok: machines.iter().filter(|machine| machine.ok).count(),
        failed: machines.iter().filter(|machine| machine.stopped.is_some()).count(),
        machines,
        inventory,
    }
}

/// Of the changes of several bundles the one that makes machines nodes, or takes them away: what can undo a joining, else the
/// first that is what the task is of.
fn joining<'a>(task: &Task, changes: &[&'a Operation]) -> Option<&'a Operation> {
    let undoes = |step: &StepPlan| step.undo.iter().any(|undo| undo.kind == UndoKind::Join);
    let joins = changes.iter().find(|run| run.plan.steps.iter().any(undoes));
    let kind = task.spec.operation_task_type;
    joins.or_else(|| changes.iter().find(|run| run.spec.operation_type == kind)).copied()
}

/// Whether all changes were made on a machine and not taken back. A node that failed its check, and so stays shut, is a node.
fn is_changed(run: &Operation, ip: &str) -> bool {
    let Some(host) = run.place(ip) else { return false };
    let steps = run.plan.steps.iter().zip(&run.cells);
    let mut changes = steps.filter(|(step, _)| step.mutates && step.actor != Actor::Release).peekable();
    let changes_something = changes.peek().is_some();
    changes_something && !run.join_undone(ip) && changes.all(|(_, hosts)| hosts[host as usize].state == HostState::Ok)
}

fn stopped(group: &ErrorGroup) -> Stopped {
    let ErrorGroup { step, state, code, task: _, message, remedy, hosts: _ } = group;
    Stopped { step: step.clone(), state: *state, code: code.clone(), message: message.clone(), remedy: remedy.clone() }
}
