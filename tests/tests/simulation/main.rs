//! Ingest, log, projector and archive in one thread, in virtual time, under faults that follow from a seed.
//!
//! ```text
//!  API server (simulator) ── network ─► ingest ─► log (memory twin) ─► projector ─► tables (twin) and archive
//!      │                        ▲                    ▲                     ▲              ▲
//!      │ what really happened   └─── weather, kills, pauses, by the seed ──┴──────────────┘
//!      └──────────────────────────────► verdict ◄── what table, archive and coverage say
//! ```
//!
//! All of ingest and projector is the product's own code, from kube's client to the statements that go to ClickHouse. What is
//! outside of them stands at their edges: `door` the network to an API server, `broker` the log, `table` the tables, `bucket`
//! the archive's objects, `hands` the life of a process.
//!
//! A seed goes the same way each time; two runs of one have the same trace. `BEIDOU_SIMULATION_SEEDS=n` runs so many,
//! `BEIDOU_SIMULATION_SEED=n` that one alone and prints its trace, `BEIDOU_SIMULATION_BUG=name` plants a bug in it.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "test code")]

mod broker;
mod bucket;
mod chance;
mod course;
mod door;
mod hands;
mod process;
mod table;
mod trace;
mod verdict;
mod weather;
mod world;

use std::{
    env,
    sync::atomic::{AtomicU64, Ordering},
};

use course::{Course, Planted};
use world::{Outcome, run};

/// Seeds in `make test`; `make nightly` asks for more.
const SEEDS: u64 = 200;
/// Each bug shows within so many seeds.
const SEEDS_FOR_A_BUG: u64 = 200;

fn asked(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

fn planted() -> Planted {
    let name = env::var("BEIDOU_SIMULATION_BUG").unwrap_or_default();
    Planted::all().find(|bug| bug.name() == name).unwrap_or(Planted::Nothing)
}

/// Runs seeds on all cores, and hands each outcome over; the first that is not taken ends it.
fn each(seeds: std::ops::Range<u64>, planted: Planted, take: impl Fn(u64, Outcome) -> bool + Sync) {
    let next = AtomicU64::new(seeds.start);
    let work = || loop {
        let seed = next.fetch_add(1, Ordering::SeqCst);
        if seed >= seeds.end || !take(seed, run(Course::of(seed, planted))) {
            next.store(seeds.end, Ordering::SeqCst);
            return;
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for other in others {
            other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
}

fn told(seed: u64, planted: Planted, wrong: &[String]) -> String {
    let bug = match planted {
        Planted::Nothing => String::new(),
        bug => format!("BEIDOU_SIMULATION_BUG={} ", bug.name()),
    };
    format!(
        "seed {seed}: {wrong:#?}\nagain, alone, with its trace: BEIDOU_SIMULATION_SEED={seed} {bug}cargo test -p beidou-tests \
         --test simulation no_seed -- --nocapture"
    )
}

#[test]
fn no_seed_loses_doubles_or_hides_anything() {
    if let Some(seed) = asked("BEIDOU_SIMULATION_SEED") {
        let outcome = run(Course::of(seed, planted()));
        println!("{:#?}\n{}", Course::of(seed, planted()), outcome.trace.join("\n"));
        assert!(outcome.wrong.is_empty(), "{}", told(seed, planted(), &outcome.wrong));
        return;
    }
    let (states, absent, failed) = (AtomicU64::new(0), AtomicU64::new(0), std::sync::Mutex::new(Vec::new()));
    let seeds = asked("BEIDOU_SIMULATION_SEEDS").unwrap_or(SEEDS);
    each(0..seeds, Planted::Nothing, |seed, outcome| {
        states.fetch_add(outcome.states as u64, Ordering::SeqCst);
        absent.fetch_add(outcome.absent as u64, Ordering::SeqCst);
        if !outcome.wrong.is_empty() {
            failed.lock().unwrap().push(told(seed, Planted::Nothing, &outcome.wrong));
        }
        true
    });
    let failed = failed.into_inner().unwrap();
    println!("{seeds} seeds, {states:?} states, {absent:?} of them lost on purpose");
    assert!(failed.is_empty(), "{} of {seeds} seeds:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn a_seed_goes_the_same_way_each_time() {
    for seed in 1000..1006 {
        let [one, other] = [(); 2].map(|()| run(Course::of(seed, Planted::Nothing)));
        let differs = one.trace.iter().zip(&other.trace).position(|(one, other)| one != other);
        if let Some(line) = differs {
            panic!("seed {seed}, line {line}:\n{}\n{}", one.trace[line], other.trace[line]);
        }
        assert_eq!(one.hash, other.hash, "seed {seed}");
    }
}

#[test]
fn every_planted_bug_is_caught() {
    let mut missed = Vec::new();
    for bug in Planted::all() {
        let caught = std::sync::Mutex::new(None);
        each(0..SEEDS_FOR_A_BUG, bug, |seed, outcome| {
            let mut caught = caught.lock().unwrap();
            if let Some(first) = outcome.wrong.first() {
                caught.get_or_insert((seed, first.clone()));
            }
            caught.is_none()
        });
        match caught.into_inner().unwrap() {
            Some((seed, wrong)) => println!("{}: seed {seed}: {wrong}", bug.name()),
            None => missed.push(bug.name()),
        }
    }
    assert!(missed.is_empty(), "not caught in {SEEDS_FOR_A_BUG} seeds: {missed:?}");
}
