//! Tables that were lost, filled again before the workers begin.
//!
//! ```text
//!  kube_event empty, ledger filled, archive on:
//!    kube_event_next   made first: it tells readers that the tables are not whole
//!    coverage, rejects ◄── log, from its beginning          repeatable: their keys name the record
//!    kube_event_next   ◄── archive, then the log behind it  ─► EXCHANGE: until then the next start begins anew
//! ```

use std::collections::BTreeMap;

use beidou_schemas::{Offset, Topic};
use beidou_store::{
    archive::{Archive, Sum},
    audit::Filling,
};

use super::{Tail, counted};
use crate::{
    ProjectorError,
    audit::Facts,
    encode::{CutRange, Encoded},
    ledger::LedgerHand,
    worker::Worker,
};

/// A source whose rows are to be there again.
struct Source<'a> {
    worker: &'a Worker,
    /// Everything below was in the tables.
    watermark: Offset,
    /// Rows of Events below come from the archive; for other sources all come from the log.
    begin: Offset,
    tail: Tail,
}

/// Restores empty tables; `false` where the ledger speaks of no rows.
///
/// # Errors
/// When a file is damaged, or log or store refuse for good. The next start begins anew.
pub(crate) async fn restore(workers: &[Worker], archive: &Archive) -> Result<bool, ProjectorError> {
    let mut sources = Vec::new();
    for worker in workers {
        sources.extend(Source::of(worker).await?);
    }
    let Some(first) = sources.iter().find(|source| source.is_events()).map(|source| source.worker) else {
        return Ok(false);
    };
    tracing::warn!("the table of Events is empty and the ledger is not: restoring it from archive and log");
    let filling = Filling::begin(&first.store).await?;
    for source in &mut sources {
        source.fill_others().await?;
    }
    fill_events(first, &filling, &mut sources, archive).await?;
    Ok(true)
}

/// Fills the table of Events beside the empty one, and swaps it in.
async fn fill_events(
    first: &Worker,
    filling: &Filling,
    sources: &mut [Source<'_>],
    archive: &Archive,
) -> Result<(), ProjectorError> {
    let events = sources.iter().filter(|source| source.is_events());
    let begins: BTreeMap<u32, Offset> = events.map(|source| (source.worker.at.partition, source.begin)).collect();
    let mut facts = Facts::default();
    facts.read(&*first.log).await?;
    let (files, _) = counted(&archive.going_on().await?, &facts, &begins);
    let mut sum = filling.files(archive, files).await?;
    let from_archive = sum.rows;
    for source in sources {
        sum.join(source.fill_tail(filling).await?);
        source.tell_lost().await?;
    }
    if filling.sum().await? != sum {
        return Err(super::refused("the restored table has not the rows that were read"));
    }
    filling.swap().await?;
    Filling::discard(&first.store).await?;
    tracing::info!(rows = sum.rows, from_archive, "restored the tables");
    Ok(())
}

impl<'a> Source<'a> {
    /// What the ledger says of a worker's source; `None` where nothing of it was ever inserted.
    async fn of(worker: &'a Worker) -> Result<Option<Self>, ProjectorError> {
        let (log, name) = (&*worker.log, worker.config.name.as_str());
        let open = || LedgerHand::open(log, worker.ledger_at, worker.at, name, worker.archives());
        let hand = worker.patiently(open).await?;
        let Some(watermark) = hand.ledger().watermark().filter(|done| *done > 0) else { return Ok(None) };
        let begin = match worker.at.topic {
            Topic::KubeEvent => hand.archive().watermark().unwrap_or_default().min(watermark),
            Topic::KubeCoverage
            | Topic::KubeReject
            | Topic::Ledger
            | Topic::Maintenance
            | Topic::KubeImport
            | Topic::OperationCommand
            | Topic::Operation
            | Topic::OperationTask => {
                watermark
            }
        };
        let start = worker.bounds(worker.at).await?.start.min(watermark);
        let tail = Tail::new(worker.log.clone(), worker.at, worker.config.window, start);
        let mut source = Self { worker, watermark, begin, tail };
        if start > begin {
            source.tail.past.lost.push(begin..start);
        }
        Ok(Some(source))
    }

    fn is_events(&self) -> bool {
        self.worker.at.topic == Topic::KubeEvent
    }

    /// What the log has of other tables, below the archive's end for Events.
    async fn fill_others(&mut self) -> Result<(), ProjectorError> {
        while let Some(part) = self.tail.next(self.begin).await? {
            for block in if self.is_events() { part.rejects() } else { &part.blocks } {
                self.worker.insert(block).await?;
            }
        }
        Ok(())
    }

    /// What the log has behind the archive's end.
    async fn fill_tail(&mut self, filling: &Filling) -> Result<Sum, ProjectorError> {
        let mut sum = Sum::default();
        while let Some(part) = self.tail.next(self.watermark).await? {
            sum.join(filling.rows(&part.rows).await?);
            for block in part.rejects() {
                self.worker.insert(block).await?;
            }
        }
        Ok(sum)
    }

    /// What neither archive nor log hold is told as any loss of the log; so is what cannot be read there.
    async fn tell_lost(&mut self) -> Result<(), ProjectorError> {
        let (begin, past) = (self.begin, std::mem::take(&mut self.tail.past));
        for damage in &past.damaged {
            tracing::error!(source = %self.worker.at, what = damage.what, "the log is damaged");
        }
        let damaged = past.damaged.into_iter().map(|damage| damage.offsets);
        for lost in past.lost.into_iter().chain(damaged).filter(|lost| lost.end > begin) {
            let (source, from, to) = (self.worker.at, lost.start, lost.end);
            let mut out = Encoded::default();
            self.worker.lost(None, lost, &[]).await?.encode(CutRange { source, from, to }, &mut out)?;
            for block in &out.blocks {
                self.worker.insert(block).await?;
            }
            tracing::error!(%source, from, to, "neither archive nor log hold this range: it is lost");
        }
        Ok(())
    }
}
