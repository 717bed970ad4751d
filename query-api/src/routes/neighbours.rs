//! `GET /api/v1/events/{cluster}/{uid}/neighbours`: what else happened around one state of an Event.

use axum::{Json, extract::Path};
use beidou_schemas::{Micros, time::SECOND};
use beidou_store::query::{
    EventRow, Reader,
    events::EventFilter,
    neighbours::{AnchorQuery, NeighboursQuery, Scope, Side},
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::LineParam;
use crate::{
    answer::{
        ColdRead, MOST_ANSWER_BYTES, RangeAnswer,
        coverage::{ClusterCoverage, coverage_of},
        event::EventItem,
        fit_in, row_room,
    },
    app::Ask,
    ask::{
        Params, Range,
        filter::{FILTERS, event_filter, uid_of},
        range::length,
    },
    problem::{Kind, Problem, ProblemBody},
};

/// A side of a panel.
const MOST_ROWS: u64 = 200;
const USUAL_ROWS: u64 = 50;
/// Two heartbeats of a node, or one back-off of a container.
const USUAL_LENGTH: i64 = 60 * SECOND;
/// A longer time is a question for the list of Events.
const MOST_LENGTH: i64 = 24 * 3600 * SECOND;

/// What else happened around one state of an Event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Neighbours {
    /// The state that was asked for.
    event: EventItem,
    /// Other Events before it, the nearest first.
    before: Vec<EventItem>,
    /// Whether there are more.
    more_before: bool,
    /// Other Events after it, the nearest first.
    after: Vec<EventItem>,
    /// Whether there are more.
    more_after: bool,
    /// The time around it.
    range: RangeAnswer,
    /// How completely the range is known.
    coverage: Vec<ClusterCoverage>,
    /// What was read of the archive; missing where the tables had all.
    #[serde(skip_serializing_if = "Option::is_none")]
    cold: Option<ColdRead>,
}

/// Scope, length, limit.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; `ask` reads them")]
struct NeighboursParams {
    /// What they share with the Event: `object`, `node`, `namespace`, `cluster`.
    #[param(default = "object")]
    scope: Option<String>,
    /// How much time before it and after it: from `1s` to `24h`.
    #[param(default = "60s")]
    within: Option<String>,
    /// The state of the Event; default: the newest.
    resource_version: Option<String>,
    /// At most so many before it, and as many after it.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Kinds of the involved object, as Kubernetes writes them. This and the filters below are those of `/api/v1/events`.
    #[param(style = Form, explode)]
    kind: Option<Vec<String>>,
    /// Namespaces of the involved object; `_` for cluster-scoped objects.
    #[param(style = Form, explode)]
    namespace: Option<Vec<String>>,
    /// Names of the involved object.
    #[param(style = Form, explode)]
    name: Option<Vec<String>>,
    /// Uids, of the Event or of the involved object.
    #[param(style = Form, explode)]
    uid: Option<Vec<String>>,
    /// `source.component` or `reportingComponent`.
    #[param(style = Form, explode)]
    component: Option<Vec<String>>,
    /// Nodes concerned.
    #[param(style = Form, explode)]
    node: Option<Vec<String>>,
    /// How the state was found: `watch`, `list`, `seed`, `import`.
    #[param(style = Form, explode)]
    found_by: Option<Vec<String>>,
    /// A part of the message, in any case.
    text: Option<String>,
    /// Reasons.
    #[param(style = Form, explode)]
    reason: Option<Vec<String>>,
    /// `Normal`, `Warning`.
    #[param(style = Form, explode)]
    r#type: Option<Vec<String>>,
}

/// What else happened around one state of an Event, before and after; other states of the same Event are left out.
#[utoipa::path(
    get, path = "/api/v1/events/{cluster}/{uid}/neighbours", tag = "Events",
    params(
        ("cluster" = String, Path, description = "Uid of the cluster, or any name it ever had"),
        ("uid" = String, Path, description = "`metadata.uid` of the Event"),
        NeighboursParams, LineParam
    ),
    responses((status = 200, body = Neighbours), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn neighbours(
    ask: Ask,
    Path((cluster, uid)): Path<(String, String)>,
) -> Result<Json<Neighbours>, Problem> {
    let filters: Vec<&str> = FILTERS.into_iter().filter(|name| *name != "cluster").collect();
    let params = ask.params(&[&filters, &["scope", "within", "resource_version", "limit"]])?;
    let filter = event_filter(&params)?;
    let limit = params.number("limit", 1..=MOST_ROWS, USUAL_ROWS)?;
    let within = length(&params, "within", SECOND..=MOST_LENGTH, "a length of time from 1s to 24h")?;
    let clusters = ask.clusters_of_path(cluster, &params).await?;
    let event = uid_of("uid", &uid)?;
    let query = AnchorQuery { clusters, event, resource_version: version(&params)? };
    let Some(anchor) = anchor(&ask, &query).await? else {
        return Err(Problem::new(Kind::UnknownEvent, format!("the cluster has no such stored state of Event {uid}")));
    };
    let scope = scope(&params, &anchor)?;
    let (at, within) = (Micros(anchor.time), within.unwrap_or(USUAL_LENGTH));
    let range = Range { from: at.plus(-within), until: at.plus(within) };
    around(&ask, anchor, scope, filter, range, limit).await
}

/// The state, of tables and archive.
async fn anchor(ask: &Ask, query: &AnchorQuery) -> Result<Option<EventRow>, Problem> {
    let Some(life) = ask.life(query).await? else { return Ok(None) };
    let life = ask.readable(&query.clusters, life).await?;
    let state = async |reader: Reader| Ok(reader.anchor(query).await?);
    Ok(ask.over(Some(&query.clusters), life, state).await?.0)
}

async fn around(
    ask: &Ask,
    anchor: EventRow,
    scope: Scope,
    filter: EventFilter,
    range: Range,
    limit: u64,
) -> Result<Json<Neighbours>, Problem> {
    let cluster = [anchor.cluster_uid.clone()];
    let coverage = coverage_of(ask, Some(&cluster), range).await?;
    let before = NeighboursQuery {
        anchor: anchor.clone(),
        scope,
        filter,
        range,
        side: Side::Before,
        limit,
        most_bytes: MOST_ANSWER_BYTES / 2,
    };
    let after = NeighboursQuery { side: Side::After, ..before.clone() };
    let both = async |reader: Reader| Ok(tokio::try_join!(reader.neighbours(&before), reader.neighbours(&after))?);
    let ((before, after), cold) = ask.over(Some(&cluster), range, both).await?;
    // The Event itself takes as much as it needs; the two sides share what is left.
    let event = EventItem::of_row(anchor);
    let room = row_room(&coverage).saturating_sub(event.message.len()) / 2;
    let side = |rows: Vec<EventRow>, mut more: bool| {
        let mut items: Vec<_> = rows.into_iter().map(EventItem::of_row).collect();
        fit_in(&mut items, &mut more, room);
        (items, more)
    };
    let ((before, more_before), (after, more_after)) = (side(before.rows, before.more), side(after.rows, after.more));
    Ok(Json(Neighbours { event, before, more_before, after, more_after, range: range.into(), coverage, cold }))
}

fn version(params: &Params) -> Result<Option<u64>, Problem> {
    let Some(text) = params.one("resource_version")? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| Problem::parameter("resource_version", text, "a number"))
}

/// An Event that names no node has no neighbours on it.
fn scope(params: &Params, anchor: &EventRow) -> Result<Scope, Problem> {
    let Some(text) = params.one("scope")? else { return Ok(Scope::Object) };
    let scope = Scope::of_name(text).filter(|scope| *scope != Scope::Node || !anchor.node.is_empty());
    scope.ok_or_else(|| match text {
        "node" => Problem::parameter("scope", text, "object, namespace, cluster: this Event names no node"),
        _ => Problem::parameter("scope", text, Scope::ALL.map(Scope::name).join(", ")),
    })
}
