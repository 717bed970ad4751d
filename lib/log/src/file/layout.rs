//! Where things stand in the folder, `log.json`, and the small files that are replaced whole.
//!
//! ```text
//!  <dir>/log.json                                   format version, partitions per topic
//!  <dir>/log.lock                                   held while log.json is read and perhaps extended
//!  <dir>/<topic>/<partition>/writer.lock            held by the writer; says who it is
//!                            epoch                  of the newest writer
//!                            durable                end of what readers may see (mark.rs)
//!                            <first offset>.seg     frames (frame.rs), 20 digits so that names sort
//!                            consumers/<name>       offset below which the consumer needs nothing
//! ```

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use beidou_schemas::{Offset, Topic, TopicPartition};
use serde::{Deserialize, Serialize};

use crate::LogError;

/// The version of the layout that this program writes, and the only one it reads.
const FORMAT_VERSION: u32 = 1;
/// Partitions per topic that a log may have: each writer is a thread, each partition a folder.
const MAX_PARTITIONS: u32 = 1024;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogFile {
    format_version: u32,
    partitions: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
struct VersionOnly {
    format_version: u32,
}

/// Makes an error of the operating system into ours.
pub(super) fn failed(act: &'static str, path: &Path, source: io::Error) -> LogError {
    if source.kind() == ErrorKind::StorageFull || source.kind() == ErrorKind::QuotaExceeded {
        LogError::Full { path: path.to_owned() }
    } else {
        LogError::Io { act, path: path.to_owned(), source }
    }
}

fn refused(path: &Path, what: String) -> LogError {
    LogError::Refused { path: path.to_owned(), what }
}

/// Opens the folder: creates it, or checks it against the partitions asked for. Topics asked for and not yet there are
/// added. `None` takes what is there.
pub(super) fn open_dir(dir: &Path, asked: Option<&BTreeMap<Topic, u32>>) -> Result<BTreeMap<Topic, u32>, LogError> {
    let path = dir.join("log.json");
    let Some(asked) = asked else {
        return read_log_file(&path)?.ok_or_else(|| {
            refused(
                dir,
                "there is no log in it (log.json is missing); start the writer first, or name another folder".into(),
            )
        });
    };
    if let Some((topic, count)) = asked.iter().find(|(_, count)| **count == 0 || **count > MAX_PARTITIONS) {
        return Err(refused(dir, format!("{topic} cannot have {count} partitions; choose 1 to {MAX_PARTITIONS}")));
    }
    fs::create_dir_all(dir).map_err(|e| failed("create", dir, e))?;
    let lock_path = dir.join("log.lock");
    let lock = open_lock(&lock_path)?;
    lock.lock().map_err(|e| failed("lock", &lock_path, e))?;
    let mut there = read_log_file(&path)?.unwrap_or_default();
    let before = there.len();
    for (topic, count) in asked {
        let found = *there.entry(*topic).or_insert(*count);
        if found != *count {
            let what = format!(
                "{topic} has {found} partitions there and {count} were asked for; the number can never change: \
                 ask for {found}, or use another folder"
            );
            return Err(refused(&path, what));
        }
    }
    if there.len() != before {
        let partitions = there.iter().map(|(topic, count)| (topic.name().to_owned(), *count)).collect();
        let mut text = serde_json::to_vec_pretty(&LogFile { format_version: FORMAT_VERSION, partitions })
            .map_err(|e| failed("write", &path, e.into()))?;
        text.push(b'\n');
        replace(&path, &text, Sync::Yes)?;
    }
    Ok(there)
}

fn read_log_file(path: &Path) -> Result<Option<BTreeMap<Topic, u32>>, LogError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path, error)),
    };
    let bad = |error: serde_json::Error| refused(path, format!("it is not of the expected form: {error}"));
    let version = serde_json::from_slice::<VersionOnly>(&text).map_err(bad)?.format_version;
    if version != FORMAT_VERSION {
        let what = format!(
            "its format version is {version}, this beidou knows {FORMAT_VERSION}; use the beidou that wrote it"
        );
        return Err(refused(path, what));
    }
    let file: LogFile = serde_json::from_slice(&text).map_err(bad)?;
    let topic = |(name, count): (String, u32)| {
        let topic = name.parse().map_err(|e| refused(path, format!("{e}; a newer beidou has written here")))?;
        Ok((topic, count))
    };
    file.partitions.into_iter().map(topic).collect::<Result<_, _>>().map(Some)
}

/// The folder of a partition.
pub(super) fn partition_dir(dir: &Path, at: TopicPartition) -> PathBuf {
    dir.join(at.topic.name()).join(at.partition.to_string())
}

/// The file of the segment that begins with this offset.
pub(super) fn segment_path(dir: &Path, base: Offset) -> PathBuf {
    dir.join(format!("{base:020}.seg"))
}

/// First offsets of all segments of a partition, ascending. A folder that is not there has none.
pub(super) fn list_segments(dir: &Path) -> Result<Vec<Offset>, LogError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("list", dir, error)),
    };
    let mut bases = Vec::new();
    for entry in entries {
        let name = entry.map_err(|e| failed("list", dir, e))?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(".seg"));
        bases.extend(digits.and_then(|digits| digits.parse::<Offset>().ok()));
    }
    bases.sort_unstable();
    Ok(bases)
}

/// Bytes of all segments of a partition. Those that retention removes meanwhile count as gone.
pub(super) fn segment_bytes(dir: &Path) -> Result<u64, LogError> {
    let size = |base| {
        let path = segment_path(dir, base);
        match fs::metadata(&path) {
            Ok(meta) => Ok(meta.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(failed("read", &path, error)),
        }
    };
    list_segments(dir)?.into_iter().map(size).sum()
}

/// Opens or makes a file that serves only as a lock.
pub(super) fn open_lock(path: &Path) -> Result<File, LogError> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(|e| failed("open", path, e))
}

/// Creates a partition's folder so that it survives a power loss.
pub(super) fn create_partition_dir(dir: &Path) -> Result<(), LogError> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(|e| failed("create", dir, e))?;
    // The partition, the topic above it, and the log above that.
    dir.ancestors().take(3).try_for_each(sync_dir)
}

/// Makes created and removed names of a folder durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), LogError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|e| failed("sync", dir, e))
}

/// Whether a replaced file must survive a power loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sync {
    Yes,
    No,
}

/// Replaces a small file: readers see the old content or the new one, whole.
pub(super) fn replace(path: &Path, content: &[u8], sync: Sync) -> Result<(), LogError> {
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}.new", std::process::id()));
    let new = PathBuf::from(new);
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(content)?;
        if sync == Sync::Yes { file.sync_all() } else { Ok(()) }
    };
    write().map_err(|e| {
        // On a full disk each try would leave one more.
        let _nothing_to_remove = fs::remove_file(&new);
        failed("write", &new, e)
    })?;
    fs::rename(&new, path).map_err(|e| failed("replace", path, e))?;
    match (sync, path.parent()) {
        (Sync::Yes, Some(parent)) => sync_dir(parent),
        (Sync::Yes, None) | (Sync::No, _) => Ok(()),
    }
}
