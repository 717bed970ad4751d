//! `GET /api/v1/events`: Events of all clusters, newest first.

use axum::Json;
use beidou_schemas::{Epoch, Micros};
use beidou_store::query::{
    Reader,
    events::{EventFilter, EventKey, EventsQuery},
};
use utoipa::IntoParams;
use uuid::Uuid;

use super::{Listed, PAGE, PageParams};
use crate::{
    answer::{List, MOST_ANSWER_BYTES, Total, coverage::coverage_of, event::EventItem, fit},
    app::Ask,
    ask::{
        Range,
        filter::{FILTERS, event_filter},
    },
    problem::{Problem, ProblemBody},
};

/// The filters over Events. Several values: any of them. Several filters: all of them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; `ask::filter` reads them")]
pub(super) struct FilterParams {
    /// Clusters, by uid or by any name they ever had. Repeat it, or put commas between; so for all lists below.
    #[param(style = Form, explode, example = json!(["hz-prod-02"]))]
    cluster: Option<Vec<String>>,
    /// Namespaces of the involved object; `_` for cluster-scoped objects.
    #[param(style = Form, explode)]
    namespace: Option<Vec<String>>,
    /// Kinds of the involved object, as Kubernetes writes them: `Pod`, `Node`.
    #[param(style = Form, explode)]
    kind: Option<Vec<String>>,
    /// Names of the involved object.
    #[param(style = Form, explode)]
    name: Option<Vec<String>>,
    /// Uids, of the Event or of the involved object.
    #[param(style = Form, explode)]
    uid: Option<Vec<String>>,
    /// Reasons: `FailedScheduling`, `BackOff`.
    #[param(style = Form, explode)]
    reason: Option<Vec<String>>,
    /// `Normal`, `Warning`, exactly as Kubernetes writes them.
    #[param(style = Form, explode)]
    r#type: Option<Vec<String>>,
    /// `source.component` or `reportingComponent`: `kubelet`.
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
    /// The query line, which must hold as well: words of the message, `"phrases"`, `/regular expressions/`,
    /// `field:value`, `field:(a b)`, `name:web-*`, `count>10`; a minus in front excludes. docs/query-line.md has it all.
    #[param(example = "kind:(Pod Node) reason:BackOff -namespace:kube-system count>10 refused")]
    q: Option<String>,
}

/// `total`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; `ask` reads it")]
struct TotalParam {
    /// Counts all rows that match, over all pages.
    #[param(default = false)]
    total: Option<bool>,
}

/// A row's place, as the cursor has it.
pub(super) type EventCursor = (i64, String, Uuid, u32, u64);

pub(super) fn key_of(cursor: EventCursor) -> EventKey {
    let (time, cluster, event, epoch, resource_version) = cursor;
    EventKey { time: Micros(time), cluster, event, epoch: Epoch(epoch), resource_version }
}

pub(super) fn cursor_of(item: &EventItem) -> EventCursor {
    let version = item.resource_version.parse().unwrap_or_default();
    (item.time.0, item.cluster_uid.clone(), item.uid, item.epoch, version)
}

/// Events of all clusters, newest first.
///
/// Every state of an Event is a row: an Event that repeats appears once per repetition that Kubernetes recorded.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "Events", params(FilterParams, PageParams, TotalParam),
    responses((status = 200, body = List<EventItem>), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn events(ask: Ask) -> Listed<EventItem> {
    let params = ask.params(&[&FILTERS, &PAGE, &["total"]])?;
    let mut filter = event_filter(&params)?;
    let page = ask.page::<EventCursor>(&params)?;
    filter.clusters = ask.clusters(&params).await?;
    let coverage = coverage_of(&ask, filter.clusters.as_deref(), page.range).await?;
    let total = match params.flag("total")? {
        true => Some(Total { value: counted(&ask, &filter, page.range).await?, exact: true }),
        false => None,
    };
    let after = page.after.clone().map(key_of);
    let query = EventsQuery { filter, range: page.range, after, limit: page.limit, most_bytes: MOST_ANSWER_BYTES };
    let rows = async |reader: Reader| Ok(reader.events(&query).await?);
    let (rows, cold) = ask.over_list(query.filter.clusters.as_deref(), query.from_here(), rows).await?;
    let (mut items, mut more): (Vec<_>, _) = (rows.rows.into_iter().map(EventItem::of_row).collect(), rows.more);
    fit(&mut items, &mut more, &coverage);
    let next = items.last().filter(|_| more).map(|last| ask.next(&page, cursor_of(last)));
    Ok(Json(List { items, next, total, range: page.range.into(), coverage, cold }))
}

/// All rows of the range, over all pages.
async fn counted(ask: &Ask, filter: &EventFilter, range: Range) -> Result<u64, Problem> {
    let count = async |reader: Reader| Ok(reader.count_events(filter, range).await?);
    Ok(ask.over(filter.clusters.as_deref(), range, count).await?.0)
}
