//! Facts on `beidou.kube.coverage.v1`: what the watches of a cluster proved, and what they could not.
//!
//! ```text
//!  ──[ complete ]────────────╳  cut, compacted  ╳──[ complete ]──────► time
//!     session A               └── degraded ────┘    session B
//!     started…advanced…ended       broken            started…
//! ```
//!
//! - A *session* is one watch stream: `[start RV, end RV, reason]`. A session that starts at the RV where the one before
//!   ended continues its chain: nothing between them is lost, so its complete interval begins where the other's ended.
//! - `broken` states that the chain could not be continued: the interval is degraded (what still existed was found by a
//!   list, intermediate states are lost) or a gap (lost).
//! - `missed` says that a chain was not what it seemed: a list showed states that its watch had passed over. The interval
//!   around them is degraded, whatever sessions say of it; the chain goes on.
//! - The last `advanced`, `started` or `broken` fact of a cluster is its watch position: there is no side file.
//! - A `snapshot` repeats the position of every cluster, so that a reader may start at the last one.
//!
//! All kinds of one cluster have the cluster's uid as key, in one partition, in order. Several collectors may watch a cluster
//! at once: the header `ce_collector` says whose chain a fact is of. Each goes on from its own; what any of them proved holds.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    ClusterUid, Epoch, Micros, Offset, Record, ResourceVersion, Topic,
    envelope::{JSON, fact, own_fact},
    fact::{FactError, body, numbered_json, split_kind, unknown},
    numbered::numbered,
};

numbered! {
    /// What is known of an interval of a cluster's history.
    pub enum CoverageState {
        /// Every state that the API server committed was delivered.
        Complete = 1 => "complete",
        /// Recovered by a list: every Event that still existed is there, intermediate states are lost.
        Degraded = 2 => "degraded",
        /// Lost: longer than Events live, or the cluster's etcd was set back.
        Gap = 3 => "gap",
    }
}

numbered! {
    /// Why a watch session ended, or why the chain broke.
    pub enum Reason {
        /// The server closed the stream at its time limit: normal.
        Timeout = 1 => "timeout",
        /// The stream was cut.
        Cut = 2 => "cut",
        /// The resource version was compacted: HTTP 410, or an ERROR frame with code 410.
        Expired = 3 => "expired",
        /// The server answered 200 with an empty body.
        Empty = 4 => "empty",
        /// The server answered with another error.
        ServerError = 5 => "server_error",
        /// The credentials were refused.
        Unauthorized = 6 => "unauthorized",
        /// The cluster was taken out of the configuration.
        Removed = 7 => "removed",
        /// The collector stopped in good order.
        Shutdown = 8 => "shutdown",
        /// The collector went away without a word; written by its successor.
        Lost = 9 => "lost",
        /// The first list of a cluster: nothing was watched before.
        FirstList = 10 => "first_list",
        /// The list's resource version lies below the stored one: etcd was set back.
        Restored = 11 => "restored",
        /// No frame came for longer than the silence limit, though the stream was open.
        Silent = 12 => "silent",
        /// Delivered, and removed from the log before it was in the tables. Never on this topic: the projector, which
        /// finds it, writes it into the table. No session heals it, for every session had delivered.
        LogRemoved = 13 => "log_removed",
        /// A list beside the open watch showed states that the watch had not brought. No session heals it, for it is a
        /// session that was wrong.
        MissedByWatch = 14 => "missed_by_watch",
        /// Kept until the retention of its cluster ended, then removed from tables and archive. Never on this topic: the
        /// projector, which removes it, writes it into the table. No session heals it.
        RemovedByRetention = 15 => "removed_by_retention",
    }
}

/// Where a cluster's watch stands: everything up to `resource_version` is in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The cluster.
    pub cluster: ClusterUid,
    /// Its name at that time.
    pub cluster_name: String,
    /// The life of its etcd.
    pub epoch: Epoch,
    /// The session that reached this position.
    pub session: Uuid,
    /// The resource version at which that session started.
    pub start_resource_version: ResourceVersion,
    /// Everything up to here is in the log.
    pub resource_version: ResourceVersion,
    /// The session's complete interval begins here.
    pub from: Micros,
    /// Every state committed before this time is in the log.
    pub until: Micros,
}

/// The end of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionEnd {
    /// Where it ended.
    pub position: Position,
    /// Why.
    pub reason: Reason,
    /// The server's words, if it said any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// DELETED frames seen: counted, not stored.
    pub deleted_frames: u64,
}

/// A stretch of time that no chain covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broken {
    /// The cluster.
    pub cluster: ClusterUid,
    /// Its name at that time.
    pub cluster_name: String,
    /// The epoch that begins after it.
    pub epoch: Epoch,
    /// Degraded or gap.
    pub state: CoverageState,
    /// First moment that is not proven.
    pub from: Micros,
    /// First moment that is proven again.
    pub until: Micros,
    /// Why.
    pub reason: Reason,
    /// The server's words, if it said any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// States that the watch did not bring, though it went beyond them; a list showed them, and they are in the log now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missed {
    /// The cluster.
    pub cluster: ClusterUid,
    /// Its name at that time.
    pub cluster_name: String,
    /// The life of its etcd.
    pub epoch: Epoch,
    /// A new id for each finding.
    pub comparison: Uuid,
    /// The list's resource version.
    pub list: ResourceVersion,
    /// They were committed at this moment or later …
    pub from: Micros,
    /// … and before this one.
    pub until: Micros,
    /// So many.
    pub states: u64,
}

/// The positions of all clusters at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// One per cluster.
    pub positions: Vec<Position>,
}

/// How far the import topic has been brought onto the Event topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// Every import record below this offset is on the Event topic.
    pub upto: Offset,
}

/// A fact on the coverage topic. Kinds are numbered; a reader that meets an unknown number is too old and must stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CoverageFact {
    /// 1: a session began.
    Started(Position),
    /// 2: a session's position moved on, after the log acknowledged everything up to it.
    Advanced(Position),
    /// 3: a session ended.
    Ended(SessionEnd),
    /// 4: an interval is degraded or a gap.
    Broken(Broken),
    /// 5: all positions.
    Snapshot(Snapshot),
    /// 6: the watch missed states; its chain goes on.
    Missed(Missed),
    /// 7: imported states are on the Event topic. It proves nothing of any time.
    Imported(Imported),
}

impl CoverageFact {
    /// The stored number of the kind.
    pub fn kind(&self) -> u8 {
        match self {
            Self::Started(_) => 1,
            Self::Advanced(_) => 2,
            Self::Ended(_) => 3,
            Self::Broken(_) => 4,
            Self::Snapshot(_) => 5,
            Self::Missed(_) => 6,
            Self::Imported(_) => 7,
        }
    }

    /// The record's key: the cluster, or `*` for what is of no single one.
    pub fn key(&self) -> &str {
        match self {
            Self::Started(p) | Self::Advanced(p) => p.cluster.as_str(),
            Self::Ended(end) => end.position.cluster.as_str(),
            Self::Broken(broken) => broken.cluster.as_str(),
            Self::Snapshot(_) | Self::Imported(_) => "*",
            Self::Missed(missed) => missed.cluster.as_str(),
        }
    }

    /// The JSON value.
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Started(fact) | Self::Advanced(fact) => numbered_json(self.kind(), fact),
            Self::Ended(fact) => numbered_json(self.kind(), fact),
            Self::Broken(fact) => numbered_json(self.kind(), fact),
            Self::Snapshot(fact) => numbered_json(self.kind(), fact),
            Self::Missed(fact) => numbered_json(self.kind(), fact),
            Self::Imported(fact) => numbered_json(self.kind(), fact),
        }
    }

    /// Reads a JSON value.
    ///
    /// # Errors
    /// When the value has not the form of its kind, or the kind is unknown.
    pub fn from_json(json: &[u8]) -> Result<Self, FactError> {
        let topic = Topic::KubeCoverage;
        let (kind, value) = split_kind(topic, json)?;
        Ok(match kind {
            1 => Self::Started(body(topic, value)?),
            2 => Self::Advanced(body(topic, value)?),
            3 => Self::Ended(body(topic, value)?),
            4 => Self::Broken(body(topic, value)?),
            5 => Self::Snapshot(body(topic, value)?),
            6 => Self::Missed(body(topic, value)?),
            7 => Self::Imported(body(topic, value)?),
            other => return Err(unknown("coverage fact", other, "1 to 7")),
        })
    }

    /// The record to append. `id` must be new for each fact.
    pub fn to_record(&self, id: Uuid, time: Micros) -> Record {
        own_fact(Topic::KubeCoverage, &id.to_string(), self.key(), time, self.to_json().into())
    }

    /// The same, of this collector's chain.
    pub fn to_record_by(&self, collector: &str, id: Uuid, time: Micros) -> Record {
        let (id, value) = (id.to_string(), (JSON, self.to_json().into()));
        fact(Topic::KubeCoverage, &id, self.key(), time, value, &[(COLLECTOR, collector)])
    }
}

const COLLECTOR: &str = "ce_collector";

/// Whose chain the record's fact is of; `None` where there was one collector only and no name was written.
pub fn collector(record: &Record) -> Option<&str> {
    record.header(COLLECTOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position() -> Position {
        Position {
            cluster: "0f8fad5b-d9cb-469f-a165-70867728950e".parse().unwrap(),
            cluster_name: "hz-prod-02".into(),
            epoch: Epoch(1),
            session: Uuid::from_u128(7),
            start_resource_version: ResourceVersion(100),
            resource_version: ResourceVersion(140),
            from: Micros(1_795_444_800_000_000),
            until: Micros(1_795_444_860_000_000),
        }
    }

    fn all() -> Vec<CoverageFact> {
        let broken = Broken {
            cluster: position().cluster,
            cluster_name: "hz-prod-02".into(),
            epoch: Epoch(1),
            state: CoverageState::Degraded,
            from: Micros(1_795_444_800_000_000),
            until: Micros(1_795_444_830_000_000),
            reason: Reason::Expired,
            detail: "too old resource version: 100 (140)".into(),
        };
        let end =
            SessionEnd { position: position(), reason: Reason::Timeout, detail: String::new(), deleted_frames: 12 };
        let missed = Missed {
            cluster: position().cluster,
            cluster_name: "hz-prod-02".into(),
            epoch: Epoch(1),
            comparison: Uuid::from_u128(8),
            list: ResourceVersion(150),
            from: Micros(1_795_444_810_000_000),
            until: Micros(1_795_444_825_000_000),
            states: 3,
        };
        vec![
            CoverageFact::Started(position()),
            CoverageFact::Advanced(position()),
            CoverageFact::Ended(end),
            CoverageFact::Broken(broken),
            CoverageFact::Snapshot(Snapshot { positions: vec![position()] }),
            CoverageFact::Missed(missed),
            CoverageFact::Imported(Imported { upto: 4711 }),
        ]
    }

    #[test]
    fn values_are_golden_and_read_back() {
        let text: Vec<_> = all().iter().map(|f| String::from_utf8(f.to_json()).unwrap()).collect();
        insta::assert_snapshot!(text.join("\n"));
        for fact in all() {
            assert_eq!(CoverageFact::from_json(&fact.to_json()).unwrap(), fact);
        }
    }

    #[test]
    fn a_record_says_whose_chain_it_is_of() {
        let (fact, id) = (CoverageFact::Started(position()), Uuid::from_u128(9));
        let (plain, named) = (fact.to_record(id, Micros(1)), fact.to_record_by("ingest-1", id, Micros(1)));
        assert_eq!((collector(&plain), collector(&named)), (None, Some("ingest-1")));
        assert_eq!((named.key, named.value), (plain.key, plain.value));
    }

    #[test]
    fn an_unknown_kind_stops_the_reader() {
        let error = CoverageFact::from_json(br#"{"kind":8}"#).unwrap_err();
        assert!(error.to_string().contains("upgrade"), "{error}");
        assert!(CoverageFact::from_json(b"{}").is_err());
        assert!(CoverageFact::from_json(br#"{"kind":1}"#).is_err());
    }
}
