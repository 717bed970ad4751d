//! Tables that were lost, filled again before the workers begin.
//!
//! ```text
//!  kube_event empty, ledger filled, archive on:
//!    coverage, rejects ◄── log, from its beginning          repeatable: their keys name the record
//!    kube_event_next   ◄── archive, then the log behind it  ─► EXCHANGE: until then the next start begins anew
//! ```

use std::collections::BTreeMap;

use beidou_schemas::{Offset, Topic};
use beidou_store::{archive::Archive, audit::Filling};

use super::{Tail, counted};
use crate::{
    ProjectorError,
    audit::Facts,
    encode::{CutRange, Encoded},
    ledger::LedgerHand,
    worker::Worker,
};

/// Restores empty tables; `false` where the ledger speaks of no rows.
///
/// # Errors
/// When a file is damaged, or log or store refuse for good. The next start begins anew.
pub(crate) async fn restore(workers: &[Worker], archive: &Archive) -> Result<bool, ProjectorError> {
    let mut places = Vec::new();
    for worker in workers {
        let (log, name) = (&*worker.log, worker.config.name.as_str());
        let open = || LedgerHand::open(log, worker.ledger_at, worker.at, name, worker.archives());
        let hand = worker.patiently(open).await?;
        places.push((worker, hand.ledger().watermark(), hand.archive().watermark()));
    }
    let events = |worker: &Worker| worker.at.topic == Topic::KubeEvent;
    if !places.iter().any(|(worker, watermark, _)| events(worker) && watermark.is_some_and(|done| done > 0)) {
        return Ok(false);
    }
    tracing::warn!("the tables are empty and the ledger is not: restoring them from archive and log");
    let Some(first) = workers.first() else { return Ok(false) };
    let filling = Filling::begin(&first.store).await?;
    let (mut begins, mut tails): (BTreeMap<u32, Offset>, Vec<_>) = (BTreeMap::new(), Vec::new());
    for (worker, watermark, archived) in places {
        let Some(watermark) = watermark else { continue };
        let begin = if events(worker) { archived.unwrap_or_default().min(watermark) } else { watermark };
        if events(worker) {
            begins.insert(worker.at.partition, begin);
        }
        let start = worker.bounds(worker.at).await?.start;
        let mut tail = Tail::new(worker.log.clone(), worker.at, worker.config.window, start.min(watermark));
        while let Some(part) = tail.next(begin).await? {
            // Rows of Events come from the archive.
            for block in if events(worker) { part.rejects() } else { &part.blocks } {
                worker.insert(block).await?;
            }
        }
        tails.push((worker, watermark, begin, tail));
    }
    let mut facts = Facts::default();
    facts.read(&*first.log).await?;
    let (paths, _) = counted(&archive.catalogue().await?, &facts, &begins);
    let mut sum = filling.files(archive, paths).await?;
    let from_archive = sum.rows;
    for (worker, watermark, begin, tail) in &mut tails {
        // The log may begin behind the archive's end: what lies between is lost, and told as any loss of the log.
        let start = worker.bounds(worker.at).await?.start.min(*watermark);
        if start > *begin && events(worker) {
            tail.lost.push(*begin..start);
        }
        while let Some(part) = tail.next(*watermark).await? {
            sum.join(filling.rows(&part.rows).await?);
            for block in part.rejects() {
                worker.insert(block).await?;
            }
        }
        for lost in std::mem::take(&mut tail.lost) {
            let (from, to) = (lost.start, lost.end);
            let range = worker.lost(None, lost, &[]).await?;
            let mut out = Encoded::default();
            range.encode(CutRange { source: worker.at, from, to }, &mut out)?;
            for block in &out.blocks {
                worker.insert(block).await?;
            }
            tracing::error!(source = %worker.at, from, to, "neither archive nor log hold this range: it is lost");
        }
    }
    if filling.sum().await? != sum {
        return Err(super::refused("the restored table has not the rows that were read"));
    }
    filling.swap().await?;
    Filling::discard(&first.store).await?;
    tracing::info!(rows = sum.rows, from_archive, "restored the tables");
    Ok(true)
}
