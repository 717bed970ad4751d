//! `/api/v1/exports`: Events or SQL answers of any length as files, made by jobs.

use std::collections::HashMap;

use axum::{
    Json,
    body::Body as HttpBody,
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use beidou_store::sql::Question;
use serde::{Deserialize, Serialize};
use tokio_util::io::ReaderStream;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    RANGE, RangeParams,
    events::FilterParams,
    running::{Progress, progress_by_id},
};
use crate::{
    answer::coverage::{ClusterCoverage, coverage_of, coverage_of_tables},
    app::{Ask, now},
    ask::{
        body::{Body, one_of},
        filter::FILTERS,
    },
    exports::{Export, ExportFormat, State, begin},
    problem::{Kind, Problem, ProblemBody},
    sql::{self, Limits},
};

/// What is exported: the Events of the parameters, or the answer to a statement.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportQuestion {
    /// The form of the file.
    #[schema(value_type = ExportFormat)]
    format: String,
    /// A SELECT as for `/api/v1/sql`, in place of filters.
    #[serde(default)]
    sql: Option<String>,
}

/// An export, and how far it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportItem {
    #[serde(flatten)]
    export: Export,
    /// How far the engine has read; null where it does not run.
    progress: Option<Progress>,
}

/// All exports.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportList {
    /// Oldest first.
    items: Vec<ExportItem>,
}

/// Begins an export.
///
/// Without `sql`, it has the Events of the parameters, oldest first, with the columns of the view `events`, and keeps the
/// coverage of their range. There is no limit of rows; the folder of exports has one of bytes and one of days.
#[utoipa::path(
    post, path = "/api/v1/exports", tag = "SQL", params(FilterParams, RangeParams), request_body = ExportQuestion,
    responses((status = 202, body = Export), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn create(
    ask: Ask,
    Body(wanted): Body<ExportQuestion>,
) -> Result<(StatusCode, Json<Export>), Problem> {
    let params = ask.params(&[&FILTERS, &RANGE])?;
    let format: ExportFormat = one_of("format", &wanted.format, ExportFormat::ALLOWED)?;
    ask.app.exports.room()?;
    let mut note = Export {
        id: Uuid::now_v7(),
        subject: ask.caller().subject.clone(),
        question: ask.query().to_owned(),
        format: format.of_sql(),
        state: State::Running,
        began: now(),
        ended: None,
        rows: 0,
        bytes: 0,
        why: None,
        range: None,
        coverage: serde_json::json!([]),
        cold: None,
    };
    let question = match wanted.sql {
        Some(text) => {
            let range = ask.range_if_given(&ask.params(&[&RANGE]).map_err(beside_sql)?)?;
            let statement = sql::checked("sql", &text, range)?;
            if let Some(range) = range {
                note.range = Some(range.into());
                let coverage = coverage_of_tables(&ask, None, range).await?;
                note.coverage = as_json(coverage);
            }
            ask.app.standing(&ask.reader).await?;
            // What the engine does not take is said now, not by a job that failed.
            let reader = sql::reader(&ask.app, ask.caller().clone(), Limits::Answer(1));
            sql::in_place(&ask, &text, reader.estimate(&statement)).await?;
            note.question = text;
            Question::Sql(statement)
        }
        None => {
            let (filter, range) = ask.events(&params).await?;
            note.range = Some(range.into());
            note.coverage = as_json(coverage_of(&ask, filter.clusters.as_deref(), range).await?);
            // What it needs of the archive is planned when it begins; that it can be is said now.
            ask.app.colds.plan_export(&ask.reader, filter.clusters.as_deref(), range).await?;
            Question::Events { filter: Box::new(filter), range, cold: None }
        }
    };
    begin(&ask.app, &note, question)?;
    Ok((StatusCode::ACCEPTED, Json(note)))
}

/// A statement says itself what it wants: a filter beside it would be left out.
fn beside_sql(problem: Problem) -> Problem {
    let filter = problem.parameter.as_ref().map_or("a filter", |parameter| parameter.name.as_str());
    let detail =
        format!("{filter} stands beside sql, which takes no filters; allowed: from, to, or filters without sql");
    Problem { detail, kind: Kind::BadParameter, ..problem }
}

/// How completely a range is known, as an export keeps it.
fn as_json(coverage: Vec<ClusterCoverage>) -> serde_json::Value {
    serde_json::to_value(coverage).expect("a coverage has string keys")
}

/// All exports, oldest first.
#[utoipa::path(
    get, path = "/api/v1/exports", tag = "SQL",
    responses((status = 200, body = ExportList), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn list(ask: Ask) -> Result<Json<ExportList>, Problem> {
    ask.params(&[])?;
    ask.app.exports.forget_old();
    let all = ask.app.exports.all();
    let mut progress = match all.iter().any(|export| export.state == State::Running) {
        true => progress_by_id(&ask).await,
        false => HashMap::new(),
    };
    let items = all.into_iter().map(|export| ExportItem { progress: progress.remove(&export.id.to_string()), export });
    Ok(Json(ExportList { items: items.collect() }))
}

/// How an export fares.
#[utoipa::path(
    get, path = "/api/v1/exports/{id}", tag = "SQL", params(("id" = String, Path, description = "Its id.")),
    responses((status = 200, body = ExportItem), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn one(ask: Ask, Path(id): Path<String>) -> Result<Json<ExportItem>, Problem> {
    ask.params(&[])?;
    let export = ask.app.exports.get(&id)?;
    let progress = match export.state {
        State::Running => progress_by_id(&ask).await.remove(&export.id.to_string()),
        State::Done | State::Failed | State::Cancelled | State::Interrupted => None,
    };
    Ok(Json(ExportItem { export, progress }))
}

/// The file of an export that is done.
#[utoipa::path(
    get, path = "/api/v1/exports/{id}/file", tag = "SQL", params(("id" = String, Path, description = "Its id.")),
    responses((status = 200, description = "The file.", content_type = "application/octet-stream"), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn file(ask: Ask, Path(id): Path<String>) -> Result<Response, Problem> {
    ask.params(&[])?;
    let export = ask.app.exports.get(&id)?;
    let missing = |why: String| Problem::new(Kind::NoExport, why);
    let path = ask.app.exports.file(&export).filter(|_| export.state == State::Done);
    let path =
        path.ok_or_else(|| missing(format!("the export is {:?}, and has no file", export.state).to_lowercase()))?;
    let file = tokio::fs::File::open(&path).await.map_err(|error| missing(format!("its file has gone: {error}")))?;
    let mut response = Response::new(HttpBody::from_stream(ReaderStream::new(file)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(export.format.media_type()));
    headers.insert(header::CONTENT_LENGTH, export.bytes.into());
    let name = format!("attachment; filename=\"beidou-{}.{}\"", export.id, export.format.extension());
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

/// Cancels an export that runs, removes one that has ended.
#[utoipa::path(
    delete, path = "/api/v1/exports/{id}", tag = "SQL", params(("id" = String, Path, description = "Its id.")),
    responses((status = 204, description = "Done."), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn remove(ask: Ask, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    ask.params(&[])?;
    let export = ask.app.exports.get(&id)?;
    match export.state {
        State::Running => {
            ask.app.running.cancel(&export.id.to_string());
        }
        State::Done | State::Failed | State::Cancelled | State::Interrupted => ask.app.exports.remove(&export),
    }
    tracing::info!(%id, "an export was cancelled or removed by a caller");
    Ok(StatusCode::NO_CONTENT)
}
