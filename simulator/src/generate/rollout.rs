//! A Deployment moves to a new ReplicaSet, pod by pod; a StatefulSet restarts its pods in order.

use super::pod;
use super::scene::{Scene, normal, object_ref};
use crate::clock::SECOND_US;
use crate::fleet::{Controller, Workload, random_uid};

/// Plans the rollout of any workload; answers when it is done.
pub fn any(scene: &mut Scene<'_>, at_us: i64) -> i64 {
    let workload = scene.any_workload(&[Controller::Deployment, Controller::Deployment, Controller::StatefulSet]);
    match workload.controller {
        Controller::StatefulSet => stateful_set(scene, &workload, at_us),
        Controller::Deployment | Controller::DaemonSet | Controller::CronJob => {
            let (new, old) = (scene.suffix(10), scene.suffix(10));
            deployment(scene, &workload, &new, &old, at_us)
        }
    }
}

/// Plans a rolling update of a Deployment from ReplicaSet `old` to ReplicaSet `new` (their hashes).
pub fn deployment(scene: &mut Scene<'_>, workload: &Workload, new: &str, old: &str, at_us: i64) -> i64 {
    let mut now = at_us;
    let (new_set, old_set) = (random_uid(scene.random), random_uid(scene.random));
    for done in 0..workload.replicas {
        scaled(scene, workload, new, ("up", done, done + 1), now);
        let name = format!("{}-{new}-{}", workload.name, scene.suffix(5));
        let node = scene.any_node().name;
        let fresh = scene.pod_named(workload, &name, &node);
        created(scene, workload, &format!("{}-{new}", workload.name), new_set, &name, now + SECOND_US / 10);
        let running = pod::start(scene, &fresh, now + SECOND_US / 5);
        now = running + scene.between(2, 20) * SECOND_US;

        let left = workload.replicas - done;
        scaled(scene, workload, old, ("down", left, left - 1), now);
        let name = format!("{}-{old}-{}", workload.name, scene.suffix(5));
        let node = scene.any_node().name;
        let stale = scene.pod_named(workload, &name, &node);
        let set =
            object_ref("ReplicaSet", "apps/v1", &workload.namespace, &format!("{}-{old}", workload.name), old_set);
        let deleted = scene.of_controller(
            set,
            "replicaset-controller",
            normal("SuccessfulDelete", format!("Deleted pod: {name}")),
        );
        scene.plan.once(now + SECOND_US / 10, deleted);
        pod::stop(scene, &stale, now + SECOND_US / 5);
        now += SECOND_US / 2;
    }
    now
}

/// Plans `ScalingReplicaSet`; `step` is the direction with the numbers before and after.
fn scaled(scene: &mut Scene<'_>, workload: &Workload, hash: &str, step: (&str, u32, u32), at_us: i64) {
    let (direction, from, to) = step;
    let text = format!("Scaled {direction} replica set {}-{hash} from {from} to {to}", workload.name);
    let object = object_ref("Deployment", "apps/v1", &workload.namespace, workload.name, workload.uid);
    let event = scene.of_controller(object, "deployment-controller", normal("ScalingReplicaSet", text));
    scene.plan.once(at_us, event);
}

/// Plans `SuccessfulCreate` of a ReplicaSet.
pub fn created(scene: &mut Scene<'_>, workload: &Workload, set: &str, set_uid: uuid::Uuid, pod: &str, at_us: i64) {
    let object = object_ref("ReplicaSet", "apps/v1", &workload.namespace, set, set_uid);
    let said = normal("SuccessfulCreate", format!("Created pod: {pod}"));
    let event = scene.of_controller(object, "replicaset-controller", said);
    scene.plan.once(at_us, event);
}

fn stateful_set(scene: &mut Scene<'_>, workload: &Workload, at_us: i64) -> i64 {
    let mut now = at_us;
    for ordinal in (0..workload.replicas).rev() {
        let name = format!("{}-{ordinal}", workload.name);
        let node = scene.any_node().name;
        let pod = scene.pod_named(workload, &name, &node);
        pod::stop(scene, &pod, now);
        for (after, verb, reason) in
            [(SECOND_US, "delete", "SuccessfulDelete"), (4 * SECOND_US, "create", "SuccessfulCreate")]
        {
            let object = object_ref("StatefulSet", "apps/v1", &workload.namespace, workload.name, workload.uid);
            let text = format!("{verb} Pod {name} in StatefulSet {} successful", workload.name);
            let event = scene.of_controller(object, "statefulset-controller", normal(reason, text));
            scene.plan.once(now + after, event);
        }
        now = pod::start(scene, &pod, now + 5 * SECOND_US) + scene.between(5, 40) * SECOND_US;
    }
    now
}
