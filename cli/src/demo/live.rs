//! What goes on after the history: simulated API servers, the real ingest watching them, and the real controllers.

use anyhow::Context;
use beidou_ingest::{ClusterConfig, clusters::Secret};
use beidou_log::Log;
use beidou_simulator::{
    Clock, Fleet,
    generate::EventStream,
    live::{Feeder, Live},
    oracle::Ledger,
    server::{ApiServer, ServerOptions},
};
use jiff::Timestamp;
use tokio::sync::watch;

use super::{Stage, operations, seed::Seeded};
use crate::roles::ingest;

/// New states per second and cluster: what the history had on average, so that the picture goes on as it was.
const PER_SECOND: f64 = 0.6;
/// Other resources moved a cluster's version on while the demo was away.
const AWAY: u64 = 1000;

/// A running server with its feed.
type Running = (ApiServer, Live);

/// Starts the servers, and collects from them until the process shall end.
///
/// # Errors
/// When the log refuses.
pub async fn go_on(stage: &Stage, seeded: Option<Seeded>) -> anyhow::Result<()> {
    let running = match seeded {
        Some(seeded) => after_history(stage, seeded).await?,
        None => again(stage).await?,
    };
    let clusters = running.iter().map(|(server, _)| {
        let token = Some(Secret::new(server.token()));
        ClusterConfig::of_server(&server.cluster().name, server.url(), token)
    });
    let (_unchanged, clusters) = watch::channel(clusters.collect());
    let servers: Vec<ApiServer> = running.iter().map(|(server, _)| server.clone()).collect();
    let collected = ingest::run(stage.process.clone(), stage.log.clone(), clusters);
    let controlled = operations::control(stage, servers);
    let result = tokio::try_join!(collected, controlled).map(drop);
    for (server, _) in &running {
        server.stop();
    }
    result
}

/// The servers hold what the history left in them, at the version where it ended.
async fn after_history(stage: &Stage, seeded: Seeded) -> anyhow::Result<Vec<Running>> {
    let mut running = Vec::new();
    for (history, recent) in seeded.clusters {
        let options =
            ServerOptions { seed: stage.mark.seed, ..ServerOptions::new(history.cluster().clone(), Ledger::default()) };
        let server = ApiServer::start(options).await.context("cannot start a simulated API server")?;
        for state in &recent {
            server.preload(state);
        }
        running.push(feed(server, history.into_stream(PER_SECOND)));
    }
    Ok(running)
}

/// The demo was here before: the servers begin behind what it has stored, with nothing in them. What happened
/// meanwhile nobody knows, and the coverage will say so.
async fn again(stage: &Stage) -> anyhow::Result<Vec<Running>> {
    let log: &dyn Log = stage.log.as_ref();
    let standings = beidou_ingest::standings(log, &stage.process.site.ingest.collector).await?;
    let now_us = Timestamp::now().as_microsecond();
    let mut running = Vec::new();
    for cluster in &Fleet::demo(stage.mark.seed).clusters {
        let stored = standings.iter().find(|(uid, _)| uid.as_str() == cluster.uid.to_string());
        let version = stored.and_then(|(_, standing)| standing.position.as_ref()).map(|at| at.resource_version.0);
        let usual = ServerOptions::new(cluster.clone(), Ledger::default());
        let resource_version = version.unwrap_or(usual.resource_version) + AWAY;
        let options = ServerOptions { seed: stage.mark.seed, resource_version, ..usual };
        let server = ApiServer::start(options).await.context("cannot start a simulated API server")?;
        // Another seed than the history's: its Events would come again under their old names.
        let seed = now_us.unsigned_abs();
        running.push(feed(server, EventStream::new(seed, cluster.clone(), now_us, PER_SECOND, i64::MAX)));
    }
    Ok(running)
}

fn feed(server: ApiServer, stream: EventStream) -> Running {
    server.keep_time();
    let live = Live::start(Feeder::new(server.clone(), Clock::Real, stream), PER_SECOND);
    (server, live)
}
