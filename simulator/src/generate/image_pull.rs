//! An image that cannot be pulled: `Failed`, `ErrImagePull`, `ImagePullBackOff`, and perhaps the day it can be again.

use super::crash_loop::through_spam_filter;
use super::pod;
use super::scene::{Pod, Scene, normal, warning};
use crate::clock::{MINUTE_US, SECOND_US};
use crate::fleet::Controller;

/// Why a pull fails, in the words of containerd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The registry answers 503.
    Unavailable,
    /// The tag is not there.
    NotFound,
    /// The registry asks for credentials.
    Denied,
}

/// Plans a pull failure of one pod somewhere: a wrong tag or missing credentials, put right after a while.
pub fn any(scene: &mut Scene<'_>, at_us: i64) -> i64 {
    let workload = scene.any_workload(&[Controller::Deployment, Controller::CronJob, Controller::DaemonSet]);
    let pod = scene.pod_of(&workload);
    let why = if scene.chance(0.6) { Why::NotFound } else { Why::Denied };
    let until = at_us + scene.between(5, 90) * MINUTE_US;
    failing(scene, &pod, why, at_us, until);
    if scene.chance(0.7) { recovered(scene, &pod, until) } else { until }
}

/// Plans a pod that is scheduled at `at_us` and cannot pull until `until_us`.
pub fn failing(scene: &mut Scene<'_>, pod: &Pod, why: Why, at_us: i64, until_us: i64) {
    let text = format!("Successfully assigned {}/{} to {}", pod.namespace, pod.name, pod.node);
    let scheduled = scene.of_scheduler(pod, "Binding", normal("Scheduled", text));
    scene.plan.once(at_us, scheduled);

    let tries = tries(at_us + SECOND_US, until_us);
    let words = [
        (0, normal("Pulling", format!("Pulling image \"{}\"", pod.image))),
        (1_300_000, warning("Failed", refusal(pod.image, why))),
        (1_310_000, warning("Failed", "Error: ErrImagePull")),
    ];
    for (after, said) in words {
        let event = scene.of_container(pod, said);
        scene.plan.repeated(event, tries.iter().map(|at| (at + after, 1)));
    }
    for (after, said) in [
        (2_500_000, normal("BackOff", format!("Back-off pulling image \"{}\"", pod.image))),
        (2_510_000, warning("Failed", "Error: ImagePullBackOff")),
    ] {
        let event = scene.of_container(pod, said);
        scene.plan.repeated(event, through_spam_filter(at_us + after, until_us));
    }
}

/// Plans the pull that works at last; answers when the container runs.
pub fn recovered(scene: &mut Scene<'_>, pod: &Pod, at_us: i64) -> i64 {
    let pulled = pod::pull(scene, pod, at_us);
    pod::run(scene, pod, pulled)
}

/// Times of the pulls: back-off doubles from 10 s to 5 min.
fn tries(from_us: i64, until_us: i64) -> Vec<i64> {
    let (mut at, mut wait, mut times) = (from_us, 10 * SECOND_US, Vec::new());
    while at < until_us {
        times.push(at);
        at += wait;
        wait = (wait * 2).min(5 * MINUTE_US);
    }
    times
}

/// The kubelet's text for a failed pull.
fn refusal(image: &str, why: Why) -> String {
    let (repository, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
    let (host, path) = repository.split_once('/').unwrap_or(("mirror.hz", repository));
    let url = format!("https://{host}/v2/{path}/manifests/{tag}");
    let head = format!("Failed to pull image \"{image}\"");
    let unpack = format!("failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\"");
    match why {
        Why::Unavailable => {
            format!("{head}: {unpack}: unexpected status from HEAD request to {url}: 503 Service Unavailable")
        }
        Why::NotFound => {
            format!("{head}: rpc error: code = NotFound desc = {unpack}: {image}: not found")
        }
        Why::Denied => {
            format!(
                "{head}: {unpack}: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed"
            )
        }
    }
}
