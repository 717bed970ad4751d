//! Facts of a task.

use beidou_schemas::{
    Micros,
    operation::{
        GateMode, Phase, Reason,
        fact::{Body, Fact, Finished},
    },
};

use super::operations::put_off;
use crate::operation::{GateState, Notice, StepState, Stood, Task, TaskStep};

/// Takes a fact of a task in.
pub(super) fn apply(task: &mut Task, fact: &Fact) {
    (task.seq, task.epoch, task.updated) = (fact.seq, fact.epoch, fact.time);
    match &fact.body {
        Body::TaskStepStarted(_)
        | Body::OperationAsked(_)
        | Body::GateAsked(_)
        | Body::GateAnswered(_)
        | Body::TaskStepEnded(_) => step(task, fact),
        _ => way(task, fact),
    }
}

fn enter(task: &mut Task, phase: Phase, reason: Option<Reason>, message: &str, time: Micros) {
    (task.phase, task.reason, task.since) = (phase, reason, time);
    task.message = message.to_owned();
}

fn way(task: &mut Task, fact: &Fact) {
    let time = fact.time;
    match &fact.body {
        Body::Held(held) => {
            enter(task, Phase::Held, Some(held.reason), &held.message, time);
            task.notices.push(Notice::tells(fact.seq, time, Phase::Held, held.reason, &held.message));
        }
        Body::Resumed(_) => {
            // A gate that nobody answered is opened anew.
            let unanswered = matches!(task.reason, Some(Reason::GateTimedOut | Reason::WebhookFailed));
            let step = task.steps.iter_mut().find(|step| step.state == StepState::Running);
            if let Some(step) = step.filter(|_| unanswered)
                && let Some(gate) = step.gate.take_if(|gate| gate.answer.is_none())
            {
                task.notices.retain(|notice| notice.of_seq != gate.seq);
            }
            let started = task.steps.first().is_some_and(|step| step.state != StepState::Waiting);
            enter(task, if started { Phase::Running } else { Phase::Pending }, None, "", time);
        }
        Body::CancelAsked(asked) => {
            let message = format!("{} cancelled it: {}", asked.subject, asked.why);
            enter(task, Phase::Cancelling, Some(Reason::CancelledOnRequest), message.trim_end_matches(": "), time);
        }
        Body::Finished(finished) => {
            enter(task, finished.phase, Some(finished.reason), &finished.message, time);
            task.ended = Some(time);
            stop_asking(task);
            let Finished { phase, reason, message, .. } = finished;
            task.notices.push(Notice::tells(fact.seq, time, *phase, *reason, message));
        }
        Body::Notified(told) => {
            task.notices.retain(|notice| notice.of_seq != told.of_seq);
            for gate in gates(task, told.of_seq) {
                gate.told = true;
                if gate.answer.is_none() {
                    gate.why.clear();
                }
            }
        }
        Body::NotifyFailed(failed) => {
            put_off(&mut task.notices, failed);
            for gate in gates(task, failed.of_seq).filter(|gate| gate.answer.is_none()) {
                gate.why = failed.why.clone();
            }
        }
        _ => {}
    }
}

/// The work order that a fact opened.
fn gates(task: &mut Task, seq: u64) -> impl Iterator<Item = &mut GateState> {
    task.steps.iter_mut().filter_map(|step| step.gate.as_mut()).filter(move |gate| gate.seq == seq)
}

/// Of what is answered, or over, nobody must be asked any more. A ticket system is told all the same.
fn stop_asking(task: &mut Task) {
    let asked: Vec<u64> = task
        .steps
        .iter()
        .filter(|step| task.gate_of(step.kind).is_some_and(|gate| gate.webhook.is_none()))
        .filter_map(|step| step.gate.as_ref().map(|gate| gate.seq))
        .collect();
    task.notices.retain(|notice| !asked.contains(&notice.of_seq));
}

fn step(task: &mut Task, fact: &Fact) {
    let time = fact.time;
    let at = |task: &mut Task, place: u32, change: &dyn Fn(&mut TaskStep)| {
        task.steps.get_mut(place as usize).into_iter().for_each(change);
    };
    match &fact.body {
        Body::TaskStepStarted(started) => {
            at(task, started.step, &|step| (step.state, step.started) = (StepState::Running, Some(time)));
            enter(task, Phase::Running, None, "", time);
        }
        Body::OperationAsked(asked) => at(task, asked.step, &|step| step.asked = Some((asked.clone(), time))),
        Body::GateAsked(asked) => {
            let (mode, until, seq) = (asked.mode, asked.until, fact.seq);
            at(task, asked.step, &|step| {
                let (ticket, why) = (String::new(), String::new());
                step.gate = Some(GateState { mode, asked: time, until, seq, told: false, answer: None, ticket, why });
            });
            let asks = task.steps.get(asked.step as usize).is_some_and(|step| tells(task, step));
            if asks {
                task.notices.push(Notice::asks(fact.seq, time));
            }
        }
        Body::GateAnswered(answered) => {
            at(task, answered.step, &|step| {
                if let Some(gate) = &mut step.gate {
                    gate.answer = Some((answered.open, answered.subject.clone()));
                    (gate.ticket, gate.why) = (answered.ticket.clone(), answered.why.clone());
                }
            });
            stop_asking(task);
        }
        Body::TaskStepEnded(ended) => {
            at(task, ended.step, &|step| {
                step.state = if ended.ok { StepState::Done } else { StepState::Failed };
                (step.ended, step.message) = (Some(time), ended.message.clone());
                step.left_out = ended.subject.is_some();
            });
            stop_asking(task);
            let gate = task.steps.get(ended.step as usize).filter(|step| task.gate_of(step.kind).is_some());
            if let Some(step) = gate.filter(|_| ended.subject.is_some()) {
                let message = format!("{}: {}", step.name(), ended.message.trim_end_matches(": "));
                let stood = Stood { phase: task.phase, reason: task.reason, message };
                task.notices.push(Notice { stood: Some(stood), ..Notice::asks(fact.seq, time) });
            }
        }
        _ => {}
    }
}

/// Whether somebody is told of the step's gate: a ticket system, or people whose approval it waits for.
fn tells(task: &Task, step: &TaskStep) -> bool {
    let waits = step.gate.as_ref().is_some_and(|gate| gate.mode == GateMode::Approval);
    waits || task.gate_of(step.kind).is_some_and(|gate| gate.webhook.is_some())
}
