//! Reading a source partition cut by cut: new ones by bounds, old ones by their exact range.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use beidou_log::{Log, LogError, ReadBatch, ReadLimit, StoredRecord};
use beidou_schemas::{Offset, TopicPartition};
use tokio::time::Instant;
use xxhash_rust::xxh3::Xxh3;

use crate::{
    CutLimit,
    budget::{Budget, Share},
};

/// A worker that waits for its first record looks up so often, to keep its lag figure true.
const IDLE_WAIT: Duration = Duration::from_secs(1);
/// The first read of a cut, for which no budget is held yet, asks for no more than one stored batch.
const FIRST_READ: usize = 1;
/// How much one read of a range that was cut before brings.
const REPEAT_READ: usize = 4 << 20;

/// The records of a cut.
#[derive(Debug)]
pub struct Gathered {
    /// First offset.
    pub from: Offset,
    /// Behind the last offset.
    pub to: Offset,
    /// What stands there.
    pub records: Vec<StoredRecord>,
    /// Their part of the budget.
    pub share: Option<Share>,
    /// Records from `from` up to here were removed from the log before they could be read.
    pub lost_to: Option<Offset>,
}

impl Gathered {
    /// XXH3-128 over id, value and offset of each record, hexadecimal.
    pub fn hash(&self) -> String {
        let mut hash = Xxh3::new();
        for StoredRecord { offset, record } in &self.records {
            let id = record.header("ce_id").unwrap_or_default().as_bytes();
            hash.update(&offset.to_le_bytes());
            for part in [id, &record.value] {
                hash.update(&(part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        }
        format!("{:032x}", hash.digest128())
    }
}

/// A reader of one partition.
pub struct Source {
    log: Arc<dyn Log>,
    at: TopicPartition,
    next: Offset,
    /// Records that were read beyond the bound of a cut: at most the rest of one read.
    carry: VecDeque<StoredRecord>,
    /// Where the log goes on behind the carried records.
    read_to: Offset,
}

impl Source {
    /// A reader from `next` on.
    pub fn new(log: Arc<dyn Log>, at: TopicPartition, next: Offset) -> Self {
        Self { log, at, next, carry: VecDeque::new(), read_to: next }
    }

    /// The next cut within the bounds; `last` is when the one before was done. `None` when nothing came for a while: ask
    /// again.
    ///
    /// Where the next records are gone, the cut is exactly what is lost. Dropped half-way it may have read, but not
    /// moved: the next call brings the same records.
    pub async fn gather(
        &mut self,
        limit: &CutLimit,
        last: Option<Instant>,
        budget: &Budget,
    ) -> Result<Option<Gathered>, LogError> {
        if self.carry.is_empty() {
            match self.read(FIRST_READ, IDLE_WAIT).await {
                Err(LogError::Removed { first, .. }) if first > self.next => return Ok(Some(self.lost(first))),
                came => came?,
            };
        }
        if self.carry.is_empty() {
            // Nothing but holes: the next cut begins behind them only if it has to, its range covers them.
            return Ok(None);
        }
        let lone = Instant::now() + limit.linger;
        let deadline = last.map_or(lone, |last| lone.max(last + limit.pace));
        let (mut count, mut bytes) = self.take_up(limit, 0, 0);
        let mut share = budget.take(bytes).await;
        while count == self.carry.len() && count < limit.records && bytes < limit.bytes {
            let wait = deadline.saturating_duration_since(Instant::now());
            let came = match self.read(limit.bytes - bytes, wait).await {
                // The next cut says so; this one ends before it.
                Err(LogError::Removed { .. }) => 0,
                came => came?,
            };
            let (more, grown) = self.take_up(limit, count, bytes);
            if came == 0 || !budget.grow(&mut share, grown - bytes) {
                break;
            }
            (count, bytes) = (more, grown);
        }
        Ok(Some(self.cut(count, Some(share))))
    }

    /// The records of a range that was cut before, as far as they are still there.
    pub async fn exactly(&mut self, from: Offset, to: Offset) -> Result<Gathered, LogError> {
        if from != self.next {
            *self = Self::new(self.log.clone(), self.at, from);
        }
        let mut lost_to = None;
        while self.read_to < to {
            let before = self.read_to;
            match self.read(REPEAT_READ, Duration::ZERO).await {
                Err(LogError::Removed { first, .. }) if first > before => {
                    // No further than the range: what is lost behind it is found by the next cut.
                    self.read_to = first.min(to);
                    lost_to = Some(self.read_to);
                }
                came => _ = came?,
            }
            if self.read_to == before {
                break;
            }
        }
        let count = self.carry.iter().take_while(|stored| stored.offset < to).count();
        let mut gathered = self.cut(count, None);
        (gathered.to, gathered.lost_to) = (to, lost_to);
        self.next = to;
        Ok(gathered)
    }

    /// The cut of what is gone.
    fn lost(&mut self, first: Offset) -> Gathered {
        let from = self.next;
        (self.next, self.read_to) = (first, first);
        Gathered { from, to: first, records: Vec::new(), share: None, lost_to: Some(first) }
    }

    /// Where the next cut begins.
    pub fn next(&self) -> Offset {
        self.next
    }

    async fn read(&mut self, max_bytes: usize, max_wait: Duration) -> Result<usize, LogError> {
        let ReadBatch { records, next } =
            self.log.read(self.at, self.read_to, ReadLimit { max_bytes, max_wait }).await?;
        self.read_to = next;
        let came = records.len();
        self.carry.extend(records);
        Ok(came)
    }

    /// How far the carried records fill the bounds, given that the first `count` have `bytes`.
    fn take_up(&self, limit: &CutLimit, mut count: usize, mut bytes: usize) -> (usize, usize) {
        for stored in self.carry.range(count..) {
            if count >= limit.records || bytes >= limit.bytes {
                break;
            }
            count += 1;
            bytes += stored.record.size();
        }
        (count, bytes)
    }

    fn cut(&mut self, count: usize, share: Option<Share>) -> Gathered {
        let from = self.next;
        let records: Vec<_> = self.carry.drain(..count).collect();
        self.next = match (self.carry.front(), records.last()) {
            (None, _) => self.read_to,
            (Some(_), Some(last)) => last.offset + 1,
            (Some(_), None) => from,
        };
        Gathered { from, to: self.next, records, share, lost_to: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use beidou_log::memory::MemoryLog;
    use beidou_schemas::{Record, Topic};

    const AT: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 0 };

    fn record(n: usize) -> Record {
        Record { value: format!("{n:010}").into(), ..Record::default() }
    }

    async fn log(records: usize) -> Arc<MemoryLog> {
        let log = MemoryLog::with_holes([(Topic::KubeEvent, 1)]);
        let writer = log.writer(AT, "test").await.unwrap();
        for first in (0..records).step_by(7) {
            writer.append((first..records.min(first + 7)).map(record).collect()).await.unwrap();
        }
        log
    }

    fn limit(records: usize, bytes: usize) -> CutLimit {
        CutLimit { records, bytes, linger: Duration::ZERO, pace: Duration::ZERO }
    }

    #[tokio::test]
    async fn cuts_are_contiguous_bounded_and_repeatable() {
        for (bound, budget) in [(limit(10, 1 << 20), 1 << 20), (limit(1000, 55), 1 << 20), (limit(1000, 1 << 20), 1)] {
            let log = log(50).await;
            let start = log.bounds(AT).await.unwrap().start;
            let mut source = Source::new(log.clone(), AT, start);
            let (mut all, mut at) = (Vec::new(), start);
            while all.len() < 50 {
                let cut = source.gather(&bound, None, &Budget::new(budget)).await.unwrap().unwrap();
                assert_eq!(cut.from, at);
                assert!(cut.to > cut.records.last().unwrap().offset && !cut.records.is_empty());
                assert!(cut.records.len() <= bound.records && cut.records.len() * 10 < bound.bytes + 10);
                at = cut.to;
                let again = Source::new(log.clone(), AT, start).exactly(cut.from, cut.to).await.unwrap();
                assert_eq!((again.from, again.to, again.hash()), (cut.from, cut.to, cut.hash()));
                assert_eq!(again.records, cut.records);
                all.extend(cut.records);
            }
            let values: Vec<_> = all.iter().map(|stored| stored.record.value.clone()).collect();
            assert_eq!(values, (0..50).map(|n| record(n).value).collect::<Vec<_>>());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lone_record_lingers_and_a_trickle_keeps_the_pace() {
        let bound = CutLimit { linger: Duration::from_millis(200), pace: Duration::from_secs(1), ..limit(10, 1 << 20) };
        let ago = |seconds| Some(Duration::from_secs(seconds));
        for (last, records, waited) in [(None, 1, 200), (ago(9), 1, 200), (ago(0), 1, 1000), (ago(0), 20, 0)] {
            let mut source = Source::new(log(records).await, AT, 0);
            let begun = Instant::now();
            let last = last.map(|ago| begun - ago);
            source.gather(&bound, last, &Budget::new(1 << 20)).await.unwrap().unwrap();
            let took = begun.elapsed().as_millis();
            assert!((waited..waited + 5).contains(&took), "{records} records after {last:?}: {took} ms");
        }
    }

    #[tokio::test]
    async fn what_is_gone_is_a_cut_of_its_own_and_a_repeated_cut_keeps_the_rest() {
        let (log, bound, budget) = (log(50).await, limit(1000, 55), Budget::new(1 << 20));
        let start = log.bounds(AT).await.unwrap().start;
        let mut source = Source::new(log.clone(), AT, start);
        let cut = source.gather(&bound, None, &budget).await.unwrap().unwrap();
        let kept = cut.records[4].offset;
        log.lose_below(AT, kept).unwrap();
        let again = Source::new(log.clone(), AT, start).exactly(cut.from, cut.to).await.unwrap();
        assert_eq!((again.from, again.to, again.lost_to), (cut.from, cut.to, Some(kept)));
        assert_eq!(again.records, cut.records[4..]);

        // What was read is cut though it is gone meanwhile.
        let end = log.bounds(AT).await.unwrap().end;
        log.lose_below(AT, end - 5).unwrap();
        let gone = Source::new(log.clone(), AT, start).exactly(cut.from, cut.to).await.unwrap();
        assert_eq!((gone.to, gone.lost_to, gone.records.len()), (cut.to, Some(cut.to), 0));
        let mut at = cut.to;
        let lost = loop {
            let next = source.gather(&bound, None, &budget).await.unwrap().unwrap();
            assert_eq!(next.from, at);
            at = next.to;
            if next.lost_to.is_some() {
                break next;
            }
        };
        assert_eq!((lost.to, lost.lost_to, lost.records.len()), (end - 5, Some(end - 5), 0));
        let last = source.gather(&bound, None, &budget).await.unwrap().unwrap();
        assert!(last.from == lost.to && last.lost_to.is_none() && !last.records.is_empty());
    }

    #[tokio::test]
    async fn a_changed_record_changes_the_hash() {
        let mut gathered = Source::new(log(3).await, AT, 0).exactly(0, 100).await.unwrap();
        let before = gathered.hash();
        gathered.records[1].record.value = "other".into();
        assert_ne!(gathered.hash(), before);
    }
}
