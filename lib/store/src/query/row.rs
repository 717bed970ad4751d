//! Rows of `kube_event`: the flat one of lists, and the whole one from which the Event's JSON is rebuilt.

use beidou_schemas::{
    Micros,
    kube_event::{EventState, Shape, Stored},
};
use clickhouse::Row;
use serde::Deserialize;
use uuid::Uuid;

use super::reader::Weight;

/// A state as lists show it. Times are microseconds since 1970, UTC.
#[derive(Debug, Clone, PartialEq, Row, Deserialize)]
pub struct EventRow {
    /// The cluster.
    pub cluster_uid: String,
    /// Its name when the state was observed.
    pub cluster: String,
    /// The life of its etcd.
    pub epoch: u32,
    /// The Event object.
    #[serde(with = "clickhouse::serde::uuid")]
    pub event_uid: Uuid,
    /// The state of that object.
    pub resource_version: u64,
    /// When it happened, microseconds.
    pub time: i64,
    /// What is odd about the times: bits of `TimeFlags`.
    pub time_flags: u8,
    /// When Beidou saw it, microseconds.
    pub observed: i64,
    /// A number of `FoundBy`.
    pub found_by: i8,
    /// How often so far.
    pub occurrences: u32,
    /// How often since the states stored before.
    pub occurrences_delta: u32,
    /// `Normal`, `Warning`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Machine-readable reason.
    pub reason: String,
    /// What was done.
    pub action: String,
    /// For people.
    pub message: String,
    /// Of the involved object, as are the next four.
    pub kind: String,
    /// Empty for a cluster-scoped object.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid; nil if not given.
    #[serde(with = "clickhouse::serde::uuid")]
    pub object_uid: Uuid,
    /// The part of it.
    pub field_path: String,
    /// `source.component`.
    pub component: String,
    /// `source.host`.
    pub host: String,
    /// `reportingComponent`.
    pub reporting_component: String,
    /// `reportingInstance`.
    pub reporting_instance: String,
    /// The node concerned.
    pub node: String,
    /// Name of the Event object.
    pub meta_name: String,
    /// Namespace of the Event object.
    pub meta_namespace: String,
}

/// Bytes of names, numbers and times of a row in JSON.
const FRAME_BYTES: usize = 900;

impl Weight for EventRow {
    fn bytes(&self) -> usize {
        FRAME_BYTES + self.message.len() + self.name.len() + self.meta_name.len()
    }
}

/// A state with every column. Times are microseconds since 1970, UTC; 0 where the Event has none.
#[derive(Debug, Clone, PartialEq, Row, Deserialize)]
#[allow(missing_docs, reason = "the columns of kube_event, described there and at EventRow")]
pub struct StateRow {
    pub cluster_uid: String,
    pub cluster: String,
    pub epoch: u32,
    #[serde(with = "clickhouse::serde::uuid")]
    pub event_uid: Uuid,
    pub resource_version: u64,
    pub time: i64,
    pub time_flags: u8,
    pub observed: i64,
    pub found_by: i8,
    pub occurrences: u32,
    pub occurrences_delta: u32,
    #[serde(rename = "type")]
    pub event_type: String,
    pub reason: String,
    pub action: String,
    pub message: String,
    pub kind: String,
    pub namespace: String,
    pub name: String,
    #[serde(with = "clickhouse::serde::uuid")]
    pub object_uid: Uuid,
    pub field_path: String,
    pub component: String,
    pub host: String,
    pub reporting_component: String,
    pub reporting_instance: String,
    pub node: String,
    pub meta_name: String,
    pub meta_namespace: String,
    pub object_api_version: String,
    pub object_resource_version: u64,
    pub creation_time: i64,
    pub first_time: i64,
    pub last_time: i64,
    pub event_time: i64,
    pub series_time: i64,
    pub count: i32,
    pub series_count: i32,
    pub shape: u64,
    pub residual: String,
}

impl Weight for StateRow {
    fn bytes(&self) -> usize {
        2 * (FRAME_BYTES + self.message.len() + self.name.len() + self.meta_name.len()) + self.residual.len()
    }
}

impl StateRow {
    /// Parts the row into what lists show, and what `rebuild` needs.
    pub fn split(self) -> (EventRow, Stored) {
        let stored = self.stored();
        let row = EventRow {
            cluster_uid: self.cluster_uid,
            cluster: self.cluster,
            epoch: self.epoch,
            event_uid: self.event_uid,
            resource_version: self.resource_version,
            time: self.time,
            time_flags: self.time_flags,
            observed: self.observed,
            found_by: self.found_by,
            occurrences: self.occurrences,
            occurrences_delta: self.occurrences_delta,
            event_type: self.event_type,
            reason: self.reason,
            action: self.action,
            message: self.message,
            kind: self.kind,
            namespace: self.namespace,
            name: self.name,
            object_uid: self.object_uid,
            field_path: self.field_path,
            component: self.component,
            host: self.host,
            reporting_component: self.reporting_component,
            reporting_instance: self.reporting_instance,
            node: self.node,
            meta_name: self.meta_name,
            meta_namespace: self.meta_namespace,
        };
        (row, stored)
    }

    fn stored(&self) -> Stored {
        EventState {
            name: self.meta_name.clone().into(),
            namespace: self.meta_namespace.clone().into(),
            uid: self.event_uid,
            resource_version: self.resource_version,
            creation: Micros(self.creation_time),
            object_kind: self.kind.clone().into(),
            object_namespace: self.namespace.clone().into(),
            object_name: self.name.clone().into(),
            object_uid: self.object_uid,
            object_api_version: self.object_api_version.clone().into(),
            object_version: self.object_resource_version,
            object_field_path: self.field_path.clone().into(),
            reason: self.reason.clone().into(),
            message: self.message.clone().into(),
            source_component: self.component.clone().into(),
            source_host: self.host.clone().into(),
            first: Micros(self.first_time),
            last: Micros(self.last_time),
            count: self.count,
            event_type: self.event_type.clone().into(),
            event_time: Micros(self.event_time),
            series_count: self.series_count,
            series_time: Micros(self.series_time),
            action: self.action.clone().into(),
            reporting_component: self.reporting_component.clone().into(),
            reporting_instance: self.reporting_instance.clone().into(),
            shape: Shape(self.shape),
            residual: self.residual.clone(),
        }
    }
}
