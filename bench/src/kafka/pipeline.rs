//! From records that are ready to rows in table and archive: the log in Kafka beside the log in files.

use std::{
    path::Path,
    slice::from_ref,
    sync::Arc,
    time::{Duration, Instant},
};

use beidou_log::{Log, file::FileLog, kafka::KafkaLog};
use beidou_schemas::Record;
use beidou_store::Store;
use beidou_tests::kafka::Broker;
use tokio_util::sync::CancellationToken;

use super::{append, batches, count, cpu_of_all, options};
use crate::{
    engine_in, project,
    report::{Report, grouped},
    usage::{cpu_of, own_cpu},
};

/// Of each, by turns.
const ROUNDS: usize = 2;
/// The archive's last files close so soon.
const CLOSED_AFTER: Duration = Duration::from_secs(5);

/// What all rounds took, in seconds.
#[derive(Default)]
struct Cost {
    /// Until all rows were in the table.
    wall: f64,
    /// CPU of our processes until all were in the archive too.
    ours: f64,
    /// And of the broker, which stands idle beside the log in files.
    broker: f64,
}

/// Measures both by turns.
pub(super) async fn measure(broker: &Broker, records: &[Vec<Record>], report: &mut Report) -> anyhow::Result<()> {
    let (mut files, mut kafka) = (Cost::default(), Cost::default());
    for round in 0..ROUNDS {
        let folder = tempfile::tempdir()?;
        let log = FileLog::open(project::options(folder.path()))?;
        files.add(log, folder.path(), broker, records).await?;
        let folder = tempfile::tempdir()?;
        let log = KafkaLog::open(options(from_ref(broker), &format!("pipeline-{round}."))).await?;
        kafka.add(log, folder.path(), broker, records).await?;
    }
    let states = (ROUNDS * count(records)) as f64;
    let beside = format!("log in files {}: {:.2} times as long", grouped(states / files.wall), kafka.wall / files.wall);
    report.row("envelope → log in Kafka → table, states/s", grouped(states / kafka.wall), beside);
    let each = |seconds: f64| seconds * 1e6 / states;
    let beside =
        format!("log in files {:.1}; the broker's apart {:.1} µs a state", each(files.ours), each(kafka.broker));
    let value = format!("{:.1} µs a state, {:.2} times", each(kafka.ours), kafka.ours / files.ours);
    report.row("envelope → log in Kafka → table and archive, CPU of our processes", value, beside);
    Ok(())
}

impl Cost {
    /// One round: a projector that waits, then all records at once.
    async fn add(
        &mut self,
        log: Arc<dyn Log>,
        data: &Path,
        broker: &Broker,
        records: &[Vec<Record>],
    ) -> anyhow::Result<()> {
        let supervisor = engine_in(data)?;
        let engine = supervisor.ready().await?.pid;
        let (store, stop) = (Store::embedded(data), CancellationToken::new());
        let projector = project::projector(data, log.clone(), &store, CLOSED_AFTER)?;
        let mut status = projector.status();
        let running = tokio::spawn(projector.run(stop.clone()));
        status.wait_for(|now| now.is_ready() && !now.partitions.is_empty()).await?;
        let batches = batches(records);
        let used = || anyhow::Ok([own_cpu() + cpu_of(engine)?, cpu_of_all(from_ref(broker))?]);
        let (begun, [ours, brokers]) = (Instant::now(), used()?);
        append(&*log, batches).await?;
        project::in_tables(&*log, &mut status).await?;
        self.wall += begun.elapsed().as_secs_f64();
        project::ended(&*log, &mut status).await?;
        let [ours_now, brokers_now] = used()?;
        self.ours += ours_now - ours;
        self.broker += brokers_now - brokers;
        stop.cancel();
        running.await??;
        supervisor.stop().await;
        Ok(())
    }
}
