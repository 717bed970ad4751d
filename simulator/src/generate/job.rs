//! A CronJob fires, its Job runs pods and completes, or fails and gives up.

use super::pod;
use super::scene::{Scene, normal, object_ref, warning};
use crate::clock::SECOND_US;
use crate::fleet::{Controller, random_uid};

/// Plans one run of any CronJob; answers when it is over.
pub fn any(scene: &mut Scene<'_>, at_us: i64) -> i64 {
    let workload = scene.any_workload(&[Controller::CronJob]);
    let job = format!("{}-{}", workload.name, at_us / 60_000_000);
    let (cron, run) = (
        object_ref("CronJob", "batch/v1", &workload.namespace, workload.name, workload.uid),
        object_ref("Job", "batch/v1", &workload.namespace, &job, random_uid(scene.random)),
    );
    let fired = scene.of_controller(
        cron.clone(),
        "cronjob-controller",
        normal("SuccessfulCreate", format!("Created job {job}")),
    );
    scene.plan.once(at_us, fired);

    let fails = scene.chance(0.08);
    let mut over = at_us;
    for _ in 0..workload.replicas + if fails { 3 } else { 0 } {
        let name = format!("{job}-{}", scene.suffix(5));
        let node = scene.any_node().name;
        let pod = scene.pod_named(&workload, &name, &node);
        let made = scene.of_controller(
            run.clone(),
            "job-controller",
            normal("SuccessfulCreate", format!("Created pod: {name}")),
        );
        scene.plan.once(at_us + SECOND_US / 4, made);
        over = over.max(pod::start(scene, &pod, at_us + SECOND_US / 2) + scene.between(3, 900) * SECOND_US);
    }
    let (end, condition) = if fails {
        (warning("BackoffLimitExceeded", "Job has reached the specified backoff limit"), "Failed")
    } else {
        (normal("Completed", "Job completed"), "Complete")
    };
    let ended = scene.of_controller(run, "job-controller", end);
    scene.plan.once(over, ended);
    let saw = normal("SawCompletedJob", format!("Saw completed job: {job}, condition: {condition}"));
    let saw = scene.of_controller(cron, "cronjob-controller", saw);
    scene.plan.once(over + SECOND_US / 5, saw);
    over
}
