//! Probes that fail: a few times, or until the kubelet restarts the container.

use super::crash_loop::through_spam_filter;
use super::pod;
use super::scene::{Scene, normal, warning};
use crate::clock::{MINUTE_US, SECOND_US};
use crate::fleet::Controller;

/// Plans a pod with a failing probe; answers when it is well again.
pub fn any(scene: &mut Scene<'_>, at_us: i64) -> i64 {
    let workload = scene.any_workload(&[Controller::Deployment, Controller::StatefulSet, Controller::DaemonSet]);
    let pod = scene.pod_of(&workload);
    let address = format!("10.{}.{}.{}", scene.between(80, 90), scene.between(0, 255), scene.between(2, 250));
    let text = match scene.between(0, 4) {
        0 => "Readiness probe failed: HTTP probe failed with statuscode: 503".to_owned(),
        1 => format!("Readiness probe failed: dial tcp {address}:{}: i/o timeout", pod.port),
        2 => format!(
            "Liveness probe failed: Get \"http://{address}:{}/healthz\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
            pod.port
        ),
        _ => format!(
            "Readiness probe failed: command timed out: \"/bin/grpc_health_probe -addr=:{}\" timed out after 1s",
            pod.port
        ),
    };
    let restarts = text.starts_with("Liveness");
    let until = at_us + scene.between(1, 40) * MINUTE_US;
    let unhealthy = scene.of_container(&pod, warning("Unhealthy", text));
    scene.plan.repeated(unhealthy, through_spam_filter(at_us, until));
    if !restarts {
        return until;
    }
    let text = format!("Container {} failed liveness probe, will be restarted", pod.container);
    let killing = scene.of_container(&pod, normal("Killing", text));
    scene.plan.once(at_us + 30 * SECOND_US, killing);
    pod::run(scene, &pod, at_us + 61 * SECOND_US)
}
