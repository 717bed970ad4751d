//! `GET /api/v1/events/reach`: how many objects of how many clusters each reason befell.

use axum::Json;
use beidou_schemas::Micros;
use beidou_store::query::{
    Reader,
    reach::{ReachQuery, ReachRow},
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{RANGE, RangeParams, events::FilterParams};
use crate::{
    answer::{
        ColdRead, RangeAnswer,
        coverage::{ClusterCoverage, coverage_of},
    },
    app::Ask,
    ask::filter::FILTERS,
    problem::{Problem, ProblemBody},
};

const MOST_REASONS: u64 = 200;
const USUAL_REASONS: u64 = 20;

/// How far each reason reaches.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reach {
    /// The reasons, the one with the most objects first.
    reasons: Vec<ReasonReach>,
    /// How many different reasons the range has.
    different: u64,
    /// The effective range.
    range: RangeAnswer,
    /// How completely the range is known, for each cluster concerned. Where it is not complete, there may be more objects.
    coverage: Vec<ClusterCoverage>,
    /// What was read of the archive; missing where the tables had all.
    #[serde(skip_serializing_if = "Option::is_none")]
    cold: Option<ColdRead>,
}

/// A reason.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReasonReach {
    /// The reason.
    reason: String,
    /// Different objects: cluster, kind, namespace and name.
    objects: u64,
    /// Different clusters.
    clusters: u64,
    /// States.
    states: u64,
    /// When the first state in the range happened.
    #[schema(value_type = String, format = DateTime)]
    first_seen: Micros,
    /// When the last one did.
    #[schema(value_type = String, format = DateTime)]
    last_seen: Micros,
}

impl From<ReachRow> for ReasonReach {
    fn from(row: ReachRow) -> Self {
        Self {
            reason: row.reason,
            objects: row.objects,
            clusters: row.clusters,
            states: row.states,
            first_seen: Micros(row.first_seen),
            last_seen: Micros(row.last_seen),
        }
    }
}

/// `top`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; `ask` reads it")]
struct ReachParams {
    /// At most so many reasons.
    #[param(minimum = 1, maximum = 200, default = 20)]
    top: Option<u32>,
}

/// How many objects of how many clusters each reason befell: whether what happened to one node happened to others too.
#[utoipa::path(
    get, path = "/api/v1/events/reach", tag = "Events", params(FilterParams, RangeParams, ReachParams),
    responses((status = 200, body = Reach), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn reach(ask: Ask) -> Result<Json<Reach>, Problem> {
    let params = ask.params(&[&FILTERS, &RANGE, &["top"]])?;
    let top = params.number("top", 1..=MOST_REASONS, USUAL_REASONS)?;
    let (filter, range) = ask.events(&params).await?;
    let coverage = coverage_of(&ask, filter.clusters.as_deref(), range).await?;
    let query = ReachQuery { filter, range, top };
    let rows = async |reader: Reader| Ok(reader.reach(&query).await?);
    let (rows, cold) = ask.over(query.filter.clusters.as_deref(), range, rows).await?;
    let different = rows.first().map_or(0, |row| row.different);
    let reasons = rows.into_iter().map(ReasonReach::from).collect();
    Ok(Json(Reach { reasons, different, range: range.into(), coverage, cold }))
}
