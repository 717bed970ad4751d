//! A simulated runner: claims a step at the door of controllers as a real one does, and tells of machines that do not exist.
//!
//! ```text
//!  claim ─► for each task: begin on all hosts, end on each after a while ─► finish
//!    │                 └─ events by number, a few times a second ─► door ─► cancel?
//!    └ refused: ends
//! ```
//!
//! The same machine behaves the same way in each run of a seed: one of ten has a full disk at its first check, which a second
//! look finds mended; now and then one is slow.

use std::collections::BTreeMap;
use std::time::Duration;

use beidou_schemas::Micros;
use beidou_schemas::runner::{
    Assignment, AttemptId, CLAIM_PATH, Claim, Command, EVENTS_PATH, Ended, Events, FINISH_PATH, Finish, HostOutcome,
    HostState, Taken, TaskEvent, TaskEventKind, TaskState,
};
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::fleet::Random;

/// Events are sent this often.
const SEND_EVERY: Duration = Duration::from_millis(250);
/// A door that is away is asked again.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// The shortest and the longest that a task takes on a machine.
const TASK_MS: std::ops::Range<u64> = 250..1_500;
/// The step after which a machine is a node.
const JOINS: &str = "scaleUp";
/// What fails, and where.
const FULL_DISK: (&str, &str) = ("preCheck", "space below /var/lib");

/// How a runner is started.
#[derive(Debug, Clone)]
pub struct Errand {
    /// Where the door is.
    pub door: String,
    /// The attempt.
    pub attempt: AttemptId,
    /// What it is let in with.
    pub token: String,
    /// Machines of one seed behave the same.
    pub seed: u64,
    /// Cancelled, the step ends where it stands.
    pub stop: CancellationToken,
}

/// Why a run came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The door says no: somebody else acts, or the step is over.
    #[error("the door refused: {0}")]
    Refused(String),
}

/// Runs a step to its end. `joins` hears of each machine that has become a node: its name and its address.
///
/// # Errors
/// When the door refuses.
pub async fn run(errand: Errand, joins: impl Fn(&Assignment, &str, &str) + Send) -> Result<(), RunnerError> {
    let mut door = Door { http: reqwest::Client::new(), errand, runner: Uuid::new_v4() };
    let claim = Claim { attempt: door.errand.attempt.clone(), runner: door.runner };
    let assignment: Assignment = door.post(CLAIM_PATH, &claim).await?;
    let mut play = Play::new(&assignment, door.errand.seed, &door.errand.attempt);
    let mut sent = 1;
    loop {
        let waits = play.next_at().unwrap_or_else(Instant::now).min(Instant::now() + SEND_EVERY);
        tokio::select! {
            () = sleep_until(waits) => {}
            () = door.errand.stop.cancelled() => play.cancel(),
        }
        play.go_on(Instant::now());
        let taken = door.tell(&play.events[sent - 1..], sent as u64).await?;
        sent = play.events.len() + 1;
        if taken.command == Command::Cancel {
            play.cancel();
        }
        if play.over {
            break;
        }
    }
    for (host, outcome) in &play.outcomes {
        if assignment.step == JOINS && outcome.state == HostState::Ok && !assignment.check {
            let found = assignment.inventory.hosts.get(host);
            let address = found.map_or(host.as_str(), |one| one.ansible_host.as_str());
            let name = found.and_then(|one| one.vars.get("node_name")?.as_str()).unwrap_or(host);
            joins(&assignment, name, address);
        }
    }
    door.tell(&play.events[sent - 1..], sent as u64).await?;
    let _taken: Taken = door.post(FINISH_PATH, &play.finish(&door)).await?;
    Ok(())
}

struct Door {
    http: reqwest::Client,
    errand: Errand,
    runner: Uuid,
}

impl Door {
    async fn tell(&mut self, events: &[TaskEvent], first: u64) -> Result<Taken, RunnerError> {
        let attempt = self.errand.attempt.clone();
        self.post(EVENTS_PATH, &Events { attempt, runner: self.runner, first, events: events.to_vec() }).await
    }

    /// Asks until there is an answer.
    async fn post<T: DeserializeOwned>(&mut self, path: &str, body: &impl Serialize) -> Result<T, RunnerError> {
        loop {
            let request = self.http.post(format!("{}{path}", self.errand.door)).bearer_auth(&self.errand.token);
            match request.json(body).send().await {
                Ok(answer) if answer.status().is_success() => match answer.json().await {
                    Ok(value) => return Ok(value),
                    Err(error) => return Err(RunnerError::Refused(error.to_string())),
                },
                Ok(answer) if answer.status().is_client_error() && answer.status().as_u16() != 429 => {
                    return Err(RunnerError::Refused(answer.text().await.unwrap_or_default()));
                }
                Ok(_) | Err(_) => {
                    tokio::select! {
                        () = tokio::time::sleep(RETRY_EVERY) => {}
                        () = self.errand.stop.cancelled() => return Err(RunnerError::Refused("it was stopped".into())),
                    }
                }
            }
        }
    }
}

/// Tasks of a step, by its name.
fn tasks(step: &str) -> &'static [&'static str] {
    match step {
        "preCheck" => &[
            "facts",
            "space below /var/lib",
            "clock",
            "way to the API server",
            "container runtime",
            "fit for the cluster",
        ],
        "facts" => &["gather facts", "cache facts"],
        "prepare" => &["kubelet from its URL"],
        "scaleUp" => &[
            "packages",
            "certificates",
            "container runtime",
            "images",
            "kubelet",
            "settings of the kubelet",
            "kubelet runs",
            "kubelet is healthy",
            "kubelet has its certificate",
        ],
        "postCheck" => &["health of the kubelet", "kubelets that run", "clock", "a good node"],
        "reset" | "leave" => &["service", "kubelet is stopped", "nothing is left"],
        "scaleDown" => &["drained", "kubelet is stopped", "nothing is left"],
        "reboot" => &["reboot", "it is back"],
        _ => &["script"],
    }
}

/// A step on its way.
struct Play {
    tasks: &'static [&'static str],
    changes: bool,
    attempt: AttemptId,
    random: Random,
    /// Which task, and when it ends on which host.
    task: usize,
    ends: BTreeMap<String, (Instant, u64)>,
    left: Vec<String>,
    events: Vec<TaskEvent>,
    outcomes: BTreeMap<String, HostOutcome>,
    fails: Option<&'static str>,
    seed: u64,
    over: bool,
    cancelled: bool,
}

impl Play {
    fn new(assignment: &Assignment, seed: u64, attempt: &AttemptId) -> Self {
        let tasks = tasks(&assignment.step);
        let first = attempt.as_str().ends_with("-a1");
        let fails = (first && assignment.step == FULL_DISK.0).then_some(FULL_DISK.1);
        let random = Random::seed_from_u64(seed ^ hash(attempt.as_str()));
        let none = HostOutcome {
            state: HostState::Ok,
            failed_task: None,
            message: None,
            code: None,
            remedy: None,
            changed: 0,
            ok: 0,
            duration_ms: 0,
        };
        let mut play = Self {
            tasks,
            changes: assignment.mutates && !assignment.check,
            attempt: attempt.clone(),
            random,
            task: 0,
            ends: BTreeMap::new(),
            left: assignment.limit.clone(),
            events: Vec::new(),
            outcomes: assignment.limit.iter().map(|host| (host.clone(), none.clone())).collect(),
            fails,
            seed,
            over: false,
            cancelled: false,
        };
        play.say(TaskEventKind::Start, |event| event.message = Some("simulated machines".into()));
        play.say(TaskEventKind::Play, |event| event.play = Some(assignment.step.clone()));
        play.begin(Instant::now());
        play
    }

    fn say(&mut self, kind: TaskEventKind, fill: impl FnOnce(&mut TaskEvent)) {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let mut event = TaskEvent::new(self.events.len() as u64 + 1, Micros(now.as_micros() as i64), kind);
        fill(&mut event);
        self.events.push(event);
    }

    fn begin(&mut self, now: Instant) {
        let task = self.tasks[self.task];
        self.say(TaskEventKind::Task, |event| event.task = Some(task.into()));
        for host in self.left.clone() {
            let slow = if hash(&host).is_multiple_of(13) { 3 } else { 1 };
            let took = self.random.random_range(TASK_MS) * slow;
            self.ends.insert(host.clone(), (now + Duration::from_millis(took), took));
            self.say(TaskEventKind::HostStart, |event| (event.task, event.host) = (Some(task.into()), Some(host)));
        }
    }

    /// When something ends next.
    fn next_at(&self) -> Option<Instant> {
        self.ends.values().map(|(at, _)| *at).min()
    }

    fn go_on(&mut self, now: Instant) {
        let due: Vec<(String, u64)> =
            self.ends.iter().filter(|(_, (at, _))| *at <= now).map(|(host, (_, took))| (host.clone(), *took)).collect();
        for (host, took) in due {
            self.ends.remove(&host);
            self.end(&host, took);
        }
        if !self.ends.is_empty() || self.over {
            return;
        }
        self.task += 1;
        if self.task < self.tasks.len() && !self.left.is_empty() {
            self.begin(now);
        } else {
            self.over = true;
            self.say(TaskEventKind::Stats, |_| {});
        }
    }

    fn end(&mut self, host: &str, took: u64) {
        let task = self.tasks[self.task];
        let failed = self.fails == Some(task) && (hash(host) ^ self.seed).is_multiple_of(10);
        let state = if failed {
            TaskState::Failed
        } else if self.changes {
            TaskState::Changed
        } else {
            TaskState::Ok
        };
        let wrong = failed.then_some((
            "disk-space",
            "120 MiB are free below /var/lib, 10240 are needed",
            "Free space below /var/lib.",
        ));
        self.say(TaskEventKind::Host, |event| {
            (event.task, event.host, event.state) = (Some(task.into()), Some(host.into()), Some(state));
            event.duration_ms = Some(took);
            if let Some((code, message, remedy)) = wrong {
                (event.code, event.message, event.remedy) =
                    (Some(code.into()), Some(message.into()), Some(remedy.into()));
            }
        });
        let Some(outcome) = self.outcomes.get_mut(host) else { return };
        outcome.duration_ms += took;
        match wrong {
            None => {
                outcome.ok += 1;
                outcome.changed += u32::from(self.changes);
            }
            Some((code, message, remedy)) => {
                outcome.state = HostState::Failed;
                outcome.failed_task = Some(task.into());
                (outcome.code, outcome.message, outcome.remedy) =
                    (Some(code.into()), Some(message.into()), Some(remedy.into()));
                self.left.retain(|one| one != host);
            }
        }
    }

    fn cancel(&mut self) {
        if self.over {
            return;
        }
        (self.over, self.cancelled) = (true, true);
        for host in std::mem::take(&mut self.left) {
            if let Some(outcome) = self.outcomes.get_mut(&host) {
                outcome.state = HostState::Cancelled;
            }
        }
        self.say(TaskEventKind::Note, |event| event.message = Some("cancelled".into()));
    }

    fn finish(&self, door: &Door) -> Finish {
        Finish {
            attempt: self.attempt.clone(),
            runner: door.runner,
            ended: if self.cancelled { Ended::Missing } else { Ended::Stats },
            exit: (!self.cancelled).then_some(0),
            signal: None,
            reason: self.cancelled.then(|| "cancelled".into()),
            hosts: self.outcomes.clone(),
            last_seq: self.events.len() as u64,
        }
    }
}

fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use beidou_schemas::runner::{BundleRef, Inventory, RunKind, Ssh};

    use super::*;

    fn assignment(step: &str, hosts: usize) -> Assignment {
        Assignment {
            attempt: "0f1e2d3c-check-b0-a1".parse().unwrap(),
            operation: Uuid::from_u128(1),
            step: step.into(),
            batch: 0,
            bundle: BundleRef { name: "scale-up".into(), digest: "ab".repeat(32) },
            kind: RunKind::Ansible,
            playbook: "x.yml".into(),
            limit: (0..hosts).map(|host| format!("10.0.0.{host}")).collect(),
            reach: Vec::new(),
            first: None,
            inventory: Inventory::default(),
            variables: Default::default(),
            secrets: Vec::new(),
            ssh: Ssh { private_key_path: String::new(), known_hosts: String::new(), bastion: None },
            mutates: false,
            check: false,
            forks: 50,
            fence: 1,
            fence_wait_s: 3,
            deadline_ms: 1000,
            heartbeat_ms: 1000,
        }
    }

    fn played(step: &str, attempt: &str) -> Play {
        let mut play = Play::new(&assignment(step, 100), 1, &attempt.parse().unwrap());
        while !play.over {
            let at = play.next_at().unwrap();
            play.go_on(at);
        }
        play
    }

    #[tokio::test(start_paused = true)]
    async fn some_checks_fail_once_and_events_are_numbered_to_the_end() {
        let first = played("preCheck", "0f1e2d3c-check-b0-a1");
        let failed = |play: &Play| play.outcomes.values().filter(|one| one.state == HostState::Failed).count();
        assert!((3..20).contains(&failed(&first)), "{}", failed(&first));
        assert!(first.events.iter().zip(1..).all(|(event, number)| event.seq == number));
        assert_eq!(first.events.last().unwrap().kind, TaskEventKind::Stats);
        assert_eq!(failed(&played("preCheck", "0f1e2d3c-check-b0-a2")), 0);
        assert_eq!(failed(&played("scaleUp", "0f1e2d3c-scaleup-b0-a1")), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_run_says_of_each_host_that_it_was() {
        let mut play = Play::new(&assignment("scaleUp", 3), 1, &"0f1e2d3c-scaleup-b0-a1".parse().unwrap());
        play.cancel();
        assert!(play.over && play.outcomes.values().all(|one| one.state == HostState::Cancelled));
    }
}
