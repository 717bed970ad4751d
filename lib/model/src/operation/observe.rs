//! What the shell saw becomes facts.

use std::collections::BTreeMap;

use beidou_schemas::{
    Micros,
    operation::{
        AttemptEnd, AttemptId, ClusterRules, Object, OperationId, Phase, Purpose, Reason, Settled, TaskId, UndoBy,
        UndoKind,
        bundle::BundleShape,
        fact::{
            AttemptClaimed, AttemptEnded, AttemptLaunched, AttemptOffered, BundleKnown, BundleLost, ClusterRuled, Fact,
            Heard, Held, HostResult, Notified, NotifyFailed, UndoDone, UndoFailed, UndoSettled, WarningsRose,
            WriterStarted,
        },
    },
    runner::HostOutcome,
};
use uuid::Uuid;

use super::{Attempt, Board, Debt, Operation, draft::Draft};

/// What was seen.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// A bundle is there.
    Bundle(Box<BundleShape>),
    /// A bundle is gone.
    BundleGone(String),
    /// What holds on a cluster; none when it is gone.
    Cluster(String, Option<ClusterRules>),
    /// Hosts whose nodes are cordoned before an attempt begins that is to cordon them.
    Cordoned(OperationId, AttemptId, Vec<String>),
    /// A token was made for an attempt.
    Offered(OperationId, AttemptOffered),
    /// A runner was made.
    Launched(OperationId, AttemptLaunched),
    /// A runner wants the work.
    Claimed(OperationId, AttemptClaimed),
    /// A runner was heard.
    Heard(OperationId, Heard),
    /// What became of a host.
    Result(OperationId, HostResult),
    /// An attempt is over; outcomes that were not told before come with it.
    Ended(OperationId, AttemptEnded, BTreeMap<String, HostOutcome>),
    /// A host was released, or an entry of the undo ledger was undone.
    UndoDone(OperationId, UndoKind, String),
    /// It could not be undone.
    UndoFailed(OperationId, UndoKind, String, String),
    /// Warnings rose on touched nodes.
    Warnings(OperationId, WarningsRose),
    /// The operation of a task's present step cannot be made, and waiting does not help: why.
    NotMade(TaskId, String),
    /// People were told, or a webhook took a work order.
    Told(Object, u64),
    /// They could not be told; when to try again.
    NotTold(Object, NotifyFailed),
}

/// What was seen changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// There is no such thing.
    #[error("{0} is not known")]
    Unknown(String),
    /// The attempt is over, or another one runs.
    #[error("attempt {0} is over")]
    Over(AttemptId),
    /// Another runner has claimed it.
    #[error("attempt {attempt} is claimed by runner {runner}")]
    Claimed {
        /// The attempt.
        attempt: AttemptId,
        /// Who has it.
        runner: Uuid,
    },
    /// The board knows it already.
    #[error("nothing new")]
    Known,
}

/// The first fact of a writer: it has read everything before, and its epoch is above all of them.
pub fn begin(board: &Board, writer: &str, now: Micros) -> Fact {
    let body = WriterStarted { writer: writer.to_owned() }.into();
    Fact { object: Object::Board, seq: board.seq + 1, epoch: board.epoch + 1, time: now, cause: None, body }
}

/// The facts that follow from what was seen.
///
/// # Errors
/// [`Ignored`] when nothing follows.
pub fn observe(board: &Board, seen: &Seen, now: Micros) -> Result<Vec<Fact>, Ignored> {
    let mut draft = Draft::new(board, now);
    match seen {
        Seen::Bundle(_) | Seen::BundleGone(_) | Seen::Cluster(..) => known(board, seen, &mut draft)?,
        Seen::Cordoned(id, attempt, hosts) => cordoned(board, *id, attempt, hosts, &mut draft)?,
        Seen::Offered(id, offered) => {
            open(board, *id, &offered.attempt)?;
            draft.add(Object::Operation(*id), offered.clone());
        }
        Seen::Launched(id, launched) => {
            let (_, attempt) = open(board, *id, &launched.attempt)?;
            let is_new = attempt.launched.as_ref().is_none_or(|known| known.place != launched.place);
            is_new.then_some(()).ok_or(Ignored::Known)?;
            draft.add(Object::Operation(*id), launched.clone());
        }
        Seen::Claimed(id, claimed) => claim(board, *id, claimed, &mut draft)?,
        Seen::Heard(id, heard) => {
            open(board, *id, &heard.attempt)?;
            draft.add(Object::Operation(*id), heard.clone());
        }
        Seen::Result(id, result) => {
            let (operation, attempt) = open(board, *id, &result.attempt)?;
            let host = operation.place(&result.host).filter(|host| attempt.hosts.contains(host));
            let host = host.ok_or_else(|| Ignored::Unknown(format!("host {}", result.host)))?;
            (!attempt.results.contains_key(&host)).then_some(()).ok_or(Ignored::Known)?;
            draft.add(Object::Operation(*id), result.clone());
        }
        Seen::Ended(id, ended, outcomes) => end(board, *id, ended, outcomes, &mut draft)?,
        Seen::UndoDone(id, kind, host) => {
            let (operation, debt) = owed(board, *id, *kind, host)?;
            let (step, kind, host) = (Some(operation.step(debt.step).name.clone()), *kind, host.clone());
            draft.add(Object::Operation(*id), UndoDone { kind, step, host });
        }
        Seen::UndoFailed(id, kind, host, why) => {
            let (operation, debt) = owed(board, *id, *kind, host)?;
            let again = debt.next_try(now, operation.plan.limits.undo_tries);
            let (step, kind, host) = (Some(operation.step(debt.step).name.clone()), *kind, host.clone());
            draft.add(Object::Operation(*id), UndoFailed { kind, step, host, why: why.clone(), again });
        }
        Seen::Warnings(id, rose) => warn(board, *id, rose, &mut draft)?,
        Seen::NotMade(id, why) => {
            let waits = board.tasks.get(id).filter(|task| {
                task.phase == Phase::Running && task.present().is_some_and(|(_, step)| step.asked.is_some())
            });
            waits.map(drop).ok_or(Ignored::Known)?;
            let (reason, message) = (Reason::NeverStarted, why.clone());
            draft.add(Object::Task(*id), Held { reason, message, subject: None });
        }
        Seen::Told(object, of_seq) => {
            board.notice(*object, *of_seq).ok_or(Ignored::Known)?;
            draft.add(*object, Notified { of_seq: *of_seq });
        }
        Seen::NotTold(object, failed) => {
            board.notice(*object, failed.of_seq).ok_or(Ignored::Known)?;
            draft.add(*object, failed.clone());
        }
    }
    Ok(draft.done())
}

fn known(board: &Board, seen: &Seen, draft: &mut Draft<'_>) -> Result<(), Ignored> {
    let is_new = match seen {
        Seen::Bundle(bundle) => board.bundles.get(&bundle.name) != Some(bundle),
        Seen::BundleGone(name) => board.bundles.contains_key(name),
        Seen::Cluster(name, rules) => board.clusters.get(name) != rules.as_ref(),
        _ => false,
    };
    is_new.then_some(()).ok_or(Ignored::Known)?;
    match seen {
        Seen::Bundle(bundle) => draft.add(Object::Board, BundleKnown { bundle: (**bundle).clone() }),
        Seen::BundleGone(name) => draft.add(Object::Board, BundleLost { name: name.clone() }),
        Seen::Cluster(cluster, rules) => {
            draft.add(Object::Board, ClusterRuled { cluster: cluster.clone(), rules: rules.clone() });
        }
        _ => {}
    }
    Ok(())
}

fn operation(board: &Board, id: OperationId) -> Result<&Operation, Ignored> {
    let found = board.operations.get(&id).filter(|operation| !operation.broken);
    found.ok_or_else(|| Ignored::Unknown(format!("operation {id}")))
}

fn open<'a>(board: &'a Board, id: OperationId, attempt: &AttemptId) -> Result<(&'a Operation, &'a Attempt), Ignored> {
    let operation = operation(board, id)?;
    let open = operation.open_attempt().filter(|open| open.id == *attempt);
    open.map(|open| (operation, open)).ok_or_else(|| Ignored::Over(attempt.clone()))
}

/// A cordon that somebody has put on before is not ours to lift. It is ours where an attempt has had the host since it is owed,
/// and where another operation owes it that has left the host to this one.
fn cordoned(
    board: &Board,
    id: OperationId,
    attempt: &AttemptId,
    hosts: &[String],
    draft: &mut Draft<'_>,
) -> Result<(), Ignored> {
    let (operation, attempt) = open(board, id, attempt)?;
    let foreign = |host: &String| {
        let place = operation.place(host).filter(|place| attempt.hosts.contains(place))?;
        let had = |step: u32, since: Micros| {
            let mut acted = operation.attempts.iter().filter(|one| one.purpose == Purpose::Act && one.step == step);
            acted.any(|one| one.hosts.contains(&place) && one.claimed.is_some_and(|claimed| claimed >= since))
        };
        let owed = operation.owes_for(attempt.step, UndoKind::Cordon, place);
        let owed = owed.filter(|debt| !had(debt.step, debt.since))?;
        // Also one that is over, and could not take it back.
        let mut others = board
            .operations
            .values()
            .filter(|other| other.id != id && other.spec.cluster_name == operation.spec.cluster_name);
        let left = others.any(|other| other.place(host).is_some_and(|at| other.owes(UndoKind::Cordon, at).is_some()));
        (!left).then_some(owed.step)
    };
    let mut found: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for host in hosts {
        if let Some(step) = foreign(host) {
            found.entry(step).or_default().push(host.clone());
        }
    }
    (attempt.launched.is_none() && !found.is_empty()).then_some(()).ok_or(Ignored::Known)?;
    for (step, hosts) in found {
        let (kind, step, why) = (UndoKind::Cordon, Some(operation.step(step).name.clone()), Settled::Found);
        draft.add(Object::Operation(id), UndoSettled { kind, step, hosts, why });
    }
    Ok(())
}

/// At most one runner gets the work. The same one may ask again; who comes when the attempt is to stop gets nothing.
fn claim(board: &Board, id: OperationId, claimed: &AttemptClaimed, draft: &mut Draft<'_>) -> Result<(), Ignored> {
    let (_, attempt) = open(board, id, &claimed.attempt)?;
    match attempt.runner {
        Some(runner) if runner == claimed.runner => Err(Ignored::Known),
        Some(runner) => Err(Ignored::Claimed { attempt: attempt.id.clone(), runner }),
        None if attempt.stop.is_some() => Err(Ignored::Over(attempt.id.clone())),
        None => {
            draft.add(Object::Operation(id), claimed.clone());
            Ok(())
        }
    }
}

fn end(
    board: &Board,
    id: OperationId,
    ended: &AttemptEnded,
    outcomes: &BTreeMap<String, HostOutcome>,
    draft: &mut Draft<'_>,
) -> Result<(), Ignored> {
    let (operation, attempt) = open(board, id, &ended.attempt)?;
    for host in &attempt.hosts {
        let address = &operation.plan.hosts[*host as usize];
        if let Some(outcome) = outcomes.get(address).filter(|_| !attempt.results.contains_key(host)) {
            let (attempt, host, outcome) = (attempt.id.clone(), address.clone(), outcome.clone());
            draft.add(Object::Operation(id), HostResult { attempt, host, outcome });
        }
    }
    let mut ended = ended.clone();
    // A runner that nobody gave the work has done nothing, whatever its process says.
    if attempt.claimed.is_none() && !matches!(ended.end, AttemptEnd::NotStarted) {
        ended.end = AttemptEnd::NeverClaimed;
    }
    draft.add(Object::Operation(id), ended);
    Ok(())
}

/// What controllers undo on a host.
fn owed<'a>(
    board: &'a Board,
    id: OperationId,
    kind: UndoKind,
    host: &str,
) -> Result<(&'a Operation, &'a Debt), Ignored> {
    let operation = operation(board, id)?;
    let host = operation.place(host).ok_or_else(|| Ignored::Unknown(format!("host {host}")))?;
    let mut ours = operation.debts.iter().filter(|debt| debt.by == UndoBy::Api && debt.stands());
    let found = ours.find(|debt| debt.kind == kind && debt.host == host);
    found.map(|debt| (operation, debt)).ok_or(Ignored::Known)
}

fn warn(board: &Board, id: OperationId, rose: &WarningsRose, draft: &mut Draft<'_>) -> Result<(), Ignored> {
    let operation = operation(board, id)?;
    if operation.phase != Phase::Running || operation.ending.is_some() {
        return Err(Ignored::Known);
    }
    let WarningsRose { hosts, count, before, reason } = rose;
    let message = format!("{count} Warnings on {} nodes, {before} in as much time before; most: {reason}", hosts.len());
    draft.add(Object::Operation(id), rose.clone());
    draft.add(Object::Operation(id), Held { reason: Reason::WarningsRose, message, subject: None });
    Ok(())
}
