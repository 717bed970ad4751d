//! How an operation goes over time: stages with their times, attempts, and when it will end.

use beidou_model::operation::{Attempt, Board, Operation, view};
use beidou_schemas::{
    Micros,
    operation::{AttemptEnd, HostState, Purpose, Reason},
};
use serde::Serialize;
use utoipa::ToSchema;

/// Attempts that an answer shows, the newest ones: some 300 bytes each.
const MOST_ATTEMPTS: usize = 1000;

/// One batch of one step. Stages are taken one after the other.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StageItem {
    /// Its place, counted from 0.
    pub stage: u32,
    /// The step.
    pub step: String,
    /// The batch of the step, counted from 0.
    pub batch: u32,
    /// It is the first of several: a failure in it holds the operation.
    pub canary: bool,
    /// Its hosts as ranges of places in `plan.hosts`: first, and first behind it.
    #[schema(value_type = Vec<Vec<u32>>)]
    pub host_ranges: Vec<(u32, u32)>,
    /// How many hosts.
    pub hosts: u32,
    /// Hosts that are through.
    pub ok: u32,
    /// Hosts that are not.
    pub bad: u32,
    /// `waiting`, `running`, `done`, `held` (the operation stands still in it).
    #[schema(value_type = String)]
    pub state: &'static str,
    /// When its first attempt was asked for.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started: Option<Micros>,
    /// When its last attempt was over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Micros>,
    /// How long it is watched before the next stage, in milliseconds.
    pub soak_ms: u64,
    /// Half of like runs took no longer, in milliseconds; null where none is known.
    pub p50_ms: Option<u64>,
    /// Nine of ten took no longer.
    pub p90_ms: Option<u64>,
}

/// How long a batch of a step takes, by like runs: same bundle and step, the newest fifty.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StepForecastItem {
    /// The step.
    pub step: String,
    /// Attempts that this is known from.
    pub runs: u32,
    /// Half of them took no longer, in milliseconds.
    pub p50_ms: u64,
    /// Nine of ten took no longer, in milliseconds.
    pub p90_ms: u64,
}

/// How long it takes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ForecastItem {
    /// Steps that like runs are known of.
    pub steps: Vec<StepForecastItem>,
    /// Steps that no like run is known of.
    pub unknown: Vec<String>,
    /// All stages one after the other, with their soaking, in milliseconds; null while a step is unknown.
    pub p50_ms: Option<u64>,
    /// Likewise.
    pub p90_ms: Option<u64>,
    /// When it ends by the half of like runs, counted from now; null where unknown, or where it is over or stands still.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ends_p50: Option<Micros>,
    /// By nine of ten.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ends_p90: Option<Micros>,
}

/// One run of a runner.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AttemptItem {
    /// Its id: the `attempt` of the log.
    pub id: String,
    /// The place of its stage.
    pub stage: u32,
    /// The step.
    pub step: String,
    /// The batch of the step.
    pub batch: u32,
    /// 1 for the first of this step and batch.
    pub number: u32,
    /// `act`, or `undo`.
    #[schema(value_type = String)]
    pub purpose: Purpose,
    /// How many hosts.
    pub hosts: u32,
    /// Hosts that went well so far.
    pub ok: u32,
    /// Hosts that did not.
    pub bad: u32,
    /// When a runner was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub intended: Micros,
    /// When the runner was made.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub launched: Option<Micros>,
    /// `local`, `job`.
    pub executor: Option<String>,
    /// Where it runs: a process, or `namespace/job`.
    pub place: Option<String>,
    /// When a runner had the work.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub claimed: Option<Micros>,
    /// When something was heard of it last.
    #[schema(value_type = String, format = DateTime)]
    pub heard: Micros,
    /// How long it may take from its claim on, in milliseconds.
    pub deadline_ms: u64,
    /// Why it is to stop.
    #[schema(value_type = Option<String>)]
    pub stop: Option<Reason>,
    /// When it was over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Micros>,
    /// `finished`, `missing`, `silent`, `never_claimed`, `stopped`, `not_stopped`, `not_started`.
    #[schema(value_type = Option<String>)]
    pub end: Option<AttemptEnd>,
    /// The exit code: for people, never the result.
    pub exit: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// For people.
    pub message: String,
}

/// Stages in order, with their times.
pub(super) fn stages(operation: &Operation, forecast: &view::Forecast) -> Vec<StageItem> {
    let acts = |stage: u32| operation.attempts.iter().filter(move |a| a.purpose == Purpose::Act && a.stage == stage);
    let all = operation.plan.stages.iter().enumerate();
    all.map(|(place, stage)| {
        let place = place as u32;
        let step = operation.step(stage.step).name.clone();
        let (ok, bad) = operation.tally(stage);
        let like = forecast.steps.iter().find(|known| known.step == step);
        let started = acts(place).next().map(|attempt| attempt.intended);
        let over = acts(place).next_back().and_then(|attempt| attempt.over.as_ref()).map(|over| over.at);
        let state = match place.cmp(&operation.stage) {
            std::cmp::Ordering::Less => "done",
            std::cmp::Ordering::Greater => "waiting",
            std::cmp::Ordering::Equal if operation.phase.stands_still() => "held",
            std::cmp::Ordering::Equal if started.is_some() && !operation.phase.is_over() => "running",
            std::cmp::Ordering::Equal => "waiting",
        };
        StageItem {
            stage: place,
            batch: stage.batch,
            canary: stage.canary,
            host_ranges: ranges(&stage.hosts),
            hosts: stage.hosts.len() as u32,
            ok,
            bad,
            state,
            started,
            ended: over,
            soak_ms: stage.soak_ms,
            p50_ms: like.map(|like| like.p50_ms),
            p90_ms: like.map(|like| like.p90_ms),
            step,
        }
    })
    .collect()
}

/// Places as ranges.
pub(super) fn ranges(places: &[u32]) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for place in places {
        match ranges.last_mut() {
            Some((_, end)) if *end == *place => *end += 1,
            Some(_) | None => ranges.push((*place, place + 1)),
        }
    }
    ranges
}

/// The forecast, and when it ends if nothing holds it.
pub(super) fn forecast_item(forecast: view::Forecast, ends: (Option<Micros>, Option<Micros>)) -> ForecastItem {
    let steps = forecast.steps.into_iter().map(|step| StepForecastItem {
        step: step.step,
        runs: step.runs,
        p50_ms: step.p50_ms,
        p90_ms: step.p90_ms,
    });
    ForecastItem {
        steps: steps.collect(),
        unknown: forecast.unknown,
        p50_ms: forecast.p50_ms,
        p90_ms: forecast.p90_ms,
        ends_p50: ends.0,
        ends_p90: ends.1,
    }
}

/// When it ends by half, and by nine of ten, of like runs.
pub(super) fn ends(stages: &[StageItem], operation: &Operation, now: Micros) -> (Option<Micros>, Option<Micros>) {
    if operation.phase.is_over() || operation.phase.stands_still() {
        return (None, None);
    }
    let rest = &stages[stages.len().min(operation.stage as usize)..];
    let sum = |of: fn(&StageItem) -> Option<u64>| {
        let mut left = 0_i64;
        for stage in rest {
            let whole = i64::try_from(of(stage)?).ok()?.saturating_mul(1000);
            let gone = stage.started.filter(|_| stage.state == "running").map_or(0, |started| now.0 - started.0);
            left += (whole - gone).max(0) + i64::try_from(stage.soak_ms).ok()?.saturating_mul(1000);
        }
        Some(now.plus(left))
    };
    (sum(|stage| stage.p50_ms), sum(|stage| stage.p90_ms))
}

/// Attempts in order, and how many older ones are left out.
pub(super) fn attempts(operation: &Operation) -> (Vec<AttemptItem>, usize) {
    let left_out = operation.attempts.len().saturating_sub(MOST_ATTEMPTS);
    (operation.attempts[left_out..].iter().map(|attempt| attempt_item(operation, attempt)).collect(), left_out)
}

fn attempt_item(operation: &Operation, attempt: &Attempt) -> AttemptItem {
    let states = || attempt.results.values().map(|outcome| HostState::from(outcome.state));
    let (launch, over) = (attempt.launched.as_ref(), attempt.over.as_ref());
    AttemptItem {
        id: attempt.id.to_string(),
        stage: attempt.stage,
        step: operation.step(attempt.step).name.clone(),
        batch: attempt.batch,
        number: attempt.number,
        purpose: attempt.purpose,
        hosts: attempt.hosts.len() as u32,
        ok: states().filter(|state| state.goes_on()).count() as u32,
        bad: states().filter(|state| state.is_bad()).count() as u32,
        intended: attempt.intended,
        launched: launch.map(|launch| launch.at),
        executor: launch.map(|launch| launch.executor.clone()),
        place: launch.map(|launch| launch.place.clone()),
        claimed: attempt.claimed,
        heard: attempt.heard,
        deadline_ms: attempt.deadline_ms,
        stop: attempt.stop.as_ref().map(|stop| stop.reason),
        ended: over.map(|over| over.at),
        end: over.map(|over| over.end),
        exit: over.and_then(|over| over.exit),
        signal: over.and_then(|over| over.signal),
        message: over.map(|over| over.message.clone()).unwrap_or_default(),
    }
}

/// The forecast of an operation's plan.
pub(super) fn forecast(board: &Board, operation: &Operation) -> view::Forecast {
    view::forecast(board, &operation.plan)
}
