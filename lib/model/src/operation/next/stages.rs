//! An operation on its way: it starts, takes one stage after the other, holds where too much failed, concludes.

use std::collections::BTreeMap;

use beidou_schemas::operation::{
    Actor, AttemptId, HostState, Object, OperationId, Phase, Purpose, Reason, Settled, Stage, UndoKind,
    fact::{AttemptIntended, Ending, Held, StageEnded, Started, UndoOwed, UndoSettled},
};

use super::{Turn, gates};
use crate::operation::{Operation, attempt::after};

/// What is due of an operation of which nothing acts.
pub(super) fn due(turn: &mut Turn<'_>, operation: &Operation) {
    let object = Object::Operation(operation.id);
    match operation.phase {
        Phase::Pending => pending(turn, operation),
        Phase::Running => running(turn, operation),
        Phase::Cancelling => {
            let (phase, reason) = (Phase::Cancelled, Reason::CancelledOnRequest);
            conclude_with(turn, operation, Ending { phase, reason, message: operation.message.clone() });
        }
        Phase::Held | Phase::Unknown => {}
        Phase::Succeeded | Phase::Failed | Phase::Cancelled => debug_assert!(false, "{object} is over"),
    }
}

fn pending(turn: &mut Turn<'_>, operation: &Operation) {
    let object = Object::Operation(operation.id);
    let last = gates::patience(turn.board, operation, turn.now);
    if turn.now >= last {
        let (phase, reason) = (Phase::Failed, Reason::NeverStarted);
        let why = gates::waits(turn.board, operation, turn.now).map(|closed| closed.why).unwrap_or_default();
        let message = format!("it has waited since {} {why}", operation.since);
        return turn.record(object, Ending { phase, reason, message });
    }
    turn.wait(object, last);
    if gates::open(turn, operation) {
        turn.record(object, Started {});
    }
}

fn running(turn: &mut Turn<'_>, operation: &Operation) {
    let object = Object::Operation(operation.id);
    if let Some((reason, message)) = &operation.trouble {
        return turn.record(object, Held { reason: *reason, message: message.clone(), subject: None });
    }
    let Some(stage) = operation.present() else { return conclude(turn, operation) };
    let todo = operation.todo(stage);
    if todo.is_empty() {
        return judge(turn, operation, stage);
    }
    if turn.now < operation.soak_until {
        return turn.wait(object, operation.soak_until);
    }
    if gates::open(turn, operation) {
        return intend(turn, operation, stage, &todo);
    }
    let Some(closed) = gates::waits(turn.board, operation, turn.now) else { return };
    // Of what was begun a freeze counts too: nodes are half done, and the lock keeps everybody else away.
    let since = operation.since.max(operation.soak_until);
    let last = after(since, operation.plan.limits.pending_ms);
    if turn.now < last {
        return turn.wait(object, last);
    }
    let step = &operation.step(stage.step).name;
    let message = format!("{step}, batch {} has waited since {since} {}", stage.batch, closed.why);
    turn.record(object, Held { reason: Reason::NeverStarted, message, subject: None });
}

/// What is owed stands in the log before the act.
fn intend(turn: &mut Turn<'_>, operation: &Operation, stage: &Stage, todo: &[u32]) {
    let object = Object::Operation(operation.id);
    let step = operation.step(stage.step);
    for undo in &step.undo {
        let is_new = |host: &u32| operation.owes_for(stage.step, undo.kind, *host).is_none();
        let new: Vec<u32> = todo.iter().copied().filter(is_new).collect();
        if !new.is_empty() {
            let (step, kind, hosts) = (step.name.clone(), undo.kind, operation.addresses(&new));
            turn.record(object, UndoOwed { step, kind, hosts });
        }
    }
    let same =
        |attempt: &&crate::operation::Attempt| attempt.purpose == Purpose::Act && attempt.stage == operation.stage;
    let number = operation.attempts.iter().filter(same).count() as u32 + 1;
    let intended = AttemptIntended {
        attempt: attempt_id(operation.id, &step.name, stage.step, stage.batch, number),
        stage: operation.stage,
        step: step.name.clone(),
        batch: stage.batch,
        number,
        purpose: Purpose::Act,
        hosts: operation.addresses(todo),
        deadline_ms: step.deadline_ms,
    };
    turn.record(object, intended);
}

/// The id of an attempt; of a step whose name is no part of a DNS label, by its place.
pub(super) fn attempt_id(operation: OperationId, name: &str, step: u32, batch: u32, number: u32) -> AttemptId {
    let by_place = |_| AttemptId::new(operation.0, &format!("step{step}"), batch, number);
    let id = AttemptId::new(operation.0, name, batch, number).or_else(by_place);
    id.expect("three numbers of 32 bits fit into a label")
}

/// The stage is through; or too much of it failed.
fn judge(turn: &mut Turn<'_>, operation: &Operation, stage: &Stage) {
    let object = Object::Operation(operation.id);
    let (ok, bad) = operation.tally(stage);
    let why = (bad > 0 && !operation.accepted).then(|| why_hold(operation, stage, ok, bad)).flatten();
    match why {
        Some(reason) => {
            let step = &operation.step(stage.step).name;
            let message = format!("{step}, batch {}: {bad} of {} hosts did not come through", stage.batch, ok + bad);
            turn.record(object, Held { reason, message, subject: None });
        }
        None => turn.record(object, StageEnded { stage: operation.stage, ok, bad }),
    }
}

fn why_hold(operation: &Operation, stage: &Stage, ok: u32, bad: u32) -> Option<Reason> {
    let last = operation.attempts.last().filter(|attempt| attempt.stage == operation.stage);
    let stopped = last.and_then(|attempt| attempt.stop.as_ref()).map(|stop| stop.reason);
    let unknown = stage.hosts.iter().any(|host| operation.cell(stage.step, *host).state == HostState::Unknown);
    let limits = &operation.plan.limits;
    let share = u64::from(bad) * 100 >= u64::from(limits.hold_at_percent) * u64::from(ok + bad);
    match stopped {
        Some(Reason::RunnerSilent) if unknown => Some(Reason::RunnerSilent),
        _ if unknown => Some(Reason::OutcomeUnknown),
        Some(Reason::DeadlinePassed) => Some(Reason::DeadlinePassed),
        _ if stage.canary => Some(Reason::CanaryFailed),
        _ if bad >= limits.hold_at_hosts || share => Some(Reason::FailedHosts),
        _ => None,
    }
}

/// All stages are through: the success rule says how it ends.
fn conclude(turn: &mut Turn<'_>, operation: &Operation) {
    let hosts = operation.plan.hosts.len() as u32;
    let through = (0..hosts).filter(|host| operation.is_through(*host)).count() as u32;
    let rule = &operation.plan.success;
    let enough = u64::from(through) * 100 >= u64::from(rule.min_percent) * u64::from(hosts);
    let good = enough && rule.max_failed.is_none_or(|most| hosts - through <= most);
    let message = format!("{through} of {hosts} hosts came through");
    let (phase, reason) = match good {
        true => (Phase::Succeeded, Reason::Completed),
        false => (Phase::Failed, Reason::SuccessRuleUnmet),
    };
    conclude_with(turn, operation, Ending { phase, reason, message });
}

/// What need not be undone is settled with the ending.
fn conclude_with(turn: &mut Turn<'_>, operation: &Operation, ending: Ending) {
    let object = Object::Operation(operation.id);
    let mut alike: BTreeMap<(UndoKind, Settled, u32), Vec<u32>> = BTreeMap::new();
    for debt in operation.debts.iter().filter(|debt| debt.stands()) {
        if let Some(why) = settled(operation, debt) {
            alike.entry((debt.kind, why, debt.step)).or_default().push(debt.host);
        }
    }
    for ((kind, why, step), hosts) in alike {
        let (step, hosts) = (Some(operation.step(step).name.clone()), operation.addresses(&hosts));
        turn.record(object, UndoSettled { kind, step, hosts, why });
    }
    turn.record(object, ending);
}

/// A host that came through all steps keeps what was done to it.
fn settled(operation: &Operation, debt: &crate::operation::Debt) -> Option<Settled> {
    if !operation.is_through(debt.host) {
        return None;
    }
    // A release that was left out has lifted nothing.
    let released = (0..)
        .zip(&operation.plan.steps)
        .any(|(place, step)| step.actor == Actor::Release && operation.cell(place, debt.host).state == HostState::Ok);
    Some(match debt.kind {
        UndoKind::Join => Settled::Purpose,
        UndoKind::Cordon | UndoKind::Taint if debt.purpose => Settled::Purpose,
        UndoKind::Cordon | UndoKind::Taint if released => Settled::Released,
        UndoKind::Cordon | UndoKind::Taint if operation.owner.is_some() => Settled::Task,
        UndoKind::Cordon | UndoKind::Taint => Settled::Purpose,
    })
}
