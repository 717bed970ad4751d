//! Clocks, what waits in the door, and what is kept of operations that rest.

use beidou_log::memory::MemoryLog;
use beidou_schemas::{
    Topic,
    operation::{
        Actor, AttemptEnd, LockScope, Object, OperationId, OperationType, Order, RetryScope, SuccessRule, Via,
        bundle::{BundleShape, StepShape},
        command::{Command, RequestOperation},
        fact::{AttemptClaimed, AttemptEnded},
    },
    time::HOUR,
};
use futures::FutureExt;
use serde_json::json;
use uuid::Uuid;

use super::*;

#[derive(Clone)]
struct Idle;

impl Hand for Idle {
    async fn act(&self, _: Action) -> Result<Option<Duration>, String> {
        Ok(None)
    }
}

/// A step whose deadline is over as soon as it is claimed.
fn hurried() -> BundleShape {
    let (name, actor, retry) = ("one".to_owned(), Actor::Command, RetryScope::Host);
    let step =
        StepShape { name, actor, mutates: false, deadline_ms: 0, retry, undo: vec![], checks: false, prepare: None };
    BundleShape {
        name: "hurried".into(),
        version: "1.0.0".into(),
        digest: "ab".repeat(32),
        operation_type: OperationType::Command,
        steps: vec![step],
        flow: vec!["one".into()],
        lock: LockScope::None,
        success: SuccessRule { min_percent: 100, max_failed: None },
        batches: Default::default(),
        order: Order::Steps,
        needs_cluster: false,
        machines: None,
        parameters: json!({"type": "object"}),
    }
}

fn request(id: OperationId, kind: &str, machines: serde_json::Value) -> Arrived {
    let spec = json!({"clusterName": "c", "operationType": kind, "operationMachines": machines});
    let spec = serde_json::from_value(spec).unwrap();
    let ask = RequestOperation { name: "n/one".into(), spec, owner: None, why: String::new() }.into();
    let (object, subject) = (Object::Operation(id), "alice".into());
    let command =
        Command { id: Uuid::from_u128(id.0.as_u128() + 100), object, subject, via: Via::Api, time: now(), ask };
    Arrived { command, partition: 0, offset: 0 }
}

#[tokio::test]
async fn what_a_machine_writes_whose_clock_is_behind_is_later_all_the_same() {
    let (log, ahead) = (MemoryLog::new([(Topic::Operation, 1)]), now().plus(HOUR));
    let writer = log.writer(FACTS, "ahead").await.unwrap();
    writer.append(vec![begin(&Board::default(), "ahead", ahead).to_record()]).await.unwrap();
    let opened = open(log, "behind", Faults::default(), ControllersMetrics::default()).await;
    let (keeper, _writing) = opened.unwrap();
    let begun = keeper.look(|board| board.since);
    assert!(begun > ahead && keeper.now() > begun, "{begun}");
}

#[tokio::test]
async fn what_waits_in_the_door_counts_before_what_time_has_made_due() {
    let log = MemoryLog::new([(Topic::Operation, 1)]);
    let opened = open(log, "test", Faults::default(), ControllersMetrics::default()).await;
    let (keeper, mut writing) = opened.unwrap();
    let mut acts = Acts { hand: Idle, running: JoinSet::new(), keys: HashSet::new(), again: HashMap::new() };
    let seen = |seen| Call::Seen(Box::new(seen), oneshot::channel().0);
    writing.take(seen(Seen::Bundle(Box::new(hurried())))).await.unwrap();
    let id = OperationId(Uuid::from_u128(1));
    let arrived = request(id, "Command", json!([{"ip": "10.0.0.1"}]));
    writing.take(Call::Command(Box::new(arrived), None, oneshot::channel().0)).await.unwrap();
    writing.due(&mut acts).await.unwrap();
    let attempt = keeper.look(|board| board.operations[&id].open_attempt().unwrap().id.clone());
    let claimed = AttemptClaimed::new(attempt.clone(), Uuid::from_u128(3));
    writing.take(seen(Seen::Claimed(id, claimed))).await.unwrap();

    let (end, message) = (AttemptEnd::Finished, String::new());
    let ended = AttemptEnded { attempt, end, exit: Some(0), signal: None, message };
    // As that of a runner that has not waited for its answer.
    assert!(keeper.tell(Seen::Ended(id, ended, Default::default())).now_or_never().is_none());
    writing.due(&mut acts).await.unwrap();
    let (stop, end) = keeper.look(|board| {
        let attempt = &board.operations[&id].attempts[0];
        (attempt.stop.clone(), attempt.over.as_ref().map(|over| over.end))
    });
    assert_eq!((stop, end), (None, Some(AttemptEnd::Finished)));
}

#[tokio::test]
async fn what_nobody_could_tell_of_a_command_refuses_it_once_unless_something_else_does() {
    let log = MemoryLog::new([(Topic::Operation, 1)]);
    let opened = open(log, "test", Faults::default(), ControllersMetrics::default()).await;
    let (keeper, mut writing) = opened.unwrap();
    let bundle = Call::Seen(Box::new(Seen::Bundle(Box::new(hurried()))), oneshot::channel().0);
    writing.take(bundle).await.unwrap();
    for (number, kind, field) in [(1, "Command", "silent"), (2, "Reboot", "operationType")] {
        let id = OperationId(Uuid::from_u128(number));
        let arrived = request(id, kind, json!([{"name": "n1"}]));
        let before = *keeper.changes().borrow();
        for _ in 0..2 {
            let untold = Some(Refused::new("silent", "n1", "once it answers"));
            writing.take(Call::Command(Box::new(arrived.clone()), untold, oneshot::channel().0)).await.unwrap();
            assert_eq!(keeper.look(|board| board.refused[&id.0].field.clone()), field);
            assert_eq!(keeper.look(|board| board.refused.len()), number as usize);
        }
        assert_eq!(*keeper.changes().borrow(), before + 1, "it is refused once");
    }
}

/// The facts of a recorded run.
const FIRST: &str = include_str!("../../../lib/model/golden/operation/first.log");

#[tokio::test]
async fn what_rests_has_no_details_here_and_is_as_the_facts_say_otherwise() {
    let facts: Vec<Fact> = FIRST.lines().map(|line| Fact::from_json(line.as_bytes()).unwrap()).collect();
    let log = MemoryLog::new([(Topic::Operation, 1)]);
    let writer = log.writer(FACTS, "before").await.unwrap();
    writer.append(facts.iter().map(Fact::to_record).collect()).await.unwrap();
    let (keeper, _writing) = open(log, "test", Faults::default(), ControllersMetrics::default()).await.unwrap();
    let whole = Board::fold(&facts).operations;
    keeper.look(|board| {
        assert!(board.operations.keys().eq(whole.keys()));
        for run in whole.values() {
            let mut found = board.operations[&run.id].clone();
            assert!(found.changes.is_empty() && found.attempts.iter().all(|attempt| attempt.results.is_empty()));
            found.restore(run.clone());
            assert_eq!(found, *run);
        }
    });
}
