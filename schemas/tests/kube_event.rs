//! An Event's JSON value survives decode and rebuild, whatever it holds.
#![allow(clippy::unwrap_used, reason = "test code")]

use beidou_schemas::{
    Micros,
    kube_event::{Field, Presence, TimeFlags, decode, rebuild},
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn round_trip(value: &Value) {
    let text = serde_json::to_vec(value).unwrap();
    let state = decode(&text).unwrap();
    assert_eq!(&rebuild(&state).unwrap(), value, "shape {:x}, residual {}", state.shape.0, state.residual);
}

fn legacy() -> Value {
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

fn modern() -> Value {
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

#[test]
fn usual_events_need_no_residual() {
    for value in [legacy(), modern()] {
        round_trip(&value);
        assert_eq!(decode(&serde_json::to_vec(&value).unwrap()).unwrap().residual, "");
    }
}

#[test]
fn times_and_occurrences_follow_the_documented_order() {
    let observed = Micros::parse("2026-11-23T13:31:00Z").unwrap();
    let text = serde_json::to_vec(&modern()).unwrap();
    let state = decode(&text).unwrap();
    assert_eq!(state.time(observed), (Micros::parse("2026-11-23T13:30:00.000001Z").unwrap(), TimeFlags(0)));
    assert_eq!(state.occurrences(), 4);
    let text = serde_json::to_vec(&legacy()).unwrap();
    assert_eq!(decode(&text).unwrap().occurrences(), 17);
    let cases = [
        (json!({}), TimeFlags::NONE_GIVEN),
        (json!({"lastTimestamp": "9999-12-31T23:59:59Z"}), TimeFlags::FUTURE),
        (json!({"lastTimestamp": "1999-01-01T00:00:00Z"}), TimeFlags::PAST),
        (json!({"lastTimestamp": "noon"}), TimeFlags::NONE_GIVEN | TimeFlags::UNREADABLE),
    ];
    for (mut event, flags) in cases {
        event["metadata"] = json!({"uid": "u", "resourceVersion": "1"});
        round_trip(&event);
        let text = serde_json::to_vec(&event).unwrap();
        assert_eq!(decode(&text).unwrap().time(observed), (observed, TimeFlags(flags)), "{event}");
    }
}

#[test]
fn what_cannot_be_identified_is_refused_with_the_field() {
    let cases = [
        (json!({}), "metadata.uid is missing"),
        (json!({"metadata": {"uid": null, "resourceVersion": "1"}}), "metadata.uid is null"),
        (json!({"metadata": {"uid": "u"}}), "metadata.resourceVersion is missing"),
        (json!({"metadata": {"uid": "u", "resourceVersion": "abc"}}), "metadata.resourceVersion is of another form"),
        (json!({"metadata": []}), "metadata.uid is missing"),
        (json!([]), "not a JSON object"),
    ];
    for (value, expected) in cases {
        let error = decode(&serde_json::to_vec(&value).unwrap()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let twice = br#"{"metadata":{"uid":"u","uid":"v","resourceVersion":"1"}}"#;
    assert!(decode(twice).unwrap_err().to_string().contains("uid"));
    let twice = br#"{"metadata":{"uid":"u","resourceVersion":"1"},"x":1,"x":2}"#;
    assert!(decode(twice).unwrap_err().to_string().contains("\"x\""));
    assert!(decode(b"{\"reason\":\"\xff\"}").is_err());
}

#[test]
fn field_numbers_are_golden() {
    let fields: Vec<_> = Field::ALL.iter().map(|field| format!("{} {}", field.number(), field)).collect();
    insta::assert_snapshot!(fields.join("\n"));
    let text = serde_json::to_vec(&legacy()).unwrap();
    let state = decode(&text).unwrap();
    assert_eq!(state.shape.get(Field::EventTime), Presence::Null);
    insta::assert_snapshot!(format!("{:016x}", state.shape.0));
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

proptest! {
    #[test]
    fn any_value_in_any_field_survives(
        edits in prop::collection::vec((prop::sample::select(Field::ALL.to_vec()), prop::option::of(any_value())), 0..8),
        extra in prop::collection::btree_map("[a-z]{1,5}", any_value(), 0..3),
        at in prop::sample::select(vec!["", "/metadata", "/involvedObject", "/source"]),
    ) {
        let mut event = legacy();
        for (field, value) in edits {
            if matches!(field, Field::MetaUid | Field::MetaVersion | Field::Metadata) {
                continue;
            }
            let (parent, key) = field.name().split_once('.').map_or(("".into(), field.name()), |(p, k)| (format!("/{p}"), k));
            let Some(level) = event.pointer_mut(&parent).and_then(Value::as_object_mut) else { continue };
            match value {
                Some(value) => drop(level.insert(key.into(), value)),
                None => drop(level.remove(key)),
            }
        }
        if let Some(level) = event.pointer_mut(at).and_then(Value::as_object_mut) {
            level.extend(extra.into_iter().map(|(k, v)| (format!("x{k}"), v)));
        }
        round_trip(&event);
    }
}
