//! An operation at its end: the undo ledger is worked off, then it is over. Of a host the step that came last is undone first, and
//! its node is opened when nothing else of it is left.

use std::collections::BTreeSet;

use beidou_schemas::operation::{
    AttemptEnd, HostState, Object, Purpose, Settled, UndoBy, UndoKind,
    fact::{AttemptIntended, Finished, LockReleased, Released, UndoDone, UndoFailed, UndoSettled, UndoStarted},
};

use super::{Action, Turn, gates, stages::attempt_id};
use crate::operation::{Attempt, Debt, DebtState, Operation, attempt::after, refused::names};

/// Entries that the last message names at most.
const MOST_NAMES: usize = 20;

/// What is due of it.
pub(super) fn due(turn: &mut Turn<'_>, operation: &Operation) {
    let object = Object::Operation(operation.id);
    account(turn, operation);
    leave_to_others(turn, operation);
    if turn.draft.has(object) {
        return;
    }
    let open = |debt: &&Debt| debt.is_open(operation.plan.limits.undo_tries) && !is_behind(operation, debt);
    let debts: Vec<&Debt> = operation.debts.iter().filter(open).collect();
    if debts.is_empty() {
        return finish(turn, operation);
    }
    let hosts: BTreeSet<String> = debts.iter().flat_map(|debt| operation.addresses(&[debt.host])).collect();
    if !gates::open_to_undo(turn, operation, &hosts.into_iter().collect::<Vec<_>>()) || turn.draft.has(object) {
        return;
    }
    begin(turn, operation, &debts);
    if turn.draft.has(object) {
        return;
    }
    for debt in &debts {
        if let Some(again) = debt.rests_until(turn.now) {
            turn.wait(object, again);
        }
        if let (DebtState::Started { at }, UndoBy::Api) = (&debt.state, debt.by) {
            let [host] = &operation.addresses(&[debt.host])[..] else { continue };
            turn.act(Action::Undo { operation: operation.id, kind: debt.kind, host: host.clone() });
            turn.wait(object, after(*at, operation.plan.limits.undo_ms));
        }
    }
}

/// What a later operation has had in its hands is its own: to undo it now could take a node out of service.
fn leave_to_others(turn: &mut Turn<'_>, operation: &Operation) {
    for debt in operation.debts.iter().filter(|debt| debt.state == DebtState::Owed) {
        if gates::is_taken_over(turn.board, operation, debt.host) {
            let (kind, step) = (debt.kind, step_of(operation, debt));
            let (hosts, why) = (operation.addresses(&[debt.host]), Settled::Taken);
            turn.record(Object::Operation(operation.id), UndoSettled { kind, step, hosts, why });
        }
    }
}

fn step_of(operation: &Operation, debt: &Debt) -> Option<String> {
    Some(operation.step(debt.step).name.clone())
}

/// Whether another entry of its host comes first. Cordon and taint stay as long as it is a node that must go, or that a playbook has
/// to put right: also where that was given up. Of playbooks that of the later step is first.
fn is_behind(operation: &Operation, debt: &Debt) -> bool {
    let tries = operation.plan.limits.undo_tries;
    let mut others = operation.debts.iter().filter(|other| other.host == debt.host && other.stands());
    others.any(|other| {
        let mends = debt.by == UndoBy::Api && other.by == UndoBy::Playbook;
        let shut = debt.kind != UndoKind::Join && (other.kind == UndoKind::Join || mends);
        let alike = (debt.by, debt.kind) == (other.by, other.kind);
        shut || (alike && other.step > debt.step && other.is_open(tries))
    })
}

/// What came of tries: playbooks have told it per host, the rest has a deadline.
fn account(turn: &mut Turn<'_>, operation: &Operation) {
    let object = Object::Operation(operation.id);
    let last = operation.attempts.last().filter(|attempt| attempt.purpose == Purpose::Undo);
    for debt in &operation.debts {
        let DebtState::Started { at } = debt.state else { continue };
        let [host] = &operation.addresses(&[debt.host])[..] else { continue };
        let (kind, step, host) = (debt.kind, step_of(operation, debt), host.clone());
        let has = |attempt: &&Attempt| attempt.step == debt.step && attempt.hosts.contains(&debt.host);
        let told = last.filter(has).filter(|_| debt.by == UndoBy::Playbook);
        let late = turn.now >= after(at, operation.plan.limits.undo_ms);
        let again = debt.next_try(turn.now, operation.plan.limits.undo_tries);
        match told {
            Some(attempt) => {
                let outcome = attempt.results.get(&debt.host);
                if outcome.is_some_and(|outcome| HostState::from(outcome.state) == HostState::Ok) {
                    turn.record(object, UndoDone { kind, step, host });
                } else {
                    let end = attempt.over.as_ref().map_or(AttemptEnd::Missing, |over| over.end);
                    let said = outcome.and_then(|outcome| outcome.message.clone());
                    let why = said.unwrap_or_else(|| format!("attempt {} ended: {end}", attempt.id));
                    turn.record(object, UndoFailed { kind, step, host, why, again });
                }
            }
            None if late => {
                let why = "it took too long".to_owned();
                turn.record(object, UndoFailed { kind, step, host, why, again });
            }
            None => {}
        }
    }
    // What controllers undid at the API server was the node itself. A playbook leaves its object, which goes with the taint.
    let gone = |debt: &&Debt| debt.kind == UndoKind::Join && debt.by == UndoBy::Api && debt.state == DebtState::Done;
    for debt in operation.debts.iter().filter(gone) {
        let [host] = &operation.addresses(&[debt.host])[..] else { continue };
        settle_rest(turn, operation, debt.host, &host.clone());
    }
}

/// A node that is gone has neither cordon nor taint.
fn settle_rest(turn: &mut Turn<'_>, operation: &Operation, host: u32, address: &str) {
    let object = Object::Operation(operation.id);
    for kind in [UndoKind::Cordon, UndoKind::Taint] {
        if operation.owes(kind, host).is_some() {
            let (hosts, why) = (vec![address.into()], Settled::Released);
            turn.record(object, UndoSettled { kind, step: None, hosts, why });
        }
    }
}

/// Everything that controllers undo begins at once, unless it failed just now; playbooks one after the other, each for all its hosts.
fn begin(turn: &mut Turn<'_>, operation: &Operation, debts: &[&Debt]) {
    let object = Object::Operation(operation.id);
    let now = turn.now;
    let due = move |debt: &Debt| debt.state == DebtState::Owed && debt.rests_until(now).is_none();
    let owed = |by: UndoBy| debts.iter().filter(move |debt| debt.by == by && due(debt));
    let start = |turn: &mut Turn<'_>, debt: &Debt| {
        for host in operation.addresses(&[debt.host]) {
            let (kind, step, number) = (debt.kind, step_of(operation, debt), debt.tries + 1);
            turn.record(object, UndoStarted { kind, step, host, number });
        }
    };
    owed(UndoBy::Api).for_each(|debt| start(turn, debt));
    let Some(first) = owed(UndoBy::Playbook).max_by_key(|debt| debt.step) else { return };
    let (step, kind) = (first.step, first.kind);
    let group: Vec<&Debt> =
        owed(UndoBy::Playbook).filter(|debt| debt.step == step && debt.kind == kind).copied().collect();
    group.iter().for_each(|debt| start(turn, debt));
    let same = |attempt: &&Attempt| attempt.purpose == Purpose::Undo && attempt.step == step;
    let number = operation.attempts.iter().filter(same).count() as u32 + 1;
    let name = &operation.step(step).name;
    let deadline_ms = operation.step(step).undo.iter().find(|undo| undo.kind == kind).and_then(|undo| undo.deadline_ms);
    let stage = operation.plan.stages.iter().position(|stage| stage.step == step).unwrap_or(0) as u32;
    let hosts: Vec<u32> = group.iter().map(|debt| debt.host).collect();
    let intended = AttemptIntended {
        attempt: attempt_id(operation.id, &format!("undo-{name}"), step, 0, number),
        stage,
        step: name.clone(),
        batch: 0,
        number,
        purpose: Purpose::Undo,
        hosts: operation.addresses(&hosts),
        deadline_ms: deadline_ms.unwrap_or(operation.plan.limits.undo_ms),
    };
    turn.record(object, intended);
}

/// For people. Whatever a playbook takes back beside a joining, its step says it best.
fn what<'a>(operation: &'a Operation, debt: &Debt) -> &'a str {
    match debt.by {
        UndoBy::Playbook if debt.kind != UndoKind::Join => &operation.step(debt.step).name,
        UndoBy::Playbook | UndoBy::Api => debt.kind.name(),
    }
}

fn finish(turn: &mut Turn<'_>, operation: &Operation) {
    let object = Object::Operation(operation.id);
    let Some(ending) = operation.ending.clone() else { return };
    let named = |said: &str, fits: &dyn Fn(&Debt) -> bool| {
        let debts = operation.debts.iter().filter(|debt| fits(debt));
        let all: Vec<String> = debts
            .map(|debt| format!("{} of {}", what(operation, debt), operation.plan.hosts[debt.host as usize]))
            .collect();
        match all.is_empty() {
            true => String::new(),
            false => format!("; {said}: {}", names(all.iter().map(String::as_str), MOST_NAMES)),
        }
    };
    let left = named("not undone", &Debt::stands);
    let taken = DebtState::Settled { why: Settled::Taken };
    let taken = named("left to later operations", &|debt| debt.state == taken);
    let message = format!("{}{left}{taken}", ending.message);
    if operation.held_locks().is_some() {
        turn.record(object, LockReleased { why: Released::Over });
    }
    turn.record(object, Finished { phase: ending.phase, reason: ending.reason, message });
}
