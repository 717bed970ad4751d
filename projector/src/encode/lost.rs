//! A lost range into rows: a gap of each cluster, and a row of `kube_reject` that names the offsets.

use std::ops::Range;

use beidou_schemas::{Micros, Offset, coverage::Broken};

use super::{
    CutRange, Encoded,
    coverage::{self, CoverageRows, Interval},
    reject::Rejects,
};
use crate::ProjectorError;

/// Records that are gone, and what is known of them.
#[derive(Debug)]
pub struct LostRange {
    /// Where they stood.
    pub offsets: Range<Offset>,
    /// When the first one behind them was observed.
    pub observed: Micros,
    /// One for each cluster that may have had some of them.
    pub gaps: Vec<Broken>,
}

impl LostRange {
    /// Adds the rows to those of the cut that finds the loss. A repeated cut writes the same keys, so it replaces them.
    ///
    /// # Errors
    /// When Arrow refuses a batch.
    pub(crate) fn encode(&self, range: CutRange, out: &mut Encoded) -> Result<(), ProjectorError> {
        if !self.gaps.is_empty() {
            let mut rows = CoverageRows::with_room(self.gaps.len());
            // The offset 0: these rows are no newer than any fact of the coverage topic.
            self.gaps.iter().for_each(|gap| rows.put(0, &Interval::Broken(gap.clone())));
            let batch = rows.finish().map_err(beidou_store::StoreError::Encode)?;
            out.blocks.push(range.block(coverage::TABLE, "lost", &batch)?);
        }
        let mut rejects = Rejects::default();
        rejects.put_lost(range.source, &self.offsets, self.observed);
        rejects.add_block(range, "lost", out)?;
        out.rows += self.gaps.len() as u64 + 1;
        out.observed = out.observed.max(self.observed);
        out.lost = Some(self.offsets.clone());
        Ok(())
    }
}
