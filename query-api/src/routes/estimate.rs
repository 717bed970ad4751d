//! `GET /api/v1/events/estimate`: what a question over this range would read of the archive; nothing of it is read.

use axum::Json;
use beidou_schemas::Micros;
use beidou_store::query::cold::{Cold, ColdSize};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ClusterParam, RANGE, RangeParams};
use crate::{
    answer::RangeAnswer,
    app::{Ask, now},
    ask::range::range,
    problem::{Problem, ProblemBody},
};

/// What a question would read of the archive.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ColdEstimate {
    /// Files that can hold rows of the range; 0 where the tables have all of it.
    files: u64,
    /// Rows of these files.
    rows: u64,
    /// Their bytes; of each the engine reads the parts that it needs.
    bytes: u64,
    /// Files that a question may read: `query_api.archive_files`, or as many as a ClickHouse server takes in one statement.
    most_files: u64,
    /// Bytes that a question may read: `query_api.archive_bytes`.
    most_bytes: u64,
    /// Whether a question over all of the range may read so much. Pages of Events and of a timeline read as much as they need,
    /// the newest first; an export has no bound of bytes.
    allowed: bool,
    /// From this moment on the tables have the rows of all these clusters; null where they have all.
    #[schema(value_type = Option<String>, format = DateTime)]
    tables_from: Option<Micros>,
    /// The effective range.
    range: RangeAnswer,
}

/// What a question over a range would read of the archive, by its catalogue.
///
/// Tables hold the Events of `retention.table_days`; what is older is read from the archive in the same answer.
#[utoipa::path(
    get, path = "/api/v1/events/estimate", tag = "Events", operation_id = "estimate_events", params(ClusterParam, RangeParams),
    responses((status = 200, body = ColdEstimate), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn estimate(ask: Ask) -> Result<Json<ColdEstimate>, Problem> {
    let params = ask.params(&[&["cluster"], &RANGE])?;
    let range = range(&params, now())?;
    let clusters = ask.clusters(&params).await?;
    ask.app.standing(&ask.reader).await?;
    let colds = &ask.app.colds;
    let plan = colds.plan(&ask.reader, clusters.as_deref(), &[range]).await?;
    let ColdSize { files, rows, bytes } = plan.as_ref().map(Cold::size).unwrap_or_default();
    let most = plan.as_ref().map_or(colds.most(), Cold::most);
    Ok(Json(ColdEstimate {
        files,
        rows,
        bytes,
        most_files: most.files,
        most_bytes: most.bytes,
        allowed: plan.as_ref().is_none_or(|plan| plan.check().is_ok()),
        tables_from: colds.tables_from(&ask.reader, clusters.as_deref()).await?,
        range: range.into(),
    }))
}
