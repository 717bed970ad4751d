//! `/api/v1/audits` and `/api/v1/rebuilds`: asked for with POST, answered at once with an id, told with GET when done.

use axum::{Json, extract::Path, http::StatusCode};
use beidou_schemas::{
    Micros,
    maintenance::{
        AuditReport, RebuildReport,
        fact::{AuditAsked, RebuildAsked, Request},
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::page::{CURSOR, CursorParams, Cut, Direction, Page, Place};
use crate::{
    answer::{Total, row_room},
    app::{Ask, now},
    ask::body::Body,
    problem::{Kind, Problem, ProblemBody},
    upkeep::{Board, State, Work, WorkKind},
};

/// Work that may wait at once: each takes seconds to hours, one after another.
const MOST_OPEN: usize = 16;

/// What an audit shall compare.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditWish {
    /// Everything, not only what is new and a share of the rest.
    #[serde(default)]
    full: bool,
}

/// What was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// Its id, for `GET …/{id}`.
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
}

/// An audit or a rebuild.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkItem {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
    /// `open` (it waits, or runs), `done`, `failed`.
    #[schema(value_type = String)]
    state: &'static str,
    /// When it was asked for; of an audit that ran by itself, when it was told.
    #[schema(value_type = String, format = DateTime)]
    time: Micros,
    /// Who asked; null where it ran by itself.
    subject: Option<String>,
    /// Everything was to be compared.
    full: bool,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// What an audit compared, found and repaired: `findings` with `fault`, `cluster_uid`, `hour`, `place`, `rows`,
    /// `repaired`, `detail`; `repaired` and `unrepaired` count them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    audit: Option<AuditReport>,
    /// What a rebuild did: `rows`, `hash`, `from_archive`, `from_log`, `paused_ms`, `before_rows`, `before_hash`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    rebuild: Option<RebuildReport>,
}

/// A page of audits, or of rebuilds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkList {
    /// The newest first; the last hundred pieces of work are remembered.
    items: Vec<WorkItem>,
    /// Pass it as `cursor` for the page behind this one; null on the last page.
    next: Option<String>,
    /// How many there are in all.
    total: Total,
}

/// Asks for an audit: log, table and archive are compared, and what differs is repaired where it can be.
#[utoipa::path(
    post, path = "/api/v1/audits", tag = "Maintenance", request_body = AuditWish,
    responses((status = 202, body = Accepted), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn ask_audit(ask: Ask, Body(wish): Body<AuditWish>) -> Result<(StatusCode, Json<Accepted>), Problem> {
    ask.params(&[])?;
    let id = Uuid::new_v4();
    let asked = AuditAsked { id, full: wish.full, subject: ask.caller().subject.clone(), time: now() };
    ask.app.upkeep.ask(Request::AuditAsked(asked), room).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { id })))
}

/// Audits, the newest first; those that ran by themselves too.
#[utoipa::path(
    get, path = "/api/v1/audits", tag = "Maintenance", params(CursorParams),
    responses((status = 200, body = WorkList), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn audits(ask: Ask) -> Result<Json<WorkList>, Problem> {
    list(&ask, WorkKind::Audit).await
}

/// One audit.
#[utoipa::path(
    get, path = "/api/v1/audits/{id}", tag = "Maintenance", params(("id" = String, Path, description = "The audit's id.")),
    responses((status = 200, body = WorkItem), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn audit(ask: Ask, Path(id): Path<String>) -> Result<Json<WorkItem>, Problem> {
    one(&ask, WorkKind::Audit, &id).await
}

/// Asks for a rebuild: a new table of Events is filled from archive and log, and takes the old one's place. Queries go on.
#[utoipa::path(
    post, path = "/api/v1/rebuilds", tag = "Maintenance",
    responses((status = 202, body = Accepted), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn ask_rebuild(ask: Ask) -> Result<(StatusCode, Json<Accepted>), Problem> {
    ask.params(&[])?;
    let id = Uuid::new_v4();
    let asked = RebuildAsked { id, subject: ask.caller().subject.clone(), time: now() };
    ask.app.upkeep.ask(Request::RebuildAsked(asked), room).await?;
    Ok((StatusCode::ACCEPTED, Json(Accepted { id })))
}

/// Rebuilds, the newest first.
#[utoipa::path(
    get, path = "/api/v1/rebuilds", tag = "Maintenance", params(CursorParams),
    responses((status = 200, body = WorkList), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn rebuilds(ask: Ask) -> Result<Json<WorkList>, Problem> {
    list(&ask, WorkKind::Rebuild).await
}

/// One rebuild.
#[utoipa::path(
    get, path = "/api/v1/rebuilds/{id}", tag = "Maintenance", params(("id" = String, Path, description = "The rebuild's id.")),
    responses((status = 200, body = WorkItem), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn rebuild(ask: Ask, Path(id): Path<String>) -> Result<Json<WorkItem>, Problem> {
    one(&ask, WorkKind::Rebuild, &id).await
}

fn room(board: &Board) -> Result<(), Problem> {
    match board.open_work() {
        open if open >= MOST_OPEN => {
            Err(Problem::new(Kind::Busy, format!("{open} audits and rebuilds wait already; wait until one is done")))
        }
        _ => Ok(()),
    }
}

async fn list(ask: &Ask, kind: WorkKind) -> Result<Json<WorkList>, Problem> {
    let page = Page::<Place>::read(ask, &ask.params(&[&CURSOR])?)?;
    let list = ask.app.upkeep.board(|board| {
        let rows = board.work(kind).map(|work| (Place::by_number(work.time.0, work.id), work)).collect();
        let told = |work: &Work| item(work.clone());
        let Cut { items, next, total } = page.of(ask, rows, Direction::Down, row_room(&[]), told);
        WorkList { items, next, total }
    });
    Ok(Json(list.await?))
}

async fn one(ask: &Ask, kind: WorkKind, id: &str) -> Result<Json<WorkItem>, Problem> {
    ask.params(&[])?;
    let wanted = id.parse::<Uuid>().map_err(|_| Problem::parameter("id", id, "a UUID, as the POST answered it"))?;
    let found = ask.app.upkeep.board(|board| board.find(kind, wanted)).await?;
    let unknown = || Problem::new(Kind::UnknownWork, format!("nothing was asked for under the id {wanted}"));
    found.map(|work| Json(item(work))).ok_or_else(unknown)
}

fn item(work: Work) -> WorkItem {
    let (state, why, audit, rebuild) = match work.state {
        State::Open => ("open", None, None, None),
        State::Audited(report) => ("done", None, Some(report), None),
        State::Rebuilt(report) => ("done", None, None, Some(report)),
        State::Failed(why) => ("failed", Some(why), None, None),
    };
    let Work { id, time, subject, full, .. } = work;
    WorkItem { id, state, time, subject, full, why, audit, rebuild }
}
