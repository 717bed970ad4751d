//! What is around an Event in a dump: the frame of a watch, the document of an index, the record of a router.

use super::{
    json::Members,
    reader::{RejectReason, Rejected},
};
use serde::{Deserialize, Serialize};

/// What a dump is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Any of the others, told by each item itself.
    #[default]
    Auto,
    /// Watch frames: `{"type":"ADDED","object":{…}}`.
    Watch,
    /// Events: a list of `kubectl get events -o json`, or one on each line.
    Events,
    /// Lines of kubernetes-event-exporter.
    Exporter,
    /// Documents of Elasticsearch or OpenSearch, as `{"_source":{…}}`: of elasticdump, or the answer of a search.
    Elasticsearch,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Watch, Self::Events, Self::Exporter, Self::Elasticsearch];

    /// As it is written in flags and parameters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Watch => "watch",
            Self::Events => "events",
            Self::Exporter => "exporter",
            Self::Elasticsearch => "elasticsearch",
        }
    }
}

/// What is counted and not imported, as a watch does not store it either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// The Event ended.
    Deleted,
    /// A bookmark, or an error that ended a recorded watch.
    Bookmark,
    /// A heartbeat of Beidou: proof, not history.
    Heartbeat,
}

/// What is within the layers.
#[derive(Debug)]
pub(super) enum Inner<'a> {
    Event {
        /// The Event's members.
        event: Members<'a>,
        /// The cluster, where the dump names it.
        cluster: Option<String>,
    },
    Passed(Passed),
}

/// Takes the layers off. The item must be of the format that is asked for.
pub(super) fn peel<'a>(item: Members<'a>, wanted: Format) -> Result<Inner<'a>, Rejected> {
    let (format, inner) = within(item)?;
    if wanted == Format::Auto || wanted == format {
        return Ok(inner);
    }
    let detail = format!("an item of the format {}, expected {}", format.name(), wanted.name());
    Err(Rejected { reason: RejectReason::OtherFormat, detail })
}

fn within(item: Members<'_>) -> Result<(Format, Inner<'_>), Rejected> {
    if let Some(source) = item.object("_source") {
        let (_, inner) = record(source)?;
        return Ok((Format::Elasticsearch, inner));
    }
    record(item)
}

/// A frame, a router's record, an exporter's line, or an Event by itself.
fn record(item: Members<'_>) -> Result<(Format, Inner<'_>), Rejected> {
    if let (Some(kind), Some(object)) = (item.text("type"), item.raw_object("object")) {
        return Ok((Format::Watch, frame(&kind, object)?));
    }
    // eventrouter: {"verb":"ADDED","event":{…},"old_event":{…}}
    if let Some(event) = item.object("event").filter(is_event) {
        let cluster = cluster(&item);
        return Ok((Format::Events, Inner::Event { event, cluster }));
    }
    let cluster = cluster(&item);
    let format = if item.get("clusterName").is_some() { Format::Exporter } else { Format::Events };
    Ok((format, Inner::Event { event: item, cluster }))
}

fn frame<'a>(kind: &str, object: &'a str) -> Result<Inner<'a>, Rejected> {
    match kind {
        "ADDED" | "MODIFIED" => {
            let event = serde_json::from_str(object)
                .map_err(|error| Rejected { reason: RejectReason::NotJson, detail: error.to_string() })?;
            Ok(Inner::Event { event, cluster: None })
        }
        "DELETED" => Ok(Inner::Passed(Passed::Deleted)),
        "BOOKMARK" | "ERROR" => Ok(Inner::Passed(Passed::Bookmark)),
        other => {
            let other: String = other.chars().take(40).collect();
            let detail = format!("a watch has no frames of the type {other:?}");
            Err(Rejected { reason: RejectReason::NotAnEvent, detail })
        }
    }
}

/// Whether an object looks like an Event of either API.
pub(super) fn is_event(members: &Members<'_>) -> bool {
    members.raw_object("involvedObject").is_some() || members.raw_object("regarding").is_some()
}

/// What a dump calls its cluster: kubernetes-event-exporter's name for it, or that of the Elastic Common Schema.
fn cluster(item: &Members<'_>) -> Option<String> {
    item.text("clusterName").or_else(|| item.object("orchestrator")?.object("cluster")?.text("name"))
}
