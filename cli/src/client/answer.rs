//! Answers of query-api, as far as they are shown. Unknown fields are left alone: a newer server has more.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A page of a list. Items stay as they came; those who show them read them.
#[derive(Debug, Deserialize)]
pub struct List {
    /// The rows.
    pub items: Vec<Box<RawValue>>,
    /// The cursor of the next page.
    #[serde(default)]
    pub next: Option<String>,
    /// The effective range.
    pub range: Range,
    /// How completely it is known.
    #[serde(default)]
    pub coverage: Vec<ClusterCoverage>,
    /// What was read of the archive.
    #[serde(default)]
    pub cold: Option<ColdRead>,
}

/// What was read of the archive for an answer whose range begins before what the tables hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColdRead {
    /// Files that can hold rows of the range.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl ColdRead {
    /// With what another page read: a file on the edge of two pages counts for both.
    pub fn and(self, other: Self) -> Self {
        Self { files: self.files + other.files, rows: self.rows + other.rows, bytes: self.bytes + other.bytes }
    }

    /// A line below a table.
    pub fn line(self) -> String {
        let (files, bytes) = (if self.files == 1 { "file" } else { "files" }, self.bytes.div_ceil(1_000_000));
        format!("older than the tables: read from {} {files} of the archive, {bytes} MB", self.files)
    }
}

/// A range of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// First moment.
    pub from: Timestamp,
    /// First moment behind it.
    pub to: Timestamp,
}

/// How completely a range is known for one cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClusterCoverage {
    /// The cluster's name.
    pub cluster: String,
    /// The cluster's uid.
    pub cluster_uid: String,
    /// Share that is complete, 0 to 1.
    pub share: f64,
    /// Whether all is.
    pub complete: bool,
    /// The last moment that a watch proved.
    #[serde(default)]
    pub proven_until: Option<Timestamp>,
    /// Everything proven until this moment can be found.
    pub projected_until: Timestamp,
    /// The earlier of the two: how fresh the answer is.
    #[serde(default)]
    pub known_until: Option<Timestamp>,
    /// What is not complete.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// So many earlier parts are left out.
    #[serde(default)]
    pub more_parts: usize,
}

/// The newest stretch of a living watch is always unproven, up to a heartbeat (30 s) and what projecting takes. Longer
/// than three heartbeats, and the cluster is behind.
pub const FRESH: SignedDuration = SignedDuration::from_secs(90);

impl ClusterCoverage {
    /// The cluster was never watched, and is known by imports alone. That is no gap: nobody ever claimed to have it all.
    pub fn imported_only(&self) -> bool {
        !self.parts.is_empty() && self.parts.iter().all(|part| part.reason == "imported_only")
    }

    /// The parts that are missing, without what is only too new to be known.
    pub fn missing(&self, range: Range) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(move |part| !part.is_too_new(range))
    }

    /// The share that is complete of what is old enough to be known: 1 where nothing is missing.
    pub fn settled_share(&self, range: Range) -> f64 {
        let too_new = self.parts.iter().filter(|part| part.is_too_new(range));
        let unknown: f64 = too_new.map(|part| part.to.duration_since(part.from).as_secs_f64()).sum();
        let old_enough = range.to.duration_since(range.from).as_secs_f64() - unknown;
        match self.more_parts == 0 && self.missing(range).next().is_none() {
            true => 1.0,
            false if old_enough > 0.0 => self.share * (old_enough + unknown) / old_enough,
            false => self.share,
        }
    }
}

impl Part {
    fn is_too_new(&self, range: Range) -> bool {
        let waits = matches!(self.reason.as_str(), "not_yet_proven" | "not_yet_projected");
        waits && range.to.duration_since(self.from) <= FRESH
    }
}

/// A part of a range that is not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// `degraded`, `gap`, `unknown`.
    pub state: String,
    /// Why.
    pub reason: String,
    /// First moment.
    pub from: Timestamp,
    /// First moment behind it.
    pub to: Timestamp,
}

/// A state of an Event.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Event {
    /// Unique within the cluster.
    pub id: String,
    /// The cluster's name.
    pub cluster: String,
    /// `metadata.uid` of the Event.
    pub uid: String,
    /// `metadata.resourceVersion` of the Event: orders states of one moment.
    pub resource_version: String,
    /// When it happened.
    pub time: Timestamp,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Machine-readable reason.
    pub reason: String,
    /// For people.
    pub message: String,
    /// Of the involved object.
    pub kind: String,
    /// Empty for a cluster-scoped object.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `source.component`.
    pub component: String,
    /// `reportingComponent`.
    pub reporting_component: String,
    /// How often so far.
    pub occurrences: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_is_too_new_counts_neither_way() {
        let range = Range { from: at(0), to: at(1_060) };
        let part =
            |reason: &str, from, to| Part { state: "x".into(), reason: reason.into(), from: at(from), to: at(to) };
        let of = |share, parts: Vec<Part>, more_parts| {
            let cluster = ClusterCoverage {
                cluster: "a".into(),
                cluster_uid: "u".into(),
                share,
                complete: false,
                proven_until: None,
                projected_until: at(1_000),
                known_until: None,
                parts,
                more_parts,
            };
            (cluster.missing(range).count(), (cluster.settled_share(range) * 1e9).round() / 1e9)
        };
        let fresh = || part("not_yet_proven", 1_000, 1_060);
        assert_eq!(of(1_000.0 / 1_060.0, vec![fresh()], 0), (0, 1.0));
        assert_eq!(of(500.0 / 1_060.0, vec![part("cut", 0, 500), fresh()], 0), (1, 0.5));
        assert_eq!(of(0.5, vec![part("not_yet_proven", 530, 1_060)], 0), (1, 0.5), "a watch that is behind");
        assert!(of(0.5, vec![], 3).1 < 1.0, "parts that are left out are missing");
        assert_eq!(of(0.0, vec![part("not_watched", 0, 1_000), part("not_yet_proven", 1_000, 1_060)], 0).1, 0.0);
    }
}
