//! `GET /api/v1/operations`: operations, filtered, sorted and paged here.

use axum::Json;
use beidou_model::operation::Operation;
use beidou_schemas::{
    Micros,
    operation::{OperationType, Phase},
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    events::node_names,
    item::{OperationItem, item},
    selector::Selector,
};
use crate::{
    answer::{Total, row_room},
    app::{Ask, now},
    ask::{Params, range::bounds},
    problem::{Problem, ProblemBody},
    routes::page::{Cut, Direction, Page, Place},
};

/// Which operations or tasks, and which page of them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; `Filter` and `Page` read them")]
pub(super) struct ListParams {
    /// Clusters by name. Repeat it, or put commas between: any of them.
    #[param(style = Form, explode)]
    cluster: Option<Vec<String>>,
    /// Types: `ScaleUp`, `Drain` and so on, of tasks `ScaleUp`, `NodeJoin`, `ScaleDown`, `NodeRemove`; any of them.
    #[param(style = Form, explode)]
    r#type: Option<Vec<String>>,
    /// Phases: `Running`, `Held` and so on; `active` stands for all that are not over; any of them.
    #[param(style = Form, explode)]
    phase: Option<Vec<String>>,
    /// Who asked for it; any of them.
    #[param(style = Form, explode)]
    subject: Option<Vec<String>>,
    /// What was there at this moment or later: RFC 3339, or relative to now (`-6h`). Default: all.
    from: Option<String>,
    /// What was accepted before this moment. Default: now.
    to: Option<String>,
    /// `desc` (default) or `asc`.
    order: Option<String>,
    /// At most so many rows; a page ends earlier where it would be larger than 1 MB.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// `next` of the answer before. All other parameters must be unchanged.
    cursor: Option<String>,
}

/// The names in [`ListParams`].
pub(super) const LIST: [&str; 9] = ["cluster", "type", "phase", "subject", "from", "to", "order", "limit", "cursor"];

/// Which operations.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; the route reads them")]
struct OperationParams {
    /// The task that it belongs to, by id.
    task: Option<String>,
    /// Text within name, id, message, bundle, a label or the address or name of a host; case does not matter.
    text: Option<String>,
    /// A machine by its whole address or name, or by the name of its node.
    host: Option<String>,
    /// What labels say: `team=infra`, `tier!=web`, `team`, `!old`. Repeat it, or put commas between: all of them.
    #[param(style = Form, explode)]
    label: Option<Vec<String>>,
    /// `created` (default), `updated`, `name`, `cluster`, `phase`, `bad` (hosts that went wrong).
    sort: Option<String>,
}

/// A page of operations.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OperationList {
    /// The rows of this page.
    items: Vec<OperationItem>,
    /// Pass it as `cursor`, with all other parameters unchanged, for the page behind this one; null on the last page.
    next: Option<String>,
    /// How many match in all.
    total: Total,
}

/// Filters over operations and tasks alike.
pub(super) struct Filter {
    clusters: Vec<String>,
    types: Vec<OperationType>,
    phases: Vec<Phase>,
    subjects: Vec<String>,
    pub text: Option<String>,
    from: Option<Micros>,
    to: Option<Micros>,
}

/// What a filter looks at.
pub(super) struct Seen<'a> {
    pub cluster: &'a str,
    pub kind: OperationType,
    pub phase: Phase,
    pub subject: &'a str,
    pub created: Micros,
    pub ended: Option<Micros>,
}

impl Filter {
    pub(super) fn read(params: &Params) -> Result<Self, Problem> {
        let mut phases = Vec::new();
        for word in params.many("phase")? {
            match &*word {
                "active" => phases.extend(Phase::ALL.iter().copied().filter(|phase| !phase.is_over())),
                word => {
                    let allowed = |known: &str| format!("active, {known}");
                    let phase = word.parse::<Phase>();
                    phases.push(phase.map_err(|no| Problem::parameter("phase", word, allowed(&no.allowed)))?);
                }
            }
        }
        let types = params.many("type")?.into_iter().map(|word| {
            let kind = word.parse::<OperationType>();
            kind.map_err(|unknown| Problem::parameter("type", &word, unknown.allowed))
        });
        let (from, to) = bounds(params, now())?;
        Ok(Self {
            clusters: params.many("cluster")?,
            types: types.collect::<Result<_, _>>()?,
            phases,
            subjects: params.many("subject")?,
            text: params.one("text")?.map(str::to_lowercase),
            from,
            to,
        })
    }

    pub(super) fn passes(&self, seen: &Seen<'_>) -> bool {
        let any = |all: &[String], one: &str| all.is_empty() || all.iter().any(|known| known == one);
        any(&self.clusters, seen.cluster)
            && any(&self.subjects, seen.subject)
            && (self.types.is_empty() || self.types.contains(&seen.kind))
            && (self.phases.is_empty() || self.phases.contains(&seen.phase))
            && self.to.is_none_or(|to| seen.created < to)
            && self.from.is_none_or(|from| seen.ended.is_none_or(|ended| ended >= from))
    }

    /// Whether one of these texts holds what is looked for.
    pub(super) fn reads<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        let Some(wanted) = &self.text else { return true };
        texts.into_iter().any(|text| text.to_lowercase().contains(wanted))
    }
}

/// How many of its hosts went wrong.
fn bad(operation: &Operation) -> usize {
    let hosts = 0..operation.plan.hosts.len();
    hosts.filter(|host| operation.cells.iter().any(|step| step[*host].state.is_bad())).count()
}

type Key = fn(&Operation) -> Place;

fn sort(params: &Params) -> Result<Key, Problem> {
    Ok(match params.one("sort")? {
        None | Some("created") => |operation| Place::by_number(operation.created.0, operation.id.0),
        Some("updated") => |operation| Place::by_number(operation.updated.0, operation.id.0),
        Some("name") => |operation| Place::by_text(&operation.name, operation.id.0),
        Some("cluster") => |operation| Place::by_text(&operation.spec.cluster_name, operation.id.0),
        Some("phase") => |operation| Place::by_number(operation.phase.number().into(), operation.id.0),
        Some("bad") => |operation| Place::by_number(bad(operation) as i64, operation.id.0),
        Some(other) => {
            return Err(Problem::parameter("sort", other, "created, updated, name, cluster, phase, bad"));
        }
    })
}

/// What only operations are asked for.
struct Own<'a> {
    task: Option<Uuid>,
    host: Option<&'a str>,
    labels: Vec<Selector>,
}

fn passes(filter: &Filter, own: &Own<'_>, operation: &Operation) -> bool {
    let seen = Seen {
        cluster: &operation.spec.cluster_name,
        kind: operation.spec.operation_type,
        phase: operation.phase,
        subject: &operation.subject,
        created: operation.created,
        ended: operation.ended,
    };
    let machines = || operation.spec.operation_machines.iter();
    filter.passes(&seen)
        && own.task.is_none_or(|task| operation.owner.is_some_and(|owner| owner.task.0 == task))
        && own.host.is_none_or(|host| node_names(operation).any(|name| name == host))
        && own.labels.iter().all(|selector| selector.holds(&operation.spec.labels))
        && (filter.text.is_none() || {
            let id = operation.id.to_string();
            let said = [&*operation.name, &*id, &*operation.message, &*operation.plan.bundle.name];
            let labels = operation.spec.labels.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
            let hosts = machines().map(|machine| &*machine.ip);
            let names = machines().filter_map(|machine| machine.name.as_deref());
            filter.reads(said.into_iter().chain(labels).chain(hosts).chain(names))
        })
}

/// Operations, the newest first.
#[utoipa::path(
    get, path = "/api/v1/operations", tag = "Operations", params(ListParams, OperationParams),
    responses((status = 200, body = OperationList), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn operations(ask: Ask) -> Result<Json<OperationList>, Problem> {
    let params = ask.params(&[&LIST, &["task", "text", "host", "label", "sort"]])?;
    let (filter, key, direction) = (Filter::read(&params)?, sort(&params)?, Direction::read(&params)?);
    let page = Page::<Place>::read(&ask, &params)?;
    let task = params
        .one("task")?
        .map(|text| text.parse::<Uuid>().map_err(|_| Problem::parameter("task", text, "the id of a task: a UUID")));
    let own = Own { task: task.transpose()?, host: params.one("host")?, labels: Selector::read(&params)? };
    let moment = now();
    let list = ask.app.operations.look(|known| {
        let all = known.board.operations.values().filter(|operation| passes(&filter, &own, operation));
        let rows = all.map(|operation| (key(operation), operation)).collect();
        let told = |operation| item(&known.board, operation, moment);
        let Cut { items, next, total } = page.of(&ask, rows, direction, row_room(&[]), told);
        OperationList { items, next, total }
    });
    Ok(Json(list.await?))
}
