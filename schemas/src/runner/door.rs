//! Requests and answers of the door, apart from the assignment itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AttemptId, TaskEvent};
use crate::numbered::numbered;

/// Takes a [`Claim`], answers an [`Assignment`](super::Assignment).
pub const CLAIM_PATH: &str = "/runner/v1/claim";
/// Answers the bundle's files as tar.
pub const BUNDLE_PATH: &str = "/runner/v1/bundle";
/// Answers or takes the cluster's fact cache as tar.
pub const FACTS_PATH: &str = "/runner/v1/facts";
/// Takes [`Events`], answers [`Taken`].
pub const EVENTS_PATH: &str = "/runner/v1/events";
/// Takes a [`Heartbeat`], answers [`Taken`].
pub const HEARTBEAT_PATH: &str = "/runner/v1/heartbeat";
/// Takes a [`Finish`], answers [`Taken`].
pub const FINISH_PATH: &str = "/runner/v1/finish";

/// The largest body that the door takes: a part of the output, a batch of events, a fact cache.
pub const LARGEST_BODY: usize = 32 << 20;

/// A runner wants to act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// For which attempt.
    pub attempt: AttemptId,
    /// The runner: a random id of its process. The same one may ask again and gets the same answer.
    pub runner: Uuid,
}

/// The query of requests that have no JSON body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caller {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Which runner.
    pub runner: Uuid,
}

/// Events in order, without gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Which runner.
    pub runner: Uuid,
    /// The number of the first one.
    pub first: u64,
    /// Numbers `first`, `first + 1`, …
    pub events: Vec<TaskEvent>,
}

/// The runner lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Which runner.
    pub runner: Uuid,
}

numbered! {
    /// What a runner is to do beside going on.
    pub enum Command {
        /// Nothing.
        None = 1 => "none",
        /// End the step: SIGTERM now, SIGKILL after the grace.
        Cancel = 2 => "cancel",
    }
}

/// What the controllers have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    /// The number of the event they want next: all before it are in the log.
    pub next: u64,
    /// What the runner is to do.
    pub command: Command,
}

numbered! {
    /// Why the door said no (HTTP 409).
    pub enum Refusal {
        /// Another runner has claimed the attempt.
        Claimed = 1 => "claimed",
        /// The attempt has ended, or a newer one has begun.
        Over = 2 => "over",
        /// There are events missing before those sent: `next` says from where.
        Gap = 3 => "gap",
        /// The runner has not claimed the attempt.
        Unclaimed = 4 => "unclaimed",
    }
}

/// The body of a 409.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Why.
    pub reason: Refusal,
    /// For people.
    pub message: String,
    /// What is wanted next, where the reason is a gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

numbered! {
    /// Whether a run came to its end.
    pub enum Ended {
        /// The final `stats` event was seen, or the program of a `command` step exited by itself.
        Stats = 1 => "stats",
        /// It was not: what was done is not known but for hosts whose outcome is.
        Missing = 2 => "missing",
    }
}

numbered! {
    /// What became of a host in a run.
    pub enum HostState {
        /// Every task was done.
        Ok = 1 => "ok",
        /// A task failed.
        Failed = 2 => "failed",
        /// It could not be reached.
        Unreachable = 3 => "unreachable",
        /// No task was tried on it: the run had ended before.
        Skipped = 4 => "skipped",
        /// Something was begun on it, and nothing is known of its end.
        Unknown = 5 => "unknown",
        /// The run was cancelled before it was done with this host.
        Cancelled = 6 => "cancelled",
    }
}

/// The outcome of one host, decided from its task events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostOutcome {
    /// What became of it.
    pub state: HostState,
    /// The task that decided it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_task: Option<String>,
    /// What it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Why, as a stable word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Tasks that changed something.
    pub changed: u32,
    /// Tasks that were done, those that changed something among them.
    pub ok: u32,
    /// From its first task's start to its last one's end, in milliseconds.
    pub duration_ms: u64,
}

/// A run is over. Taken only when all its events are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finish {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Which runner.
    pub runner: Uuid,
    /// Whether it came to its end.
    pub ended: Ended,
    /// The exit code of the program, if it exited. For people: nothing is decided by it but a `command` step.
    pub exit: Option<i32>,
    /// The signal that ended the program, if one did.
    pub signal: Option<i32>,
    /// Why it did not come to its end, where the runner knows: cancelled, deadline, could not be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Each host of the limit.
    pub hosts: BTreeMap<String, HostOutcome>,
    /// The number of the last event; 0 where there is none.
    pub last_seq: u64,
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::{Micros, runner::TaskEventKind};

    fn text<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) -> String {
        let text = serde_json::to_string(value).unwrap();
        assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value);
        let extra = text.replacen('{', r#"{"extra":1,"#, 1);
        assert!(serde_json::from_str::<T>(&extra).unwrap_err().to_string().contains("extra"), "{text}");
        text
    }

    #[test]
    fn messages_are_golden_and_read_back() {
        let attempt: AttemptId = "0f1e2d3c-scaleup-b0-a1".parse().unwrap();
        let runner = Uuid::from_u128(9);
        let event = TaskEvent::new(1, Micros(1_795_444_800_000_000), TaskEventKind::Start);
        let outcome = HostOutcome {
            state: HostState::Failed,
            failed_task: Some("enough free disk".into()),
            message: Some("120 MiB free, 500 MiB needed".into()),
            code: Some("disk-space".into()),
            remedy: Some("Free space, or choose another disk.".into()),
            changed: 0,
            ok: 4,
            duration_ms: 2_100,
        };
        let finish = Finish {
            attempt: attempt.clone(),
            runner,
            ended: Ended::Stats,
            exit: Some(2),
            signal: None,
            reason: None,
            hosts: BTreeMap::from([("10.0.0.11".to_owned(), outcome)]),
            last_seq: 41,
        };
        let lines = [
            text(&Claim { attempt: attempt.clone(), runner }),
            text(&Caller { attempt: attempt.clone(), runner }),
            text(&Events { attempt: attempt.clone(), runner, first: 1, events: vec![event] }),
            text(&Heartbeat { attempt, runner }),
            text(&Taken { next: 2, command: Command::Cancel }),
            text(&Refused { reason: Refusal::Gap, message: "events 2 to 4 are missing".into(), next: Some(2) }),
            text(&finish),
        ];
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn numbers_and_names_are_golden() {
        let states = HostState::ALL.iter().map(|state| format!("host {} {state}", state.number()));
        let ends = Ended::ALL.iter().map(|end| format!("ended {} {end}", end.number()));
        let refusals = Refusal::ALL.iter().map(|refusal| format!("refusal {} {refusal}", refusal.number()));
        let commands = Command::ALL.iter().map(|command| format!("command {} {command}", command.number()));
        insta::assert_snapshot!(states.chain(ends).chain(refusals).chain(commands).collect::<Vec<_>>().join("\n"));
    }
}
