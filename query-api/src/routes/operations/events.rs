//! `GET …/events`: what Kubernetes said of the run's nodes, beside the run.

use std::collections::BTreeSet;

use axum::{Json, extract::Path};
use beidou_model::operation::{Board, Operation};
use beidou_schemas::{Micros, time::SECOND};
use beidou_store::query::{Reader, run_events::RunEventsQuery};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{id_of, operation_of};
use crate::{
    answer::{
        ColdRead, MOST_ANSWER_BYTES, RangeAnswer,
        coverage::{ClusterCoverage, coverage_of},
        event::EventItem,
        fit,
    },
    app::{Ask, MOST_ROWS, USUAL_ROWS, now},
    ask::Range,
    problem::{Kind, Problem, ProblemBody},
};

/// What was wrong before the run began is seen.
const BEFORE: i64 = 60 * SECOND;
/// What follows from it is told by kubelets within minutes: a node is called lost after one, its pods are evicted after five.
const AFTER: i64 = 300 * SECOND;

/// Which Events.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; the route reads them")]
struct RunEventsParams {
    /// `Normal`, `Warning`, exactly as Kubernetes writes them; any of them.
    #[param(style = Form, explode)]
    r#type: Option<Vec<String>>,
    /// `time`: oldest first. `warnings`: Warnings first, each part oldest first.
    #[param(default = "time")]
    order: Option<String>,
    /// At most so many rows; there are fewer where the answer would be larger than 1 MB.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

const NAMES: [&str; 3] = ["type", "order", "limit"];

/// What Kubernetes said of a run's nodes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunEvents {
    /// States of Events, about the nodes or about something on them.
    items: Vec<EventItem>,
    /// There are more: ask `/api/v1/events` with `cluster`, `node` and a part of the range.
    truncated: bool,
    /// From a minute before the run's start to five after its end, or to now.
    range: RangeAnswer,
    /// Beidou watches, or has watched, the operation's cluster, by its name or the uid told: else nothing is known of its nodes.
    watched: bool,
    /// How completely the range is known.
    coverage: Vec<ClusterCoverage>,
    /// What was read of the archive; missing where the tables had all.
    #[serde(skip_serializing_if = "Option::is_none")]
    cold: Option<ColdRead>,
}

/// Kubernetes Events of the run's nodes, from a minute before its start to five minutes after its end.
///
/// A node is one of the operation's machines by its name or address, or by the name under which it was found. Events of Pods count
/// where they name such a node as their source.
#[utoipa::path(
    get, path = "/api/v1/operations/{id}/events", tag = "Operations",
    params(("id" = String, Path, description = "The operation's id."), RunEventsParams),
    responses((status = 200, body = RunEvents), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn operation_events(ask: Ask, Path(id): Path<String>) -> Result<Json<RunEvents>, Problem> {
    let params = ask.params(&[&NAMES])?;
    let limit = params.number("limit", 1..=MOST_ROWS, USUAL_ROWS)?;
    let warnings_first = match params.one("order")? {
        None | Some("time") => false,
        Some("warnings") => true,
        Some(other) => return Err(Problem::parameter("order", other, "time, warnings")),
    };
    let (id, types, now) = (id_of(&id)?, params.many("type")?, now());
    let look = ask.app.operations.look(|known| {
        let operation = operation_of(known, id)?;
        let nodes: BTreeSet<&String> = node_names(operation).collect();
        let nodes: Vec<String> = nodes.into_iter().cloned().collect();
        Ok::<_, Problem>((cluster(&known.board, operation), nodes, range(operation, now)))
    });
    let (cluster, nodes, range): (_, _, Range) = look.await??;
    let clusters = match ask.app.catalogue.uids(&ask.reader, &[cluster]).await {
        // An operation may name a cluster that nobody watches.
        Err(problem) if problem.kind == Kind::UnknownCluster => Vec::new(),
        found => found?,
    };
    let coverage = coverage_of(&ask, Some(&clusters), range).await?;
    let watched = !clusters.is_empty();
    let most_bytes = MOST_ANSWER_BYTES;
    let query = RunEventsQuery { clusters, nodes, types, range, warnings_first, limit, most_bytes };
    let rows = async |reader: Reader| Ok(reader.run_events(&query).await?);
    let (rows, cold) = ask.over(Some(&query.clusters), range, rows).await?;
    let (mut items, mut truncated): (Vec<_>, _) = (rows.rows.into_iter().map(EventItem::of_row).collect(), rows.more);
    fit(&mut items, &mut truncated, &coverage);
    Ok(Json(RunEvents { items, truncated, range: range.into(), watched, coverage, cold }))
}

/// What the cluster's Events are found by: it may have one name here and another one where it is watched. Then its uid is told.
fn cluster(board: &Board, operation: &Operation) -> String {
    let name = &operation.spec.cluster_name;
    board.clusters.get(name).and_then(|rules| rules.cluster_uid.as_ref()).unwrap_or(name).clone()
}

/// The names under which the machines may be nodes: a node is called by its machine's name, by its address, or as it was found.
pub(super) fn node_names(operation: &Operation) -> impl Iterator<Item = &String> {
    let machines = operation.spec.operation_machines.iter();
    let told = machines.flat_map(|machine| machine.name.iter().chain([&machine.ip]));
    told.chain(operation.nodes.values())
}

/// The run with its margins, as far as it has gone by now. One that has not begun has its range from its acceptance on.
fn range(operation: &Operation, now: Micros) -> Range {
    let from = operation.started.unwrap_or(operation.created).plus(-BEFORE);
    let until = operation.ended.map_or(now, |ended| ended.plus(AFTER).min(now));
    Range { from, until: until.max(from.plus(1)) }
}
