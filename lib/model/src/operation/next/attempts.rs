//! An attempt that is not over: it is made, heard of, stopped.

use beidou_schemas::operation::{
    Actor, AttemptEnd, Object, Phase, Purpose, Reason,
    fact::{AttemptEnded, StopAsked},
};

use super::{Action, Turn};
use crate::operation::{Attempt, Operation, attempt::after};

/// What is due of it.
pub(super) fn due(turn: &mut Turn<'_>, operation: &Operation, attempt: &Attempt) {
    let object = Object::Operation(operation.id);
    let own = attempt.purpose == Purpose::Act && operation.step(attempt.step).actor == Actor::Release;
    if attempt.stop.is_some() {
        return stopping(turn, operation, attempt, own);
    }
    if let Some(reason) = why_stop(turn, operation, attempt, own) {
        return turn.record(object, StopAsked { attempt: attempt.id.clone(), reason });
    }
    if own {
        return releasing(turn, operation, attempt);
    }
    let limits = &operation.plan.limits;
    let (operation, id) = (operation.id, attempt.id.clone());
    if attempt.claimed.is_none() {
        if attempt.launched.is_none() {
            turn.act(Action::StartAttempt { operation, attempt: id });
        }
        return turn.wait(object, after(attempt.heard, limits.claim_ms));
    }
    turn.wait(object, after(attempt.heard, limits.silence_ms).min(attempt.deadline()));
}

fn why_stop(turn: &Turn<'_>, operation: &Operation, attempt: &Attempt, own: bool) -> Option<Reason> {
    let limits = &operation.plan.limits;
    let passed = |ms: u64| turn.now >= after(attempt.heard, ms);
    match attempt.claimed {
        _ if attempt.purpose == Purpose::Act && operation.phase == Phase::Cancelling => {
            Some(Reason::CancelledOnRequest)
        }
        Some(_) if turn.now >= attempt.deadline() => Some(Reason::DeadlinePassed),
        Some(_) if !own && passed(limits.silence_ms) => Some(Reason::RunnerSilent),
        None if passed(limits.claim_ms) => Some(Reason::NeverClaimed),
        Some(_) | None => None,
    }
}

/// Who does not stop in time is given up: what it did is not known.
fn stopping(turn: &mut Turn<'_>, operation: &Operation, attempt: &Attempt, own: bool) {
    let object = Object::Operation(operation.id);
    let Some(stop) = &attempt.stop else { return };
    let until = after(stop.at, operation.plan.limits.stop_ms);
    let end = match attempt.claimed {
        None => AttemptEnd::NeverClaimed,
        Some(_) if own => AttemptEnd::Stopped,
        Some(_) if stop.reason == Reason::RunnerSilent => AttemptEnd::Silent,
        Some(_) => AttemptEnd::NotStopped,
    };
    if own || turn.now >= until {
        let message = format!("{}: stopped since {}", stop.reason, stop.at);
        let ended = AttemptEnded { attempt: attempt.id.clone(), end, exit: None, signal: None, message };
        return turn.record(object, ended);
    }
    turn.act(Action::StopAttempt { operation: operation.id, attempt: attempt.id.clone() });
    turn.wait(object, until);
}

fn releasing(turn: &mut Turn<'_>, operation: &Operation, attempt: &Attempt) {
    let object = Object::Operation(operation.id);
    let waiting = |host: &&u32| !attempt.results.contains_key(*host);
    let hosts: Vec<u32> = attempt.hosts.iter().filter(waiting).copied().collect();
    if hosts.is_empty() {
        let (attempt, end) = (attempt.id.clone(), AttemptEnd::Finished);
        let ended = AttemptEnded { attempt, end, exit: None, signal: None, message: String::new() };
        return turn.record(object, ended);
    }
    for host in operation.addresses(&hosts) {
        turn.act(Action::Release { operation: operation.id, attempt: attempt.id.clone(), host });
    }
    turn.wait(object, attempt.deadline());
}
