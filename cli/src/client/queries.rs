//! `beidou queries`: query lines under a name, kept by the server.

use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Client, query::segment};
use crate::{
    args::{
        clients::Output,
        upkeep::{Queries, QueriesAction},
    },
    exit::{Code, Failure},
    output::{Cell, Column, Paint, Table, time},
};

const PATH: &str = "/api/v1/queries";

/// A saved query.
#[derive(Debug, Serialize, Deserialize)]
struct Query {
    name: String,
    line: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    subject: String,
    time: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
struct List {
    items: Vec<Query>,
}

/// Lists, saves or deletes saved queries.
///
/// # Errors
/// When the server cannot be reached, or refuses.
pub async fn queries(args: Queries) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    match args.action {
        None => client.show_queries(args.output).await,
        Some(QueriesAction::Save { name, line, description }) => {
            let body = json!({"line": line, "description": description});
            client.http.send(Method::PUT, &format!("{PATH}/{}", segment(&name)), &body).await?;
            crate::say(&format!("saved; use it with `beidou events --saved {name}`"));
            Ok(())
        }
        Some(QueriesAction::Delete { name }) => {
            client.http.send(Method::DELETE, &format!("{PATH}/{}", segment(&name)), &Value::Null).await?;
            crate::say(&format!("deleted {name}"));
            Ok(())
        }
    }
}

impl Client {
    /// The line that is saved under a name.
    ///
    /// # Errors
    /// When no query has this name.
    pub async fn saved(&self, name: &str) -> Result<String, Failure> {
        let list: List = self.http.get(PATH, &[]).await?;
        let found = list.items.into_iter().find(|query| query.name == name).map(|query| query.line);
        let unknown = || {
            Failure::new(
                Code::NotFound,
                format!("no query is saved as {name:?}"),
                "`beidou queries` lists the saved ones",
            )
        };
        found.ok_or_else(unknown)
    }

    async fn show_queries(&self, output: Output) -> anyhow::Result<()> {
        let list: List = self.http.get(PATH, &[]).await?;
        match output {
            Output::Json => crate::say(&serde_json::to_string_pretty(&list)?),
            Output::Ndjson => {
                for query in &list.items {
                    crate::say(&serde_json::to_string(query)?);
                }
            }
            Output::Table if list.items.is_empty() => {
                crate::say(
                    "no query is saved\ntry: beidou queries save crash-loops 'reason:BackOff -namespace:kube-system'",
                );
            }
            Output::Table => crate::say(self.table_of_queries(&list.items).text(self.look).trim_end()),
        }
        Ok(())
    }

    fn table_of_queries(&self, queries: &[Query]) -> Table {
        let mut table = Table::new([
            Column::name("NAME", 8),
            Column::words("LINE", 20),
            Column::words("DESCRIPTION", 11),
            Column::words("SAVED BY", 8),
            Column::whole(format!("TIME ({})", time::zone_name(self.now, &self.zone))),
        ]);
        for query in queries {
            table.row(vec![
                Cell::new(&query.name, Paint::Bold),
                Cell::from(&query.line),
                Cell::new(&query.description, Paint::Dim),
                Cell::from(&query.subject),
                Cell::from(self.local(query.time)),
            ]);
        }
        table
    }
}
