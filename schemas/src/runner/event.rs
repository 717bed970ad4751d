//! What happens while a step runs, one line each: said by the callback plugin, numbered by the runner.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Micros, numbered::numbered};

numbered! {
    /// What an event tells.
    pub enum TaskEventKind {
        /// The run began; `message` says with what.
        Start = 1 => "start",
        /// A play began.
        Play = 2 => "play",
        /// A task began.
        Task = 3 => "task",
        /// A task began on a host.
        HostStart = 4 => "host_start",
        /// One item of a loop ended on a host.
        Item = 5 => "item",
        /// A task will be tried again on a host.
        Retry = 6 => "retry",
        /// A task ended on a host.
        Host = 7 => "host",
        /// No host is left: the run stops before its end, for those that did not fail, too.
        NoHosts = 8 => "no_hosts",
        /// The run ended in good order: the only proof of it. `results` has the counters of each host.
        Stats = 9 => "stats",
        /// The runner itself has something to say: a cancel, a deadline, lines that got lost.
        Note = 10 => "note",
        /// A part of what its programs printed, in `message`: redacted, whole, up to 32 KB.
        Output = 11 => "output",
    }
}

numbered! {
    /// How a task ended on a host.
    pub enum TaskState {
        /// Done, nothing had to change.
        Ok = 1 => "ok",
        /// Done, something changed.
        Changed = 2 => "changed",
        /// It failed.
        Failed = 3 => "failed",
        /// The host could not be reached.
        Unreachable = 4 => "unreachable",
        /// Its condition did not hold.
        Skipped = 5 => "skipped",
        /// It failed, and the playbook goes on regardless.
        Ignored = 6 => "ignored",
    }
}

/// One event of a run. What does not apply to its kind is missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskEvent {
    /// 1, 2, 3… within the attempt.
    pub seq: u64,
    /// When, by the runner's clock.
    pub time: Micros,
    /// What it tells.
    pub kind: TaskEventKind,
    /// The play's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub play: Option<String>,
    /// The task's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Tells tasks of one name apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_uuid: Option<String>,
    /// The module, e.g. `ansible.builtin.copy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The host, by its name in the inventory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// How the task ended there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<TaskState>,
    /// How long it took there, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Which item of a loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// For people: redacted, and, but for output, clipped to 2 KB with a hash of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why it failed, as a stable word: the check's own code, or the runner's class of the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Chosen keys of the module's result, redacted and clipped; `{"censored": true}` where the task has `no_log`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub results: Map<String, Value>,
}

impl TaskEvent {
    /// An event with nothing but its place, time and kind.
    #[must_use]
    pub fn new(seq: u64, time: Micros, kind: TaskEventKind) -> Self {
        Self {
            seq,
            time,
            kind,
            play: None,
            task: None,
            task_uuid: None,
            action: None,
            host: None,
            state: None,
            duration_ms: None,
            item: None,
            message: None,
            code: None,
            remedy: None,
            results: Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn is_golden_and_reads_back() {
        let time = Micros(1_795_444_800_123_456);
        let failed = TaskEvent {
            play: Some("check before the join".into()),
            task: Some("enough free disk".into()),
            task_uuid: Some("0242ac11-0002-5c7e-8a1b-00000000000c".into()),
            action: Some("ansible.builtin.assert".into()),
            host: Some("10.0.0.11".into()),
            state: Some(TaskState::Failed),
            duration_ms: Some(412),
            item: Some("/var/lib".into()),
            message: Some("120 MiB free, 500 MiB needed".into()),
            code: Some("disk-space".into()),
            remedy: Some("Free space, or choose another disk.".into()),
            results: json!({"rc": 1}).as_object().cloned().unwrap(),
            ..TaskEvent::new(7, time, TaskEventKind::Host)
        };
        let events = [failed, TaskEvent::new(8, time, TaskEventKind::Stats)];
        let text: Vec<_> = events.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
        insta::assert_snapshot!(text.join("\n"));
        for (event, text) in events.iter().zip(&text) {
            assert_eq!(&serde_json::from_str::<TaskEvent>(text).unwrap(), event);
        }
        let extra = text[1].replacen('{', r#"{"extra":1,"#, 1);
        assert!(serde_json::from_str::<TaskEvent>(&extra).unwrap_err().to_string().contains("extra"));
    }

    #[test]
    fn numbers_and_names_are_golden() {
        let kinds = TaskEventKind::ALL.iter().map(|kind| format!("kind {} {kind}", kind.number()));
        let states = TaskState::ALL.iter().map(|state| format!("state {} {state}", state.number()));
        insta::assert_snapshot!(kinds.chain(states).collect::<Vec<_>>().join("\n"));
    }
}
