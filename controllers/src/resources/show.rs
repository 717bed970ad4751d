//! What the board says, as the status of a resource. Pure: the same board gives the same status.

use beidou_crds::{AutoOperationTaskStatus, Condition, HostCounters, LogPosition, OperationStatus};
use beidou_model::operation::{Board, RefusedObject, view};
use beidou_schemas::{
    Micros, Topic,
    operation::{HostState, OperationId, Phase, Reason, TaskId},
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

use super::wish::{Stated, is_edited};

/// Texts for people end here: the log has the whole.
const LONGEST_MESSAGE: usize = 1024;

/// The status of an operation; none while nothing is known of it.
pub(super) fn operation(board: &Board, stated: &Stated, old: &[Condition], now: Micros) -> Option<OperationStatus> {
    let found = board.operations.get(&OperationId(stated.uid)).filter(|_| !board.refused.contains_key(&stated.uid));
    let Some(found) = found else {
        let Unmade { phase, reason, message, log, conditions } = unmade(board, stated, old, now)?;
        let observed_generation = Some(stated.generation);
        let others = OperationStatus::default();
        return Some(OperationStatus { phase, reason, message, observed_generation, log, conditions, ..others });
    };
    let summary = view::summary(board, found, now);
    let count = |state: HostState| {
        let step = found.present().map(|stage| stage.step as usize).or(found.plan.steps.len().checked_sub(1));
        step.and_then(|step| found.cells.get(step))
            .map_or(0, |cells| cells.iter().filter(|cell| cell.state == state).count() as u32)
    };
    let running = count(HostState::Running);
    let hosts = HostCounters {
        total: summary.hosts,
        ok: summary.through,
        running,
        failed: summary.bad,
        waiting: summary.hosts.saturating_sub(summary.through + summary.bad + running),
    };
    let (text, edited, reason) = (clip(&summary.message), is_edited(board, stated), summary.reason);
    Some(OperationStatus {
        phase: Some(found.phase.name().into()),
        reason: reason.map(|reason| reason.name().into()),
        message: Some(text.clone()).filter(|text| !text.is_empty()),
        step: found.present().filter(|_| !found.phase.is_over()).map(|stage| found.step(stage.step).name.clone()),
        observed_generation: Some(stated.generation),
        hosts: Some(hosts),
        log: Some(position(found.seq, found.epoch)),
        conditions: conditions(found.phase, reason, &text, !edited, stated.generation, old, found.since),
    })
}

/// The status of a task; none while nothing is known of it.
pub(super) fn task(board: &Board, stated: &Stated, old: &[Condition], now: Micros) -> Option<AutoOperationTaskStatus> {
    let found = board.tasks.get(&TaskId(stated.uid)).filter(|_| !board.refused.contains_key(&stated.uid));
    let Some(found) = found else {
        let Unmade { phase, reason, message, log, conditions } = unmade(board, stated, old, now)?;
        let observed_generation = Some(stated.generation);
        return Some(AutoOperationTaskStatus {
            phase,
            reason,
            message,
            observed_generation,
            log,
            conditions,
            ..AutoOperationTaskStatus::default()
        });
    };
    let summary = view::task_summary(found);
    let (text, edited, reason) = (clip(&summary.message), is_edited(board, stated), summary.reason);
    Some(AutoOperationTaskStatus {
        phase: Some(found.phase.name().into()),
        reason: reason.map(|reason| reason.name().into()),
        message: Some(text.clone()).filter(|text| !text.is_empty()),
        step: found.present().filter(|_| !found.phase.is_over()).map(|(_, step)| step.name()),
        observed_generation: Some(stated.generation),
        machines: Some(found.spec.operation_task_machines.len() as u32),
        operation: found.present_operation().map(|operation| operation.to_string()),
        log: Some(position(found.seq, found.epoch)),
        conditions: conditions(found.phase, reason, &text, !edited, stated.generation, old, found.since),
    })
}

/// What is said of what was refused, or is not understood.
struct Unmade {
    phase: Option<String>,
    reason: Option<String>,
    message: Option<String>,
    log: Option<LogPosition>,
    conditions: Vec<Condition>,
}

/// What this version does not understand is told without a phase: it can still be edited, and a later version may take it up.
fn unmade(board: &Board, stated: &Stated, old: &[Condition], now: Micros) -> Option<Unmade> {
    let refused = board.refused.get(&stated.uid);
    let (phase, message, at) = match refused {
        Some(refused) => (Phase::Failed, refusal(refused), refused.at),
        None => (Phase::Pending, clip(stated.wish.as_ref().err()?), now),
    };
    let reason = Reason::SpecRefused;
    Some(Unmade {
        conditions: conditions(phase, Some(reason), &message, false, stated.generation, old, at),
        phase: refused.map(|_| phase.name().into()),
        reason: Some(reason.name().into()),
        message: Some(message),
        log: refused.map(|_| position(1, board.epoch)),
    })
}

fn refusal(refused: &RefusedObject) -> String {
    let RefusedObject { field, value, allowed, .. } = refused;
    clip(&format!("{field} is {value:?}, allowed: {allowed}"))
}

fn position(seq: u64, epoch: u64) -> LogPosition {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    LogPosition { topic: Topic::Operation.name().into(), seq: number(seq), epoch: number(epoch) }
}

fn clip(text: &str) -> String {
    text.chars().take(LONGEST_MESSAGE).collect()
}

/// Accepted, Progressing and Succeeded. A condition that stays as it was keeps its time.
fn conditions(
    phase: Phase,
    reason: Option<Reason>,
    message: &str,
    accepted: bool,
    generation: i64,
    old: &[Condition],
    since: Micros,
) -> Vec<Condition> {
    let word = reason.map_or(phase.name(), Reason::name);
    let progresses = matches!(phase, Phase::Running | Phase::Cancelling);
    let succeeded = match phase {
        Phase::Succeeded => "True",
        Phase::Failed | Phase::Cancelled => "False",
        Phase::Pending | Phase::Running | Phase::Held | Phase::Cancelling | Phase::Unknown => "Unknown",
    };
    let refused = match reason {
        Some(Reason::SpecRefused) => ("SpecRefused", message),
        _ => ("EditedAfterStart", "spec was changed and stays as it was accepted: make a new one, or cancel it"),
    };
    let truth = |holds: bool| if holds { "True" } else { "False" };
    [
        ("Accepted", truth(accepted), if accepted { ("Accepted", "") } else { refused }),
        ("Progressing", truth(progresses), (word, message)),
        ("Succeeded", succeeded, (word, message)),
    ]
    .map(|(kind, status, (reason, message))| {
        let before = old.iter().find(|one| one.type_ == kind && one.status == status);
        let at = Timestamp::from_microsecond(since.0).unwrap_or_default();
        // The API server keeps whole seconds.
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        Condition {
            type_: kind.into(),
            status: status.into(),
            reason: reason.into(),
            message: message.into(),
            observed_generation: Some(generation),
            last_transition_time: before.map_or(Time(at), |before| before.last_transition_time.clone()),
        }
    })
    .into()
}

#[cfg(test)]
mod tests {
    use beidou_model::operation::{Arrived, Seen, begin, built_in, decide, observe};
    use beidou_schemas::operation::{ClusterRules, Freeze, Object, WISHED};
    use uuid::Uuid;

    use super::{
        super::wish::{Wish, commands},
        *,
    };

    const NOW: Micros = Micros(1_795_444_800_000_000);

    fn stated() -> Stated {
        let uid = Uuid::from_u128(7);
        let spec = serde_json::from_value(serde_json::json!({
            "clusterName": "c", "operationType": "Uncordon", "operationFlow": ["uncordon"],
            "operationMachines": [{"ip": "10.0.0.11"}],
        }))
        .unwrap();
        let (object, wish) = (Object::Operation(OperationId(uid)), Ok(Wish::Operation(Box::new(spec), None)));
        let (name, generation) = ("n/a".into(), 1);
        Stated { object, uid, name, generation, deleted: false, cancel: false, suspend: false, wish }
    }

    #[test]
    fn what_it_waits_for_stands_in_the_status() {
        let mut board = Board::default();
        let first = begin(&board, "test", NOW);
        board.apply(&first);
        let freeze = Freeze { from: NOW.plus(-1), until: NOW.plus(1_000_000), why: "holidays".into() };
        let rules = ClusterRules { freezes: vec![freeze], ..ClusterRules::default() };
        for seen in [Seen::Cluster("c".into(), Some(rules)), Seen::Bundle(Box::new(built_in()))] {
            observe(&board, &seen, NOW).unwrap().iter().for_each(|fact| _ = board.apply(fact));
        }
        assert_eq!(operation(&board, &stated(), &[], NOW), None, "nothing is known of it yet");
        let command = commands(&board, &stated(), NOW).remove(0);
        let arrived = Arrived { command, partition: WISHED.partition, offset: 0 };
        decide(&board, &arrived, NOW).unwrap().iter().for_each(|fact| _ = board.apply(fact));
        let status = operation(&board, &stated(), &[], NOW).unwrap();
        assert_eq!((status.phase.as_deref(), status.reason.as_deref()), (Some("Pending"), Some("Frozen")));
        assert!(status.message.unwrap().contains("holidays"));
        assert!(status.conditions.iter().any(|one| one.type_ == "Progressing" && one.reason == "Frozen"));
    }

    #[test]
    fn what_is_not_understood_is_told() {
        let odd = Stated { wish: Err("\"ScaleSideways\" is not known".into()), ..stated() };
        let status = operation(&Board::default(), &odd, &[], NOW).unwrap();
        assert_eq!((status.phase, status.reason.as_deref()), (None, Some("SpecRefused")));
        assert!(status.message.unwrap().contains("ScaleSideways"));
        assert!(status.conditions.iter().any(|one| one.type_ == "Accepted" && one.status == "False"));
        let later = operation(&Board::default(), &odd, &status.conditions, NOW.plus(9_000_000)).unwrap();
        assert_eq!(later.conditions, status.conditions, "it is written once");
    }
}
