//! `beidou projector`: brings the log into ClickHouse, and the tables forward to this version.

use std::sync::Arc;

use anyhow::Context;
use beidou_log::file::FileLog;
use beidou_projector::{Projector, ProjectorConfig, Status, fault::Faults};
use beidou_service::Part;
use beidou_store::Store;
use tokio::sync::watch;

use super::Process;
use crate::args::roles::Role;

/// Runs the role alone.
///
/// # Errors
/// When another projector has the log, or the tables are a newer version's.
pub async fn main(args: Role) -> anyhow::Result<()> {
    let process = Process::start(&args, Vec::new())?;
    process.serve_probe().await?;
    let (log, store) = (process.log()?, process.store()?);
    prepare(&process, log, store)?.run(process.stop).await.map_err(Into::into)
}

/// A projector of this process, with its metrics and readiness.
///
/// # Errors
/// Never in practice: registering metrics cannot fail.
pub fn prepare(process: &Process, log: Arc<FileLog>, store: Store) -> anyhow::Result<Projector> {
    let config = ProjectorConfig { faults: Faults::from_env(), ..ProjectorConfig::default() };
    let mut projector = None;
    process.metrics.register("projector", |registry| projector = Some(Projector::new(config, log, store, registry)));
    let projector = projector.context("metrics are registered at once")?;
    tokio::spawn(report(process.readiness.part("projector"), projector.status()));
    Ok(projector)
}

async fn report(part: Part, mut status: watch::Receiver<Status>) {
    loop {
        let why = trouble(&status.borrow_and_update());
        match why {
            Some(why) => part.waiting(why),
            None => part.ready(),
        }
        if status.changed().await.is_err() {
            return part.waiting("it has ended");
        }
    }
}

fn trouble(status: &Status) -> Option<String> {
    let error = status.partitions.values().find_map(|partition| partition.error.clone());
    match (error, status.is_ready()) {
        (Some(error), _) => Some(error),
        (None, true) => None,
        (None, false) => Some("it reads the ledger and repeats pending ranges".into()),
    }
}
