//! Facts of an operation's way, its locks and its undo ledger.

use beidou_schemas::{
    Micros,
    operation::{
        HostState, Phase, Reason, UndoKind,
        fact::{Body, Fact, Finished, Held, LockTaken, NotifyFailed, Released, StageEnded, UndoOwed},
    },
};

use super::attempts;
use crate::operation::{Board, Debt, DebtState, LockSpan, Notice, Operation};

/// Takes a fact of an operation in. Kinds of other objects say nothing about it.
pub(super) fn apply(board: &mut Board, operation: &mut Operation, fact: &Fact) {
    (operation.seq, operation.epoch, operation.updated) = (fact.seq, fact.epoch, fact.time);
    match &fact.body {
        Body::LockTaken(_) | Body::LockRenewed(_) | Body::LockReleased(_) => lock(board, operation, fact),
        Body::UndoOwed(_) | Body::UndoStarted(_) | Body::UndoDone(_) | Body::UndoFailed(_) | Body::UndoSettled(_) => {
            undo(operation, fact)
        }
        Body::AttemptIntended(_)
        | Body::AttemptOffered(_)
        | Body::AttemptLaunched(_)
        | Body::AttemptClaimed(_)
        | Body::Heard(_)
        | Body::HostResult(_)
        | Body::StopAsked(_)
        | Body::AttemptEnded(_) => attempts::apply(operation, fact),
        _ => way(operation, fact),
    }
}

fn enter(operation: &mut Operation, phase: Phase, reason: Option<Reason>, message: &str, time: Micros) {
    (operation.phase, operation.reason, operation.since) = (phase, reason, time);
    operation.message = message.to_owned();
}

fn way(operation: &mut Operation, fact: &Fact) {
    let time = fact.time;
    match &fact.body {
        Body::Approved(approved) => {
            operation.approved = Some(approved.subject.clone());
            // From here on it waits for what nobody could wait for before: a window, a lock.
            if operation.phase == Phase::Pending {
                operation.since = time;
            }
            operation.stop_asking();
        }
        Body::Started(_) => {
            operation.started = Some(time);
            enter(operation, Phase::Running, None, "", time);
        }
        Body::Held(held) => hold(operation, held, fact),
        Body::Resumed(_) => {
            let phase = if operation.started.is_some() { Phase::Running } else { Phase::Pending };
            // Only failures that somebody saw are accepted: not those of a stage that was held for another reason.
            operation.accepted |= matches!(
                operation.reason,
                Some(
                    Reason::CanaryFailed
                        | Reason::FailedHosts
                        | Reason::OutcomeUnknown
                        | Reason::RunnerSilent
                        | Reason::DeadlinePassed
                )
            );
            enter(operation, phase, None, "", time);
        }
        Body::CancelAsked(asked) => {
            let message = format!("{} cancelled it: {}", asked.subject, asked.why);
            enter(operation, Phase::Cancelling, Some(Reason::CancelledOnRequest), message.trim_end_matches(": "), time);
        }
        Body::StageEnded(ended) => end_stage(operation, ended, time),
        Body::StepSkipped(skipped) => {
            let Some(step) = operation.plan.steps.iter().position(|step| step.name == skipped.step) else { return };
            for host in 0..operation.plan.hosts.len() as u32 {
                if operation.cell(step as u32, host).state != HostState::Ok {
                    operation.set(step as u32, host, HostState::Skipped, time, 0);
                }
            }
        }
        Body::RetryAsked(asked) => {
            operation.accepted = false;
            let Some(step) = operation.plan.stages.get(asked.stage as usize).map(|stage| stage.step) else { return };
            let hosts: Vec<u32> = asked.hosts.iter().filter_map(|host| operation.place(host)).collect();
            hosts.into_iter().for_each(|host| operation.set(step, host, HostState::Waiting, time, 0));
        }
        Body::Ending(ending) => operation.ending = Some(ending.clone()),
        Body::Finished(finished) => {
            enter(operation, finished.phase, Some(finished.reason), &finished.message, time);
            operation.ended = Some(time);
            operation.stop_asking();
            let Finished { phase, reason, message, .. } = finished;
            operation.notices.push(Notice::tells(fact.seq, time, *phase, *reason, message));
        }
        Body::Notified(told) => operation.notices.retain(|notice| notice.of_seq != told.of_seq),
        Body::NotifyFailed(failed) => put_off(&mut operation.notices, failed),
        // A rejection is followed by an ending; what rose is followed by a hold.
        _ => {}
    }
}

fn end_stage(operation: &mut Operation, StageEnded { stage, ok, .. }: &StageEnded, time: Micros) {
    // Where nobody came through there is nothing to be watched.
    let watched = operation.plan.stages.get(*stage as usize).filter(|_| *ok > 0);
    let soak_ms = watched.map_or(0, |stage| stage.soak_ms);
    operation.soak_until = crate::operation::attempt::after(time, soak_ms);
    operation.stage = stage + 1;
    operation.accepted = false;
}

/// Tries of a notification at most. Old logs were written with it: what they gave up must stay given up.
const MOST_TRIES: u32 = 5;

/// A notification failed: later, or never.
pub(super) fn put_off(notices: &mut Vec<Notice>, failed: &NotifyFailed) {
    for notice in notices.iter_mut().filter(|notice| notice.of_seq == failed.of_seq) {
        let tries = if failed.for_good { MOST_TRIES } else { notice.tries + 1 };
        (notice.tries, notice.after) = (tries, failed.again);
    }
    notices.retain(|notice| notice.tries < MOST_TRIES);
}

fn hold(operation: &mut Operation, held: &Held, fact: &Fact) {
    let phase = match held.reason {
        Reason::OutcomeUnknown | Reason::RunnerSilent => Phase::Unknown,
        _ => Phase::Held,
    };
    enter(operation, phase, Some(held.reason), &held.message, fact.time);
    operation.trouble = None;
    operation.notices.push(Notice::tells(fact.seq, fact.time, phase, held.reason, &held.message));
}

fn lock(board: &mut Board, operation: &mut Operation, fact: &Fact) {
    match &fact.body {
        Body::LockTaken(LockTaken { locks, until, why }) => {
            for lock in locks {
                board.locks.insert(lock.clone(), operation.id);
            }
            let (locks, until, why) = (locks.clone(), *until, why.clone());
            operation.locks.push(LockSpan { locks, since: fact.time, until, why, released: None });
        }
        Body::LockRenewed(renewed) => {
            if let Some(span) = operation.locks.last_mut().filter(|span| span.released.is_none()) {
                span.until = renewed.until;
            }
        }
        Body::LockReleased(released) => release(board, operation, fact.time, released.why),
        _ => {}
    }
}

fn release(board: &mut Board, operation: &mut Operation, time: Micros, why: Released) {
    let id = operation.id;
    let Some(span) = operation.locks.last_mut().filter(|span| span.released.is_none()) else { return };
    span.released = Some((time, why));
    board.locks.retain(|_, holder| *holder != id);
}

fn undo(operation: &mut Operation, fact: &Fact) {
    let time = fact.time;
    match &fact.body {
        Body::UndoOwed(owed) => owe(operation, owed, time),
        Body::UndoStarted(started) => debts(operation, started.kind, started.step.as_deref(), &started.host, |debt| {
            (debt.state, debt.tries, debt.again) = (DebtState::Started { at: time }, started.number, None);
        }),
        Body::UndoDone(done) => debts(operation, done.kind, done.step.as_deref(), &done.host, |debt| {
            debt.state = DebtState::Done;
        }),
        Body::UndoFailed(failed) => debts(operation, failed.kind, failed.step.as_deref(), &failed.host, |debt| {
            (debt.state, debt.why, debt.again) = (DebtState::Owed, failed.why.clone(), failed.again);
        }),
        Body::UndoSettled(settled) => {
            for host in &settled.hosts {
                debts(operation, settled.kind, settled.step.as_deref(), host, |debt| {
                    debt.state = DebtState::Settled { why: settled.why };
                });
            }
        }
        _ => {}
    }
}

fn owe(operation: &mut Operation, owed: &UndoOwed, time: Micros) {
    let Some(step) = operation.plan.steps.iter().position(|step| step.name == owed.step) else { return };
    let Some(plan) = operation.plan.steps[step].undo.iter().find(|undo| undo.kind == owed.kind).cloned() else {
        return;
    };
    for host in owed.hosts.iter().filter_map(|host| operation.place(host)).collect::<Vec<_>>() {
        if operation.owes_for(step as u32, owed.kind, host).is_none() {
            let (kind, by, purpose) = (owed.kind, plan.by, plan.purpose);
            let (step, state, since) = (step as u32, DebtState::Owed, time);
            let (tries, why, again) = (0, String::new(), None);
            operation.debts.push(Debt { step, kind, host, by, purpose, since, state, tries, why, again });
        }
    }
}

/// Facts of before name no step.
fn debts(operation: &mut Operation, kind: UndoKind, step: Option<&str>, host: &str, change: impl Fn(&mut Debt)) {
    let Some(host) = operation.place(host) else { return };
    let steps = &operation.plan.steps;
    let fits = |debt: &&mut Debt| {
        let of_step = step.is_none_or(|step| steps[debt.step as usize].name == step);
        of_step && debt.kind == kind && debt.host == host && debt.stands()
    };
    operation.debts.iter_mut().filter(fits).for_each(change);
}
