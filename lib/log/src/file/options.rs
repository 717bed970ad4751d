//! How a file log is opened: where, with how many partitions, how much it may keep. Fail points for tests.
//!
//! What each topic keeps, and why that is enough for all who read it: ADR 0006.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

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

/// Every other topic takes no more disk than this: weeks of coverage of a hundred clusters, and in a ledger of six
/// partitions a million facts each, of which readers need the last 256.
pub const FACT_BYTES: u64 = 1024 * 1024 * 1024;

/// How much is kept. Of a topic that does not expire ([`Topic::expires`]) nothing goes by age, and
/// of one that is kept ([`Topic::is_kept`]) nothing at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Segments whose newest record is older than this are removed.
    pub max_age: Duration,
    /// Disk cap of the Event topic, in bytes.
    pub max_bytes: u64,
    /// Disk cap of each other topic, in bytes.
    pub fact_bytes: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { max_age: RETENTION_AGE, max_bytes: RETENTION_BYTES, fact_bytes: FACT_BYTES }
    }
}

impl Retention {
    /// What one partition of a topic may keep. The partitions of a topic have equal shares of its cap: the hash that
    /// chooses them spreads Events evenly.
    pub fn share(&self, topic: Topic, partitions: u32) -> Share {
        let partitions = u64::from(partitions.max(1));
        let max_bytes = match topic {
            Topic::KubeEvent => self.max_bytes / partitions,
            kept if kept.is_kept() => u64::MAX,
            _ => self.fact_bytes / partitions,
        };
        Share { max_age: topic.expires().then_some(self.max_age), max_bytes }
    }
}

/// What one partition may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Segments whose newest record is older are removed; `None` where age does not matter.
    pub max_age: Option<Duration>,
    /// Bytes on disk; the largest number where nothing goes by size.
    pub max_bytes: u64,
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

    /// What each partition of a topic may keep.
    pub fn share(&self, topic: Topic) -> Share {
        self.retention.share(topic, self.partitions.get(&topic).copied().unwrap_or(1))
    }
}

/// Where a fail point stands: one where a writer opens, the others in a group commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultPoint {
    /// A writer has the lock, and is about to raise the epoch.
    BeforeEpoch,
    /// A new segment is made; its name is not yet durable.
    AfterCreate,
    /// Before each frame is written.
    BeforeWrite,
    /// The group is written, not yet synced.
    BeforeSync,
    /// The group is synced, not yet published or acknowledged.
    AfterSync,
}

type Hook = dyn Fn(FaultPoint, TopicPartition) -> io::Result<()> + Send + Sync;

/// The variable that fills the disk for a test: while a file of that name exists, each write finds no space.
pub const FULL_DISK_FILE: &str = "BEIDOU_FAIL_POINT_FULL_DISK";

/// A hook that tests put into the writing side: it may return the error of a full disk, wait, or end the process.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<Hook>>);

impl Faults {
    /// Calls `hook` at each fail point. An error is taken as the operating system's own.
    pub fn new(hook: impl Fn(FaultPoint, TopicPartition) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    /// Reads the environment, once, at start: see [`FULL_DISK_FILE`].
    pub fn from_env() -> Self {
        let Some(path) = std::env::var_os(FULL_DISK_FILE).map(PathBuf::from) else { return Self::default() };
        tracing::warn!(file = %path.display(), "a full disk can be set on purpose: this is for tests");
        Self::new(move |_, _| if Path::exists(&path) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) })
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
