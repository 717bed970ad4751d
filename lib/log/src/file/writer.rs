//! Becoming the writer of a partition, and handing batches to its thread.

use std::{
    fs::{File, TryLockError},
    io::{Read, Write},
    ops::Range,
    path::Path,
    sync::Arc,
    thread::JoinHandle,
};

use async_trait::async_trait;
use beidou_schemas::{Offset, Record};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{
    committer::{Command, Committer, Pending, Rules},
    frame::Encoded,
    layout::{Sync, create_partition_dir, failed, open_lock, replace, sync_dir},
    options::FaultPoint,
    partition::{Partition, locked},
    recovery::recover,
};
use crate::{LogError, Writer};

/// Smaller batches are compressed where they are, in a tenth of a millisecond; larger ones go to the blocking pool.
const INLINE_BYTES: usize = 64 * 1024;
/// What a record takes in memory beside its bytes, for the bound of the buffer.
const RECORD_OVERHEAD: usize = 64;

pub(super) struct FileWriter {
    partition: Arc<Partition>,
    epoch: u64,
    buffer: Arc<Semaphore>,
    buffer_bytes: usize,
    /// Unbounded as a queue; what stands in it is bounded in bytes by `buffer`. `None` only while dropping.
    queue: Option<mpsc::UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

/// Takes the lock, repairs the end, raises the epoch, starts the thread. Blocking.
pub(super) fn open(
    partition: Arc<Partition>,
    name: &str,
    rules: Rules,
    buffer_bytes: usize,
) -> Result<FileWriter, LogError> {
    let dir = &partition.dir;
    create_partition_dir(dir)?;
    let lock = take_lock(&partition, name)?;
    let recovered = recover(dir, partition.at)?;
    let epoch_path = dir.join("epoch");
    rules.faults.at(FaultPoint::BeforeEpoch, partition.at).map_err(|e| failed("write", &epoch_path, e))?;
    let epoch = raise_epoch(&epoch_path)?;
    let mark_path = dir.join("durable");
    let mark_file = open_lock(&mark_path)?;
    recovered.mark.write(&mark_file).and_then(|()| mark_file.sync_all()).map_err(|e| failed("write", &mark_path, e))?;
    sync_dir(dir)?;

    let (queue, commands) = mpsc::unbounded_channel();
    *locked(&partition.committer) = Some(queue.downgrade());
    let committer = Committer::new(Arc::clone(&partition), rules, recovered, mark_file, lock);
    let thread = std::thread::Builder::new()
        .name(format!("log-{}", partition.at.partition))
        .spawn(move || committer.run(commands))
        .map_err(|e| failed("start the writer thread of", &partition.dir, e))?;
    let buffer = Arc::new(Semaphore::new(buffer_bytes));
    Ok(FileWriter { partition, epoch, buffer, buffer_bytes, queue: Some(queue), thread: Some(thread) })
}

/// The right to write a partition, as long as it lives. Unlocked by name: closing frees it only when no child between `fork`
/// and `exec` of another thread has a copy of the descriptor.
pub(super) struct WriterLock(File);

impl Drop for WriterLock {
    fn drop(&mut self) {
        let _ended_anyway = self.0.unlock();
    }
}

fn take_lock(partition: &Partition, name: &str) -> Result<WriterLock, LogError> {
    let path = partition.dir.join("writer.lock");
    let mut lock = open_lock(&path)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let known = lock.read_to_string(&mut holder).is_ok() && !holder.is_empty();
            let holder = if known { holder.trim_end().to_owned() } else { "unknown".into() };
            return Err(LogError::Locked { at: partition.at, holder });
        }
        Err(TryLockError::Error(error)) => return Err(failed("lock", &path, error)),
    }
    lock.set_len(0)
        .and_then(|()| writeln!(lock, "{name}, process {}", std::process::id()))
        .map_err(|e| failed("write", &path, e))?;
    Ok(WriterLock(lock))
}

fn raise_epoch(path: &Path) -> Result<u64, LogError> {
    let before = match std::fs::read_to_string(path) {
        Ok(text) => text.trim_end().parse::<u64>().map_err(|error| LogError::Damaged {
            path: path.to_owned(),
            position: 0,
            what: format!("the writer's epoch is no number: {error}"),
        })?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(failed("read", path, error)),
    };
    let epoch = before + 1;
    replace(path, format!("{epoch}\n").as_bytes(), Sync::Yes)?;
    Ok(epoch)
}

impl FileWriter {
    fn send(&self, command: Command) -> Result<(), LogError> {
        self.queue.as_ref().and_then(|queue| queue.send(command).ok()).ok_or(LogError::Closed)
    }
}

#[async_trait]
impl Writer for FileWriter {
    /// Appends stand in the log in the order in which they were first polled, also when several are under way at once.
    /// An append that is cancelled while it waits for the disk is carried out all the same.
    async fn append(&self, records: Vec<Record>) -> Result<Range<Offset>, LogError> {
        let size = crate::check_sizes(&records)?;
        if records.is_empty() {
            let next = self.partition.live.borrow().mark.next;
            return Ok(next..next);
        }
        let weight = (size + RECORD_OVERHEAD * records.len()).min(self.buffer_bytes) as u32;
        let permit = Arc::clone(&self.buffer).acquire_many_owned(weight).await.map_err(|_closed| LogError::Closed)?;
        let (made, frame) = oneshot::channel();
        let (reply, answer) = oneshot::channel();
        let encode = move || {
            let _writer_gone = made.send(Encoded::new(&records));
        };
        if size <= INLINE_BYTES {
            encode();
        } else {
            tokio::task::spawn_blocking(encode);
        }
        self.send(Command::Append(Pending { frame, reply, permit }))?;
        answer.await.map_err(|_thread_gone| LogError::Closed)?
    }

    /// The lock of the partition is held for as long as this lives.
    async fn is_newest(&self) -> Result<(), LogError> {
        Ok(())
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl Drop for FileWriter {
    /// Waits for the thread, so that the lock is free when this returns. It finishes at most the commits that cancelled
    /// appends left behind.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(partition = %self.partition.at, "the writer thread of the log ended by a panic");
        }
    }
}
