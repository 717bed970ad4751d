//! The stages from the file log to table and archive, each alone: what the whole costs beyond their sum.

use std::time::Duration;

use anyhow::Context;
use beidou_log::{Log, ReadLimit, StoredRecord, file::FileLog};
use beidou_projector::{
    ProjectorConfig,
    encode::{CutRange, Encoder},
};
use beidou_schemas::{Offset, Topic, TopicPartition};
use beidou_store::{
    Store,
    archive::{FileWriter, GroupLimit},
    insert::{Block, insert},
};

use crate::{
    project::merged,
    report::Report,
    usage::{cpu_of, own_cpu},
};

/// Where rows are inserted: a table like that of Events.
const TABLE: &str = "kube_event_stage";
/// Rows are read until there are so many: the first ones of a partition.
const ROWS: usize = 250_000;

/// CPU seconds of each stage.
#[derive(Debug, Default)]
struct Cost {
    rows: usize,
    read: f64,
    encode: f64,
    archive: f64,
    insert: f64,
    merge: f64,
}

/// Measures the stages one after the other; `whole` is CPU seconds a state of all of them at once.
pub async fn measure(log: &FileLog, store: &Store, engine: u32, whole: f64, report: &mut Report) -> anyhow::Result<()> {
    run(store, &format!("CREATE TABLE {TABLE} AS kube_event")).await?;
    let cost = stages(log, store, engine).await;
    run(store, &format!("DROP TABLE {TABLE} SYNC")).await?;
    let cost = cost?;
    let each = |seconds: f64| format!("{:.1}", seconds * 1e6 / cost.rows as f64);
    let sum = (cost.read + cost.encode + cost.archive + cost.insert + cost.merge) / cost.rows as f64;
    let beside = format!(
        "µs a state: reading the log {}, decoding and encoding {}, Parquet {}, insert {}, merges {}; all at once {:.1}; must 1.5",
        each(cost.read),
        each(cost.encode),
        each(cost.archive),
        each(cost.insert),
        each(cost.merge),
        whole * 1e6
    );
    report.row("CPU of all at once over the sum of its stages", format!("{:.2}", whole / sum), beside);
    Ok(())
}

async fn stages(log: &FileLog, store: &Store, engine: u32) -> anyhow::Result<Cost> {
    let at = TopicPartition::new(Topic::KubeEvent, 0);
    let config = ProjectorConfig::default();
    let mut encoder = Encoder::new(at, config.window).context("Events are projected")?;
    let (mut cost, mut from, mut file) = (Cost::default(), 0, None);
    let begun_all = cpu_of(engine)?;
    while cost.rows < ROWS {
        let begun = own_cpu();
        let (records, next) = cut(log, at, from, config.cut.bytes).await?;
        cost.read += own_cpu() - begun;
        if records.is_empty() {
            break;
        }
        let begun = own_cpu();
        let encoded = encoder.encode(CutRange { source: at, from, to: next }, &records)?;
        cost.encode += own_cpu() - begun;
        drop(records);
        for batch in &encoded.archive {
            cost.rows += batch.num_rows();
            let begun = own_cpu();
            let writer = match &mut file {
                Some(writer) => writer,
                None => file.insert(FileWriter::in_memory(batch.schema_ref(), GroupLimit::RANGE)?),
            };
            writer.add(batch)?;
            cost.archive += own_cpu() - begun;
            let block = Block::encode(TABLE, format!("{from}-{}", cost.rows), batch)?;
            let (own, theirs) = (own_cpu(), cpu_of(engine)?);
            insert(store, &block).await?;
            cost.insert += own_cpu() - own + cpu_of(engine)? - theirs;
        }
        from = next;
    }
    let begun = own_cpu();
    if let Some(file) = file {
        std::hint::black_box(file.finish()?);
    }
    cost.archive += own_cpu() - begun;
    merged(store).await?;
    cost.merge = (cpu_of(engine)? - begun_all - cost.insert).max(0.0);
    Ok(cost)
}

/// The records of a cut, as a worker gathers them.
async fn cut(
    log: &FileLog,
    at: TopicPartition,
    from: Offset,
    bytes: usize,
) -> anyhow::Result<(Vec<StoredRecord>, Offset)> {
    let (mut records, mut next, mut size) = (Vec::new(), from, 0);
    while size < bytes {
        let batch = log.read(at, next, ReadLimit { max_bytes: bytes - size, max_wait: Duration::ZERO }).await?;
        if batch.records.is_empty() {
            break;
        }
        size += batch.records.iter().map(|stored| stored.record.size()).sum::<usize>();
        next = batch.next;
        records.extend(batch.records);
    }
    Ok((records, next))
}

async fn run(store: &Store, sql: &str) -> anyhow::Result<()> {
    store.writer()?.query(sql).execute().await.with_context(|| sql.to_owned())
}
