//! A recorded log folds to the same board for ever. `BEIDOU_RECORD=1` records both anew: only for a new log beside the old
//! ones, never to make a changed fold pass.

use beidou_schemas::operation::{
    Object, OperationId, Phase, TaskId, Via,
    command::{Answer, Ask, Retry, Word},
    fact::Fact,
};
use uuid::Uuid;

use super::{setting, world::World};
use crate::operation::{Board, view};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/operation");
const LOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/operation/first.log");
const BOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/operation/first.json");

/// A task through all its steps, and an operation that people hold, retry and cancel.
fn record() -> World {
    let mut world = World::new(20, 94);
    let (task, run) = (TaskId(Uuid::from_u128(9)), OperationId(Uuid::from_u128(1)));
    let (object, ask) = setting::request_task(task, setting::task_spec());
    world.ask(object, "dev", ask);
    let (object, ask) = setting::request(run, setting::scale_up_spec(1..6), None);
    world.ask(object, "dev", ask);
    for round in 0..4000 {
        let goes_on = world.step();
        let stands: Vec<Object> = world
            .board
            .operations
            .values()
            .filter(|run| run.phase.stands_still())
            .map(|run| Object::Operation(run.id))
            .collect();
        for object in stands {
            if !world.ask(object, "boss", Ask::Retry(Retry::default())) {
                world.ask(object, "boss", Ask::Resume(Word::default()));
            }
        }
        if world.board.tasks[&task]
            .present()
            .is_some_and(|(_, step)| step.gate.as_ref().is_some_and(|g| g.answer.is_none()))
        {
            let answer = Ask::Approve(Answer { ticket: "CHG-4711".into(), why: String::new() });
            let command = setting::command(world.commands, Object::Task(task), "tickets", answer);
            world.send(beidou_schemas::operation::command::Command { via: Via::Callback, ..command });
        }
        if round == 60 {
            world.ask(Object::Operation(run), "boss", Ask::Cancel(Word { why: "the rack is dark".into() }));
        }
        if !goes_on {
            break;
        }
    }
    world
}

#[test]
fn the_recorded_log_folds_to_the_recorded_board() {
    if std::env::var_os("BEIDOU_RECORD").is_some() {
        let world = record();
        assert_eq!(world.board.tasks[&TaskId(Uuid::from_u128(9))].phase, Phase::Succeeded, "worth to be kept");
        let lines: Vec<String> = world.log.iter().map(|fact| String::from_utf8(fact.to_json()).unwrap()).collect();
        std::fs::create_dir_all(std::path::Path::new(LOG).parent().unwrap()).unwrap();
        std::fs::write(LOG, lines.join("\n") + "\n").unwrap();
        std::fs::write(BOARD, serde_json::to_string_pretty(&world.board).unwrap() + "\n").unwrap();
    }
    for name in ["first", "hosts", "kills"] {
        folds(name);
    }
}

/// `first` was made by the world of these tests; `hosts` and `kills` by the tests of operations on real hosts, which write such
/// files with `BEIDOU_RECORD=FOLDER`.
fn folds(name: &str) {
    let log = std::fs::read_to_string(format!("{FOLDER}/{name}.log")).unwrap();
    let facts: Vec<Fact> = log.lines().map(|line| Fact::from_json(line.as_bytes()).unwrap()).collect();
    let board = serde_json::to_value(Board::fold(&facts)).unwrap();
    let golden = std::fs::read_to_string(format!("{FOLDER}/{name}.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&golden).unwrap();
    assert_eq!(board, golden, "{name}");
    for (line, fact) in log.lines().zip(&facts) {
        assert_eq!(line.as_bytes(), fact.to_json(), "{name}: what is read is what was written");
    }
}

#[test]
fn what_rests_is_shed_and_told_in_short_as_before() {
    let log = std::fs::read_to_string(LOG).unwrap();
    let facts: Vec<Fact> = log.lines().map(|line| Fact::from_json(line.as_bytes()).unwrap()).collect();
    let (whole, mut bare) = (Board::fold(&facts), Board::default());
    for fact in &facts {
        bare.apply(fact);
        bare.shed(fact.object);
    }
    for run in whole.operations.values() {
        let found = &bare.operations[&run.id];
        let results: usize = found.attempts.iter().map(|attempt| attempt.results.len()).sum();
        assert_eq!((found.changes.len(), results), (0, 0), "{}", run.name);
        let now = run.updated;
        assert_eq!(view::summary(&bare, found, now), view::summary(&whole, run, now), "{}", run.name);
    }
    let read: Board = serde_json::from_str(&serde_json::to_string(&bare).unwrap()).unwrap();
    assert_eq!(read, bare, "a snapshot of it is one");
}
