//! An Event of a dump in the form in which a watch brings it: core/v1 with kind, uid and resourceVersion, without
//! managedFields and without what the dump has added.

use beidou_schemas::{
    EventUid, Micros, ResourceVersion,
    kube_event::{DecodeError, column_uuid, decode},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    identity,
    json::{Members, Writer},
    layers::is_event,
    reader::{RejectReason, Rejected},
    time::time_of,
};

/// A state of an Event, ready for its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The cluster, where the dump names it.
    pub cluster: Option<String>,
    /// The Event.
    pub uid: EventUid,
    /// The version of this state.
    pub version: ResourceVersion,
    /// Uid or version are hashes of the content, for the dump has none.
    pub hashed: bool,
    /// The Event's JSON.
    pub json: String,
    /// The Event's time, as the table will have it.
    pub time: Micros,
    /// The time stands in the Event; else it has none, and this is that of the import.
    pub timed: bool,
    /// The Event's own cumulative count.
    pub occurrences: u32,
}

impl Imported {
    /// The Event's uid as its column has it.
    pub fn column_uid(&self) -> Uuid {
        column_uuid(&self.uid)
    }
}

/// What events.k8s.io/v1 calls the members of core/v1. The API server serves each Event under both.
const RENAMED: [(&str, &str); 7] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];
/// What dumps add to an Event.
const ADDED: [&str; 4] = ["clusterName", "orchestrator", "@timestamp", "@version"];

/// Whether it is a heartbeat of Beidou.
pub(super) fn is_heartbeat(event: &Members<'_>) -> bool {
    event.get("reason") == Some("\"BeidouHeartbeat\"")
        && [event.get("reportingComponent"), event.get("reportingController")].contains(&Some("\"beidou-ingest\""))
}

/// Makes the Event's own form; `observed` is the time of the import.
pub(super) fn normal(event: &Members<'_>, cluster: Option<String>, observed: Micros) -> Result<Imported, Rejected> {
    let refused = |detail: String| Rejected { reason: RejectReason::NotAnEvent, detail };
    match event.get("kind") {
        Some("\"Event\"") | None => {}
        Some(other) => return Err(refused(format!("the kind is {}, not Event", shown(other)))),
    }
    if !is_event(event) {
        return Err(refused("there is no involvedObject: it is no Event".into()));
    }
    let metadata = match event.get("metadata") {
        None | Some("null") => Members::default(),
        Some(raw) => serde_json::from_str(raw).map_err(|_| refused("metadata is no object".into()))?,
    };
    let (uid, version, hashed) = identity_of(event, &metadata)?;
    let json = text(event, Some((&metadata, uid.as_str(), version)));
    let state = decode(json.as_bytes()).map_err(|error| match error {
        DecodeError::Json(source) => Rejected { reason: RejectReason::NotJson, detail: source.to_string() },
        other @ (DecodeError::Field { .. } | DecodeError::Twice(_) | DecodeError::Unreadable(_)) => {
            refused(other.to_string())
        }
    })?;
    let (time, timed) = time_of(&state, &json, observed)?;
    let occurrences = state.occurrences();
    Ok(Imported { cluster, uid, version, hashed, json, time, timed, occurrences })
}

/// Its own uid and resourceVersion, or hashes in place of what is missing.
fn identity_of(event: &Members<'_>, metadata: &Members<'_>) -> Result<(EventUid, ResourceVersion, bool), Rejected> {
    let refused = |detail: String| Rejected { reason: RejectReason::Identity, detail };
    let (uid, version) = (own_uid(metadata)?, own_version(metadata)?);
    if let (Some(uid), Some(version)) = (&uid, version) {
        return Ok((uid.clone(), version, false));
    }
    let content: Value = serde_json::from_str(&text(event, None))
        .map_err(|error| Rejected { reason: RejectReason::NotJson, detail: error.to_string() })?;
    let hashed = || identity::uid(&content).to_string().parse().map_err(|error| refused(format!("{error}")));
    let uid = uid.map_or_else(hashed, Ok)?;
    Ok((uid, version.unwrap_or_else(|| ResourceVersion(identity::version(&content))), true))
}

/// Its own uid; none where it is missing, null or empty.
fn own_uid(metadata: &Members<'_>) -> Result<Option<EventUid>, Rejected> {
    let Some(raw) = given(metadata, "uid") else { return Ok(None) };
    let uid = metadata.text("uid").and_then(|uid| uid.parse::<EventUid>().ok()).filter(is_usual);
    let allowed = "a UUID in lower case with hyphens, as Kubernetes writes it";
    uid.map(Some).ok_or_else(|| malformed("uid", raw, allowed))
}

/// Whether Kubernetes writes such a uid. A column makes a UUID out of any other text, under which nobody looks for it.
fn is_usual(uid: &EventUid) -> bool {
    let column = column_uuid(uid);
    !column.is_nil() && column.to_string() == uid.as_str()
}

/// Its own resourceVersion, be it written as a text or as a number; none where it is missing, null or empty.
fn own_version(metadata: &Members<'_>) -> Result<Option<ResourceVersion>, Rejected> {
    let Some(raw) = given(metadata, "resourceVersion") else { return Ok(None) };
    let version = raw.trim_matches('"').parse::<ResourceVersion>();
    let version = version.map_err(|error| malformed("resourceVersion", raw, error.allowed))?;
    // 0 is no version of an object: dumps write it where they have none.
    Ok(Some(version).filter(|version| version.0 > 0))
}

/// A member that is there, as written.
fn given<'a>(metadata: &Members<'a>, name: &str) -> Option<&'a str> {
    metadata.get(name).filter(|raw| !matches!(*raw, "null" | "\"\""))
}

fn malformed(member: &str, raw: &str, allowed: &str) -> Rejected {
    let detail = format!("metadata.{member} is {}, allowed: {allowed}", shown(raw));
    Rejected { reason: RejectReason::Identity, detail }
}

/// The Event as text, with this identity in its metadata; without one as it came, managedFields and additions aside.
fn text(event: &Members<'_>, identity: Option<(&Members<'_>, &str, ResourceVersion)>) -> String {
    let room = event.0.iter().map(|(key, raw)| key.len() + raw.len() + 4).sum::<usize>() + 160;
    let mut out = Writer::new(room);
    out.put("kind", "\"Event\"");
    out.put("apiVersion", "\"v1\"");
    if let Some((metadata, uid, version)) = identity {
        let mut own = Writer::new(256);
        let mut rest =
            metadata.0.iter().filter(|(key, _)| !matches!(&**key, "uid" | "resourceVersion" | "managedFields"));
        rest.by_ref().for_each(|(key, raw)| own.put(key, raw));
        own.put_text("uid", uid);
        own.put_text("resourceVersion", &version.to_string());
        out.put("metadata", &own.finish());
    }
    let newer = event.get("regarding").is_some() || event.text("apiVersion").is_some_and(|v| v.starts_with("events."));
    for (key, raw) in &event.0 {
        match &**key {
            "kind" | "apiVersion" => {}
            "metadata" if identity.is_some() => {}
            key if ADDED.contains(&key) => {}
            key => out.put(renamed(key, newer), raw),
        }
    }
    out.finish()
}

fn renamed(key: &str, newer: bool) -> &str {
    RENAMED.iter().find(|(from, _)| newer && *from == key).map_or(key, |(_, to)| to)
}

/// How a value begins.
pub(super) fn shown(raw: &str) -> String {
    raw.chars().take(60).collect()
}
