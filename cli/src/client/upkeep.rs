//! `beidou audit`, `beidou rebuild`: asked for, waited for, told.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Client;
use crate::{
    args::{
        clients::Output,
        upkeep::{Audit, Rebuild},
    },
    exit::{Code, Failure},
    output::{Cell, Column, Paint, Table, time},
};

/// How often it is asked whether the work is done: it takes seconds to hours.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What was asked for.
#[derive(Debug, Deserialize)]
struct Accepted {
    id: String,
}

/// A piece of work, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Work {
    state: String,
    time: Timestamp,
    subject: Option<String>,
    full: bool,
    #[serde(default)]
    why: Option<String>,
    #[serde(default)]
    audit: Option<Report>,
    #[serde(default)]
    rebuild: Option<Rebuilt>,
}

/// What an audit says.
#[derive(Debug, Deserialize)]
struct Report {
    files: u64,
    hours: u64,
    rows: u64,
    log_states: u64,
    findings: Vec<Finding>,
    not_listed: u64,
    repaired: u64,
    unrepaired: u64,
}

#[derive(Debug, Deserialize)]
struct Finding {
    fault: String,
    cluster_uid: String,
    hour: String,
    place: String,
    rows: u64,
    repaired: bool,
    detail: String,
}

/// What a rebuild says.
#[derive(Debug, Deserialize)]
struct Rebuilt {
    rows: u64,
    from_archive: u64,
    from_log: u64,
    paused_ms: u64,
    before_rows: u64,
}

/// Asks for an audit, or lists the last ones.
///
/// # Errors
/// When the server refuses, the audit fails, or something it found is not repaired.
pub async fn audit(args: Audit) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    if args.list {
        let (items, _) = client.rows("/api/v1/audits", &[], u32::MAX).await?;
        return client.show_work(items, args.output);
    }
    let Some(done) = client.work("audits", &json!({"full": args.full}), args.no_wait).await? else { return Ok(()) };
    let work: Work = serde_json::from_value(done.clone())?;
    match args.output {
        Output::Table => crate::say(client.report(&work).trim_end()),
        Output::Json => crate::say(&serde_json::to_string_pretty(&done)?),
        Output::Ndjson => crate::say(&done.to_string()),
    }
    succeeded(&work, "the audit")
}

/// Asks for a rebuild.
///
/// # Errors
/// When the server refuses, or the rebuild fails.
pub async fn rebuild(args: Rebuild) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    let Some(done) = client.work("rebuilds", &Value::Null, args.no_wait).await? else { return Ok(()) };
    let work: Work = serde_json::from_value(done.clone())?;
    match (args.output, &work.rebuild) {
        (Output::Table, Some(report)) => crate::say(&format!(
            "rebuilt: {} rows, {} of the archive and {} of the log; {} before; the projection of Events stood still for {} ms",
            report.rows, report.from_archive, report.from_log, report.before_rows, report.paused_ms
        )),
        (Output::Table, None) => {}
        (Output::Json, _) => crate::say(&serde_json::to_string_pretty(&done)?),
        (Output::Ndjson, _) => crate::say(&done.to_string()),
    }
    succeeded(&work, "the rebuild")
}

/// The exit code of what was done.
fn succeeded(work: &Work, what: &str) -> anyhow::Result<()> {
    if work.state == "failed" {
        let why = work.why.as_deref().unwrap_or("the server does not say why");
        return Err(
            Failure::new(Code::Failure, format!("{what} failed: {why}"), "the log of the projector says more").into()
        );
    }
    match work.audit.as_ref().map_or(0, |report| report.unrepaired) {
        0 => Ok(()),
        left => {
            let text = format!("{left} of what was found could not be repaired");
            Err(Failure::new(Code::Failure, text, "DETAIL says what each needs; `beidou restore` brings a backup back")
                .into())
        }
    }
}

impl Client {
    /// Asks, and waits for the end; `None` where nobody wants to wait.
    async fn work(&self, what: &str, body: &Value, no_wait: bool) -> anyhow::Result<Option<Value>> {
        let path = format!("/api/v1/{what}");
        let answer = self.http.send(Method::POST, &path, body).await?;
        let Accepted { id } = serde_json::from_str(&answer)?;
        if no_wait {
            crate::say(&id);
            return Ok(None);
        }
        loop {
            let found: Value = self.http.get(&format!("{path}/{id}"), &[]).await?;
            if found["state"] != "open" {
                return Ok(Some(found));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn report(&self, work: &Work) -> String {
        let Some(report) = &work.audit else { return String::new() };
        let mut text = format!(
            "compared {} rows in {} hours of clusters, {} files, {} states and facts of the log\n",
            report.rows, report.hours, report.files, report.log_states
        );
        if report.findings.is_empty() {
            return text + "nothing differs\n";
        }
        let mut table = Table::new([
            Column::whole("FAULT"),
            Column::whole("REPAIRED"),
            Column::number("ROWS"),
            Column::name("CLUSTER", 8),
            Column::name("HOUR OR PLACE", 13),
            Column::words("DETAIL", 20),
        ]);
        for finding in &report.findings {
            let (repaired, paint) = if finding.repaired { ("yes", Paint::Good) } else { ("no", Paint::Bad) };
            let place = if finding.hour.is_empty() { &finding.place } else { &finding.hour };
            table.row(vec![
                Cell::new(&finding.fault, Paint::Warning),
                Cell::new(repaired, paint),
                finding.rows.to_string().into(),
                Cell::from(&finding.cluster_uid),
                Cell::from(place),
                Cell::from(&finding.detail),
            ]);
        }
        text += &table.text(self.look);
        if report.not_listed > 0 {
            text += &format!("{} more are not listed\n", report.not_listed);
        }
        text + &format!("{} repaired, {} not\n", report.repaired, report.unrepaired)
    }

    fn show_work(&self, items: Vec<Value>, output: Output) -> anyhow::Result<()> {
        match output {
            Output::Json => crate::say(&serde_json::to_string_pretty(&json!({"items": items}))?),
            Output::Ndjson => items.iter().for_each(|item| crate::say(&item.to_string())),
            Output::Table if items.is_empty() => crate::say("no audit has run yet"),
            Output::Table => {
                let work = items.into_iter().map(serde_json::from_value).collect::<Result<Vec<Work>, _>>()?;
                crate::say(self.work_table(&work).text(self.look).trim_end());
            }
        }
        Ok(())
    }

    fn work_table(&self, work: &[Work]) -> Table {
        let mut table = Table::new([
            Column::whole(format!("TIME ({})", time::zone_name(self.now, &self.zone))),
            Column::whole("STATE"),
            Column::words("ASKED BY", 8),
            Column::whole("FULL"),
            Column::number("ROWS"),
            Column::number("REPAIRED"),
            Column::number("LEFT"),
            Column::words("WHY", 10),
        ]);
        for one in work {
            let number =
                |of: fn(&Report) -> u64| one.audit.as_ref().map_or("-".into(), |report| of(report).to_string());
            table.row(vec![
                Cell::from(self.local(one.time)),
                Cell::new(&one.state, if one.state == "failed" { Paint::Bad } else { Paint::Plain }),
                Cell::from(one.subject.as_deref().unwrap_or("(itself)")),
                Cell::from(if one.full { "yes" } else { "no" }),
                Cell::from(number(|report| report.rows)),
                Cell::from(number(|report| report.repaired)),
                Cell::from(number(|report| report.unrepaired)),
                Cell::from(one.why.as_deref().unwrap_or_default()),
            ]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(value: Value) -> Work {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_is_not_repaired_and_what_failed_is_a_failure() {
        let of = |unrepaired: u64| {
            work(json!({"state": "done", "time": "2026-11-24T00:00:00Z", "subject": null, "full": false,
                "audit": {"files": 1, "hours": 1, "rows": 1, "log_states": 1, "findings": [], "not_listed": 0,
                    "repaired": 1, "unrepaired": unrepaired}}))
        };
        assert!(succeeded(&of(0), "the audit").is_ok());
        let error = succeeded(&of(2), "the audit").unwrap_err();
        assert!(
            crate::exit::text(&error).contains("2 of what was found") && crate::exit::code(&error) == Code::Failure
        );
        let failed = work(
            json!({"state": "failed", "time": "2026-11-24T00:00:00Z", "subject": "a", "full": false, "why": "away"}),
        );
        assert!(crate::exit::text(&succeeded(&failed, "the audit").unwrap_err()).contains("the audit failed: away"));
    }
}
