//! Events of both API forms, usual and odd: what a round trip must bring back. Other rooms' tests take this file in as well.

#![allow(dead_code, missing_docs, clippy::unwrap_used, reason = "test code, of which each binary uses its part")]

use beidou_schemas::kube_event::Field;
use proptest::prelude::*;
use serde_json::{Value, json};

pub fn legacy() -> Value {
    json!({
        "kind": "Event", "apiVersion": "v1",
        "metadata": {
            "name": "recsys-ranker-7d9f8b5c-x2k9q.1866a1b2c3d4e5f6", "namespace": "recsys",
            "uid": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "resourceVersion": "4711",
            "creationTimestamp": "2026-11-23T13:00:00Z"
        },
        "involvedObject": {
            "kind": "Pod", "namespace": "recsys", "name": "recsys-ranker-7d9f8b5c-x2k9q",
            "uid": "0f8fad5b-d9cb-469f-a165-70867728950e", "apiVersion": "v1", "resourceVersion": "4700",
            "fieldPath": "spec.containers{ranker}"
        },
        "reason": "BackOff", "message": "Back-off pulling image \"registry-mirror/ranker:2.9\"",
        "source": {"component": "kubelet", "host": "hz02-gpu-017"},
        "firstTimestamp": "2026-11-23T12:00:00Z", "lastTimestamp": "2026-11-23T13:00:00Z", "count": 17,
        "type": "Warning", "eventTime": null, "reportingComponent": "kubelet", "reportingInstance": "hz02-gpu-017"
    })
}

pub fn modern() -> Value {
    json!({
        "kind": "Event", "apiVersion": "v1",
        "metadata": {"name": "a.1", "namespace": "default", "uid": "7c9e6679-7425-40de-944b-e07fc1f90ae8",
            "resourceVersion": "9", "creationTimestamp": "2026-11-23T13:00:00Z"},
        "involvedObject": {"kind": "Node", "name": "hz02-gpu-017"},
        "reason": "Scheduled", "message": "m", "source": {},
        "firstTimestamp": null, "lastTimestamp": null, "type": "Normal",
        "eventTime": "2026-11-23T13:00:00.123456Z",
        "series": {"count": 4, "lastObservedTime": "2026-11-23T13:30:00.000001Z"},
        "action": "Binding", "reportingComponent": "default-scheduler", "reportingInstance": "s-0"
    })
}

/// Events that were met, or could be: each has an oddity of its own.
pub fn corpus() -> Vec<Value> {
    let change = |base: Value, at: &str, key: &str, value: Value| {
        let mut event = base;
        event.pointer_mut(at).unwrap().as_object_mut().unwrap().insert(key.into(), value);
        event
    };
    vec![
        legacy(),
        modern(),
        change(legacy(), "", "message", json!("x".repeat(76 << 10))),
        change(legacy(), "", "message", json!("\u{FEFF}\u{0}\u{1F600} 漢字 \\ \"quoted\"\r\n\t")),
        change(legacy(), "", "message", json!("")),
        change(legacy(), "", "reason", Value::Null),
        change(legacy(), "", "unknownField", json!({"deep": [1, 2.5, null, {"x": "y"}]})),
        change(legacy(), "/metadata", "annotations", json!({"a/b": "c", "é": "\u{1F600}"})),
        change(legacy(), "/metadata", "uid", json!("not-a-uuid")),
        change(legacy(), "/metadata", "resourceVersion", json!("18446744073709551615")),
        change(legacy(), "/involvedObject", "uid", json!("hz02-gpu-017")),
        change(legacy(), "/involvedObject", "resourceVersion", json!("")),
        change(legacy(), "", "involvedObject", Value::Null),
        change(legacy(), "", "source", json!([])),
        change(legacy(), "", "count", json!(-1)),
        change(legacy(), "", "count", json!(4_294_967_296_u64)),
        change(legacy(), "", "lastTimestamp", json!("9999-12-31T23:59:59Z")),
        change(legacy(), "", "firstTimestamp", json!("1815-12-10T00:00:00Z")),
        change(legacy(), "", "lastTimestamp", json!("2026-11-23T13:00:00.123456789+01:00")),
        change(modern(), "", "series", Value::Null),
        change(modern(), "/series", "lastObservedTime", Value::Null),
        change(modern(), "", "related", json!({"kind": "Pod", "name": "other"})),
    ]
}

/// Any JSON value, shallow.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("2026-11-23T13:00:00Z")),
        Just(json!("2026-11-23T13:00:00.123456Z")),
        Just(json!("2026-11-23T13:00:00.123456789Z")),
        Just(json!("0001-01-01T00:00:00Z")),
        Just(json!("0F8FAD5B-d9cb-469f-a165-70867728950e")),
        Just(json!("0042")),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z\"\\\\.é]{1,6}", inner, 0..4).prop_map(|m| json!(m)),
        ]
    })
}

/// A usual Event with any values in any places.
pub fn event() -> impl Strategy<Value = Value> {
    let edits = prop::collection::vec((prop::sample::select(Field::ALL.to_vec()), prop::option::of(any_value())), 0..8);
    let extra = prop::collection::btree_map("[a-z]{1,5}", any_value(), 0..3);
    let at = prop::sample::select(vec!["", "/metadata", "/involvedObject", "/source"]);
    (edits, extra, at).prop_map(|(edits, extra, at)| {
        let mut event = legacy();
        for (field, value) in edits {
            if matches!(field, Field::MetaUid | Field::MetaVersion | Field::Metadata) {
                continue;
            }
            let (parent, key) =
                field.name().split_once('.').map_or(("".into(), field.name()), |(p, k)| (format!("/{p}"), k));
            let Some(level) = event.pointer_mut(&parent).and_then(Value::as_object_mut) else { continue };
            match value {
                Some(value) => drop(level.insert(key.into(), value)),
                None => drop(level.remove(key)),
            }
        }
        if let Some(level) = event.pointer_mut(at).and_then(Value::as_object_mut) {
            level.extend(extra.into_iter().map(|(k, v)| (format!("x{k}"), v)));
        }
        event
    })
}
