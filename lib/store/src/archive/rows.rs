//! Rows as they come back: their hash, and the Event that each one holds.

use std::borrow::Cow;

use arrow_array::{FixedSizeBinaryArray, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array};
use beidou_schemas::{
    Micros,
    kube_event::{EventState, RangeHash, RowHasher, Shape},
};
use uuid::Uuid;

use super::{
    ArchiveError,
    columns::{Columns, column},
};

/// Rows and their hash, counted as they pass.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub rows: u64,
    pub hash: RangeHash,
    hasher: RowHasher,
}

impl Tally {
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<(), ArchiveError> {
        let columns = Columns::of(batch)?;
        self.rows += batch.num_rows() as u64;
        for row in 0..batch.num_rows() {
            self.hash = self.hash.with(self.hasher.hash(&columns.hashed(row)));
        }
        Ok(())
    }
}

/// The hash of a batch's rows.
///
/// # Errors
/// When the batch has not the columns of `kube_event`.
pub fn hash(batch: &RecordBatch) -> Result<RangeHash, ArchiveError> {
    let mut tally = Tally::default();
    tally.add(batch)?;
    Ok(tally.hash)
}

/// The states of a batch, borrowed: what `rebuild` makes the Event's JSON of, exactly as from a row of the table.
///
/// # Errors
/// When the batch has not the columns of `kube_event`.
pub fn states(batch: &RecordBatch) -> Result<impl Iterator<Item = EventState<'_>>, ArchiveError> {
    let of = States::of(batch)?;
    Ok((0..batch.num_rows()).map(move |row| of.state(row)))
}

/// The columns that hold the Event itself.
struct States<'a> {
    texts: [&'a StringArray; 16],
    uid: &'a FixedSizeBinaryArray,
    object_uid: &'a FixedSizeBinaryArray,
    resource_version: &'a UInt64Array,
    object_version: &'a UInt64Array,
    times: [&'a TimestampMicrosecondArray; 5],
    count: &'a Int32Array,
    series_count: &'a Int32Array,
    shape: &'a UInt64Array,
}

const TEXTS: [&str; 16] = [
    "meta_name",
    "meta_namespace",
    "kind",
    "namespace",
    "name",
    "object_api_version",
    "field_path",
    "reason",
    "message",
    "component",
    "host",
    "type",
    "action",
    "reporting_component",
    "reporting_instance",
    "residual",
];
const TIMES: [&str; 5] = ["creation_time", "first_time", "last_time", "event_time", "series_time"];

impl<'a> States<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, ArchiveError> {
        let (mut texts, mut times) = (Vec::with_capacity(TEXTS.len()), Vec::with_capacity(TIMES.len()));
        for name in TEXTS {
            texts.push(column(batch, name)?);
        }
        for name in TIMES {
            times.push(column(batch, name)?);
        }
        Ok(Self {
            texts: texts.try_into().expect("one for each name"),
            times: times.try_into().expect("one for each name"),
            uid: column(batch, "event_uid")?,
            object_uid: column(batch, "object_uid")?,
            resource_version: column(batch, "resource_version")?,
            object_version: column(batch, "object_resource_version")?,
            count: column(batch, "count")?,
            series_count: column(batch, "series_count")?,
            shape: column(batch, "shape")?,
        })
    }

    fn state(&self, row: usize) -> EventState<'a> {
        let [
            meta_name,
            meta_namespace,
            kind,
            namespace,
            name,
            api_version,
            field_path,
            reason,
            message,
            component,
            host,
            event_type,
            action,
            reporter,
            instance,
            residual,
        ] = self.texts.map(|texts| texts.value(row));
        let [creation, first, last, event_time, series_time] = self.times.map(|times| Micros(times.value(row)));
        let uid = |uids: &FixedSizeBinaryArray| Uuid::from_slice(uids.value(row)).unwrap_or_default();
        EventState {
            name: Cow::Borrowed(meta_name),
            namespace: Cow::Borrowed(meta_namespace),
            uid: uid(self.uid),
            resource_version: self.resource_version.value(row),
            creation,
            object_kind: Cow::Borrowed(kind),
            object_namespace: Cow::Borrowed(namespace),
            object_name: Cow::Borrowed(name),
            object_uid: uid(self.object_uid),
            object_api_version: Cow::Borrowed(api_version),
            object_version: self.object_version.value(row),
            object_field_path: Cow::Borrowed(field_path),
            reason: Cow::Borrowed(reason),
            message: Cow::Borrowed(message),
            source_component: Cow::Borrowed(component),
            source_host: Cow::Borrowed(host),
            first,
            last,
            count: self.count.value(row),
            event_type: Cow::Borrowed(event_type),
            event_time,
            series_count: self.series_count.value(row),
            series_time,
            action: Cow::Borrowed(action),
            reporting_component: Cow::Borrowed(reporter),
            reporting_instance: Cow::Borrowed(instance),
            shape: Shape(self.shape.value(row)),
            residual: residual.to_owned(),
        }
    }
}
