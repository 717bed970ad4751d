//! `GET /api/v1/objects/{cluster}/{kind}/{namespace}/{name}/at`: an object at a moment, as far as Events tell it.

use axum::{Json, extract::Path};
use beidou_schemas::Micros;
use beidou_store::query::at::{AtQuery, SeenRow};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    answer::{
        MOST_ANSWER_BYTES, RangeAnswer,
        coverage::{ClusterCoverage, coverage_of_tables},
        event::EventItem,
        fit,
    },
    app::{Ask, now},
    ask::{Range, filter::object, range::moment},
    problem::{Problem, ProblemBody},
};

/// More types and reasons than this are not said of one object.
const MOST_ROWS: u64 = 100;

/// An object at a moment, as far as Events tell it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ObjectAt {
    /// The moment.
    #[schema(value_type = String, format = DateTime)]
    t: Micros,
    /// Of each type and reason the last state until then, the newest first.
    items: Vec<EventItem>,
    /// Whether there are more.
    more: bool,
    /// How many states there are until then.
    states: u64,
    /// The first state of all, also where it lies behind the moment; null where nothing is known of the object.
    #[schema(value_type = Option<String>, format = DateTime)]
    first_seen: Option<Micros>,
    /// The last state until the moment; null where there is none: then see `first_seen`.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_seen: Option<Micros>,
    /// The first state behind the moment; null where there is none yet.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_seen: Option<Micros>,
    /// From the last state until the moment, or the moment alone where there is none.
    range: RangeAnswer,
    /// How completely that range is known. Where it is not complete, the object may have changed since.
    coverage: Vec<ClusterCoverage>,
}

/// `t`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; `ask` reads it")]
struct AtParams {
    /// The moment: RFC 3339, or relative to now (`-6h`). Default: now.
    #[param(example = "-6h")]
    t: Option<String>,
}

/// An object at a moment, as far as Events tell it: of each type and reason the last state, and when it was seen; also of
/// objects that are long gone.
#[utoipa::path(
    get, path = "/api/v1/objects/{cluster}/{kind}/{namespace}/{name}/at", tag = "Events",
    params(
        ("cluster" = String, Path, description = "Uid of the cluster, or any name it ever had"),
        ("kind" = String, Path, description = "Kind of the object: `Pod`, in any case and by kubectl's short names (`pod`, `po`) where it is one of Kubernetes itself; else as in a manifest"),
        ("namespace" = String, Path, description = "Namespace of the object; `_` for a cluster-scoped one"),
        ("name" = String, Path, description = "Name of the object"),
        AtParams
    ),
    responses((status = 200, body = ObjectAt), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn at(
    ask: Ask,
    Path((cluster, kind, namespace, name)): Path<(String, String, String, String)>,
) -> Result<Json<ObjectAt>, Problem> {
    let params = ask.params(&[&["t"]])?;
    let now = now();
    let at = moment(&params, "t", now)?.unwrap_or(now);
    let clusters = ask.clusters_of_path(cluster, &params).await?;
    let object = object(clusters.clone(), kind, namespace, name);
    let query = AtQuery { object, at, limit: MOST_ROWS, most_bytes: MOST_ANSWER_BYTES };
    let before = ask.reader.seen(&query).await?;
    let range = Range { from: last(&before).unwrap_or(at), until: at.plus(1) };
    let coverage = coverage_of_tables(&ask, Some(&clusters), range).await?;
    // The range was not known before, and a proof must not be older than the rows that it speaks of: read them again.
    let (seen, rows) = tokio::try_join!(ask.reader.seen(&query), ask.reader.at(&query))?;
    let (mut items, mut more): (Vec<_>, _) = (rows.rows.into_iter().map(EventItem::of_row).collect(), rows.more);
    fit(&mut items, &mut more, &coverage);
    Ok(Json(ObjectAt {
        t: at,
        items,
        more,
        states: seen.before,
        first_seen: (seen.states > 0).then_some(Micros(seen.first_seen)),
        last_seen: last(&seen),
        next_seen: (seen.states > seen.before).then_some(Micros(seen.next_seen)),
        range: range.into(),
        coverage,
    }))
}

fn last(seen: &SeenRow) -> Option<Micros> {
    (seen.before > 0).then_some(Micros(seen.last_seen))
}
