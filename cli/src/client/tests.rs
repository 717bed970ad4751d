//! Golden answers: what people and programs see, for one moment and one width.

use serde_json::value::RawValue;

use super::{
    answer::{Event, Range},
    events::{EventTable, read},
    query::Found,
    *,
};
use crate::contexts::Target;

/// A client without a server, at a fixed moment in a fixed zone.
pub fn client(width: Option<usize>) -> Client {
    // One provider for all tests of the process; whoever comes first sets it.
    let _set_before = rustls::crypto::ring::default_provider().install_default();
    let http = Http::new(Target { url: "http://127.0.0.1:9".into(), token: None, writer: None }).unwrap();
    let zone = TimeZone::fixed(jiff::tz::offset(8));
    Client { http, look: Look { width, colour: false }, now: moment(3_600), zone }
}

/// So many seconds after a certain one.
pub fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_500_000 + second).unwrap()
}

/// An Event that happened so many seconds after it.
pub fn event(second: i64, reason: &str) -> Event {
    Event {
        id: format!("0.uid.{second}"),
        uid: "uid".into(),
        resource_version: second.to_string(),
        cluster: "hz-prod-02".into(),
        time: moment(second),
        event_type: if reason == "BackOff" { "Warning" } else { "Normal" }.into(),
        reason: reason.into(),
        message: format!("{reason}: image \"mirror.hz/recsys/ranker:4.18.2\" of a container with a long name"),
        kind: "Pod".into(),
        namespace: "recsys".into(),
        name: "recsys-ranker-6c9f7d8b5c-x2k9q".into(),
        component: "kubelet".into(),
        occurrences: 7,
        ..Event::default()
    }
}

const ITEM: &str = r#"{"id":"0.u.7","cluster":"a","uid":"u","resource_version":"7","time":"2026-11-24T06:06:10Z","type":"Warning","reason":"BackOff","message":"m\u001b[31m","kind":"Pod","namespace":"","name":"n","occurrences":2,"later":{"b":1,"a":2}}"#;

#[test]
fn tables_fit_the_terminal_and_leave_out_what_was_asked_for() {
    let events = [event(0, "Pulling"), event(61, "BackOff")];
    let shown = |width, one_cluster, one_namespace| {
        let client = client(width);
        EventTable { one_cluster, one_namespace }.table(&client, &events).text(client.look)
    };
    insta::assert_snapshot!("events_wide", shown(None, false, false));
    insta::assert_snapshot!("events_120", shown(Some(120), false, false));
    insta::assert_snapshot!("events_80_of_one_cluster_and_namespace", shown(Some(80), true, true));
}

#[test]
fn a_followed_table_keeps_its_widths() {
    let table = EventTable { one_cluster: false, one_namespace: false };
    let client = client(Some(120));
    let widths = table.tail_widths(&client, 120);
    let first = table.table(&client, &[event(0, "Pulling")]).with_widths(&widths, client.look);
    let second = table.table(&client, &[event(61, "BackOff")]).lines(&widths, client.look);
    insta::assert_snapshot!("events_follow", first + &second);
}

#[test]
fn json_keeps_every_field_and_carries_range_and_coverage() {
    let found = Found {
        items: vec![RawValue::from_string(ITEM.into()).unwrap()],
        more: true,
        range: Range { from: moment(0), to: moment(60) },
        coverage: Vec::new(),
        cold: None,
    };
    insta::assert_snapshot!("events_json", serde_json::to_string_pretty(&show::document(&found).unwrap()).unwrap());
}

#[test]
fn unknown_fields_are_left_alone_and_control_characters_are_not_shown() {
    let event = read(RawValue::from_string(ITEM.into()).unwrap()).unwrap();
    let client = client(None);
    let text = EventTable { one_cluster: false, one_namespace: false }.table(&client, &[event]).text(client.look);
    assert!(text.contains("pod/n") && !text.contains('\u{1b}'), "{text}");
}
