//! `GET /api/v1/operations/{id}`: everything of one operation but its matrix, hosts and log.

use std::collections::BTreeMap;

use axum::{Json, extract::Path};
use beidou_model::operation::{Arrived, DebtState, LockSpan, Operation, decide};
use beidou_schemas::{
    Micros,
    operation::{
        Actor, LockScope, Object, OperationSpec, Plan, Reason, RetryScope, Settled, UndoBy, UndoKind, Via,
        command::{Answer, Ask as Asked, Command, Hold, Retry, Skip, Word},
        fact::{Lock, Released},
    },
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    id_of,
    item::{OperationItem, item},
    operation_of,
    times::{self, AttemptItem, ForecastItem, StageItem},
};
use crate::{
    app::{Ask, now},
    operations::{Known, Spoken, Stood, Warned},
    problem::{Problem, ProblemBody},
};

/// Hosts that a group names at most.
const MOST_NAMED: usize = 50;
/// Spans of locks that an answer shows, the newest ones.
const MOST_SPANS: usize = 50;

/// A step of the plan.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlanStep {
    /// Its name.
    pub name: String,
    /// Who does it: `ansible`, `command`, `release` (controllers lift cordon and taint).
    #[schema(value_type = String)]
    pub actor: Actor,
    /// It changes hosts or cluster.
    pub mutates: bool,
    /// It decides whether a host may be released.
    pub checks: bool,
    /// How long one attempt may take, in milliseconds.
    pub deadline_ms: u64,
    /// What a retry may repeat: `host`, `step`, `none`.
    #[schema(value_type = String)]
    pub retry: RetryScope,
    /// What it owes for each host from its beginning on: `cordon`, `taint`, `join`.
    #[schema(value_type = Vec<String>)]
    pub owes: Vec<UndoKind>,
}

/// Bounds of an operation.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlanLimits {
    /// Hold when so many hosts of a batch failed.
    pub hold_at_hosts: u32,
    /// Hold when this share of a batch failed.
    pub hold_at_percent: u32,
    /// It has succeeded when at least this share of the hosts came through,
    pub success_percent: u32,
    /// and at most so many did not; null means any number.
    pub most_failed: Option<u32>,
    /// How long it may wait for its start, in milliseconds.
    pub pending_ms: u64,
    /// How long nothing may be heard of a runner, in milliseconds.
    pub silence_ms: u64,
}

/// How it is carried out.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlanItem {
    /// The hosts by address, of a plan that is only looked at perhaps by the name of the node: a host's place here is its column in
    /// the matrix.
    pub hosts: Vec<String>,
    /// The steps in order: a step's place here is its row in the matrix.
    pub steps: Vec<PlanStep>,
    /// What is locked: `cluster`, `node`, `none`.
    #[schema(value_type = String)]
    pub lock: LockScope,
    /// Bounds.
    pub limits: PlanLimits,
    /// Another subject than the requester must approve.
    pub approval: bool,
}

/// Entries of the undo ledger that are alike.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DebtGroup {
    /// The step that owes it.
    step: String,
    /// What was done: `cordon`, `taint`, `join`.
    #[schema(value_type = String)]
    kind: UndoKind,
    /// How it is undone: `api`, `playbook`.
    #[schema(value_type = String)]
    by: UndoBy,
    /// It was the purpose: nothing is undone when all ends well.
    purpose: bool,
    /// `owed`, `started`, `done`, `settled`, `given_up`.
    #[schema(value_type = String)]
    state: &'static str,
    /// Why it is settled: `purpose`, `task`, `released`, `taken`, `found`.
    #[schema(value_type = Option<String>)]
    settled: Option<Settled>,
    /// How many hosts.
    count: u32,
    /// The first fifty of them, by address.
    hosts: Vec<String>,
    /// Tries so far, of the one that was tried most.
    tries: u32,
    /// What the last failed try said.
    why: String,
}

/// What holds it, with the numbers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HoldItem {
    /// Why: `CanaryFailed`, `FailedHosts`, `WarningsRose`, `HeldOnRequest` and so on.
    #[schema(value_type = Option<String>)]
    reason: Option<Reason>,
    /// The same for people, with the numbers.
    message: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Micros,
    /// The stage in which it stands.
    stage: Option<u32>,
    /// Hosts of the stage,
    hosts: u32,
    /// those that are through,
    ok: u32,
    /// and those that are not.
    bad: u32,
    /// The rule: so many failed hosts of a batch hold,
    hold_at_hosts: u32,
    /// or this share of it.
    hold_at_percent: u32,
}

/// A time in which it stood still.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StoodItem {
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Micros,
    /// Until when; null while it still does.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Micros>,
    /// The place of the stage in which it stood.
    stage: u32,
    /// Why.
    #[schema(value_type = Option<String>)]
    reason: Option<Reason>,
    /// The same for people, with the numbers.
    message: String,
}

/// Somebody said something to it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SaidItem {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    time: Micros,
    /// `start`, `approve`, `reject`, `hold`, `resume`, `retry`, `skip`, `cancel`.
    #[schema(value_type = String)]
    act: &'static str,
    /// Who.
    subject: String,
    /// Why, for people; may be empty.
    why: String,
}

/// What an operation has, or had, locked.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LockItem {
    /// `cluster`, or `node`.
    #[schema(value_type = String)]
    pub scope: &'static str,
    /// The cluster.
    pub cluster: String,
    /// How many nodes.
    pub count: u32,
    /// The first fifty of them, by address.
    pub hosts: Vec<String>,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Micros,
    /// Until when, unless renewed.
    #[schema(value_type = String, format = DateTime)]
    pub until: Micros,
    /// Why.
    pub why: String,
    /// Since when it is free; null while it holds.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub released: Option<Micros>,
    /// Why it is free: `over`, `expired`.
    #[schema(value_type = Option<String>)]
    pub released_why: Option<Released>,
}

/// Warnings rose on the touched nodes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WarningsItem {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    time: Micros,
    /// The nodes, at most a hundred.
    hosts: Vec<String>,
    /// Warnings since the stage began, in its last hour where it has taken longer.
    count: u64,
    /// Warnings in as much time before.
    before: u64,
    /// The most frequent reason.
    reason: String,
}

/// What the caller may ask for now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ActionItem {
    /// `hold`, `resume`, `cancel`, `retry`, `skip`, `approve`, `reject`: the last part of the path.
    #[schema(value_type = String)]
    pub action: &'static str,
    /// It would be followed now.
    pub possible: bool,
    /// Why not.
    pub why: Option<String>,
}

/// One operation.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OperationDetail {
    /// In short.
    summary: OperationItem,
    /// What it is to do, as it was asked for: the names of the fields are those of the resource.
    #[schema(value_type = Object)]
    spec: OperationSpec,
    /// How it is carried out.
    plan: PlanItem,
    /// Its stages with their times, one after the other.
    stages: Vec<StageItem>,
    /// Runs of runners, in order; the last thousand.
    attempts: Vec<AttemptItem>,
    /// Earlier attempts that are left out.
    more_attempts: usize,
    /// The undo ledger.
    debts: Vec<DebtGroup>,
    /// How long it takes.
    forecast: ForecastItem,
    /// What holds it; null unless it stands still.
    hold: Option<HoldItem>,
    /// Times in which it stood still, the newest last; the present one is open.
    holds: Vec<StoodItem>,
    /// What people said to it, the newest last; the last fifty.
    said: Vec<SaidItem>,
    /// What it has locked, and had; the newest last.
    locks: Vec<LockItem>,
    /// Rises of Warnings on its nodes; the newest last.
    warnings: Vec<WarningsItem>,
    /// What the caller may ask for now.
    actions: Vec<ActionItem>,
}

/// One operation: summary, specification, plan, stages with times, attempts, undo ledger, forecast, holds, locks.
#[utoipa::path(
    get, path = "/api/v1/operations/{id}", tag = "Operations", params(("id" = String, Path, description = "The operation's id.")),
    responses((status = 200, body = OperationDetail), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn operation(ask: Ask, Path(id): Path<String>) -> Result<Json<OperationDetail>, Problem> {
    ask.params(&[])?;
    let id = id_of(&id)?;
    let subject = &ask.caller().subject;
    let look = ask.app.operations.look_into(id, |known| {
        let operation = operation_of(known, id)?;
        Ok(Json(detail(known, operation, subject, now())))
    });
    look.await?
}

fn detail(known: &Known, operation: &Operation, subject: &str, now: Micros) -> OperationDetail {
    let forecast = times::forecast(&known.board, operation);
    let stages = times::stages(operation, &forecast);
    let ends = times::ends(&stages, operation, now);
    let (attempts, more_attempts) = times::attempts(operation);
    OperationDetail {
        summary: item(&known.board, operation, now),
        spec: operation.spec.clone(),
        plan: plan_item(&operation.plan),
        forecast: times::forecast_item(forecast, ends),
        stages,
        attempts,
        more_attempts,
        debts: debts(operation),
        hold: hold(operation),
        holds: known.holds(operation.id).map(stood_item).collect(),
        said: known.said(operation.id).map(said_item).collect(),
        locks: operation.locks.iter().rev().take(MOST_SPANS).rev().map(lock_item).collect(),
        warnings: known.warnings(operation.id).map(warnings_item).collect(),
        actions: actions(
            known,
            Object::Operation(operation.id),
            subject,
            operation.present().map(|stage| &*operation.step(stage.step).name),
            now,
        ),
    }
}

pub(super) fn plan_item(plan: &Plan) -> PlanItem {
    let steps = plan.steps.iter().map(|step| PlanStep {
        name: step.name.clone(),
        actor: step.actor,
        mutates: step.mutates,
        checks: step.checks,
        deadline_ms: step.deadline_ms,
        retry: step.retry,
        owes: step.undo.iter().map(|undo| undo.kind).collect(),
    });
    let limits = &plan.limits;
    PlanItem {
        hosts: plan.hosts.clone(),
        steps: steps.collect(),
        lock: plan.lock,
        limits: PlanLimits {
            hold_at_hosts: limits.hold_at_hosts,
            hold_at_percent: limits.hold_at_percent,
            success_percent: plan.success.min_percent,
            most_failed: plan.success.max_failed,
            pending_ms: limits.pending_ms,
            silence_ms: limits.silence_ms,
        },
        approval: plan.approval,
    }
}

fn debts(operation: &Operation) -> Vec<DebtGroup> {
    let mut groups: BTreeMap<(u32, UndoKind, &str, &str), DebtGroup> = BTreeMap::new();
    for debt in &operation.debts {
        let (state, settled) = match debt.state {
            DebtState::Owed if debt.is_given_up(operation.plan.limits.undo_tries) => ("given_up", None),
            DebtState::Owed => ("owed", None),
            DebtState::Started { .. } => ("started", None),
            DebtState::Done => ("done", None),
            DebtState::Settled { why } => ("settled", Some(why)),
        };
        let group = groups.entry((debt.step, debt.kind, state, &debt.why)).or_insert_with(|| DebtGroup {
            step: operation.step(debt.step).name.clone(),
            kind: debt.kind,
            by: debt.by,
            purpose: debt.purpose,
            state,
            settled,
            count: 0,
            hosts: Vec::new(),
            tries: 0,
            why: debt.why.clone(),
        });
        (group.count, group.tries) = (group.count + 1, group.tries.max(debt.tries));
        if group.hosts.len() < MOST_NAMED {
            group.hosts.push(operation.plan.hosts[debt.host as usize].clone());
        }
    }
    groups.into_values().collect()
}

fn hold(operation: &Operation) -> Option<HoldItem> {
    if !operation.phase.stands_still() {
        return None;
    }
    let (ok, bad) = operation.present().map_or((0, 0), |stage| operation.tally(stage));
    Some(HoldItem {
        reason: operation.reason,
        message: operation.message.clone(),
        since: operation.since,
        stage: operation.present().map(|_| operation.stage),
        hosts: operation.present().map_or(0, |stage| stage.hosts.len() as u32),
        ok,
        bad,
        hold_at_hosts: operation.plan.limits.hold_at_hosts,
        hold_at_percent: operation.plan.limits.hold_at_percent,
    })
}

/// A span of locks, folded: a cluster with its nodes is one.
pub(super) fn lock_item(span: &LockSpan) -> LockItem {
    let (mut scope, mut of, mut hosts) = ("node", String::new(), Vec::new());
    for lock in &span.locks {
        match lock {
            Lock::Cluster { cluster } => (scope, of) = ("cluster", cluster.clone()),
            Lock::Node { cluster, .. } => {
                cluster.clone_into(&mut of);
                hosts.extend(lock.address().map(str::to_owned));
            }
        }
    }
    let count = hosts.len() as u32;
    hosts.truncate(MOST_NAMED);
    LockItem {
        scope,
        cluster: of,
        count,
        hosts,
        since: span.since,
        until: span.until,
        why: span.why.clone(),
        released: span.released.map(|(at, _)| at),
        released_why: span.released.map(|(_, why)| why),
    }
}

fn stood_item(stood: &Stood) -> StoodItem {
    let Stood { since, until, stage, reason, message } = stood.clone();
    StoodItem { since, until, stage, reason, message }
}

fn said_item(told: &Spoken) -> SaidItem {
    let Spoken { time, act, subject, why } = told.clone();
    SaidItem { time, act, subject, why }
}

fn warnings_item(warned: &Warned) -> WarningsItem {
    let rose = &warned.rose;
    let (hosts, reason) = (rose.hosts.clone(), rose.reason.clone());
    WarningsItem { time: warned.time, hosts, count: rose.count, before: rose.before, reason }
}

/// What a subject may ask for now, by the model itself.
pub(super) fn actions(
    known: &Known,
    object: Object,
    subject: &str,
    step: Option<&str>,
    time: Micros,
) -> Vec<ActionItem> {
    let skip = Skip { step: step.unwrap_or_default().into(), why: String::new() };
    let answer = || Answer { ticket: String::new(), why: String::new() };
    let asks = [
        ("hold", Asked::Hold(Hold::default())),
        ("resume", Asked::Resume(Word::default())),
        ("cancel", Asked::Cancel(Word::default())),
        ("retry", Asked::Retry(Retry::default())),
        ("skip", Asked::Skip(skip)),
        ("approve", Asked::Approve(answer())),
        ("reject", Asked::Reject(answer())),
    ];
    let tried = asks.map(|(action, ask)| {
        let command = Command { id: Uuid::nil(), object, subject: subject.into(), via: Via::Api, time, ask };
        let refused = decide(&known.board, &Arrived { command, partition: 0, offset: 0 }, time).err();
        let why = refused.map(|refused| refused.to_string());
        ActionItem { action, possible: why.is_none(), why }
    });
    tried.into()
}
