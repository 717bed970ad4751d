//! A pod that finds no node: the scheduler keeps one series and refreshes it, as events.k8s.io recorders do.

use super::pod;
use super::scene::{Scene, warning};
use crate::clock::MINUTE_US;
use crate::fleet::Controller;

/// The recorder writes the second occurrence at once and then refreshes every 30 minutes, however often it happens.
const REFRESH_US: i64 = 30 * MINUTE_US;
/// The scheduler tries again at least this often.
const RETRY_US: i64 = 5 * MINUTE_US;

/// Plans a pod that waits for room; answers when it runs.
pub fn any(scene: &mut Scene<'_>, at_us: i64) -> i64 {
    let workload = scene.any_workload(&[Controller::Deployment, Controller::StatefulSet, Controller::CronJob]);
    let pod = scene.pod_of(&workload);
    let nodes = scene.cluster.nodes.len() as i64;
    let tainted = scene.between(0, (nodes / 20).max(1) + 1);
    let full = nodes - tainted;
    let resource = if scene.chance(0.5) { "cpu" } else { "memory" };
    let text = format!(
        "0/{nodes} nodes are available: {tainted} node(s) had untolerated taint(s), {full} Insufficient {resource}. \
         no new claims to deallocate, preemption: 0/{nodes} nodes are available: {full} No preemption victims found \
         for incoming pod, {tainted} Preemption is not helpful for scheduling."
    );
    let until = at_us + scene.between(1, 180) * MINUTE_US;
    let waiting = scene.of_scheduler(&pod, "Scheduling", warning("FailedScheduling", text));
    scene.plan.repeated(waiting, refreshes(at_us, until));
    pod::start(scene, &pod, until)
}

/// First occurrence, second occurrence, then one refresh per half hour with all that came between.
fn refreshes(from_us: i64, until_us: i64) -> Vec<(i64, u32)> {
    let mut told = vec![(from_us, 1)];
    let mut at = from_us + RETRY_US;
    if at < until_us {
        told.push((at, 1));
    }
    while at + REFRESH_US < until_us {
        at += REFRESH_US;
        told.push((at, (REFRESH_US / RETRY_US) as u32));
    }
    told
}
