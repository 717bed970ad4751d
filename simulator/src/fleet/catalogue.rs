//! The workloads that run in every cluster of the invented fleet.

use std::sync::Arc;

use uuid::Uuid;

use super::{Random, random_uid};

/// Which controller keeps the pods of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controller {
    /// Deployment with ReplicaSets.
    Deployment,
    /// StatefulSet with numbered pods.
    StatefulSet,
    /// DaemonSet, one pod per node.
    DaemonSet,
    /// CronJob that makes Jobs.
    CronJob,
}

/// One workload.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name of the controlling object.
    pub name: &'static str,
    /// Kind of the controlling object.
    pub controller: Controller,
    /// Name of the only container.
    pub container: &'static str,
    /// Image with tag.
    pub image: &'static str,
    /// Port of the probes.
    pub port: u16,
    /// Usual number of pods (DaemonSets take a pod per node instead).
    pub replicas: u32,
    /// `metadata.uid` of the controlling object.
    pub uid: Uuid,
}

use Controller::{CronJob, DaemonSet, Deployment, StatefulSet};

/// Namespace, name, controller, container, image, port, replicas.
type Row = (&'static str, &'static str, Controller, &'static str, &'static str, u16, u32);

const ROWS: [Row; 24] = [
    ("recsys", "recsys-ranker", Deployment, "ranker", "mirror.hz/recsys/ranker:4.18.2", 8080, 9),
    ("recsys", "recsys-retriever", Deployment, "retriever", "mirror.hz/recsys/retriever:4.18.2", 8080, 6),
    ("recsys", "recsys-feature-store", StatefulSet, "store", "mirror.hz/recsys/feature-store:2.3.0", 7000, 5),
    ("feed", "feed-mixer", Deployment, "mixer", "mirror.hz/feed/mixer:2026.11.4", 9090, 8),
    ("feed", "feed-cache-warmup", CronJob, "warmup", "mirror.hz/feed/cache-warmup:1.4.2", 0, 1),
    ("ads-serving", "ads-bidder", Deployment, "bidder", "mirror.hz/ads/bidder:9.2.0", 8000, 10),
    ("ads-serving", "ad-index-shard", StatefulSet, "shard", "mirror.hz/ads/index:9.1.7", 9300, 6),
    ("search", "search-frontend", Deployment, "frontend", "mirror.hz/search/frontend:1.77", 8080, 6),
    ("search", "search-index-merge", CronJob, "merge", "mirror.hz/search/merge:1.77", 0, 1),
    ("payments", "payments-ledger", Deployment, "ledger", "mirror.hz/payments/ledger:3.4.1", 8443, 4),
    ("payments", "payments-reconcile", CronJob, "reconcile", "mirror.hz/payments/reconcile:3.4.1", 0, 1),
    ("im", "im-gateway", Deployment, "gateway", "mirror.hz/im/gateway:12.0.3", 7443, 8),
    ("im", "im-presence", StatefulSet, "presence", "mirror.hz/im/presence:12.0.3", 7100, 3),
    ("video", "video-transcode", CronJob, "transcode", "mirror.hz/video/transcode:7.7.0", 0, 3),
    ("video", "video-origin", Deployment, "origin", "mirror.hz/video/origin:7.6.4", 8080, 5),
    ("ml-platform", "notebook-hub", Deployment, "hub", "mirror.hz/ml/notebook-hub:5.2.1", 8081, 2),
    ("ml-platform", "dataset-sync", CronJob, "sync", "mirror.hz/ml/dataset-sync:0.9.8", 0, 2),
    ("infra", "registry-mirror", Deployment, "mirror", "harbor.corp/infra/registry-mirror:2.8.1", 5000, 9),
    ("infra", "node-exporter", DaemonSet, "exporter", "mirror.hz/infra/node-exporter:1.9.1", 9100, 0),
    ("infra", "cert-rotator", CronJob, "rotator", "mirror.hz/infra/cert-rotator:1.0.3", 0, 1),
    ("monitoring", "metrics-agent", DaemonSet, "agent", "mirror.hz/monitoring/metrics-agent:0.44.1", 9404, 0),
    ("kube-system", "coredns", Deployment, "coredns", "mirror.hz/k8s/coredns:v1.12.1", 8181, 3),
    ("kube-system", "cni-agent", DaemonSet, "agent", "mirror.hz/infra/cni-agent:1.16.4", 9879, 0),
    ("kube-system", "metrics-server", Deployment, "metrics-server", "mirror.hz/k8s/metrics-server:v0.8.0", 10250, 2),
];

/// The workloads of one cluster, with uids from its stream.
pub(super) fn workloads(random: &mut Random) -> Vec<Workload> {
    ROWS.iter()
        .map(|&(namespace, name, controller, container, image, port, replicas)| Workload {
            namespace: namespace.into(),
            name,
            controller,
            container,
            image,
            port,
            replicas,
            uid: random_uid(random),
        })
        .collect()
}
