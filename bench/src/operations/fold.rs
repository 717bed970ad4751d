//! A start of controllers with many operations in their log, beside reading and decoding the same facts.

use std::time::Instant;

use beidou_log::{Log, ReadLimit};
use beidou_schemas::{
    Record,
    operation::{FACTS, Object, OperationId, fact::Fact},
};
use uuid::Uuid;

use super::{
    intake::Talkers,
    site::{Site, is_over},
};
use crate::report::{Report, grouped};

const OPERATIONS: usize = 500;
const STEPS: usize = 5;
const HOSTS: usize = 20;
/// Records of one append.
const BATCH: usize = 512;

pub async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let (id, recorded) = record().await?;
    let mut site = Site::new(STEPS)?;
    let (mut records, mut facts) = (Vec::new(), 0);
    let writer = site.log.writer(FACTS, "bench").await?;
    for _ in 0..OPERATIONS {
        records.extend(copies(id, &recorded)?);
        if records.len() >= BATCH {
            facts += records.len();
            writer.append(std::mem::take(&mut records)).await?;
        }
    }
    facts += records.len();
    writer.append(records).await?;
    drop(writer);
    let (begun, mut at, mut read) = (Instant::now(), 0, 0);
    loop {
        let batch = site.log.read(FACTS, at, ReadLimit { max_bytes: 8 << 20, max_wait: Default::default() }).await?;
        if batch.records.is_empty() {
            break;
        }
        for stored in &batch.records {
            Fact::from_json(&stored.record.value)?;
            read += 1;
        }
        at = batch.next;
    }
    let decoded = begun.elapsed();
    anyhow::ensure!(read == facts, "{read} of {facts} facts are there");
    let took = site.start(None).await?;
    site.end().await?;
    report.row(
        "controllers start with 500 operations × 5 steps × 20 hosts",
        format!("{:.2} s", took.as_secs_f64()),
        format!(
            "{} facts, read and decoded alone in {:.2} s; must 2 s, aim 0.5 s",
            grouped(facts as f64),
            decoded.as_secs_f64()
        ),
    );
    Ok(())
}

/// One operation as it really runs, told by runners that only talk.
async fn record() -> anyhow::Result<(OperationId, Vec<Fact>)> {
    let mut site = Site::new(STEPS)?;
    site.start(Some(Talkers::new(1))).await?;
    let id = site.operate(STEPS, HOSTS).await?;
    let (facts, _) = site.facts_until(0, is_over).await?;
    site.end().await?;
    Ok((id, facts.into_iter().filter(|fact| fact.object == Object::Operation(id)).collect()))
}

/// The same operation under another id.
fn copies(id: OperationId, recorded: &[Fact]) -> anyhow::Result<Vec<Record>> {
    let (old, new) = (id.0.to_string(), Uuid::new_v4().to_string());
    let short = |id: &str| id.split('-').next().unwrap_or_default().to_owned();
    let renamed = |fact: &Fact| {
        let json = String::from_utf8(fact.to_record().value.to_vec())?;
        let json = json.replace(&old, &new).replace(&short(&old), &short(&new));
        Ok(Fact::from_json(json.as_bytes())?.to_record())
    };
    recorded.iter().map(renamed).collect()
}
