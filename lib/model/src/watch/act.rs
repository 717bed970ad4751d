//! What goes into the chain and what comes out of it.

use beidou_schemas::{
    ResourceVersion,
    coverage::{CoverageFact, Reason},
    time::SECOND,
};
use uuid::Uuid;

/// The times by which a chain lives, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How old a proof may become. Proofs are asked at half of it.
    pub heartbeat: i64,
    /// How long an Event lives after its last change (`--event-ttl` of the API server).
    pub event_ttl: i64,
    /// The longest that a watch may stay open: its timeout and a grace.
    pub longest_watch: i64,
    /// A moving position is published at most so often, proofs aside.
    pub publish_every: i64,
    /// The shortest wait between two tries.
    pub shortest_wait: i64,
    /// The longest wait between two tries.
    pub longest_wait: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            heartbeat: 30 * SECOND,
            event_ttl: 3600 * SECOND,
            longest_watch: 330 * SECOND,
            publish_every: 2 * SECOND,
            shortest_wait: SECOND / 10,
            longest_wait: 30 * SECOND,
        }
    }
}

/// Why the server did not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 410, as status or as an ERROR frame: the version or the page token is compacted.
    Expired,
    /// 401 or 403.
    Unauthorized,
    /// 429 or 503 with a time to wait, in microseconds.
    Busy {
        /// The server's `Retry-After`.
        wait: i64,
    },
    /// Anything else: no connection, 5xx, an answer that is not understood.
    Failed,
}

/// What happened. Each comes with the time at which it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Time passes. `reading` is false while the log's back-pressure stops the reader, so that silence is not
    /// laid at the server's door.
    Tick {
        /// Whether frames are being read.
        reading: bool,
    },
    /// The wait is over.
    Woke,
    /// The question of [`Action::Prove`] was answered.
    Proved {
        /// Where the server stands.
        version: ResourceVersion,
        /// The answer came from a write that the watch must show.
        written: bool,
        /// The collector's own heartbeat object is older than what the collector wrote last: etcd was set back.
        set_back: bool,
    },
    /// [`Action::Prove`], [`Action::Open`] or [`Action::List`] failed.
    Refused {
        /// Which of the three.
        of: Asked,
        /// Why.
        why: Refusal,
        /// The server's words.
        detail: String,
    },
    /// The watch answered 200.
    Opened {
        /// A new id.
        session: Uuid,
    },
    /// A frame came; `version` is `None` where it could not be decoded.
    Frame {
        /// Its object's resource version.
        version: Option<ResourceVersion>,
        /// Whether it was a DELETED frame.
        deleted: bool,
    },
    /// The log has everything that was read up to here. Told of the open stream only: what an earlier stream brought
    /// may be of another life of etcd, and its versions say nothing of this one.
    Acked {
        /// The version of the last frame.
        version: ResourceVersion,
    },
    /// The stream ended; everything read from it is acknowledged.
    Closed {
        /// Why.
        reason: Reason,
        /// The server's words, or the error's.
        detail: String,
    },
    /// A page of the list came; its items are not yet appended.
    PageRead {
        /// The list's resource version.
        version: ResourceVersion,
    },
    /// All items of that page are in the log.
    PageStored {
        /// The token of the next page.
        next: Option<String>,
    },
    /// The collector stops, or the cluster was removed; everything read is acknowledged.
    Stop {
        /// [`Reason::Shutdown`] or [`Reason::Removed`].
        reason: Reason,
    },
}

/// A request that can be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// [`Action::Prove`].
    Prove,
    /// [`Action::Open`].
    Open,
    /// [`Action::List`].
    List,
}

/// What the shell must do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ask where the server stands; replaces a question that is still under way.
    Prove,
    /// Watch from this version.
    Open {
        /// The last version that is in the log.
        from: ResourceVersion,
    },
    /// Drop the stream and the question under way, if there are any.
    Close,
    /// Read a page of the list; the first where the token is `None`.
    List {
        /// The continue token.
        token: Option<String>,
    },
    /// Append these facts as one batch. All but `Advanced` must be durable before the next action.
    Publish(Vec<CoverageFact>),
    /// Wait a random time between the two, then say [`Input::Woke`].
    Wait {
        /// In microseconds.
        shortest: i64,
        /// In microseconds.
        longest: i64,
    },
}
