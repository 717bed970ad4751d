//! A node is lost, its pods are marked and evicted, and it comes back; or it merely reboots.

use super::pod;
use super::scene::{Pod, Scene, node_ref, normal, warning};
use crate::clock::{MINUTE_US, SECOND_US};
use crate::fleet::{Controller, Node};

/// Pods are evicted this long after the taint, the default `tolerationSeconds`.
const TOLERATION_US: i64 = 300 * SECOND_US;

/// Plans a wave of two to six nodes going NotReady within a minute.
pub fn wave(scene: &mut Scene<'_>, at_us: i64) -> i64 {
    let mut last = at_us;
    for _ in 0..scene.between(2, 7) {
        let node = scene.any_node();
        let from = at_us + scene.between(0, MINUTE_US);
        let until = from + scene.between(4, 25) * MINUTE_US;
        last = last.max(not_ready(scene, &node, from, until));
    }
    last
}

/// Plans one node that is NotReady from `from_us` to `until_us`.
pub fn not_ready(scene: &mut Scene<'_>, node: &Node, from_us: i64, until_us: i64) -> i64 {
    let object = node_ref(&node.name, node.uid.to_string().into());
    let text = format!("Node {} status is now: NodeNotReady", node.name);
    let lost = scene.of_controller(object, "node-controller", normal("NodeNotReady", text));
    scene.plan.once(from_us, lost);
    for _ in 0..scene.between(6, 18) {
        let workload = scene.any_workload(&[Controller::Deployment, Controller::StatefulSet, Controller::DaemonSet]);
        let pod = Pod { node: node.name.clone(), ..scene.pod_of(&workload) };
        let marked =
            scene.of_controller(pod.reference(), "node-controller", warning("NodeNotReady", "Node is not ready"));
        let at = from_us + scene.between(10_000, 900_000);
        scene.plan.once(at, marked);
        if workload.controller != Controller::DaemonSet {
            taint_eviction(scene, &pod, from_us, until_us);
        }
    }
    back(scene, node, until_us)
}

/// Plans the eviction after the toleration, or its cancellation when the node is back in time.
fn taint_eviction(scene: &mut Scene<'_>, pod: &Pod, from_us: i64, until_us: i64) {
    let deadline = from_us + TOLERATION_US;
    let (at, verb) =
        if until_us > deadline { (deadline, "Marking for deletion") } else { (until_us, "Cancelling deletion of") };
    let text = format!("{verb} Pod {}/{}", pod.namespace, pod.name);
    let event = scene.of_controller(pod.reference(), "taint-eviction-controller", normal("TaintManagerEviction", text));
    let at = at + scene.between(1_000, 400_000);
    scene.plan.once(at, event);
}

/// Plans the kubelet's words when a node reports again.
fn back(scene: &mut Scene<'_>, node: &Node, at_us: i64) -> i64 {
    let starting = scene.of_node(node, normal("Starting", "Starting kubelet."));
    scene.plan.once(at_us, starting);
    let conditions = ["NodeHasSufficientMemory", "NodeHasNoDiskPressure", "NodeHasSufficientPID", "NodeReady"];
    for (at, condition) in conditions.into_iter().enumerate() {
        let after = 400_000 + 20_000 * at as i64;
        let text = format!("Node {} status is now: {condition}", node.name);
        let event = scene.of_node(node, normal(condition, text));
        let repeats: &[i64] = if condition == "NodeReady" { &[0] } else { &[0, 180_000, 420_000] };
        scene.plan.repeated(event, repeats.iter().map(|more| (at_us + after + more, 1)));
    }
    let enforced = scene.of_node(node, normal("NodeAllocatableEnforced", "Updated Node Allocatable limit across pods"));
    scene.plan.once(at_us + 900_000, enforced);
    at_us + SECOND_US
}

/// Plans a reboot: the node is away for minutes and its pods get new sandboxes.
pub fn reboot(scene: &mut Scene<'_>, at_us: i64) -> i64 {
    let node = scene.any_node();
    let until = at_us + scene.between(2, 8) * MINUTE_US;
    let up = not_ready(scene, &node, at_us, until);
    let text = format!("Node {} has been rebooted, boot id: {}", node.name, node.boot);
    let rebooted = scene.of_node(&node, warning("Rebooted", text));
    scene.plan.once(up, rebooted);
    let mut last = up;
    for _ in 0..scene.between(5, 14) {
        let workload = scene.any_workload(&[Controller::Deployment, Controller::StatefulSet, Controller::DaemonSet]);
        let pod = Pod { node: node.name.clone(), ..scene.pod_of(&workload) };
        let text = "Pod sandbox changed, it will be killed and re-created.";
        let changed = scene.legacy(pod.reference(), "kubelet", &node.name, normal("SandboxChanged", text));
        let at = up + scene.between(1, 20) * SECOND_US;
        scene.plan.once(at, changed);
        last = last.max(pod::run(scene, &pod, at + SECOND_US));
    }
    last
}

/// Plans memory pressure on a node: the kubelet evicts pods by itself.
pub fn pressure(scene: &mut Scene<'_>, at_us: i64) -> i64 {
    let node = scene.any_node();
    let met = scene.of_node(&node, warning("EvictionThresholdMet", "Attempting to reclaim memory"));
    let times: Vec<_> = (0..scene.between(3, 12)).map(|turn| (at_us + turn * 10 * SECOND_US, 1)).collect();
    scene.plan.repeated(met, times);
    let text = format!("Node {} status is now: NodeHasInsufficientMemory", node.name);
    let low = scene.of_node(&node, normal("NodeHasInsufficientMemory", text));
    scene.plan.once(at_us + SECOND_US, low);
    for turn in 0..scene.between(2, 9) {
        let workload = scene.any_workload(&[Controller::Deployment]);
        let pod = Pod { node: node.name.clone(), ..scene.pod_of(&workload) };
        let text = format!(
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: {}Ki. Container {} was using {}Mi, request is 512Mi, has larger consumption of memory.",
            scene.between(60_000, 102_000),
            pod.container,
            scene.between(600, 24_000)
        );
        let evicted = scene.legacy(pod.reference(), "kubelet", &node.name, warning("Evicted", text));
        let at = at_us + turn * 12 * SECOND_US;
        scene.plan.once(at, evicted);
        pod::stop(scene, &pod, at + SECOND_US / 10);
    }
    let until = at_us + scene.between(3, 12) * MINUTE_US;
    let text = format!("Node {} status is now: NodeHasSufficientMemory", node.name);
    let enough = scene.of_node(&node, normal("NodeHasSufficientMemory", text));
    scene.plan.once(until, enough);
    until
}
