//! `GET …/stream`: a message for each new fact of an operation or a task, resumable by the fact's offset.
//!
//! What holds: a message's id is the offset of its fact, so that resuming there repeats nothing and loses nothing. Changes
//! of cells are those of this very fact; the summary is that of the moment in which the message was made. Of messages that
//! were made at once only the last one has it: a step's end on 2,000 hosts is as many facts.

use std::collections::BTreeSet;

use axum::{
    extract::Path,
    http::HeaderMap,
    response::{Response, sse::Event},
};
use beidou_schemas::{
    Micros, Offset,
    operation::{Object, OperationId, TaskId},
};
use serde::Serialize;
use tracing::Instrument;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    id_of,
    item::{OperationItem, item},
    operation_of, task_of,
    tasks::{TaskItem, task_item},
};
use crate::{
    app::{App, Ask, now},
    ask::Params,
    follow::{Ended, Follower, HEARTBEAT, answer, behind},
    operations::{FactHead, Known},
    problem::{Kind, Problem, ProblemBody},
};

/// Messages that are made at once, under one look at the board.
const MOST_AT_ONCE: usize = 128;
/// Changes of one message; a fact that moves more is followed by `matrix`.
const MOST_CHANGES: usize = 5000;

/// Where the stream begins.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; the route reads it")]
struct StreamParams {
    /// The `id` of an earlier message, or the offset of a fact: the stream goes on behind it. Default: from now on.
    after: Option<String>,
}

/// A new fact of an operation.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OperationMessage {
    /// The fact's offset: the message's id.
    #[schema(value_type = u64)]
    offset: Offset,
    /// The fact's number within the operation.
    seq: u64,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    time: Micros,
    /// The name of its kind: `Started`, `HostResult` and so on.
    #[schema(value_type = String)]
    fact: &'static str,
    /// What it changed in the matrix, three numbers each: place of the step, place of the host, byte of its state.
    #[schema(value_type = Vec<Vec<u32>>)]
    changes: Vec<(u32, u32, u8)>,
    /// It changed more than is told here: ask for the matrix.
    more_changes: bool,
    /// The operation now; null where another message follows at once, which has it.
    summary: Option<OperationItem>,
}

/// A new fact of a task, or of an operation that it made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TaskMessage {
    /// The fact's offset: the message's id.
    #[schema(value_type = u64)]
    offset: Offset,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    time: Micros,
    /// The name of its kind.
    #[schema(value_type = String)]
    fact: &'static str,
    /// The operation that it is about; null where it is about the task itself, or another message about it follows at once.
    operation: Option<OperationItem>,
    /// The task now; null where another message follows at once, which has it.
    summary: Option<TaskItem>,
}

/// New facts of an operation as they come.
///
/// Server-sent events. Each message holds what the fact changed in the matrix, and the summary unless another message follows
/// at once. Every message has an `id`:
/// pass it as `Last-Event-ID` or `after` to go on behind it. A comment every 15 seconds is a sign of life. A reader that
/// takes nothing for 30 seconds is let go. The stream ends when the operation is over and everything is told.
#[utoipa::path(
    get, path = "/api/v1/operations/{id}/stream", tag = "Operations",
    params(
        ("id" = String, Path, description = "The operation's id."), StreamParams,
        ("Last-Event-ID" = Option<String>, Header, description = "As `after`, as EventSource sends it when it connects again; wins over `after`")
    ),
    responses(
        (status = 200, description = "Messages", content((OperationMessage = "text/event-stream"))),
        (status = "default", body = ProblemBody, content_type = "application/problem+json")
    ),
    security(("token" = []))
)]
pub(super) async fn operation_stream(
    ask: Ask,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = ask.params(&[&["after"]])?;
    let id = id_of(&id)?;
    ask.app.operations.look(|known| operation_of(known, id).map(drop)).await??;
    begin(&ask, &params, &headers, Object::Operation(OperationId(id)))
}

/// New facts of a task, and of the operations that it made, as they come; messages as for an operation.
#[utoipa::path(
    get, path = "/api/v1/tasks/{id}/stream", tag = "Operations",
    params(
        ("id" = String, Path, description = "The task's id."), StreamParams,
        ("Last-Event-ID" = Option<String>, Header, description = "As `after`, as EventSource sends it when it connects again; wins over `after`")
    ),
    responses(
        (status = 200, description = "Messages", content((TaskMessage = "text/event-stream"))),
        (status = "default", body = ProblemBody, content_type = "application/problem+json")
    ),
    security(("token" = []))
)]
pub(super) async fn task_stream(ask: Ask, Path(id): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let params = ask.params(&[&["after"]])?;
    let id = id_of(&id)?;
    ask.app.operations.look(|known| task_of(known, id).map(drop)).await??;
    begin(&ask, &params, &headers, Object::Task(TaskId(id)))
}

fn begin(ask: &Ask, params: &Params, headers: &HeaderMap, object: Object) -> Result<Response, Problem> {
    let after = match behind(params, headers)? {
        Some((name, text)) => Some(text.parse::<Offset>().map_err(|_| Problem {
            kind: Kind::BadPosition,
            ..Problem::parameter(name, text, "the id of an earlier message: the offset of a fact")
        })?),
        None => ask.app.operations.glance(|known| {
            whose(known, object).into_iter().filter_map(|(id, _)| known.facts(id).last().copied()).max()
        }),
    };
    let (follower, messages) = Follower::new(&ask.app)?;
    let stream = Stream { app: ask.app.clone(), object, after, follower };
    tokio::spawn(stream.run().in_current_span());
    Ok(answer(messages))
}

/// Whose facts a stream has: an operation's, or a task's and those of the operations that it made.
fn whose(known: &Known, object: Object) -> Vec<(Uuid, Option<OperationId>)> {
    match object {
        Object::Operation(id) => vec![(id.0, Some(id))],
        Object::Task(id) => {
            let steps = known.board.tasks.get(&id).map_or(&[][..], |task| &task.steps);
            let made = steps.iter().filter_map(|step| step.operation);
            std::iter::once((id.0, None)).chain(made.map(|operation| (operation.0, Some(operation)))).collect()
        }
        Object::Board => Vec::new(),
    }
}

/// A fact that is told.
struct New {
    offset: Offset,
    /// Its object, and its place among the facts of that.
    id: Uuid,
    at: usize,
    /// What it is about, unless that is a task.
    operation: Option<OperationId>,
}

/// What comes behind a position, in the order of the log.
fn behind_it(known: &Known, object: Object, after: Option<Offset>) -> Vec<New> {
    let of = |(id, operation)| {
        let all = known.facts(id);
        let first = after.map_or(0, |after| all.partition_point(|offset| *offset <= after));
        let new = all.iter().enumerate().skip(first).take(MOST_AT_ONCE);
        new.map(|(at, offset)| New { offset: *offset, id, at, operation }).collect::<Vec<_>>()
    };
    let mut new: Vec<New> = whose(known, object).into_iter().flat_map(of).collect();
    new.sort_by_key(|new| new.offset);
    new.truncate(MOST_AT_ONCE);
    new
}

struct Stream {
    app: std::sync::Arc<App>,
    object: Object,
    after: Option<Offset>,
    follower: Follower,
}

impl Stream {
    async fn run(mut self) {
        let over = self.follower.over();
        tokio::select! {
            () = over => {}
            _ended = self.serve() => {}
        }
    }

    async fn serve(&mut self) -> Result<(), Ended> {
        let mut changes = self.app.operations.changes();
        // An id without data tells where the stream begins, before anything comes.
        self.follower.send(self.at(Event::default().comment("begin"))).await?;
        loop {
            changes.borrow_and_update();
            loop {
                let told = self.app.operations.glance_into(|known| self.ahead(known), |known| self.messages(known));
                let (messages, over) = told.await.map_err(|problem| {
                    tracing::warn!(
                        detail = problem.detail,
                        cause = problem.cause,
                        "a stream ends, the log cannot be read"
                    );
                    Ended::Log
                })?;
                if messages.is_empty() && over {
                    return Ok(());
                }
                if messages.is_empty() {
                    break;
                }
                for (offset, data) in messages {
                    self.after = Some(offset);
                    self.follower.send(Event::default().id(offset.to_string()).data(data)).await?;
                }
            }
            match tokio::time::timeout(HEARTBEAT, changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Ended::Log),
                Err(_) => self.follower.send(self.at(Event::default().comment("heartbeat"))).await?,
            }
        }
    }

    fn at(&self, event: Event) -> Event {
        match self.after {
            Some(offset) => event.id(offset.to_string()),
            None => event,
        }
    }

    /// The operations that the next messages are about.
    fn ahead(&self, known: &Known) -> BTreeSet<OperationId> {
        behind_it(known, self.object, self.after).iter().filter_map(|new| new.operation).collect()
    }

    /// What is behind the position, and whether nothing more will come.
    fn messages(&self, known: &Known) -> (Vec<(Offset, String)>, bool) {
        let new = behind_it(known, self.object, self.after);
        let messages = new.iter().enumerate().filter_map(|(at, fact)| {
            let later = &new[at + 1..];
            Some((fact.offset, self.message(known, fact, later)?))
        });
        let over = match self.object {
            Object::Operation(id) => known
                .board
                .operations
                .get(&id)
                .is_none_or(|operation| operation.phase.is_over() && operation.notices.is_empty()),
            Object::Task(id) => {
                known.board.tasks.get(&id).is_none_or(|task| task.phase.is_over() && task.notices.is_empty())
            }
            Object::Board => true,
        };
        (messages.collect(), over)
    }

    /// A message, before those that follow at once.
    fn message(&self, known: &Known, fact: &New, later: &[New]) -> Option<String> {
        let board = &known.board;
        let found = fact.operation.and_then(|id| board.operations.get(&id));
        let is_last = later.iter().all(|other| other.operation != fact.operation);
        let operation = found.filter(|_| is_last).map(|operation| item(board, operation, now()));
        let (offset, heads) = (fact.offset, known.heads(fact.id));
        let FactHead { seq, time, kind, changes: until } = *heads.get(fact.at)?;
        let json = match self.object {
            Object::Task(id) => {
                let task = board.tasks.get(&id)?;
                let summary = later.is_empty().then(|| task_item(task));
                serde_json::to_string(&TaskMessage { offset, time, fact: kind, operation, summary })
            }
            Object::Operation(_) | Object::Board => {
                let before = fact.at.checked_sub(1).map_or(0, |before| heads[before].changes);
                let changed = found?.changes.get(before..until).unwrap_or_default();
                let changes = changed.iter().take(MOST_CHANGES).map(|c| (c.step, c.host, c.state.number())).collect();
                let more_changes = changed.len() > MOST_CHANGES;
                let summary = operation;
                serde_json::to_string(&OperationMessage {
                    offset,
                    seq,
                    time,
                    fact: kind,
                    changes,
                    more_changes,
                    summary,
                })
            }
        };
        json.ok()
    }
}
