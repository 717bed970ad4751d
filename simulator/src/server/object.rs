//! Events that came as JSON from outside: names, merge, rendering.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::shared::{Shared, State};
use crate::fleet::random_uid;
use crate::generate::record::TYPE_META;
use crate::generate::stamp;
use crate::storage::Change;

/// `namespace/name` of an Event, if it has both.
pub(super) fn key_of(event: &Map<String, Value>) -> Option<String> {
    let metadata = event.get("metadata")?;
    Some(format!("{}/{}", metadata.get("namespace")?.as_str()?, metadata.get("name")?.as_str()?))
}

/// Occurrences that an Event stands for.
pub(super) fn count_of(event: &Map<String, Value>) -> u64 {
    let series = event.get("series").and_then(|series| series.get("count"));
    series.or_else(|| event.get("count")).and_then(Value::as_u64).unwrap_or(1)
}

/// Commits an Event; uid and creationTimestamp are the stored ones, or new. Nothing happens without a name.
pub(crate) fn commit(shared: &Shared, state: &mut State, mut event: Map<String, Value>) -> Option<Change> {
    let key = key_of(&event)?;
    let (uid, created) = match state.storage.get(&key) {
        Some(stored) => (stored.uid, created_of(&stored.json)),
        None => (random_uid(&mut state.random), Value::String(now_text(shared))),
    };
    let metadata = event.get_mut("metadata")?.as_object_mut()?;
    metadata.insert("uid".to_owned(), json!(uid));
    metadata.insert("creationTimestamp".to_owned(), created);
    let count = count_of(&event);
    Some(shared.commit(state, &key, uid, count, |resource_version| render(event, resource_version)))
}

/// The JSON with type and metadata in front, as a real server writes it.
fn render(mut event: Map<String, Value>, resource_version: u64) -> Bytes {
    event.remove("kind");
    event.remove("apiVersion");
    let mut metadata = event.remove("metadata").unwrap_or_else(|| json!({}));
    metadata["resourceVersion"] = Value::String(resource_version.to_string());
    let mut out = TYPE_META.to_vec();
    out.extend_from_slice(b"\"metadata\":");
    out.extend_from_slice(metadata.to_string().as_bytes());
    for (name, value) in &event {
        out.push(b',');
        stamp::string(&mut out, name);
        out.push(b':');
        out.extend_from_slice(value.to_string().as_bytes());
    }
    out.push(b'}');
    out.into()
}

fn created_of(json: &Bytes) -> Value {
    let stored: Value = serde_json::from_slice(json).unwrap_or_default();
    stored.pointer("/metadata/creationTimestamp").cloned().unwrap_or_default()
}

pub(super) fn now_text(shared: &Shared) -> String {
    let mut text = Vec::new();
    stamp::seconds(&mut text, shared.clock.now_us());
    String::from_utf8_lossy(&text).into_owned()
}

/// Applies a JSON merge patch (RFC 7386).
pub(super) fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Some(target) = target.as_object_mut() else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(&name);
        } else {
            merge(target.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// Why a real server would refuse this Event in this namespace, in its words.
pub(super) fn invalid(event: &Map<String, Value>, namespace: &str) -> Option<String> {
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    let about = event.get("involvedObject").and_then(|object| object.get("namespace")).and_then(Value::as_str);
    let about = about.unwrap_or_default();
    if about != namespace && !(about.is_empty() && namespace == "default") {
        return Some(format!("involvedObject.namespace: Invalid value: \"{about}\": does not match event.namespace"));
    }
    if event.get("eventTime").is_none_or(Value::is_null) {
        return None;
    }
    for (name, longest) in [("reportingComponent", 253), ("reportingInstance", 128), ("action", 128), ("reason", 128)] {
        if text(name).is_empty() {
            return Some(format!("{name}: Required value"));
        }
        if text(name).len() > longest {
            return Some(format!("{name}: Too long: may not be more than {longest} bytes"));
        }
    }
    if text("message").len() > 1024 {
        return Some("message: Too long: may not be more than 1024 bytes".to_owned());
    }
    None
}

/// Uid of a request's object, if it names one.
pub(super) fn uid_of(event: &Map<String, Value>) -> Option<Uuid> {
    event.get("metadata")?.get("uid")?.as_str()?.parse().ok()
}
