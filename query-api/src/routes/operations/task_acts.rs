//! What people say to a task, and the making of one: each call is a command in the log, as for operations.

use axum::{extract::Path, http::StatusCode, response::Response};
use beidou_schemas::operation::{
    Object, TaskId, TaskSpec,
    command::{Answer, Ask as Asked, Hold, RequestTask, Retry, Skip, Word},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::acts::{
    AnswerBody, CommandAnswer, Key, RetryBody, SkipBody, WaitParam, WordBody, checked_name, say, says, told, wait,
};
use crate::{
    app::Ask,
    ask::body::Body,
    operations::Target,
    problem::{Problem, ProblemBody},
};

/// A task to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskWish {
    /// For people: `namespace/name`.
    #[schema(example = "beidou-system/scaleup-2024-q3")]
    pub name: String,
    /// What it is to do: the names of the fields are those of the resource, `cluster`, `operationIds`,
    /// `operationTaskMachines`, `operationTaskStep`, `operationTaskType` and so on.
    #[schema(value_type = Object)]
    pub spec: TaskSpec,
    /// Why, for people; may be empty.
    #[serde(default)]
    pub why: String,
}

/// Makes a task: answered when it is accepted, or refused with what is allowed.
#[utoipa::path(
    post, path = "/api/v1/tasks", tag = "Operations", request_body = TaskWish,
    params(WaitParam, ("Idempotency-Key" = Option<String>, Header, description = "A UUID: the same again is the same command.")),
    responses(
        (status = 201, body = CommandAnswer), (status = 202, body = CommandAnswer),
        (status = "default", body = ProblemBody, content_type = "application/problem+json")
    ),
    security(("token" = []))
)]
pub(super) async fn make_task(ask: Ask, key: Key, Body(wish): Body<TaskWish>) -> Result<Response, Problem> {
    wait(&ask)?;
    checked_name(&wish.name)?;
    let asked = RequestTask { name: wish.name, spec: wish.spec, why: wish.why };
    told(&ask, key, Target::NewTask, asked.into(), StatusCode::CREATED).await
}

says! {
    |id| Object::Task(TaskId(id)), "The task's id.";
    /// Holds a task, and the operation of its present step.
    hold_task "/api/v1/tasks/{id}/hold" WordBody(body) => Asked::Hold(Hold { why: body.why, suspend: false });
    /// Lets a task that stands still go on, and the operation of its present step.
    resume_task "/api/v1/tasks/{id}/resume" WordBody(body) => Asked::Resume(Word { why: body.why });
    /// Cancels a task, and the present operation of it, whose work is undone: what ended before stays.
    cancel_task "/api/v1/tasks/{id}/cancel" WordBody(body) => Asked::Cancel(Word { why: body.why });
    /// Tries hosts of the present step's operation again.
    retry_task "/api/v1/tasks/{id}/retry" RetryBody(body) => Asked::Retry(Retry { hosts: body.hosts, why: body.why });
    /// Leaves the present step of a held task out.
    skip_task "/api/v1/tasks/{id}/skip" SkipBody(body) => Asked::Skip(Skip { step: body.step, why: body.why });
    /// Approves the work order at which a task waits.
    approve_task "/api/v1/tasks/{id}/approve" AnswerBody(body) => Asked::Approve(Answer { ticket: body.ticket, why: body.why });
    /// Rejects it.
    reject_task "/api/v1/tasks/{id}/reject" AnswerBody(body) => Asked::Reject(Answer { ticket: body.ticket, why: body.why });
}
