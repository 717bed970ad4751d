//! What an operation waits for before anything of it begins: approval, window, locks.

use std::collections::BTreeMap;

use beidou_schemas::{
    Micros,
    operation::{
        Actor, LockScope, Object, OperationSpec, Plan, Purpose, Reason, StepPlan,
        fact::{Lock, LockReleased, LockRenewed, LockTaken, Released},
    },
};

use super::Turn;
use crate::operation::{
    Attempt, Board, Operation,
    attempt::after,
    calendar::{Closed, closed},
};

/// What an operation locks to act on these hosts: each by its address, and by the name of its node where that is told. A node that was
/// made anew has another address, and is the same node to its API server.
pub fn locks(spec: &OperationSpec, plan: &Plan, hosts: &[String]) -> Vec<Lock> {
    let cluster = || spec.cluster_name.clone();
    let machines = plan.hosts.iter().zip(&spec.operation_machines);
    let names: BTreeMap<&String, &String> =
        machines.filter_map(|(host, machine)| Some((host, machine.name.as_ref()?))).collect();
    let name = |host: &String| names.get(host).copied().filter(|name| !name.is_empty() && *name != host);
    let keys = hosts.iter().flat_map(|host| [Some(host), name(host)]).flatten();
    let nodes = keys.map(|key| Lock::Node { cluster: cluster(), host: key.clone() });
    match plan.lock {
        LockScope::Cluster => std::iter::once(Lock::Cluster { cluster: cluster() }).chain(nodes).collect(),
        LockScope::Node => nodes.collect(),
        LockScope::None => Vec::new(),
    }
}

/// Why nothing of it may begin now; `None` where it may.
pub(crate) fn waits(board: &Board, operation: &Operation, now: Micros) -> Option<Closed> {
    let last = patience(board, operation, now);
    if operation.started.is_none() && operation.plan.approval && operation.approved.is_none() {
        let why = format!("waits for the approval of another subject than {}", operation.subject);
        return Some(Closed { reason: Reason::AwaitingApproval, until: last, why });
    }
    if begins(operation) && !operation.spec.ignore_windows {
        let rules = board.clusters.get(&operation.spec.cluster_name);
        if let Some(closed) = rules.and_then(|rules| closed(rules, now)) {
            return Some(closed);
        }
    }
    held_by_another(board, operation, &operation.plan.hosts, now)
}

/// Until when an operation may wait for its start. It counts anew from its approval, and from the end of a freeze, while which
/// nobody can begin; of the windows of a week one comes in time.
pub(super) fn patience(board: &Board, operation: &Operation, now: Micros) -> Micros {
    let rules = board.clusters.get(&operation.spec.cluster_name);
    let begun = rules.into_iter().flat_map(|rules| &rules.freezes).filter(|freeze| freeze.from <= now);
    let thawed = begun.map(|freeze| freeze.until).max();
    after(operation.since.max(thawed.unwrap_or_default()), operation.plan.limits.pending_ms)
}

/// Whether what comes next begins something: the operation, or a batch of which no runner has had a host. What was begun
/// is brought to its end, and so are nodes that a task has joined: half done they serve nobody. A machine that was only
/// made ready has not begun.
fn begins(operation: &Operation) -> bool {
    let changes = |step: &StepPlan| step.mutates && step.actor != Actor::Release;
    if operation.plan.lock == LockScope::None {
        return false;
    }
    if operation.started.is_none() {
        return operation.owner.is_none() || operation.plan.steps.iter().any(changes);
    }
    let Some(stage) = operation.present().filter(|stage| changes(operation.step(stage.step))) else { return false };
    let changed = |one: &&Attempt| {
        let step = operation.step(one.step);
        let counts = changes(step) && (one.step == stage.step || !step.readies);
        one.purpose == Purpose::Act && one.claimed.is_some() && counts
    };
    let mut touched = operation.attempts.iter().filter(changed).flat_map(|one| &one.hosts);
    !touched.any(|host| stage.hosts.contains(host))
}

fn held_by_another(board: &Board, operation: &Operation, hosts: &[String], now: Micros) -> Option<Closed> {
    let holder = match operation.held_locks() {
        Some(_) => None,
        None => board.holder(&locks(&operation.spec, &operation.plan, hosts), operation.id, now),
    };
    holder.map(|holder| Closed {
        reason: Reason::AwaitingLock,
        until: holder.held_locks().map_or(now, |span| span.until),
        why: format!("{} holds what it locks", holder.name),
    })
}

/// Whether something may begin; takes the locks for it.
pub(super) fn open(turn: &mut Turn<'_>, operation: &Operation) -> bool {
    let closed = waits(turn.board, operation, turn.now);
    lock(turn, operation, &operation.plan.hosts, closed)
}

/// Whether hosts may be undone: whoever holds them or their cluster comes first. Takes the locks for it.
pub(super) fn open_to_undo(turn: &mut Turn<'_>, operation: &Operation, hosts: &[String]) -> bool {
    let closed = held_by_another(turn.board, operation, hosts, turn.now);
    lock(turn, operation, hosts, closed)
}

fn lock(turn: &mut Turn<'_>, operation: &Operation, hosts: &[String], closed: Option<Closed>) -> bool {
    let object = Object::Operation(operation.id);
    if let Some(closed) = closed {
        turn.wait(object, closed.until);
        return false;
    }
    let locks = locks(&operation.spec, &operation.plan, hosts);
    if locks.is_empty() || operation.held_locks().is_some() {
        return true;
    }
    if locks.iter().any(|lock| turn.taken.contains(lock)) {
        return false;
    }
    turn.taken.extend(locks.iter().cloned());
    let until = after(turn.now, operation.plan.limits.lock_ms);
    turn.record(object, LockTaken { locks, until, why: operation.name.clone() });
    true
}

/// Whether a later operation has changed a host since this one acted on it and lost its lock.
pub(super) fn is_taken_over(board: &Board, operation: &Operation, host: u32) -> bool {
    let acted = operation.attempts.iter().filter(|one| one.purpose == Purpose::Act && one.hosts.contains(&host));
    let lost = operation.locks.iter().filter_map(|span| span.released.map(|(at, _)| at)).max();
    let Some(last) = acted.map(|one| one.intended).max().filter(|last| lost.is_some_and(|lost| lost >= *last)) else {
        return false;
    };
    let (cluster, address) = (&operation.spec.cluster_name, &operation.plan.hosts[host as usize]);
    let others = board.operations.values().filter(|other| {
        other.id != operation.id && other.updated > last && !other.spec.dry_run && other.spec.cluster_name == *cluster
    });
    // A lock alone, or a check, has changed nothing; who only made it ready has nothing to take back.
    others.filter_map(|other| Some((other, other.place(address)?))).any(|(other, place)| {
        other.attempts.iter().any(|one| {
            one.purpose == Purpose::Act
                && one.claimed.is_some()
                && one.intended > last
                && other.step(one.step).mutates
                && !other.step(one.step).readies
                && one.hosts.contains(&place)
        })
    })
}

/// Renews locks while anything moves; frees them when it stood still for too long.
pub(super) fn keep_locks(turn: &mut Turn<'_>, operation: &Operation) {
    let Some(span) = operation.held_locks() else { return };
    let object = Object::Operation(operation.id);
    let lock_ms = operation.plan.limits.lock_ms;
    if operation.phase.stands_still() && operation.open_attempt().is_none() {
        match span.until <= turn.now {
            true => turn.record(object, LockReleased { why: Released::Expired }),
            false => turn.wait(object, span.until),
        }
        return;
    }
    let half = after(span.until, 0).plus(-(i64::try_from(lock_ms).unwrap_or(i64::MAX).saturating_mul(500)));
    match half <= turn.now {
        true => turn.record(object, LockRenewed { until: after(turn.now, lock_ms) }),
        false => turn.wait(object, half),
    }
}
