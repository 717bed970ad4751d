//! `beidou operation`, `beidou task`: manifests become commands, and what came of them is told.
//!
//! ```text
//!  manifest ──► apply, plan ──► POST with an idempotency key, repeated until an answer comes
//!  name ──► id ──► show, watch (server-sent events), words of people, export
//!  export ──► replay: no server, the model alone
//! ```

mod acts;
mod apply;
mod export;
mod list;
mod machines;
mod manifest;
mod output;
mod plan;
mod replay;
mod show;
#[cfg(test)]
mod tests;
mod watch;

use reqwest::Method;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use super::{Client, http::Parameter};
use crate::{
    args::operations::{Form, Operation, OperationAction, Task, TaskAction},
    exit::{Code, Failure},
    output::Paint,
};

/// Rows of a page: what the server allows.
const PAGE: usize = 1000;

/// A page of a list.
#[derive(Debug, Deserialize)]
struct List<T> {
    items: Vec<T>,
    next: Option<String>,
    total: Total,
}

#[derive(Debug, Deserialize)]
struct Total {
    value: u64,
}

/// Operations or tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Operation,
    Task,
}

impl Kind {
    const fn path(self) -> &'static str {
        match self {
            Self::Operation => "/api/v1/operations",
            Self::Task => "/api/v1/tasks",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Operation => "operation",
            Self::Task => "task",
        }
    }
}

/// Acts on operations.
///
/// # Errors
/// When the server cannot be reached or refuses, a file cannot be read, or what was watched did not succeed.
pub async fn operation(args: Operation) -> anyhow::Result<()> {
    let kind = Kind::Operation;
    match args.action {
        OperationAction::Apply(args) => apply::apply(args).await,
        OperationAction::List(args) => list::operations(args).await,
        OperationAction::Show(args) => show::operation(args).await,
        OperationAction::Watch(args) => watch::watch(kind, &args).await,
        OperationAction::Hold(args) => acts::word(kind, "hold", &args).await,
        OperationAction::Resume(args) => acts::word(kind, "resume", &args).await,
        OperationAction::Cancel(args) => acts::word(kind, "cancel", &args).await,
        OperationAction::Retry(args) => acts::retry(kind, &args).await,
        OperationAction::Skip(args) => acts::skip(kind, &args).await,
        OperationAction::Approve(args) => acts::answer(kind, "approve", &args).await,
        OperationAction::Reject(args) => acts::answer(kind, "reject", &args).await,
        OperationAction::Output(args) => output::output(args).await,
        OperationAction::Replay(args) => replay::replay(args).await,
        OperationAction::Export(args) => export::export(args).await,
        OperationAction::Machines(args) => machines::machines(args).await,
        OperationAction::Plan(args) => plan::plan(args).await,
    }
}

/// Acts on tasks.
///
/// # Errors
/// As for operations.
pub async fn task(args: Task) -> anyhow::Result<()> {
    let kind = Kind::Task;
    match args.action {
        TaskAction::Apply(args) => apply::apply(args).await,
        TaskAction::List(args) => list::tasks(args).await,
        TaskAction::Show(args) => show::task(args).await,
        TaskAction::Watch(args) => watch::watch(kind, &args).await,
        TaskAction::Hold(args) => acts::word(kind, "hold", &args).await,
        TaskAction::Resume(args) => acts::word(kind, "resume", &args).await,
        TaskAction::Cancel(args) => acts::word(kind, "cancel", &args).await,
        TaskAction::Retry(args) => acts::retry(kind, &args).await,
        TaskAction::Skip(args) => acts::skip(kind, &args).await,
        TaskAction::Approve(args) => acts::answer(kind, "approve", &args).await,
        TaskAction::Reject(args) => acts::answer(kind, "reject", &args).await,
    }
}

impl Client {
    /// The id of what has this id or name.
    async fn id_of(&self, kind: Kind, name: &str) -> Result<Uuid, Failure> {
        if let Ok(id) = name.parse() {
            return Ok(id);
        }
        let query = [("text", name.to_owned()), ("limit", PAGE.to_string())];
        let list: Value = self.http.get(kind.path(), &query).await?;
        one_of(kind, name, list["items"].as_array().map_or(&[][..], Vec::as_slice))
    }

    /// Rows of a list over its pages, and how many there are in all.
    pub(super) async fn rows<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[Parameter],
        limit: u32,
    ) -> Result<(Vec<T>, u64), Failure> {
        let (mut rows, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let wanted = (limit as usize - rows.len()).min(PAGE);
            let mut page = query.to_vec();
            page.push(("limit", wanted.to_string()));
            page.extend(cursor.take().map(|cursor| ("cursor", cursor)));
            let list: List<T> = self.http.get(path, &page).await?;
            rows.extend(list.items);
            cursor = list.next;
            if cursor.is_none() || rows.len() >= limit as usize {
                return Ok((rows, list.total.value));
            }
        }
    }

    /// Posts a document for an answer; nothing is changed by it.
    async fn ask(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let text = self.http.send(Method::POST, path, body).await?;
        serde_json::from_str(&text).map_err(|error| {
            let said = format!("{path} gave an answer that is not Beidou's");
            Failure::new(Code::Failure, said, "client and server should have the same version").because(error)
        })
    }
}

/// The one row with this name: `namespace/name`, or the name alone.
fn one_of(kind: Kind, name: &str, rows: &[Value]) -> Result<Uuid, Failure> {
    let has_name = |row: &&Value| {
        let full = row["name"].as_str().unwrap_or_default();
        full == name || full.rsplit('/').next() == Some(name)
    };
    let found: Vec<&Value> = rows.iter().filter(has_name).collect();
    let what = kind.name();
    match &found[..] {
        [] => {
            let next = format!("`beidou {what} list` shows names and ids");
            Err(Failure::new(Code::NotFound, format!("there is no {what} with the id or name {name:?}"), next))
        }
        [one] => text_of(&one["id"]).parse().map_err(|error: uuid::Error| {
            Failure::new(Code::Failure, "the server gave an id that is none", "").because(error)
        }),
        several => {
            let ids: Vec<String> =
                several.iter().map(|row| format!("{} ({})", text_of(&row["id"]), text_of(&row["phase"]))).collect();
            let said = format!("{} {what}s have the name {name:?}: {}", several.len(), ids.join(", "));
            Err(Failure::new(Code::Usage, said, "name the one you mean by its id"))
        }
    }
}

/// A value as people read it; nothing for null.
fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What a step of a task is called, as `skip` wants it: `ScaleUp/command` where the task names several bundles.
fn turn_of(step: &Value) -> String {
    let kind = text_of(&step["step"]);
    match step["bundle"].as_str() {
        Some(bundle) => format!("{kind}/{bundle}"),
        None => kind,
    }
}

/// The step at which a task stands.
fn present_of(task: &Value) -> Option<String> {
    task["steps"].as_array()?.iter().find(|step| step["state"] != "done").map(turn_of)
}

/// A moment of an answer.
fn moment_of(value: &Value) -> Option<jiff::Timestamp> {
    value.as_str()?.parse().ok()
}

/// Shows a document as it came, or makes its table.
fn show_as(output: Form, document: &Value, table: impl FnOnce() -> String) -> anyhow::Result<()> {
    match output {
        Form::Table => crate::say(table().trim_end()),
        Form::Json => crate::say(&serde_json::to_string_pretty(document)?),
        Form::Yaml => crate::say(serde_yaml_ng::to_string(document)?.trim_end()),
    }
    Ok(())
}

/// The colour of a phase.
fn paint_of(phase: &str) -> Paint {
    match phase {
        "Succeeded" => Paint::Good,
        "Failed" => Paint::Bad,
        "Held" | "Unknown" | "Cancelling" => Paint::Warning,
        "Cancelled" => Paint::Dim,
        _ => Paint::Plain,
    }
}

/// A length of time as people read it.
fn length(ms: u64) -> String {
    match ms / 1000 {
        0 => format!("{ms} ms"),
        seconds @ 1..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}
