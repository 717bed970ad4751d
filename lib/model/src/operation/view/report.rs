//! What came of a task, machine by machine: what its closing work order carries.

use beidou_schemas::operation::{Actor, HostState, NamedMachine, OperationId, OperationType};
use serde::Serialize;

use super::by_error;
use crate::operation::{Board, Operation, Task};

/// What came of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
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
    /// Its role, where the task gave one.
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

/// Machines that became nodes of the cluster, or are none any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Inventory {
    /// The cluster.
    pub cluster: String,
    /// Its new nodes, by address.
    pub added: Vec<String>,
    /// Nodes that it had.
    pub removed: Vec<String>,
}

/// What came of a task so far.
pub fn report(board: &Board, task: &Task) -> Report {
    let runs: Vec<&Operation> = task.steps.iter().filter_map(|step| board.made_by(task.id, step.operation?)).collect();
    let of = |machine: &NamedMachine| {
        let stopped = runs.iter().find_map(|run| stopped(run, &machine.name));
        let passed = |run: &&Operation| run.place(&machine.name).is_some_and(|host| run.is_through(host));
        let ok = !runs.is_empty() && runs.iter().all(passed);
        MachineReport { ip: machine.name.clone(), role: machine.role.clone(), ok, stopped }
    };
    let machines: Vec<MachineReport> = task.spec.operation_task_machines.iter().map(of).collect();
    let good: Vec<String> = machines.iter().filter(|machine| machine.ok).map(|machine| machine.ip.clone()).collect();
    let (ok, failed) = (good.len(), machines.iter().filter(|machine| machine.stopped.is_some()).count());
    let mut inventory = Inventory { cluster: task.spec.cluster.clone(), ..Inventory::default() };
    let changed = runs.iter().any(|run| run.plan.steps.iter().any(|step| step.mutates && step.actor != Actor::Release));
    match task.spec.operation_task_type {
        _ if !changed => {}
        OperationType::ScaleUp | OperationType::NodeJoin => inventory.added = good,
        OperationType::ScaleDown | OperationType::NodeRemove => inventory.removed = good,
        _ => {}
    }
    Report { operations: runs.iter().map(|run| run.id).collect(), ok, failed, machines, inventory }
}

fn stopped(run: &Operation, machine: &str) -> Option<Stopped> {
    let group = by_error(run).into_iter().find(|group| group.hosts.iter().any(|host| host == machine))?;
    let (step, state, code) = (group.step, group.state, group.code);
    Some(Stopped { step, state, code, message: group.message, remedy: group.remedy })
}
