//! What stands in the ledger, also as NDJSON. Times are microseconds since the Unix epoch.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use crate::storage::Verb;

/// One state of one Event, as unique as it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StateId {
    /// `kube-system` uid of the cluster.
    pub cluster: Uuid,
    /// 0 at first; one more after each restore with a lower resourceVersion.
    pub incarnation: u32,
    /// `metadata.resourceVersion`.
    pub resource_version: u64,
    /// `metadata.uid` of the Event.
    pub uid: Uuid,
}

/// Why a watch stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamEnd {
    /// `timeoutSeconds` passed; a clean end.
    Timeout,
    /// A fault broke the connection.
    Cut,
    /// An ERROR frame with code 410.
    Expired,
    /// The client went away.
    Client,
}

/// What made history undeliverable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossCause {
    /// A watch was answered by 410, since its history was compacted or since a fault said so.
    Expired,
    /// The server came back with a lower resourceVersion.
    Restored,
    /// A frame was dropped without a word.
    Dropped,
}

/// A loss of history that this server caused to one client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Cluster.
    pub cluster: Uuid,
    /// The client's User-Agent.
    pub client: String,
    /// Why.
    pub cause: LossCause,
    /// Start: the last delivery to the client before the break, or the commit of the first lost state if that is older.
    pub from_us: i64,
    /// End: when the client's next full list was answered.
    pub to_us: i64,
    /// Position that the client last proved to have (the resourceVersion that it asked for).
    pub claimed: u64,
    /// Last resourceVersion that was handed to its socket.
    pub sent: u64,
    /// States that no answer of ours can bring to this client any more and that were never sent to it.
    pub lost: Vec<StateId>,
    /// The same, but sent once: missing only if the client died before it kept them.
    pub at_risk: Vec<StateId>,
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// A state was committed (or, `carried`, came over into a new incarnation by a restore).
    Committed {
        /// Which.
        state: StateId,
        /// When.
        at_us: i64,
        /// Added or modified.
        verb: Verb,
        /// Its `count` or `series.count`, 1 without either.
        count: u64,
        /// True if it was committed in the incarnation before and restored.
        carried: bool,
    },
    /// An Event was deleted or expired; not a state, but the end of one.
    Deleted {
        /// The deletion, with its own resourceVersion.
        state: StateId,
        /// When.
        at_us: i64,
    },
    /// A watch began.
    StreamOpened {
        /// Cluster.
        cluster: Uuid,
        /// Incarnation that serves it.
        incarnation: u32,
        /// Number of the stream.
        stream: u64,
        /// The client's User-Agent.
        client: String,
        /// resourceVersion that it asked for; none if it asked for the present state.
        claimed: Option<u64>,
        /// When.
        at_us: i64,
    },
    /// A watch ended.
    StreamClosed {
        /// Cluster.
        cluster: Uuid,
        /// Number of the stream.
        stream: u64,
        /// Last resourceVersion handed to the socket.
        sent: u64,
        /// When that was.
        sent_at_us: i64,
        /// When the stream ended.
        at_us: i64,
        /// Why it ended.
        end: StreamEnd,
    },
    /// The last page of a full list was answered.
    Listed {
        /// Cluster.
        cluster: Uuid,
        /// Incarnation that served it.
        incarnation: u32,
        /// The client's User-Agent.
        client: String,
        /// Snapshot of all its pages.
        resource_version: u64,
        /// Items of all its pages.
        items: u64,
        /// When.
        at_us: i64,
    },
    /// A fault was caused on purpose, in words.
    Fault {
        /// Cluster.
        cluster: Uuid,
        /// Which.
        fault: String,
        /// When.
        at_us: i64,
    },
    /// History was lost by our doing.
    Lost(Loss),
}
