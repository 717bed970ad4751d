//! `/api/v1/operations` and `/api/v1/tasks`: what is to be done to hosts, how it goes, and what people say to it.

mod acts;
mod bundles;
mod calendar;
mod detail;
mod drafts;
mod events;
mod export;
mod facts;
mod hosts;
mod item;
mod list;
mod log;
mod machines;
mod matrix;
mod plan;
mod selector;
mod stream;
mod task_acts;
mod tasks;
mod times;

use std::sync::Arc;

use beidou_model::operation::{Operation, RefusedObject, Task};
use beidou_schemas::operation::{OperationId, TaskId};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    app::App,
    operations::Known,
    problem::{Kind, Problem},
};

/// Bodies are specifications of some thousand machines, or a pasted list of them. The library's own bound is the same.
pub(super) const MOST_BODY_BYTES: usize = 2 << 20;

/// The calls of this room.
pub(super) fn calls() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list::operations, acts::make))
        .routes(routes!(plan::plan_preview))
        .routes(routes!(machines::parse_machines))
        .routes(routes!(bundles::bundles))
        .routes(routes!(calendar::calendar))
        .routes(routes!(drafts::drafts, drafts::make_draft))
        .routes(routes!(drafts::draft_detail, drafts::save_draft, drafts::delete_draft))
        .routes(routes!(acts::command_outcome))
        .routes(routes!(detail::operation))
        .routes(routes!(matrix::matrix))
        .routes(routes!(matrix::matrix_changes))
        .routes(routes!(hosts::hosts))
        .routes(routes!(log::operation_log))
        .routes(routes!(events::operation_events))
        .routes(routes!(facts::operation_facts))
        .routes(routes!(stream::operation_stream))
        .routes(routes!(export::export_operation))
        .merge(words())
        .merge(task_calls())
}

/// What people say to an operation.
fn words() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(acts::hold))
        .routes(routes!(acts::resume))
        .routes(routes!(acts::cancel))
        .routes(routes!(acts::retry))
        .routes(routes!(acts::skip))
        .routes(routes!(acts::approve))
        .routes(routes!(acts::reject))
}

/// The calls about tasks.
fn task_calls() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(tasks::tasks, task_acts::make_task))
        .routes(routes!(tasks::task))
        .routes(routes!(facts::task_facts))
        .routes(routes!(stream::task_stream))
        .routes(routes!(task_acts::hold_task))
        .routes(routes!(task_acts::resume_task))
        .routes(routes!(task_acts::cancel_task))
        .routes(routes!(task_acts::retry_task))
        .routes(routes!(task_acts::skip_task))
        .routes(routes!(task_acts::approve_task))
        .routes(routes!(task_acts::reject_task))
}

/// An id in the path.
fn id_of(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Problem::parameter("id", text, "a UUID, as the list and the POST answer it"))
}

fn operation_of(known: &Known, id: Uuid) -> Result<&Operation, Problem> {
    let found = known.board.operations.get(&OperationId(id));
    found.ok_or_else(|| unknown(known.board.refused.get(&id), Kind::UnknownOperation, "operation", id))
}

fn task_of(known: &Known, id: Uuid) -> Result<&Task, Problem> {
    let found = known.board.tasks.get(&TaskId(id));
    found.ok_or_else(|| unknown(known.board.refused.get(&id), Kind::UnknownTask, "task", id))
}

/// What was refused never was an operation, but what was wrong with it is known.
fn unknown(refused: Option<&RefusedObject>, kind: Kind, what: &str, id: Uuid) -> Problem {
    match refused {
        Some(refused) => {
            let because = Problem::parameter(&refused.field, &refused.value, &*refused.allowed);
            let detail = format!("{} was refused: {}", refused.name, because.detail);
            Problem { kind, detail, ..because }
        }
        None => Problem::new(kind, format!("there is no {what} with the id {id}")),
    }
}
