//! The verdict on a run: what the API server wrote down, against table, archive and reported coverage. By the same judge as
//! that of the fault test on real processes.

use std::collections::{BTreeMap, HashSet};

use arrow_array::{
    Array, FixedSizeBinaryArray, Int8Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
    UInt64Array,
};
use beidou_model::coverage::{Known, PartState, Span, merge};
use beidou_schemas::{Micros, coverage::CoverageState};
use beidou_simulator::{StateId, oracle::Entry};
use beidou_store::archive::{Archive, marks};
use beidou_tests::faults::verdict::{
    Case, Interval, Oracle, Stored,
    kept::{Row, unlike},
};
use uuid::Uuid;

use super::{course::Course, table::Tables};

/// What is judged.
pub struct Facts<'a> {
    pub course: &'a Course,
    pub entries: &'a [Entry],
    /// Uids of heartbeats.
    pub own: &'a HashSet<Uuid>,
    pub until_us: i64,
    pub tables: &'a Tables,
    pub archive: &'a Archive,
}

/// A column of a batch. What is not there is a bug of the twin.
pub fn column<'a, T: 'static>(batch: &'a RecordBatch, name: &str) -> &'a T {
    let column = batch.column_by_name(name).unwrap_or_else(|| panic!("{name} is a column"));
    column.as_any().downcast_ref().unwrap_or_else(|| panic!("{name} is of another kind: {:?}", column.data_type()))
}

/// The rows of Events of these batches.
pub fn rows_of(batches: &[RecordBatch]) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in batches {
        let deltas: &UInt32Array = column(batch, "occurrences_delta");
        for (mark, delta) in marks(batch).expect("a batch of Events").zip(deltas.values()) {
            let state = StateId {
                cluster: mark.cluster_uid.parse().expect("a uid"),
                incarnation: mark.id.epoch,
                resource_version: mark.id.resource_version,
                uid: mark.id.event_uid,
            };
            rows.push(Row { state, occurrences: *delta, hash: mark.hash });
        }
    }
    rows
}

/// The states of these batches alone, for whoever looks often.
pub fn states_of(batches: &[RecordBatch]) -> Vec<StateId> {
    let mut states = Vec::new();
    for batch in batches {
        let clusters: &StringArray = column(batch, "cluster_uid");
        let (epochs, versions): (&UInt32Array, &UInt64Array) =
            (column(batch, "epoch"), column(batch, "resource_version"));
        let uids: &FixedSizeBinaryArray = column(batch, "event_uid");
        states.extend((0..batch.num_rows()).map(|row| StateId {
            cluster: clusters.value(row).parse().expect("a uid"),
            incarnation: epochs.value(row),
            resource_version: versions.value(row),
            uid: Uuid::from_slice(uids.value(row)).expect("16 bytes"),
        }));
    }
    states
}

/// What is told of time: of the rows of one key the newest.
pub fn intervals_of(batches: &[RecordBatch]) -> Vec<Interval> {
    let mut newest = BTreeMap::new();
    for batch in batches {
        let text = |name| column::<StringArray>(batch, name);
        let (clusters, reasons, states) = (text("cluster_uid"), text("reason"), column::<Int8Array>(batch, "state"));
        let time = |name| column::<TimestampMicrosecondArray>(batch, name);
        let (from, until) = (time("from_time"), time("until_time"));
        let sessions: &FixedSizeBinaryArray = column(batch, "session");
        let offsets: &UInt64Array = column(batch, "log_offset");
        for row in 0..batch.num_rows() {
            let state = match states.value(row) {
                1 => CoverageState::Complete,
                2 => CoverageState::Degraded,
                _ => CoverageState::Gap,
            };
            let interval = Interval {
                cluster: clusters.value(row).parse().expect("a uid"),
                state: state.name().into(),
                reason: reasons.value(row).into(),
                from_us: from.value(row),
                until_us: until.value(row),
            };
            let key = (interval.cluster, states.value(row), sessions.value(row).to_vec(), interval.from_us);
            let known = newest.entry(key).or_insert((offsets.value(row), interval.clone()));
            if known.0 <= offsets.value(row) {
                *known = (offsets.value(row), interval);
            }
        }
    }
    newest.into_values().map(|(_, interval)| interval).collect()
}

/// The moment until which the watches have proven all.
pub fn proven_until(tables: &Tables) -> i64 {
    let intervals = intervals_of(&tables.blocks("kube_coverage"));
    let complete = intervals.iter().filter(|interval| interval.state == "complete");
    complete.map(|interval| interval.until_us).max().unwrap_or_default()
}

async fn files_of(archive: &Archive) -> Vec<String> {
    let catalogue = archive.catalogue().await.expect("it is readable");
    catalogue.ranges.into_iter().map(|file| file.path).chain(catalogue.days.into_keys()).collect()
}

/// How many rows the files say that they have.
pub async fn archived_rows(archive: &Archive) -> u64 {
    let mut rows = 0;
    for path in files_of(archive).await {
        rows += archive.open(&path).await.expect("it is there").note().rows;
    }
    rows
}

/// The rows of all files that count.
pub async fn archived(archive: &Archive) -> Vec<Row> {
    let mut rows = Vec::new();
    for path in files_of(archive).await {
        let opened = archive.open(&path).await.expect("it is there");
        let batches: Vec<RecordBatch> =
            opened.batches().expect("it is whole").collect::<Result<_, _>>().expect("it is whole");
        rows.extend(rows_of(&batches));
    }
    rows
}

/// What is wrong, in words; nothing if all is right.
pub async fn judge(facts: &Facts<'_>) -> Vec<String> {
    let Facts { course, entries, own, until_us, tables, archive } = facts;
    let oracle = Oracle::of(entries);
    let table = rows_of(&tables.blocks("kube_event"));
    let mut stored = Stored { rows: table.len() as u64, ..Stored::default() };
    for row in &table {
        let Row { state, occurrences, .. } = row;
        *stored.occurrences.entry((state.cluster, state.uid)).or_default() += u64::from(*occurrences);
        stored.states.insert(*state);
    }
    let told = intervals_of(&tables.blocks("kube_coverage"));
    let intervals = if course.collectors > 1 { merged(told, *until_us) } else { told };
    // A proof is as old as a heartbeat; what the log did not take meanwhile is not proven either.
    let heartbeat_us = (course.heartbeat_ms * 1000).cast_signed();
    let tolerance_us = heartbeat_us + heartbeat_us / 2 + course.patience.as_micros() as i64;
    let case = Case { oracle: &oracle, own, stored: &stored, intervals: &intervals, tolerance_us, until_us: *until_us };
    let mut wrong = case.wrong();
    wrong.extend(unlike(&table, &archived(archive).await));
    wrong.retain(|text| counts(course, text));
    wrong.extend(tables.unknown().into_iter().map(|sql| format!("the twin of the tables does not know: {sql}")));
    wrong
}

/// What one collector lost the other one may have brought; and clocks that are turned tell nothing of time.
fn counts(course: &Course, wrong: &str) -> bool {
    let of_one = ["a loss is not told", "a loss is not covered"];
    let of_time = [
        "outside every",
        "told to be complete",
        "a restored etcd",
        "more is reported",
        "nothing is told",
        "told twice",
        "first list",
        "worse is reported",
    ];
    let any = |of: &[&str]| of.iter().any(|part| wrong.contains(part));
    // Each collector has one: where the first to list had proven only a moment when it lost its watch, and the other one listed after
    // that moment, the other's shows again behind it.
    let of_each = (2..=course.collectors).any(|lists| wrong.ends_with(&format!("has {lists} first lists")));
    // An index that is rebuilt from less of the log counts occurrences anew: docs/faults.md.
    let of_index = ["do not add up"];
    !(of_each
        || course.collectors > 1 && any(&of_one)
        || course.skewed && (any(&of_one) || any(&of_time))
        || course.retains && any(&of_index))
}

/// What several collectors tell together, as answers do; up to the last moment that is told, for the last states may have been
/// committed at the very moment until which all must be told.
fn merged(told: Vec<Interval>, until_us: i64) -> Vec<Interval> {
    let Some(first) = told.first() else { return told };
    let cluster = first.cluster;
    let end = told.iter().map(|interval| interval.until_us).fold(until_us, i64::max);
    let state = |name: &str| match name {
        "complete" => CoverageState::Complete,
        "degraded" => CoverageState::Degraded,
        _ => CoverageState::Gap,
    };
    let span = |interval: &Interval| Span {
        from: Micros(interval.from_us),
        until: Micros(interval.until_us),
        state: state(&interval.state),
        reason: interval.reason.clone(),
    };
    let begin = told.iter().map(|interval| interval.from_us).min().unwrap_or_default();
    let known = Known {
        spans: told.iter().map(span).collect(),
        first: Some(Micros(begin)),
        projected: Micros(i64::MAX),
        ..Known::default()
    };
    let parts = merge(&known, Micros(begin)..Micros(end)).parts;
    let mut intervals = Vec::new();
    let mut at = begin;
    let interval = |state: &str, reason: &str, from_us, until_us| Interval {
        cluster,
        state: state.into(),
        reason: reason.into(),
        from_us,
        until_us,
    };
    for part in parts {
        if at < part.from.0 {
            intervals.push(interval("complete", "", at, part.from.0));
        }
        at = part.until.0;
        match part.state {
            PartState::Unknown => {}
            PartState::Degraded | PartState::Gap => {
                intervals.push(interval(part.state.name(), &part.reason, part.from.0, part.until.0));
            }
        }
    }
    if at < end {
        intervals.push(interval("complete", "", at, end));
    }
    intervals
}
