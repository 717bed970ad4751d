//! `GET /api/v1/tasks`, `GET /api/v1/tasks/{id}`: automatic tasks and where they stand.

use axum::{Json, extract::Path};
use beidou_model::operation::{GateState, StepState, Task, view};
use beidou_schemas::{
    Micros,
    operation::{GateMode, Object, OperationType, Phase, Reason, TaskSpec, TaskStepKind},
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    detail::{ActionItem, actions},
    id_of,
    item::{OperationItem, item},
    list::{Filter, LIST, ListParams, Seen},
    task_of,
};
use crate::{
    answer::{Total, row_room},
    app::{Ask, now},
    ask::Params,
    problem::{Problem, ProblemBody},
    routes::page::{Cut, Direction, Page, Place},
};

/// Which tasks.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; the route reads them")]
struct TaskParams {
    /// Text within name, id, message, bundle or the address of a machine; case does not matter.
    text: Option<String>,
    /// `created` (default), `updated`, `name`.
    sort: Option<String>,
}

/// A work order of a task.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct GateItem {
    /// Who answers: `approval` (another subject), `webhook` (a ticket system), `open` (itself).
    #[schema(value_type = String)]
    mode: GateMode,
    /// Since when it is open.
    #[schema(value_type = String, format = DateTime)]
    asked: Micros,
    /// Until when an answer is waited for.
    #[schema(value_type = String, format = DateTime)]
    until: Micros,
    /// The answer: true lets the task go on; null while none came.
    open: Option<bool>,
    /// Who answered.
    answered_by: Option<String>,
    /// The number of the work order in the team's system; may be empty.
    ticket: String,
    /// What was said; may be empty.
    why: String,
}

/// A step of a task. Where it names several bundles, what bundles do stands there once for each, in their order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct TaskStepItem {
    /// `ScaleUpPreCheck`, `ScaleUpWorkprocess`, `ScaleUp`, `UncordonNodes`, `ScaleUpSubWorkprocess` and so on.
    #[schema(value_type = String)]
    step: TaskStepKind,
    /// The bundle that does it, where the task names several.
    bundle: Option<String>,
    /// `waiting`, `running`, `done`, `failed`.
    #[schema(value_type = String)]
    state: StepState,
    /// The operation that it made.
    #[schema(value_type = Option<String>, format = "uuid")]
    operation: Option<Uuid>,
    /// When it began.
    #[schema(value_type = Option<String>, format = DateTime)]
    started: Option<Micros>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended: Option<Micros>,
    /// Its work order, where it is one and has begun.
    gate: Option<GateItem>,
    /// For people; may be empty.
    message: String,
}

/// An automatic task in short.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct TaskItem {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    pub id: Uuid,
    /// For people: `namespace/name`.
    name: String,
    /// The cluster.
    cluster: String,
    /// What kind of cluster it is, such as `native`.
    cluster_type: String,
    /// `ScaleUp`, `NodeJoin`, `ScaleDown`, `NodeRemove`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    task_type: OperationType,
    /// The bundles whose operations it makes, with commas between them.
    bundle: String,
    /// `Pending`, `Running`, `Held`, `Cancelling`, `Succeeded`, `Failed`, `Cancelled`, `Unknown`.
    #[schema(value_type = String)]
    phase: Phase,
    /// Why it waits, is held, or ended so; `AwaitingApproval` at a work order.
    #[schema(value_type = Option<String>)]
    reason: Option<Reason>,
    /// The same for people.
    message: String,
    /// Who asked for it.
    subject: String,
    /// Why, for people; may be empty.
    why: String,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    created: Micros,
    /// When its last fact was written.
    #[schema(value_type = String, format = DateTime)]
    updated: Micros,
    /// Since when it is in this phase.
    #[schema(value_type = String, format = DateTime)]
    since: Micros,
    /// When it was over.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended: Option<Micros>,
    /// How many machines.
    machines: u32,
    /// Its steps in order.
    steps: Vec<TaskStepItem>,
    /// The number of its last fact.
    seq: u64,
}

/// A page of tasks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TaskList {
    /// The rows of this page.
    items: Vec<TaskItem>,
    /// Pass it as `cursor`, with all other parameters unchanged, for the page behind this one; null on the last page.
    next: Option<String>,
    /// How many match in all.
    total: Total,
}

/// One task.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TaskDetail {
    /// In short.
    summary: TaskItem,
    /// What it is to do, as it was asked for.
    #[schema(value_type = Object)]
    spec: TaskSpec,
    /// The operations that it made, in order.
    operations: Vec<OperationItem>,
    /// What the caller may ask for now.
    actions: Vec<ActionItem>,
}

/// A task in short.
pub(super) fn task_item(task: &Task) -> TaskItem {
    let summary = view::task_summary(task);
    let steps = task.steps.iter().zip(summary.steps).map(|(step, short)| TaskStepItem {
        step: short.kind,
        bundle: step.bundle.clone(),
        state: short.state,
        operation: short.operation.map(|id| id.0),
        started: short.started,
        ended: short.ended,
        gate: step.gate.as_ref().map(gate_item),
        message: short.message,
    });
    TaskItem {
        id: task.id.0,
        name: task.name.clone(),
        cluster: task.spec.cluster.clone(),
        cluster_type: task.spec.cluster_type.clone(),
        task_type: task.spec.operation_task_type,
        bundle: task.spec.operation_ids.join(", "),
        phase: summary.phase,
        reason: summary.reason,
        message: summary.message,
        subject: task.subject.clone(),
        why: task.why.clone(),
        created: task.created,
        updated: task.updated,
        since: task.since,
        ended: task.ended,
        machines: task.spec.operation_task_machines.len() as u32,
        steps: steps.collect(),
        seq: task.seq,
    }
}

fn gate_item(gate: &GateState) -> GateItem {
    let (open, answered_by) = gate.answer.clone().unzip();
    let (ticket, why) = (gate.ticket.clone(), gate.why.clone());
    GateItem { mode: gate.mode, asked: gate.asked, until: gate.until, open, answered_by, ticket, why }
}

type Key = fn(&Task) -> Place;

fn sort(params: &Params) -> Result<Key, Problem> {
    Ok(match params.one("sort")? {
        None | Some("created") => |task| Place::by_number(task.created.0, task.id.0),
        Some("updated") => |task| Place::by_number(task.updated.0, task.id.0),
        Some("name") => |task| Place::by_text(&task.name, task.id.0),
        Some(other) => return Err(Problem::parameter("sort", other, "created, updated, name")),
    })
}

fn passes(filter: &Filter, task: &Task) -> bool {
    let seen = Seen {
        cluster: &task.spec.cluster,
        kind: task.spec.operation_task_type,
        phase: task.phase,
        subject: &task.subject,
        created: task.created,
        ended: task.ended,
    };
    filter.passes(&seen)
        && (filter.text.is_none() || {
            let id = task.id.to_string();
            let machines = task.spec.operation_task_machines.iter().map(|machine| &*machine.name);
            let bundles = task.spec.operation_ids.iter().map(String::as_str);
            filter.reads([&*task.name, &*id, &*task.message].into_iter().chain(machines).chain(bundles))
        })
}

/// Automatic tasks, the newest first.
#[utoipa::path(
    get, path = "/api/v1/tasks", tag = "Operations", params(ListParams, TaskParams),
    responses((status = 200, body = TaskList), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn tasks(ask: Ask) -> Result<Json<TaskList>, Problem> {
    let params = ask.params(&[&LIST, &["text", "sort"]])?;
    let (filter, key, direction) = (Filter::read(&params)?, sort(&params)?, Direction::read(&params)?);
    let page = Page::<Place>::read(&ask, &params)?;
    let list = ask.app.operations.look(|known| {
        let all = known.board.tasks.values().filter(|task| passes(&filter, task));
        let rows = all.map(|task| (key(task), task)).collect();
        let Cut { items, next, total } = page.of(&ask, rows, direction, row_room(&[]), task_item);
        TaskList { items, next, total }
    });
    Ok(Json(list.await?))
}

/// One task: summary, specification, the operations that it made.
#[utoipa::path(
    get, path = "/api/v1/tasks/{id}", tag = "Operations", params(("id" = String, Path, description = "The task's id.")),
    responses((status = 200, body = TaskDetail), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn task(ask: Ask, Path(id): Path<String>) -> Result<Json<TaskDetail>, Problem> {
    ask.params(&[])?;
    let id = id_of(&id)?;
    let (subject, moment) = (&ask.caller().subject, now());
    let look = ask.app.operations.look(|known| {
        let task = task_of(known, id)?;
        let board = &known.board;
        let made = task.steps.iter().filter_map(|step| board.operations.get(&step.operation?));
        let present = task.present().map(|(_, step)| step.name());
        Ok(Json(TaskDetail {
            summary: task_item(task),
            spec: task.spec.clone(),
            operations: made.map(|operation| item(board, operation, moment)).collect(),
            actions: actions(known, Object::Task(task.id), subject, present.as_deref(), moment),
        }))
    });
    look.await?
}
