//! `beidou projector`: brings the log into ClickHouse, and the tables forward to this version.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use beidou_log::Log;
use beidou_projector::{
    PartitionStatus, Projector, ProjectorConfig, Status,
    archive::ArchiveMetrics,
    audit::{AuditConfig, AuditMetrics},
    config::HELD_PART,
    fault::Faults,
};
use beidou_schemas::Topic;
use beidou_service::Part;
use beidou_store::Store;
use tokio::sync::watch;

use super::Process;
use crate::args::roles;

/// Runs the role alone.
///
/// # Errors
/// When another projector has a log that is not shared, or the tables are a newer version's.
pub async fn main(args: roles::Projector) -> anyhow::Result<()> {
    let process = Process::start(&args.role, args.probe.flag().into_iter().collect())?;
    process.serve_probe("projector").await?;
    let Some(log) = process.log().await? else { return Ok(()) };
    prepare(&process, log, process.store()?)?.run(process.stop).await.map_err(Into::into)
}

/// A projector of this process, with its metrics and readiness.
///
/// # Errors
/// When the archive cannot be opened.
pub fn prepare(process: &Process, log: Arc<dyn Log>, store: Store) -> anyhow::Result<Projector> {
    let mut archive = process.site.archive.config(&process.data).context("cannot open the archive")?;
    if let Some(archive) = &mut archive {
        process.metrics.register("archive", |registry| archive.metrics = ArchiveMetrics::register(registry));
    }
    let mut metrics = AuditMetrics::default();
    process.metrics.register("audit", |registry| metrics = AuditMetrics::register(registry));
    let faults = Faults::from_env();
    // A bug that was planted is there to be caught by a test, not to be mended before.
    let planted = !faults.bugs.is_empty();
    let audit = if planted { AuditConfig::default() } else { process.site.audit.config(metrics) };
    let share = process.site.log_options(&process.data).share(Topic::KubeEvent);
    let config = ProjectorConfig {
        window: process.site.projector.window,
        event_ttl: Duration::from_millis(process.site.ingest.event_ttl_ms),
        held_bytes: share.max_bytes / HELD_PART,
        archive,
        retention: process.site.retention.kept(),
        audit,
        faults,
        ..ProjectorConfig::default()
    };
    let mut projector = None;
    process.metrics.register("projector", |registry| projector = Some(Projector::new(config, log, store, registry)));
    let projector = projector.context("metrics are registered at once")?.asked_by_log();
    tokio::spawn(projector.alarm().run(process.stop.clone()));
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
    let of_archive = |error: &String| format!("the archive waits: {error}");
    let error = |p: &PartitionStatus| p.error.clone().or_else(|| p.archive_error.as_ref().map(of_archive));
    let error = status.partitions.values().find_map(error);
    match (error, status.is_ready()) {
        (Some(error), _) => Some(error),
        (None, true) => None,
        (None, false) if !status.assigned => Some("it waits to be told which partitions are its own".into()),
        (None, false) => Some("it reads the ledger and repeats pending ranges".into()),
    }
}
