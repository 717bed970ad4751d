//! Proofs: how far in time the log is complete. See the header of [`super`].

use beidou_schemas::{Micros, ResourceVersion};

/// So many proofs may wait for their frame. At two per heartbeat this is four minutes of a stream that lags; a proof
/// that finds no room is left out, which costs precision, never truth.
const MOST_WAITING: usize = 16;

/// A question under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Question {
    /// When it was asked.
    pub asked: Micros,
    /// What had been received when it was asked: the answer cannot lie below, unless etcd was set back.
    pub floor: ResourceVersion,
}

#[derive(Debug, Clone, Copy)]
struct Proof {
    asked: Micros,
    version: ResourceVersion,
    written: bool,
}

/// Answered questions whose version the log has not reached yet, in order.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    waiting: Vec<Proof>,
}

impl Proofs {
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    pub(super) fn add(&mut self, asked: Micros, version: ResourceVersion, written: bool) {
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push(Proof { asked, version, written });
        }
    }

    /// The latest moment proven by having everything up to `version`; forgets what is settled.
    pub(super) fn settle(&mut self, version: ResourceVersion) -> Option<Micros> {
        let settled = self.waiting.iter().filter(|p| p.version <= version).map(|p| p.asked).max();
        self.waiting.retain(|p| p.version > version);
        settled
    }

    /// Whether the watch owes a frame: something was written beyond what it has delivered.
    pub(super) fn owed(&self, received: ResourceVersion) -> bool {
        self.waiting.iter().any(|p| p.written && p.version > received)
    }
}
