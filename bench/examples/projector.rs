//! Measures the way from records in the log to committed rows: Events per second and per core, processor time of the
//! projector and of the engine apart, memory, bytes per Event on disk.
//!
//! Then: how long a restart takes, and what a quiet fleet costs (a hundred Events a second, one by one).
//!
//! `cargo run -p beidou-bench --example projector -- [STATES] [PARTITIONS] [memory|file]`
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use beidou_log::{
    Log,
    file::{FileLog, FileOptions},
    memory::MemoryLog,
};
use beidou_projector::{Projector, ProjectorConfig, ProjectorError, Status};
use beidou_schemas::{
    Epoch, Identity, Micros, Record, ResourceVersion, Topic, TopicPartition,
    envelope::{EventEnvelope, FoundBy},
    ledger,
    topic::partition_of,
};
use beidou_simulator::{Cluster, HistoryOptions, HistoryState, history};
use beidou_store::{
    Endpoint, Store,
    engine::{
        EngineOptions,
        install::{Installer, no_progress},
        serve,
    },
};
use prometheus_client::registry::Registry;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

const ENGINE: &str = "BEIDOU_BENCH_ENGINE_DATA";
const NOW: i64 = 1_795_415_160_000_000;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    if let Some(data) = std::env::var_os(ENGINE) {
        let options = EngineOptions {
            data_dir: data.into(),
            library: Installer::from_environment()?.library_path(),
            memory_limit_bytes: 3 << 30,
            listen: ([127, 0, 0, 1], 0).into(),
            tie_to_stdin: true,
        };
        return Ok(runtime.block_on(serve(options, std::future::pending()))?);
    }
    runtime.block_on(measure())
}

async fn measure() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: &str| arguments.next().unwrap_or(default.into());
    let (states, partitions): (u64, u32) = (next("300000").parse()?, next("4").parse()?);
    let dir = tempfile::tempdir()?;
    let log = open(&next("memory"), dir.path(), partitions)?;
    let (appended, bytes) = fill(&log, states, partitions).await?;
    let mut engine = start_engine(dir.path()).await?;
    let store = Store::embedded(dir.path());

    let (own, its) = (cpu(std::process::id()), cpu(engine.id()));
    let begun = Instant::now();
    let mut running = Running::start(&log, &store);
    while rows(&store).await < appended {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let (own, its) = (cpu(std::process::id()) - own, cpu(engine.id()) - its);
    println!(
        "{appended} states of {:.0} bytes in {seconds:.2} s: {:.0} rows/s",
        bytes as f64 / appended as f64,
        appended as f64 / seconds
    );
    println!(
        "processor time: projector {own:.2} s, engine {its:.2} s; {:.0} Events per second and core",
        appended as f64 / (own + its)
    );
    println!("memory: projector with its log {} MB, engine {} MB", peak(std::process::id()), peak(engine.id()));
    running.stop().await?;
    report(&store).await?;
    let begun = Instant::now();
    running = Running::start(&log, &store);
    running.status.wait_for(Status::is_ready).await?;
    println!("restart: ready after {:.2} s", begun.elapsed().as_secs_f64());
    quiet(&log, engine.id(), partitions).await?;
    running.stop().await?;
    engine.kill()?;
    engine.wait()?;
    Ok(())
}

/// A projector that runs.
struct Running {
    status: watch::Receiver<Status>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ProjectorError>>,
}

impl Running {
    fn start(log: &Arc<dyn Log>, store: &Store) -> Self {
        let (config, stop) = (ProjectorConfig::default(), CancellationToken::new());
        let projector = Projector::new(config, log.clone(), store.clone(), &mut Registry::default());
        let status = projector.status();
        Self { status, task: tokio::spawn(projector.run(stop.clone())), stop }
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(self.task.await??)
    }
}

/// A hundred Events a second for some seconds, as they come: each of them new.
async fn quiet(log: &Arc<dyn Log>, engine: u32, partitions: u32) -> anyhow::Result<()> {
    const SECONDS: u64 = 20;
    let options = HistoryOptions { states: 100 * SECONDS, clusters: 1, ..HistoryOptions::demo(2, NOW) };
    let cluster = options.fleet().clusters[0].clone();
    let (own, its) = (cpu(std::process::id()), cpu(engine));
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    for state in history(&options).into_iter().flatten().take(100 * SECONDS as usize) {
        tick.tick().await;
        let (at, record) = record(state, &cluster, partitions)?;
        log.writer(at, "bench").await?.append(vec![record]).await?;
    }
    let share = |seconds: f64| 100.0 * seconds / SECONDS as f64;
    let (own, its) = (share(cpu(std::process::id()) - own), share(cpu(engine) - its));
    println!("100 Events/s: projector and log {own:.1} %, engine {its:.1} % of one core");
    Ok(())
}

fn open(kind: &str, dir: &Path, partitions: u32) -> anyhow::Result<Arc<dyn Log>> {
    let topics = [
        (Topic::KubeEvent, partitions),
        (Topic::KubeCoverage, 1),
        (Topic::KubeReject, 1),
        (Topic::Ledger, ledger::partitions(partitions)),
    ];
    Ok(match kind {
        "memory" => MemoryLog::new(topics),
        "file" => FileLog::open(FileOptions::new(dir.join("log"), topics))?,
        other => anyhow::bail!("{other}: memory or file"),
    })
}

/// Appends the simulator's history, clusters interleaved by time.
async fn fill(log: &Arc<dyn Log>, states: u64, partitions: u32) -> anyhow::Result<(u64, u64)> {
    let options = HistoryOptions { states, ..HistoryOptions::demo(1, NOW) };
    let fleet = options.fleet();
    let mut writers = Vec::new();
    for partition in 0..partitions {
        writers.push(log.writer(TopicPartition::new(Topic::KubeEvent, partition), "bench").await?);
    }
    let (mut count, mut bytes) = (0, 0);
    let mut batches: Vec<Vec<Record>> = vec![Vec::new(); partitions as usize];
    let mut streams: Vec<_> = history(&options).into_iter().map(Iterator::peekable).collect();
    loop {
        let times = streams.iter_mut().enumerate().filter_map(|(i, s)| Some((s.peek()?.time_us, i)));
        let Some((_, earliest)) = times.min() else { break };
        let stream = &mut streams[earliest];
        let Some(state) = stream.next() else { break };
        count += 1;
        bytes += state.json.len() as u64;
        let cluster = &fleet.clusters[state.cluster];
        let (at, record) = record(state, cluster, partitions)?;
        let partition = at.partition as usize;
        batches[partition].push(record);
        if batches[partition].len() == 1000 {
            writers[partition].append(std::mem::take(&mut batches[partition])).await?;
        }
    }
    for (writer, batch) in writers.iter().zip(batches) {
        writer.append(batch).await?;
    }
    Ok((count, bytes))
}

fn record(state: HistoryState, cluster: &Cluster, partitions: u32) -> anyhow::Result<(TopicPartition, Record)> {
    let identity = Identity {
        cluster: cluster.uid.to_string().parse()?,
        epoch: Epoch(0),
        event: state.uid.to_string().parse()?,
        resource_version: ResourceVersion(state.resource_version),
    };
    let at = TopicPartition::new(Topic::KubeEvent, partition_of(&identity.cluster, &identity.event, partitions));
    let (observed, cluster_name) = (Micros(state.time_us), cluster.name.clone());
    let envelope = EventEnvelope { identity, cluster_name, observed, found_by: FoundBy::Seed };
    Ok((at, envelope.wrap(state.json)))
}

async fn start_engine(data: &Path) -> anyhow::Result<Child> {
    Installer::from_environment()?.install(no_progress()).await?;
    let child = Command::new(std::env::current_exe()?).env(ENGINE, data).stdin(Stdio::piped()).spawn()?;
    while !Endpoint::path(data).exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(child)
}

async fn rows(store: &Store) -> u64 {
    let Ok(client) = store.reader() else { return 0 };
    client.query_raw("SELECT count() FROM kube_event").fetch_one().await.unwrap_or(0)
}

async fn report(store: &Store) -> anyhow::Result<()> {
    let client = store.writer()?;
    let parts = "SELECT count() FROM system.parts WHERE active AND table = 'kube_event'";
    println!("parts: {}", client.query_raw(parts).fetch_one::<u64>().await?);
    client.query_raw("OPTIMIZE TABLE kube_event FINAL").execute().await?;
    let size = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND table = 'kube_event'";
    let size: u64 = client.query_raw(size).fetch_one().await?;
    let count = rows(store).await;
    println!("{count} rows, {size} bytes on disk, {:.1} bytes per Event", size as f64 / count as f64);
    let columns = "SELECT name, sum(data_compressed_bytes) AS bytes FROM system.columns WHERE table = 'kube_event' \
                   GROUP BY name ORDER BY bytes DESC LIMIT 14";
    for (name, bytes) in client.query_raw(columns).fetch_all::<(String, u64)>().await? {
        println!("  {name:<26} {:>8.2} bytes per Event", bytes as f64 / count as f64);
    }
    Ok(())
}

/// User and system time of a process in seconds; the clock tick is 10 ms on Linux.
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |split| split.1).split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// Peak resident memory in MB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
