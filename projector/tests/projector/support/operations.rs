//! Facts of operations, and what a runner tells.

use std::{path::Path, sync::Arc, time::Duration};

use beidou_log::memory::MemoryLog;
use beidou_projector::fault::Faults;
use beidou_schemas::{
    Micros, Record,
    operation::{FACTS, OperationId, SAID, fact::Fact, said::Said},
    runner::{TaskEvent, TaskEventKind, TaskState},
};
use uuid::Uuid;

use super::{append, log_of_operations};

/// The recorded run of the model: a task with its operations, and an operation that people hold, retry and cancel.
pub const LOG: &str = include_str!("../../../../lib/model/golden/operation/first.log");
pub const RUN: OperationId = OperationId(Uuid::from_u128(1));

pub fn golden() -> Vec<Fact> {
    LOG.lines().map(|line| Fact::from_json(line.as_bytes()).unwrap()).collect()
}

pub fn records(facts: &[Fact]) -> Vec<Record> {
    facts.iter().map(Fact::to_record).collect()
}

/// What a runner told of a host, twenty times.
pub fn told(epoch: u64) -> Said {
    let event = |seq: u64| TaskEvent {
        task: Some("pull the images".into()),
        host: Some("10.0.0.1".into()),
        state: Some(TaskState::Failed),
        duration_ms: Some(seq * 100),
        code: Some("RegistryUnreachable".into()),
        message: Some(format!("no route, epoch {epoch}")),
        ..TaskEvent::new(seq, Micros(1_795_444_860_000_000), TaskEventKind::Host)
    };
    let attempt = "00000000-scaleup-b0-a1".parse().unwrap();
    let (step, time) = ("scaleUp".into(), Micros(1_795_444_861_000_000));
    let events = (1..=20).map(event).collect();
    Said { operation: RUN, attempt, step, batch: 0, number: 1, epoch, time, events }
}

/// A log that holds them.
pub async fn world() -> Arc<MemoryLog> {
    let log = log_of_operations();
    append(&log, FACTS, records(&golden())).await;
    append(&log, SAID, vec![told(1).to_record()]).await;
    log
}

/// Held for long at each step, which is told in the file.
pub fn stuck_at(file: &Path) -> Faults {
    Faults { file: Some(file.into()), hold: Duration::from_secs(3600), ..Faults::default() }
}
