//! The life of a pod that starts well, and of one that is stopped.

use super::scene::{Pod, Scene, normal, warning};
use crate::clock::SECOND_US;

/// Plans `Scheduled`, `Pulling`, `Pulled`, `Created`, `Started`; answers when the container runs.
pub fn start(scene: &mut Scene<'_>, pod: &Pod, at_us: i64) -> i64 {
    let text = format!("Successfully assigned {}/{} to {}", pod.namespace, pod.name, pod.node);
    let scheduled = scene.of_scheduler(pod, "Binding", normal("Scheduled", text));
    scene.plan.once(at_us, scheduled);
    let bound_at = at_us + delay(scene, 300, 1_500);
    let pulled_at = pull(scene, pod, bound_at);
    run(scene, pod, pulled_at)
}

/// Plans `Pulling` and `Pulled`, or the message of an image that is there already.
pub fn pull(scene: &mut Scene<'_>, pod: &Pod, at_us: i64) -> i64 {
    if scene.chance(0.3) {
        let text = format!("Container image \"{}\" already present on machine", pod.image);
        let present = scene.of_container(pod, normal("Pulled", text));
        scene.plan.once(at_us, present);
        return at_us;
    }
    let pulling = scene.of_container(pod, normal("Pulling", format!("Pulling image \"{}\"", pod.image)));
    scene.plan.once(at_us, pulling);
    let took_ms = scene.between(700, 28_000);
    let (took, waited) = (took_ms as f64 / 1e3, (took_ms + scene.between(0, 2_000)) as f64 / 1e3);
    let text = format!(
        "Successfully pulled image \"{}\" in {took:.3}s ({waited:.3}s including waiting). Image size: {} bytes.",
        pod.image,
        scene.between(9_000_000, 2_400_000_000)
    );
    let pulled_at = at_us + took_ms * 1_000;
    let pulled = scene.of_container(pod, normal("Pulled", text));
    scene.plan.once(pulled_at, pulled);
    pulled_at
}

/// Plans `Created` and `Started`.
pub fn run(scene: &mut Scene<'_>, pod: &Pod, at_us: i64) -> i64 {
    let created_at = at_us + delay(scene, 40, 250);
    let created = scene.of_container(pod, normal("Created", format!("Created container: {}", pod.container)));
    scene.plan.once(created_at, created);
    let started_at = created_at + delay(scene, 60, 400);
    let started = scene.of_container(pod, normal("Started", format!("Started container {}", pod.container)));
    scene.plan.once(started_at, started);
    if pod.port > 0 && scene.chance(0.15) {
        let text = format!(
            "Readiness probe failed: Get \"http://10.{}.{}.{}:{}/readyz\": dial tcp: connect: connection refused",
            scene.between(80, 90),
            scene.between(0, 255),
            scene.between(2, 250),
            pod.port
        );
        let unready = scene.of_container(pod, warning("Unhealthy", text));
        scene.plan.repeated(unready, [(started_at + 2 * SECOND_US, 1), (started_at + 12 * SECOND_US, 1)]);
    }
    started_at
}

/// Plans `Killing`.
pub fn stop(scene: &mut Scene<'_>, pod: &Pod, at_us: i64) {
    let killing = scene.of_container(pod, normal("Killing", format!("Stopping container {}", pod.container)));
    scene.plan.once(at_us, killing);
}

/// A delay between two numbers of milliseconds, in microseconds.
fn delay(scene: &mut Scene<'_>, from_ms: i64, to_ms: i64) -> i64 {
    scene.between(from_ms * 1_000, to_ms * 1_000)
}
