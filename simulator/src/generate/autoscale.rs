//! A HorizontalPodAutoscaler changes the size of a Deployment.

use super::rollout;
use super::scene::{Scene, normal, object_ref, warning};
use super::{pod, scene::node_ref};
use crate::clock::SECOND_US;
use crate::fleet::{Controller, random_uid};

/// Plans one scaling up, or an autoscaler that gets no metrics for a while.
pub fn any(scene: &mut Scene<'_>, at_us: i64) -> i64 {
    let workload = scene.any_workload(&[Controller::Deployment]);
    let scaler = object_ref(
        "HorizontalPodAutoscaler",
        "autoscaling/v2",
        &workload.namespace,
        workload.name,
        random_uid(scene.random),
    );
    if scene.chance(0.25) {
        let text = "failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API";
        let blind = scene.of_controller(scaler, "horizontal-pod-autoscaler", warning("FailedGetResourceMetric", text));
        let turns = scene.between(2, 40);
        scene.plan.repeated(blind, (0..turns).map(|turn| (at_us + turn * 15 * SECOND_US, 1)));
        return at_us + turns * 15 * SECOND_US;
    }
    let (from, more) = (i64::from(workload.replicas), scene.between(1, 6));
    let size = from + more;
    let text = format!("New size: {size}; reason: cpu resource utilization (percentage of request) above target");
    let rescaled = scene.of_controller(scaler, "horizontal-pod-autoscaler", normal("SuccessfulRescale", text));
    scene.plan.once(at_us, rescaled);
    let hash = scene.suffix(10);
    let object = object_ref("Deployment", "apps/v1", &workload.namespace, workload.name, workload.uid);
    let text = format!("Scaled up replica set {}-{hash} from {from} to {size}", workload.name);
    let scaled = scene.of_controller(object, "deployment-controller", normal("ScalingReplicaSet", text));
    scene.plan.once(at_us + SECOND_US / 10, scaled);
    let set_uid = random_uid(scene.random);
    let mut last = at_us;
    for _ in 0..more {
        let name = format!("{}-{hash}-{}", workload.name, scene.suffix(5));
        let node = scene.any_node().name;
        let fresh = scene.pod_named(&workload, &name, &node);
        rollout::created(scene, &workload, &format!("{}-{hash}", workload.name), set_uid, &name, at_us + SECOND_US / 5);
        last = last.max(pod::start(scene, &fresh, at_us + SECOND_US / 2));
    }
    last
}

/// Plans the small talk of a healthy node: certificate renewals and image garbage collection.
pub fn housekeeping(scene: &mut Scene<'_>, at_us: i64) -> i64 {
    let node = scene.any_node();
    let event = if scene.chance(0.5) {
        let text = format!(
            "Failed to garbage collect required amount of images. Attempted to free {} bytes, but only found 0 bytes eligible to free.",
            scene.between(1_000_000_000, 12_000_000_000)
        );
        scene.of_node(&node, warning("FreeDiskSpaceFailed", text))
    } else {
        let object = node_ref(&node.name, node.uid.to_string().into());
        let text = format!("Node {} event: Registered Node {} in Controller", node.name, node.name);
        scene.of_controller(object, "node-controller", normal("RegisteredNode", text))
    };
    scene.plan.once(at_us, event);
    at_us
}
