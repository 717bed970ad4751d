//! `GET …/facts`: the facts of one operation or task, in order: for replay and audit.

use axum::{Json, extract::Path};
use beidou_schemas::{Micros, Offset};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{id_of, operation_of, task_of};
use crate::{
    answer::{Total, fit},
    app::Ask,
    problem::{Problem, ProblemBody},
    routes::page::{CURSOR, CursorParams, Page},
};

/// The command that a fact follows from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FactCause {
    /// Its id: the caller's idempotency key.
    #[schema(value_type = String, format = "uuid")]
    command: Uuid,
    /// Its partition of the command topic: 0 of the API, 1 of resources and callbacks.
    partition: u32,
    /// Its offset there.
    #[schema(value_type = u64)]
    offset: Offset,
}

/// A fact.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FactItem {
    /// Where it stands in the topic of facts: grows, with holes.
    #[schema(value_type = u64)]
    offset: Offset,
    /// 1, 2, 3… of this operation or task.
    seq: u64,
    /// Of the writer.
    epoch: u64,
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    time: Micros,
    /// The number of its kind.
    kind: u8,
    /// The name of its kind: `Accepted`, `Started`, `AttemptIntended` and so on.
    name: String,
    /// The command that it follows from; null where none.
    cause: Option<FactCause>,
    /// What it says.
    #[schema(value_type = Object)]
    body: Value,
}

/// A page of facts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FactPage {
    /// In order.
    items: Vec<FactItem>,
    /// Pass it as `cursor` for what follows; null at the end.
    next: Option<String>,
    /// How many there are.
    total: Total,
}

/// The facts of an operation, in order: its state at any moment is their fold.
#[utoipa::path(
    get, path = "/api/v1/operations/{id}/facts", tag = "Operations",
    params(("id" = String, Path, description = "The operation's id."), CursorParams),
    responses((status = 200, body = FactPage), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn operation_facts(ask: Ask, Path(id): Path<String>) -> Result<Json<FactPage>, Problem> {
    let params = ask.params(&[&CURSOR])?;
    let (id, page) = (id_of(&id)?, Page::read(&ask, &params)?);
    ask.app.operations.look(|known| operation_of(known, id).map(drop)).await??;
    facts(&ask, id, &page).await
}

/// The facts of a task, in order.
#[utoipa::path(
    get, path = "/api/v1/tasks/{id}/facts", tag = "Operations",
    params(("id" = String, Path, description = "The task's id."), CursorParams),
    responses((status = 200, body = FactPage), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn task_facts(ask: Ask, Path(id): Path<String>) -> Result<Json<FactPage>, Problem> {
    let params = ask.params(&[&CURSOR])?;
    let (id, page) = (id_of(&id)?, Page::read(&ask, &params)?);
    ask.app.operations.look(|known| task_of(known, id).map(drop)).await??;
    facts(&ask, id, &page).await
}

async fn facts(ask: &Ask, id: Uuid, page: &Page<Offset>) -> Result<Json<FactPage>, Problem> {
    let (places, value) = ask.app.operations.glance(|known| {
        let all = known.facts(id);
        let first = page.after.map_or(0, |after| all.partition_point(|offset| *offset <= after));
        let wanted: Vec<Offset> = all[first..].iter().copied().take(page.limit + 1).collect();
        (wanted, all.len() as u64)
    });
    let mut items = Vec::new();
    let shown = &places[..places.len().min(page.limit)];
    for (offset, fact) in ask.app.operations.facts_at(shown).await? {
        let cause = fact.cause.map(|cause| FactCause {
            command: cause.command,
            partition: cause.partition,
            offset: cause.offset,
        });
        items.push(FactItem {
            offset,
            seq: fact.seq,
            epoch: fact.epoch,
            time: fact.time,
            kind: fact.body.number(),
            name: fact.body.name().into(),
            cause,
            body: fact.body.value(),
        });
    }
    let mut more = places.len() > page.limit;
    fit(&mut items, &mut more, &[]);
    let next = items.last().filter(|_| more).map(|last| page.next(ask, &last.offset));
    Ok(Json(FactPage { items, next, total: Total { value, exact: true } }))
}
