//! An Event's JSON value survives decode and rebuild, whatever it holds.
#![allow(clippy::unwrap_used, reason = "test code")]

mod odd;

use beidou_schemas::{
    Micros,
    kube_event::{Field, Presence, TimeFlags, decode, rebuild},
};
use odd::{legacy, modern};
use proptest::prelude::*;
use serde_json::{Value, json};

fn round_trip(value: &Value) {
    let text = serde_json::to_vec(value).unwrap();
    let state = decode(&text).unwrap();
    assert_eq!(&rebuild(&state).unwrap(), value, "shape {:x}, residual {}", state.shape.0, state.residual);
}

#[test]
fn usual_events_need_no_residual() {
    for value in [legacy(), modern()] {
        round_trip(&value);
        assert_eq!(decode(&serde_json::to_vec(&value).unwrap()).unwrap().residual, "");
    }
}

#[test]
fn odd_events_survive() {
    odd::corpus().iter().for_each(round_trip);
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

/// JSON has no bounds, its readers have: such a row could never be shown again.
#[test]
fn what_nobody_can_read_back_is_refused() {
    for value in ["1e999".to_owned(), format!("{}{}", "[".repeat(200), "]".repeat(200))] {
        for json in [
            format!(r#"{{"metadata":{{"uid":"u","resourceVersion":"7"}},"x":{value}}}"#),
            format!(r#"{{"metadata":{{"uid":"u","resourceVersion":"7","x":[{value}]}}}}"#),
            format!(r#"{{"metadata":{{"uid":"u","resourceVersion":"7"}},"message":{value}}}"#),
        ] {
            let error = decode(json.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("read back"), "{error}");
        }
    }
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

proptest! {
    #[test]
    fn any_value_in_any_field_survives(event in odd::event()) {
        round_trip(&event);
    }
}
