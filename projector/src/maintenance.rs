//! What people ask of a running projector, and what came of it: the seam to whoever tells it to the log.
//!
//! ```text
//!  wishes ──(bounded)──► projector: one after another, between its own audits ──(bounded)──► outcomes
//! ```
//!
//! An outcome whose id nobody asked for is of an audit that ran by itself.

use beidou_schemas::maintenance::{AuditReport, RebuildReport};
use tokio::sync::mpsc;
use uuid::Uuid;

/// Wishes that wait, and outcomes that nobody has taken yet: people ask by hand, and each takes seconds to hours.
pub const QUEUE: usize = 16;

/// What people ask of a running projector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Compare log, table and archive; `full`: all of it.
    Audit {
        /// All of it, not only what is new and a share of the rest.
        full: bool,
    },
    /// Fill the table of Events anew from archive and log, and swap it in.
    Rebuild,
}

/// What came of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The audit ran to its end; the report says what it found.
    Audited(AuditReport),
    /// The new table is in place.
    Rebuilt(RebuildReport),
    /// It could not be done to its end; what had been repaired by then stays.
    Failed {
        /// For people.
        why: String,
    },
}

/// The projector's side.
#[derive(Debug)]
pub struct Maintenance {
    /// What is asked; ends when nobody can ask any more.
    pub wishes: mpsc::Receiver<(Uuid, Wish)>,
    /// What came of it. When nobody listens any more, outcomes are only logged.
    pub outcomes: mpsc::Sender<(Uuid, Outcome)>,
}

/// The side of those who ask.
#[derive(Debug)]
pub struct Asking {
    /// What is asked, with an id that nothing else has.
    pub wishes: mpsc::Sender<(Uuid, Wish)>,
    /// What came of it. Take them: the projector's next audit waits for room.
    pub outcomes: mpsc::Receiver<(Uuid, Outcome)>,
}

impl Maintenance {
    /// Both sides.
    pub fn channel() -> (Self, Asking) {
        let ((wish, wishes), (outcome, outcomes)) = (mpsc::channel(QUEUE), mpsc::channel(QUEUE));
        (Self { wishes, outcomes: outcome }, Asking { wishes: wish, outcomes })
    }
}
