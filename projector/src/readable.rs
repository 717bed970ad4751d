//! A partition read on and on, past what is gone and past what is damaged.
//!
//! ```text
//!  [whole][whole][damaged][damaged][whole]      a read that meets damage is an error, all of it
//!         one batch at a time ─►│  1 2 4 8 … ─►│ the first offset that answers again, narrowed by halves
//! ```
//!
//! The log cannot say where it is whole again. Of whole records between two damaged places close to each other some may be
//! called damaged as well, never the other way round.

use std::{ops::Range, time::Duration};

use beidou_log::{Log, LogError, ReadBatch, ReadLimit};
use beidou_schemas::{Offset, TopicPartition};

use crate::{ProjectorError, error::chain};

/// One stored batch: what a read brings at least.
const ONE: ReadLimit = ReadLimit { max_bytes: 1, max_wait: Duration::ZERO };

/// Records that are there and cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Which.
    pub offsets: Range<Offset>,
    /// File, position and what does not fit, for people.
    pub what: String,
}

/// Where a reader stands, and what it had to pass over.
#[derive(Debug, Default)]
pub(crate) struct Readable {
    /// Where it goes on.
    pub next: Offset,
    /// Ranges that the log had no more.
    pub lost: Vec<Range<Offset>>,
    /// Ranges that it could not read.
    pub damaged: Vec<Damage>,
    /// Damage lies ahead: batch by batch.
    careful: bool,
}

impl Readable {
    /// A reader from an offset on.
    pub(crate) fn starting(next: Offset) -> Self {
        Self { next, ..Self::default() }
    }

    /// The next records below `end`, and the offset that was read from; `None` when there are no more.
    pub(crate) async fn read(
        &mut self,
        log: &dyn Log,
        at: TopicPartition,
        end: Offset,
        limit: ReadLimit,
    ) -> Result<Option<(Offset, ReadBatch)>, ProjectorError> {
        while self.next < end {
            let from = self.next;
            match log.read(at, from, if self.careful { ONE } else { limit }).await {
                Ok(batch) if batch.next <= from => return Ok(None),
                Ok(mut batch) => {
                    batch.records.retain(|stored| stored.offset < end);
                    self.next = batch.next.min(end);
                    return Ok(Some((from, batch)));
                }
                Err(LogError::Removed { first, .. }) if first > from => {
                    self.next = first.min(end);
                    self.lost.push(from..self.next);
                }
                Err(LogError::Damaged { .. }) if !self.careful => self.careful = true,
                Err(error @ LogError::Damaged { .. }) => {
                    self.next = whole_again(log, at, from..end).await?;
                    self.damaged.push(Damage { offsets: from..self.next, what: chain(&error) });
                    self.careful = false;
                }
                Err(error) => return Err(ProjectorError::log("read", at)(error)),
            }
        }
        Ok(None)
    }
}

/// Where the log answers again behind damage at the start of a range; the range's end where that is beyond.
async fn whole_again(log: &dyn Log, at: TopicPartition, range: Range<Offset>) -> Result<Offset, ProjectorError> {
    let (mut bad, mut step) = (range.start, 1_u64);
    let mut whole = loop {
        let probe = bad.saturating_add(step).min(range.end);
        if probe == range.end || answers(log, at, probe).await? {
            break probe;
        }
        (bad, step) = (probe, step.saturating_mul(2));
    };
    while whole - bad > 1 {
        let middle = bad + (whole - bad) / 2;
        if answers(log, at, middle).await? {
            whole = middle;
        } else {
            bad = middle;
        }
    }
    Ok(whole)
}

async fn answers(log: &dyn Log, at: TopicPartition, offset: Offset) -> Result<bool, ProjectorError> {
    match log.read(at, offset, ONE).await {
        Ok(_) | Err(LogError::Removed { .. }) => Ok(true),
        Err(LogError::Damaged { .. }) => Ok(false),
        Err(error) => Err(ProjectorError::log("read", at)(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use beidou_log::file::{FileLog, FileOptions};
    use beidou_schemas::{Record, Topic};

    use super::*;

    const AT: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 0 };
    const ALL: ReadLimit = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO };
    /// Batches of [`BATCH`] records.
    const BATCHES: u64 = 20;
    const BATCH: u64 = 10;

    /// A log of one segment, opened again so that nothing of it is known.
    async fn filled(dir: &Path) -> Arc<FileLog> {
        let open = || FileLog::open(FileOptions::new(dir, [(Topic::KubeEvent, 1)])).unwrap();
        let log = open();
        let writer = log.writer(AT, "test").await.unwrap();
        for batch in 0..BATCHES {
            let record = |n: u64| Record { value: format!("{batch}.{n}").into(), ..Record::default() };
            writer.append((0..BATCH).map(record).collect()).await.unwrap();
        }
        drop((writer, log));
        open()
    }

    fn segment(dir: &Path) -> std::path::PathBuf {
        dir.join(Topic::KubeEvent.name()).join("0").join(format!("{:020}.seg", 0))
    }

    /// Where in its segment each batch begins.
    fn frames(content: &[u8]) -> Vec<usize> {
        content.windows(4).enumerate().filter(|(_, four)| four == b"BDLF").map(|(at, _)| at).collect()
    }

    /// Flips a bit so far behind the begin of the eighth batch; returns where that is.
    fn flip(dir: &Path, behind: usize) -> usize {
        let mut content = std::fs::read(segment(dir)).unwrap();
        let frame = frames(&content)[7];
        content[frame + behind] ^= 1;
        std::fs::write(segment(dir), content).unwrap();
        frame
    }

    async fn read_all(log: &dyn Log, end: Offset) -> (Vec<Offset>, Readable) {
        let (mut found, mut past) = (Vec::new(), Readable::default());
        while let Some((_, batch)) = past.read(log, AT, end, ALL).await.unwrap() {
            found.extend(batch.records.iter().map(|stored| stored.offset));
        }
        (found, past)
    }

    #[tokio::test]
    async fn one_damaged_batch_is_named_and_the_rest_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let log = filled(dir.path()).await;
        let frame = flip(dir.path(), 60);
        let end = BATCHES * BATCH;
        let (found, past) = read_all(&*log, end).await;
        assert_eq!(found, (0..70).chain(80..end).collect::<Vec<_>>());
        let [damage] = past.damaged.as_slice() else { panic!("{past:?}") };
        assert_eq!(damage.offsets, 70..80);
        assert!(damage.what.contains(&format!("at byte {frame}")) && damage.what.contains("checksum"), "{damage:?}");
        assert_eq!((past.lost.len(), past.next), (0, end));
    }

    #[tokio::test]
    async fn a_damaged_header_hides_what_is_behind_it_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let log = filled(dir.path()).await;
        flip(dir.path(), 20);
        let (found, past) = read_all(&*log, 150).await;
        assert_eq!(found, (0..70).collect::<Vec<_>>());
        let [damage] = past.damaged.as_slice() else { panic!("{past:?}") };
        assert_eq!(damage.offsets, 70..150);
    }
}
