//! Facts of operations, and what a runner tells; and their rows, as archive and table have them.

use std::{path::Path, sync::Arc, time::Duration};

use arrow_array::{RecordBatch, StringArray, UInt64Array, cast::AsArray};
use beidou_log::memory::MemoryLog;
use beidou_projector::fault::Faults;
use beidou_schemas::{
    Micros, Record,
    operation::{FACTS, OperationId, SAID, fact::Fact, said::Said},
    runner::{TaskEvent, TaskEventKind, TaskState},
};
use beidou_store::{Store, archive::Archive};
use uuid::Uuid;

use super::{append, log_of_operations, rows};

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

/// What tells a row from others, and what it says: run, who, attempt, number, the whole fact.
pub type Line = (Uuid, String, String, u64, String);

pub fn lines(batch: &RecordBatch) -> impl Iterator<Item = Line> {
    let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().clone();
    let (source, attempt, value): (StringArray, _, _) = (text("source"), text("attempt"), text("value"));
    let seq: UInt64Array = batch.column_by_name("seq").unwrap().as_primitive().clone();
    let id = batch.column_by_name("object_id").unwrap().as_fixed_size_binary().clone();
    (0..batch.num_rows()).map(move |row| {
        let id = Uuid::from_slice(id.value(row)).unwrap();
        (id, source.value(row).into(), attempt.value(row).into(), seq.value(row), value.value(row).into())
    })
}

/// All rows of the files that count, sorted.
pub async fn archived(archive: &Archive) -> Vec<Line> {
    let catalogue = archive.catalogue().await.unwrap();
    let mut found = Vec::new();
    for path in catalogue.ranges.into_iter().map(|file| file.path).chain(catalogue.days.into_keys()) {
        for batch in archive.open(&path).await.unwrap().batches().unwrap() {
            found.extend(lines(&batch.unwrap()));
        }
    }
    found.sort_unstable();
    found
}

/// All rows of the table that count, sorted.
pub async fn in_table(store: &Store) -> Vec<Line> {
    let sql = "SELECT toString(object_id) AS id, source, attempt, seq, value FROM operation_event FINAL \
               SETTINGS output_format_json_quote_64bit_integers = 0";
    let line = |row: &serde_json::Value| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (text("id").parse().unwrap(), text("source"), text("attempt"), row["seq"].as_u64().unwrap(), text("value"))
    };
    let mut found: Vec<Line> = rows(store, sql).await.iter().map(line).collect();
    found.sort_unstable();
    found
}
