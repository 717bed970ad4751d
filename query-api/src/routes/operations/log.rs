//! `GET …/log`: what runners told per play, task and host, by sequence.

use axum::{Json, extract::Path};
use beidou_schemas::{
    Micros,
    operation::OperationId,
    runner::{AttemptId, TaskEvent, TaskEventKind, TaskState},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{id_of, operation_of};
use crate::{
    answer::{MOST_ANSWER_BYTES, fit_in},
    app::Ask,
    ask::Params,
    operations::SaidAt,
    problem::{Problem, ProblemBody},
    routes::page::Page,
};

/// Rows of an answer, beside its frame.
const ROW_BYTES: usize = MOST_ANSWER_BYTES - 20_000;
/// Holes that an answer tells of.
const MOST_HOLES: usize = 100;

/// Which lines.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; the route reads them")]
struct LogParams {
    /// What was told of this host: its address, or its name in the inventory. Lines of plays and tasks are of no host.
    host: Option<String>,
    /// What was told in this step.
    step: Option<String>,
    /// What this attempt told: its id.
    attempt: Option<String>,
    /// From this number of the attempt on; only with `attempt`.
    #[param(minimum = 1)]
    seq: Option<u64>,
    /// Begins so many lines before the end, where those count that other parameters leave out. The first answer is `next` alone.
    #[param(minimum = 1)]
    tail: Option<u64>,
    /// Kinds: `host`, `task` and so on; any of them. Where none stands here, all but `output`, which is long.
    #[param(style = Form, explode)]
    kind: Option<Vec<String>>,
    /// Text within task, message or code.
    text: Option<String>,
    /// At most so many lines; a page ends earlier where it would be larger than 1 MB, or has read 32 MB.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// `next` of the answer before: attempts follow one another, each by its sequence. All other parameters must be
    /// unchanged.
    cursor: Option<String>,
}

const NAMES: [&str; 9] = ["host", "step", "attempt", "seq", "tail", "kind", "text", "limit", "cursor"];

/// A line of the log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LogItem {
    /// The attempt.
    attempt: String,
    /// 1, 2, 3… within the attempt.
    seq: u64,
    /// The step.
    step: String,
    /// The batch of the step.
    batch: u32,
    /// The number of the attempt.
    number: u32,
    /// When, by the runner's clock.
    #[schema(value_type = String, format = DateTime)]
    time: Micros,
    /// `start`, `play`, `task`, `host_start`, `item`, `retry`, `host`, `no_hosts`, `stats`, `note`, `output`.
    #[schema(value_type = String)]
    kind: TaskEventKind,
    /// The play.
    #[serde(skip_serializing_if = "Option::is_none")]
    play: Option<String>,
    /// The task.
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    /// The module.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    /// The host.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    /// `ok`, `changed`, `failed`, `unreachable`, `skipped`, `ignored`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    state: Option<TaskState>,
    /// How long it took there, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    /// Which item of a loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<String>,
    /// For people: redacted, at most 2 KB; of `output` a part of the text, at most 32 KB.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Why it failed, as a stable word.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
    /// Chosen keys of the module's result, redacted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    results: Option<Value>,
}

/// Numbers that are missing within an attempt.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LogHole {
    /// The attempt.
    attempt: String,
    /// The first missing number.
    from: u64,
    /// The last one.
    to: u64,
}

/// A page of the log.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LogPage {
    /// Lines in order: attempts as they began, each by its sequence. Empty where nothing of a long part was wanted: go on
    /// with `next`.
    items: Vec<LogItem>,
    /// Pass it as `cursor` for what follows; null where nothing is told yet behind the last line.
    next: Option<String>,
    /// Numbers that the log does not have: lines that a runner lost, and says so itself.
    holes: Vec<LogHole>,
}

struct Wish {
    host: Option<String>,
    step: Option<String>,
    attempt: Option<AttemptId>,
    from: u64,
    tail: Option<u64>,
    kinds: Vec<TaskEventKind>,
    text: Option<String>,
}

/// What runners told, in order and without holes; from the log, which keeps it for ever.
#[utoipa::path(
    get, path = "/api/v1/operations/{id}/log", tag = "Operations",
    params(("id" = String, Path, description = "The operation's id."), LogParams),
    responses((status = 200, body = LogPage), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn operation_log(ask: Ask, Path(id): Path<String>) -> Result<Json<LogPage>, Problem> {
    let params = ask.params(&[&NAMES])?;
    let (id, wish, page) = (id_of(&id)?, wish(&params)?, Page::<SaidAt>::read(&ask, &params)?);
    let names = ask.app.operations.look(|known| names(operation_of(known, id)?, &wish)).await??;
    let told = ask.app.operations.told(OperationId(id)).await?;
    if let (Some(tail), None) = (wish.tail, &page.after) {
        // A place, and no lines: while more is told they stay the same.
        let next = Some(page.next(&ask, &told.tail(wish.attempt.as_ref(), tail)));
        return Ok(Json(LogPage { items: Vec::new(), next, holes: Vec::new() }));
    }
    let first =
        wish.attempt.as_ref().and_then(|attempt| told.place(attempt)).map_or((0, 1), |place| (place, wish.from));
    let passes = |said: &beidou_schemas::operation::said::Said, event: &TaskEvent| {
        wish.step.as_ref().is_none_or(|step| said.step == *step)
            && (names.is_empty() || event.host.as_ref().is_some_and(|host| names.contains(host)))
            && wish.kinds.contains(&event.kind)
            && wish.text.as_ref().is_none_or(|text| reads(event, text))
    };
    let from = page.after.unwrap_or(first);
    let found = ask.app.operations.said(&told, from, wish.attempt.as_ref(), passes, page.limit).await?;
    let mut items: Vec<LogItem> = found.events.into_iter().map(|(said, event)| line(said, event)).collect();
    let (mut more, all) = (false, items.len());
    fit_in(&mut items, &mut more, ROW_BYTES);
    let cut = items.last().filter(|_| items.len() < all).and_then(|last| {
        let attempt: AttemptId = last.attempt.parse().ok()?;
        Some((told.place(&attempt)?, last.seq + 1))
    });
    let next = cut.or(found.next).map(|at| page.next(&ask, &at));
    let holes = found.holes.into_iter().take(MOST_HOLES);
    let holes = holes.map(|(attempt, from, to)| LogHole { attempt: attempt.to_string(), from, to }).collect();
    Ok(Json(LogPage { items, next, holes }))
}

fn wish(params: &Params) -> Result<Wish, Problem> {
    let attempt = params.one("attempt")?.map(|text| {
        text.parse::<AttemptId>()
            .map_err(|_| Problem::parameter("attempt", text, "the id of an attempt, as the operation lists them"))
    });
    let attempt = attempt.transpose()?;
    let from = params.number("seq", 1..=u64::MAX, 1)?;
    if let (Some(text), None) = (params.one("seq")?, &attempt) {
        return Err(Problem::parameter("seq", text, "only beside `attempt`: numbers count within an attempt"));
    }
    let tail = match params.one("tail")? {
        None => None,
        Some(text) if params.one("seq")?.is_some() => {
            return Err(Problem::parameter("tail", text, "only without `seq`: both say where to begin"));
        }
        Some(_) => Some(params.number("tail", 1..=u64::MAX, 1)?),
    };
    let mut kinds = Vec::new();
    for word in params.many("kind")? {
        let kind = word.parse::<TaskEventKind>();
        kinds.push(kind.map_err(|unknown| Problem::parameter("kind", &word, unknown.allowed))?);
    }
    if kinds.is_empty() {
        kinds.extend(TaskEventKind::ALL.iter().filter(|kind| **kind != TaskEventKind::Output));
    }
    let [host, step, text] =
        ["host", "step", "text"].map(|name| params.one(name).map(|value| value.map(str::to_owned)));
    Ok(Wish { host: host?, step: step?, attempt, from, tail, kinds, text: text?.map(|text| text.to_lowercase()) })
}

/// The names under which a host may stand in the log. A host or step that the operation has not is a mistake.
fn names(operation: &beidou_model::operation::Operation, wish: &Wish) -> Result<Vec<String>, Problem> {
    if let Some(step) = wish.step.as_ref().filter(|step| !operation.plan.steps.iter().any(|known| known.name == **step))
    {
        let known: Vec<&str> = operation.plan.steps.iter().map(|step| &*step.name).collect();
        return Err(Problem::parameter("step", step, known.join(", ")));
    }
    let Some(host) = &wish.host else { return Ok(Vec::new()) };
    let mut machines = operation.spec.operation_machines.iter();
    let machine = machines.find(|machine| machine.ip == *host || machine.name.as_ref() == Some(host));
    let machine =
        machine.ok_or_else(|| Problem::parameter("host", host, "the address or name of a host of the operation"))?;
    Ok(std::iter::once(machine.ip.clone()).chain(machine.name.clone()).collect())
}

fn reads(event: &TaskEvent, text: &str) -> bool {
    let texts = [&event.task, &event.message, &event.code, &event.host];
    texts.iter().filter_map(|found| found.as_ref()).any(|found| found.to_lowercase().contains(text))
}

fn line(said: beidou_schemas::operation::said::Said, event: TaskEvent) -> LogItem {
    LogItem {
        attempt: said.attempt.to_string(),
        seq: event.seq,
        step: said.step,
        batch: said.batch,
        number: said.number,
        time: event.time,
        kind: event.kind,
        play: event.play,
        task: event.task,
        action: event.action,
        host: event.host,
        state: event.state,
        duration_ms: event.duration_ms,
        item: event.item,
        message: event.message,
        code: event.code,
        remedy: event.remedy,
        results: (!event.results.is_empty()).then_some(Value::Object(event.results)),
    }
}
