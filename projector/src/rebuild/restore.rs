//! Tables that were lost, filled again by the leading projector before any worker begins.
//!
//! ```text
//!  kube_event empty, ledger filled, archive on:
//!    all ledgers       fenced: a worker that has not noticed writes no more
//!    kube_event_next   made first: it tells readers that the tables are not whole
//!    coverage, rejects ◄── log, from its beginning          repeatable: their keys name the record
//!    kube_event_next   ◄── archive, then the log behind it  ─► EXCHANGE: until then the next start begins anew
//! ```
//!
//! Nobody is to write a ledger meanwhile: others wait on what the store says. That is looked at before the swap, and then the
//! ledgers are given free: whoever sees the new table takes them.

use std::collections::BTreeMap;

use beidou_schemas::{Micros, Offset, Topic, TopicPartition, archive::Collection, ledger};
use beidou_store::{
    archive::{Archive, Sum},
    audit::Filling,
    migrate::call_whole,
};

use super::{Tail, counted, gone};
use crate::{
    ProjectorError,
    audit::Facts,
    cooling,
    encode::{CutRange, Encoded},
    ledger::LedgerHand,
    run::sources,
    worker::Worker,
};

/// A source whose rows are to be there again.
struct Source {
    worker: Worker,
    /// The right to write its ledger, so that nobody else does.
    hand: LedgerHand,
    /// Everything below was in the tables.
    watermark: Offset,
    /// Rows of Events below come from the archive; for other sources all come from the log.
    begin: Offset,
    tail: Tail,
}

/// Restores tables that were lost, for all projectors of the site.
///
/// # Errors
/// When a file is damaged, log or store refuse, or another projector writes a ledger meanwhile. The next try begins anew.
pub(crate) async fn restore(leader: &Worker, archive: &Archive) -> Result<(), ProjectorError> {
    let mut sources = Vec::new();
    for at in sources_of(leader) {
        sources.push(Source::of(leader.beside(at.0, at.1)).await?);
    }
    leader.migrate().await?;
    call_whole(&leader.store, false).await?;
    tracing::warn!("the table of Events is empty and the ledger is not: restoring it from archive and log");
    let filling = Filling::begin(&leader.store).await?;
    for source in &mut sources {
        source.fill_others().await?;
    }
    fill_events(leader, &filling, sources, archive).await
}

fn sources_of(leader: &Worker) -> Vec<(TopicPartition, TopicPartition)> {
    let events = leader.log.partitions(Topic::KubeEvent);
    let with_ledger = |at| Some((at, ledger::partition_of(at, events)?));
    sources(&*leader.log).into_iter().filter_map(with_ledger).collect()
}

/// Fills the table of Events beside the empty one, and swaps it in.
async fn fill_events(
    leader: &Worker,
    filling: &Filling,
    mut sources: Vec<Source>,
    archive: &Archive,
) -> Result<(), ProjectorError> {
    let events = sources.iter().filter(|source| source.is_events());
    let begins: BTreeMap<u32, Offset> = events.map(|source| (source.worker.at.partition, source.begin)).collect();
    let mut facts = Facts::default();
    facts.read(&*leader.log, Collection::Events).await?;
    let catalogue = archive.going_on().await?;
    let kept = &leader.config.retention;
    let hot = cooling::restored(kept, &leader.store, &catalogue, Micros::of(jiff::Timestamp::now())).await?;
    // One that is gone is not passed over: it ends the restore as a day file does, and is named.
    let mut files = gone(&catalogue, &facts, &begins);
    files.extend(counted(&catalogue, &facts, &begins, &hot).0);
    let mut sum = filling.files(archive, files).await?;
    let from_archive = sum.rows;
    for source in &mut sources {
        sum.join(source.fill_tail(filling).await?);
        source.tell_lost().await?;
    }
    if filling.sum().await? != sum {
        return Err(super::refused("the restored table has not the rows that were read"));
    }
    filling.call_whole().await?;
    for source in &sources {
        let newest = source.hand.writer().is_newest().await;
        newest.map_err(ProjectorError::log("restore the rows of", source.worker.at))?;
    }
    // With the swap the workers of these sources begin, and each is its ledger's writer then.
    drop(sources);
    filling.swap().await?;
    Filling::discard(&leader.store).await?;
    tracing::info!(rows = sum.rows, from_archive, "restored the tables");
    Ok(())
}

impl Source {
    /// Becomes the writer of a source's ledger, and takes what it says.
    async fn of(worker: Worker) -> Result<Self, ProjectorError> {
        let (log, name) = (&*worker.log, worker.config.name.as_str());
        let open = || LedgerHand::open(log, worker.ledger_at, worker.at, name, worker.archives());
        let hand = worker.patiently(open).await?;
        let bounds = worker.bounds(worker.at).await?;
        // Of a source of which nothing was ever inserted, nothing is to be there.
        let watermark = hand.ledger().watermark().unwrap_or(0);
        let begin = match worker.at.topic {
            Topic::KubeEvent => hand.archive().watermark().unwrap_or_default().min(watermark),
            Topic::KubeCoverage
            | Topic::KubeReject
            | Topic::Ledger
            | Topic::Maintenance
            | Topic::KubeImport
            | Topic::OperationCommand
            | Topic::Operation
            | Topic::OperationTask
            | Topic::OperationLedger
            | Topic::OperationDraft => watermark,
        };
        let start = bounds.start.min(watermark);
        let tail = Tail::new(worker.log.clone(), worker.at, worker.config.window, start);
        let mut source = Self { worker, hand, watermark, begin, tail };
        if start > begin {
            source.tail.past.lost.push(begin..start);
        }
        Ok(source)
    }

    fn is_events(&self) -> bool {
        self.worker.at.topic == Topic::KubeEvent
    }

    /// What the log has of other tables, below the archive's end for Events.
    async fn fill_others(&mut self) -> Result<(), ProjectorError> {
        while let Some(part) = self.tail.next(self.begin).await? {
            for block in if self.is_events() { part.rejects() } else { &part.blocks } {
                self.worker.insert(&*self.hand.writer(), block).await?;
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
                self.worker.insert(&*self.hand.writer(), block).await?;
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
                self.worker.insert(&*self.hand.writer(), block).await?;
            }
            tracing::error!(%source, from, to, "neither archive nor log hold this range: it is lost");
        }
        Ok(())
    }
}
