//! `beidou running`: which statements of callers run now, how far they are, and stopping one.

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{Client, query::segment};
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

#[derive(Debug, Deserialize)]
struct Progress {
    rows_read: u64,
    share: f64,
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
            Cell::from(progress.map_or_else(String::new, |progress| format!("{:.0} %", progress.share * 100.0))),
            Cell::new(&item.query, Paint::Dim),
        ]);
    }
    table
}
