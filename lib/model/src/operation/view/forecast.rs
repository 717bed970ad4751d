//! How long a plan will take, by what like runs took: same bundle and step, newest runs first.

use beidou_schemas::operation::{AttemptEnd, Plan, Purpose};

use crate::operation::{Board, Operation};

/// Attempts of a step that are looked at: more tell of a time that is over.
const MOST_RUNS: usize = 50;

/// How long a batch of a step takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepForecast {
    /// The step.
    pub step: String,
    /// Attempts that this is known from.
    pub runs: u32,
    /// Half of them took no longer, in milliseconds.
    pub p50_ms: u64,
    /// Nine of ten took no longer, in milliseconds.
    pub p90_ms: u64,
}

/// How long a plan takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// Steps that like runs are known of.
    pub steps: Vec<StepForecast>,
    /// Steps that no like run is known of.
    pub unknown: Vec<String>,
    /// All stages one after the other, with their soaking; `None` while a step is unknown.
    pub p50_ms: Option<u64>,
    /// Likewise.
    pub p90_ms: Option<u64>,
}

/// The forecast for a plan.
pub fn forecast(board: &Board, plan: &Plan) -> Forecast {
    let mut found = Forecast { steps: Vec::new(), unknown: Vec::new(), p50_ms: None, p90_ms: None };
    let (mut p50, mut p90) = (0, 0);
    for (place, step) in plan.steps.iter().enumerate() {
        let mut took = like(board, plan, &step.name);
        took.sort_unstable();
        let stages = plan.stages.iter().filter(|stage| stage.step == place as u32);
        let (count, soak) = stages.fold((0, 0), |(count, soak), stage| (count + 1, soak + stage.soak_ms));
        match took.is_empty() {
            true => found.unknown.push(step.name.clone()),
            false => {
                let at = |percent: usize| took[(took.len() * percent).div_ceil(100).max(1) - 1];
                let (step, runs) = (step.name.clone(), took.len() as u32);
                found.steps.push(StepForecast { step, runs, p50_ms: at(50), p90_ms: at(90) });
                p50 += at(50) * count + soak;
                p90 += at(90) * count + soak;
            }
        }
    }
    if found.unknown.is_empty() {
        (found.p50_ms, found.p90_ms) = (Some(p50), Some(p90));
    }
    found
}

fn like(board: &Board, plan: &Plan, step: &str) -> Vec<u64> {
    // A dry run changes nothing, and tells nothing of how long a change takes.
    let is_like = |run: &&Operation| run.plan.bundle.name == plan.bundle.name && !run.spec.dry_run;
    let mut runs: Vec<_> = board.operations.values().filter(is_like).collect();
    runs.sort_by_key(|run| std::cmp::Reverse(run.created));
    let attempts = runs.into_iter().flat_map(|run| run.attempts.iter().rev().map(move |attempt| (run, attempt)));
    attempts
        .filter(|(run, attempt)| attempt.purpose == Purpose::Act && run.step(attempt.step).name == step)
        .filter_map(|(_, attempt)| {
            let over = attempt.over.as_ref().filter(|over| over.end == AttemptEnd::Finished)?;
            u64::try_from((over.at.0 - attempt.intended.0) / 1000).ok()
        })
        .take(MOST_RUNS)
        .collect()
}
