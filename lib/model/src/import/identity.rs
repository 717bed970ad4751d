//! Who an Event is where a dump does not say: hashes of its content.
//!
//! - The uid is made of what stays the same over the states of one Event: its namespace, name and creation where it has a
//!   name, else what it is about and who said it when first. So the counts of its states are those of one Event.
//! - The resourceVersion is made of all that the item says: the same state in two dumps is one state.
//!
//! Both are deterministic and independent of the order of keys. They are stored, so they must never change.

use std::fmt::Write;

use serde_json::Value;
use uuid::Uuid;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// What names an Event object.
const NAME: [&str; 3] = ["/metadata/namespace", "/metadata/name", "/metadata/creationTimestamp"];
/// What names it where it has no name.
const ABOUT: [&str; 12] = [
    "/involvedObject/kind",
    "/involvedObject/namespace",
    "/involvedObject/name",
    "/involvedObject/uid",
    "/type",
    "/reason",
    "/message",
    "/source",
    "/reportingComponent",
    "/reportingInstance",
    "/firstTimestamp",
    "/eventTime",
];

/// A uid for an Event that has none: a UUID of version 8 (RFC 9562).
pub(super) fn uid(event: &Value) -> Uuid {
    let named = event.pointer("/metadata/name").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
    let fields: &[&str] = if named { &NAME } else { &ABOUT };
    let mut text = String::from("beidou import uid 1\n");
    for field in fields {
        canonical(event.pointer(field).unwrap_or(&Value::Null), &mut text);
        text.push('\n');
    }
    uuid::Builder::from_custom_bytes(xxh3_128(text.as_bytes()).to_be_bytes()).into_uuid()
}

/// A resourceVersion for a state that has none.
pub(super) fn version(event: &Value) -> u64 {
    let mut text = String::from("beidou import version 1\n");
    canonical(event, &mut text);
    xxh3_64(text.as_bytes()).max(1)
}

/// The uid of a cluster that is known by the name in a dump alone.
pub fn cluster_uid(name: &str) -> Uuid {
    let text = format!("beidou import cluster 1\n{name}");
    uuid::Builder::from_custom_bytes(xxh3_128(text.as_bytes()).to_be_bytes()).into_uuid()
}

/// One text for a JSON value, whatever the order of its keys.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            write!(out, "{value}").expect("a text takes all");
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (key, value) in members {
                canonical(&Value::String(key.clone()), out);
                out.push(':');
                canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn they_never_change() {
        let event = json!({"metadata": {"name": "web-0.17a", "namespace": "shop"}, "count": 3, "message": "é"});
        let found = [uid(&event).to_string(), version(&event).to_string(), cluster_uid("hz-prod-02").to_string()];
        assert_eq!(
            found,
            ["1c1d2dfb-532f-815f-ab7f-5b52c972e4d3", "11525110532256484176", "9c165780-b0c7-8641-b49a-f26c470e0669"]
        );
    }

    #[test]
    fn states_of_one_event_share_its_uid_and_nothing_else() {
        let state = |count: u32| json!({"metadata": {"name": "a"}, "count": count});
        assert_eq!(uid(&state(1)), uid(&state(2)));
        assert_ne!(version(&state(1)), version(&state(2)));
        let nameless =
            |count: u32, reason: &str| json!({"involvedObject": {"name": "a"}, "reason": reason, "count": count});
        assert_eq!(uid(&nameless(1, "x")), uid(&nameless(2, "x")));
        assert_ne!(uid(&nameless(1, "x")), uid(&nameless(1, "y")));
        assert_ne!(
            uid(&json!({"metadata": {"name": "a", "namespace": "b"}})),
            uid(&json!({"metadata": {"name": "b", "namespace": "a"}}))
        );
    }
}
