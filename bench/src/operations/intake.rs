//! What runners tell, taken in: one that only talks, as fast as the door answers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use async_trait::async_trait;
use beidou_controllers::execute::{ExecuteError, Executor, Order, Standing};
use beidou_log::{Log, ReadLimit};
use beidou_schemas::{
    Micros, Record,
    operation::{Phase, SAID, fact::Body},
    runner::{
        Assignment, AttemptId, CLAIM_PATH, Claim, EVENTS_PATH, Ended, Events, FINISH_PATH, Finish, HostOutcome,
        HostState, Taken, TaskEvent, TaskEventKind, TaskState,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::site::{Site, is_over};
use crate::{
    report::{Report, grouped},
    usage::{anonymous_memory, own_cpu},
};

const HOSTS: usize = 20;
/// Events of one runner, in requests as large as the real one's.
const EVENTS: u64 = 400_000;
const REQUEST: u64 = 500;

pub async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let mut site = Site::new(1)?;
    // What is kept in any case, such as connections, is there before memory is looked at.
    site.start(Some(Talkers::new(EVENTS / 10))).await?;
    let mut at = 0;
    for _ in 0..2 {
        site.operate(1, HOSTS).await?;
        (_, at) = site.facts_until(at, is_over).await?;
    }
    let folder = site.end().await?;
    drop(folder);

    let mut site = Site::new(1)?;
    site.start(Some(Talkers::new(EVENTS))).await?;
    let (before, cpu, begun) = (anonymous_memory(std::process::id())?, own_cpu(), Instant::now());
    site.operate(1, HOSTS).await?;
    let (facts, _) = site.facts_until(0, is_over).await?;
    let (took, cpu) = (begun.elapsed().as_secs_f64(), own_cpu() - cpu);
    let after = anonymous_memory(std::process::id())?;
    let well = facts.iter().any(|fact| matches!(&fact.body, Body::Finished(end) if end.phase == Phase::Succeeded));
    let limit = append_alone(&site).await?;
    site.end().await?;
    anyhow::ensure!(well, "the operation did not succeed");
    report.row(
        "task events of runners taken in, events/s",
        grouped(EVENTS as f64 / took),
        format!(
            "of one runner, {} per core with the runner's own part; the same records appended alone {}/s; memory {:+.1} MiB after {}; must 5,000, aim 20,000",
            grouped(EVENTS as f64 / cpu),
            grouped(EVENTS as f64 / limit),
            (after as f64 - before as f64) / f64::from(1 << 20),
            grouped(EVENTS as f64),
        ),
    );
    Ok(())
}

/// How long the log takes for the same records, one append after the other.
async fn append_alone(site: &Site) -> anyhow::Result<f64> {
    let (mut at, mut all): (_, Vec<Record>) = (0, Vec::new());
    loop {
        let batch = site.log.read(SAID, at, ReadLimit { max_bytes: 8 << 20, max_wait: Default::default() }).await?;
        if batch.records.is_empty() {
            break;
        }
        at = batch.next;
        all.extend(batch.records.into_iter().map(|stored| stored.record));
    }
    let folder = tempfile::tempdir()?;
    let log = super::site::open_log(folder.path())?;
    let writer = log.writer(SAID, "bench").await?;
    let begun = Instant::now();
    for record in all {
        writer.append(vec![record]).await?;
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// Makes runners that talk of tasks which nobody does.
pub struct Talkers {
    events: u64,
    made: Mutex<HashMap<AttemptId, JoinHandle<()>>>,
}

impl Talkers {
    /// Each tells so many events.
    pub fn new(events: u64) -> Arc<Self> {
        Arc::new(Self { events, made: Mutex::default() })
    }
}

#[async_trait]
impl Executor for Talkers {
    fn name(&self) -> &'static str {
        "talker"
    }

    fn secret_path(&self, _: &AttemptId, name: &str) -> String {
        format!("/secrets/{name}")
    }

    async fn launch(&self, order: &Order) -> Result<String, ExecuteError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let (order, events) = (order.clone(), self.events);
        let place = format!("task {}", order.attempt);
        made.entry(order.attempt.clone()).or_insert_with(|| {
            tokio::spawn(async move {
                if let Err(error) = talk(&order, events).await {
                    eprint(&error);
                }
            })
        });
        Ok(place)
    }

    async fn look(&self, attempt: &AttemptId) -> Result<Standing, ExecuteError> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match made.get(attempt) {
            None => Standing::Absent,
            Some(runner) if runner.is_finished() => {
                Standing::Gone { exit: None, signal: None, message: "it has ended".into() }
            }
            Some(_) => Standing::Running,
        })
    }

    async fn stop(&self, _: &AttemptId, _: bool) -> Result<(), ExecuteError> {
        Ok(())
    }

    async fn forget(&self, _: &AttemptId) -> Result<(), ExecuteError> {
        Ok(())
    }
}

#[expect(clippy::print_stderr, reason = "a bench speaks to the person at the terminal")]
fn eprint(error: &anyhow::Error) {
    eprintln!("a runner: {error:#}");
}

async fn talk(order: &Order, events: u64) -> anyhow::Result<()> {
    let http = reqwest::Client::new();
    let (attempt, runner) = (order.attempt.clone(), Uuid::new_v4());
    let claim = Claim { attempt: attempt.clone(), runner };
    let assignment: Assignment = post(&http, order, CLAIM_PATH, &claim).await?;
    let hosts = &assignment.limit;
    let mut first = 1;
    while first <= events {
        let last = events.min(first + REQUEST - 1);
        let told = (first..=last).map(|seq| event(seq, hosts)).collect();
        let sent = Events { attempt: attempt.clone(), runner, first, events: told };
        let taken: Taken = post(&http, order, EVENTS_PATH, &sent).await?;
        anyhow::ensure!(taken.next == last + 1, "the door wants event {} next", taken.next);
        first = last + 1;
    }
    let outcome = || HostOutcome {
        state: HostState::Ok,
        failed_task: None,
        message: None,
        code: None,
        remedy: None,
        changed: 1,
        ok: 1,
        duration_ms: 5,
    };
    let hosts = hosts.iter().map(|host| (host.clone(), outcome())).collect();
    let (ended, exit, last_seq) = (Ended::Stats, Some(0), events);
    let finish = Finish { attempt, runner, ended, exit, signal: None, reason: None, hosts, last_seq };
    let _taken: Taken = post(&http, order, FINISH_PATH, &finish).await?;
    Ok(())
}

/// The end of a task on a host, as Ansible tells it.
fn event(seq: u64, hosts: &[String]) -> TaskEvent {
    TaskEvent {
        task: Some(format!("task {} of the play", seq / 20)),
        task_uuid: Some(format!("0242ac11-0002-{:04x}-0000-{:012x}", seq / 20 % 0xffff, seq / 20)),
        action: Some("ansible.builtin.copy".into()),
        host: hosts.get(seq as usize % hosts.len().max(1)).cloned(),
        state: Some(TaskState::Ok),
        duration_ms: Some(40 + seq % 500),
        ..TaskEvent::new(seq, Micros::of(jiff::Timestamp::now()), TaskEventKind::Host)
    }
}

async fn post<T: DeserializeOwned>(
    http: &reqwest::Client,
    order: &Order,
    path: &str,
    body: &impl Serialize,
) -> anyhow::Result<T> {
    let request = http.post(format!("{}{path}", order.door)).bearer_auth(order.token.reveal()).json(body);
    Ok(request.send().await?.error_for_status()?.json().await?)
}
