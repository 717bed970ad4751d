//! The worker's side of the stage: where it begins after a start, and what of the log it still needs.

use std::ops::Range;

use arrow_array::RecordBatch;
use beidou_log::{LogError, ReadLimit};
use beidou_schemas::{
    Offset, Topic,
    archive::Collection,
    ledger::{Archiving, LedgerFact},
};
use beidou_store::audit::rows_of_range;

use super::{ArchiveConfig, Portion, Stage, StageParts};
use crate::{
    ProjectorError,
    encode::{CutRange, Encoder},
    fault::Bug,
    held::Held,
    ledger::LedgerHand,
    patience::Patience,
    worker::Worker,
};

/// How much of the log is encoded again at once.
const READ: ReadLimit = ReadLimit { max_bytes: 8 << 20, max_wait: std::time::Duration::ZERO };
/// Offsets of which the table's rows are read at once, where the log has them no more: some 12 MB of usual rows.
const FROM_TABLE: u64 = 16_384;

impl Worker {
    /// Whether this partition is archived.
    pub(crate) fn archives(&self) -> bool {
        Collection::of(self.at).is_some() && self.config.archive.is_some()
    }

    /// Notes in the ledger where the archive begins, before the tables go on: else a crash before its first file would let
    /// it begin behind rows that it lacks. `watermark` is the table's, where it begins unless the log, which begins at `start`,
    /// keeps all that is in the table. One that was off for a while goes on where it ended.
    pub(crate) async fn begin_archive(
        &self,
        hand: &mut LedgerHand,
        start: Offset,
        watermark: Offset,
    ) -> Result<(), ProjectorError> {
        if !self.archives() || hand.archive().watermark().is_some() {
            return Ok(());
        }
        let from = if self.at.topic.is_kept() { start.min(watermark) } else { watermark };
        let beginning = Archiving { source: self.at, from, to: from };
        self.append(hand, LedgerFact::Archiving(beginning), true).await
    }

    /// The stage of this partition, if it has one; it goes on where the ledger says.
    pub(crate) fn stage(&self, hand: &LedgerHand) -> Option<Stage> {
        let (collection, number) = Collection::of(self.at)?;
        let archive = self.config.archive.clone()?;
        let config = ArchiveConfig { archive: archive.archive.of(collection), ..archive };
        let parts = StageParts {
            at: self.at,
            collection,
            number,
            ledger_at: self.ledger_at,
            writer: hand.writer(),
            budget: self.archive_budget.clone(),
            config,
            faults: self.config.faults.clone(),
            reporter: self.reporter.clone(),
        };
        let begin = match self.config.faults.has(Bug::ArchiveGoesOnAtTable) {
            true => hand.ledger().watermark().or(hand.archive().watermark())?,
            false => hand.archive().watermark()?,
        };
        Some(Stage::start(parts, begin, hand.archive().pending()))
    }

    /// Encodes what is in the table and not in the archive, for the archive alone. An encoder that is blind, since the log
    /// has not all that it remembers, does not know which states the table has left out: then the table's own rows stand in. It
    /// becomes so where the log has lost a part meanwhile.
    pub(crate) async fn catch_up(
        &self,
        (mut encoder, mut blind): (Encoder, bool),
        held: &mut Held,
        stage: &mut Option<Stage>,
        range: Range<Offset>,
    ) -> Result<(Encoder, bool), ProjectorError> {
        let Some(stage) = stage else { return Ok((encoder, blind)) };
        let (mut next, mut patience) = (range.start, Patience::default());
        while next < range.end {
            // A file that a crash left half-way ends where it was going to.
            let end = stage.repeat().filter(|end| next < *end).unwrap_or(range.end).min(range.end);
            let mut batch = match self.log.read(self.at, next, READ).await {
                Ok(batch) => batch,
                Err(LogError::Removed { first, .. }) if first > next && self.at.topic == Topic::KubeEvent => {
                    let to = first.min(end).min(next + FROM_TABLE);
                    let rows = self.of_table(next..to).await?;
                    stage.take(Portion { from: next, to, rows }).await?;
                    (next, blind) = (to, true);
                    continue;
                }
                Err(error) => {
                    self.wait(ProjectorError::log("encode again for the archive", self.at)(error), &mut patience)
                        .await?;
                    continue;
                }
            };
            self.goes_on(&mut patience);
            batch.records.retain(|stored| stored.offset < end);
            let (from, to) = (next, batch.next.min(end));
            if to <= from {
                break;
            }
            held.hold(from..to, &batch.records);
            next = to;
            self.learn(&mut encoder, from).await?;
            let cut = CutRange { source: self.at, from, to };
            let (back, encoded) = self
                .compute(move || {
                    let encoded = encoder.encode(cut, &batch.records);
                    (encoder, encoded)
                })
                .await?;
            encoder = back;
            let rows = if blind { self.of_table(from..to).await? } else { encoded?.archive };
            stage.take(Portion { from, to, rows }).await?;
        }
        Ok((encoder, blind))
    }

    /// The rows that the table has of this range.
    pub(crate) async fn of_table(&self, range: Range<Offset>) -> Result<Vec<RecordBatch>, ProjectorError> {
        let ask = || async { Ok(rows_of_range(&self.store, self.at.partition, range.start, range.end).await?) };
        self.patiently(ask).await
    }

    /// Hands the rows of a cut over that is in the table.
    pub(crate) async fn archive(
        &self,
        stage: &mut Option<Stage>,
        cut: Range<Offset>,
        rows: Vec<RecordBatch>,
    ) -> Result<(), ProjectorError> {
        match stage {
            // What was not handed over is encoded again by whoever comes next.
            Some(stage) => {
                let taken = stage.take(Portion { from: cut.start, to: cut.end, rows });
                self.stop.run_until_cancelled(taken).await.unwrap_or(Err(ProjectorError::GivenBack { at: self.at }))
            }
            None => Ok(()),
        }
    }
}

/// What neither the table nor the archive needs any more lies below.
pub(crate) fn needed(stage: &Option<Stage>, watermark: Offset) -> Offset {
    stage.as_ref().map_or(watermark, |stage| stage.watermark().min(watermark))
}
