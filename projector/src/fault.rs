//! Faults on purpose: planted bugs, and a fail point in the window between PENDING and DONE. Tests of the whole
//! system set them through the environment, the simulation in the configuration; nothing is set in normal work.
//!
//! | variable | effect |
//! |---|---|
//! | `BEIDOU_FAULT=name,…` | planted bugs, see [`Bug`]; which test each turns red stands in docs/faults.md |
//! | `BEIDOU_FAIL_POINT_FILE=path` | appends a line at each step of a cut, see [`Step`] |
//! | `BEIDOU_FAIL_POINT_HOLD_MS=n` | waits so long at each step inside the window, so that a test can kill in it |
//!
//! A line reads `<pid> <step> <topic>/<partition> <from>-<to>`. A process whose last line for a partition is `pending`
//! or `inserted` died inside the window. Lines of the archive have `archive:` before the topic: there the window lies
//! between `archiving` and `archived`.

use std::{io::Write, ops::Range, path::PathBuf, time::Duration};

use beidou_schemas::{Offset, TopicPartition, ledger::Cut};

/// The variable that plants a bug.
pub const FAULT: &str = "BEIDOU_FAULT";
/// The variable that names the file of steps.
pub const FAIL_POINT_FILE: &str = "BEIDOU_FAIL_POINT_FILE";
/// The variable that stretches the window.
pub const FAIL_POINT_HOLD_MS: &str = "BEIDOU_FAIL_POINT_HOLD_MS";

/// Where a cut stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// PENDING is durable, nothing is inserted.
    Pending,
    /// Everything is inserted, DONE is not written.
    Inserted,
    /// DONE is durable.
    Done,
    /// ARCHIVING is durable, the file is not put.
    Archiving,
    /// The file is put, ARCHIVED is not written.
    Put,
    /// ARCHIVED is durable.
    Archived,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Inserted => "inserted",
            Self::Done => "done",
            Self::Archiving => "archiving",
            Self::Put => "put",
            Self::Archived => "archived",
        }
    }
}

/// A bug that can be planted: a change of the protocol, each of which must turn a test red.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// DONE is written before the insert. A crash between them loses rows.
    DoneBeforeInsert,
    /// An insert without an answer counts as done.
    UnclearIsDone,
    /// An insert is repeated under another token.
    NewTokenOnRetry,
    /// After a start a pending cut is not repeated; its records are cut anew.
    PendingCutAnew,
    /// After a start the index of seen states is empty.
    IndexNotRebuilt,
    /// A state that comes again is stored again.
    SeenForgotten,
    /// Who was fenced inserts all the same, and goes on as if its facts stood in the ledger.
    FenceIgnored,
    /// ARCHIVED is written before the file is put.
    ArchivedBeforePut,
    /// After a start the archive goes on where the tables stand.
    ArchiveGoesOnAtTable,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::DoneBeforeInsert,
        Self::UnclearIsDone,
        Self::NewTokenOnRetry,
        Self::PendingCutAnew,
        Self::IndexNotRebuilt,
        Self::SeenForgotten,
        Self::FenceIgnored,
        Self::ArchivedBeforePut,
        Self::ArchiveGoesOnAtTable,
    ];

    /// Its name in [`FAULT`].
    pub const fn name(self) -> &'static str {
        match self {
            Self::DoneBeforeInsert => "done-before-insert",
            Self::UnclearIsDone => "unclear-is-done",
            Self::NewTokenOnRetry => "new-token-on-retry",
            Self::PendingCutAnew => "pending-cut-anew",
            Self::IndexNotRebuilt => "index-not-rebuilt",
            Self::SeenForgotten => "seen-forgotten",
            Self::FenceIgnored => "fence-ignored",
            Self::ArchivedBeforePut => "archived-before-put",
            Self::ArchiveGoesOnAtTable => "archive-goes-on-at-table",
        }
    }
}

/// The faults of one projector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// The planted bugs.
    pub bugs: Vec<Bug>,
    /// Where steps are written.
    pub file: Option<PathBuf>,
    /// How long each step inside the window lasts.
    pub hold: Duration,
}

impl Faults {
    /// Reads the environment, once, at start.
    pub fn from_env() -> Self {
        let text = |name| std::env::var(name).ok();
        let named = text(FAULT).unwrap_or_default();
        let planted = |bug: &Bug| named.split(',').any(|name| name == bug.name());
        let faults = Self {
            bugs: Bug::ALL.into_iter().filter(planted).collect(),
            file: std::env::var_os(FAIL_POINT_FILE).map(PathBuf::from),
            hold: Duration::from_millis(text(FAIL_POINT_HOLD_MS).and_then(|ms| ms.parse().ok()).unwrap_or(0)),
        };
        if faults != Self::default() {
            tracing::warn!(?faults, "faults on purpose are set: this is for tests");
        }
        faults
    }

    /// Whether this bug is planted.
    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.bugs.contains(&bug)
    }

    /// Marks a step and stretches the window.
    pub(crate) async fn reach(&self, step: Step, cut: &Cut) {
        self.mark(step, &format!("{} {}-{}", cut.source, cut.from, cut.to)).await;
    }

    /// The same for a file of the archive.
    pub(crate) async fn reach_archive(&self, step: Step, source: TopicPartition, range: Range<Offset>) {
        self.mark(step, &format!("archive:{source} {}-{}", range.start, range.end)).await;
    }

    async fn mark(&self, step: Step, range: &str) {
        let Some(path) = &self.file else { return };
        let line = format!("{} {} {range}\n", std::process::id(), step.name());
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
            tracing::error!(%error, path = %path.display(), "cannot write the fail point file");
        }
        match step {
            Step::Pending | Step::Inserted | Step::Archiving | Step::Put => tokio::time::sleep(self.hold).await,
            Step::Done | Step::Archived => {}
        }
    }
}
