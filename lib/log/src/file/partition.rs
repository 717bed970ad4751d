//! What this process knows of one partition: the durable end, the segments, and where in them offsets stand.
//!
//! With a writer in this process the watch channel is the truth and wakes readers; without one the durable mark on
//! disk is read each time.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use beidou_schemas::{Offset, TopicPartition};
use tokio::sync::{mpsc, watch};

use super::{committer::Command, layout, mark::Mark};
use crate::LogError;

/// The index keeps one place per so many bytes: a read from the middle walks over at most this much before it
/// decodes, and a segment of 64 MiB has at most 1024 places of 16 bytes.
const INDEX_STEP: u64 = 64 * 1024;

/// An offset and where in its segment its frame begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub offset: Offset,
    pub position: u64,
}

/// The sparse index of one segment; grows as frames are walked over. Only durable frames are noted, so it never shrinks.
#[derive(Debug)]
struct SegmentIndex {
    spots: Vec<Spot>,
    known: Spot,
}

impl SegmentIndex {
    fn new(base: Offset) -> Self {
        let start = Spot { offset: base, position: 0 };
        Self { spots: vec![start], known: start }
    }

    fn before(&self, offset: Offset) -> Spot {
        if self.known.offset <= offset {
            return self.known;
        }
        let after = self.spots.partition_point(|spot| spot.offset <= offset);
        self.spots[after.saturating_sub(1)]
    }

    fn note(&mut self, frame: Spot, next: Spot) {
        if frame != self.known {
            return;
        }
        let far = self.spots.last().is_none_or(|last| frame.position >= last.position + INDEX_STEP);
        if far {
            self.spots.push(frame);
        }
        self.known = next;
    }
}

/// The durable end as this process knows it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Live {
    /// Whether the writer is in this process.
    pub writer: bool,
    pub mark: Mark,
}

pub(super) struct Partition {
    pub at: TopicPartition,
    pub dir: PathBuf,
    pub live: watch::Sender<Live>,
    /// The way to the writer's thread, while there is one in this process.
    pub committer: Mutex<Option<mpsc::WeakUnboundedSender<Command>>>,
    /// What each consumer has released through this process: a release is written only when it grew.
    pub released: Mutex<BTreeMap<String, Offset>>,
    segments: Mutex<BTreeSet<Offset>>,
    indexes: Mutex<BTreeMap<Offset, SegmentIndex>>,
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Partition {
    pub(super) fn new(at: TopicPartition, dir: PathBuf) -> Self {
        Self {
            at,
            dir,
            live: watch::Sender::new(Live::default()),
            committer: Mutex::default(),
            released: Mutex::default(),
            segments: Mutex::default(),
            indexes: Mutex::default(),
        }
    }

    /// How far readers may read.
    pub(super) fn durable(&self) -> Result<Mark, LogError> {
        let live = *self.live.borrow();
        if live.writer { Ok(live.mark) } else { Ok(Mark::read(&self.dir.join("durable"))?.unwrap_or_default()) }
    }

    /// Looks at the folder again. Forgets what is gone.
    pub(super) fn refresh(&self) -> Result<Option<Offset>, LogError> {
        self.refresh_by(|| layout::list_segments(&self.dir))
    }

    /// Nobody else looks meanwhile: noted late, an older look would hide the segment that a younger one has just found.
    fn refresh_by(&self, look: impl FnOnce() -> Result<Vec<Offset>, LogError>) -> Result<Option<Offset>, LogError> {
        let mut segments = locked(&self.segments);
        *segments = look()?.into_iter().collect();
        locked(&self.indexes).retain(|base, _| segments.contains(base));
        Ok(segments.first().copied())
    }

    /// The segment that holds `offset`, by its first offset; `None` when all segments begin later.
    ///
    /// The list is complete up to the mark's segment once that is in it: it was read after that segment was made.
    pub(super) fn segment_of(&self, offset: Offset, mark: Mark) -> Result<Option<Offset>, LogError> {
        if !locked(&self.segments).contains(&mark.segment) {
            self.refresh()?;
        }
        Ok(locked(&self.segments).range(..=offset).next_back().copied())
    }

    /// Where to begin walking to reach `offset`.
    pub(super) fn before(&self, segment: Offset, offset: Offset) -> Spot {
        locked(&self.indexes).entry(segment).or_insert_with(|| SegmentIndex::new(segment)).before(offset)
    }

    /// Remembers a durable frame that was walked over.
    pub(super) fn note(&self, segment: Offset, frame: Spot, next: Spot) {
        locked(&self.indexes).entry(segment).or_insert_with(|| SegmentIndex::new(segment)).note(frame, next);
    }

    /// Forgets a segment that retention removed.
    pub(super) fn forget(&self, segment: Offset) {
        locked(&self.segments).remove(&segment);
        locked(&self.indexes).remove(&segment);
    }
}

#[cfg(test)]
mod tests {
    use beidou_schemas::Topic;

    use super::*;

    #[test]
    fn the_index_is_sparse_and_finds_the_frame_before() {
        let spot = |offset| Spot { offset, position: offset * 1000 };
        let mut index = SegmentIndex::new(0);
        for frame in 0..200 {
            index.note(spot(frame), spot(frame + 1));
            index.note(spot(frame), spot(frame + 1));
        }
        index.note(spot(500), spot(501));
        assert_eq!(index.spots.len(), 4);
        assert_eq!(index.before(0), spot(0));
        assert_eq!(index.before(65), spot(0));
        assert_eq!(index.before(66), spot(66));
        assert_eq!(index.before(199), spot(198));
        assert_eq!(index.before(200), spot(200));
        assert_eq!(index.before(999), spot(200));
    }

    #[test]
    fn a_look_at_the_folder_is_noted_before_the_next_one_begins() {
        let at = TopicPartition::new(Topic::KubeEvent, 0);
        let partition = Partition::new(at, PathBuf::from("not looked at"));
        let look = || {
            assert!(partition.segments.try_lock().is_err(), "a reader could note a younger look before this one");
            Ok(vec![7, 9])
        };
        assert_eq!(partition.refresh_by(look).unwrap(), Some(7));
        let mark = Mark { segment: 9, position: 0, next: 9 };
        assert_eq!(partition.segment_of(8, mark).unwrap(), Some(7), "without another look");
    }
}
