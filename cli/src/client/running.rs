//! `beidou running`: which statements of callers run now, how far they are, and stopping one.

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Client,
    query::{asked, segment},
};
use crate::{
    args::{
        clients::Output,
        sql::{Running, RunningAction},
    },
    output::{Cell, Column, Paint, Table, time},
};

/// A running statement, as far as it is shown.
#[derive(Debug, Deserialize)]
struct Item {
    id: String,
    kind: String,
    subject: String,
    query: String,
    began: Timestamp,
    progress: Option<Progress>,
}

/// How far it is.
#[derive(Debug, Deserialize)]
pub(super) struct Progress {
    rows_read: u64,
    #[serde(default)]
    share: Option<f64>,
}

impl Progress {
    /// The share that is read, where it is known. What runs is never all read: older servers said so where a join read
    /// more than was counted.
    pub(super) fn share(&self) -> Option<f64> {
        self.share.filter(|share| *share < 1.0)
    }

    /// In percent, rounded down; empty where it is not known.
    fn percent(&self) -> String {
        self.share().map_or_else(String::new, |share| format!("{:.0} %", (share * 100.0).floor()))
    }
}

/// Lists what runs, or stops one of it.
///
/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn running(args: Running) -> anyhow::Result<()> {
    if let Some(RunningAction::Cancel { id, server }) = &args.action {
        let client = Client::connect(server)?;
        client.http.call(Method::DELETE, &format!("/api/v1/running/{}", segment(id)), &[], None, &[]).await?;
        crate::say(&format!("{id} was cancelled"));
        return Ok(());
    }
    let client = Client::connect(&args.server)?;
    let document: Value = client.http.get("/api/v1/running", &[]).await?;
    let items: Vec<Value> = serde_json::from_value(document["items"].clone()).unwrap_or_default();
    match args.output {
        Output::Json => crate::say(&format!("{document:#}")),
        Output::Ndjson => items.iter().for_each(|item| crate::say(&item.to_string())),
        Output::Table if items.is_empty() => crate::say("no statement runs now"),
        Output::Table => {
            let items = items.into_iter().map(serde_json::from_value).collect::<Result<Vec<Item>, _>>()?;
            crate::say(table(&client, &items).text(client.look).trim_end());
        }
    }
    Ok(())
}

fn table(client: &Client, items: &[Item]) -> Table {
    let mut table = Table::new([
        Column::whole("ID"),
        Column::whole("KIND"),
        Column::name("SUBJECT", 8),
        Column::whole(format!("SINCE ({})", time::zone_name(client.now, &client.zone))),
        Column::number("ROWS READ"),
        Column::number("DONE"),
        Column::words("STATEMENT", 16),
    ]);
    for item in items {
        let progress = item.progress.as_ref();
        table.row(vec![
            Cell::from(&item.id),
            Cell::from(&item.kind),
            Cell::from(&item.subject),
            Cell::from(client.local(item.began)),
            Cell::from(progress.map_or_else(String::new, |progress| progress.rows_read.to_string())),
            Cell::from(progress.map_or_else(String::new, Progress::percent)),
            Cell::new(asked(&item.query), Paint::Dim),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_shown_only_where_it_is_known() {
        for (json, shown) in [
            (r#"{"rows_read": 5, "rows": 20, "share": 0.25}"#, "25 %"),
            (r#"{"rows_read": 5, "rows": 20, "share": 0.999}"#, "99 %"),
            (r#"{"rows_read": 5, "rows": 0, "share": null}"#, ""),
            (r#"{"rows_read": 5, "rows": 5, "share": 1.0}"#, ""),
            (r#"{"rows_read": 5}"#, ""),
        ] {
            let progress: Progress = serde_json::from_str(json).unwrap();
            assert_eq!((progress.rows_read, progress.percent().as_str()), (5, shown), "{json}");
        }
    }
}
