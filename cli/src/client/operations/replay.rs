//! `replay`: an export without a server. The chain is verified, the facts are folded by the model, and any moment is shown.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use beidou_model::operation::{Board, Operation, view};
use beidou_query_api::operation_export::{Chain, FORMAT, digests};
use beidou_schemas::{
    Micros,
    operation::{HostState, fact::Fact, said::Said},
    runner::TaskEventKind,
};
use serde_json::{Value, json};

use super::{output::Lines, paint_of, show_as};
use crate::{
    args::operations::Replay,
    exit::{Code, Failure},
    output::{Cell, Column, Look, Paint, Table},
};

/// Hosts that a table shows; more are counted.
const MOST_HOSTS: usize = 60;
/// A pause in the play is no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// An export that was opened.
pub(super) struct Opened {
    pub operation: Operation,
    facts: Vec<Fact>,
    said: usize,
    /// What programs printed: attempts as they were first heard, each by number, for records may overlap.
    pub printed: Vec<(String, BTreeMap<u64, String>)>,
}

/// Opens an export and shows it.
pub(super) async fn replay(args: Replay) -> anyhow::Result<()> {
    let named = args.file.display();
    let text = std::fs::read_to_string(&args.file).with_context(|| format!("cannot read {named}"))?;
    let opened = open(&text).map_err(|failure| Failure { text: format!("{named}: {}", failure.text), ..failure })?;
    if args.printed {
        let mut lines = Lines::default();
        for (attempt, text) in
            opened.printed.iter().flat_map(|(attempt, parts)| parts.values().map(move |part| (attempt, part)))
        {
            lines.take(attempt, text).iter().for_each(|line| crate::say(line));
        }
        lines.end().iter().for_each(|line| crate::say(line));
        return Ok(());
    }
    if let Some(speed) = args.speed {
        play(&opened, speed).await;
        return Ok(());
    }
    let at = args.at.map_or(opened.operation.updated, Micros::of);
    let then = opened.at(at);
    let look = Look::of_stdout();
    show_as(args.output, &document(&opened, &then, at), || page(&opened, &then, at, look))
}

/// Verifies and folds.
pub(super) fn open(text: &str) -> Result<Opened, Failure> {
    let bad = |said: String| Failure::new(Code::Failure, said, "export it again with `beidou operation export`");
    let lines = Chain::verify(text).map_err(|error| bad(error.to_string()))?;
    let (mut facts, mut said, mut printed, mut told) = (Vec::new(), 0, Vec::new(), Vec::new());
    for (place, line) in lines.iter().enumerate() {
        let number = place + 1;
        let value: Value =
            serde_json::from_str(line).map_err(|error| bad(format!("line {number} is no JSON: {error}")))?;
        match value["kind"].as_str() {
            Some("head") if value["format"] == FORMAT => {}
            Some("head") => return Err(bad(format!("the format is {}; this version opens {FORMAT}", value["format"]))),
            Some("fact") => {
                let fact = Fact::from_json(value["fact"].to_string().as_bytes());
                facts.push(fact.map_err(|error| bad(format!("line {number}: {error}")))?);
            }
            Some("said") => {
                said += 1;
                let record = Said::from_json(value["said"].to_string().as_bytes());
                take_output(&mut printed, record.map_err(|error| bad(format!("line {number}: {error}")))?);
            }
            Some("digest") => told.push(value.clone()),
            other => {
                return Err(bad(format!(
                    "line {number} is of the kind {other:?}; this version knows head, digest, fact, said"
                )));
            }
        }
    }
    let board = Board::fold(&facts);
    let operation = board.operations.into_values().next();
    let operation = operation.ok_or_else(|| bad("the file holds no operation".into()))?;
    let other = |(name, sha256): &(&str, String)| told.iter().any(|it| it["name"] == *name && it["sha256"] != *sha256);
    let other: Vec<&str> = digests(&operation).iter().filter(|digest| other(digest)).map(|(name, _)| *name).collect();
    if !other.is_empty() {
        return Err(bad(format!("the facts do not hold what the digests tell of: {} differs", other.join(", "))));
    }
    Ok(Opened { operation, facts, said, printed })
}

/// Adds what programs printed, of a record of what runners told.
fn take_output(printed: &mut Vec<(String, BTreeMap<u64, String>)>, said: Said) {
    let attempt = said.attempt.to_string();
    let output = said.events.into_iter().filter(|event| event.kind == TaskEventKind::Output);
    let parts = output.map(|event| (event.seq, event.message.unwrap_or_default()));
    match printed.iter_mut().find(|(known, _)| *known == attempt) {
        Some((_, of_attempt)) => of_attempt.extend(parts),
        None => printed.push((attempt, parts.collect())),
    }
}

impl Opened {
    /// The operation as it was at a moment; as it was accepted, where that is later.
    pub(super) fn at(&self, at: Micros) -> Operation {
        let until = self.facts.iter().filter(|fact| fact.time <= at);
        let board = Board::fold(until);
        let first = || Board::fold(self.facts.first()).operations.into_values().next();
        board.operations.into_values().next().or_else(first).unwrap_or_else(|| self.operation.clone())
    }
}

/// How many hosts of each step stand where.
fn counts(operation: &Operation, at: Micros) -> Vec<BTreeMap<&'static str, usize>> {
    let matrix = view::matrix_at(operation, at);
    let rows = matrix.bytes.chunks(matrix.hosts.max(1));
    let count = |row: &[u8]| {
        let mut found = BTreeMap::new();
        for byte in row {
            *found.entry(word(*byte)).or_default() += 1;
        }
        found
    };
    rows.map(count).collect()
}

/// A byte of the matrix as a word.
fn word(byte: u8) -> &'static str {
    HostState::from_number(byte).map_or("-", HostState::name)
}

fn paint(word: &str) -> Paint {
    match word {
        "ok" => Paint::Good,
        "failed" | "unreachable" | "cancelled" => Paint::Bad,
        "running" | "unknown" => Paint::Warning,
        _ => Paint::Dim,
    }
}

/// The moment as a document.
pub(super) fn document(opened: &Opened, then: &Operation, at: Micros) -> Value {
    let (steps, hosts) = (&then.plan.steps, &then.plan.hosts);
    let matrix = view::matrix_at(&opened.operation, at);
    let of_host = |host: usize| {
        let states = steps
            .iter()
            .enumerate()
            .map(|(step, plan)| (plan.name.clone(), json!(word(matrix.bytes[step * hosts.len() + host]))));
        json!({"host": hosts[host], "steps": states.collect::<serde_json::Map<_, _>>()})
    };
    json!({
        "at": at, "operation": then.id, "name": then.name, "phase": then.phase, "reason": then.reason,
        "message": then.message, "facts": opened.facts.len(), "said": opened.said,
        "hosts": (0..hosts.len()).map(of_host).collect::<Vec<_>>(),
    })
}

/// The moment as text.
pub(super) fn page(opened: &Opened, then: &Operation, at: Micros, look: Look) -> String {
    let phase = then.phase.name();
    let why = match then.reason {
        Some(reason) if then.message.is_empty() => format!(" ({reason})"),
        Some(reason) => format!(" ({reason}: {})", then.message),
        None => String::new(),
    };
    let mut text = format!(
        "{}  verified: {} facts, {} records of runners\n{at}  {}{why}\n\n",
        Paint::Bold.on(&then.name, look.colour),
        opened.facts.len(),
        opened.said,
        paint_of(phase).on(phase, look.colour),
    );
    let mut table = Table::new([Column::name("STEP", 8), Column::words("HOSTS", 20)]);
    for (step, found) in then.plan.steps.iter().zip(counts(&opened.operation, at)) {
        let words: Vec<String> = found.iter().map(|(word, count)| format!("{count} {word}")).collect();
        table.row(vec![Cell::from(&step.name), Cell::from(words.join(", "))]);
    }
    text += &table.text(look);
    text + "\n" + &hosts(&opened.operation, at, look)
}

fn hosts(operation: &Operation, at: Micros, look: Look) -> String {
    let matrix = view::matrix_at(operation, at);
    let steps = operation.plan.steps.iter().map(|step| Column::whole(step.name.clone()));
    let mut table = Table::new(std::iter::once(Column::name("HOST", 12)).chain(steps).collect::<Vec<_>>());
    for (place, host) in operation.plan.hosts.iter().enumerate().take(MOST_HOSTS) {
        let states = (0..matrix.steps).map(|step| word(matrix.bytes[step * matrix.hosts + place]));
        let cells = states.map(|state| Cell::new(state, paint(state)));
        table.row(std::iter::once(Cell::from(host)).chain(cells).collect());
    }
    let text = table.text(look);
    match operation.plan.hosts.len().saturating_sub(MOST_HOSTS) {
        0 => text,
        more => format!("{text}{more} more hosts\n"),
    }
}

/// A piece of the play: how long after the one before, and its lines.
pub(super) type Frame = (Duration, Vec<String>);

/// All facts that people can see, by their time.
pub(super) fn frames(opened: &Opened, speed: u32) -> Vec<Frame> {
    let mut lines: BTreeMap<Micros, Vec<String>> = BTreeMap::new();
    let operation = &opened.operation;
    for fact in &opened.facts {
        let value = fact.body.value();
        let said = ["message", "why", "step", "reason", "phase"].iter().filter_map(|name| value[*name].as_str());
        let said: Vec<&str> = said.filter(|text| !text.is_empty()).collect();
        let quiet = matches!(fact.body.name(), "Heard" | "AttemptOffered" | "LockRenewed" | "Notified" | "HostResult");
        if !quiet {
            lines
                .entry(fact.time)
                .or_default()
                .push(format!("{}  {}", fact.body.name(), said.join(" · ")).trim_end().to_owned());
        }
    }
    for change in &operation.changes {
        let (step, host) = (&operation.step(change.step).name, &operation.plan.hosts[change.host as usize]);
        lines.entry(change.time).or_default().push(format!("{step}  {host}  {}", change.state));
    }
    let mut before = None;
    let frame = |(time, lines): (Micros, Vec<String>)| {
        let gap = before.replace(time).map_or(0, |before: Micros| time.0 - before.0);
        let pause = Duration::from_micros(u64::try_from(gap).unwrap_or(0)) / speed;
        (pause.min(LONGEST_PAUSE), lines.into_iter().map(|line| format!("{time}  {line}")).collect())
    };
    lines.into_iter().map(frame).collect()
}

async fn play(opened: &Opened, speed: u32) {
    for (pause, lines) in frames(opened, speed) {
        tokio::time::sleep(pause).await;
        crate::say(&lines.join("\n"));
    }
    let (phase, at) = (opened.operation.phase.name(), opened.operation.updated);
    crate::say(&format!("{at}  {phase}: {}", opened.operation.message));
}
