//! `GET /api/v1/objects/{cluster}/{kind}/{namespace}/{name}/timeline`: what was said about one object.

use axum::{Json, extract::Path};
use beidou_store::query::{Reader, timeline::TimelineQuery};

use super::{
    LineParam, Listed, PAGE, PageParams,
    events::{EventCursor, cursor_of, key_of},
};
use crate::{
    answer::{List, MOST_ANSWER_BYTES, coverage::coverage_of, event::EventItem, fit},
    app::Ask,
    ask::{filter::object, line},
    problem::ProblemBody,
};

/// What was said about one object, newest first; also of objects that are long gone.
#[utoipa::path(
    get, path = "/api/v1/objects/{cluster}/{kind}/{namespace}/{name}/timeline", tag = "Events",
    params(
        ("cluster" = String, Path, description = "Uid of the cluster, or any name it ever had"),
        ("kind" = String, Path, description = "Kind of the object: `Pod`, in any case and by kubectl's short names (`pod`, `po`) where it is one of Kubernetes itself; else as in a manifest"),
        ("namespace" = String, Path, description = "Namespace of the object; `_` for a cluster-scoped one"),
        ("name" = String, Path, description = "Name of the object"),
        PageParams,
        LineParam
    ),
    responses((status = 200, body = List<EventItem>), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn timeline(
    ask: Ask,
    Path((cluster, kind, namespace, name)): Path<(String, String, String, String)>,
) -> Listed<EventItem> {
    let params = ask.params(&[&PAGE, &[line::Q]])?;
    let line = line::lines(&params)?.others;
    let page = ask.page::<EventCursor>(&params)?;
    let clusters = ask.clusters_of_path(cluster, &params).await?;
    let coverage = coverage_of(&ask, Some(&clusters), page.range).await?;
    let query = TimelineQuery {
        object: object(clusters, kind, namespace, name),
        line: Some(line),
        range: page.range,
        after: page.after.clone().map(key_of),
        limit: page.limit,
        most_bytes: MOST_ANSWER_BYTES,
    };
    let rows = async |reader: Reader| Ok(reader.timeline(&query).await?);
    let (rows, cold) = ask.over_list(Some(&query.object.clusters), query.from_here(), rows).await?;
    let (mut items, mut more): (Vec<_>, _) = (rows.rows.into_iter().map(EventItem::of_row).collect(), rows.more);
    fit(&mut items, &mut more, &coverage);
    let next = items.last().filter(|_| more).map(|last| ask.next(&page, cursor_of(last)));
    Ok(Json(List { items, next, total: None, range: page.range.into(), coverage, cold }))
}
