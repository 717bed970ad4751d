//! From generated Events to the file log, and from the file log to committed rows.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use beidou_log::{
    Log,
    file::{FileLog, FileOptions},
};
use beidou_projector::{PartitionStatus, Projector, ProjectorConfig, Status, archive::ArchiveConfig};
use beidou_schemas::{
    ClusterUid, Epoch, EventUid, Identity, Micros, Offset, Record, ResourceVersion, Topic, TopicPartition,
    envelope::{EventEnvelope, FoundBy},
    kube_event::decode,
    ledger,
    topic::partition_of,
};
use beidou_simulator::{HistoryOptions, HistoryState, history};
use beidou_store::{
    Store,
    archive::{Archive, Compaction},
};
use futures::future::try_join_all;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    report::{Report, grouped},
    usage::{cpu_of, own_cpu},
};

/// Partitions of the event topic, as `beidou up` has them.
pub const PARTITIONS: u32 = 4;
/// Records of one append over all partitions.
const BATCH: usize = 4096;
/// How often to look whether merges are done, and how often in a row none may run.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const QUIET: u32 = 4;
/// As long as four partitions take to fill a range file each.
const CLOSED_AFTER: Duration = Duration::from_secs(30);

/// The log as `beidou up` has it.
pub fn options(data: &Path) -> FileOptions {
    let counts = [
        (Topic::KubeEvent, PARTITIONS),
        (Topic::KubeCoverage, 1),
        (Topic::KubeReject, 1),
        (Topic::Ledger, ledger::partitions(PARTITIONS)),
    ];
    FileOptions::new(data.join("log"), BTreeMap::from(counts))
}

fn record(state: HistoryState, cluster: &ClusterUid, name: &str) -> anyhow::Result<(u32, Record)> {
    let event: EventUid = state.uid.to_string().parse()?;
    let partition = partition_of(cluster, &event, PARTITIONS);
    let identity = Identity {
        cluster: cluster.clone(),
        epoch: Epoch::default(),
        event,
        resource_version: ResourceVersion(state.resource_version),
    };
    let observed = Micros(state.time_us);
    Ok((
        partition,
        EventEnvelope { identity, cluster_name: name.into(), observed, found_by: FoundBy::Seed }.wrap(state.json),
    ))
}

/// The history as records, by partition: for who appends it more than once.
pub fn records(states: u64, now: Micros) -> anyhow::Result<Vec<Vec<Record>>> {
    let mut all = vec![Vec::new(); PARTITIONS as usize];
    for cluster in history(&HistoryOptions { states, ..HistoryOptions::demo(1, now.0) }) {
        let (uid, name) = (cluster.cluster().uid.to_string().parse()?, cluster.cluster().name.clone());
        for state in cluster {
            let (partition, record) = record(state, &uid, &name)?;
            all[partition as usize].push(record);
        }
    }
    Ok(all)
}

/// Generates the history, then appends it: only the second is measured.
pub async fn append(data: &Path, states: u64, now: Micros, report: &mut Report) -> anyhow::Result<Arc<FileLog>> {
    let log = FileLog::open(options(data))?;
    let mut writers = Vec::new();
    for partition in 0..PARTITIONS {
        writers.push(log.writer(TopicPartition::new(Topic::KubeEvent, partition), "bench").await?);
    }
    let wanted = HistoryOptions { states, ..HistoryOptions::demo(1, now.0) };
    let (mut cpu, mut bytes, mut count, mut decoding) = (0.0, 0, 0_u64, 0.0);
    for cluster in history(&wanted) {
        let (uid, name) = (cluster.cluster().uid.to_string().parse()?, cluster.cluster().name.clone());
        let mut states = cluster.peekable();
        while states.peek().is_some() {
            let states: Vec<_> = states.by_ref().take(BATCH).collect();
            bytes += states.iter().map(|state| state.json.len()).sum::<usize>();
            count += states.len() as u64;
            let begun = own_cpu();
            for state in &states {
                std::hint::black_box(decode(&state.json)?);
            }
            decoding += own_cpu() - begun;
            let begun = own_cpu();
            let mut batches: Vec<Vec<Record>> = vec![Vec::new(); PARTITIONS as usize];
            for state in states {
                let (partition, record) = record(state, &uid, &name)?;
                batches[partition as usize].push(record);
            }
            try_join_all(writers.iter().zip(batches).map(|(writer, batch)| writer.append(batch))).await?;
            cpu += own_cpu() - begun;
        }
    }
    let beside =
        format!("JSON of {} B a state; decoding alone {}/s", bytes as u64 / count, grouped(count as f64 / decoding));
    report.row("envelope → durable in the file log, states/s per core", grouped(count as f64 / cpu), beside);
    Ok(log)
}

/// Projects the whole log into table and archive, as `beidou up` does; CPU seconds a state.
pub async fn project(
    data: &Path,
    log: Arc<FileLog>,
    store: &Store,
    engine: u32,
    states: u64,
    report: &mut Report,
) -> anyhow::Result<f64> {
    let stop = CancellationToken::new();
    let projector = projector(data, log.clone(), store, CLOSED_AFTER)?;
    let mut status = projector.status();
    let (begun, own, theirs) = (Instant::now(), own_cpu(), cpu_of(engine)?);
    let running = tokio::spawn(projector.run(stop.clone()));
    ended(&*log, &mut status).await?;
    let (own, theirs, wall) = (own_cpu() - own, cpu_of(engine)? - theirs, begun.elapsed().as_secs_f64());
    stop.cancel();
    running.await??;
    let rate = states as f64 / (own + theirs);
    let beside = format!("{own:.1} CPU-s in the projector, {theirs:.1} in the engine, {wall:.1} s wall");
    report.row("file log → decoded → table with message search, and archive, states/s per core", grouped(rate), beside);
    Ok((own + theirs) / states as f64)
}

/// A projector into table and archive. The archive's last files close soon: nobody adds to them.
pub fn projector(data: &Path, log: Arc<dyn Log>, store: &Store, closed_after: Duration) -> anyhow::Result<Projector> {
    let archive =
        ArchiveConfig { max_age: closed_after, ..ArchiveConfig::new(Archive::folder(&data.join("archive"))?) };
    let config = ProjectorConfig { archive: Some(archive), ..ProjectorConfig::default() };
    Ok(Projector::new(config, log, store.clone(), &mut Registry::default()))
}

/// Waits until the tables have all that the log has.
pub async fn in_tables(log: &dyn Log, status: &mut watch::Receiver<Status>) -> anyhow::Result<()> {
    reached(log, status, |place, end| place.watermark >= end).await
}

/// Waits until table and archive have all that the log has.
pub async fn ended(log: &dyn Log, status: &mut watch::Receiver<Status>) -> anyhow::Result<()> {
    reached(log, status, |place, end| place.watermark >= end && place.archived.is_some_and(|to| to >= end)).await
}

async fn reached(
    log: &dyn Log,
    status: &mut watch::Receiver<Status>,
    there: impl Fn(&PartitionStatus, Offset) -> bool,
) -> anyhow::Result<()> {
    let mut ends = BTreeMap::new();
    for partition in 0..PARTITIONS {
        let at = TopicPartition::new(Topic::KubeEvent, partition);
        ends.insert(at, log.bounds(at).await?.end);
    }
    status.wait_for(|now| ends.iter().all(|(at, end)| now.partitions.get(at).is_some_and(|p| there(p, *end)))).await?;
    Ok(())
}

/// Waits until tables that were brought forward are what they shall be.
pub async fn mutated(store: &Store) -> anyhow::Result<()> {
    let open = "SELECT count() FROM system.mutations WHERE NOT is_done";
    while store.reader()?.query(open).fetch_one::<u64>().await? > 0 {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Waits until nothing is merged any more.
pub async fn merged(store: &Store) -> anyhow::Result<()> {
    let mut quiet = 0;
    while quiet < QUIET {
        let merges: u64 = store.reader()?.query("SELECT count() FROM system.merges").fetch_one().await?;
        quiet = if merges == 0 { quiet + 1 } else { 0 };
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Bytes per state, on disk.
pub async fn sizes(data: &Path, store: &Store, states: u64, report: &mut Report) -> anyhow::Result<()> {
    let sql = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() AND table = 'kube_event'";
    let table: u64 = store.reader()?.query(sql).fetch_one().await?;
    let log = folder_bytes(&data.join("log"))?;
    report.row(
        "bytes per state in the table",
        format!("{:.1}", table as f64 / states as f64),
        "on disk, with indexes, before the last merges".into(),
    );
    report.row(
        "bytes per state in the file log",
        format!("{:.1}", log as f64 / states as f64),
        "compressed, all topics".into(),
    );
    Ok(())
}

/// Puts the archive's range files together by day, and says what a row takes before and after.
pub async fn archive(data: &Path, report: &mut Report) -> anyhow::Result<()> {
    let folder = data.join("archive");
    let archive = Archive::folder(&folder)?.building_in(data);
    let (begun, used) = (Instant::now(), own_cpu());
    let now = Micros::of(jiff::Timestamp::now());
    let done = archive.compact(&Compaction::new(now, now)).await?;
    let rows = done.rows.max(1) as f64;
    let beside =
        format!("range files {:.1}; {} files became {}", done.inputs.1 as f64 / rows, done.inputs.0, done.outputs.0);
    report.row("bytes per state in the archive", format!("{:.1}", done.outputs.1 as f64 / rows), beside);
    let cpu = own_cpu() - used;
    let beside = format!("{cpu:.1} CPU-s, {:.1} s wall", begun.elapsed().as_secs_f64());
    report.row("compaction of the archive, states/s per core", grouped(rows / cpu), beside);
    Ok(())
}

fn folder_bytes(folder: &Path) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        sum += if meta.is_dir() { folder_bytes(&entry.path())? } else { meta.len() };
    }
    Ok(sum)
}
