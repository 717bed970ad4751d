//! The one planted story: `registry-mirror` 2.9.0 goes bad in `hz-prod-02`, image pulls fail, nodes go NotReady, a
//! rollback heals it. Offsets follow the console's mock-ups.
//!
//! ```text
//!   0 min  Helm upgrade, new ReplicaSet, its pods fail their readiness probes
//!   4 min  image pulls answer 503 all over the cluster (44 pods), among them the victim in recsys
//!  36 min  nodes go NotReady, pods are evicted
//!  48 min  rollback to 2.8.1
//!  52 min  pulls work again, nodes are back
//! ```

use serde::Serialize;

use super::image_pull::{self, Why};
use super::scene::{Scene, normal, object_ref, warning};
use super::{node_outage, rollout};
use crate::clock::{MINUTE_US, SECOND_US};
use crate::fleet::{Controller, Fleet, Workload, random_uid};

/// The cluster of the story.
pub const CLUSTER: &str = "hz-prod-02";
/// Pods whose pull fails, besides the victim.
const OTHER_VICTIMS: usize = 43;
/// Nodes that go NotReady, besides the one with a name in the story.
const OTHER_NODES: i64 = 8;

/// Facts of the planted incident, for a demo that prints commands which really find it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// Name of the cluster.
    pub cluster: String,
    /// `kube-system` uid of the cluster.
    pub cluster_uid: String,
    /// Namespace of the victim.
    pub namespace: String,
    /// Deployment of the victim.
    pub workload: String,
    /// Name of the pod whose image could not be pulled.
    pub pod: String,
    /// Its image.
    pub image: String,
    /// Node of the victim.
    pub node: String,
    /// A node that went NotReady.
    pub not_ready_node: String,
    /// Cause, in a few words.
    pub cause: String,
    /// First Event of the story, in microseconds.
    pub from_us: i64,
    /// Last Event of the story, in microseconds.
    pub until_us: i64,
}

impl Incident {
    /// The story, begun at `from_us`; none in a fleet without its cluster.
    #[must_use]
    pub fn at(fleet: &Fleet, from_us: i64) -> Option<Self> {
        let cluster = fleet.cluster(CLUSTER)?;
        Some(Self {
            cluster: cluster.name.clone(),
            cluster_uid: cluster.uid.to_string(),
            namespace: "recsys".to_owned(),
            workload: "recsys-ranker".to_owned(),
            pod: "recsys-ranker-6c9f7d8b5c-x2k9q".to_owned(),
            image: "mirror.hz/recsys/ranker:4.18.2".to_owned(),
            node: cluster.node_or_first("hz2-c5-r09-u31").name.to_string(),
            not_ready_node: cluster.node_or_first("hz2-c7-r14-u22").name.to_string(),
            cause: "registry-mirror 2.8.1 → 2.9.0".to_owned(),
            from_us,
            until_us: from_us + 60 * MINUTE_US,
        })
    }

    /// Plans the story.
    pub fn plan(&self, scene: &mut Scene<'_>) {
        let cluster = scene.cluster;
        let find = |name: &str| cluster.workloads.iter().find(|workload| workload.name == name).cloned();
        let mirror = find("registry-mirror").expect("the catalogue holds the workload of the story");
        let ranker = find(&self.workload).expect("the catalogue holds the workload of the story");
        let minute = |n: i64| self.from_us + n * MINUTE_US;

        upgrade(scene, &mirror, "2.9.0", ("registry-mirror.v14", "7f6b9c54d8", "5d8c7b9f6b"), minute(0));
        sick_mirror(scene, &mirror, minute(1), minute(48));
        self.failing_pulls(scene, &ranker, minute(4), minute(52));
        self.lost_nodes(scene, minute(36), minute(52));
        upgrade(scene, &mirror, "2.8.1", ("registry-mirror.v15", "5d8c7b9f6b", "7f6b9c54d8"), minute(48));
    }

    fn failing_pulls(&self, scene: &mut Scene<'_>, ranker: &Workload, from_us: i64, until_us: i64) {
        let victim = scene.pod_named(ranker, &self.pod, &self.node.as_str().into());
        image_pull::failing(scene, &victim, Why::Unavailable, from_us + 21 * SECOND_US, until_us);
        image_pull::recovered(scene, &victim, until_us + 12 * SECOND_US);
        for other in 0..OTHER_VICTIMS {
            let workload = if other < 5 {
                ranker.clone()
            } else {
                scene.any_workload(&[Controller::Deployment, Controller::CronJob, Controller::StatefulSet])
            };
            let name = format!("{}-6c9f7d8b5c-{}", workload.name, scene.suffix(5));
            let node = scene.any_node().name;
            let pod = scene.pod_named(&workload, &name, &node);
            let from = from_us + scene.between(20, 1_500) * SECOND_US;
            image_pull::failing(scene, &pod, Why::Unavailable, from, until_us);
            let healed = until_us + scene.between(5, 240) * SECOND_US;
            image_pull::recovered(scene, &pod, healed);
        }
    }

    fn lost_nodes(&self, scene: &mut Scene<'_>, from_us: i64, until_us: i64) {
        let named = scene.cluster.node_or_first(&self.not_ready_node).clone();
        node_outage::not_ready(scene, &named, from_us + 56 * SECOND_US, until_us);
        for _ in 0..OTHER_NODES {
            let node = scene.any_node();
            let from = from_us + scene.between(30, 400) * SECOND_US;
            let until = until_us + scene.between(0, 120) * SECOND_US;
            node_outage::not_ready(scene, &node, from, until);
        }
    }
}

/// Plans a Helm upgrade and the rollout that it causes; `release` is the release with the hashes after and before.
fn upgrade(scene: &mut Scene<'_>, mirror: &Workload, version: &str, release: (&str, &str, &str), at_us: i64) {
    let (revision, new, old) = release;
    let object = object_ref(
        "HelmRelease",
        "helm.toolkit.fluxcd.io/v2",
        &mirror.namespace,
        mirror.name,
        random_uid(scene.random),
    );
    let text = format!("Helm upgrade succeeded for release infra/{revision} with chart registry-mirror@{version}");
    let upgraded = scene.of_controller(object, "helm-controller", normal("UpgradeSucceeded", text));
    scene.plan.once(at_us, upgraded);
    rollout::deployment(scene, mirror, new, old, at_us + SECOND_US);
}

/// Plans the failing probes of the new mirror.
fn sick_mirror(scene: &mut Scene<'_>, mirror: &Workload, from_us: i64, until_us: i64) {
    for _ in 0..7 {
        let name = format!("registry-mirror-7f6b9c54d8-{}", scene.suffix(5));
        let node = scene.any_node().name;
        let pod = scene.pod_named(mirror, &name, &node);
        let text = "Readiness probe failed: HTTP probe failed with statuscode: 503";
        let event = scene.of_container(&pod, warning("Unhealthy", text));
        let from = from_us + scene.between(0, 120) * SECOND_US;
        scene.plan.repeated(event, super::crash_loop::through_spam_filter(from, until_us));
    }
}
