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
    /// `sql`, `export`, or `events`: any other question over Events.
    kind: sql::Kind,
    /// Who asked.
    subject: String,
    /// The statement, or the path with its parameters; shortened.
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
    /// Rows to read; 0 where that is not known.
    rows: u64,
    /// Share of them that is read, below 1; null where it is not known: a join reads more than was counted for it.
    share: Option<f64>,
    /// Memory that it holds in the engine.
    memory_bytes: i64,
}

impl Progress {
    /// The engine counts what it will read as it goes. Once all of that is read, more may come, or not.
    fn of(row: &RunningRow) -> Self {
        let rows = Some(row.total_rows).filter(|total| *total > row.read_rows);
        let share = rows.map(|total| row.read_rows as f64 / total as f64);
        Self { rows_read: row.read_rows, rows: rows.unwrap_or(0), share, memory_bytes: row.memory_bytes }
    }
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

/// SQL, exports and questions over Events that run now in this process, oldest first.
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
        Some((comment.request_id, Progress::of(&row)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_told_only_where_it_is_known() {
        for (read_rows, total_rows, rows, share) in [
            (25, 100, 100, Some(0.25)),
            (0, 100, 100, Some(0.0)),
            (100, 100, 0, None),
            (250, 100, 0, None),
            (0, 0, 0, None),
        ] {
            let comment = r#"{"request_id":"r","subject":"s"}"#.to_owned();
            let found = by_id(vec![RunningRow { comment, read_rows, total_rows, memory_bytes: 1 }]);
            assert_eq!((found["r"].rows_read, found["r"].rows, found["r"].share), (read_rows, rows, share));
        }
        let other = RunningRow { comment: "of another".into(), read_rows: 1, total_rows: 1, memory_bytes: 1 };
        assert!(by_id(vec![other]).is_empty());
    }
}
