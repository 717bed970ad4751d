//! A storm: one cause, hundreds of pods, thousands of updates within minutes.

use super::scene::{Pod, Scene, warning};
use crate::clock::{MINUTE_US, SECOND_US};
use crate::fleet::{Controller, Workload};

/// Plans a storm of failed mounts or failed sandboxes over many nodes; answers when it is over.
pub fn any(scene: &mut Scene<'_>, at_us: i64) -> i64 {
    let until = at_us + scene.between(3, 12) * MINUTE_US;
    let workload = scene.any_workload(&[Controller::Deployment, Controller::StatefulSet]);
    let mounts = scene.chance(0.5);
    for _ in 0..scene.between(40, 120) {
        let pod = scene.pod_of(&workload);
        let said = if mounts { mount_failure(scene, &workload) } else { sandbox_failure(scene, &pod) };
        let node = pod.node.clone();
        let event = scene.legacy(pod.reference(), "kubelet", &node, said);
        let (from, turns) = (at_us + scene.between(0, MINUTE_US), scene.between(4, 20));
        let every = (until - from) / turns;
        scene.plan.repeated(event, (0..turns).map(|turn| (from + turn * every.max(SECOND_US), 1)));
    }
    until
}

fn mount_failure(scene: &mut Scene<'_>, workload: &Workload) -> super::scene::Said {
    let volume = scene.between(0x1000_0000, 0xffff_ffff);
    let text = format!(
        "MountVolume.SetUp failed for volume \"pvc-{volume:x}\" : rpc error: code = DeadlineExceeded desc = timed out waiting for {} to be attached",
        workload.name
    );
    warning("FailedMount", text)
}

fn sandbox_failure(scene: &mut Scene<'_>, pod: &Pod) -> super::scene::Said {
    let sandbox = scene.between(0x1000_0000_0000, 0xffff_ffff_ffff);
    let text = format!(
        "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox \"{sandbox:x}\": plugin type=\"cni-agent\" name=\"cni-agent\" failed (add): unable to connect to CNI daemon for {}/{}: dial unix /var/run/cni-agent.sock: connect: connection refused",
        pod.namespace, pod.name
    );
    warning("FailedCreatePodSandBox", text)
}
