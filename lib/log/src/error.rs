//! What can go wrong at the log, and whether it is worth another try.

use std::{error::Error, path::PathBuf, sync::Arc};

use beidou_schemas::{Offset, TopicPartition};

/// An error of the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Another process or task writes this partition.
    #[error("{at} already has a writer ({holder}); stop it first, or use another data directory")]
    Locked {
        /// The partition.
        at: TopicPartition,
        /// Who holds it, as far as is known: name and process id.
        holder: String,
    },
    /// A newer writer has taken over; this one must stop.
    #[error("a newer writer took over {at}; this one must stop")]
    Fenced {
        /// The partition.
        at: TopicPartition,
    },
    /// The records before `first` were removed by retention.
    #[error("records {from}..{first} of {at} were removed by retention before they were read")]
    Removed {
        /// The partition.
        at: TopicPartition,
        /// Where the reader wanted to go on.
        from: Offset,
        /// The first record that is still there.
        first: Offset,
    },
    /// The topic has no such partition.
    #[error("{at} does not exist: the topic has {partitions} partitions")]
    NoPartition {
        /// The partition asked for.
        at: TopicPartition,
        /// How many there are.
        partitions: u32,
    },
    /// A record, or a batch, is larger than the log takes.
    #[error("a record or batch of {size} bytes does not fit: the limit is {limit}")]
    TooLarge {
        /// Its size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The disk is full. Nothing is dropped: writers wait, and go on by themselves once there is space.
    #[error(
        "no space left on the disk of {path}; free space there or lower `log.retention_gib`, nothing is lost meanwhile \
         and it goes on by itself"
    )]
    Full {
        /// The file or folder.
        path: PathBuf,
    },
    /// The partition has used up its share of the disk cap, and a consumer still needs all of it. Nothing is dropped:
    /// appends go on by themselves once the consumer has caught up.
    #[error(
        "{at} holds {used} bytes, its share of the disk cap is {cap}, and the consumer {held_by} still needs the oldest \
         of them; let it catch up, or raise `log.retention_gib` for Events"
    )]
    CapReached {
        /// The partition.
        at: TopicPartition,
        /// Bytes on disk, with the batch that was refused.
        used: u64,
        /// The partition's share of the cap, in bytes.
        cap: u64,
        /// The slowest consumer.
        held_by: String,
    },
    /// The folder, or a name in it, cannot be used as asked. The text says what to do.
    #[error("{path} cannot be used: {what}")]
    Refused {
        /// The file or folder.
        path: PathBuf,
        /// Why, and the way out.
        what: String,
    },
    /// Stored bytes do not match their checksum, or are not of a known form.
    #[error("{path} is damaged at byte {position}: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        position: u64,
        /// What does not fit.
        what: String,
    },
    /// The operating system refused a read or write.
    #[error("cannot {act} {path}")]
    Io {
        /// What was tried.
        act: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Records that a reader knows of are not there: the end of the log was lost. Nobody goes on from there in silence.
    #[error(
        "{at} ends at {end}, and records up to {from} had been there: brokers lost the end of it, or the topic was made \
         anew; compare with what is in the tables before anything goes on"
    )]
    Lost {
        /// The partition.
        at: TopicPartition,
        /// Where the reader wanted to go on.
        from: Offset,
        /// The offset behind the last record.
        end: Offset,
    },
    /// A topic cannot be used as it is. The text says what to do.
    #[error("the topic {topic} cannot be used: {what}")]
    Topic {
        /// Its name in the log.
        topic: String,
        /// Why, and the way out.
        what: String,
    },
    /// A broker refused, or did not answer.
    #[error("cannot {act}")]
    Broker {
        /// What was tried.
        act: String,
        /// Whether another try may succeed by itself.
        retry: bool,
        /// Why.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The log was closed while the call waited.
    #[error("the log was closed")]
    Closed,
}

impl LogError {
    /// Whether the same call may succeed later without anybody changing the program or its settings.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Full { .. } | Self::CapReached { .. } | Self::Io { .. } => true,
            Self::Broker { retry, .. } => *retry,
            Self::Locked { .. }
            | Self::Fenced { .. }
            | Self::Removed { .. }
            | Self::NoPartition { .. }
            | Self::TooLarge { .. }
            | Self::Refused { .. }
            | Self::Damaged { .. }
            | Self::Lost { .. }
            | Self::Topic { .. }
            | Self::Closed => false,
        }
    }

    /// The same error once more: one failed commit answers several appends.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Locked { at, holder } => Self::Locked { at: *at, holder: holder.clone() },
            Self::Fenced { at } => Self::Fenced { at: *at },
            Self::Removed { at, from, first } => Self::Removed { at: *at, from: *from, first: *first },
            Self::NoPartition { at, partitions } => Self::NoPartition { at: *at, partitions: *partitions },
            Self::TooLarge { size, limit } => Self::TooLarge { size: *size, limit: *limit },
            Self::Full { path } => Self::Full { path: path.clone() },
            Self::CapReached { at, used, cap, held_by } => {
                Self::CapReached { at: *at, used: *used, cap: *cap, held_by: held_by.clone() }
            }
            Self::Refused { path, what } => Self::Refused { path: path.clone(), what: what.clone() },
            Self::Damaged { path, position, what } => {
                Self::Damaged { path: path.clone(), position: *position, what: what.clone() }
            }
            Self::Io { act, path, source } => {
                let source = match source.raw_os_error() {
                    Some(code) => std::io::Error::from_raw_os_error(code),
                    None => std::io::Error::new(source.kind(), source.to_string()),
                };
                Self::Io { act, path: path.clone(), source }
            }
            Self::Lost { at, from, end } => Self::Lost { at: *at, from: *from, end: *end },
            Self::Topic { topic, what } => Self::Topic { topic: topic.clone(), what: what.clone() },
            Self::Broker { act, retry, source } => {
                Self::Broker { act: act.clone(), retry: *retry, source: Arc::clone(source) }
            }
            Self::Closed => Self::Closed,
        }
    }
}
