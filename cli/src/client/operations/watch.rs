//! `watch`: what happens to an operation or a task, line by line, until it is over. A broken connection is resumed after
//! the last fact.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::{Kind, moment_of, present_of, text_of};
use crate::{
    args::operations::Watch,
    client::{Client, sse::Parser},
    exit::{Code, Failure},
};

/// The first pause before a new connection; doubled up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// The server sends a comment every few seconds; without any byte for this long the connection is dead.
const SILENCE: Duration = Duration::from_secs(60);

/// Looks on.
pub(super) async fn watch(kind: Kind, args: &Watch) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let id = client.id_of(kind, &args.name).await?;
    client.watch(kind, id, args.from_start).await
}

/// What was seen.
#[derive(Default)]
struct Seen {
    /// The id to go on after.
    last: Option<String>,
    /// What was shown last: facts that change nothing that is shown are passed over.
    shown: String,
}

impl Client {
    pub(super) async fn watch(&self, kind: Kind, id: Uuid, from_start: bool) -> anyhow::Result<()> {
        let path = format!("{}/{id}", kind.path());
        let mut seen = Seen { last: from_start.then(|| "0".to_owned()), ..Seen::default() };
        let mut pause = FIRST_PAUSE;
        loop {
            let cut = match self.http.stream(&format!("{path}/stream"), &[], seen.last.as_deref()).await {
                Ok(response) => {
                    pause = FIRST_PAUSE;
                    self.read(kind, response, &mut seen).await?
                }
                Err(failure) if failure.code == Code::NotFound && seen.last.as_deref() == Some("0") => {
                    // Accepted a moment ago: not read by this server yet.
                    Some(failure.text)
                }
                Err(failure) if matches!(failure.code, Code::Unreachable | Code::Failure) => Some(failure.text),
                Err(failure) => return Err(failure.into()),
            };
            match cut {
                // The stream of what is over ends.
                None => {
                    let detail: Value = self.http.get(&path, &[]).await?;
                    if is_over(&text_of(&detail["summary"]["phase"])) {
                        crate::say(&line(kind, &detail["summary"], None, |time| self.local(time)));
                        return ended(kind, &detail["summary"]).map_err(Into::into);
                    }
                }
                Some(why) => crate::tell(&format!("the connection ended ({why}), going on after the last fact")),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Reads until the end: `None` where the server ended it in good order.
    async fn read(
        &self,
        kind: Kind,
        mut response: reqwest::Response,
        seen: &mut Seen,
    ) -> anyhow::Result<Option<String>> {
        let mut parser = Parser::default();
        loop {
            let chunk = match tokio::time::timeout(SILENCE, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(error)) => return Ok(Some(error.to_string())),
                Err(_) => return Ok(Some(format!("nothing came for {} s", SILENCE.as_secs()))),
            };
            for message in parser.push(&chunk)? {
                let told: Value = match &*message.data {
                    "" => Value::Null,
                    data => serde_json::from_str(data)?,
                };
                // Of several at once the last one tells how things stand.
                if told["summary"].is_object() {
                    let line = line(kind, &told["summary"], Some(&told), |time| self.local(time));
                    // The time alone is nothing new.
                    let what = line.split_once("  ").map_or_else(|| line.clone(), |(_, what)| what.to_owned());
                    if what != seen.shown {
                        crate::say(&line);
                        seen.shown = what;
                    }
                }
                seen.last = message.id.or(seen.last.take());
            }
        }
    }
}

/// One line: when, phase, step, hosts, why.
pub(super) fn line(
    kind: Kind,
    summary: &Value,
    told: Option<&Value>,
    local: impl Fn(jiff::Timestamp) -> String,
) -> String {
    let time = told.map_or(&summary["since"], |told| &told["time"]);
    let time = moment_of(time).map_or_else(|| "-".to_owned(), local);
    let phase = text_of(&summary["phase"]);
    let where_it_is = match kind {
        Kind::Operation => {
            let hosts = &summary["hosts"];
            let step = match summary["present"]["step"].as_str().filter(|_| !is_over(&phase)) {
                Some(step) => format!("{step}, batch {}", summary["present"]["batch"]),
                None => "-".to_owned(),
            };
            format!("{step}  {} of {} through, {} bad", hosts["through"], hosts["total"], hosts["bad"])
        }
        Kind::Task => {
            let step = present_of(summary).unwrap_or_else(|| "-".into());
            let operation = told.map(|told| text_of(&told["operation"]["phase"])).unwrap_or_default();
            if operation.is_empty() { step } else { format!("{step}  operation {operation}") }
        }
    };
    let why = match (text_of(&summary["reason"]), text_of(&summary["message"])) {
        (reason, _) if reason.is_empty() => String::new(),
        (reason, message) => format!("  {reason}: {message}"),
    };
    format!("{time}  {phase}  {where_it_is}{why}").trim_end_matches(": ").to_owned()
}

fn is_over(phase: &str) -> bool {
    matches!(phase, "Succeeded" | "Failed" | "Cancelled")
}

/// The exit code of what is over.
pub(super) fn ended(kind: Kind, summary: &Value) -> Result<(), Failure> {
    let (phase, name) = (text_of(&summary["phase"]), text_of(&summary["name"]));
    match phase.as_str() {
        "Succeeded" => Ok(()),
        _ => {
            let what = kind.name();
            let said = format!("{what} {name} is {phase}: {}", text_of(&summary["message"]));
            Err(Failure::new(
                Code::Failure,
                said,
                format!("`beidou {what} show {}` tells more", text_of(&summary["id"])),
            ))
        }
    }
}
