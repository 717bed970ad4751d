//! A batch of rows with its columns by type: those that the archive itself looks at.

use std::cmp::Ordering;

use arrow_array::{
    Array, FixedSizeBinaryArray, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array, UInt64Array,
};
use arrow_schema::Schema;
use beidou_schemas::{Micros, archive::Collection, kube_event::HashedRow};
use uuid::Uuid;

use super::ArchiveError;

/// Columns of one batch, of whatever collection it is.
#[derive(Debug)]
pub(super) enum Columns<'a> {
    Events(EventColumns<'a>),
    Operations(OperationColumns<'a>),
}

#[derive(Debug)]
pub(super) struct EventColumns<'a> {
    cluster_uid: &'a StringArray,
    cluster: &'a StringArray,
    epoch: &'a UInt32Array,
    event_uid: &'a FixedSizeBinaryArray,
    resource_version: &'a UInt64Array,
    time: &'a TimestampMicrosecondArray,
    observed: &'a TimestampMicrosecondArray,
    kind: &'a StringArray,
    namespace: &'a StringArray,
    name: &'a StringArray,
    message: &'a StringArray,
    residual: &'a StringArray,
}

#[derive(Debug)]
pub(super) struct OperationColumns<'a> {
    cluster: &'a StringArray,
    object_id: &'a FixedSizeBinaryArray,
    source: &'a StringArray,
    epoch: &'a UInt64Array,
    attempt: &'a StringArray,
    seq: &'a UInt64Array,
    kind: &'a StringArray,
    time: &'a TimestampMicrosecondArray,
    value: &'a StringArray,
}

/// A column by its name and type.
pub(super) fn column<'a, T: Array + 'static>(batch: &'a RecordBatch, name: &str) -> Result<&'a T, ArchiveError> {
    let column = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref());
    column.ok_or_else(|| ArchiveError::NotOurs {
        path: "a batch of rows".into(),
        what: format!("the column {name} is missing or of another type"),
    })
}

/// What rows of this schema are of: only those of operations have an object.
pub(super) fn collection(rows: &Schema) -> Collection {
    match rows.column_with_name("object_id") {
        Some(_) => Collection::Operations,
        None => Collection::Events,
    }
}

impl<'a> Columns<'a> {
    pub(super) fn of(batch: &'a RecordBatch) -> Result<Self, ArchiveError> {
        Ok(match collection(batch.schema_ref()) {
            Collection::Events => Self::Events(EventColumns::of(batch)?),
            Collection::Operations => Self::Operations(OperationColumns::of(batch)?),
        })
    }

    /// By which day and hour it is found.
    pub(super) fn time(&self, row: usize) -> Micros {
        Micros(match self {
            Self::Events(columns) => columns.time.value(row),
            Self::Operations(columns) => columns.time.value(row),
        })
    }

    /// When it came to be known. A fact is known when it is written.
    pub(super) fn observed(&self, row: usize) -> Micros {
        Micros(match self {
            Self::Events(columns) => columns.observed.value(row),
            Self::Operations(columns) => columns.time.value(row),
        })
    }

    /// The cluster's uid and name; operations know clusters by name alone.
    pub(super) fn cluster(&self, row: usize) -> (&'a str, &'a str) {
        match self {
            Self::Events(columns) => (columns.cluster_uid.value(row), columns.cluster.value(row)),
            Self::Operations(columns) => ("", columns.cluster.value(row)),
        }
    }

    /// What the row's hash is made of.
    pub(super) fn hashed(&self, row: usize) -> HashedRow<'a> {
        match self {
            Self::Events(columns) => columns.hashed(row),
            Self::Operations(columns) => columns.hashed(row),
        }
    }

    /// The order of rows in the archive: [`Collection::row_order`]. Batches of two collections do not meet.
    pub(super) fn compare(&self, row: usize, other: &Self, at: usize) -> Ordering {
        match (self, other) {
            (Self::Events(own), Self::Events(other)) => own.compare(row, other, at),
            (Self::Operations(own), Self::Operations(other)) => own.compare(row, other, at),
            _ => Ordering::Equal,
        }
    }
}

fn text(own: &StringArray, row: usize, others: &StringArray, at: usize) -> Ordering {
    own.value(row).cmp(others.value(at))
}

impl<'a> EventColumns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, ArchiveError> {
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

    fn hashed(&self, row: usize) -> HashedRow<'a> {
        HashedRow {
            cluster_uid: self.cluster_uid.value(row),
            epoch: self.epoch.value(row),
            event_uid: Uuid::from_slice(self.event_uid.value(row)).unwrap_or_default(),
            resource_version: self.resource_version.value(row),
            name: self.name.value(row),
            message: self.message.value(row),
            residual: self.residual.value(row),
        }
    }

    fn compare(&self, row: usize, other: &Self, at: usize) -> Ordering {
        text(self.cluster_uid, row, other.cluster_uid, at)
            .then_with(|| text(self.kind, row, other.kind, at))
            .then_with(|| text(self.namespace, row, other.namespace, at))
            .then_with(|| text(self.name, row, other.name, at))
            .then_with(|| self.time.value(row).cmp(&other.time.value(at)))
            .then_with(|| self.event_uid.value(row).cmp(other.event_uid.value(at)))
            .then_with(|| self.epoch.value(row).cmp(&other.epoch.value(at)))
            .then_with(|| self.resource_version.value(row).cmp(&other.resource_version.value(at)))
    }
}

impl<'a> OperationColumns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, ArchiveError> {
        Ok(Self {
            cluster: column(batch, "cluster")?,
            object_id: column(batch, "object_id")?,
            source: column(batch, "source")?,
            epoch: column(batch, "epoch")?,
            attempt: column(batch, "attempt")?,
            seq: column(batch, "seq")?,
            kind: column(batch, "kind")?,
            time: column(batch, "time")?,
            value: column(batch, "value")?,
        })
    }

    /// The identity of the row and the whole fact, in the places of an Event's.
    fn hashed(&self, row: usize) -> HashedRow<'a> {
        HashedRow {
            cluster_uid: self.cluster.value(row),
            epoch: u32::try_from(self.epoch.value(row)).unwrap_or(u32::MAX),
            event_uid: Uuid::from_slice(self.object_id.value(row)).unwrap_or_default(),
            resource_version: self.seq.value(row),
            name: self.attempt.value(row),
            message: self.kind.value(row),
            residual: self.value.value(row),
        }
    }

    fn compare(&self, row: usize, other: &Self, at: usize) -> Ordering {
        text(self.cluster, row, other.cluster, at)
            .then_with(|| self.object_id.value(row).cmp(other.object_id.value(at)))
            .then_with(|| self.time.value(row).cmp(&other.time.value(at)))
            .then_with(|| text(self.source, row, other.source, at))
            .then_with(|| text(self.attempt, row, other.attempt, at))
            .then_with(|| self.seq.value(row).cmp(&other.seq.value(at)))
    }
}
