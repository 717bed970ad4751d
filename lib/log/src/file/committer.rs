//! The thread that owns a partition's end: group commit, roll, retention.
//!
//! ```text
//!  appends ──► queue ──► take all that wait ──► write ──► fdatasync ──► durable mark ──► wake readers ──► answer
//!                                                 └── error: cut back to the last good end, answer with it, go on
//! ```
//!
//! Invariants: the mark never lies ahead of what is synced; after an error nothing unacknowledged stays behind the end;
//! offsets are given here only, in the order of the queue.

use std::{
    fs::{self, File},
    io,
    ops::Range,
    os::unix::fs::FileExt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use beidou_schemas::Offset;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::{
    Freed,
    frame::{Encoded, Place},
    layout::{failed, segment_path, sync_dir},
    mark::Mark,
    options::{FaultPoint, Faults, Share},
    partition::{Live, Partition},
    recovery::{Recovered, create_segment},
    retention::{Keep, Sealed, plan, slowest},
    writer::WriterLock,
};
use crate::LogError;

/// One sync serves at most so many stored bytes: enough to hide its cost, and written in some ten milliseconds, so that
/// the first of the group does not wait long.
const GROUP_BYTES: u64 = 8 * 1024 * 1024;

/// A partition with a cap is made of at least so many segments, so that retention always has whole ones to remove.
const SEGMENTS_PER_CAP: u64 = 4;

/// What the thread is asked for.
pub(super) enum Command {
    Append(Pending),
    Retain { now: SystemTime, reply: oneshot::Sender<Result<Freed, LogError>> },
}

/// An append that waits. Its place in the queue is its place in the log; the frame may still be in the making.
pub(super) struct Pending {
    pub frame: oneshot::Receiver<io::Result<Encoded>>,
    pub reply: oneshot::Sender<Result<Range<Offset>, LogError>>,
    /// Given back when the append is answered: what waits is bounded.
    pub permit: OwnedSemaphorePermit,
}

struct Ready {
    frame: Encoded,
    reply: oneshot::Sender<Result<Range<Offset>, LogError>>,
    _permit: OwnedSemaphorePermit,
}

/// What the thread needs to know beside the partition.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub segment_bytes: u64,
    pub share: Share,
    pub faults: Faults,
}

pub(super) struct Committer {
    partition: Arc<Partition>,
    rules: Rules,
    mark_file: File,
    active: File,
    mark: Mark,
    sealed: Vec<Sealed>,
    last_ms: u64,
    /// Bytes behind the end were written and not acknowledged: cut them before anything else.
    dirty: bool,
    /// A segment that a failed roll has made: it must go before anything is appended to the one before it, or readers
    /// would look into it for those records.
    stray: Option<Offset>,
    /// Held as long as the thread lives.
    _lock: WriterLock,
}

impl Committer {
    pub(super) fn new(
        partition: Arc<Partition>,
        mut rules: Rules,
        recovered: Recovered,
        mark_file: File,
        lock: WriterLock,
    ) -> Self {
        rules.segment_bytes = rules.segment_bytes.min(rules.share.max_bytes / SEGMENTS_PER_CAP);
        let Recovered { mark, active, sealed, last_ms } = recovered;
        partition.live.send_replace(Live { writer: true, mark });
        Self { partition, rules, mark_file, active, mark, sealed, last_ms, dirty: false, stray: None, _lock: lock }
    }

    /// Serves until the writer is dropped.
    pub(super) fn run(mut self, mut queue: mpsc::UnboundedReceiver<Command>) {
        while let Some(first) = queue.blocking_recv() {
            let mut next = Some(first);
            let mut group = Vec::new();
            let mut bytes = 0;
            while let Some(command) = next.take() {
                match command {
                    Command::Append(pending) => {
                        if let Some(ready) = finish(pending) {
                            bytes += ready.frame.len();
                            group.push(ready);
                        }
                        if bytes < GROUP_BYTES {
                            next = queue.try_recv().ok();
                        }
                    }
                    Command::Retain { now, reply } => {
                        let _caller_gone = reply.send(self.retain(now, 0));
                    }
                }
            }
            if !group.is_empty() {
                self.commit(group);
            }
        }
        self.partition.live.send_modify(|live| live.writer = false);
    }

    fn commit(&mut self, mut group: Vec<Ready>) {
        match self.try_commit(&mut group) {
            Ok(ranges) => {
                for (ready, range) in group.into_iter().zip(ranges) {
                    let _caller_gone = ready.reply.send(Ok(range));
                }
            }
            Err(error) => {
                for ready in group {
                    let _caller_gone = ready.reply.send(Err(error.again()));
                }
            }
        }
    }

    fn try_commit(&mut self, group: &mut [Ready]) -> Result<Vec<Range<Offset>>, LogError> {
        self.cut_back()?;
        let bytes = group.iter().map(|ready| ready.frame.len()).sum();
        if self.mark.position > 0 && self.mark.position + bytes > self.rules.segment_bytes {
            self.roll()?;
            if let Err(error) = self.retain(SystemTime::now(), bytes) {
                tracing::warn!(partition = %self.partition.at, %error, "retention failed; it is tried again later");
            }
        }
        self.make_room(bytes)?;
        self.dirty = true;
        let written = self.write(group);
        match written {
            Ok((mark, ranges)) => {
                self.dirty = false;
                self.mark = mark;
                self.partition.live.send_replace(Live { writer: true, mark });
                Ok(ranges)
            }
            Err(error) => {
                let path = segment_path(&self.partition.dir, self.mark.segment);
                // A failed cut is tried again before the next append.
                let _still_dirty = self.cut_back();
                Err(failed("append to", &path, error))
            }
        }
    }

    fn write(&mut self, group: &mut [Ready]) -> io::Result<(Mark, Vec<Range<Offset>>)> {
        let faults = &self.rules.faults;
        let at = self.partition.at;
        let mut mark = self.mark;
        let mut ranges = Vec::with_capacity(group.len());
        self.last_ms = self.last_ms.max(millis(SystemTime::now()));
        for ready in group {
            faults.at(FaultPoint::BeforeWrite, at)?;
            let place = Place { base: mark.next, commit_start: self.mark.position, time_ms: self.last_ms };
            self.active.write_all_at(ready.frame.seal(place), mark.position)?;
            let next = mark.next + ready.frame.records();
            ranges.push(mark.next..next);
            mark = Mark { segment: mark.segment, position: mark.position + ready.frame.len(), next };
        }
        faults.at(FaultPoint::BeforeSync, at)?;
        self.active.sync_data()?;
        faults.at(FaultPoint::AfterSync, at)?;
        mark.write(&self.mark_file)?;
        Ok((mark, ranges))
    }

    /// Removes what a failed commit left. Synced, so that it cannot come back after a crash as if it had been durable.
    fn cut_back(&mut self) -> Result<(), LogError> {
        if let Some(base) = self.stray {
            let path = segment_path(&self.partition.dir, base);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("remove", &path, error)),
                Ok(()) | Err(_) => self.stray = None,
            }
        }
        if self.dirty {
            let cut = self.active.set_len(self.mark.position).and_then(|()| self.active.sync_data());
            cut.and_then(|()| self.mark.write(&self.mark_file))
                .map_err(|e| failed("cut back", &segment_path(&self.partition.dir, self.mark.segment), e))?;
            self.dirty = false;
        }
        Ok(())
    }

    /// Closes the active segment and begins the next.
    fn roll(&mut self) -> Result<(), LogError> {
        let base = self.mark.next;
        let created = create_segment(&self.partition.dir, base, || {
            self.rules.faults.at(FaultPoint::AfterCreate, self.partition.at)
        });
        let active = match created {
            Ok(active) => active,
            Err(error) => {
                self.stray = Some(base);
                // A failed removal is tried again before the next append.
                let _still_there = self.cut_back();
                return Err(error);
            }
        };
        let mark = Mark { segment: base, position: 0, next: base };
        self.sealed.push(Sealed {
            base: self.mark.segment,
            next: base,
            bytes: self.mark.position,
            newest_ms: Some(self.last_ms),
        });
        self.active = active;
        self.mark = mark;
        self.partition.live.send_replace(Live { writer: true, mark });
        // Last: from here on we write to the new segment even if this fails, and the mark merely lags.
        mark.write(&self.mark_file).map_err(|e| failed("write", &self.partition.dir.join("durable"), e))
    }

    fn used(&self) -> u64 {
        self.mark.position + self.sealed.iter().map(|sealed| sealed.bytes).sum::<u64>()
    }

    /// Keeps the cap: removes what may go, and refuses the append when a consumer holds all of it.
    fn make_room(&mut self, bytes: u64) -> Result<(), LogError> {
        let cap = self.rules.share.max_bytes;
        if self.used() + bytes <= cap {
            return Ok(());
        }
        self.retain(SystemTime::now(), bytes)?;
        let used = self.used() + bytes;
        match (self.sealed.first(), slowest(&self.partition.dir)?) {
            (Some(oldest), Some(slowest)) if used > cap && slowest.released < oldest.next => {
                Err(LogError::CapReached { at: self.partition.at, used, cap, held_by: slowest.consumer })
            }
            // Within the cap, or above it by the active segment and one large batch: neither can be helped.
            _ => Ok(()),
        }
    }

    /// Removes segments by age and size, with `coming` bytes about to be added.
    fn retain(&mut self, now: SystemTime, coming: u64) -> Result<Freed, LogError> {
        let share = self.rules.share;
        if self.sealed.is_empty() {
            return Ok(Freed::default());
        }
        let keep = Keep {
            since_ms: share.max_age.map_or(0, |age| millis(now).saturating_sub(age.as_millis() as u64)),
            max_bytes: share.max_bytes,
            active_bytes: self.mark.position + coming,
            released: slowest(&self.partition.dir)?.map_or(Offset::MAX, |slowest| slowest.released),
        };
        let mut freed = Freed::default();
        for _ in 0..plan(&self.sealed, keep) {
            let oldest = self.sealed[0];
            let path = segment_path(&self.partition.dir, oldest.base);
            fs::remove_file(&path).map_err(|e| failed("remove", &path, e))?;
            self.sealed.remove(0);
            self.partition.forget(oldest.base);
            freed.segments += 1;
            freed.bytes += oldest.bytes;
        }
        if freed.segments > 0 {
            sync_dir(&self.partition.dir)?;
            tracing::info!(partition = %self.partition.at, segments = freed.segments, bytes = freed.bytes, "retention removed old segments");
        }
        Ok(freed)
    }
}

/// Waits until the appending task has made the frame. A batch that could not be made is answered here.
fn finish(pending: Pending) -> Option<Ready> {
    let Pending { frame, reply, permit } = pending;
    match frame.blocking_recv() {
        Ok(Ok(frame)) => Some(Ready { frame, reply, _permit: permit }),
        Ok(Err(error)) => {
            let error = LogError::Io { act: "compress a batch for", path: "the log".into(), source: error };
            let _caller_gone = reply.send(Err(error));
            None
        }
        Err(_encoder_gone) => None,
    }
}

fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
