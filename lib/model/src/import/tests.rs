//! Dumps of each format against what must come out of them, and what no dump may change.

use std::{fmt::Write, fs, path::PathBuf};

use beidou_schemas::{Micros, kube_event};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// 2026-11-24.
const OBSERVED: Micros = Micros(1_795_478_400_000_000);
const UID: &str = "7c9e6679-7425-40de-944b-e07fc1f90a00";

fn read(text: &[u8], format: Format, chunk: usize) -> Vec<Entry> {
    let mut reader = Reader::new(format, OBSERVED);
    let mut entries: Vec<_> = text.chunks(chunk).flat_map(|chunk| reader.push(chunk)).collect();
    entries.extend(reader.finish());
    entries
}

fn told(entries: &[Entry]) -> String {
    let mut text = String::new();
    for Entry { line, found } in entries {
        match found {
            Found::Event(event) => {
                let Imported { cluster, uid, version, hashed, json, time, timed, occurrences } = &**event;
                let (cluster, identity) = (cluster.as_deref().unwrap_or("-"), if *hashed { "hashed" } else { "own" });
                let timed = if *timed { "its own" } else { "the import's" };
                writeln!(text, "{line}: {uid} {version} {identity}, cluster {cluster}, {time} {timed}, {occurrences}")
                    .unwrap();
                writeln!(text, "    {json}").unwrap();
            }
            Found::Passed(passed) => writeln!(text, "{line}: passed {passed:?}").unwrap(),
            Found::Rejected(Reject { reason, detail, excerpt }) => {
                writeln!(text, "{line}: {reason:?}, {detail}\n    {excerpt}").unwrap();
            }
        }
    }
    text
}

/// `UPDATE_GOLDEN=1` writes what must come out.
#[test]
fn dumps_are_golden_however_they_are_cut() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden/import"));
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut dumps: Vec<_> = files.filter(|path| path.extension().is_some_and(|ext| ext != "expected")).collect();
    dumps.sort();
    assert_eq!(dumps.len(), 8);
    for dump in dumps {
        let text = fs::read(&dump).unwrap();
        let found = told(&read(&text, Format::Auto, usize::MAX));
        let golden = dump.with_extension("expected");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        assert_eq!(found, fs::read_to_string(&golden).unwrap_or_default(), "{}", dump.display());
        assert_eq!(found, told(&read(&text, Format::Auto, 7)), "{}", dump.display());
    }
}

#[test]
fn a_large_item_is_taken_whole() {
    let message = "x".repeat(6 << 20);
    let event = json!({"metadata": {"uid": UID, "resourceVersion": "1"}, "involvedObject": {}, "message": message});
    let entries = read(json!({"items": [event]}).to_string().as_bytes(), Format::Events, 64 << 10);
    let [Entry { line: 1, found: Found::Event(event) }] = &entries[..] else { panic!("{} entries", entries.len()) };
    assert!(event.json.len() > 6 << 20);
}

#[test]
fn utf_16_is_named_and_a_mark_of_utf_8_is_none_of_the_items() {
    let list = json!({"items": [{"metadata": {"uid": UID, "resourceVersion": "1"}, "involvedObject": {}}]});
    let text = format!("\u{feff}{}", serde_json::to_string_pretty(&list).unwrap());
    for turned in [u16::to_le_bytes, u16::to_be_bytes] {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(turned).collect();
        let entries = read(&bytes, Format::Auto, 7);
        let Found::Rejected(first) = &entries[0].found else { panic!("{entries:?}") };
        assert!(first.reason == RejectReason::NotJson && first.detail.contains("UTF-16"), "{first:?}");
    }
    let [Entry { found: Found::Event(_), .. }] = &read(text.as_bytes(), Format::Auto, 2)[..] else {
        panic!("one Event")
    };
}

#[test]
fn another_format_than_asked_for_is_refused() {
    let event = json!({"metadata": {"uid": UID, "resourceVersion": "1"}, "involvedObject": {}});
    let all = [
        (Format::Events, event.clone()),
        (Format::Watch, json!({"type": "ADDED", "object": event})),
        (Format::Exporter, json!({"clusterName": "c", "metadata": event["metadata"], "involvedObject": {}})),
        (Format::Elasticsearch, json!({"_source": event})),
    ];
    for (format, item) in &all {
        for wanted in Format::ALL {
            let [entry] = &read(item.to_string().as_bytes(), wanted, 99)[..] else { panic!("one item") };
            let good = wanted == Format::Auto || wanted == *format;
            assert_eq!(matches!(entry.found, Found::Event(_)), good, "{format:?} read as {wanted:?}: {entry:?}");
        }
    }
}

/// Both forms in which an API server serves one Event become one state.
#[test]
fn the_newer_api_form_is_the_same_event() {
    let metadata = json!({"uid": UID, "resourceVersion": "7", "name": "a"});
    let old = json!({"kind": "Event", "apiVersion": "v1", "metadata": metadata, "involvedObject": {"name": "web-0"},
        "message": "m", "count": 2, "firstTimestamp": "2026-11-20T06:00:00Z", "lastTimestamp": null,
        "source": {"component": "c"}, "reportingComponent": "r"});
    let new = json!({"kind": "Event", "apiVersion": "events.k8s.io/v1", "metadata": metadata,
        "regarding": {"name": "web-0"}, "note": "m", "deprecatedCount": 2, "deprecatedFirstTimestamp":
        "2026-11-20T06:00:00Z", "deprecatedLastTimestamp": null, "deprecatedSource": {"component": "c"}, "reportingController": "r"});
    let value = |event: &Value| match &read(event.to_string().as_bytes(), Format::Auto, 50)[0].found {
        Found::Event(event) => serde_json::from_str::<Value>(&event.json).unwrap(),
        other => panic!("{other:?}"),
    };
    assert_eq!(value(&old), value(&new));
    assert_eq!(value(&old), old, "and it is what a watch brings");
}

/// What becomes of one Event: the state, or the reject's reason and words.
fn one(event: &Value) -> Result<Imported, (RejectReason, String)> {
    let mut entries = read(event.to_string().as_bytes(), Format::Auto, 99);
    assert_eq!(entries.len(), 1, "{event}");
    match entries.remove(0).found {
        Found::Event(event) => Ok(*event),
        Found::Rejected(Reject { reason, detail, .. }) => Err((reason, detail)),
        Found::Passed(passed) => panic!("{passed:?}"),
    }
}

#[test]
fn an_identity_is_what_kubernetes_writes_or_none_at_all() {
    let of = |uid: Value, version: Value| {
        one(&json!({"metadata": {"name": "a", "uid": uid, "resourceVersion": version}, "involvedObject": {}}))
    };
    let own = of(UID.into(), "7".into()).unwrap();
    assert_eq!((own.uid.as_str(), own.version.0, own.hashed), (UID, 7, false));
    assert_eq!(of(UID.into(), 7.into()).unwrap().version.0, 7, "a number will do");
    let nothing = of(Value::Null, Value::Null).unwrap();
    assert!(nothing.hashed);
    for (uid, version) in [("", ""), ("", "0")] {
        let found = of(uid.into(), version.into()).unwrap();
        assert!(found.hashed && found.uid == nothing.uid, "{uid:?} {version:?}");
    }
    let upper = UID.to_uppercase();
    let plain = UID.replace('-', "");
    for bad in ["u", "a b", " ", &upper, &plain, "00000000-0000-0000-0000-000000000000"] {
        let (reason, detail) = of(bad.into(), "7".into()).unwrap_err();
        let words = format!("metadata.uid is {bad:?}, allowed: a UUID");
        assert!(reason == RejectReason::Identity && detail.starts_with(&words), "{detail}");
    }
    for bad in [json!(5), json!(true), json!({}), json!([UID])] {
        assert_eq!(of(bad.clone(), "7".into()).unwrap_err().0, RejectReason::Identity, "{bad}");
    }
    for bad in [json!("0x7"), json!("007"), json!(-1), json!(1.5), json!({}), json!("18446744073709551616")] {
        let (reason, detail) = of(UID.into(), bad.clone()).unwrap_err();
        let words = format!("metadata.resourceVersion is {bad}, allowed: a decimal number");
        assert!(reason == RejectReason::Identity && detail.starts_with(&words), "{detail}");
    }
}

#[test]
fn an_impossible_time_is_a_reject_and_none_is_that_of_the_import() {
    let event = |times: Value| {
        let mut event = json!({"metadata": {"uid": UID, "resourceVersion": "1"}, "involvedObject": {}});
        event["metadata"]["creationTimestamp"] = times["creation"].clone();
        event["series"] = json!({"lastObservedTime": times["series"]});
        for field in ["lastTimestamp", "eventTime", "firstTimestamp"] {
            event[field] = times[field].clone();
        }
        event
    };
    let (good, never) = ("2026-11-20T06:00:00Z", "0001-01-01T00:00:00Z");
    for (times, timed) in [
        (json!({"lastTimestamp": good}), true),
        (json!({"lastTimestamp": "2026-11-20T07:00:00+01:00"}), true),
        (json!({"creation": good, "lastTimestamp": "", "eventTime": never}), true),
        (json!({"series": good, "lastTimestamp": "yesterday", "creation": "2099-01-01T00:00:00Z"}), true),
        (json!({}), false),
        (json!({"lastTimestamp": never, "creation": ""}), false),
    ] {
        let found = one(&event(times.clone())).unwrap();
        let expected = if timed { Micros::parse(good).unwrap() } else { OBSERVED };
        assert_eq!((found.time, found.timed), (expected, timed), "{times}");
    }
    for at in ["2016-11-23T00:00:00Z", "2026-11-24T00:15:00Z"] {
        assert_eq!(one(&event(json!({"eventTime": at}))).unwrap().time, Micros::parse(at).unwrap());
    }
    for (field, place, bad) in [
        ("series", "series.lastObservedTime", json!("9999-12-31T23:59:59Z")),
        ("lastTimestamp", "lastTimestamp", json!("yesterday")),
        ("lastTimestamp", "lastTimestamp", json!(1_795_478_400)),
        ("lastTimestamp", "lastTimestamp", json!("2026-11-24T00:15:01Z")),
        ("eventTime", "eventTime", json!("1999-12-31T23:59:59Z")),
        ("eventTime", "eventTime", json!("1969-07-20T20:17:00Z")),
        ("firstTimestamp", "firstTimestamp", json!("2016-11-22T23:59:59Z")),
        ("creation", "metadata.creationTimestamp", json!("2026-02-30T00:00:00Z")),
    ] {
        let (reason, detail) = one(&event(json!({field: bad.clone()}))).unwrap_err();
        let words = format!("{place} is {bad}, allowed: an RFC 3339 time from 2016-11-23");
        assert!(reason == RejectReason::Time && detail.starts_with(&words), "{detail}");
    }
    let behind = json!({"lastTimestamp": "yesterday", "creation": good});
    assert_eq!(one(&event(behind)).unwrap_err().0, RejectReason::Time, "another time does not stand in for it");
}

fn any_event() -> impl Strategy<Value = Value> {
    let text = || prop_oneof![Just(Value::Null), "[a-c]{0,2}".prop_map(Value::from)];
    let metadata = prop::collection::btree_map("name|uid|resourceVersion|x", text(), 0..4);
    let event = prop::collection::btree_map("message|reason|count|kind|note|lastTimestamp|zz", text(), 0..5);
    (metadata, event).prop_map(|(metadata, event)| {
        let mut event: Value = event.into_iter().collect::<serde_json::Map<_, _>>().into();
        event["involvedObject"] = json!({"name": "web-0"});
        event["metadata"] = metadata.into_iter().collect::<serde_json::Map<_, _>>().into();
        // Other texts are refused.
        for (place, good) in [("/metadata/uid", UID), ("/lastTimestamp", "2026-11-20T06:00:00Z")] {
            if let Some(value) = event.pointer_mut(place).filter(|value| value.as_str().is_some_and(|t| !t.is_empty()))
            {
                *value = good.into();
            }
        }
        event
    })
}

proptest! {
    /// The same dump has the same identities, pretty printed or on a line, and what comes out is imported as itself.
    #[test]
    fn an_import_of_an_import_is_the_same(events in prop::collection::vec(any_event(), 1..4)) {
        let states = |text: &str| -> Vec<_> {
            let entries = read(text.as_bytes(), Format::Auto, 11);
            entries.into_iter().filter_map(|e| if let Found::Event(event) = e.found { Some(*event) } else { None }).collect()
        };
        let list = json!({"items": events});
        let first = states(&list.to_string());
        prop_assert_eq!(&states(&serde_json::to_string_pretty(&list).unwrap()), &first);
        let again = states(&first.iter().map(|event| event.json.clone()).collect::<Vec<_>>().join("\n"));
        let identities = |all: &[Imported]| all.iter().map(|e| (e.uid.clone(), e.version, e.json.clone())).collect::<Vec<_>>();
        prop_assert_eq!(identities(&again), identities(&first));
        for event in &first {
            prop_assert!(kube_event::decode(event.json.as_bytes()).is_ok());
        }
    }

    #[test]
    fn no_bytes_make_it_panic_or_lose_a_line(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'{'), Just(b'"'), Just(b'\n'), Just(b'}')], 0..200), chunk in 1..50usize) {
        let entries = read(&bytes, Format::Auto, chunk);
        let objects = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        prop_assert!(objects == 0 || !entries.is_empty() || bytes.iter().all(|b| matches!(b, b',' | b' ' | b'\t' | b'\r' | b'\n' | b'[' | b']')));
    }
}
