//! Dumps of each format against what must come out of them, and what no dump may change.

use std::{fmt::Write, fs, path::PathBuf};

use beidou_schemas::{Micros, kube_event};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// 2026-11-24.
const OBSERVED: Micros = Micros(1_795_478_400_000_000);

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
    let event = json!({"metadata": {"uid": "u", "resourceVersion": "1"}, "involvedObject": {}, "message": message});
    let entries = read(json!({"items": [event]}).to_string().as_bytes(), Format::Events, 64 << 10);
    let [Entry { line: 1, found: Found::Event(event) }] = &entries[..] else { panic!("{} entries", entries.len()) };
    assert!(event.json.len() > 6 << 20);
}

#[test]
fn another_format_than_asked_for_is_refused() {
    let event = json!({"metadata": {"uid": "u", "resourceVersion": "1"}, "involvedObject": {}});
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
    let metadata = json!({"uid": "u", "resourceVersion": "7", "name": "a"});
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

fn any_event() -> impl Strategy<Value = Value> {
    let text = || prop_oneof![Just(Value::Null), "[a-c]{0,2}".prop_map(Value::from)];
    let metadata = prop::collection::btree_map("name|uid|resourceVersion|x", text(), 0..4);
    let event = prop::collection::btree_map("message|reason|count|kind|note|lastTimestamp|zz", text(), 0..5);
    (metadata, event).prop_map(|(metadata, event)| {
        let mut event: Value = event.into_iter().collect::<serde_json::Map<_, _>>().into();
        event["involvedObject"] = json!({"name": "web-0"});
        event["metadata"] = metadata.into_iter().collect::<serde_json::Map<_, _>>().into();
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
