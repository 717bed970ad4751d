//! `POST /api/v1/operations/plan`: what would be done, how long it takes, and what would hold it back. Nothing is written.

use axum::Json;
use beidou_model::operation::{Board, closed, locks, plan, view};
use beidou_schemas::{
    Micros,
    operation::{
        LockScope, OperationId, OperationSpec, Plan, Reason, command::Ask as Asked, command::RequestOperation,
    },
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    acts::{OperationWish, checked_name},
    detail::{PlanItem, plan_item},
    times::{ForecastItem, forecast_item, ranges},
};
use crate::{
    app::{Ask, now},
    ask::body::Body,
    operations::problem,
    problem::{Problem, ProblemBody},
};

/// One batch of one step of a plan.
#[derive(Debug, Serialize, ToSchema)]
struct PlannedStage {
    /// Its place, counted from 0.
    stage: u32,
    /// The step.
    step: String,
    /// The batch of the step, counted from 0.
    batch: u32,
    /// It is the first of several: a failure in it holds the operation.
    canary: bool,
    /// Its hosts as ranges of places in `plan.hosts`: first, and first behind it.
    #[schema(value_type = Vec<Vec<u32>>)]
    host_ranges: Vec<(u32, u32)>,
    /// How many hosts.
    hosts: u32,
    /// How long it is watched before the next stage, in milliseconds.
    soak_ms: u64,
}

/// Something that an operation waits for before anything of it begins.
#[derive(Debug, Serialize, ToSchema)]
struct GuardItem {
    /// `approval`, `window`, `lock`, `suspend`.
    #[schema(value_type = String)]
    guard: &'static str,
    /// It would let the operation begin now.
    open: bool,
    /// Why not: `AwaitingApproval`, `AwaitingWindow`, `Frozen`, `AwaitingLock`, `Suspended`.
    #[schema(value_type = Option<String>)]
    reason: Option<Reason>,
    /// The same for people; may be empty.
    message: String,
    /// When it opens, or is worth another look; null where nobody knows.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Micros>,
    /// The operation that stands in the way, where one does.
    #[schema(value_type = Option<String>, format = "uuid")]
    operation: Option<Uuid>,
}

/// What would be done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlanAnswer {
    /// The bundle that would be used.
    bundle: String,
    /// Its version.
    version: String,
    /// Hosts, steps, bounds.
    plan: PlanItem,
    /// What would be done, one after the other.
    stages: Vec<PlannedStage>,
    /// How long it would take; `ends_…` are counted from now, where every guard is open.
    forecast: ForecastItem,
    /// What it would wait for.
    guards: Vec<GuardItem>,
    /// It would begin at once.
    begins_at_once: bool,
}

/// The plan of a specification: steps, stages, forecast, and what would hold it back. Nothing is written.
#[utoipa::path(
    post, path = "/api/v1/operations/plan", tag = "Operations", request_body = OperationWish,
    responses((status = 200, body = PlanAnswer), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn plan_preview(ask: Ask, Body(wish): Body<OperationWish>) -> Result<Json<PlanAnswer>, Problem> {
    ask.params(&[])?;
    checked_name(&wish.name)?;
    let OperationWish { name, spec, .. } = wish;
    let look =
        ask.app.operations.look(|known| plan(&known.board, &spec, None).map(|plan| answer(&known.board, &spec, &plan)));
    let asked =
        || Asked::from(RequestOperation { name: name.clone(), spec: spec.clone(), owner: None, why: String::new() });
    look.await?.map(Json).map_err(|refused| problem(&asked(), &refused))
}

fn answer(board: &Board, spec: &OperationSpec, plan: &Plan) -> PlanAnswer {
    let moment = now();
    let forecast = view::forecast(board, plan);
    let guards = guards(board, spec, plan, moment);
    let begins_at_once = guards.iter().all(|guard| guard.open);
    let end = |ms: Option<u64>| {
        let ms = ms.filter(|_| begins_at_once).and_then(|ms| i64::try_from(ms).ok())?;
        Some(moment.plus(ms.saturating_mul(1000)))
    };
    let ends = (end(forecast.p50_ms), end(forecast.p90_ms));
    let stages = plan.stages.iter().enumerate().map(|(place, stage)| PlannedStage {
        stage: place as u32,
        step: plan.steps[stage.step as usize].name.clone(),
        batch: stage.batch,
        canary: stage.canary,
        host_ranges: ranges(&stage.hosts),
        hosts: stage.hosts.len() as u32,
        soak_ms: stage.soak_ms,
    });
    PlanAnswer {
        bundle: plan.bundle.name.clone(),
        version: plan.version.clone(),
        plan: plan_item(plan),
        stages: stages.collect(),
        forecast: forecast_item(forecast, ends),
        guards,
        begins_at_once,
    }
}

/// What the model asks before anything begins, one by one.
fn guards(board: &Board, spec: &OperationSpec, plan: &Plan, now: Micros) -> Vec<GuardItem> {
    let guard = |guard, reason: Option<Reason>, message: String, until, operation| GuardItem {
        guard,
        open: reason.is_none(),
        reason,
        message,
        until,
        operation,
    };
    let approval = plan.approval.then_some(Reason::AwaitingApproval);
    let message = approval.map(|_| "another subject than the requester must approve".to_owned()).unwrap_or_default();
    let mut all = vec![guard("approval", approval, message, None, None)];
    let changes = plan.lock != LockScope::None;
    let rules = board.clusters.get(&spec.cluster_name).filter(|_| changes && !spec.ignore_windows);
    all.push(match rules.and_then(|rules| closed(rules, now)) {
        Some(closed) => guard("window", Some(closed.reason), closed.why, Some(closed.until), None),
        None => guard("window", None, String::new(), None, None),
    });
    let locks = locks(spec, plan, &plan.hosts);
    all.push(match board.holder(&locks, OperationId(Uuid::nil()), now) {
        Some(holder) => {
            let message = format!("{} holds what it locks", holder.name);
            let until = holder.held_locks().map(|span| span.until);
            guard("lock", Some(Reason::AwaitingLock), message, until, Some(holder.id.0))
        }
        None => guard("lock", None, String::new(), None, None),
    });
    let suspended = spec.suspend.then_some(Reason::Suspended);
    let message = suspended.map(|_| "spec.suspend is set".to_owned()).unwrap_or_default();
    all.push(guard("suspend", suspended, message, None, None));
    all
}
