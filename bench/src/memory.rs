//! Memory per watched cluster: the same process with few and with many quiet clusters, the difference divided.

use std::time::{Duration, Instant};

use anyhow::bail;
use beidou_simulator::{ApiServer, Fleet, Ledger, ServerOptions};

use crate::{child::Child, report::Report, usage::anonymous_memory};

const FEW: usize = 2;
const MANY: usize = 42;

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
    Ok(())
}

async fn memory_with(clusters: usize, limit: Duration) -> anyhow::Result<u64> {
    let folder = tempfile::tempdir()?;
    let mut servers = Vec::new();
    for cluster in Fleet::new(7, clusters, clusters).clusters {
        servers.push(ApiServer::start(ServerOptions::new(cluster, Ledger::default())).await?);
    }
    let mut child = Child::start(&["ingest"], folder.path(), &servers)?;
    watched(&mut child, &servers, limit).await?;
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
