//! The fuzz targets without a fuzzer: the committed corpus, and mutations of it that are the same in each run.
//!
//! A fuzzer that is led by coverage finds more (`cargo fuzz run --sanitizer none NAME`), but it must build all libraries
//! once more with its own flags. What it finds goes into the corpus, and is proven here from then on.
#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::{fs, panic::catch_unwind, path::PathBuf};

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Mutations of each target.
const RUNS: usize = 20_000;
/// Longer inputs grow no further.
const LONGEST: usize = 16 << 10;
/// Bytes that mean something in one format or another.
const TOKENS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    ",",
    ":",
    "\n",
    "null",
    "true",
    "-1",
    "1e999",
    "0",
    "\\u0000",
    "\"metadata\":",
    "\"uid\":\"u\"",
    "\"resourceVersion\":\"1\"",
    "\"items\":[",
    "\"_source\":",
    "\"involvedObject\":{}",
    "/",
    "*",
    "é",
];

/// The corpus of a target, in a stable order.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// One change: a byte, a token, a piece of another input, a piece less, a piece twice.
fn mutate(data: &mut Vec<u8>, other: &[u8], rng: &mut StdRng) {
    let at = rng.random_range(0..=data.len());
    let end = rng.random_range(at..=data.len());
    match rng.random_range(0..6) {
        0 if at < data.len() => data[at] = rng.random(),
        1 if at < data.len() => data[at] ^= 1 << rng.random_range(0..8),
        2 => drop(data.splice(at..at, TOKENS[rng.random_range(0..TOKENS.len())].bytes())),
        3 => {
            let from = rng.random_range(0..=other.len());
            let to = rng.random_range(from..=other.len());
            drop(data.splice(at..end, other[from..to].iter().copied()));
        }
        4 => drop(data.drain(at..end)),
        _ => {
            let piece = data[at..end].to_vec();
            drop(data.splice(at..at, piece));
        }
    }
    data.truncate(LONGEST);
}

fn run(name: &str, target: fn(&[u8])) {
    let check = |data: &[u8]| {
        let text = String::from_utf8_lossy(data).into_owned();
        catch_unwind(|| target(data)).unwrap_or_else(|_| panic!("{name} fails for {text:?}"));
    };
    let seeds = corpus(name);
    assert!(seeds.len() >= 5, "{name} has a corpus");
    seeds.iter().for_each(|seed| check(seed));
    let mut rng = StdRng::seed_from_u64(7);
    for _ in 0..RUNS {
        let mut data = seeds[rng.random_range(0..seeds.len())].clone();
        let other = &seeds[rng.random_range(0..seeds.len())];
        for _ in 0..rng.random_range(1..5) {
            mutate(&mut data, other, &mut rng);
        }
        check(&data);
    }
}

#[test]
fn every_target_holds_for_its_corpus_and_mutations_of_it() {
    std::thread::scope(|scope| {
        let running = targets::TARGETS.map(|(name, target)| (name, scope.spawn(move || run(name, target))));
        for (name, thread) in running {
            thread.join().unwrap_or_else(|_| panic!("{name} found something, see above"));
        }
    });
}
