//! `GET /api/v1/coverage`: every stored interval, and what they make together.

use axum::Json;
use beidou_schemas::{Micros, coverage::CoverageState};
use beidou_store::query::coverage::{CoverageKey, CoverageQuery, CoverageRow};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{ClusterParam, Listed, PAGE, PageParams};
use crate::{
    answer::{List, MOST_ANSWER_BYTES, coverage::coverage_of, fit},
    app::Ask,
    problem::{Problem, ProblemBody},
};

/// A stored interval of a cluster's history: a watch session, or a stretch that no session covers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CoverageInterval)]
pub(crate) struct IntervalItem {
    /// The cluster's name at that time.
    cluster: String,
    /// Its uid.
    cluster_uid: String,
    /// The life of its etcd.
    epoch: u32,
    /// `complete`, `degraded` (found by a list, intermediate states lost), `gap` (lost).
    #[schema(value_type = String)]
    state: &'static str,
    /// First moment.
    #[schema(value_type = String, format = DateTime)]
    from: Micros,
    /// First moment behind it.
    #[schema(value_type = String, format = DateTime)]
    to: Micros,
    /// Why the session ended, or why the chain broke; empty while the session runs.
    reason: String,
    /// The server's words.
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    /// The watch session; where a watch missed states, the comparison that found them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    session: Option<Uuid>,
    /// Resource version at which the session started.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_resource_version: Option<String>,
    /// Resource version up to which everything is in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_version: Option<String>,
    /// DELETED frames seen by the session: counted, not stored.
    deleted_frames: u64,
    #[serde(skip)]
    state_number: i8,
}

/// The filter over states.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; `ask` reads it")]
struct StateParam {
    /// `complete`, `degraded`, `gap`.
    #[param(style = Form, explode)]
    state: Option<Vec<String>>,
}

type Cursor = (i64, String, i8, Uuid, i64);

/// Stored intervals that touch the range, newest first; `coverage` tells what they make together.
#[utoipa::path(
    get, path = "/api/v1/coverage", tag = "Clusters", params(ClusterParam, StateParam, PageParams),
    responses((status = 200, body = List<IntervalItem>), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn coverage(ask: Ask) -> Listed<IntervalItem> {
    let params = ask.params(&[&["cluster", "state"], &PAGE])?;
    let states = params.many("state")?;
    for state in &states {
        state.parse::<CoverageState>().map_err(|error| Problem::parameter("state", state, error.allowed))?;
    }
    let page = ask.page::<Cursor>(&params)?;
    let clusters = ask.clusters(&params).await?;
    let coverage = coverage_of(&ask, clusters.as_deref(), page.range).await?;
    let after = page.after.clone().map(|(from, cluster, state, session, until)| CoverageKey {
        from: Micros(from),
        cluster,
        state,
        session,
        until: Micros(until),
    });
    let query =
        CoverageQuery { clusters, states, range: page.range, after, limit: page.limit, most_bytes: MOST_ANSWER_BYTES };
    let rows = ask.reader.coverage(&query).await?;
    let (mut items, mut more): (Vec<_>, _) = (rows.rows.into_iter().map(item).collect(), rows.more);
    fit(&mut items, &mut more, &coverage);
    let next = items.last().filter(|_| more).map(|last| {
        let session = last.session.unwrap_or_default();
        ask.next(&page, (last.from.0, last.cluster_uid.clone(), last.state_number, session, last.to.0))
    });
    Ok(Json(List { items, next, total: None, range: page.range.into(), coverage, cold: None }))
}

fn item(row: CoverageRow) -> IntervalItem {
    let state = u8::try_from(row.state).ok().and_then(CoverageState::from_number);
    let session = Some(row.session).filter(|session| !session.is_nil());
    IntervalItem {
        cluster: row.cluster,
        cluster_uid: row.cluster_uid,
        epoch: row.epoch,
        state: state.map_or("unknown", CoverageState::name),
        from: Micros(row.from_time),
        to: Micros(row.until_time),
        reason: row.reason,
        detail: row.detail,
        session,
        start_resource_version: session
            .filter(|_| row.start_resource_version > 0)
            .map(|_| row.start_resource_version.to_string()),
        resource_version: session.map(|_| row.resource_version.to_string()),
        deleted_frames: row.deleted_frames,
        state_number: row.state,
    }
}
