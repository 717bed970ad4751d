//! What can be set, and the bounds that follow.

use std::{ops::RangeInclusive, time::Duration};

use beidou_model::{
    dedup::{DEFAULT_WINDOW, MAX_WINDOW, MIN_WINDOW},
    retention::Retention,
};

use crate::{archive::ArchiveConfig, fault::Faults};

/// When a cut closes: whichever bound is reached first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutLimit {
    /// Most records. One cut is one block per table: well below ClickHouse's block size of a million rows.
    pub records: usize,
    /// Most bytes of records, as [`beidou_schemas::Record::size`] counts them, exceeded by less than one stored batch.
    pub bytes: usize,
    /// So long after its first record, where no more come: what a reader of the tables waits for a lone Event.
    pub linger: Duration,
    /// From one cut to the end of the next at least this, unless a bound is reached: under a steady trickle every cut costs
    /// a part, four syncs and later merges, however few rows it has. A lone Event after a pause does not wait for it.
    pub pace: Duration,
}

impl Default for CutLimit {
    fn default() -> Self {
        Self { records: 65_536, bytes: 16 << 20, linger: Duration::from_millis(200), pace: Duration::from_secs(1) }
    }
}

/// Records that all workers together may hold, in bytes: four full cuts keep two cores and the engine busy. A record
/// takes about two and a half times its size on its way (record, columns, body), so this bounds memory to some 160 MB.
pub const DEFAULT_BUDGET: usize = 64 << 20;

/// What [`ProjectorConfig::window`] may be for a site.
pub const WINDOWS: RangeInclusive<u32> = MIN_WINDOW..=MAX_WINDOW;

/// The part of a partition's disk cap that may be held back for the index: a half. The log frees whole segments, of which
/// a cap has at least four, and fills one: a quarter is left for what comes.
pub const HELD_PART: u64 = 2;

/// How a projector works.
#[derive(Debug, Clone)]
pub struct ProjectorConfig {
    /// Who writes the ledger: shown to whoever finds a partition taken.
    pub name: String,
    /// When a cut closes.
    pub cut: CutLimit,
    /// Offsets per partition in which a state is recognised; see [`beidou_model::dedup`]. About 70 bytes each.
    pub window: u32,
    /// How long Events live in the clusters, and so how long after it was stored a list may bring a state again: a window
    /// that spans less is warned of.
    pub event_ttl: Duration,
    /// The log is held back for the window, but by no more than so many bytes of records per partition: less than its
    /// share of the log's disk cap, or a full log could never be freed. See [`HELD_PART`].
    pub held_bytes: u64,
    /// Bytes of records that all workers together may hold.
    pub budget: usize,
    /// The archive of Events; `None` switches it off.
    pub archive: Option<ArchiveConfig>,
    /// How long Events are kept in tables and archive.
    pub retention: Retention,
    /// Faults on purpose, for tests.
    pub faults: Faults,
}

impl Default for ProjectorConfig {
    fn default() -> Self {
        Self {
            name: format!("projector, process {}", std::process::id()),
            cut: CutLimit::default(),
            window: DEFAULT_WINDOW,
            event_ttl: Duration::from_secs(3600),
            held_bytes: u64::MAX,
            budget: DEFAULT_BUDGET,
            archive: None,
            retention: Retention::default(),
            faults: Faults::default(),
        }
    }
}
