//! A rebuild of the whole table from the compacted archive.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use beidou_log::file::FileLog;
use beidou_projector::{
    Projector, ProjectorConfig,
    archive::ArchiveConfig,
    maintenance::{Maintenance, Outcome, Wish},
};
use beidou_store::{Store, archive::Archive};
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    project::{ended, options},
    report::{Report, grouped},
    usage::{cpu_of, own_cpu},
};

/// Asks a running projector for it, as a person does.
pub async fn measure(data: &Path, store: &Store, engine: u32, report: &mut Report) -> anyhow::Result<()> {
    let log: Arc<FileLog> = FileLog::open(options(data))?;
    let stop = CancellationToken::new();
    let archive = Some(ArchiveConfig::new(Archive::folder(&data.join("archive"))?));
    let config = ProjectorConfig { archive, ..ProjectorConfig::default() };
    let (maintenance, mut asking) = Maintenance::channel();
    let projector =
        Projector::new(config, log.clone(), store.clone(), &mut Registry::default()).maintained(maintenance);
    let mut status = projector.status();
    let running = tokio::spawn(projector.run(stop.clone()));
    ended(&*log, &mut status).await?;
    let (own, theirs) = (own_cpu(), cpu_of(engine)?);
    asking.wishes.send((Uuid::new_v4(), Wish::Rebuild)).await?;
    let rebuilt = match asking.outcomes.recv().await.context("an outcome")?.1 {
        Outcome::Rebuilt(rebuilt) => rebuilt,
        other => anyhow::bail!("the rebuild came out as {other:?}"),
    };
    let used = own_cpu() - own + cpu_of(engine)? - theirs;
    stop.cancel();
    running.await??;
    let wall = (rebuilt.ended.0 - rebuilt.started.0) as f64 / 1e6;
    let beside = format!(
        "{} rows, {wall:.1} s wall, {used:.1} CPU-s, inserts paused {} ms; must 100,000",
        rebuilt.rows, rebuilt.paused_ms
    );
    report.row("rebuild from the archive, states/s on all cores", grouped(rebuilt.rows as f64 / wall), beside);
    Ok(())
}
