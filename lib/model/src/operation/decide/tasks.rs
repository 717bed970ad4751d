//! Commands to a task. What is about hosts goes to the operation of its present step.

use beidou_schemas::operation::{
    GateMode, Machine, Object, OperationSpec, Owner, Phase, Reason, Via,
    command::{Answer, Ask, Command, Skip},
    fact::{CancelAsked, GateAnswered, Held, Resumed, TaskStepEnded},
};
use serde_json::{Map, Value};

use super::operations;
use crate::operation::{Board, Operation, Refused, StepState, Task, draft::Draft};

/// Whether a task may make an operation for a step: what it asked for, and no more. Who writes resources could name it as
/// the owner of anything, and so use what was approved for another change.
pub(super) fn may_make(board: &Board, owner: Owner, spec: &OperationSpec) -> Result<(), Refused> {
    let present = board.tasks.get(&owner.task).filter(|task| task.phase == Phase::Running || task.phase.stands_still());
    let step = present.and_then(Task::present).map(|(_, step)| step).filter(|step| step.kind == owner.step);
    let asked = step.filter(|step| step.operation.is_none()).and_then(|step| step.asked.as_ref());
    match asked {
        Some((asked, _)) if does_same(&asked.spec, spec) => Ok(()),
        _ => Err(Refused::new("owner", owner.task, format!("a task whose present step {} asked for it", owner.step))),
    }
}

/// Whether the two do the same; whether it is held, and its labels, say nothing of that.
#[must_use]
pub fn does_same(asked: &OperationSpec, spec: &OperationSpec) -> bool {
    let (suspend, labels, parameters) = (spec.suspend, spec.labels.clone(), spec.parameters.clone());
    let operation_machines = spec.operation_machines.clone();
    are_same(&asked.parameters, &spec.parameters)
        && asked.operation_machines.len() == operation_machines.len()
        && asked.operation_machines.iter().zip(&operation_machines).all(|(asked, machine)| is_machine(asked, machine))
        && OperationSpec { suspend, labels, parameters, operation_machines, ..asked.clone() } == *spec
}

/// One that was asked for by the name of its node alone got its address when it was accepted.
fn is_machine(asked: &Machine, machine: &Machine) -> bool {
    let ip = if machine.ip.is_empty() { &asked.ip } else { &machine.ip };
    *asked == Machine { ip: ip.clone(), ..machine.clone() }
}

fn are_same(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    one.len() == other.len()
        && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| is_same(value, other)))
}

/// An API server may write 2.0 as 2.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => are_same(one, other),
        _ => one == other,
    }
}

/// Follows a command, or refuses.
pub(super) fn follow(board: &Board, draft: &mut Draft<'_>, task: &Task, command: &Command) -> Result<(), Refused> {
    if task.broken || task.phase.is_over() {
        return Err(Refused::new("phase", task.phase, "a task that is not over"));
    }
    let object = Object::Task(task.id);
    let subject = command.subject.clone();
    let child = task.present_operation().and_then(|id| board.made_by(task.id, id));
    let child = child.filter(|child| !child.phase.is_over() && !child.broken && child.ending.is_none());
    match &command.ask {
        Ask::Approve(answer) => gate(draft, task, command, answer, true)?,
        Ask::Reject(answer) => gate(draft, task, command, answer, false)?,
        Ask::Hold(hold) => {
            if !matches!(task.phase, Phase::Pending | Phase::Running) {
                return Err(Refused::new("phase", task.phase, "possible in: Pending, Running"));
            }
            let reason = if hold.suspend { Reason::Suspended } else { Reason::HeldOnRequest };
            let message = if hold.why.is_empty() { format!("{subject} held it") } else { hold.why.clone() };
            draft.add(object, Held { reason, message: message.clone(), subject: Some(subject.clone()) });
            if let Some(child) = child.filter(|child| matches!(child.phase, Phase::Pending | Phase::Running)) {
                // Suspended is what its own resource says, and would take back: that one is not.
                let message = if hold.suspend { format!("its task {} is suspended", task.name) } else { message };
                let reason = Reason::HeldOnRequest;
                draft.add(Object::Operation(child.id), Held { reason, message, subject: Some(subject) });
            }
        }
        Ask::Resume(word) => {
            if !task.phase.stands_still() {
                return Err(Refused::new("phase", task.phase, "possible in: Held"));
            }
            let resumed = Resumed { subject: Some(subject), why: word.why.clone() };
            draft.add(object, resumed.clone());
            if let Some(child) = child.filter(|child| child.phase.stands_still()) {
                draft.add(Object::Operation(child.id), resumed);
            }
        }
        Ask::Cancel(word) => {
            if task.phase == Phase::Cancelling {
                return Err(Refused::new("phase", task.phase, "it is being cancelled already"));
            }
            draft.add(object, CancelAsked { subject, why: word.why.clone() });
        }
        Ask::Retry(_) => operations::follow(draft, child_of(child, task)?, command)?,
        Ask::Skip(skip) => leave_out(draft, task, child, skip, &subject)?,
        Ask::RequestOperation(_) | Ask::RequestTask(_) => {
            return Err(Refused::new("object", task.id, "a request names what is not there yet"));
        }
    }
    Ok(())
}

fn child_of<'a>(child: Option<&'a Operation>, task: &Task) -> Result<&'a Operation, Refused> {
    let step = task.present().map_or_else(|| "none".into(), |(_, step)| step.name());
    child.ok_or_else(|| Refused::new("step", step, "a step whose operation stands still"))
}

fn gate(draft: &mut Draft<'_>, task: &Task, command: &Command, answer: &Answer, open: bool) -> Result<(), Refused> {
    let waits = task.present().and_then(|(place, step)| Some((place, step, step.gate.as_ref()?)));
    let Some((step, state, gate)) = waits.filter(|(_, _, gate)| gate.answer.is_none()) else {
        return Err(Refused::new("approval", task.phase, "a task that waits at a work-order gate"));
    };
    if task.phase == Phase::Cancelling || state.state != StepState::Running {
        return Err(Refused::new("phase", task.phase, "a task that goes on"));
    }
    match gate.mode {
        GateMode::Webhook if command.via != Via::Callback => {
            return Err(Refused::new(
                "subject",
                &command.subject,
                "the ticket system's signed callback: the gate asks it",
            ));
        }
        GateMode::Approval | GateMode::Open if command.subject == task.subject => {
            let allowed = "another subject than the one that asked for the task";
            return Err(Refused::new("subject", &command.subject, allowed));
        }
        GateMode::Webhook | GateMode::Approval | GateMode::Open => {}
    }
    let (subject, ticket, why) = (command.subject.clone(), answer.ticket.clone(), answer.why.clone());
    draft.add(Object::Task(task.id), GateAnswered { step, open, subject, ticket, why });
    // Also where the ticket system took the order and only its answers were lost.
    if matches!(task.reason, Some(Reason::GateTimedOut | Reason::WebhookFailed)) {
        draft.add(Object::Task(task.id), Resumed { subject: None, why: "the gate was answered".into() });
    }
    Ok(())
}

fn leave_out(
    draft: &mut Draft<'_>,
    task: &Task,
    child: Option<&Operation>,
    skip: &Skip,
    by: &str,
) -> Result<(), Refused> {
    let Some((place, step)) = task.present().filter(|(_, step)| step.name() == skip.step) else {
        let present = task.present().map_or_else(|| "none".into(), |(_, step)| step.name());
        return Err(Refused::new("step", &skip.step, format!("the present step: {present}")));
    };
    if child.is_some() || !task.phase.stands_still() || step.state != StepState::Running {
        return Err(Refused::new("step", &skip.step, "a step of a held task whose operation is over"));
    }
    let mode = step.gate.as_ref().map(|gate| gate.mode).or_else(|| task.gate_of(step.kind).map(|gate| gate.mode));
    if by == task.subject && mode.is_some_and(|mode| mode != GateMode::Open) {
        let allowed = "another subject than the one that asked for the task: it is a work order";
        return Err(Refused::new("subject", by, allowed));
    }
    let (reason, subject) = (Reason::Completed, Some(by.to_owned()));
    let message = format!("{by} left it out: {}", skip.why);
    draft.add(Object::Task(task.id), Resumed { subject: subject.clone(), why: format!("skip {}", skip.step) });
    draft.add(Object::Task(task.id), TaskStepEnded { step: place, ok: true, reason, message, subject });
    Ok(())
}
