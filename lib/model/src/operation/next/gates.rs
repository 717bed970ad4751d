//! What an operation waits for before anything of it begins: approval, window, locks.

use beidou_schemas::{
    Micros,
    operation::{
        LockScope, Object, Reason,
        fact::{Lock, LockReleased, LockRenewed, LockTaken, Released},
    },
};

use super::Turn;
use crate::operation::{
    Board, Operation,
    attempt::after,
    calendar::{Closed, closed},
};

/// What an operation locks.
fn wanted(operation: &Operation) -> Vec<Lock> {
    let cluster = || operation.spec.cluster_name.clone();
    let node = |host: &String| Lock::Node { cluster: cluster(), host: host.clone() };
    let nodes = operation.plan.hosts.iter().map(node);
    match operation.plan.lock {
        LockScope::Cluster => std::iter::once(Lock::Cluster { cluster: cluster() }).chain(nodes).collect(),
        LockScope::Node => nodes.collect(),
        LockScope::None => Vec::new(),
    }
}

/// Why nothing of it may begin now; `None` where it may.
pub(crate) fn waits(board: &Board, operation: &Operation, now: Micros) -> Option<Closed> {
    let last = after(operation.since, operation.plan.limits.pending_ms);
    if operation.started.is_none() && operation.plan.approval && operation.approved.is_none() {
        let why = format!("waits for the approval of another subject than {}", operation.subject);
        return Some(Closed { reason: Reason::AwaitingApproval, until: last, why });
    }
    let changes = operation.plan.lock != LockScope::None;
    if changes && !operation.spec.ignore_windows {
        let rules = board.clusters.get(&operation.spec.cluster_name);
        if let Some(closed) = rules.and_then(|rules| closed(rules, now)) {
            return Some(closed);
        }
    }
    let holder = match operation.held_locks() {
        Some(_) => None,
        None => board.holder(&wanted(operation), operation.id, now),
    };
    holder.map(|holder| Closed {
        reason: Reason::AwaitingLock,
        until: holder.held_locks().map_or(last, |span| span.until),
        why: format!("{} holds what it locks", holder.name),
    })
}

/// Whether something may begin; takes the locks for it.
pub(super) fn open(turn: &mut Turn<'_>, operation: &Operation) -> bool {
    let object = Object::Operation(operation.id);
    if let Some(closed) = waits(turn.board, operation, turn.now) {
        turn.wait(object, closed.until);
        return false;
    }
    let locks = wanted(operation);
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
