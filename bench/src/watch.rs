//! From the bytes of a watch to records that are durable in the file log: a real `beidou ingest`, and one cluster whose
//! Events come faster than it can take them.

use std::time::{Duration, Instant};

use beidou_log::{Log, file::FileLog};
use beidou_schemas::{Topic, TopicPartition};
use beidou_simulator::{ApiServer, Clock, Feeder, Fleet, Ledger, ServerOptions, generate::EventStream};

use crate::{
    child::Child,
    memory::watched,
    project::{PARTITIONS, options},
    report::{Report, grouped},
    usage::cpu_of,
};

const SEED: u64 = 5;
/// States of the run.
const STATES: u64 = 300_000;
/// Reported at a time, so that the watch runs beside the reporting.
const PART: u64 = 1000;
/// Nothing here may take longer.
const LIMIT: Duration = Duration::from_secs(120);

/// Measures the whole role: its CPU until all states are in the log.
pub async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let cluster = Fleet::new(SEED, 1, 100).clusters.remove(0);
    let server = ApiServer::start(ServerOptions::new(cluster.clone(), Ledger::default())).await?;
    let servers = [server.clone()];
    let mut child = Child::start(&["ingest"], folder.path(), &servers)?;
    watched(&mut child, &servers, LIMIT).await?;
    let log = FileLog::open(options(&folder.path().join("data")))?;
    let (before, cpu, begun) = (records(&log).await?, cpu_of(child.pid())?, Instant::now());
    let stream = EventStream::new(SEED, cluster, Clock::Real.now_us(), 1000.0, i64::MAX);
    let mut feeder = Feeder::new(server, Clock::Real, stream);
    for _ in 0..STATES / PART {
        feeder.emit(PART);
        tokio::task::yield_now().await;
    }
    let reported = begun.elapsed().as_secs_f64();
    while records(&log).await? - before < STATES {
        child.runs()?;
        anyhow::ensure!(begun.elapsed() < LIMIT, "not all states are in the log after {} s", LIMIT.as_secs());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (used, wall) = (cpu_of(child.pid())? - cpu, begun.elapsed().as_secs_f64());
    let beside = format!("{used:.1} CPU-s in `beidou ingest`, {wall:.1} s wall, reported within {reported:.1} s");
    report.row("watch bytes → durable in the file log, states/s per core", grouped(STATES as f64 / used), beside);
    Ok(())
}

async fn records(log: &FileLog) -> anyhow::Result<u64> {
    let mut sum = 0;
    for partition in 0..PARTITIONS {
        sum += log.bounds(TopicPartition::new(Topic::KubeEvent, partition)).await?.end;
    }
    Ok(sum)
}
