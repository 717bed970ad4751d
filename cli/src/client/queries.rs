//! `beidou queries`: query lines and statements of SQL under a name, kept by the server.

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

/// A saved query, which has either a line or a statement.
#[derive(Debug, Serialize, Deserialize)]
struct Query {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    line: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sql: Option<String>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    subject: String,
    time: Timestamp,
}

#[derive(Debug, Serialize)]
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
        Some(QueriesAction::Save { name, line, sql, description }) => {
            let (field, text, command) = match sql {
                Some(sql) => ("sql", sql, "sql"),
                None => ("line", line.unwrap_or_default(), "events"),
            };
            let body = json!({field: text, "description": description});
            client.http.send(Method::PUT, &format!("{PATH}/{}", segment(&name)), &body).await?;
            crate::say(&format!("saved; use it with `beidou {command} --saved {name}`"));
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
    /// The query line that is saved under a name.
    ///
    /// # Errors
    /// When no query has this name, or it is a statement.
    pub async fn saved_line(&self, name: &str) -> Result<String, Failure> {
        let other = || other(name, "a statement of SQL", "sql");
        self.saved(name).await?.line.ok_or_else(other)
    }

    /// The statement that is saved under a name.
    ///
    /// # Errors
    /// When no query has this name, or it is a query line.
    pub async fn saved_sql(&self, name: &str) -> Result<String, Failure> {
        let other = || other(name, "a query line", "events");
        self.saved(name).await?.sql.ok_or_else(other)
    }

    async fn saved(&self, name: &str) -> Result<Query, Failure> {
        let found = self.saved_queries().await?.into_iter().find(|query| query.name == name);
        let unknown = || {
            Failure::new(
                Code::NotFound,
                format!("no query is saved as {name:?}"),
                "`beidou queries` lists the saved ones",
            )
        };
        found.ok_or_else(unknown)
    }

    async fn saved_queries(&self) -> Result<Vec<Query>, Failure> {
        Ok(self.rows(PATH, &[], u32::MAX).await?.0)
    }

    async fn show_queries(&self, output: Output) -> anyhow::Result<()> {
        let list = List { items: self.saved_queries().await? };
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
            Column::whole("FORM"),
            Column::words("QUERY", 20),
            Column::words("DESCRIPTION", 11),
            Column::words("SAVED BY", 8),
            Column::whole(format!("TIME ({})", time::zone_name(self.now, &self.zone))),
        ]);
        for query in queries {
            let (form, text) = match &query.sql {
                Some(sql) => ("sql", sql.as_str()),
                None => ("line", query.line.as_deref().unwrap_or_default()),
            };
            table.row(vec![
                Cell::new(&query.name, Paint::Bold),
                Cell::from(form),
                Cell::from(text),
                Cell::new(&query.description, Paint::Dim),
                Cell::from(&query.subject),
                Cell::from(self.local(query.time)),
            ]);
        }
        table
    }
}

/// What has this name is of the other form.
fn other(name: &str, form: &str, command: &str) -> Failure {
    Failure::new(
        Code::Usage,
        format!("{form} is saved as {name:?}"),
        format!("ask it with `beidou {command} --saved {name}`"),
    )
}
