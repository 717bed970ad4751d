//! Answers of query-api, as far as they are shown. Unknown fields are left alone: a newer server has more.

use jiff::Timestamp;
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
    /// What is not complete.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// So many earlier parts are left out.
    #[serde(default)]
    pub more_parts: usize,
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
