//! What runners told is found again after it was forgotten, and outcomes are told apart.

use std::sync::Arc;

use beidou_log::{Log, memory::MemoryLog};
use beidou_schemas::{
    Micros, Topic,
    operation::{
        Object, OperationId, SAID,
        fact::{Body, Cause, CommandRefused, Fact, Held},
        said::Said,
    },
    runner::{TaskEvent, TaskEventKind},
};
use beidou_service::{CancellationToken, Readiness};
use uuid::Uuid;

use super::{Known, Operations, Outcome, locked};

fn said(operation: u128, attempt: &str, epoch: u64, from: u64, to: u64) -> Said {
    let events = (from..=to).map(|seq| TaskEvent::new(seq, Micros(0), TaskEventKind::Note)).collect();
    let (operation, attempt) = (OperationId(Uuid::from_u128(operation)), attempt.parse().unwrap());
    Said { operation, attempt, step: "preCheck".into(), batch: 0, number: 1, epoch, time: Micros(0), events }
}

#[tokio::test]
async fn forgotten_places_are_found_again() {
    let topics = [(Topic::OperationCommand, 2), (Topic::Operation, 1), (Topic::OperationTask, 1)];
    let log: Arc<dyn Log> = MemoryLog::with_holes(topics);
    let operations = Operations::new(log.clone());
    let stop = CancellationToken::new();
    tokio::spawn(operations.clone().follow(Readiness::default(), stop.clone()));
    let all = [
        said(1, "a", 1, 1, 3),
        said(2, "b", 1, 1, 9),
        said(1, "a", 1, 4, 4),
        said(1, "a", 2, 4, 5),
        said(1, "a", 2, 4, 6),
        said(1, "a", 1, 4, 9),
        said(2, "b", 1, 10, 10),
    ];
    log.writer(SAID, "test").await.unwrap().append(all.iter().map(Said::to_record).collect()).await.unwrap();
    let (one, two) = (OperationId(Uuid::from_u128(1)), OperationId(Uuid::from_u128(2)));
    let known = operations.told(one).await.unwrap();
    assert_eq!(known.offsets().len(), 2);
    locked(&operations.said).forget(two, 2);
    assert_eq!(operations.told(one).await.unwrap(), known, "found by a scan");
    let page = operations.said(&known, (0, 1), None, |_, _| true, 100).await.unwrap();
    assert_eq!(page.events.iter().map(|(_, event)| event.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert!(page.events.iter().all(|(said, event)| event.seq < 4 || said.epoch == 2), "the later writer counts");
    assert_eq!(operations.told(OperationId(Uuid::nil())).await.unwrap().offsets(), Vec::<u64>::new());
    stop.cancel();
}

#[test]
fn the_first_fact_of_a_command_says_what_came_of_it() {
    let object = Object::Operation(OperationId(Uuid::from_u128(1)));
    let cause = |command: u128| Some(Cause { command: Uuid::from_u128(command), partition: 0, offset: 0 });
    let held = || {
        Body::from(Held {
            reason: beidou_schemas::operation::Reason::HeldOnRequest,
            message: "x".into(),
            subject: None,
        })
    };
    let refused =
        CommandRefused { subject: "s".into(), field: "phase".into(), value: "Held".into(), allowed: "Running".into() };
    let fact = |object, seq, cause, body| Fact { object, seq, epoch: 1, time: Micros(seq as i64), cause, body };
    let mut known = Known::default();
    known.take(0, &fact(Object::Board, 1, cause(5), refused.into()));
    assert!(
        matches!(known.outcome(Uuid::from_u128(5), Some(object)), Some(Outcome::Refused { field, .. }) if field == "phase")
    );
    assert_eq!(known.outcome(Uuid::from_u128(6), Some(object)), None);
    // Facts of a writer that was left behind are not heard.
    known.board.epoch = 3;
    known.take(1, &fact(Object::Board, 2, cause(7), held()));
    assert_eq!(known.outcome(Uuid::from_u128(7), Some(object)), None);
    assert!(known.facts(object.id()).is_empty());
}
