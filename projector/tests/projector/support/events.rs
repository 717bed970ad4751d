//! Events of a small world: their JSON, their records, and where these stand.

use std::sync::Arc;

use beidou_log::memory::MemoryLog;
use beidou_schemas::{
    Epoch, Identity, Micros, Record, ResourceVersion, Topic, TopicPartition,
    envelope::{EventEnvelope, FoundBy},
    topic::partition_of,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::PARTITIONS;

pub const CLUSTER: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

/// One state of one Event.
pub fn event(uid: u128, version: u64, count: u32, time: &str) -> Value {
    json!({
        "kind": "Event", "apiVersion": "v1",
        "metadata": {
            "name": format!("recsys-ranker-{uid}.1866a1b2c3d4e5f6"), "namespace": "recsys",
            "uid": Uuid::from_u128(uid).to_string(), "resourceVersion": version.to_string(),
            "creationTimestamp": time
        },
        "involvedObject": {
            "kind": "Pod", "namespace": "recsys", "name": format!("recsys-ranker-{uid}"),
            "uid": "0f8fad5b-d9cb-469f-a165-70867728950f", "apiVersion": "v1", "resourceVersion": "4700",
            "fieldPath": "spec.containers{ranker}"
        },
        "reason": "BackOff", "message": "Back-off pulling image \"registry/ranker:2.9\"\n\nagain",
        "source": {"component": "kubelet", "host": "hz02-gpu-017"},
        "firstTimestamp": time, "lastTimestamp": time, "count": count,
        "type": "Warning", "eventTime": null, "reportingComponent": "kubelet", "reportingInstance": "hz02-gpu-017"
    })
}

/// The record of an Event's JSON, and its partition.
pub fn record(value: &Value) -> (TopicPartition, Record) {
    let text = |name: &str| value["metadata"][name].as_str().unwrap().to_owned();
    let identity = Identity {
        cluster: CLUSTER.parse().unwrap(),
        epoch: Epoch(1),
        event: text("uid").parse().unwrap(),
        resource_version: ResourceVersion(text("resourceVersion").parse().unwrap()),
    };
    let partition = partition_of(&identity.cluster, &identity.event, PARTITIONS);
    let envelope = EventEnvelope {
        identity,
        cluster_name: "hz-prod-02".into(),
        observed: Micros::parse("2026-11-23T14:00:00.5Z").unwrap(),
        found_by: FoundBy::List,
    };
    let json = serde_json::to_vec(value).unwrap();
    (TopicPartition::new(Topic::KubeEvent, partition), envelope.wrap(json.into()))
}

/// Appends Events in this order.
pub async fn append(log: &Arc<MemoryLog>, events: &[Value]) {
    for partition in 0..PARTITIONS {
        let at = TopicPartition::new(Topic::KubeEvent, partition);
        let records: Vec<_> = events.iter().map(record).filter(|r| r.0 == at).map(|r| r.1).collect();
        for batch in records.chunks(100) {
            super::append(log, at, batch.to_vec()).await;
        }
    }
}
