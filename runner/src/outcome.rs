//! What became of each host: a fold of its task events, never the exit code.
//!
//! ```text
//!               stats seen                                  no stats
//!  failures >0  failed                    failed, unreachable seen      that
//!  unreachable  unreachable               cancelled, nothing running    cancelled
//!  absent       skipped                   something was begun           unknown
//!  else         ok, but failed where the run stopped before its end     else skipped
//! ```

use std::collections::BTreeMap;

use beidou_schemas::{
    Micros,
    runner::{HostOutcome, HostState, TaskEvent, TaskEventKind, TaskState},
};
use serde_json::Value;

#[derive(Default)]
struct Host {
    begun: Option<Micros>,
    last: Option<Micros>,
    /// Tasks that have started and not ended.
    open: u32,
    ok: u32,
    changed: u32,
    failure: Option<(HostState, TaskEvent)>,
}

/// The fold.
#[derive(Default)]
pub(crate) struct Outcomes {
    hosts: BTreeMap<String, Host>,
    stats: Option<serde_json::Map<String, Value>>,
    none_left: bool,
}

impl Outcomes {
    /// Of the hosts of a limit.
    pub(crate) fn new(limit: &[String]) -> Self {
        Self { hosts: limit.iter().map(|host| (host.clone(), Host::default())).collect(), ..Self::default() }
    }

    pub(crate) fn apply(&mut self, event: &TaskEvent) {
        match event.kind {
            TaskEventKind::Stats => self.stats = Some(event.results.clone()),
            TaskEventKind::NoHosts => self.none_left = true,
            TaskEventKind::HostStart | TaskEventKind::Item | TaskEventKind::Retry | TaskEventKind::Host => {
                if let Some(host) = event.host.as_ref().and_then(|host| self.hosts.get_mut(host)) {
                    host.apply(event);
                }
            }
            TaskEventKind::Start
            | TaskEventKind::Play
            | TaskEventKind::Task
            | TaskEventKind::Note
            | TaskEventKind::Output => {}
        }
    }

    /// Whether the run came to its end.
    pub(crate) fn has_stats(&self) -> bool {
        self.stats.is_some()
    }

    /// The outcome of each host.
    pub(crate) fn decide(&self, cancelled: bool) -> BTreeMap<String, HostOutcome> {
        self.hosts.iter().map(|(name, host)| (name.clone(), self.outcome(name, host, cancelled))).collect()
    }

    fn outcome(&self, name: &str, host: &Host, cancelled: bool) -> HostOutcome {
        let failed = host.failure.as_ref().map(|(state, _)| *state);
        let state = match &self.stats {
            Some(stats) => {
                let count =
                    |key: &str| stats.get(name).and_then(|host| host.get(key)).and_then(Value::as_u64).unwrap_or(0);
                match failed {
                    _ if count("unreachable") > 0 => HostState::Unreachable,
                    _ if count("failures") > 0 => HostState::Failed,
                    // Said by the runner, of a host that the playbook has not seen.
                    Some(state) if !stats.contains_key(name) => state,
                    _ if !stats.contains_key(name) => HostState::Skipped,
                    _ if self.none_left => HostState::Failed,
                    // A failure that a rescue has dealt with is none.
                    _ => HostState::Ok,
                }
            }
            None => match failed {
                Some(state) => state,
                None if cancelled && host.open == 0 => HostState::Cancelled,
                None if host.begun.is_some() => HostState::Unknown,
                None => HostState::Skipped,
            },
        };
        let mut outcome = HostOutcome {
            state,
            failed_task: None,
            message: None,
            code: None,
            remedy: None,
            changed: host.changed,
            ok: host.ok,
            duration_ms: host.duration_ms(),
        };
        match (state, &host.failure) {
            (HostState::Failed | HostState::Unreachable, Some((_, event))) => {
                outcome.failed_task.clone_from(&event.task);
                outcome.message.clone_from(&event.message);
                outcome.code.clone_from(&event.code);
                outcome.remedy.clone_from(&event.remedy);
            }
            (HostState::Failed, None) => {
                outcome.code = Some("run-stopped".into());
                outcome.message = Some("the run stopped before its end, because of other hosts".into());
                outcome.remedy = Some("Look at the other hosts, then run the step again.".into());
            }
            (HostState::Unknown, _) => {
                outcome.code = Some("run-lost".into());
                outcome.message = Some("the run ended without saying what became of this host".into());
                outcome.remedy = Some("Look at the host before the step is run again.".into());
            }
            _ => {}
        }
        outcome
    }
}

/// Of a program that said nothing of some hosts: its exit code speaks for them. One that a signal ended says nothing.
pub(crate) fn of_program(
    hosts: &mut BTreeMap<String, HostOutcome>,
    exit: Option<i32>,
    signal: Option<i32>,
    cancelled: bool,
) {
    for outcome in
        hosts.values_mut().filter(|outcome| matches!(outcome.state, HostState::Skipped | HostState::Cancelled))
    {
        (outcome.state, outcome.code, outcome.message) = match (exit, signal) {
            (Some(0), _) => (HostState::Ok, None, None),
            _ if cancelled => {
                (HostState::Unknown, Some("cancelled".into()), Some("the program was ended in its work".into()))
            }
            (Some(exit), _) => (HostState::Failed, Some("program-failed".into()), Some(format!("exit code {exit}"))),
            (None, signal) => {
                (HostState::Unknown, Some("program-killed".into()), signal.map(|signal| format!("signal {signal}")))
            }
        };
    }
}

/// What is wrong with hosts that are not the step's own: the first of them, for people.
pub(crate) fn wrong<'a>(hosts: impl Iterator<Item = (&'a String, &'a HostOutcome)>) -> Option<String> {
    let bad: Vec<_> =
        hosts.filter(|(_, outcome)| !matches!(outcome.state, HostState::Ok | HostState::Skipped)).collect();
    let (name, outcome) = bad.first()?;
    let why = outcome.message.as_deref().unwrap_or(outcome.state.name());
    let more = if bad.len() > 1 { format!(", and {} more", bad.len() - 1) } else { String::new() };
    Some(format!("{name}{more}: {why}"))
}

/// Hosts whose step is not done because of others.
pub(crate) fn fail<'a>(hosts: impl Iterator<Item = &'a mut HostOutcome>, message: &str) {
    for outcome in hosts.filter(|outcome| !matches!(outcome.state, HostState::Failed | HostState::Unreachable)) {
        outcome.state = HostState::Failed;
        outcome.code = Some("others-failed".into());
        outcome.message = Some(message.to_owned());
        outcome.remedy = Some("Look at the hosts that it names, then run the step again.".into());
    }
}

/// The outcome of the step's own hosts, where it looked at others: all is well with them once it is with these.
pub(crate) fn of_reach(hosts: &mut BTreeMap<String, HostOutcome>, limit: &[String], reach: &[String]) {
    let wrong = wrong(hosts.iter().filter(|(name, _)| !limit.contains(name)));
    hosts.retain(|name, _| limit.contains(name));
    match wrong {
        Some(wrong) => fail(hosts.values_mut(), &wrong),
        None => {
            for (_, outcome) in hosts.iter_mut().filter(|(name, _)| !reach.contains(name)) {
                outcome.state = HostState::Ok;
            }
        }
    }
}

impl Host {
    fn apply(&mut self, event: &TaskEvent) {
        self.begun.get_or_insert(event.time);
        self.last = Some(event.time);
        match event.kind {
            TaskEventKind::HostStart => self.open += 1,
            TaskEventKind::Host => {
                self.open = self.open.saturating_sub(1);
                match event.state {
                    Some(TaskState::Ok) => self.ok += 1,
                    Some(TaskState::Changed) => (self.ok, self.changed) = (self.ok + 1, self.changed + 1),
                    Some(TaskState::Failed) => self.failure = Some((HostState::Failed, event.clone())),
                    Some(TaskState::Unreachable) => self.failure = Some((HostState::Unreachable, event.clone())),
                    Some(TaskState::Skipped | TaskState::Ignored) | None => {}
                }
            }
            TaskEventKind::Item | TaskEventKind::Retry => {}
            TaskEventKind::Start
            | TaskEventKind::Play
            | TaskEventKind::Task
            | TaskEventKind::NoHosts
            | TaskEventKind::Stats
            | TaskEventKind::Note
            | TaskEventKind::Output => {}
        }
    }

    fn duration_ms(&self) -> u64 {
        let micros = self.begun.zip(self.last).map_or(0, |(begun, last)| last.0 - begun.0);
        u64::try_from(micros / 1000).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: TaskEventKind, host: &str, state: Option<TaskState>) -> TaskEvent {
        let time = Micros(1_000_000);
        TaskEvent {
            host: Some(host.into()),
            state,
            task: Some("t".into()),
            code: Some("c".into()),
            ..TaskEvent::new(1, time, kind)
        }
    }

    fn states(events: &[TaskEvent], stats: Option<Value>, cancelled: bool) -> Vec<&'static str> {
        let mut outcomes = Outcomes::new(&["a".to_owned(), "b".to_owned()]);
        events.iter().for_each(|event| outcomes.apply(event));
        if let Some(stats) = stats {
            let results = stats.as_object().cloned().unwrap();
            outcomes.apply(&TaskEvent { results, ..TaskEvent::new(9, Micros(2_000_000), TaskEventKind::Stats) });
        }
        outcomes.decide(cancelled).values().map(|outcome| outcome.state.name()).collect()
    }

    #[test]
    fn stats_decide_where_there_are_any() {
        use TaskEventKind::{Host, HostStart, NoHosts};
        let good = json!({"ok": 3, "failures": 0, "unreachable": 0});
        let bad = json!({"ok": 3, "failures": 1, "unreachable": 0});
        let begun = [event(HostStart, "a", None), event(Host, "a", Some(TaskState::Failed))];
        assert_eq!(states(&begun, Some(json!({"a": bad, "b": good})), false), ["failed", "ok"]);
        assert_eq!(states(&begun, Some(json!({"a": good, "b": good})), false), ["ok", "ok"], "rescued");
        assert_eq!(states(&begun, Some(json!({"a": bad})), false), ["failed", "skipped"], "exit code 0 proves nothing");
        assert_eq!(states(&[], Some(json!({})), false), ["skipped", "skipped"], "an empty run is no success");
        let stopped = [begun[1].clone(), event(NoHosts, "", None)];
        assert_eq!(
            states(&stopped, Some(json!({"a": bad, "b": good})), false),
            ["failed", "failed"],
            "the others were not done"
        );
    }

    #[test]
    fn without_stats_what_was_begun_is_unknown() {
        use TaskEventKind::{Host, HostStart};
        let open = [event(HostStart, "a", None)];
        assert_eq!(states(&open, None, false), ["unknown", "skipped"]);
        assert_eq!(states(&open, None, true), ["unknown", "cancelled"], "a cancelled task may have done its work");
        let between = [event(HostStart, "a", None), event(Host, "a", Some(TaskState::Ok))];
        assert_eq!(states(&between, None, true), ["cancelled", "cancelled"]);
        assert_eq!(states(&between, None, false), ["unknown", "skipped"]);
        let failed = [event(HostStart, "a", None), event(Host, "a", Some(TaskState::Unreachable))];
        assert_eq!(states(&failed, None, false), ["unreachable", "skipped"]);
    }

    #[test]
    fn a_step_that_looks_at_others_is_as_good_as_they_are() {
        let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (limit, good) = (names(&["a"]), json!({"ok": 1, "failures": 0, "unreachable": 0}));
        let told = |reach: &[&str], stats: Value| {
            let reach = names(reach);
            let mut outcomes = Outcomes::new(&[&limit[..], &reach].concat());
            let results = stats.as_object().cloned().unwrap();
            outcomes.apply(&TaskEvent { results, ..TaskEvent::new(9, Micros(2_000_000), TaskEventKind::Stats) });
            let mut hosts = outcomes.decide(false);
            of_reach(&mut hosts, &limit, &reach);
            hosts.into_iter().map(|(name, one)| (name, one.state, one.message)).collect::<Vec<_>>()
        };
        let a = |state, message: Option<&str>| vec![("a".to_owned(), state, message.map(str::to_owned))];
        let lost = json!({"ok": 0, "failures": 0, "unreachable": 1});
        assert_eq!(
            told(&["n", "o"], json!({"n": good, "o": good})),
            a(HostState::Ok, None),
            "it only looked at others"
        );
        assert_eq!(told(&["a", "n"], json!({"a": good, "n": good})), a(HostState::Ok, None));
        let all_lost = json!({"a": good, "n": lost, "o": lost});
        assert_eq!(told(&["a", "n", "o"], all_lost), a(HostState::Failed, Some("n, and 1 more: unreachable")));
        assert_eq!(told(&["a", "n"], json!({"a": lost, "n": good})), a(HostState::Unreachable, None));
    }
}
