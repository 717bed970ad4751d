//! The fault matrix: whatever is killed, cut, slowed, paused, filled, stepped or refused, at whatever load, nothing is lost,
//! nothing is stored twice, and the gaps that are reported are the gaps that were made.
//!
//! One short pass of each row here, each at one load; all of them at all loads, and for as long as faults last at night, by
//! `BEIDOU_MATRIX_ROUNDS=3`, which is what `make nightly` does. Three installations share the rows and run side by side:
//! each of them mostly waits.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "test code")]

use std::{env, time::Duration};

use beidou_tests::faults::chaos::{
    Course,
    matrix::{Cell, Load, Measure, Row, cells},
};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};

/// What ends or stands still; each row with the load of its short pass, one that makes it hard.
const PROCESSES: [(Row, Load); 8] = [
    (Row::IngestKilled, Load::Burst),
    (Row::ProjectorKilled, Load::Steady),
    (Row::QueryApiKilled, Load::Burst),
    (Row::EngineKilled, Load::Steady),
    (Row::BrokerKilled, Load::Burst),
    (Row::IngestPaused, Load::Steady),
    (Row::BrokerAway, Load::Steady),
    (Row::ProjectorPaused, Load::Steady),
];

/// What lies between them, what they store in, and the time.
const SURROUNDINGS: [(Row, Load); 12] = [
    (Row::StoreRefuses, Load::Steady),
    (Row::ApiCut, Load::Burst),
    (Row::KafkaCut, Load::Steady),
    (Row::StoreCut, Load::Steady),
    (Row::ApiSlow, Load::Burst),
    (Row::KafkaSlow, Load::Steady),
    (Row::EngineCut, Load::Steady),
    (Row::EngineSlow, Load::Burst),
    (Row::StoreSlow, Load::Burst),
    (Row::StoreUnclear, Load::Steady),
    (Row::ClockSteps, Load::Idle),
    (Row::ApiCutTooLong, Load::Steady),
];

/// What needs a log in files.
const DISK: [(Row, Load); 1] = [(Row::DiskFull, Load::Steady)];

fn course(seed: u64) -> Course {
    // The window between PENDING and DONE is a few milliseconds; held open, a fault can be aimed at it.
    let environment = vec![("BEIDOU_FAIL_POINT_FILE", "../steps".into()), ("BEIDOU_FAIL_POINT_HOLD_MS", "40".into())];
    Course {
        seed,
        kills: 0,
        losses: 0,
        rate: 100.0,
        only: None,
        aim: None,
        fleet: false,
        network: true,
        keeping: false,
        patience: Duration::from_secs(180),
        environment,
    }
}

/// The same with the log in files.
fn small(seed: u64) -> Course {
    let mut course = Course { network: false, ..course(seed) };
    course.environment.push(("BEIDOU_FAIL_POINT_FULL_DISK", "../full".into()));
    course
}

/// The rows of these names, with commas between; where nothing is named, all of them.
fn named(names: &str) -> Result<Vec<Row>, String> {
    let row = |name: &str| {
        let found = Row::ALL.into_iter().find(|row| format!("{row:?}") == name);
        found.ok_or_else(|| format!("{name:?} is no row; rows: {:?}", Row::ALL))
    };
    if names.is_empty() { Ok(Row::ALL.into()) } else { names.split(',').map(row).collect() }
}

async fn pass(course: Course, measure: Measure, all: &[(Row, Load)]) {
    // For whoever looks for a fault in one row.
    let wanted = named(&env::var("BEIDOU_MATRIX_ROWS").unwrap_or_default()).unwrap();
    let all: Vec<_> = all.iter().filter(|(row, _)| wanted.contains(row)).copied().collect();
    if all.is_empty() {
        return;
    }
    let seed = course.seed;
    let done: Vec<Cell> = cells(course, measure, &all, |cell| println!("seed {seed}: {cell}")).await.unwrap();
    let wrong: Vec<&Cell> = done.iter().filter(|cell| !cell.wrong.is_empty()).collect();
    assert!(wrong.is_empty(), "seed {seed}: {wrong:#?}");
    assert_eq!(done.len(), all.len());
    // Where nothing is lost, nothing is proven about losses; and what loses nothing by its nature has lost nothing.
    let loses = |row| matches!(row, Row::ApiCutTooLong | Row::ClockSteps);
    for Cell { row, lost, .. } in &done {
        assert_eq!(*lost > 0, loses(*row), "{row:?}: {done:#?}");
    }
}

/// These rows, as briefly as `make test` has them, or as often as at night.
async fn rows(on: fn(u64) -> Course, rows: &[(Row, Load)]) {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("BEIDOU_FAULT_SEED").unwrap_or(1);
    let Some(rounds) = number("BEIDOU_MATRIX_ROUNDS") else {
        let measure = Measure { away: Duration::from_secs(6), still: Duration::ZERO, storm: 400 };
        return pass(on(seed), measure, rows).await;
    };
    // Longer than three heartbeats, a session, and the patience with a silent partition.
    let measure = Measure { away: Duration::from_secs(60), still: Duration::from_secs(12), storm: 2000 };
    for round in 0..rounds {
        for (place, load) in Load::ALL.into_iter().enumerate() {
            let seed = seed + 10 * round + place as u64;
            let mut all: Vec<_> = rows.iter().map(|(row, _)| (*row, load)).collect();
            all.shuffle(&mut StdRng::seed_from_u64(seed));
            pass(on(seed), measure, &all).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_double_or_hidden_whatever_ends_or_stands_still() {
    rows(course, &PROCESSES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_double_or_hidden_whatever_happens_around() {
    rows(course, &SURROUNDINGS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_double_or_hidden_while_the_disk_is_full() {
    rows(small, &DISK).await;
}

#[test]
fn each_row_is_passed_once() {
    let mut all: Vec<Row> = PROCESSES.into_iter().chain(SURROUNDINGS).chain(DISK).map(|(row, _)| row).collect();
    all.sort_unstable();
    assert_eq!(all, Row::ALL);
}

#[test]
fn a_row_that_is_not_there_is_not_passed() {
    assert_eq!(named("ApiCut,KafkaCut"), Ok(vec![Row::ApiCut, Row::KafkaCut]));
    assert_eq!(named("").unwrap(), Row::ALL);
    assert!(named("ApiCut,KafkaCutt").unwrap_err().starts_with("\"KafkaCutt\" is no row"));
}
