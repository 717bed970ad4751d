//! What the store says of coverage, kept in memory for a few seconds: most answers need it, and it changes slowly.
//!
//! ```text
//!  sampler, every 2 s ──► spans of the last eight days + extents, all clusters ──► kept ──► answers over those days
//!  a longer range, or none kept that is young enough ──► the store is asked
//! ```
//!
//! What is kept is older than what the store has, so it proves less, and never more. One thing makes a proof void: that rows
//! are removed by age. Retention notes them first, and removes them when no reader keeps an older proof.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use beidou_model::coverage::Span;
use beidou_schemas::{Micros, coverage::CoverageState, time::DAY};
use beidou_store::query::{QueryError, Reader, coverage::ExtentRow};
use tokio::time::Instant;

use crate::{
    app::{locked, now},
    ask::Range,
};

/// A timeline's week begins within it, with room for clocks.
const KEPT_DAYS: i64 = 8;
/// More spans than this are not worth their memory; the store is asked then.
const MOST_KEPT: usize = 20_000;

/// The newest proofs of all clusters.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Option<Arc<Proofs>>>);

impl Kept {
    pub(super) fn keep(&self, proofs: Arc<Proofs>) {
        *locked(&self.0) =
            Some(proofs).filter(|proofs| proofs.spans.values().map(Vec::len).sum::<usize>() <= MOST_KEPT);
    }

    /// Those that tell of the whole range, where they are no older than `age`.
    pub(super) fn younger_than(&self, age: Duration, range: Range) -> Option<Arc<Proofs>> {
        let kept = locked(&self.0).clone();
        kept.filter(|p| p.taken.elapsed() < age && p.range.from <= range.from && range.until <= p.range.until)
    }
}

/// What was proven of clusters at one moment.
#[derive(Debug)]
pub(crate) struct Proofs {
    taken: Instant,
    /// All they speak of stood in the log by then.
    came: Instant,
    range: Range,
    /// From when on the spans are all there are.
    whole_from: Micros,
    spans: BTreeMap<String, Vec<Span>>,
    /// Where the intervals of each cluster begin and end.
    extents: BTreeMap<String, ExtentRow>,
}

impl Proofs {
    /// Of all clusters, for the days that are kept.
    pub(super) async fn of_all(reader: &Reader) -> Result<Self, QueryError> {
        let now = now().0;
        Self::of(reader, None, Range { from: Micros(now - KEPT_DAYS * DAY), until: Micros(now + DAY) }).await
    }

    /// Of no cluster: nobody is asked.
    pub(super) fn of_none(range: Range) -> Self {
        let (taken, whole_from) = (Instant::now(), Micros(0));
        Self { taken, came: taken, range, whole_from, spans: BTreeMap::new(), extents: BTreeMap::new() }
    }

    /// Of these clusters, or of all.
    pub(crate) async fn of(reader: &Reader, clusters: Option<&[String]>, range: Range) -> Result<Self, QueryError> {
        let taken = Instant::now();
        let (found, extents) = tokio::try_join!(reader.spans(clusters, range), reader.extents(clusters))?;
        let came = Instant::now();
        let mut spans = BTreeMap::<String, Vec<Span>>::new();
        for row in found.rows {
            let Some(state) = u8::try_from(row.state).ok().and_then(CoverageState::from_number) else { continue };
            let span = Span { from: Micros(row.from_time), until: Micros(row.until_time), state, reason: row.reason };
            spans.entry(row.cluster_uid).or_default().push(span);
        }
        let extents = extents.into_iter().map(|row| (row.cluster_uid.clone(), row)).collect();
        Ok(Self { taken, came, range, whole_from: found.whole_from.unwrap_or_default(), spans, extents })
    }

    /// When the store had told them.
    pub(super) fn came(&self) -> Instant {
        self.came
    }

    /// The spans of a cluster that touch the range.
    pub(crate) fn spans(&self, uid: &str, range: Range) -> Vec<Span> {
        let all = self.spans.get(uid).map_or(&[][..], Vec::as_slice);
        all.iter().filter(|span| span.from < range.until && span.until > range.from).cloned().collect()
    }

    /// Before this moment there are more spans than were read.
    pub(crate) fn whole_from(&self) -> Micros {
        self.whole_from
    }

    pub(crate) fn extent(&self, uid: &str) -> Option<&ExtentRow> {
        self.extents.get(uid)
    }

    /// Until when each cluster was proven.
    pub(super) fn proven(&self) -> BTreeMap<String, Micros> {
        self.extents.iter().map(|(uid, row)| (uid.clone(), Micros(row.last_time))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: i64, until: i64) -> Range {
        Range { from: Micros(from), until: Micros(until) }
    }

    fn proofs(spans: usize) -> Arc<Proofs> {
        let span = |n: i64| Span {
            from: Micros(n * 10),
            until: Micros(n * 10 + 5),
            state: CoverageState::Complete,
            reason: String::new(),
        };
        let spans = BTreeMap::from([("one".to_owned(), (0..).take(spans).map(span).collect())]);
        let (taken, whole_from, extents) = (Instant::now(), Micros(0), BTreeMap::new());
        Arc::new(Proofs { taken, came: taken, range: range(0, 100), whole_from, spans, extents })
    }

    #[test]
    fn what_is_kept_tells_of_its_own_days_while_it_is_young() {
        let (kept, hour) = (Kept::default(), Duration::from_secs(3600));
        assert!(kept.younger_than(hour, range(0, 100)).is_none(), "nothing is kept at the start");
        kept.keep(proofs(3));
        assert!(kept.younger_than(hour, range(0, 100)).is_some());
        assert!(kept.younger_than(hour, range(-1, 100)).is_none(), "it begins too late");
        assert!(kept.younger_than(hour, range(0, 101)).is_none(), "it ends too early");
        assert!(kept.younger_than(Duration::ZERO, range(0, 100)).is_none(), "it is too old");
        kept.keep(proofs(MOST_KEPT + 1));
        assert!(kept.younger_than(hour, range(0, 100)).is_none(), "too much to keep, and older ones go too");
    }

    #[test]
    fn spans_are_those_that_touch_the_range() {
        let starts =
            |from, until| proofs(3).spans("one", range(from, until)).iter().map(|s| s.from.0).collect::<Vec<_>>();
        assert_eq!(starts(0, 100), [0, 10, 20]);
        assert_eq!(starts(5, 20), [10], "an end is no part of an interval");
        assert!(proofs(3).spans("other", range(0, 100)).is_empty());
    }
}
