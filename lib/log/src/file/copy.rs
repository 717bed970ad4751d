//! Copying a log that is in use, without its writers: what a copy holds is what a crash could have left.
//!
//! ```text
//!  consumers ─► topics, one after another, in the order that the caller gives; within a topic the last partition first
//!  partition:  durable mark ─► its segment up to the mark ─► closed segments, the newest first ─► epoch
//! ```
//!
//! - A fact must not speak of records that the copy lacks. So the caller copies topics whose facts speak of others first.
//! - Closed segments never change. Retention may remove old ones meanwhile: one that is gone ends the partition, since all
//!   older ones are gone too. What consumers have released is copied first, so that it is not ahead of the copy.
//! - Epochs only grow, so that the one copied last is at least that of any record.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

use beidou_schemas::{Topic, TopicPartition};

use super::{
    layout::{create_partition_dir, failed, list_segments, open_dir, partition_dir, segment_path, sync_dir},
    mark::Mark,
};
use crate::LogError;

/// A copy of a log under way. Blocking; run it off the async threads.
#[derive(Debug, Clone)]
pub struct LogCopy {
    from: PathBuf,
    to: PathBuf,
    partitions: BTreeMap<Topic, u32>,
}

impl LogCopy {
    /// Begins a copy of the log in `from` to the folder `to`: its description, and what consumers have released.
    ///
    /// # Errors
    /// When there is no log, or the disk refuses.
    pub fn begin(from: &Path, to: &Path) -> Result<Self, LogError> {
        let partitions = open_dir(from, None)?;
        let copy = Self { from: from.to_owned(), to: to.to_owned(), partitions };
        fs::create_dir_all(to).map_err(|e| failed("create", to, e))?;
        copy_file(&from.join("log.json"), &to.join("log.json"))?;
        for at in copy.all() {
            copy.consumers(at)?;
        }
        Ok(copy)
    }

    /// The topics that the log has.
    pub fn topics(&self) -> impl Iterator<Item = Topic> {
        self.partitions.keys().copied()
    }

    /// Copies a topic as it is now; one that was copied before is replaced.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn topic(&self, topic: Topic) -> Result<(), LogError> {
        for at in self.all().filter(|at| at.topic == topic).collect::<Vec<_>>().into_iter().rev() {
            self.partition(at)?;
        }
        Ok(())
    }

    fn all(&self) -> impl Iterator<Item = TopicPartition> {
        let of =
            |(topic, count): (&Topic, &u32)| (0..*count).map(|p| TopicPartition::new(*topic, p)).collect::<Vec<_>>();
        self.partitions.iter().flat_map(of)
    }

    fn consumers(&self, at: TopicPartition) -> Result<(), LogError> {
        let (from, to) =
            (partition_dir(&self.from, at).join("consumers"), partition_dir(&self.to, at).join("consumers"));
        let entries = match fs::read_dir(&from) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed("list", &from, error)),
        };
        fs::create_dir_all(&to).map_err(|e| failed("create", &to, e))?;
        for entry in entries {
            let name = entry.map_err(|e| failed("list", &from, e))?.file_name();
            // One with a dot is a file that is just being replaced.
            if !name.to_string_lossy().contains('.') {
                copy_file(&from.join(&name), &to.join(&name))?;
            }
        }
        Ok(())
    }

    fn partition(&self, at: TopicPartition) -> Result<(), LogError> {
        let (from, to) = (partition_dir(&self.from, at), partition_dir(&self.to, at));
        let Some(mark) = Mark::read(&from.join("durable"))? else { return Ok(()) };
        create_partition_dir(&to)?;
        for base in list_segments(&to)? {
            let stale = segment_path(&to, base);
            fs::remove_file(&stale).map_err(|e| failed("remove", &stale, e))?;
        }
        let closed = list_segments(&from)?.into_iter().filter(|base| *base < mark.segment);
        copy_head(&segment_path(&from, mark.segment), &segment_path(&to, mark.segment), mark.position)?;
        for base in closed.rev() {
            if !copy_file(&segment_path(&from, base), &segment_path(&to, base))? {
                break;
            }
        }
        copy_file(&from.join("epoch"), &to.join("epoch"))?;
        let path = to.join("durable");
        let file = File::create(&path).map_err(|e| failed("create", &path, e))?;
        mark.write(&file).and_then(|()| file.sync_all()).map_err(|e| failed("write", &path, e))?;
        sync_dir(&to)
    }
}

/// Copies a whole file; `false` where it is not there.
fn copy_file(from: &Path, to: &Path) -> Result<bool, LogError> {
    match File::open(from) {
        Ok(file) => write(file, from, to).map(|_| true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed("open", from, error)),
    }
}

/// Copies the first bytes of a file, which are durable.
fn copy_head(from: &Path, to: &Path, bytes: u64) -> Result<(), LogError> {
    let file = File::open(from).map_err(|e| failed("open", from, e))?;
    let copied = write(file.take(bytes), from, to)?;
    if copied != bytes {
        let what = format!("{bytes} bytes are durable, and {copied} are there");
        return Err(LogError::Damaged { path: from.into(), position: copied, what });
    }
    Ok(())
}

fn write(mut source: impl Read, from: &Path, to: &Path) -> Result<u64, LogError> {
    let mut file = File::create(to).map_err(|e| failed("create", to, e))?;
    let copied = io::copy(&mut source, &mut file).map_err(|e| failed("copy", from, e))?;
    file.sync_all().map_err(|e| failed("sync", to, e))?;
    Ok(copied)
}
