//! The measured claims, each beside a limit: one that is measured in the same run where there is one, else what it must be.
//!
//! ```text
//!  history (simulator) ─► file log ─► projector ─► engine (a child: this program again) ─► four questions
//!                          append      project └─► archive ─► compaction                    p50, p99
//!                                          └─► rebuild: a second table from the archive
//!  Events as fast as they come ─► beidou ingest ─► file log
//!  a thousand Events a second ─► beidou up ─► how soon the API finds them
//!  simulated clusters ─► beidou ingest, with few and with many clusters ─► memory per cluster
//!  beidou demo ─► seconds to its URL, and to all rows
//!  controllers: their start, what they take in, how soon the next step begins (`operations`)
//!  twenty SSH hosts become nodes, beside Ansible alone and by hand (`join`, apart: needs root and the servers of the tests)
//!  the log in Kafka beside the log in files, a bare client, and three brokers (`kafka`, apart: needs a JDK and Maven)
//!  the same Events in OpenSearch ─► the same questions (`opensearch`, apart: needs a JDK and Maven)
//!  the same rows in other layouts of the table ─► what each costs, and how fast it answers (`layouts`, apart)
//! ```
//!
//! CPU is that of all processes taking part, from the operating system's own accounts. Rates are per CPU second, because
//! wall time on a shared machine says little.

mod child;
mod demo;
mod fresh;
mod kafka;
mod layouts;
mod memory;
mod operations;
mod peer;
mod project;
mod questions;
mod rebuild;
mod report;
mod stages;
mod usage;
mod watch;

use std::{env, path::Path, time::Duration};

use anyhow::Context;
use beidou_schemas::Micros;
use beidou_store::{
    Store,
    engine::{EngineOptions, Supervisor, install::Installer, serve},
    migrate::migrate,
};

use report::Report;

const USAGE: &str = "usage: make bench [ARGS=\"[demo|kafka|layouts|opensearch|watch] [<number of states>] | operations | join [<waiting seconds>]\"]\nby hand: keep FOLDER \
    <number of states> leaves a loaded store in a folder, questions FOLDER asks it";
/// Event states of the run: those of the first figures in docs/performance.md.
const STATES: u64 = 1_000_000;
/// Machines that join, how many of them by hand too, and how long each waits in seconds.
const HOSTS: usize = 20;
const BY_HAND: usize = 3;
const WAITS: [u64; 3] = [0, 30, 120];
/// The engine's memory, as `beidou up` sets it.
const ENGINE_MEMORY: u64 = 2 << 30;

fn main() -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("cryptography is set up twice"))?;
    let runtime = tokio::runtime::Runtime::new()?;
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["engine", data] => runtime.block_on(engine(Path::new(data))),
        [] => runtime.block_on(measure(STATES)),
        ["demo"] => runtime.block_on(measure_demo(STATES)),
        ["demo", states] => runtime.block_on(measure_demo(number(states)?)),
        ["kafka"] => runtime.block_on(measure_kafka(kafka::STATES)),
        ["kafka", states] => runtime.block_on(measure_kafka(number(states)?)),
        ["layouts"] => runtime.block_on(measure_layouts(layouts::STATES)),
        ["layouts", states] => runtime.block_on(measure_layouts(number(states)?)),
        ["operations"] => runtime.block_on(measure_operations()),
        ["join"] => runtime.block_on(measure_join(&WAITS)),
        ["join", seconds] => runtime.block_on(measure_join(&[number(seconds)?])),
        ["watch"] => runtime.block_on(measure_watch()),
        ["keep", folder, states] => runtime.block_on(keep(Path::new(folder), number(states)?)),
        ["questions", folder] => runtime.block_on(ask_kept(Path::new(folder))),
        ["opensearch"] => runtime.block_on(measure_beside(STATES)),
        ["opensearch", states] => runtime.block_on(measure_beside(number(states)?)),
        [states] => runtime.block_on(measure(number(states)?)),
        _ => anyhow::bail!(USAGE),
    }
}

fn number(text: &str) -> anyhow::Result<u64> {
    text.parse().context("the argument is a number of states")
}

async fn engine(data: &Path) -> anyhow::Result<()> {
    let library = Installer::from_environment()?.locate()?.context("run `beidou engine install` first")?;
    let options = EngineOptions {
        data_dir: data.to_owned(),
        library,
        memory_limit_bytes: ENGINE_MEMORY,
        listen: ([127, 0, 0, 1], 0).into(),
        tie_to_stdin: true,
    };
    Ok(serve(options, std::future::pending()).await?)
}

/// This program again, as the engine.
fn engine_in(data: &Path) -> anyhow::Result<Supervisor> {
    let own = env::current_exe()?;
    let child = data.to_owned();
    Ok(Supervisor::start(data.to_owned(), move || {
        let mut command = tokio::process::Command::new(&own);
        command.arg("engine").arg(&child);
        command
    }))
}

/// A history in log, table and archive, and the engine that has it.
async fn loaded(
    data: &Path,
    states: u64,
    now: Micros,
    report: &mut Report,
) -> anyhow::Result<(Supervisor, u32, Store)> {
    let log = project::append(data, states, now, report).await?;
    let supervisor = engine_in(data)?;
    let pid = supervisor.ready().await?.pid;
    let store = Store::embedded(data);
    let whole = project::project(data, log.clone(), &store, pid, states, report).await?;
    project::sizes(data, &store, states, report).await?;
    stages::measure(&log, &store, pid, whole, report).await?;
    Ok((supervisor, pid, store))
}

async fn measure(states: u64) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().to_owned();
    let mut report = Report::default();
    let now = Micros::of(jiff::Timestamp::now());
    let (supervisor, pid, store) = loaded(&data, states, now, &mut report).await?;
    questions::measure(&store, pid, &mut report).await?;
    project::archive(&data, &mut report).await?;
    rebuild::measure(&data, &store, pid, &mut report).await?;
    supervisor.stop().await;
    watch::measure(&mut report).await?;
    fresh::measure(&mut report).await?;
    memory::measure(&mut report, Duration::from_secs(120)).await?;
    demo::measure(states, &mut report).await?;
    operations::measure(&mut report).await?;
    report.print();
    Ok(())
}

async fn measure_beside(states: u64) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    let (mut report, now) = (Report::default(), Micros::of(jiff::Timestamp::now()));
    let (supervisor, pid, store) = loaded(&ours, states, now, &mut report).await?;
    let literals = questions::Literals::of(&store).await?;
    let our_answers = questions::ask(&questions::reader(&store), pid, &literals).await?;
    supervisor.stop().await;
    let peer = peer::OpenSearch::start(&theirs).await?;
    peer.load(states, now.0, &mut report).await?;
    peer::compare(&our_answers, &peer.ask(&literals).await?, &mut report);
    report.print();
    Ok(())
}

async fn measure_kafka(states: u64) -> anyhow::Result<()> {
    let mut report = Report::default();
    kafka::measure(states, &mut report).await?;
    report.print();
    Ok(())
}

async fn measure_layouts(states: u64) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().to_owned();
    let mut report = Report::default();
    let supervisor = engine_in(&data)?;
    let pid = supervisor.ready().await?.pid;
    layouts::measure(&data, &Store::embedded(&data), pid, states, &mut report).await?;
    supervisor.stop().await;
    Ok(())
}

/// Leaves the loaded store in a folder, for questions by hand.
async fn keep(folder: &Path, states: u64) -> anyhow::Result<()> {
    let mut report = Report::default();
    let now = Micros::of(jiff::Timestamp::now());
    let (supervisor, _, _) = loaded(folder, states, now, &mut report).await?;
    supervisor.stop().await;
    report.print();
    Ok(())
}

/// Asks a store that [`keep`] left, brought forward to the present tables.
async fn ask_kept(folder: &Path) -> anyhow::Result<()> {
    let mut report = Report::default();
    let supervisor = engine_in(folder)?;
    let pid = supervisor.ready().await?.pid;
    let store = Store::embedded(folder);
    migrate(&store).await?;
    project::mutated(&store).await?;
    questions::measure(&store, pid, &mut report).await?;
    supervisor.stop().await;
    report.print();
    Ok(())
}

async fn measure_operations() -> anyhow::Result<()> {
    let mut report = Report::default();
    operations::measure(&mut report).await?;
    report.print();
    Ok(())
}

async fn measure_join(waits: &[u64]) -> anyhow::Result<()> {
    let mut report = Report::default();
    operations::measure_join(HOSTS, BY_HAND, waits, &mut report).await?;
    report.print();
    Ok(())
}

async fn measure_watch() -> anyhow::Result<()> {
    let mut report = Report::default();
    watch::measure(&mut report).await?;
    report.print();
    Ok(())
}

async fn measure_demo(states: u64) -> anyhow::Result<()> {
    let mut report = Report::default();
    demo::measure(states, &mut report).await?;
    report.print();
    Ok(())
}
