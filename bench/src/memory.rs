//! Memory per watched cluster: the same process with few and with many quiet clusters, the difference divided.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use beidou_simulator::{ApiServer, Fleet, Ledger, ServerOptions};

use crate::{report::Report, usage::anonymous_memory};

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
    let named: Vec<_> = servers
        .iter()
        .map(|s| serde_json::json!({"name": s.cluster().name, "server": s.url(), "token": s.token()}))
        .collect();
    let config = folder.path().join("site.yaml");
    std::fs::write(&config, serde_json::json!({"clusters": named}).to_string())?;
    let binary = std::env::current_exe()?.with_file_name("beidou");
    let mut child = Command::new(&binary)
        .args(["ingest", "--tied-to-stdin", "--data"])
        .arg(folder.path().join("data"))
        .arg("--config")
        .arg(&config)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}: build it with cargo build --release -p beidou", binary.display()))?;
    let result = settled(&mut child, &servers, limit).await;
    child.kill()?;
    child.wait()?;
    result
}

/// Waits until every cluster is watched and has proven so twice, then reads the memory.
async fn settled(child: &mut Child, servers: &[ApiServer], limit: Duration) -> anyhow::Result<u64> {
    let end = Instant::now() + limit;
    while servers.iter().any(|server| server.faults().running_streams() == 0) {
        if let Some(status) = child.try_wait()? {
            bail!("beidou ingest ended: {status}");
        }
        if Instant::now() > end {
            bail!("not every cluster is watched after {} s", limit.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Heartbeats come every 15 s; buffers have their size after the first.
    tokio::time::sleep(Duration::from_secs(20)).await;
    anonymous_memory(child.id())
}
