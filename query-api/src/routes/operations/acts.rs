//! What people say to an operation, and the making of one: each call is a command in the log.
//!
//! An answer comes when something came of the command. The same `Idempotency-Key` again is the same command, and gets the
//! same answer.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{FromRequestParts, Path},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use beidou_schemas::operation::{
    Object, OperationId, OperationSpec,
    command::{Answer, Ask as Asked, Hold, RequestOperation, Retry, Skip, Word},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    id_of,
    item::{OperationItem, item},
    tasks::{TaskItem, task_item},
};
use crate::{
    app::{App, Ask, now},
    ask::body::Body,
    operations::{Answered, Outcome, Target, Wish},
    problem::{Kind, Problem, ProblemBody},
};

/// Controllers answer within milliseconds where they run.
const LONGEST_WAIT_MS: u64 = 10_000;
/// Names of resources are `namespace/name`: 253 bytes each.
pub(super) const LONGEST_NAME: usize = 507;
const NAME: &str = "a name, or namespace/name: 1 to 507 letters, digits, '.', '-', '_', with one '/' at most";
const KEY_HEADER: &str = "idempotency-key";

/// How long an outcome is waited for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; the route reads it")]
pub(super) struct WaitParam {
    /// How long an outcome is waited for, in milliseconds; without one in time the answer is 202.
    #[param(minimum = 0, maximum = 10_000, default = 10_000)]
    wait_ms: Option<u64>,
}

/// The caller's idempotency key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key(pub Option<Uuid>);

impl FromRequestParts<Arc<App>> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &Arc<App>) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(KEY_HEADER) else { return Ok(Self(None)) };
        let text = value.to_str().unwrap_or_default();
        let bad = |_| Problem::parameter("Idempotency-Key", text, "a UUID");
        text.parse().map(|key| Self(Some(key))).map_err(bad)
    }
}

/// An operation to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OperationWish {
    /// For people: `namespace/name`.
    #[schema(example = "beidou-system/scaleup-2024")]
    pub name: String,
    /// What it is to do: the names of the fields are those of the resource, `clusterName`, `operationType`,
    /// `operationFlow`, `operationMachines` and so on.
    #[schema(value_type = Object)]
    pub spec: OperationSpec,
    /// Why, for people; may be empty.
    #[serde(default)]
    pub why: String,
}

/// A word beside an act.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WordBody {
    /// Why, for people; may be empty.
    #[serde(default)]
    pub why: String,
}

/// The answer of an approver.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerBody {
    /// The number of the work order in the team's system; may be empty.
    #[serde(default)]
    pub ticket: String,
    /// Why, for people; may be empty.
    #[serde(default)]
    pub why: String,
}

/// Hosts to be tried again.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RetryBody {
    /// Their addresses; none means all that failed in the present step.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Why, for people; may be empty.
    #[serde(default)]
    pub why: String,
}

/// A step to be left out.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SkipBody {
    /// The step; of a task that names several bundles with the one whose turn it is: `ScaleUp/command`.
    pub step: String,
    /// Why, for people; may be empty.
    #[serde(default)]
    pub why: String,
}

/// What came of a command.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CommandAnswer {
    /// The command: the idempotency key, made here where none came.
    #[schema(value_type = String, format = "uuid")]
    command: Uuid,
    /// `followed`, or `waiting`: nothing came of it in time; ask `/api/v1/operations/commands/{command}`.
    #[schema(value_type = String)]
    outcome: &'static str,
    /// The operation or task that it is about.
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
    /// The operation as it is now; null where it is about a task, or is not there yet.
    operation: Option<OperationItem>,
    /// The task as it is now; null where it is about an operation, or is not there yet.
    task: Option<TaskItem>,
}

/// The wait that a request wants.
pub(super) fn wait(ask: &Ask) -> Result<Duration, Problem> {
    let params = ask.params(&[&["wait_ms"]])?;
    params.number("wait_ms", 0..=LONGEST_WAIT_MS, LONGEST_WAIT_MS).map(Duration::from_millis)
}

/// A name as people give it.
pub(super) fn checked_name(name: &str) -> Result<(), Problem> {
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let parts: Vec<&str> = name.split('/').collect();
    let fits = parts.len() <= 2 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(sign));
    match fits && name.len() <= LONGEST_NAME {
        true => Ok(()),
        false => Err(Problem { kind: Kind::SpecRefused, ..Problem::parameter("name", name, NAME) }),
    }
}

/// Asks, and tells what came of it: `made` is the status of what was made or done.
pub(super) async fn told(
    ask: &Ask,
    key: Key,
    target: Target,
    asked: Asked,
    made: StatusCode,
) -> Result<Response, Problem> {
    let wait = wait(ask)?;
    let wish = Wish { key: key.0, target, subject: ask.caller().subject.clone(), ask: asked, wait };
    let answered = ask.app.operations.ask(wish).await?;
    let status = if answered.followed { made } else { StatusCode::ACCEPTED };
    Ok((status, Json(answer(ask, answered))).into_response())
}

fn answer(ask: &Ask, answered: Answered) -> CommandAnswer {
    let Answered { command, object, followed } = answered;
    let outcome = if followed { "followed" } else { "waiting" };
    ask.app.operations.glance(|known| {
        let board = &known.board;
        let (operation, task) = match object {
            Object::Operation(id) => (board.operations.get(&id).map(|found| item(board, found, now())), None),
            Object::Task(id) => (None, board.tasks.get(&id).map(task_item)),
            Object::Board => (None, None),
        };
        CommandAnswer { command, outcome, id: object.id(), operation, task }
    })
}

/// Says something to what is there.
pub(super) async fn say(
    ask: &Ask,
    key: Key,
    id: &str,
    object: fn(Uuid) -> Object,
    asked: Asked,
) -> Result<Response, Problem> {
    wait(ask)?;
    let target = Target::There(object(id_of(id)?));
    told(ask, key, target, asked, StatusCode::OK).await
}

/// Makes an operation: answered when it is accepted, or refused with what is allowed.
#[utoipa::path(
    post, path = "/api/v1/operations", tag = "Operations", request_body = OperationWish,
    params(WaitParam, ("Idempotency-Key" = Option<String>, Header, description = "A UUID: the same again is the same command.")),
    responses(
        (status = 201, body = CommandAnswer), (status = 202, body = CommandAnswer),
        (status = "default", body = ProblemBody, content_type = "application/problem+json")
    ),
    security(("token" = []))
)]
pub(super) async fn make(ask: Ask, key: Key, Body(wish): Body<OperationWish>) -> Result<Response, Problem> {
    wait(&ask)?;
    checked_name(&wish.name)?;
    let asked = RequestOperation { name: wish.name, spec: wish.spec, owner: None, why: wish.why };
    told(&ask, key, Target::NewOperation, asked.into(), StatusCode::CREATED).await
}

/// What came of a command that nothing was heard of in time.
#[utoipa::path(
    get, path = "/api/v1/operations/commands/{id}", tag = "Operations", params(("id" = String, Path, description = "The command's id.")),
    responses((status = 200, body = CommandAnswer), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn command_outcome(ask: Ask, Path(id): Path<String>) -> Result<Json<CommandAnswer>, Problem> {
    ask.params(&[])?;
    let command = id_of(&id)?;
    let object = ask.app.operations.object_of(command).await?;
    let outcome = ask.app.operations.look(|known| known.outcome(command, object)).await?;
    let unknown = || Problem::new(Kind::UnknownCommand, format!("nothing was asked for under the id {command}"));
    match (outcome, object) {
        (Some(Outcome::Refused { field, value, allowed }), _) => {
            Err(Problem { kind: Kind::NotPossible, ..Problem::parameter(&field, &value, allowed) })
        }
        (Some(Outcome::Followed(object)), _) => Ok(Json(answer(&ask, Answered { command, object, followed: true }))),
        (None, Some(object)) => Ok(Json(answer(&ask, Answered { command, object, followed: false }))),
        (None, None) => Err(unknown()),
    }
}

/// The calls that say something to what is there: to which object, what its id is called, and what each says.
macro_rules! says {
    ($object:expr, $id:tt; $($(#[$doc:meta])* $name:ident $path:literal $body:ident($from:ident) => $ask:expr;)+) => {
        $(
            $(#[$doc])*
            #[utoipa::path(
                post, path = $path, tag = "Operations", request_body = $body,
                params(
                    ("id" = String, Path, description = $id), WaitParam,
                    ("Idempotency-Key" = Option<String>, Header, description = "A UUID: the same again is the same command.")
                ),
                responses(
                    (status = 200, body = CommandAnswer), (status = 202, body = CommandAnswer),
                    (status = "default", body = ProblemBody, content_type = "application/problem+json")
                ),
                security(("token" = []))
            )]
            pub(super) async fn $name(ask: Ask, key: Key, Path(id): Path<String>, Body($from): Body<$body>) -> Result<Response, Problem> {
                say(&ask, key, &id, $object, $ask).await
            }
        )+
    };
}
pub(super) use says;

says! {
    |id| Object::Operation(OperationId(id)), "The operation's id.";
    /// Holds an operation: what runs goes on to its end, nothing more begins.
    hold "/api/v1/operations/{id}/hold" WordBody(body) => Asked::Hold(Hold { why: body.why, suspend: false });
    /// Lets an operation that stands still go on. Failures that were seen are accepted by it.
    resume "/api/v1/operations/{id}/resume" WordBody(body) => Asked::Resume(Word { why: body.why });
    /// Cancels an operation: runners stop, and what was done is undone.
    cancel "/api/v1/operations/{id}/cancel" WordBody(body) => Asked::Cancel(Word { why: body.why });
    /// Tries hosts of the present step again: a new attempt; hosts that went well are left out.
    retry "/api/v1/operations/{id}/retry" RetryBody(body) => Asked::Retry(Retry { hosts: body.hosts, why: body.why });
    /// Leaves a step out.
    skip "/api/v1/operations/{id}/skip" SkipBody(body) => Asked::Skip(Skip { step: body.step, why: body.why });
    /// Approves an operation that waits for another subject than the requester.
    approve "/api/v1/operations/{id}/approve" AnswerBody(body) => Asked::Approve(Answer { ticket: body.ticket, why: body.why });
    /// Rejects it: it is over.
    reject "/api/v1/operations/{id}/reject" AnswerBody(body) => Asked::Reject(Answer { ticket: body.ticket, why: body.why });
}
