//! `GET /api/v1/rejects`: what could not be decoded.

use axum::Json;
use beidou_schemas::{Micros, reject::RejectReason};
use beidou_store::query::rejects::{RejectKey, RejectRow, RejectsQuery};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{ClusterParam, Listed, PAGE, PageParams};
use crate::{
    answer::{List, MOST_ANSWER_BYTES, coverage::coverage_of, fit},
    app::Ask,
    problem::{Problem, ProblemBody},
};

/// A frame or record that could not be decoded. Nothing of it is among the Events.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reject)]
pub(crate) struct RejectItem {
    /// The cluster's name at that time.
    cluster: String,
    /// Its uid.
    cluster_uid: String,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    observed: Micros,
    /// `not_json`, `not_a_frame`, `not_an_event`, `too_large`, `record`.
    #[schema(value_type = String)]
    reason: &'static str,
    /// What the decoder said.
    detail: String,
    /// Its full length.
    frame_bytes: u64,
    /// Its first 512 bytes; what is no UTF-8 is replaced.
    head: String,
    /// Where the record stands in the log.
    topic: String,
    /// The partition.
    partition: u16,
    /// The offset.
    offset: u64,
}

/// The filter over reasons.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; `ask` reads it")]
struct ReasonParam {
    /// `not_json`, `not_a_frame`, `not_an_event`, `too_large`, `record`.
    #[param(style = Form, explode)]
    reason: Option<Vec<String>>,
}

type Cursor = (i64, String, u16, u64);

/// What could not be decoded, newest first; the range is over the time of observation.
#[utoipa::path(
    get, path = "/api/v1/rejects", tag = "Clusters", params(ClusterParam, ReasonParam, PageParams),
    responses((status = 200, body = List<RejectItem>), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn rejects(ask: Ask) -> Listed<RejectItem> {
    let params = ask.params(&[&["cluster", "reason"], &PAGE])?;
    let reasons = params.many("reason")?;
    for reason in &reasons {
        reason.parse::<RejectReason>().map_err(|error| Problem::parameter("reason", reason, error.allowed))?;
    }
    let page = ask.page::<Cursor>(&params)?;
    let clusters = ask.clusters(&params).await?;
    let coverage = coverage_of(&ask, clusters.as_deref(), page.range).await?;
    let after = page.after.clone().map(|(observed, topic, partition, offset)| RejectKey {
        observed: Micros(observed),
        topic,
        partition,
        offset,
    });
    let query =
        RejectsQuery { clusters, reasons, range: page.range, after, limit: page.limit, most_bytes: MOST_ANSWER_BYTES };
    let rows = ask.reader.rejects(&query).await?;
    let (mut items, mut more): (Vec<_>, _) = (rows.rows.into_iter().map(item).collect(), rows.more);
    fit(&mut items, &mut more, &coverage);
    let next = items
        .last()
        .filter(|_| more)
        .map(|last: &RejectItem| ask.next(&page, (last.observed.0, last.topic.clone(), last.partition, last.offset)));
    Ok(Json(List { items, next, total: None, range: page.range.into(), coverage, cold: None }))
}

fn item(row: RejectRow) -> RejectItem {
    let reason = u8::try_from(row.reason).ok().and_then(RejectReason::from_number);
    RejectItem {
        cluster: row.cluster,
        cluster_uid: row.cluster_uid,
        observed: Micros(row.observed),
        reason: reason.map_or("unknown", RejectReason::name),
        detail: row.detail,
        frame_bytes: row.frame_bytes,
        head: row.head,
        topic: row.topic,
        partition: row.log_partition,
        offset: row.log_offset,
    }
}
