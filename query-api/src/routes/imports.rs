//! `POST /api/v1/imports`: a dump of Events into the log.

use std::convert::Infallible;

use axum::{
    body::Body,
    http::header,
    response::{IntoResponse, Response},
};
use beidou_model::import::Format;
use futures::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tracing::Instrument;
use utoipa::IntoParams;

use crate::{
    app::Ask,
    ask::Params,
    imports::{ImportLine, Job, Wish, lines, nameable},
    problem::{Kind, Problem, ProblemBody},
};

/// What is imported into what.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; the route reads them")]
struct ImportParams {
    /// The cluster of all Events in the dump: by uid, by any name that a known cluster ever had, or a new name: 1 to 128
    /// characters, not white space alone, and no control characters. Default: what the dump itself calls each Event's
    /// cluster; an Event without is a reject.
    #[param(example = "hz-prod-02")]
    cluster: Option<String>,
    /// `auto`, `watch`, `events`, `exporter`, `elasticsearch`: what the dump is made of. Items of another format are
    /// rejects. Default: each item tells.
    format: Option<String>,
    /// `true` stores nothing, and tells what would be.
    dry_run: Option<bool>,
}

/// Imports a dump of Events: watch frames, lists of `kubectl get events -o json`, lines of kubernetes-event-exporter,
/// documents of Elasticsearch or OpenSearch.
///
/// The body is the dump, of any length, not compressed. The answer is lines of JSON, sent while the body is read: each has
/// one member, `progress`, `reject`, `done` or `failed`; the last line is one of the latter two. After `done` queries find
/// everything. A state that is stored already is not stored again, so an import can be repeated. One import runs at a time;
/// a body that sends nothing for 60 seconds ends its own. An import proves nothing: coverage stays as it was.
#[utoipa::path(
    post, path = "/api/v1/imports", tag = "Clusters", params(ImportParams),
    request_body(content = String, content_type = "application/octet-stream", description = "The dump"),
    responses(
        (status = 200, description = "Lines of JSON", content((ImportLine = "application/x-ndjson"))),
        (status = "default", body = ProblemBody, content_type = "application/problem+json")
    ),
    security(("token" = []))
)]
pub(super) async fn import(ask: Ask, body: Body) -> Result<Response, Problem> {
    let params = ask.params(&[&["cluster", "format", "dry_run"]])?;
    let wish = Wish { cluster: cluster(&params)?, format: format(&params)?, dry_run: params.flag("dry_run")? };
    let place = ask.app.import_place.clone().try_acquire_owned();
    let place = place.map_err(|_| Problem::new(Kind::Busy, "another import is running; one runs at a time"))?;
    let (lines, answer) = lines(ask.caller.request_id.clone());
    let job = Job { app: ask.app.clone(), reader: ask.reader.clone(), wish, lines, place };
    tokio::spawn(job.run(body).in_current_span());
    let answer = Body::from_stream(ReceiverStream::new(answer).map(Ok::<_, Infallible>));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson"), X_ACCEL_BUFFERING], answer).into_response())
}

/// A proxy in between passes each line on at once.
const X_ACCEL_BUFFERING: (header::HeaderName, &str) = (header::HeaderName::from_static("x-accel-buffering"), "no");

/// Refused before the body is read: the answer is a problem then, and no line of an import that begins.
fn cluster(params: &Params) -> Result<Option<String>, Problem> {
    let Some(name) = params.one("cluster")? else { return Ok(None) };
    nameable(name)?;
    Ok(Some(name.into()))
}

fn format(params: &Params) -> Result<Format, Problem> {
    let Some(wanted) = params.one("format")? else { return Ok(Format::Auto) };
    Format::ALL.into_iter().find(|format| format.name() == wanted).ok_or_else(|| {
        let names: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
        Problem::parameter("format", wanted, names.join(", "))
    })
}
