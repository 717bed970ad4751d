//! A line of the callback plugin, or of a program that says events in the same form, as an event.

use beidou_schemas::{
    Micros,
    runner::{TaskEvent, TaskEventKind, TaskState},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::{classify::classify, redact::Redactor};

/// A longer line is no event: the plugin clips every text at 2 KB, and an event has few.
pub(crate) const MAX_LINE_BYTES: usize = 256 << 10;
const CLIP_BYTES: usize = 2048;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    time_us: i64,
    kind: TaskEventKind,
    play: Option<String>,
    task: Option<String>,
    task_uuid: Option<String>,
    action: Option<String>,
    host: Option<String>,
    state: Option<TaskState>,
    duration_ms: Option<u64>,
    item: Option<String>,
    message: Option<String>,
    code: Option<String>,
    remedy: Option<String>,
    #[serde(default)]
    results: Map<String, Value>,
}

/// Reads a line. What it holds is clean of secrets afterwards, whether the plugin did its part or not.
pub(crate) fn read(line: &[u8], redactor: &Redactor) -> Result<TaskEvent, serde_json::Error> {
    let line: Line = serde_json::from_slice(line)?;
    let clean = |text: Option<String>| text.map(|text| clip(redactor.text(&text)));
    let mut event = TaskEvent {
        play: clean(line.play),
        task: clean(line.task),
        task_uuid: clean(line.task_uuid),
        action: clean(line.action),
        host: clean(line.host),
        state: line.state,
        duration_ms: line.duration_ms,
        item: clean(line.item),
        message: clean(line.message),
        code: clean(line.code),
        remedy: clean(line.remedy),
        results: redactor.object(line.results),
        ..TaskEvent::new(0, Micros(line.time_us), line.kind)
    };
    name_failure(&mut event);
    Ok(event)
}

/// Gives a failure that has no code the one that fits.
pub(crate) fn name_failure(event: &mut TaskEvent) {
    let bad =
        matches!(event.state, Some(TaskState::Failed | TaskState::Unreachable)) && event.kind == TaskEventKind::Host;
    if let Some(state) = event.state.filter(|_| bad && event.code.is_none()) {
        let results: String = event.results.values().filter_map(Value::as_str).collect();
        let (code, remedy) = classify(state, &format!("{} {results}", event.message.as_deref().unwrap_or_default()));
        event.code = Some(code.into());
        event.remedy.get_or_insert_with(|| remedy.into());
    }
}

/// Clips a text, with a hash of the whole: the full one is in the output.
pub(crate) fn clip(text: String) -> String {
    // What the plugin clipped has its own hash at the end.
    if text.len() <= CLIP_BYTES + 64 {
        return text;
    }
    let end = text.floor_char_boundary(CLIP_BYTES);
    let hash: String = Sha256::digest(&text).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{}… ({} bytes, sha256 {hash})", &text[..end], text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_clean_clipped_and_named() {
        let redactor = Redactor::new([("token", "hunter22")]).unwrap();
        let long = "ä".repeat(3000);
        let line = serde_json::json!({"time_us": 7, "kind": "host", "host": "a-hunter22", "state": "failed",
            "action": "hunter22", "task_uuid": "hunter22",
            "message": format!("hunter22 {long}"), "results": {"stderr": "No space left on device: hunter22"}});
        let event = read(line.to_string().as_bytes(), &redactor).unwrap();
        let message = event.message.clone().unwrap();
        assert!(message.starts_with("*** ä") && message.contains("sha256") && message.len() < 2200);
        assert_eq!(event.code.as_deref(), Some("disk-full"));
        assert!(!serde_json::to_string(&event).unwrap().contains("hunter22"));
        assert!(read(br#"{"time_us":1,"kind":"party"}"#, &redactor).is_err());
    }
}
