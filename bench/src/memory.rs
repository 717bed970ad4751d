//! Memory per watched cluster: the same process with few and with many quiet clusters, the difference divided; and the same
//! for one cluster without and with many live Events.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::bail;
use beidou_simulator::{ApiServer, Clock, Feeder, Fleet, Ledger, ServerOptions, generate::EventStream};

use crate::{child::Child, report::Report, usage::anonymous_memory};

const FEW: usize = 2;
const MANY: usize = 42;
/// States of the cluster with live Events.
const STATES: u64 = 400_000;

/// Starts `beidou ingest` twice and compares.
pub async fn measure(report: &mut Report, limit: Duration) -> anyhow::Result<()> {
    let few = memory_with(FEW, limit).await?;
    let many = memory_with(MANY, limit).await?;
    let each = many.saturating_sub(few) / (MANY - FEW) as u64;
    let (few, many) = (few >> 20, many >> 20);
    report.row(
        "memory per watched cluster",
        format!("{} KiB", each >> 10),
        format!("anonymous memory of `beidou ingest` with {FEW} clusters {few} MiB, with {MANY} {many} MiB"),
    );
    let ((none, _), (with, live)) = (memory_live(0, limit).await?, memory_live(STATES, limit).await?);
    let (none_mib, with_mib) = (none >> 20, with >> 20);
    report.row(
        "memory per live Event of a watched cluster",
        format!("{} B", with.saturating_sub(none) / live.max(1)),
        format!("one cluster without live Events {none_mib} MiB, with {live} {with_mib} MiB after its list; must 100"),
    );
    Ok(())
}

/// With one cluster, and how many live Events it has after so many states.
async fn memory_live(states: u64, limit: Duration) -> anyhow::Result<(u64, u64)> {
    let folder = tempfile::tempdir()?;
    let cluster = Fleet::new(7, 1, 100).clusters.remove(0);
    let server = ApiServer::start(ServerOptions::new(cluster.clone(), Ledger::default())).await?;
    let stream = EventStream::new(7, cluster, Clock::Real.now_us(), 1000.0, i64::MAX);
    Feeder::new(server.clone(), Clock::Real, stream).emit(states);
    let live = server.stored().len() as u64;
    let memory = memory_of(&[server], folder.path(), limit).await?;
    Ok((memory, live))
}

async fn memory_with(clusters: usize, limit: Duration) -> anyhow::Result<u64> {
    let folder = tempfile::tempdir()?;
    let mut servers = Vec::new();
    for cluster in Fleet::new(7, clusters, clusters).clusters {
        servers.push(ApiServer::start(ServerOptions::new(cluster, Ledger::default())).await?);
    }
    memory_of(&servers, folder.path(), limit).await
}

async fn memory_of(servers: &[ApiServer], folder: &Path, limit: Duration) -> anyhow::Result<u64> {
    let mut child = Child::start(&["ingest"], folder, servers)?;
    watched(&mut child, servers, limit).await?;
    // Heartbeats come every 15 s; buffers have their size after the first.
    tokio::time::sleep(Duration::from_secs(20)).await;
    anonymous_memory(child.pid())
}

/// Waits until every cluster is watched.
pub async fn watched(child: &mut Child, servers: &[ApiServer], limit: Duration) -> anyhow::Result<()> {
    let end = Instant::now() + limit;
    while servers.iter().any(|server| server.faults().running_streams() == 0) {
        child.runs()?;
        if Instant::now() > end {
            bail!("not every cluster is watched after {} s", limit.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
