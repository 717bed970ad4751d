//! `show`: one operation or task, as a page of text.

use serde_json::Value;

use super::{Kind, length, paint_of, show_as, text_of, turn_of};
use crate::{
    args::operations::Named,
    client::Client,
    output::{Cell, Column, Paint, Table},
};

/// Shows an operation, and its failed hosts by error.
pub(super) async fn operation(args: Named) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let id = client.id_of(Kind::Operation, &args.name).await?;
    let path = format!("{}/{id}", Kind::Operation.path());
    let detail: Value = client.http.get(&path, &[]).await?;
    let query = [("group", "error".to_owned()), ("limit", "1".to_owned())];
    let mut hosts: Value = client.http.get(&format!("{path}/hosts"), &query).await?;
    let groups = hosts["groups"].take();
    let mut document = detail.clone();
    document["groups"] = groups.clone();
    show_as(args.output, &document, || client.operation_page(&detail, &groups))
}

/// Shows a task.
pub(super) async fn task(args: Named) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let id = client.id_of(Kind::Task, &args.name).await?;
    let detail: Value = client.http.get(&format!("{}/{id}", Kind::Task.path()), &[]).await?;
    show_as(args.output, &detail, || client.task_page(&detail))
}

fn rows(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

impl Client {
    /// The lines that operations and tasks have in common.
    fn head(&self, summary: &Value) -> String {
        let phase = text_of(&summary["phase"]);
        let said = match (text_of(&summary["reason"]), text_of(&summary["message"])) {
            (reason, _) if reason.is_empty() => String::new(),
            (reason, message) if message.is_empty() => format!(" ({reason})"),
            (reason, message) => format!(" ({reason}: {message})"),
        };
        let colour = self.look.colour;
        format!(
            "{}  {}\n{} on {}, asked for by {} at {}\nphase: {}{said} since {}\n",
            Paint::Bold.on(&text_of(&summary["name"]), colour),
            Paint::Dim.on(&text_of(&summary["id"]), colour),
            text_of(&summary["type"]),
            text_of(&summary["cluster"]),
            text_of(&summary["subject"]),
            self.moment(&summary["created"]),
            paint_of(&phase).on(&phase, colour),
            self.moment(&summary["since"]),
        )
    }

    pub(super) fn operation_page(&self, detail: &Value, groups: &Value) -> String {
        let summary = &detail["summary"];
        let hosts = &summary["hosts"];
        let mut text = self.head(summary);
        text += &format!("hosts: {} of {} through, {} bad\n", hosts["through"], hosts["total"], hosts["bad"]);
        if let Some(hold) = detail["hold"].as_object() {
            text += &format!(
                "held: {} of {} hosts of the stage are bad; {} hosts or {} % hold it\n",
                hold["bad"], hold["hosts"], hold["hold_at_hosts"], hold["hold_at_percent"]
            );
        }
        let forecast = &detail["forecast"];
        if let Some(ends) = super::moment_of(&forecast["ends_p50"]) {
            text += &format!(
                "ends: {} (half of like runs), {} (nine of ten)\n",
                self.local(ends),
                self.moment(&forecast["ends_p90"])
            );
        }
        text += "\n";
        text += &self.stage_table(rows(&detail["stages"]));
        if !rows(groups).is_empty() {
            text += "\n";
            text += &self.group_table(rows(groups));
        }
        let owed: Vec<&Value> = rows(&detail["debts"])
            .iter()
            .filter(|debt| matches!(debt["state"].as_str(), Some("owed" | "started" | "given_up")))
            .collect();
        for debt in owed {
            text += &format!(
                "{}: {} of {} hosts, {}\n",
                text_of(&debt["state"]),
                text_of(&debt["kind"]),
                debt["count"],
                text_of(&debt["step"])
            );
        }
        let possible = rows(&detail["actions"]).iter().filter(|action| action["possible"] == true);
        let possible: Vec<String> = possible.map(|action| text_of(&action["action"])).collect();
        if !possible.is_empty() {
            text += &format!("\npossible now: {}\n", possible.join(", "));
        }
        text
    }

    fn stage_table(&self, stages: &[Value]) -> String {
        let mut table = Table::new([
            Column::name("STEP", 8),
            Column::number("BATCH"),
            Column::whole("STATE"),
            Column::number("HOSTS"),
            Column::number("OK"),
            Column::number("BAD"),
            Column::whole("STARTED"),
            Column::whole("ENDED"),
            Column::whole("USUALLY"),
        ]);
        for stage in stages {
            let bad = stage["bad"].as_u64().unwrap_or_default();
            let canary = if stage["canary"] == true { " (canary)" } else { "" };
            table.row(vec![
                Cell::from(format!("{}{canary}", text_of(&stage["step"]))),
                Cell::from(text_of(&stage["batch"])),
                Cell::from(text_of(&stage["state"])),
                Cell::from(text_of(&stage["hosts"])),
                Cell::from(text_of(&stage["ok"])),
                Cell::new(bad.to_string(), if bad > 0 { Paint::Bad } else { Paint::Dim }),
                Cell::from(self.moment(&stage["started"])),
                Cell::from(self.moment(&stage["ended"])),
                Cell::new(stage["p50_ms"].as_u64().map_or("-".to_owned(), length), Paint::Dim),
            ]);
        }
        table.text(self.look)
    }

    fn group_table(&self, groups: &[Value]) -> String {
        let mut table = Table::new([
            Column::number("HOSTS"),
            Column::name("STEP", 8),
            Column::whole("STATE"),
            Column::words("CODE", 8),
            Column::words("MESSAGE", 16),
            Column::words("WHAT TO DO", 12),
            Column::words("WHICH", 12),
        ]);
        for group in groups {
            let named: Vec<String> = rows(&group["hosts"]).iter().map(text_of).collect();
            table.row(vec![
                Cell::from(text_of(&group["count"])),
                Cell::from(text_of(&group["step"])),
                Cell::new(text_of(&group["state"]), Paint::Bad),
                Cell::from(text_of(&group["code"])),
                Cell::from(text_of(&group["message"])),
                Cell::from(text_of(&group["remedy"])),
                Cell::new(named.join(" "), Paint::Dim),
            ]);
        }
        table.text(self.look)
    }

    pub(super) fn task_page(&self, detail: &Value) -> String {
        let mut table = Table::new([
            Column::whole("STEP"),
            Column::whole("STATE"),
            Column::whole("STARTED"),
            Column::whole("ENDED"),
            Column::words("WORK ORDER", 10),
            Column::words("MESSAGE", 10),
            Column::whole("OPERATION"),
        ]);
        for step in rows(&detail["summary"]["steps"]) {
            table.row(vec![
                Cell::from(turn_of(step)),
                Cell::from(text_of(&step["state"])),
                Cell::from(self.moment(&step["started"])),
                Cell::from(self.moment(&step["ended"])),
                Cell::from(gate(&step["gate"])),
                Cell::from(text_of(&step["message"])),
                Cell::new(text_of(&step["operation"]), Paint::Dim),
            ]);
        }
        let mut text = format!("{}\n{}", self.head(&detail["summary"]), table.text(self.look));
        let operations = rows(&detail["operations"]);
        if !operations.is_empty() {
            text += &format!("\n{}", self.operation_table(operations));
        }
        text
    }
}

/// A work order in a few words.
fn gate(gate: &Value) -> String {
    let mode = text_of(&gate["mode"]);
    let said = |word: &str| {
        let by = text_of(&gate["answered_by"]);
        let ticket = text_of(&gate["ticket"]);
        if ticket.is_empty() { format!("{word} by {by}") } else { format!("{word} by {by}: {ticket}") }
    };
    match gate["open"] {
        _ if gate.is_null() => String::new(),
        Value::Bool(true) => said("approved"),
        Value::Bool(false) => said("rejected"),
        _ => format!("waits ({mode})"),
    }
}
