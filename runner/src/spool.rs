//! What is to be said, on disk until the door has it: events by number.
//!
//! The door may be away for as long as the step runs. Nothing is dropped: a spool that is full ends the run, and says so.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use beidou_schemas::{
    Micros,
    runner::{TaskEvent, TaskEventKind},
};
use tokio::sync::Notify;

/// Kubespray says some 7,000 events of 200 B for 20 hosts: 1.4 MB. This holds a hundred times 700 hosts, beside what their
/// programs print.
const MAX_EVENT_BYTES: u64 = 512 << 20;

/// The spool cannot take more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    #[error("write to the spool")]
    Write(#[from] io::Error),
    #[error("the spool is full: {0} bytes")]
    Full(u64),
}

struct Events {
    file: File,
    /// Where each event begins, and where the next one will.
    starts: Vec<u64>,
}

/// The spool of an attempt.
pub(crate) struct Spool {
    events: Mutex<Events>,
    /// Rung when there is more.
    pub more: Notify,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Spool {
    /// In a folder that may have that of an earlier run: it is begun anew, for events are numbered from 1.
    pub(crate) fn create(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut anew = File::options();
        let file = anew.read(true).write(true).create(true).truncate(true).open(folder.join("events.jsonl"))?;
        Ok(Self { events: Mutex::new(Events { file, starts: vec![0] }), more: Notify::new() })
    }

    /// Adds an event and gives it its number.
    pub(crate) fn event(&self, mut event: TaskEvent) -> Result<TaskEvent, SpoolError> {
        let mut events = locked(&self.events);
        event.seq = events.starts.len() as u64;
        let mut line = serde_json::to_vec(&event).map_err(io::Error::from)?;
        line.push(b'\n');
        let start = events.starts.last().copied().unwrap_or(0);
        if start + line.len() as u64 > MAX_EVENT_BYTES {
            return Err(SpoolError::Full(MAX_EVENT_BYTES));
        }
        // In its own place, whatever a write that failed has left there.
        events.file.write_all_at(&line, start)?;
        events.starts.push(start + line.len() as u64);
        drop(events);
        self.more.notify_one();
        Ok(event)
    }

    /// Something that the runner itself has to say.
    pub(crate) fn note(&self, message: impl Into<String>) -> Result<TaskEvent, SpoolError> {
        let message = Some(message.into());
        self.event(TaskEvent { message, ..TaskEvent::new(0, now(), TaskEventKind::Note) })
    }

    /// The number of the last event; 0 where there is none.
    pub(crate) fn last_seq(&self) -> u64 {
        locked(&self.events).starts.len() as u64 - 1
    }

    /// Events from number `first` on, as many as fit.
    pub(crate) fn read(&self, first: u64, most: usize, most_bytes: u64) -> io::Result<Vec<TaskEvent>> {
        let events = locked(&self.events);
        let from = usize::try_from(first).unwrap_or(usize::MAX).saturating_sub(1).min(events.starts.len() - 1);
        let begin = events.starts[from];
        let mut to = (from + most).min(events.starts.len() - 1);
        while to > from + 1 && events.starts[to] - begin > most_bytes {
            to -= 1;
        }
        let mut bytes = vec![0; usize::try_from(events.starts[to] - begin).map_err(io::Error::other)?];
        events.file.read_exact_at(&mut bytes, begin)?;
        drop(events);
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).map_err(io::Error::from)).collect()
    }
}

/// The runner's clock.
pub(crate) fn now() -> Micros {
    Micros::of(jiff::Timestamp::now())
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;

    #[test]
    fn events_are_numbered_and_read_back_in_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::create(folder.path()).unwrap();
        for number in 1..=5u64 {
            assert_eq!(spool.note(format!("note {number}")).unwrap().seq, number);
        }
        let seqs = |first, most, bytes| {
            spool.read(first, most, bytes).unwrap().iter().map(|event| event.seq).collect::<Vec<_>>()
        };
        assert_eq!(seqs(1, 2, 10_000), [1, 2]);
        assert_eq!(seqs(3, 9, 10_000), [3, 4, 5]);
        assert_eq!(seqs(3, 9, 1), [3], "one goes always");
        assert_eq!(seqs(6, 9, 10_000), [0u64; 0]);
        assert_eq!(spool.last_seq(), 5);
    }

    #[test]
    fn an_event_that_a_full_disk_cut_off_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::create(folder.path()).unwrap();
        spool.note("before").unwrap();
        let events = locked(&spool.events);
        let mut file = &events.file;
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(b"{\"seq\":2,").unwrap();
        drop(events);
        assert_eq!(spool.note("after").unwrap().seq, 2);
        let said: Vec<_> = spool.read(1, 9, 10_000).unwrap().into_iter().filter_map(|event| event.message).collect();
        assert_eq!(said, ["before", "after"]);
    }
}
