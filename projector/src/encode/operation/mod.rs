//! Facts of operations and tasks, and what runners told of them, into rows of `operation_event`.
//!
//! ```text
//!  beidou.operation.v1       ─► runs (whose, since when) ─► one row per fact that counts
//!  beidou.operation.task.v1  ─► one row per event          ▲ names alone
//! ```
//!
//! A cut is encoded with what the facts before it say. They never leave the log, so that they are read anew at each start, and a
//! repeated cut yields the same rows. Of what runners told, the facts that name its operation were in the log before; of these
//! facts only what never changes is used.

mod line;
mod runs;

use std::{collections::BTreeMap, sync::Arc};

use arrow_array::{ArrayRef, RecordBatch, StringArray, cast::AsArray, types::Int8Type};
use arrow_schema::{ArrowError, Field};
use beidou_log::StoredRecord;
use beidou_schemas::{
    Micros, TopicPartition,
    fact::FactError,
    operation::{Object, fact::Fact, said::Said},
    runner::TaskEvent,
};
use uuid::Uuid;

use super::{
    CutRange, Encoded,
    column::{Column, rows},
    reject::Rejects,
};
use crate::{ProjectorError, readable::Damage};
use line::Line;
pub(super) use runs::Runs;

/// The table.
pub const TABLE: &str = "operation_event";

rows! {
    /// Rows of `operation_event`.
    OperationRows {
        cluster: Text,
        object: Enum,
        object_id: Uid,
        name: Text,
        r#type: Text,
        task_id: Uid,
        source: Enum,
        seq: UInt64,
        epoch: UInt64,
        kind: Text,
        time: Time,
        attempt: Text,
        purpose: Text,
        step: Text,
        batch: UInt32,
        number: UInt32,
        host: Text,
        hosts: UInt32,
        action: Text,
        outcome: Text,
        reason: Text,
        message: Text,
        duration_ms: UInt64,
        subject: Text,
        value: Text,
        log_partition: UInt16,
        log_offset: UInt64,
    }
}

/// The names of the table's column `object`, from number 1 on.
const OBJECTS: [&str; 3] = ["board", "operation", "task"];
/// Those of `source`.
const SOURCES: [&str; 2] = ["decided", "told"];

/// Who said it: the numbers of the column's enum.
#[derive(Debug, Clone, Copy)]
enum Source {
    Decided = 1,
    Told = 2,
}

/// Where a row stands.
struct Place<'a> {
    object: Object,
    source: Source,
    seq: u64,
    epoch: u64,
    kind: &'a str,
    time: Micros,
    offset: u64,
}

/// Encodes the facts of operations, or what runners told of them.
#[derive(Debug)]
pub struct OperationEncoder {
    at: TopicPartition,
    runs: Runs,
    /// The first of the facts that could not be read.
    unread: Option<Damage>,
}

/// Rows by the month of their time, the table's partition.
#[derive(Default)]
struct Months(BTreeMap<u32, OperationRows>);

impl OperationEncoder {
    /// An encoder that knows of no operation.
    pub fn new(at: TopicPartition) -> Self {
        Self { at, runs: Runs::default(), unread: None }
    }

    /// How far it knows the facts of operations.
    pub(crate) fn knows(&self) -> u64 {
        self.runs.next
    }

    /// The first of the facts that could not be read: rows behind it may lack names and lengths.
    pub(crate) fn unread(&self) -> Option<&Damage> {
        self.unread.as_ref()
    }

    /// Notes that facts could not be read.
    pub(crate) fn miss(&mut self, facts: Damage) {
        self.unread.get_or_insert(facts);
    }

    /// Sees facts up to an offset that come before what it will encode. What is none is told where it is projected.
    ///
    /// # Errors
    /// When this version is too old for one.
    pub(crate) fn learn(
        &mut self,
        facts: TopicPartition,
        records: &[StoredRecord],
        to: u64,
    ) -> Result<(), ProjectorError> {
        for stored in records {
            match Fact::from_json(&stored.record.value) {
                Ok(fact) => drop(self.runs.take(&fact)),
                Err(error @ FactError::Kind(_)) => return Err(too_old(facts, stored, error)),
                Err(FactError::Json { .. }) => {}
            }
        }
        self.runs.next = to;
        Ok(())
    }

    pub(super) fn encode_facts(
        &mut self,
        range: CutRange,
        records: &[StoredRecord],
    ) -> Result<Encoded, ProjectorError> {
        let (mut out, mut rejects, mut months) = (Encoded::default(), Rejects::default(), Months::default());
        for stored in records {
            match Fact::from_json(&stored.record.value) {
                Ok(fact) => self.put_fact(stored, &fact, &mut months, &mut out),
                Err(error @ FactError::Kind(_)) => return Err(too_old(self.at, stored, error)),
                Err(error @ FactError::Json { .. }) => rejects.put_record(self.at, stored, &error.to_string()),
            }
        }
        self.runs.next = range.to;
        months.finish(range, &mut out)?;
        rejects.finish(range, &mut out)?;
        Ok(out)
    }

    pub(super) fn encode_told(&self, range: CutRange, records: &[StoredRecord]) -> Result<Encoded, ProjectorError> {
        let (mut out, mut rejects, mut months) = (Encoded::default(), Rejects::default(), Months::default());
        for stored in records {
            match Said::from_json(&stored.record.value) {
                Ok(said) => self.put_told(stored, &said, &mut months, &mut out),
                Err(error @ FactError::Kind(_)) => return Err(too_old(self.at, stored, error)),
                Err(error @ FactError::Json { .. }) => rejects.put_record(self.at, stored, &error.to_string()),
            }
        }
        months.finish(range, &mut out)?;
        rejects.finish(range, &mut out)?;
        Ok(out)
    }

    fn put_fact(&mut self, stored: &StoredRecord, fact: &Fact, months: &mut Months, out: &mut Encoded) {
        out.observed = out.observed.max(fact.time);
        let Some(duration_ms) = self.runs.take(fact) else {
            out.duplicates += 1;
            return;
        };
        let Some(run) = self.runs.of(fact.object) else { return };
        let line = Line::of(run, &fact.body);
        let Fact { object, seq, epoch, time, .. } = *fact;
        let (kind, source, offset) = (fact.body.name(), Source::Decided, stored.offset);
        let rows = months.of(time);
        rows.put_place(&Place { object, source, seq, epoch, kind, time, offset }, self.at.partition);
        rows.put_names(line.cluster.unwrap_or(&run.cluster), &run.name, run.kind, run.task);
        rows.put_line(&line, duration_ms);
        rows.value.put(&String::from_utf8_lossy(&stored.record.value));
        out.rows += 1;
    }

    fn put_told(&self, stored: &StoredRecord, said: &Said, months: &mut Months, out: &mut Encoded) {
        out.observed = out.observed.max(said.time);
        let object = Object::Operation(said.operation);
        let (cluster, name, kind_of, task) = match self.runs.of(object) {
            Some(run) => (&*run.cluster, &*run.name, run.kind, run.task),
            None => ("", "", "", Uuid::nil()),
        };
        for event in &said.events {
            let (seq, epoch, kind, time) = (event.seq, said.epoch, event.kind.name(), event.time);
            let (source, offset) = (Source::Told, stored.offset);
            let rows = months.of(time);
            rows.put_place(&Place { object, source, seq, epoch, kind, time, offset }, self.at.partition);
            rows.put_names(cluster, name, kind_of, task);
            rows.put_line(&told(said, event), event.duration_ms.unwrap_or_default());
            rows.value.put(&serde_json::to_string(event).expect("events have string keys and no maps that could fail"));
            out.rows += 1;
        }
    }
}

fn told<'a>(said: &'a Said, event: &'a TaskEvent) -> Line<'a> {
    let text = |field: &'a Option<String>| field.as_deref().unwrap_or_default();
    Line {
        attempt: said.attempt.as_str(),
        step: &said.step,
        batch: said.batch,
        number: said.number,
        host: text(&event.host),
        hosts: usize::from(event.host.is_some()),
        action: event.task.as_deref().or(event.play.as_deref()).unwrap_or_default(),
        outcome: event.state.map_or("", |state| state.name()),
        reason: text(&event.code),
        message: text(&event.message).into(),
        ..Line::default()
    }
}

fn too_old(at: TopicPartition, stored: &StoredRecord, source: FactError) -> ProjectorError {
    // To skip what a newer version wrote would be to lie about what became of an operation.
    ProjectorError::Fact { at, offset: stored.offset, source }
}

impl Months {
    fn of(&mut self, time: Micros) -> &mut OperationRows {
        // As the column will have it: all rows of a block are of one partition of the table.
        let time = if time.in_column() { time } else { Micros(0) };
        self.0.entry(time.year_month()).or_insert_with(|| OperationRows::with_room(0))
    }

    fn finish(self, range: CutRange, out: &mut Encoded) -> Result<(), ProjectorError> {
        for (month, rows) in self.0 {
            let batch = rows.finish().map_err(beidou_store::StoreError::Encode)?;
            out.blocks.push(range.block(TABLE, &month.to_string(), &batch)?);
            out.archive.push(named(&batch).map_err(beidou_store::StoreError::Encode)?);
        }
        Ok(())
    }
}

/// The rows as the archive has them: with the names of what the table has as numbers, so that any tool reads them.
fn named(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let named = |(field, column): (&Arc<Field>, &ArrayRef)| {
        let names: &[&str] = match field.name().as_str() {
            "object" => &OBJECTS,
            "source" => &SOURCES,
            _ => return (field.name().clone(), column.clone()),
        };
        let name = |number: Option<i8>| names.get(usize::try_from(number? - 1).ok()?).copied();
        let names: StringArray =
            column.as_primitive::<Int8Type>().iter().map(|n| Some(name(n).unwrap_or_default())).collect();
        (field.name().clone(), Arc::new(names) as ArrayRef)
    };
    RecordBatch::try_from_iter(batch.schema_ref().fields().iter().zip(batch.columns()).map(named))
}

impl OperationRows {
    fn put_place(&mut self, place: &Place<'_>, partition: u32) {
        let object = match place.object {
            Object::Board => 1,
            Object::Operation(_) => 2,
            Object::Task(_) => 3,
        };
        self.object.put(object);
        self.object_id.put(place.object.id());
        self.source.put(place.source as u8);
        self.seq.put(place.seq);
        self.epoch.put(place.epoch);
        self.kind.put(place.kind);
        self.time.put(place.time);
        self.log_partition.put(partition as u16);
        self.log_offset.put(place.offset);
    }

    fn put_names(&mut self, cluster: &str, name: &str, kind: &str, task: Uuid) {
        self.cluster.put(cluster);
        self.name.put(name);
        self.r#type.put(kind);
        self.task_id.put(task);
    }

    fn put_line(&mut self, line: &Line<'_>, duration_ms: u64) {
        self.attempt.put(line.attempt);
        self.purpose.put(line.purpose);
        self.step.put(line.step);
        self.batch.put(line.batch);
        self.number.put(line.number);
        self.host.put(line.host);
        self.hosts.put(u32::try_from(line.hosts).unwrap_or(u32::MAX));
        self.action.put(line.action);
        self.outcome.put(line.outcome);
        self.reason.put(line.reason);
        self.message.put(&line.message);
        self.duration_ms.put(duration_ms);
        self.subject.put(line.subject);
    }
}
