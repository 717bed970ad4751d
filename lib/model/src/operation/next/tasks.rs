//! A task on its way through its steps: operations are made, gates are opened, what comes of them is taken over.

use std::collections::BTreeSet;

use beidou_schemas::{
    Micros,
    operation::{
        Batches, GateMode, Machine, NamedMachine, Object, OperationId, OperationSpec, OperationType, Phase, Reason,
        Settled, TaskStepKind, UndoKind,
        fact::{
            CancelAsked, Finished, GateAnswered, GateAsked, Held, OperationAsked, Resumed, TaskStepEnded,
            TaskStepStarted,
        },
    },
};
use uuid::Builder;
use xxhash_rust::xxh3::xxh3_128;

use super::{Action, Turn};
use crate::operation::{
    DebtState, Operation, RefusedObject, StepState, Task, TaskStep,
    attempt::after,
    built_in,
    check::type_in,
    parameters,
    plan::{flow_in, looks},
    refused::names,
};

/// How long an operation may take to be there once it is asked for.
const MAKE_MS: u64 = 600_000;
/// Nodes that the last message names at most.
const MOST_NAMES: usize = 20;

/// What is due of it.
pub(super) fn due(turn: &mut Turn<'_>, task: &Task) {
    let object = Object::Task(task.id);
    match task.phase {
        Phase::Cancelling => return cancelling(turn, task),
        Phase::Held | Phase::Unknown => return held(turn, task),
        Phase::Pending | Phase::Running => {}
        Phase::Succeeded | Phase::Failed | Phase::Cancelled => return,
    }
    let Some((place, step)) = task.present() else {
        let (phase, reason) = (Phase::Succeeded, Reason::Completed);
        let message = format!("all steps are done{}", left_shut(turn, task));
        return turn.record(object, Finished { phase, reason, message });
    };
    match step.state {
        StepState::Waiting => turn.record(object, TaskStepStarted { step: place, kind: step.kind }),
        StepState::Failed => {
            let message = format!("{}: {}{}", step.name(), step.message, left_shut(turn, task));
            let (phase, reason) = (Phase::Failed, reason_of(task, step));
            turn.record(object, Finished { phase, reason, message });
        }
        StepState::Running => match task.gate_of(step.kind) {
            Some(_) => gate(turn, task, place, step),
            None => operation(turn, task, place, step),
        },
        StepState::Done => {}
    }
}

fn reason_of(task: &Task, step: &TaskStep) -> Reason {
    match step.gate.as_ref().and_then(|gate| gate.answer.as_ref()) {
        Some((false, _)) => Reason::Rejected,
        _ if task.gate_of(step.kind).is_some() => Reason::GateTimedOut,
        _ => Reason::OperationFailed,
    }
}

/// Nodes that the task left cordoned and tainted, and that no step of it has opened.
fn left_shut(turn: &Turn<'_>, task: &Task) -> String {
    let opened = made_for(turn, task, TaskStepKind::UncordonNodes).next();
    let is_open = |host: &str| opened.is_some_and(|run| run.place(host).is_some_and(|place| run.is_through(place)));
    let left = DebtState::Settled { why: Settled::Task };
    let mut shut = BTreeSet::new();
    for joined in made_for(turn, task, TaskStepKind::ScaleUp) {
        let debts = joined.debts.iter().filter(|debt| debt.kind == UndoKind::Taint && debt.state == left);
        shut.extend(debts.map(|debt| &*joined.plan.hosts[debt.host as usize]));
    }
    let machines = task.spec.operation_task_machines.iter().map(|machine| &*machine.name);
    let mut hosts = machines.filter(|host| shut.contains(host) && !is_open(host)).peekable();
    match hosts.peek() {
        Some(_) => format!("; cordoned and tainted stay: {}", names(hosts, MOST_NAMES)),
        None => String::new(),
    }
}

fn cancelling(turn: &mut Turn<'_>, task: &Task) {
    let object = Object::Task(task.id);
    let child = child(turn, task).filter(|child| !child.phase.is_over() && !child.broken);
    match child {
        None => {
            let (phase, reason) = (Phase::Cancelled, Reason::CancelledOnRequest);
            let message = format!("{}{}", task.message, left_shut(turn, task));
            turn.record(object, Finished { phase, reason, message });
        }
        Some(child) if child.phase != Phase::Cancelling && child.ending.is_none() => {
            let (subject, why) = (format!("task {}", task.name), task.message.clone());
            turn.record(Object::Operation(child.id), CancelAsked { subject, why });
        }
        Some(_) => {}
    }
}

/// A task that stands still because its operation did goes on with it.
fn held(turn: &mut Turn<'_>, task: &Task) {
    let goes_on = child(turn, task).is_none_or(|child| !child.phase.stands_still());
    if task.reason == Some(Reason::OperationHeld) && goes_on {
        let why = "its operation goes on".to_owned();
        turn.record(Object::Task(task.id), Resumed { subject: None, why });
    }
}

fn child<'a>(turn: &Turn<'a>, task: &Task) -> Option<&'a Operation> {
    turn.board.made_by(task.id, task.present_operation()?)
}

fn ended(turn: &mut Turn<'_>, task: &Task, step: u32, ok: bool, reason: Reason, message: String) {
    turn.record(Object::Task(task.id), TaskStepEnded { step, ok, reason, message, subject: None });
}

fn gate(turn: &mut Turn<'_>, task: &Task, place: u32, step: &TaskStep) {
    let object = Object::Task(task.id);
    let Some(asked) = task.gate_of(step.kind) else { return };
    let hosts = task.spec.operation_task_machines.len() as u64;
    let small = asked.mode != GateMode::Open && hosts <= u64::from(asked.open_up_to_hosts);
    let mode = if small { GateMode::Open } else { asked.mode };
    let open = |turn: &mut Turn<'_>, why: &str| {
        let (subject, ticket) = ("policy".to_owned(), String::new());
        turn.record(object, GateAnswered { step: place, open: true, subject, ticket, why: why.into() });
    };
    let Some(gate) = &step.gate else {
        let until = after(turn.now, asked.deadline_seconds.saturating_mul(1000));
        return turn.record(object, GateAsked { step: place, mode, until });
    };
    if let Some((answer, subject)) = &gate.answer {
        let reason = if *answer { Reason::Completed } else { Reason::Rejected };
        let said = if *answer { "opened by" } else { "rejected by" };
        let message = [format!("{said} {subject}"), gate.ticket.clone(), gate.why.clone()];
        let message = message.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
        return ended(turn, task, place, *answer, reason, message);
    }
    let untold = asked.webhook.is_some() && !gate.told;
    let given_up = untold && !task.notices.iter().any(|notice| notice.of_seq == gate.seq);
    if gate.mode == GateMode::Open && !untold {
        return open(turn, if small { "a small change" } else { "nobody must be asked" });
    }
    let late = turn.now >= gate.until;
    if given_up || late {
        let (reason, message) = match given_up {
            true => (Reason::WebhookFailed, format!("the webhook did not take the work order: {}", gate.why)),
            false => (Reason::GateTimedOut, format!("nobody has answered since {}", gate.asked)),
        };
        return turn.record(object, Held { reason, message, subject: None });
    }
    turn.wait(object, gate.until);
}

fn operation(turn: &mut Turn<'_>, task: &Task, place: u32, step: &TaskStep) {
    let object = Object::Task(task.id);
    let Some((asked, since)) = &step.asked else {
        return match asked_of(turn, task, place, step) {
            Ok(asked) => turn.record(object, asked),
            Err((ok, reason, message)) => ended(turn, task, place, ok, reason, message),
        };
    };
    match child(turn, task) {
        Some(child) => follow(turn, task, place, child),
        None => make(turn, task, place, asked, *since),
    }
}

fn make(turn: &mut Turn<'_>, task: &Task, place: u32, asked: &OperationAsked, since: Micros) {
    let object = Object::Task(task.id);
    // By its name, for its resource may have another id; and refused since it was asked for, for names come again.
    let fits = |refused: &&RefusedObject| {
        matches!(refused.object, Object::Operation(_)) && refused.name == asked.name && refused.at >= since
    };
    if let Some(refused) = turn.board.refused.values().find(fits) {
        let message = format!("{}: {:?} is not possible; {}", refused.field, refused.value, refused.allowed);
        return ended(turn, task, place, false, Reason::SpecRefused, message);
    }
    // A resume counts anew.
    let last = after(since.max(task.since), MAKE_MS);
    if turn.now >= last {
        let (reason, message) = (Reason::NeverStarted, format!("operation {} was not made", asked.name));
        return turn.record(object, Held { reason, message, subject: None });
    }
    turn.act(Action::CreateOperation { task: task.id, asked: Box::new(asked.clone()) });
    turn.wait(object, last);
}

fn follow(turn: &mut Turn<'_>, task: &Task, place: u32, child: &Operation) {
    let message = format!("{}: {}", child.name, child.message);
    match child.phase {
        Phase::Succeeded => ended(turn, task, place, true, Reason::Completed, message),
        Phase::Failed => ended(turn, task, place, false, Reason::OperationFailed, message),
        Phase::Cancelled => ended(turn, task, place, false, Reason::OperationCancelled, message),
        Phase::Held | Phase::Unknown => {
            let held = Held { reason: Reason::OperationHeld, message, subject: None };
            turn.record(Object::Task(task.id), held);
        }
        Phase::Pending | Phase::Running | Phase::Cancelling => {}
    }
}

/// The operation of a step, where the task has one and made it.
fn made<'a>(turn: &Turn<'a>, task: &Task, step: &TaskStep) -> Option<&'a Operation> {
    turn.board.made_by(task.id, step.operation?)
}

/// The operations that the task made for steps of a kind.
fn made_for<'a>(turn: &Turn<'a>, task: &Task, kind: TaskStepKind) -> impl Iterator<Item = &'a Operation> {
    task.steps.iter().filter(move |step| step.kind == kind).filter_map(move |step| made(turn, task, step))
}

/// What was made before a step, in order. What is not known of it is no leave to go on; nor, to open nodes, is a change that was
/// left out or never made.
fn made_before<'a>(turn: &Turn<'a>, task: &Task, place: u32, opens: bool) -> Option<Vec<&'a Operation>> {
    let before = &task.steps[..place as usize];
    let is_lost = |step: &TaskStep| step.operation.is_some() && made(turn, task, step).is_none();
    let changes: Vec<&TaskStep> = before.iter().filter(|step| step.kind == TaskStepKind::ScaleUp).collect();
    let is_unproven = changes.iter().any(|step| step.left_out) || changes.iter().all(|step| step.operation.is_none());
    if before.iter().any(is_lost) || (opens && !changes.is_empty() && is_unproven) {
        return None;
    }
    Some(before.iter().filter_map(|step| made(turn, task, step)).collect())
}

/// Whether a machine may go on: it came through what was done before; what is opened was checked in every way.
fn may_take(before: &Operation, opens: bool, machine: &NamedMachine) -> bool {
    before.place(&machine.name).is_some_and(|host| before.is_through(host) && (!opens || before.is_checked(host)))
}

/// The operation of a step: only hosts that came through all before it. Else how the step ends without one.
fn asked_of(
    turn: &Turn<'_>,
    task: &Task,
    place: u32,
    step: &TaskStep,
) -> Result<OperationAsked, (bool, Reason, String)> {
    let opens = step.kind == TaskStepKind::UncordonNodes;
    let before = made_before(turn, task, place, opens);
    let machine = |named: &NamedMachine| Machine {
        ip: named.name.clone(),
        role: named.role.clone(),
        user: named.user.clone(),
        port: named.port,
        ..Machine::default()
    };
    let named = task.spec.operation_task_machines.iter();
    let fits = |named: &&NamedMachine| {
        before.as_ref().is_some_and(|before| before.iter().all(|before| may_take(before, opens, named)))
    };
    let machines: Vec<Machine> = named.filter(fits).map(machine).collect();
    if machines.is_empty() {
        return Err((false, Reason::NoHostsLeft, "no machine came through the step before".into()));
    }
    let name = format!("{}-{}", task.name, step.suffix());
    let hash = xxh3_128(format!("{}/{place}/{}", task.id, step.kind).as_bytes());
    let operation = OperationId(Builder::from_custom_bytes(hash.to_be_bytes()).into_uuid());
    Ok(OperationAsked { step: place, operation, name, spec: spec_of(turn, task, step, machines)? })
}

fn spec_of(
    turn: &Turn<'_>,
    task: &Task,
    step: &TaskStep,
    machines: Vec<Machine>,
) -> Result<OperationSpec, (bool, Reason, String)> {
    let (own, kind, known) = (built_in(), step.kind, &turn.board.bundles);
    let uncordons = kind == TaskStepKind::UncordonNodes;
    let named = step.bundle.as_ref().or(task.spec.operation_ids.first());
    let name = named.filter(|_| !uncordons).unwrap_or(&own.name);
    let gone = || (false, Reason::SpecRefused, format!("the bundle {name} is not there any more"));
    let bundle = known.get(name).or(uncordons.then_some(&own)).ok_or_else(gone)?;
    let operation_flow = flow_in(bundle, kind);
    // An operation that names no steps would do all of them. Of several bundles only one must change something.
    if operation_flow.is_empty() {
        let mut others = task.spec.operation_ids.iter().filter_map(|other| known.get(other));
        let passes = step.bundle.is_some() && others.any(|other| !flow_in(other, kind).is_empty());
        return Err(match (looks(kind), passes) {
            (true, _) => (true, Reason::Completed, format!("the bundle {name} has no checks")),
            (false, true) => (true, Reason::Completed, format!("the bundle {name} changes nothing")),
            (false, false) => (false, Reason::SpecRefused, format!("the bundle {name} changes nothing")),
        });
    }
    let (parameters, secrets) = match &step.bundle {
        _ if uncordons => Default::default(),
        Some(_) => parameters::own(bundle, &task.spec.parameters, &task.spec.secrets),
        None => (task.spec.parameters.clone(), task.spec.secrets.clone()),
    };
    let of = task.spec.operation_task_type;
    Ok(OperationSpec {
        cluster_name: task.spec.cluster.clone(),
        operation_type: if uncordons { OperationType::Uncordon } else { type_in(bundle, of).unwrap_or(of) },
        operation_flow,
        operation_machines: machines,
        bundle: Some(bundle.name.clone()),
        parameters,
        secrets,
        batches: if uncordons { Batches::default() } else { task.spec.batches.clone() },
        require_approval: false,
        dry_run: false,
        ignore_windows: false,
        suspend: false,
        labels: Default::default(),
    })
}
