//! How a file log is opened: where, with how many partitions, how much it may keep. Fail points for tests.

use std::{collections::BTreeMap, fmt, io, path::PathBuf, sync::Arc, time::Duration};

use beidou_schemas::{Topic, TopicPartition};

/// A segment is closed at this size. The unit in which retention frees space; small beside the cap (1/320), and
/// checked whole at start in a few hundredths of a second.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes of records that may wait in one writer: two of the largest records, or some 25 000 Events.
pub const BUFFER_BYTES: usize = 32 * 1024 * 1024;

/// How often a reader of another process looks at the durable mark. Adds half of it to the delay of a live tail,
/// and costs a read of 36 bytes.
pub const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Events are kept this long in the log: the store has them by then, and a projector may be down for a week.
pub const RETENTION_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// All Event partitions together take no more disk than this: some 130 M Events at the measured 150 bytes each.
pub const RETENTION_BYTES: u64 = 20 * 1024 * 1024 * 1024;

/// How much of the topics with retention is kept. All else is kept for ever, and counts towards nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Segments whose newest record is older than this are removed.
    pub max_age: Duration,
    /// Disk cap over all partitions with retention together, in bytes; each has an equal share.
    pub max_bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { max_age: RETENTION_AGE, max_bytes: RETENTION_BYTES }
    }
}

/// How to open a file log.
#[derive(Debug, Clone)]
pub struct FileOptions {
    /// The folder; made when missing.
    pub dir: PathBuf,
    /// Partitions of each topic. Fixed when the topic is first named; another number later is refused.
    pub partitions: BTreeMap<Topic, u32>,
    /// What is kept.
    pub retention: Retention,
    /// Size at which a segment is closed, in bytes.
    pub segment_bytes: u64,
    /// Bytes of records that may wait in one writer.
    pub buffer_bytes: usize,
    /// How often a reader looks for what another process wrote.
    pub poll_interval: Duration,
    /// Fail points; none outside tests.
    pub faults: Faults,
}

impl FileOptions {
    /// The defaults, for this folder and these partitions.
    pub fn new(dir: impl Into<PathBuf>, partitions: impl IntoIterator<Item = (Topic, u32)>) -> Self {
        Self {
            dir: dir.into(),
            partitions: partitions.into_iter().collect(),
            retention: Retention::default(),
            segment_bytes: SEGMENT_BYTES,
            buffer_bytes: BUFFER_BYTES,
            poll_interval: POLL_INTERVAL,
            faults: Faults::default(),
        }
    }
}

/// Where a fail point stands in a group commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultPoint {
    /// Before each frame is written.
    BeforeWrite,
    /// The group is written, not yet synced.
    BeforeSync,
    /// The group is synced, not yet published or acknowledged.
    AfterSync,
}

type Hook = dyn Fn(FaultPoint, TopicPartition) -> io::Result<()> + Send + Sync;

/// A hook that tests put into the commit: it may return the error of a full disk, wait, or end the process.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<Hook>>);

impl Faults {
    /// Calls `hook` at each fail point. An error is taken as the operating system's own.
    pub fn new(hook: impl Fn(FaultPoint, TopicPartition) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    pub(super) fn at(&self, point: FaultPoint, at: TopicPartition) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |hook| hook(point, at))
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Faults(set)" } else { "Faults(none)" })
    }
}
