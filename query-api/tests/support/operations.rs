//! Operations for the log: the recorded run of the model, what its runners told, and controllers that follow commands.

use std::{sync::Arc, time::Duration};

use beidou_log::{Log, ReadLimit, memory::MemoryLog};
use beidou_model::operation::{Arrived, Board, decide, refusal};
use beidou_schemas::{
    Micros, Record, TopicPartition,
    operation::{
        ASKED, FACTS, OperationId, SAID,
        command::Command,
        fact::{Body, Fact},
        said::Said,
    },
    runner::{TaskEvent, TaskEventKind, TaskState},
};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{Api, TOKEN, config, start};

const LOG: &str = include_str!("../../../lib/model/golden/operation/first.log");
pub const BOSS: &str = "a-token-for-tests-2";
/// The operation that people hold, retry and cancel.
pub const RUN: Uuid = Uuid::from_u128(1);
/// The task that goes through all its steps.
pub const TASK: Uuid = Uuid::from_u128(9);

/// The facts of the recorded run.
pub fn golden() -> Vec<Fact> {
    LOG.lines().map(|line| Fact::from_json(line.as_bytes()).unwrap()).collect()
}

/// The facts before the first one that fits.
pub fn golden_until(fits: impl Fn(&Fact) -> bool) -> Vec<Fact> {
    golden().into_iter().take_while(|fact| !fits(fact)).collect()
}

/// Bundles and rules alone.
pub fn board_facts() -> Vec<Fact> {
    golden()
        .into_iter()
        .filter(|fact| matches!(fact.body, Body::WriterStarted(_) | Body::BundleKnown(_) | Body::ClusterRuled(_)))
        .collect()
}

pub async fn append(log: &Arc<MemoryLog>, at: TopicPartition, records: Vec<Record>) {
    log.writer(at, "test").await.unwrap().append(records).await.unwrap();
}

pub async fn tell(log: &Arc<MemoryLog>, facts: &[Fact]) {
    append(log, FACTS, facts.iter().map(Fact::to_record).collect()).await;
}

/// A role with two callers, `tester` and `boss`, and no store.
pub async fn two_callers(log: Arc<MemoryLog>) -> Api {
    let mut config = config();
    let boss =
        beidou_query_api::TokenConfig { subject: "boss".into(), token: Some(BOSS.into()), ..config.tokens[0].clone() };
    config.tokens.push(boss);
    start(config, log, beidou_store::Store::embedded(std::path::Path::new("/nowhere"))).await
}

/// Commands that stand in the log.
pub async fn commands(log: &Arc<MemoryLog>) -> Vec<Command> {
    let limit = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO };
    let batch = log.read(ASKED, 0, limit).await.unwrap();
    batch.records.iter().map(|stored| Command::from_json(&stored.record.value).unwrap()).collect()
}

/// Controllers, as far as commands go: the model decides, and what follows is written.
pub fn controllers(log: &Arc<MemoryLog>) -> JoinHandle<()> {
    let log = log.clone();
    tokio::spawn(async move {
        let read = |max_wait| ReadLimit { max_bytes: usize::MAX, max_wait };
        let writer = log.writer(FACTS, "controllers").await.unwrap();
        let there = log.read(FACTS, 0, read(Duration::ZERO)).await.unwrap();
        let facts: Vec<Fact> =
            there.records.iter().map(|stored| Fact::from_json(&stored.record.value).unwrap()).collect();
        let (mut board, mut at) = (Board::fold(&facts), 0);
        loop {
            let batch = log.read(ASKED, at, read(Duration::from_secs(60))).await.unwrap();
            at = batch.next;
            for stored in &batch.records {
                let command = Command::from_json(&stored.record.value).unwrap();
                let time = command.time;
                let arrived = Arrived { command, partition: ASKED.partition, offset: stored.offset };
                let facts =
                    decide(&board, &arrived, time).unwrap_or_else(|refused| refusal(&board, &arrived, &refused, time));
                for fact in &facts {
                    board.apply(fact);
                }
                if !facts.is_empty() {
                    writer.append(facts.iter().map(Fact::to_record).collect()).await.unwrap();
                }
            }
        }
    })
}

/// An event: every third one is of no host.
pub fn event(seq: u64) -> TaskEvent {
    let time = Micros(1_795_444_800_000_000 + seq as i64 * 1_000_000);
    let mut event =
        TaskEvent::new(seq, time, if seq.is_multiple_of(3) { TaskEventKind::Task } else { TaskEventKind::Host });
    event.task = Some(format!("task {}", seq / 3));
    if !seq.is_multiple_of(3) {
        event.host = Some(format!("10.0.0.{}", seq % 3));
        event.state = Some(TaskState::Ok);
        event.message = Some(format!("line {seq}"));
    }
    event
}

/// What an attempt told, events `from` to `to`.
pub fn said(attempt: &str, step: &str, epoch: u64, from: u64, to: u64) -> Said {
    let (operation, attempt) = (OperationId(RUN), attempt.parse().unwrap());
    let number = 1;
    Said {
        operation,
        attempt,
        step: step.into(),
        batch: 0,
        number,
        epoch,
        time: Micros(0),
        events: (from..=to).map(event).collect(),
    }
}

pub async fn say(log: &Arc<MemoryLog>, said: &[Said]) {
    append(log, SAID, said.iter().map(Said::to_record).collect()).await;
}

/// The token of the tester, for requests that are not GET.
pub fn post(api: &Api, path: &str, body: &serde_json::Value) -> reqwest::RequestBuilder {
    api.client.post(format!("{}{path}", api.url)).bearer_auth(TOKEN).json(body)
}
