//! Faults on purpose: a planted bug, and a fail point in the window between PENDING and DONE. Tests of the whole
//! system set them through the environment; nothing is set in normal work.
//!
//! | variable | effect |
//! |---|---|
//! | `BEIDOU_FAULT=done-before-insert` | planted bug: DONE is written before the insert. A crash between them loses rows |
//! | `BEIDOU_FAIL_POINT_FILE=path` | appends a line at each step of a cut, see [`Step`] |
//! | `BEIDOU_FAIL_POINT_HOLD_MS=n` | waits so long at each step inside the window, so that a test can kill in it |
//!
//! A line reads `<pid> <step> <topic>/<partition> <from>-<to>`. A process whose last line for a partition is `pending`
//! or `inserted` died inside the window.

use std::{io::Write, path::PathBuf, time::Duration};

use beidou_schemas::ledger::Cut;

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
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Inserted => "inserted",
            Self::Done => "done",
        }
    }
}

/// The faults of one projector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// The planted bug.
    pub done_before_insert: bool,
    /// Where steps are written.
    pub file: Option<PathBuf>,
    /// How long each step inside the window lasts.
    pub hold: Duration,
}

impl Faults {
    /// Reads the environment, once, at start.
    pub fn from_env() -> Self {
        let text = |name| std::env::var(name).ok();
        let faults = Self {
            done_before_insert: text(FAULT).is_some_and(|faults| faults.split(',').any(|f| f == "done-before-insert")),
            file: std::env::var_os(FAIL_POINT_FILE).map(PathBuf::from),
            hold: Duration::from_millis(text(FAIL_POINT_HOLD_MS).and_then(|ms| ms.parse().ok()).unwrap_or(0)),
        };
        if faults != Self::default() {
            tracing::warn!(?faults, "faults on purpose are set: this is for tests");
        }
        faults
    }

    /// Marks a step and stretches the window.
    pub(crate) async fn reach(&self, step: Step, cut: &Cut) {
        let Some(path) = &self.file else { return };
        let line = format!("{} {} {} {}-{}\n", std::process::id(), step.name(), cut.source, cut.from, cut.to);
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        if let Err(error) = file.and_then(|mut file| file.write_all(line.as_bytes())) {
            tracing::error!(%error, path = %path.display(), "cannot write the fail point file");
        }
        match step {
            Step::Pending | Step::Inserted => tokio::time::sleep(self.hold).await,
            Step::Done => {}
        }
    }
}
