//! What runners told is found again after it was forgotten, outcomes are told apart, and what was shed is told as before.

use std::{net::TcpListener, sync::Arc};

use beidou_log::{Log, StoredRecord, memory::MemoryLog};
use beidou_schemas::{
    Micros, Topic,
    operation::{
        FACTS, Object, OperationId, Phase, Reason, SAID, StepPlan,
        fact::{Body, Cause, CommandRefused, Fact, Finished, Held, Notified, Resumed, RetryAsked, StepSkipped},
        said::Said,
    },
    runner::{TaskEvent, TaskEventKind},
};
use beidou_service::{CancellationToken, Readiness};
use uuid::Uuid;

use super::{Known, Operations, Outcome, known::MOST_DETAILS, locked};
use crate::{app::App, routes::router};

/// The facts of a recorded run.
const FIRST: &str = include_str!("../../../lib/model/golden/operation/first.log");
const TOPICS: [(Topic, u32); 5] = [
    (Topic::KubeEvent, 1),
    (Topic::Ledger, 3),
    (Topic::OperationCommand, 2),
    (Topic::Operation, 1),
    (Topic::OperationTask, 1),
];

fn said(operation: u128, attempt: &str, epoch: u64, from: u64, to: u64) -> Said {
    let events = (from..=to).map(|seq| TaskEvent::new(seq, Micros(0), TaskEventKind::Note)).collect();
    let (operation, attempt) = (OperationId(Uuid::from_u128(operation)), attempt.parse().unwrap());
    Said { operation, attempt, step: "preCheck".into(), batch: 0, number: 1, epoch, time: Micros(0), events }
}

#[tokio::test]
async fn forgotten_places_are_found_again() {
    let log: Arc<dyn Log> = MemoryLog::with_holes(TOPICS);
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
    let held = || Body::from(Held { reason: Reason::HeldOnRequest, message: "x".into(), subject: None });
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

fn recorded() -> Vec<Fact> {
    FIRST.lines().map(|line| Fact::from_json(line.as_bytes()).unwrap()).collect()
}

async fn answer(client: &reqwest::Client, url: &str) -> String {
    let answer = client.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{url}");
    let text = answer.text().await.unwrap();
    // An export says when it was made, and its last line depends on it.
    let same = |line: &&str| !line.contains("\"exported\"") && !line.contains("\"kind\":\"end\"");
    text.lines().filter(same).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn what_was_shed_is_told_as_before_by_every_call() {
    let log: Arc<dyn Log> = MemoryLog::with_holes(TOPICS);
    let records = recorded().iter().map(Fact::to_record).collect();
    log.writer(FACTS, "test").await.unwrap().append(records).await.unwrap();
    let (app, stop) = (App::for_tests(log), CancellationToken::new());
    tokio::spawn(app.operations.clone().follow(Readiness::default(), stop.clone()));
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/api/v1", listener.local_addr().unwrap());
    let server = axum_server::from_tcp(listener).unwrap();
    tokio::spawn(server.serve(router(app.clone()).into_make_service()));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let of_run = [
        "",
        "/matrix?t=2026-11-23T14:45:00Z",
        "/matrix?t=2026-11-24T00:00:00Z",
        "/matrix/changes?to=2026-11-24T00:00:00Z",
        "/hosts?group=error&t=2026-11-23T14:45:00Z",
        "/hosts?group=error&t=2026-11-24T00:00:00Z",
        "/log",
        "/facts?limit=1000",
        "/stream?after=0",
        "/export",
    ];
    let mut urls: Vec<String> =
        of_run.iter().map(|rest| format!("{url}/operations/{}{rest}", Uuid::from_u128(1))).collect();
    urls.extend(
        ["", "/facts?limit=1000", "/stream?after=0"].map(|rest| format!("{url}/tasks/{}{rest}", Uuid::from_u128(9))),
    );
    urls.extend(["/operations", "/tasks"].map(|rest| format!("{url}{rest}")));
    let mut before = Vec::new();
    for url in &urls {
        before.push(answer(&client, url).await);
    }
    for (url, before) in urls.iter().zip(&before) {
        locked(&app.operations.known).shed(0);
        let bare = app.operations.glance(|known| {
            let mut runs = known.board.operations.values();
            runs.all(|run| run.changes.is_empty() && known.heads(run.id.0).is_empty())
        });
        assert!(bare, "{url}");
        assert_eq!(answer(&client, url).await, *before, "{url}");
    }
    stop.cancel();
}

/// A run whose sixty steps are skipped, until it rests.
fn skipped(run: u128, hosts: usize) -> Vec<Fact> {
    let accepted = recorded().into_iter().find_map(|fact| match fact.body {
        Body::Accepted(accepted) => Some(accepted),
        _ => None,
    });
    let mut accepted = accepted.unwrap();
    let step = accepted.plan.steps[0].clone();
    let names: Vec<String> = (0..60).map(|step| format!("step{step}")).collect();
    accepted.plan.hosts = (0..hosts).map(|host| host.to_string()).collect();
    accepted.plan.steps = names.iter().map(|name| StepPlan { name: name.clone(), ..step.clone() }).collect();
    accepted.plan.stages.clear();
    let skip = |step: String| Body::from(StepSkipped { step, subject: String::new(), why: String::new() });
    let (phase, reason) = (Phase::Cancelled, Reason::CancelledOnRequest);
    let mut bodies: Vec<Body> = vec![accepted.into()];
    bodies.extend(names.into_iter().map(skip));
    let of_seq = bodies.len() as u64 + 1;
    bodies.extend([Finished { phase, reason, message: String::new() }.into(), Notified { of_seq }.into()]);
    let object = Object::Operation(OperationId(Uuid::from_u128(run)));
    let facts = (1..).zip(bodies);
    facts.map(|(seq, body)| Fact { object, seq, epoch: 1, time: Micros(seq as i64), cause: None, body }).collect()
}

#[test]
fn a_retry_is_told_once_and_as_one_also_where_no_runner_had_come() {
    let accepted = recorded().into_iter().find(|fact| matches!(fact.body, Body::Accepted(_))).unwrap().body;
    let resumed = |why: &str| Body::from(Resumed { subject: Some("dev".into()), why: why.into() });
    let retried = RetryAsked { stage: 0, hosts: Vec::new(), subject: "dev".into(), why: "x".into() };
    let bodies = [
        (1, accepted),
        (2, resumed("retry: the rack is back")),
        (3, resumed("retry")),
        (4, resumed("retry: x")),
        (4, retried.into()),
        (5, resumed("as it is")),
    ];
    let (mut known, id) = (Known::default(), OperationId(Uuid::from_u128(1)));
    for (seq, (time, body)) in (1..).zip(bodies) {
        known.take(seq, &Fact { object: Object::Operation(id), seq, epoch: 1, time: Micros(time), cause: None, body });
    }
    let said: Vec<_> = known.said(id).skip(1).map(|said| (said.act, &*said.why)).collect();
    assert_eq!(said, [("retry", "the rack is back"), ("retry", ""), ("retry", "x"), ("resume", "as it is")]);
}

#[test]
fn details_of_what_rests_are_bounded_and_the_newest_stay() {
    let operations = Operations::new(MemoryLog::new(TOPICS));
    let take = |facts: Vec<Fact>| {
        for (offset, fact) in (0..).zip(facts) {
            operations.take(FACTS, &StoredRecord { offset, record: fact.to_record() }).unwrap();
        }
    };
    let whole = || -> Vec<u128> {
        operations.glance(|known| {
            let runs = known.board.operations.values().filter(|run| !run.changes.is_empty());
            runs.map(|run| run.id.0.as_u128()).collect()
        })
    };
    (1..=5).for_each(|run| take(skipped(run, 4000)));
    assert_eq!(whole(), [2, 3, 4, 5]);
    let details = operations.glance(|known| {
        let runs = known.board.operations.values();
        runs.map(|run| run.changes.len() + known.heads(run.id.0).len()).sum::<usize>()
    });
    assert!(details <= MOST_DETAILS, "{details}");
    // What goes on is not shed, nor is the last one, however large it is.
    let mut goes_on = skipped(6, 4000);
    goes_on.pop();
    take(goes_on);
    take(skipped(7, 20_000));
    assert_eq!(whole(), [6, 7]);
}
