//! What is fuzzed: five functions from bytes to nothing, each of which panics where something does not hold.
//!
//! They are used twice: by the targets of cargo-fuzz (`cargo fuzz run --sanitizer none NAME`), and by a test that feeds
//! them the corpus and mutations of it (tests/tests/fuzz.rs), so that each `make test` runs them.

use beidou_ingest::watch;
use beidou_model::{
    import::{Format, Found, Reader},
    query_line,
};
use beidou_query_api::cursor::{Purpose, Signer};
use beidou_schemas::{Micros, kube_event};
use serde_json::Value;

/// A name and the function that it stands for.
pub type Target = (&'static str, fn(&[u8]));

/// All of them; each has a folder of this name in the corpus.
pub const TARGETS: [Target; 5] =
    [("frame", frame), ("event", event), ("query_line", query_line), ("cursor", cursor), ("import", import)];

/// 2026-11-24.
const OBSERVED: Micros = Micros(1_795_478_400_000_000);

/// A line of a watch is read or refused; the JSON of a state is what stood in it, managedFields aside.
pub fn frame(data: &[u8]) {
    let line = bytes::Bytes::copy_from_slice(data);
    let Ok(watch::Decoded::State(_, state)) = watch::decode(&line) else { return };
    // An Event with a member that stands twice is refused later: until then nobody knows which one counts. And what
    // stands beside the object is passed over, be it readable or not.
    if let (Ok(_), Ok(mut sent)) = (kube_event::decode(&state.json), serde_json::from_slice::<Value>(&line)) {
        let kept: Value = serde_json::from_slice(&state.json).expect("what is decoded is JSON");
        if let Some(metadata) = sent.pointer_mut("/object/metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
        assert_eq!(kept, sent["object"], "a state is what the server sent");
    }
}

/// An Event's JSON comes back from its columns.
pub fn event(data: &[u8]) {
    let Ok(state) = kube_event::decode(data) else { return };
    let value: Value = serde_json::from_slice(data).expect("what is decoded is JSON");
    assert_eq!(kube_event::rebuild(&state).expect("what is decoded can be rebuilt"), value);
    let (time, _) = state.time(OBSERVED);
    assert!(time.in_column(), "{time}");
    assert!(state.occurrences() > 0);
}

/// A query line that is read means the same in its normal form, and can be asked.
pub fn query_line(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(line) = query_line::parse(text) else { return };
    let normal = line.to_string();
    assert_eq!(query_line::parse(&normal).as_ref(), Ok(&line), "{normal}");
    let _matcher = query_line::Matcher::new(&line);
}

/// No text but one that was sealed for the same query is opened.
pub fn cursor(data: &[u8]) {
    let signer = Signer::random();
    let (query, text) = data.split_at(data.len().min(8));
    if let Ok(text) = std::str::from_utf8(text) {
        let opened: Option<Value> = signer.open(Purpose::Page, query, text);
        assert_eq!(opened, None, "nobody has sealed it");
    }
    let value = (query.len() as i64, String::from_utf8_lossy(text));
    let sealed = signer.seal(Purpose::Page, query, &value);
    let opened: Option<(i64, String)> = signer.open(Purpose::Page, query, &sealed);
    assert_eq!(opened, Some((value.0, value.1.into_owned())));
    assert_eq!(signer.open::<Value>(Purpose::Tail, query, &sealed), None);
    assert_eq!(signer.open::<Value>(Purpose::Page, text, &sealed).is_some(), text == query);
}

/// A dump yields the same entries however it is cut, and what it imports is an Event that is imported as itself.
pub fn import(data: &[u8]) {
    let read = |data: &[u8], chunk: usize| {
        let mut reader = Reader::new(Format::Auto, OBSERVED);
        let mut entries: Vec<_> = data.chunks(chunk).flat_map(|chunk| reader.push(chunk)).collect();
        entries.extend(reader.finish());
        entries
    };
    let entries = read(data, usize::MAX);
    assert_eq!(read(data, 3), entries, "cut into threes");
    for entry in entries {
        let Found::Event(state) = entry.found else { continue };
        let again = read(state.json.as_bytes(), usize::MAX);
        let [entry] = &again[..] else { panic!("one state becomes {}", again.len()) };
        let Found::Event(same) = &entry.found else { panic!("a state is refused: {entry:?}") };
        assert_eq!((&same.uid, same.version, &same.json), (&state.uid, state.version, &state.json));
        event(state.json.as_bytes());
    }
}
