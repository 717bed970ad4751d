//! Events of a small world: as JSON, as records of the log, and as rows of the table.

use std::sync::Arc;

use beidou_log::{Log, memory::MemoryLog};
use beidou_schemas::{
    Epoch, Identity, Micros, Record, ResourceVersion, Topic, TopicPartition,
    envelope::{EventEnvelope, FoundBy},
    kube_event::{decode, pattern},
    topic::partition_of,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::PARTITIONS;

/// 2026-11-23T14:40:00Z.
pub const BEGIN: Micros = Micros(1_795_444_800_000_000);
pub const SECOND: i64 = 1_000_000;

/// One state of one Event with its envelope.
#[derive(Clone)]
pub struct Seed {
    pub envelope: EventEnvelope,
    pub json: Value,
}

/// A cluster's uid: its number in a UUID.
pub fn cluster_uid(cluster: u128) -> String {
    Uuid::from_u128(0xc0 + cluster).to_string()
}

/// The state `number` of cluster `cluster`: a Pod each, every fifth a Node, three reasons, one second apart.
pub fn seed(cluster: u128, number: u64) -> Seed {
    let time = Micros(BEGIN.0 + number as i64 * SECOND);
    let uid = Uuid::from_u128((cluster << 64) + u128::from(number));
    let node = number.is_multiple_of(5);
    let (kind, namespace, name) = if node {
        ("Node", "", format!("node-{}", number % 10))
    } else {
        ("Pod", "recsys", format!("pod-{}", number % 7))
    };
    let text = time.seconds_text().unwrap();
    let reason = ["BackOff", "Pulled", "Failed"][number as usize % 3];
    let mut json = json!({
        "kind": "Event", "apiVersion": "v1",
        "metadata": {"name": format!("e-{number}"), "namespace": if node { "default" } else { namespace },
            "uid": uid.to_string(), "resourceVersion": (1000 + number).to_string(), "creationTimestamp": text},
        "involvedObject": {"kind": kind, "namespace": namespace, "name": name, "apiVersion": "v1",
            "uid": Uuid::from_u128(u128::from(number % 3) + 1).to_string()},
        "reason": reason,
        "message": format!("Image \"über/ranker:2.{number}\"\n\nit's gone"),
        "source": {"component": if node { "node-controller" } else { "kubelet" }, "host": format!("node-{}", number % 4)},
        "firstTimestamp": text, "lastTimestamp": text, "count": number % 4 + 1,
        "type": if number.is_multiple_of(2) { "Warning" } else { "Normal" }, "eventTime": null,
        "reportingComponent": if number.is_multiple_of(3) { "scheduler" } else { "" }, "reportingInstance": "",
        "extra": {"unknown": [1, 2, number]}
    });
    if node {
        json["involvedObject"].as_object_mut().unwrap().remove("namespace");
    }
    let envelope = EventEnvelope {
        identity: Identity {
            cluster: cluster_uid(cluster).parse().unwrap(),
            epoch: Epoch(0),
            event: uid.to_string().parse().unwrap(),
            resource_version: ResourceVersion(1000 + number),
        },
        cluster_name: format!("cluster-{cluster}"),
        observed: time.plus(SECOND / 2),
        found_by: if number.is_multiple_of(4) { FoundBy::List } else { FoundBy::Watch },
    };
    Seed { envelope, json }
}

impl Seed {
    pub fn record(&self) -> (TopicPartition, Record) {
        let identity = &self.envelope.identity;
        let partition = partition_of(&identity.cluster, &identity.event, PARTITIONS);
        let json = serde_json::to_vec(&self.json).unwrap();
        (TopicPartition::new(Topic::KubeEvent, partition), self.envelope.wrap(json.into()))
    }

    pub fn id(&self) -> String {
        self.envelope.identity.id()
    }

    /// The row of `kube_event`, for `FORMAT JSONEachRow`.
    pub fn row(&self) -> Value {
        let bytes = serde_json::to_vec(&self.json).unwrap();
        let state = decode(&bytes).unwrap();
        let (envelope, column) = (&self.envelope, |time: Micros| time.micros_text());
        let (time, flags) = state.time(envelope.observed);
        json!({
            "cluster_uid": envelope.identity.cluster, "cluster": envelope.cluster_name, "epoch": envelope.identity.epoch,
            "event_uid": state.uid, "resource_version": state.resource_version, "time": column(time),
            "time_flags": flags.0, "observed": column(envelope.observed), "found_by": envelope.found_by.name(),
            "occurrences": state.occurrences(), "occurrences_delta": 1, "type": state.event_type,
            "reason": state.reason, "action": state.action, "message": state.message,
            "pattern": pattern(&state.message), "kind": state.object_kind,
            "namespace": state.object_namespace, "name": state.object_name, "object_uid": state.object_uid,
            "object_api_version": state.object_api_version, "object_resource_version": state.object_version,
            "field_path": state.object_field_path, "component": state.source_component, "host": state.source_host,
            "reporting_component": state.reporting_component, "reporting_instance": state.reporting_instance,
            "node": state.node(), "meta_name": state.name, "meta_namespace": state.namespace,
            "creation_time": column(state.creation), "first_time": column(state.first), "last_time": column(state.last),
            "event_time": column(state.event_time), "series_time": column(state.series_time), "count": state.count,
            "series_count": state.series_count, "shape": state.shape.0, "residual": state.residual,
            "log_partition": 0, "log_offset": 0
        })
    }
}

/// Appends records in this order, each partition as its only writer.
pub async fn append(log: &Arc<MemoryLog>, records: impl IntoIterator<Item = (TopicPartition, Record)>) {
    let records: Vec<_> = records.into_iter().collect();
    for partition in 0..PARTITIONS {
        let at = TopicPartition::new(Topic::KubeEvent, partition);
        let own: Vec<_> = records.iter().filter(|(place, _)| *place == at).map(|(_, record)| record.clone()).collect();
        if !own.is_empty() {
            log.writer(at, "test").await.unwrap().append(own).await.unwrap();
        }
    }
}
