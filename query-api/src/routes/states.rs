//! `GET /api/v1/events/{cluster}/{uid}`: all states of one Event, each with its JSON rebuilt.

use std::sync::Arc;

use axum::{Json, extract::Path};
use beidou_schemas::{Epoch, kube_event::rebuild};
use beidou_store::query::{
    Reader, StateRow,
    neighbours::AnchorQuery,
    states::{StateKey, StatesQuery},
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::Listed;
use crate::{
    answer::{List, MOST_ANSWER_BYTES, coverage::known_within, event::EventItem, fit},
    app::{Ask, now},
    ask::{Range, filter::uid_of},
    problem::{Kind, Problem, ProblemBody},
};

/// One state of an Event with the Event itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventState)]
pub(crate) struct StateItem {
    /// As in lists.
    #[serde(flatten)]
    state: EventItem,
    /// The Event as the API server sent it: the same JSON value, managedFields aside. Null where the stored row is damaged.
    #[schema(value_type = Object)]
    object: Option<serde_json::Value>,
    /// What is wrong with the stored row.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
}

/// Limit and cursor.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; `ask` reads them")]
struct StatesParams {
    /// At most so many states; a page ends earlier where it would be larger than 1 MB.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// `next` of the answer before.
    cursor: Option<String>,
}

/// All states of one Event, newest first, each with the Event's JSON. `range` and `coverage` reach from the oldest state
/// on the page until now; from the Event's own begin where the archive, which has older ones, cannot be read.
#[utoipa::path(
    get, path = "/api/v1/events/{cluster}/{uid}", tag = "Events",
    params(
        ("cluster" = String, Path, description = "Uid of the cluster, or any name it ever had"),
        ("uid" = String, Path, description = "`metadata.uid` of the Event"),
        StatesParams
    ),
    responses((status = 200, body = List<StateItem>), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn states(ask: Ask, Path((cluster, uid)): Path<(String, String)>) -> Listed<StateItem> {
    let params = ask.params(&[&["limit", "cursor"]])?;
    let event = uid_of("uid", &uid)?;
    let mut page = ask.page::<(String, u32, u64)>(&params)?;
    let clusters = ask.clusters_of_path(cluster, &params).await?;
    if page.after.is_none() {
        let any = AnchorQuery { clusters: clusters.clone(), event, resource_version: None };
        let unknown = || Problem::new(Kind::UnknownEvent, format!("the cluster has no stored Event with uid {uid}"));
        page.range = ask.life(&any).await?.ok_or_else(unknown)?;
    }
    let after = page.after.clone().map(|(cluster, epoch, resource_version)| StateKey {
        cluster,
        epoch: Epoch(epoch),
        resource_version,
    });
    let query = StatesQuery { clusters, event, after, limit: page.limit, most_bytes: MOST_ANSWER_BYTES };
    let life = ask.readable(&query.clusters, page.range).await?;
    let until = now();
    let all = Range { from: page.range.from.min(until), until };
    // Older states that only the archive has are missing, also where the page shows none.
    let in_tables = life.from > page.range.from;
    let hot = if in_tables { ask.app.colds.hot(&ask.reader).await? } else { Arc::default() };
    let known = known_within(&ask, Some(&query.clusters), all, hot).await?;
    let rows = async |reader: Reader| Ok(reader.states(&query).await?);
    let (rows, cold) = ask.over(Some(&query.clusters), life, rows).await?;
    let (mut items, mut more): (Vec<_>, _) = (rows.rows.into_iter().map(item).collect(), rows.more);
    let oldest = items.iter().map(|item| item.state.time).min().unwrap_or(until).min(until);
    let range = if in_tables { all } else { Range { from: oldest, until } };
    let coverage = known.of(range).coverage();
    fit(&mut items, &mut more, &coverage);
    let next = items.last().filter(|_| more).map(|last| {
        let version = last.state.resource_version.parse().unwrap_or_default();
        ask.next(&page, (last.state.cluster_uid.clone(), last.state.epoch, version))
    });
    Ok(Json(List { items, next, total: None, range: range.into(), coverage, cold }))
}

fn item(row: StateRow) -> StateItem {
    let (row, stored) = row.split();
    let (object, damage) = match rebuild(&stored) {
        Ok(object) => (Some(object), None),
        Err(error) => {
            tracing::error!(error = %error, uid = %row.event_uid, "a stored row is damaged");
            (None, Some(error.to_string()))
        }
    };
    StateItem { state: EventItem::of_row(row), object, damage }
}
