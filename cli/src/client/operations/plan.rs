//! `plan`: what a manifest would do; nothing is written.

use serde_json::Value;

use super::{Kind, length, manifest, moment_of, show_as, text_of};
use crate::{
    args::operations::Plan,
    client::Client,
    exit::{Code, Failure},
    output::{Cell, Column, Paint, Table},
};

/// Shows a plan.
pub(super) async fn plan(args: Plan) -> anyhow::Result<()> {
    let manifests = manifest::read(&manifest::text(&args.file)?)?;
    let [one] = &manifests[..] else {
        return Err(Failure::new(
            Code::Usage,
            format!("the file has {} documents", manifests.len()),
            "plan one Operation",
        )
        .into());
    };
    if one.kind != Kind::Operation {
        let next = "plan the operations that it would make, by a manifest of kind Operation";
        return Err(Failure::new(Code::Usage, "a task has no plan of its own", next).into());
    }
    let client = Client::connect(&args.server)?;
    let answer = client.ask("/api/v1/operations/plan", &one.body).await?;
    show_as(args.output, &answer, || client.plan_page(&answer))
}

impl Client {
    pub(super) fn plan_page(&self, plan: &Value) -> String {
        let rows = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut table = Table::new([
            Column::number("STAGE"),
            Column::name("STEP", 8),
            Column::number("BATCH"),
            Column::number("HOSTS"),
            Column::whole("WATCHED FOR"),
        ]);
        for stage in rows(&plan["stages"]) {
            let canary = if stage["canary"] == true { " (canary)" } else { "" };
            let soak = stage["soak_ms"].as_u64().filter(|ms| *ms > 0).map_or("-".to_owned(), length);
            table.row(vec![
                Cell::from(text_of(&stage["stage"])),
                Cell::from(format!("{}{canary}", text_of(&stage["step"]))),
                Cell::from(text_of(&stage["batch"])),
                Cell::from(text_of(&stage["hosts"])),
                Cell::from(soak),
            ]);
        }
        let hosts = rows(&plan["plan"]["hosts"]).len();
        let (bundle, version, lock) =
            (text_of(&plan["bundle"]), text_of(&plan["version"]), text_of(&plan["plan"]["lock"]));
        let mut text = format!("bundle {bundle} {version}, {hosts} hosts, locks {lock}\n\n{}\n", table.text(self.look));
        let forecast = &plan["forecast"];
        text += &match (forecast["p50_ms"].as_u64(), forecast["p90_ms"].as_u64()) {
            (Some(half), Some(most)) => {
                format!("takes {} (half of like runs), {} (nine of ten)\n", length(half), length(most))
            }
            _ => "how long it takes is not known: no like run yet\n".to_owned(),
        };
        for guard in rows(&plan["guards"]).iter().filter(|guard| guard["open"] == false) {
            let until =
                moment_of(&guard["until"]).map_or(String::new(), |time| format!(", until {}", self.local(time)));
            let reason = Paint::Warning.on(&text_of(&guard["reason"]), self.look.colour);
            let message = text_of(&guard["message"]);
            let message = if message.is_empty() { message } else { format!(": {message}") };
            text += &format!("waits: {reason}{message}{until}\n");
        }
        if plan["begins_at_once"] == true {
            text += "begins at once\n";
        }
        text
    }
}
