//! `GET …/matrix`, `GET …/matrix/changes`: hosts × steps at any moment, and what changed between two.

use axum::{
    Json,
    extract::Path,
    http::{HeaderMap, HeaderName, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use beidou_model::operation::view;
use beidou_schemas::Micros;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{id_of, operation_of};
use crate::{
    app::{Ask, now},
    ask::range::moment,
    problem::{Problem, ProblemBody},
    routes::page::Page,
};

/// Changes of one answer: some 25 bytes each.
const MOST_CHANGES: usize = 20_000;
const OCTETS: &str = "application/octet-stream";

/// At which moment.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; the route reads it")]
struct MatrixParams {
    /// The moment: RFC 3339, or relative to now. Default: now.
    t: Option<String>,
}

/// Between which moments.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; the route reads them")]
struct ChangesParams {
    /// Changes after this moment: RFC 3339, or relative to now. Default: since the operation was accepted.
    from: Option<String>,
    /// Changes up to this moment, this one included. Default: now.
    to: Option<String>,
    /// `next` of the answer before. All other parameters must be unchanged.
    cursor: Option<String>,
}

/// Hosts × steps at a moment.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MatrixAnswer {
    /// The moment.
    #[schema(value_type = String, format = DateTime)]
    at: Micros,
    /// The number of the operation's last fact.
    seq: u64,
    /// The names of the steps: the rows.
    steps: Vec<String>,
    /// How many hosts: the columns, in the order of `plan.hosts`.
    hosts: usize,
    /// Base64 of `steps × hosts` bytes, row by row: byte `step * hosts + host`. 0: not accepted yet, 1 waiting, 2 running,
    /// 3 ok, 4 failed, 5 unreachable, 6 skipped, 7 unknown, 8 cancelled.
    bytes: String,
}

/// What changed between two moments.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangesAnswer {
    /// Changes are after this moment,
    #[schema(value_type = String, format = DateTime)]
    from: Micros,
    /// up to this one.
    #[schema(value_type = String, format = DateTime)]
    to: Micros,
    /// In order, four numbers each: microseconds after `from`, place of the step, place of the host, byte of its state from
    /// then on. With the matrix at `from` they give the matrix at any moment between.
    #[schema(value_type = Vec<Vec<i64>>)]
    changes: Vec<(i64, u32, u32, u8)>,
    /// Pass it as `cursor` for what follows; null at the end. One answer has at most 20,000 changes.
    next: Option<String>,
}

/// Hosts × steps at a moment, one byte each: JSON, or with `Accept: application/octet-stream` the bytes alone.
///
/// The bytes alone come with the headers `x-beidou-at`, `x-beidou-seq`, `x-beidou-steps` and `x-beidou-hosts`.
#[utoipa::path(
    get, path = "/api/v1/operations/{id}/matrix", tag = "Operations",
    params(("id" = String, Path, description = "The operation's id."), MatrixParams),
    responses(
        (status = 200, content((MatrixAnswer = "application/json"), (String = "application/octet-stream"))),
        (status = "default", body = ProblemBody, content_type = "application/problem+json")
    ),
    security(("token" = []))
)]
pub(super) async fn matrix(ask: Ask, Path(id): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let params = ask.params(&[&["t"]])?;
    let (id, at) = (id_of(&id)?, moment(&params, "t", now())?.unwrap_or_else(now));
    let look = ask.app.operations.look_into(id, |known| {
        let operation = operation_of(known, id)?;
        let steps: Vec<String> = operation.plan.steps.iter().map(|step| step.name.clone()).collect();
        Ok::<_, Problem>((view::matrix_at(operation, at), steps, operation.seq))
    });
    let (matrix, steps, seq) = look.await??;
    let accepted = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accepted.split(',').any(|media| media.split(';').next().unwrap_or_default().trim() == OCTETS) {
        let tell = |name: &'static str, value: String| (HeaderName::from_static(name), value);
        let told = [
            (header::CONTENT_TYPE, OCTETS.to_owned()),
            tell("x-beidou-at", at.micros_text()),
            tell("x-beidou-seq", seq.to_string()),
            tell("x-beidou-steps", matrix.steps.to_string()),
            tell("x-beidou-hosts", matrix.hosts.to_string()),
        ];
        return Ok((told, matrix.bytes).into_response());
    }
    let bytes = STANDARD.encode(&matrix.bytes);
    Ok(Json(MatrixAnswer { at, seq, steps, hosts: matrix.hosts, bytes }).into_response())
}

/// What changed in the matrix between two moments, for replay.
#[utoipa::path(
    get, path = "/api/v1/operations/{id}/matrix/changes", tag = "Operations",
    params(("id" = String, Path, description = "The operation's id."), ChangesParams),
    responses((status = 200, body = ChangesAnswer), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn matrix_changes(ask: Ask, Path(id): Path<String>) -> Result<Json<ChangesAnswer>, Problem> {
    let params = ask.params(&[&["from", "to", "cursor"]])?;
    let id = id_of(&id)?;
    let (from, to) = (moment(&params, "from", now())?, moment(&params, "to", now())?);
    // The moments of the first page hold for the others.
    let page = Page::<(Micros, Micros, usize)>::read(&ask, &params)?;
    let look = ask.app.operations.look_into(id, |known| {
        let operation = operation_of(known, id)?;
        let first = (from.unwrap_or_else(|| operation.created.plus(-1)), to.unwrap_or_else(now), 0);
        let (from, to, skip) = page.after.unwrap_or(first);
        let all = view::changes(operation, from, to);
        let rest = all.get(skip..).unwrap_or_default();
        let shown = &rest[..rest.len().min(MOST_CHANGES)];
        let more = rest.len() > shown.len();
        let next = more.then(|| page.next(&ask, &(from, to, skip + shown.len())));
        let changes = shown.iter().map(|c| (c.time.0 - from.0, c.step, c.host, c.state)).collect();
        Ok(Json(ChangesAnswer { from, to, changes, next }))
    });
    look.await?
}
