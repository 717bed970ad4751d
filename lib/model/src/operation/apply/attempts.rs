//! Facts of attempts.

use std::collections::BTreeMap;

use beidou_schemas::{
    Micros,
    operation::{
        Actor, AttemptEnd, AttemptId, HostState, Purpose, Reason,
        fact::{AttemptEnded, AttemptIntended, Body, Fact, HostResult},
    },
};

use crate::operation::{Attempt, Launch, Operation, Over, Stop};

/// Takes a fact of an attempt in. Only the open attempt hears.
pub(super) fn apply(operation: &mut Operation, fact: &Fact) {
    let time = fact.time;
    match &fact.body {
        Body::AttemptIntended(intended) => intend(operation, intended, time),
        Body::AttemptOffered(offered) => open(operation, &offered.attempt, |attempt| {
            attempt.token_sha256 = Some(offered.token_sha256.clone());
        }),
        Body::AttemptLaunched(launched) => {
            open(operation, &launched.attempt, |attempt| {
                let (executor, place) = (launched.executor.clone(), launched.place.clone());
                attempt.launched = Some(Launch { executor, place, at: time });
            });
            operation.nodes.extend(launched.nodes.clone());
        }
        Body::AttemptClaimed(claimed) => {
            open(operation, &claimed.attempt, |attempt| {
                if attempt.runner.is_none() {
                    (attempt.runner, attempt.claimed, attempt.heard) = (Some(claimed.runner), Some(time), time);
                }
            });
            if operation.open_attempt().is_some_and(|attempt| attempt.id == claimed.attempt) {
                run_hosts(operation, time);
            }
        }
        Body::Heard(heard) => open(operation, &heard.attempt, |attempt| {
            (attempt.heard, attempt.next) = (time, attempt.next.max(heard.next));
        }),
        Body::HostResult(result) => take_result(operation, result, time),
        Body::StopAsked(asked) => open(operation, &asked.attempt, |attempt| {
            attempt.stop.get_or_insert(Stop { reason: asked.reason, at: time });
        }),
        Body::AttemptEnded(ended) => end(operation, ended, time),
        _ => {}
    }
}

fn open(operation: &mut Operation, id: &AttemptId, change: impl FnOnce(&mut Attempt)) {
    if let Some(attempt) = operation.attempts.last_mut().filter(|last| last.id == *id && last.over.is_none()) {
        change(attempt);
    }
}

fn intend(operation: &mut Operation, intended: &AttemptIntended, time: Micros) {
    let Some(step) = operation.plan.stages.get(intended.stage as usize).map(|stage| stage.step) else { return };
    let hosts: Vec<u32> = intended.hosts.iter().filter_map(|host| operation.place(host)).collect();
    // What controllers do themselves needs no claim.
    let own = intended.purpose == Purpose::Act && operation.step(step).actor == Actor::Release;
    operation.trouble = None;
    operation.attempts.push(Attempt {
        id: intended.attempt.clone(),
        stage: intended.stage,
        step,
        batch: intended.batch,
        number: intended.number,
        purpose: intended.purpose,
        hosts,
        intended: time,
        deadline_ms: intended.deadline_ms,
        token_sha256: None,
        launched: None,
        runner: None,
        claimed: own.then_some(time),
        heard: time,
        next: 1,
        results: BTreeMap::new(),
        stop: None,
        over: None,
    });
    if own {
        run_hosts(operation, time);
    }
}

/// From its claim on a runner may touch its hosts.
fn run_hosts(operation: &mut Operation, time: Micros) {
    let Some(attempt) = operation.open_attempt().filter(|attempt| attempt.purpose == Purpose::Act) else { return };
    let (step, hosts) = (attempt.step, attempt.hosts.clone());
    hosts.into_iter().for_each(|host| operation.set(step, host, HostState::Running, time, 0));
}

fn take_result(operation: &mut Operation, result: &HostResult, time: Micros) {
    let Some(host) = operation.place(&result.host) else { return };
    let Some(attempt) = operation.attempts.last_mut() else { return };
    let fits = attempt.id == result.attempt && attempt.over.is_none() && attempt.hosts.contains(&host);
    if !fits || attempt.results.contains_key(&host) {
        return;
    }
    attempt.results.insert(host, result.outcome.clone());
    if attempt.purpose == Purpose::Act {
        let state = HostState::from(result.outcome.state);
        let step = attempt.step;
        operation.set(step, host, state, time, result.outcome.duration_ms);
    }
}

fn end(operation: &mut Operation, ended: &AttemptEnded, time: Micros) {
    let Some(attempt) = operation.attempts.last_mut().filter(|last| last.id == ended.attempt && last.over.is_none())
    else {
        return;
    };
    let AttemptEnded { end, exit, signal, message, .. } = ended.clone();
    attempt.over = Some(Over { end, at: time, exit, signal, message: message.clone() });
    if attempt.purpose == Purpose::Undo {
        return;
    }
    let (step, hosts, claimed) = (attempt.step, attempt.hosts.clone(), attempt.claimed);
    let cancelled = attempt.stop.as_ref().is_some_and(|stop| stop.reason == Reason::CancelledOnRequest);
    let told: Vec<u32> = attempt.results.keys().copied().collect();
    for host in hosts.into_iter().filter(|host| !told.contains(host)) {
        let state = match end {
            _ if claimed.is_none() => HostState::Waiting,
            AttemptEnd::Stopped if cancelled => HostState::Cancelled,
            _ => HostState::Unknown,
        };
        let took = claimed.map_or(0, |claimed| u64::try_from((time.0 - claimed.0) / 1000).unwrap_or(0));
        operation.set(step, host, state, time, if state == HostState::Waiting { 0 } else { took });
    }
    if claimed.is_none() {
        let reason = match end {
            AttemptEnd::NotStarted => Reason::StartFailed,
            _ => Reason::NeverClaimed,
        };
        operation.trouble = Some((reason, message));
    }
}
