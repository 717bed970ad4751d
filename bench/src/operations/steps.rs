//! From the end of a step to the claim of the next one's runner: each a process of its own, as in `beidou up`.

use std::time::Duration;

use beidou_schemas::{
    Micros,
    operation::fact::{Body, Fact},
};

use super::site::{Site, is_over};
use crate::{questions::percentile, report::Report};

const STEPS: usize = 12;
const RUNS: usize = 20;

pub async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let mut site = Site::new(STEPS)?;
    site.start(None).await?;
    let (mut at, mut claimed, mut launched) = (0, Vec::new(), Vec::new());
    for run in 0..=RUNS {
        site.operate(STEPS, 1).await?;
        let (facts, next) = site.facts_until(at, is_over).await?;
        at = next;
        anyhow::ensure!(facts.iter().filter(|fact| ended(fact)).count() == STEPS, "not every step ended well");
        // The first one warms up.
        if run > 0 {
            claimed.extend(gaps(&facts, |body| matches!(body, Body::AttemptClaimed(_))));
            launched.extend(gaps(&facts, |body| matches!(body, Body::AttemptLaunched(_))));
        }
    }
    site.end().await?;
    let [c50, c99] = [percentile(&mut claimed, 50)?, percentile(&mut claimed, 99)?];
    let [l50, l99] = [percentile(&mut launched, 50)?, percentile(&mut launched, 99)?];
    report.row(
        "step finished → next runner has claimed its step, local, p50 / p99",
        format!("{c50:.0} / {c99:.0} ms"),
        format!(
            "{} changes of a step; its process is there after {l50:.0} / {l99:.0} ms; must 1 s, aim 200 ms",
            claimed.len()
        ),
    );
    Ok(())
}

fn ended(fact: &Fact) -> bool {
    matches!(fact.body, Body::AttemptEnded(_))
}

/// From each end of an attempt to the next fact that fits.
fn gaps(facts: &[Fact], fits: impl Fn(&Body) -> bool) -> Vec<Duration> {
    let mut since: Option<Micros> = None;
    let mut found = Vec::new();
    for fact in facts {
        if ended(fact) {
            since = Some(fact.time);
        } else if fits(&fact.body)
            && let Some(before) = since.take()
        {
            found.push(Duration::from_micros((fact.time.0 - before.0).unsigned_abs()));
        }
    }
    found
}
