//! `/api/v1/running`: which statements of callers run now, how far they are, and stopping one.

use std::collections::HashMap;

use axum::{Json, extract::Path};
use beidou_schemas::Micros;
use beidou_store::query::running::RunningRow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::Ask,
    problem::{Kind, Problem, ProblemBody},
    sql,
};

/// So many characters of a statement are shown.
const SHOWN_CHARS: usize = 2000;

/// A statement that runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunningItem {
    /// Its id: that of its request, or of its export.
    id: String,
    /// `sql` or `export`.
    kind: sql::Kind,
    /// Who asked.
    subject: String,
    /// The statement, shortened.
    query: String,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    began: Micros,
    /// How far it is; null while it is not known.
    progress: Option<Progress>,
}

/// How far a statement is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Progress {
    /// Rows read so far.
    rows_read: u64,
    /// Rows to read, as far as is known; 0 where nothing is.
    rows: u64,
    /// Share of them, 0 to 1.
    share: f64,
    /// Memory that it holds in the engine.
    memory_bytes: i64,
}

/// What runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunningList {
    /// Statements of callers, oldest first.
    items: Vec<RunningItem>,
}

/// What was stopped.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Stopped {
    /// Its id.
    cancelled: String,
}

/// SQL and exports that run now in this process, oldest first.
#[utoipa::path(
    get, path = "/api/v1/running", tag = "SQL",
    responses((status = 200, body = RunningList), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn running(ask: Ask) -> Result<Json<RunningList>, Problem> {
    ask.params(&[])?;
    let all = ask.app.running.all();
    let mut progress = match all.is_empty() {
        true => HashMap::new(),
        false => progress_by_id(&ask).await,
    };
    let items = all.into_iter().map(|(id, entry)| RunningItem {
        progress: progress.remove(&id),
        id,
        kind: entry.kind,
        subject: entry.subject,
        query: entry.query.chars().take(SHOWN_CHARS).collect(),
        began: entry.began,
    });
    Ok(Json(RunningList { items: items.collect() }))
}

/// How far each is. Without it lists are still of use, above all while the store is slow.
pub(super) async fn progress_by_id(ask: &Ask) -> HashMap<String, Progress> {
    by_id(ask.reader.running().await.unwrap_or_default())
}

/// By the id that every query carries as its comment.
fn by_id(rows: Vec<RunningRow>) -> HashMap<String, Progress> {
    #[derive(Deserialize)]
    struct Comment {
        request_id: String,
    }
    let each = rows.into_iter().filter_map(|row| {
        let comment: Comment = serde_json::from_str(&row.comment).ok()?;
        let rows = row.total_rows.max(row.read_rows);
        let share = if rows == 0 { 0.0 } else { row.read_rows as f64 / rows as f64 };
        let progress = Progress { rows_read: row.read_rows, rows, share, memory_bytes: row.memory_bytes };
        Some((comment.request_id, progress))
    });
    each.collect()
}

/// Stops a statement or an export.
#[utoipa::path(
    delete, path = "/api/v1/running/{id}", tag = "SQL",
    params(("id" = String, Path, description = "The id in the list.")),
    responses((status = 200, body = Stopped), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn stop(ask: Ask, Path(id): Path<String>) -> Result<Json<Stopped>, Problem> {
    ask.params(&[])?;
    if !ask.app.running.cancel(&id) {
        return Err(Problem::new(
            Kind::NotRunning,
            "nothing of this id runs here now; /api/v1/running lists what does",
        ));
    }
    tracing::info!(id, "a statement was cancelled by a caller");
    Ok(Json(Stopped { cancelled: id }))
}
