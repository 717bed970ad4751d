//! A container that dies again and again, told as a kubelet tells it: Events updated in place, through its spam filter.

use super::pod;
use super::scene::{Scene, normal, warning};
use crate::clock::{MINUTE_US, SECOND_US};
use crate::fleet::Controller;

/// Back-off between restarts doubles from 10 s and stops at 5 min, as in the kubelet.
const FIRST_BACKOFF_US: i64 = 10 * SECOND_US;
const LONGEST_BACKOFF_US: i64 = 5 * MINUTE_US;
/// A kubelet looks at a waiting pod about this often and would tell each time.
const SYNC_US: i64 = 14 * SECOND_US;
/// client-go's spam filter: 25 Events of a source and object pass, then one per 5 minutes.
const SPAM_BURST: usize = 25;
const SPAM_REFILL_US: i64 = 5 * MINUTE_US;

/// Plans a crash loop of one to five hours.
pub fn any(scene: &mut Scene<'_>, at_us: i64) -> i64 {
    let workload = scene.any_workload(&[Controller::Deployment, Controller::StatefulSet]);
    let pod = scene.pod_of(&workload);
    let until = at_us + scene.between(60, 300) * MINUTE_US;
    let started = pod::start(scene, &pod, at_us);
    let restarts = restarts(started + scene.between(1, 20) * SECOND_US, until);

    let present = format!("Container image \"{}\" already present on machine", pod.image);
    let again = [
        ("Pulled", present, 0),
        ("Created", format!("Created container: {}", pod.container), 120_000),
        ("Started", format!("Started container {}", pod.container), 300_000),
    ];
    for (reason, text, after) in again {
        let event = scene.of_container(&pod, normal(reason, text));
        scene.plan.repeated(event, restarts.iter().map(|at| (at + after, 1)));
    }
    let text = format!(
        "Back-off restarting failed container {} in pod {}_{}({})",
        pod.container, pod.name, pod.namespace, pod.uid
    );
    let backoff = scene.of_container(&pod, warning("BackOff", text));
    scene.plan.repeated(backoff, through_spam_filter(started + FIRST_BACKOFF_US, until));
    until
}

fn restarts(first_us: i64, until_us: i64) -> Vec<i64> {
    let (mut at, mut backoff, mut times) = (first_us, FIRST_BACKOFF_US, Vec::new());
    while at < until_us {
        times.push(at);
        at += backoff;
        backoff = (backoff * 2).min(LONGEST_BACKOFF_US);
    }
    times
}

/// Occurrences every [`SYNC_US`], of which only some reach the API server; the others make the next count jump.
pub fn through_spam_filter(from_us: i64, until_us: i64) -> Vec<(i64, u32)> {
    let (mut passed, mut held, mut next_token) = (Vec::new(), 0, from_us);
    let mut at = from_us;
    while at < until_us {
        held += 1;
        if passed.len() < SPAM_BURST || at >= next_token {
            passed.push((at, held));
            held = 0;
            next_token = at + SPAM_REFILL_US;
        }
        at += SYNC_US;
    }
    passed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spam_filter_lets_a_burst_through_and_then_jumps() {
        let passed = through_spam_filter(0, 60 * MINUTE_US);
        assert!(passed[..SPAM_BURST].iter().all(|(_, by)| *by == 1));
        assert!(passed[SPAM_BURST..].iter().all(|(_, by)| *by >= 21));
        assert!(passed.len() < SPAM_BURST + 12);
    }
}
