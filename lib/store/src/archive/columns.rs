//! A batch of rows of `kube_event` with its columns by type: those that the archive itself looks at.

use std::cmp::Ordering;

use arrow_array::{
    Array, FixedSizeBinaryArray, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array, UInt64Array,
};
use beidou_schemas::{Micros, kube_event::HashedRow};
use uuid::Uuid;

use super::ArchiveError;

/// Columns of one batch.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    pub cluster_uid: &'a StringArray,
    pub cluster: &'a StringArray,
    pub epoch: &'a UInt32Array,
    event_uid: &'a FixedSizeBinaryArray,
    pub resource_version: &'a UInt64Array,
    pub time: &'a TimestampMicrosecondArray,
    pub observed: &'a TimestampMicrosecondArray,
    kind: &'a StringArray,
    namespace: &'a StringArray,
    name: &'a StringArray,
    message: &'a StringArray,
    residual: &'a StringArray,
}

/// A column by its name and type.
pub(super) fn column<'a, T: Array + 'static>(batch: &'a RecordBatch, name: &str) -> Result<&'a T, ArchiveError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref());
    column.ok_or_else(|| ArchiveError::NotOurs {
        path: "a batch of rows".into(),
        what: format!("the column {name} is missing or of another type"),
    })
}

impl<'a> Columns<'a> {
    pub(super) fn of(batch: &'a RecordBatch) -> Result<Self, ArchiveError> {
        Ok(Self {
            cluster_uid: column(batch, "cluster_uid")?,
            cluster: column(batch, "cluster")?,
            epoch: column(batch, "epoch")?,
            event_uid: column(batch, "event_uid")?,
            resource_version: column(batch, "resource_version")?,
            time: column(batch, "time")?,
            observed: column(batch, "observed")?,
            kind: column(batch, "kind")?,
            namespace: column(batch, "namespace")?,
            name: column(batch, "name")?,
            message: column(batch, "message")?,
            residual: column(batch, "residual")?,
        })
    }

    pub(super) fn event_uid(&self, row: usize) -> Uuid {
        Uuid::from_slice(self.event_uid.value(row)).unwrap_or_default()
    }

    pub(super) fn time(&self, row: usize) -> Micros {
        Micros(self.time.value(row))
    }

    /// What the row's hash is made of.
    pub(super) fn hashed(&self, row: usize) -> HashedRow<'a> {
        HashedRow {
            cluster_uid: self.cluster_uid.value(row),
            epoch: self.epoch.value(row),
            event_uid: self.event_uid(row),
            resource_version: self.resource_version.value(row),
            name: self.name.value(row),
            message: self.message.value(row),
            residual: self.residual.value(row),
        }
    }

    /// The order of rows in the archive: `ROW_ORDER`.
    pub(super) fn compare(&self, row: usize, other: &Self, at: usize) -> Ordering {
        let text = |own: &StringArray, others: &StringArray| own.value(row).cmp(others.value(at));
        text(self.cluster_uid, other.cluster_uid)
            .then_with(|| text(self.kind, other.kind))
            .then_with(|| text(self.namespace, other.namespace))
            .then_with(|| text(self.name, other.name))
            .then_with(|| self.time.value(row).cmp(&other.time.value(at)))
            .then_with(|| self.event_uid.value(row).cmp(other.event_uid.value(at)))
            .then_with(|| self.epoch.value(row).cmp(&other.epoch.value(at)))
            .then_with(|| self.resource_version.value(row).cmp(&other.resource_version.value(at)))
    }
}
