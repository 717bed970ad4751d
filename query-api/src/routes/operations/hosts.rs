//! `GET …/hosts`: the hosts of an operation, the worst first, and groups of those with one error.

use std::collections::BTreeMap;

use axum::{Json, extract::Path};
use beidou_model::operation::{Operation, view};
use beidou_schemas::{
    Micros,
    operation::{HostState, Purpose},
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{id_of, operation_of};
use crate::{
    answer::Total,
    app::{Ask, now},
    ask::{Params, range::moment},
    problem::{Problem, ProblemBody},
    routes::page::{Cut, Direction, Page},
};

/// Groups of one answer, the largest first.
const MOST_GROUPS: usize = 50;
/// Hosts that a group names.
const MOST_NAMED: usize = 200;
/// Rows beside groups of the usual size.
const ROW_BYTES: usize = 700_000;

/// Which hosts.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; the route reads them")]
struct HostsParams {
    /// `error` adds the groups of hosts with one error.
    group: Option<String>,
    /// The moment: RFC 3339, or relative to now. Default: now.
    t: Option<String>,
    /// States, in any step: `failed`, `running` and so on; `bad` stands for `failed`, `unreachable`, `unknown`,
    /// `cancelled`; any of them.
    #[param(style = Form, explode)]
    state: Option<Vec<String>>,
    /// Text within address, name or role.
    text: Option<String>,
    /// `worst` (default), `place` (as in the plan).
    sort: Option<String>,
    /// At most so many rows; a page ends earlier where it would be larger than 1 MB.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// `next` of the answer before. All other parameters must be unchanged; give `t` where the run moves.
    cursor: Option<String>,
}

const NAMES: [&str; 7] = ["group", "t", "state", "text", "sort", "limit", "cursor"];

/// A host in a step.
#[derive(Debug, Serialize, ToSchema)]
struct HostStep {
    /// The step.
    step: String,
    /// `waiting`, `running`, `ok`, `failed`, `unreachable`, `skipped`, `unknown`, `cancelled`.
    #[schema(value_type = String)]
    state: HostState,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Micros,
    /// How long it took, in milliseconds; null while it is not through.
    duration_ms: Option<u64>,
}

/// What went wrong on a host.
#[derive(Debug, Serialize, ToSchema)]
struct HostError {
    /// The step.
    step: String,
    /// The attempt that said so; null where none did.
    attempt: Option<String>,
    /// The stable word for it; may be empty.
    code: String,
    /// The task that failed; may be empty.
    task: String,
    /// What it said.
    message: String,
    /// What to do about it; may be empty.
    remedy: String,
}

/// A host.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HostItem {
    /// Its address.
    host: String,
    /// Its place in the plan: its column in the matrix.
    place: u32,
    /// The name of its node, where the specification names it.
    name: Option<String>,
    /// Its role.
    role: Option<String>,
    /// A step went wrong on it.
    bad: bool,
    /// It came through all steps.
    through: bool,
    /// Where it stands in each step, in order.
    steps: Vec<HostStep>,
    /// What went wrong; null where nothing did.
    error: Option<HostError>,
}

/// Hosts with one error.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HostErrorGroup {
    /// The step.
    step: String,
    /// Where they stand.
    #[schema(value_type = String)]
    state: HostState,
    /// The stable word for it; may be empty.
    code: String,
    /// The task that failed; may be empty.
    task: String,
    /// What the first of them said.
    message: String,
    /// What to do about it; may be empty.
    remedy: String,
    /// How many hosts.
    count: usize,
    /// The first two hundred of them, by address.
    hosts: Vec<String>,
}

/// A page of hosts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HostList {
    /// The moment.
    #[schema(value_type = String, format = DateTime)]
    at: Micros,
    /// The hosts of this page.
    items: Vec<HostItem>,
    /// Pass it as `cursor`, with all other parameters unchanged, for the page behind this one; null on the last page.
    next: Option<String>,
    /// How many match in all.
    total: Total,
    /// Where `group=error`: groups of all bad hosts, the largest first, fifty at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<HostErrorGroup>>,
}

struct Wish {
    at: Micros,
    grouped: bool,
    states: Vec<HostState>,
    text: Option<String>,
    worst: bool,
}

/// The hosts of an operation at a moment, the worst first.
#[utoipa::path(
    get, path = "/api/v1/operations/{id}/hosts", tag = "Operations",
    params(("id" = String, Path, description = "The operation's id."), HostsParams),
    responses((status = 200, body = HostList), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn hosts(ask: Ask, Path(id): Path<String>) -> Result<Json<HostList>, Problem> {
    let params = ask.params(&[&NAMES])?;
    let (id, wish, page) = (id_of(&id)?, wish(&params)?, Page::<(u8, u32)>::read(&ask, &params)?);
    let look = ask.app.operations.look_into(id, |known| {
        let operation = operation_of(known, id)?;
        let past = Past::at(operation, wish.at);
        let places = 0..operation.plan.hosts.len() as u32;
        let rows = places.filter(|place| passes(operation, &past, &wish, *place)).map(|place| {
            let rank = if wish.worst { past.rank(place) } else { 0 };
            ((rank, place), place)
        });
        let told = |place| host(operation, &past, place);
        let Cut { items, next, total } = page.of(&ask, rows.collect(), Direction::Up, ROW_BYTES, told);
        let groups = wish.grouped.then(|| groups(operation, &past));
        Ok(Json(HostList { at: wish.at, items, next, total, groups }))
    });
    look.await?
}

fn wish(params: &Params) -> Result<Wish, Problem> {
    let grouped = match params.one("group")? {
        None => false,
        Some("error") => true,
        Some(other) => return Err(Problem::parameter("group", other, "error")),
    };
    let mut states = Vec::new();
    for word in params.many("state")? {
        match &*word {
            "bad" => states.extend(HostState::ALL.iter().copied().filter(|state| state.is_bad())),
            word => states.push(word.parse().map_err(|_| {
                let names: Vec<&str> = HostState::ALL.iter().map(|state| state.name()).collect();
                Problem::parameter("state", word, format!("bad, {}", names.join(", ")))
            })?),
        }
    }
    let worst = match params.one("sort")? {
        None | Some("worst") => true,
        Some("place") => false,
        Some(other) => return Err(Problem::parameter("sort", other, "worst, place")),
    };
    let at = moment(params, "t", now())?.unwrap_or_else(now);
    Ok(Wish { at, grouped, states, text: params.one("text")?.map(str::to_lowercase), worst })
}

/// Cells as they were at a moment.
struct Past {
    /// By step and host.
    cells: Vec<Vec<(HostState, Micros)>>,
    /// The moment is the present.
    now: bool,
}

impl Past {
    fn at(operation: &Operation, at: Micros) -> Self {
        let first = (HostState::Waiting, operation.created);
        let mut cells = vec![vec![first; operation.plan.hosts.len()]; operation.plan.steps.len()];
        let mut seen = 0;
        for change in operation.changes.iter().take_while(|change| change.time <= at) {
            cells[change.step as usize][change.host as usize] = (change.state, change.time);
            seen += 1;
        }
        Self { cells, now: seen == operation.changes.len() }
    }

    fn states(&self, host: u32) -> impl Iterator<Item = (HostState, Micros)> + '_ {
        self.cells.iter().map(move |step| step[host as usize])
    }

    fn is_bad(&self, host: u32) -> bool {
        self.states(host).any(|(state, _)| state.is_bad())
    }

    fn is_through(&self, host: u32) -> bool {
        self.states(host).all(|(state, _)| state.goes_on())
    }

    /// Wrong, acted on, waiting, through.
    fn rank(&self, host: u32) -> u8 {
        let running = || self.states(host).any(|(state, _)| state == HostState::Running);
        match (self.is_bad(host), self.is_through(host)) {
            (true, _) => 0,
            (false, true) => 3,
            (false, false) if running() => 1,
            (false, false) => 2,
        }
    }
}

fn passes(operation: &Operation, past: &Past, wish: &Wish, place: u32) -> bool {
    let machine = operation.spec.operation_machines.get(place as usize);
    let texts = [
        Some(&operation.plan.hosts[place as usize]),
        machine.and_then(|machine| machine.name.as_ref()),
        machine.and_then(|machine| machine.role.as_ref()),
    ];
    let reads = |wanted: &String| texts.iter().flatten().any(|text| text.to_lowercase().contains(wanted));
    (wish.states.is_empty() || past.states(place).any(|(state, _)| wish.states.contains(&state)))
        && wish.text.as_ref().is_none_or(reads)
}

fn host(operation: &Operation, past: &Past, place: u32) -> HostItem {
    let steps = past.states(place).zip(&operation.plan.steps).zip(&operation.cells);
    let steps = steps.map(|(((state, since), step), cells)| {
        let cell = cells[place as usize];
        let through = cell.duration_ms > 0 && cell.state == state && cell.since == since;
        let duration_ms = through.then_some(cell.duration_ms);
        HostStep { step: step.name.clone(), state, since, duration_ms }
    });
    let machine = operation.spec.operation_machines.get(place as usize);
    HostItem {
        host: operation.plan.hosts[place as usize].clone(),
        place,
        name: machine.and_then(|machine| machine.name.clone()),
        role: machine.and_then(|machine| machine.role.clone()),
        bad: past.is_bad(place),
        through: past.is_through(place),
        steps: steps.collect(),
        error: error(operation, past, place),
    }
}

/// What the last attempt said that left the host as it was then.
fn error(operation: &Operation, past: &Past, place: u32) -> Option<HostError> {
    let (step, (_, since)) = past.states(place).enumerate().find(|(_, (state, _))| state.is_bad())?;
    let step = step as u32;
    let acts =
        operation.attempts.iter().rev().filter(|attempt| attempt.purpose == Purpose::Act && attempt.step == step);
    let attempt = acts.filter(|attempt| attempt.intended <= since).find(|attempt| attempt.hosts.contains(&place));
    let outcome = attempt.and_then(|attempt| attempt.results.get(&place));
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    Some(HostError {
        step: operation.step(step).name.clone(),
        attempt: attempt.map(|attempt| attempt.id.to_string()),
        code: text(outcome.and_then(|outcome| outcome.code.as_ref())),
        task: text(outcome.and_then(|outcome| outcome.failed_task.as_ref())),
        message: text(outcome.and_then(|outcome| outcome.message.as_ref())),
        remedy: text(outcome.and_then(|outcome| outcome.remedy.as_ref())),
    })
}

/// Groups as the model makes them; of a moment that is past, of what was said until then.
fn groups(operation: &Operation, past: &Past) -> Vec<HostErrorGroup> {
    let mut groups: Vec<HostErrorGroup> = if past.now {
        let all = view::by_error(operation).into_iter();
        all.map(|group| HostErrorGroup {
            step: group.step,
            state: group.state,
            code: group.code,
            task: group.task,
            message: group.message,
            remedy: group.remedy,
            count: group.hosts.len(),
            hosts: group.hosts,
        })
        .collect()
    } else {
        then(operation, past)
    };
    groups.truncate(MOST_GROUPS);
    groups.iter_mut().for_each(|group| group.hosts.truncate(MOST_NAMED));
    groups
}

fn then(operation: &Operation, past: &Past) -> Vec<HostErrorGroup> {
    let mut groups: BTreeMap<(String, HostState, String, String), HostErrorGroup> = BTreeMap::new();
    for place in (0..operation.plan.hosts.len() as u32).filter(|place| past.is_bad(*place)) {
        let Some(error) = error(operation, past, place) else { continue };
        let state =
            past.states(place).map(|(state, _)| state).find(|state| state.is_bad()).unwrap_or(HostState::Unknown);
        let key = (error.step.clone(), state, error.code.clone(), error.task.clone());
        let group = groups.entry(key).or_insert_with(|| HostErrorGroup {
            step: error.step,
            state,
            code: error.code,
            task: error.task,
            message: error.message,
            remedy: error.remedy,
            count: 0,
            hosts: Vec::new(),
        });
        group.count += 1;
        group.hosts.push(operation.plan.hosts[place as usize].clone());
    }
    let mut groups: Vec<HostErrorGroup> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups
}
