//! What people say to an operation or a task.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Kind, show_as, text_of};
use crate::{
    args::operations::{Answer, Named, Retry, Skip, Word},
    client::Client,
};

/// `hold`, `resume`, `cancel`.
pub(super) async fn word(kind: Kind, act: &str, args: &Word) -> anyhow::Result<()> {
    say(kind, act, &args.named, json!({"why": args.why})).await
}

/// `retry`.
pub(super) async fn retry(kind: Kind, args: &Retry) -> anyhow::Result<()> {
    say(kind, "retry", &args.named, json!({"hosts": args.hosts, "why": args.why})).await
}

/// `skip`.
pub(super) async fn skip(kind: Kind, args: &Skip) -> anyhow::Result<()> {
    say(kind, "skip", &args.named, json!({"step": args.step, "why": args.why})).await
}

/// `approve`, `reject`.
pub(super) async fn answer(kind: Kind, act: &str, args: &Answer) -> anyhow::Result<()> {
    say(kind, act, &args.named, json!({"ticket": args.ticket, "why": args.why})).await
}

async fn say(kind: Kind, act: &str, named: &Named, body: Value) -> anyhow::Result<()> {
    let client = Client::connect(&named.server)?;
    let id = client.id_of(kind, &named.name).await?;
    let answer = client.http.command(&format!("{}/{id}/{act}", kind.path()), &body, Uuid::new_v4()).await?;
    show_as(named.output, &answer, || told(kind, act, &answer))
}

/// One line about what came of it.
pub(super) fn told(kind: Kind, act: &str, answer: &Value) -> String {
    let (what, object) = (kind.name(), &answer[kind.name()]);
    if answer["outcome"] == "waiting" {
        let command = text_of(&answer["command"]);
        return format!("{act}: asked for; controllers have not answered yet (command {command})");
    }
    let (name, phase, message) = (text_of(&object["name"]), text_of(&object["phase"]), text_of(&object["message"]));
    match message.is_empty() {
        true => format!("{act}: {what} {name} is {phase}"),
        false => format!("{act}: {what} {name} is {phase}: {message}"),
    }
}
