//! `beidou sql`: a statement over the views, in the form that was asked for; what it would read; what there is to ask.

use std::{
    io::{IsTerminal, Read, Write},
    path::Path,
};

use anyhow::Context;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Client,
    answer::{ClusterCoverage, Range},
    http::Parameter,
};
use crate::{
    args::{
        clients::default_since,
        sql::{Sql, SqlOutput},
    },
    exit::{Code, Failure},
    output::{Cell, Column, Paint, Table},
};

/// A column of an answer.
#[derive(Debug, Deserialize)]
struct Named {
    name: String,
    #[serde(rename = "type")]
    column_type: String,
    #[serde(default)]
    comment: String,
}

/// An answer as JSON.
#[derive(Debug, Deserialize)]
struct Answer {
    columns: Vec<Named>,
    rows: Vec<Vec<Value>>,
    truncated: bool,
    statistics: Statistics,
    range: Option<Range>,
    #[serde(default)]
    coverage: Vec<ClusterCoverage>,
}

#[derive(Debug, Deserialize)]
struct Statistics {
    rows_read: u64,
    elapsed: f64,
}

#[derive(Debug, Deserialize)]
struct Estimate {
    rows: u64,
    most_rows: u64,
    allowed: bool,
}

#[derive(Debug, Deserialize)]
struct Schema {
    views: Vec<View>,
    functions: Vec<Family>,
    limits: Value,
}

#[derive(Debug, Deserialize)]
struct View {
    name: String,
    comment: String,
    columns: Vec<Named>,
}

#[derive(Debug, Deserialize)]
struct Family {
    family: String,
    functions: Vec<String>,
}

/// Runs a statement.
///
/// # Errors
/// When there is none, when the server cannot be reached, or refuses.
pub async fn sql(args: Sql) -> anyhow::Result<()> {
    let client = Client::connect(&args.server)?;
    if args.schema {
        return schema(&client, args.output).await;
    }
    let query = match &args.saved {
        Some(name) => client.saved_sql(name).await?,
        None => statement(&args)?,
    };
    let range = client.range_if_given(&args.range, default_since::COVERAGE)?;
    let said: [Parameter; 1] = [("query", query.clone())];
    if args.estimate {
        let response = client
            .http
            .call(Method::POST, "/api/v1/sql/estimate", &range, Some(&json!({"query": query})), &said)
            .await?;
        let bytes = response.bytes().await.context("cannot read the answer")?;
        return estimate(&bytes, args.output);
    }
    let format = match args.output {
        SqlOutput::Table | SqlOutput::Json => "json",
        SqlOutput::Ndjson => "ndjson",
        SqlOutput::Csv => "csv",
        SqlOutput::Arrow => "arrow",
        SqlOutput::Parquet => "parquet",
    };
    let binary = matches!(args.output, SqlOutput::Arrow | SqlOutput::Parquet);
    if binary && args.out.is_none() && std::io::stdout().is_terminal() {
        let text = "this form is binary, and standard output is a terminal";
        return Err(Failure::new(Code::Usage, text, "name a file with --out").into());
    }
    let body = json!({"query": query, "format": format, "max_rows": args.max_rows});
    let response = client.http.call(Method::POST, "/api/v1/sql", &range, Some(&body), &said).await?;
    let bytes = response.bytes().await.context("cannot read the answer")?;
    match args.output {
        SqlOutput::Table => {
            let answer: Answer = serde_json::from_slice(&bytes).context("the answer is not understood")?;
            let text = table(&answer).text(client.look);
            write(args.out.as_deref(), format!("{}\n", text.trim_end()).as_bytes())?;
            crate::tell(&footer(&answer));
            if let Some(range) = answer.range {
                crate::tell(client.footer(&answer.coverage, range).trim_end());
            }
            Ok(())
        }
        SqlOutput::Json => {
            let document: Value = serde_json::from_slice(&bytes).context("the answer is not understood")?;
            write(args.out.as_deref(), format!("{document:#}\n").as_bytes())
        }
        SqlOutput::Ndjson | SqlOutput::Csv | SqlOutput::Arrow | SqlOutput::Parquet => {
            write(args.out.as_deref(), &bytes)
        }
    }
}

/// The statement, which is not empty.
fn statement(args: &Sql) -> anyhow::Result<String> {
    let text = text(args)?;
    not_empty(&text)?;
    Ok(text)
}

/// Says plainly that there is nothing to run.
pub(super) fn not_empty(statement: &str) -> Result<(), Failure> {
    let next = "write one SELECT; `beidou sql --schema` lists views, columns and functions";
    match statement.trim().is_empty() {
        true => Err(Failure::new(Code::Usage, "the statement is empty", next)),
        false => Ok(()),
    }
}

/// The text: typed, from a file, or from standard input.
fn text(args: &Sql) -> anyhow::Result<String> {
    if let Some(query) = &args.query {
        return Ok(query.clone());
    }
    if let Some(path) = &args.file {
        let unreadable = || format!("cannot read the statement from {}", path.display());
        return std::fs::read_to_string(path).with_context(unreadable);
    }
    if std::io::stdin().is_terminal() {
        let next = "write it behind `beidou sql`, name a file with -f, or pipe it in";
        return Err(Failure::new(Code::Usage, "there is no statement", next).into());
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read the statement from standard input")?;
    Ok(text)
}

/// Writes to the file, or to standard output.
pub(super) fn write(path: Option<&Path>, bytes: &[u8]) -> anyhow::Result<()> {
    match path {
        Some(path) => std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display())),
        None => {
            let mut out = std::io::stdout().lock();
            match out.write_all(bytes).and_then(|()| out.flush()) {
                // Whoever reads has seen enough, as in `beidou sql … | head`.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
                written => written.context("cannot write the answer"),
            }
        }
    }
}

/// Names keep so many columns when the terminal is narrow.
const LEAST_WIDTH: usize = 8;

fn table(answer: &Answer) -> Table {
    let columns = answer.columns.iter().map(|column| match is_number(&column.column_type) {
        true => Column::number(column.name.clone()),
        false => Column::words(column.name.clone(), LEAST_WIDTH),
    });
    let mut table = Table::new(columns.collect::<Vec<_>>());
    for row in &answer.rows {
        table.row(row.iter().map(cell).collect());
    }
    table
}

fn is_number(column_type: &str) -> bool {
    let inner = column_type.trim_start_matches("Nullable(").trim_start_matches("LowCardinality(");
    ["Int", "UInt", "Float", "Decimal"].iter().any(|name| inner.starts_with(name))
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::new("null", Paint::Dim),
        Value::String(text) => Cell::from(text),
        other => Cell::from(other.to_string()),
    }
}

fn footer(answer: &Answer) -> String {
    let Statistics { rows_read, elapsed } = answer.statistics;
    let rows = answer.rows.len();
    let cut = if answer.truncated { format!("; there are more: cut at {rows}, see --max-rows") } else { String::new() };
    format!("{rows} rows{cut}; read {rows_read} rows in {elapsed:.3} s")
}

fn estimate(bytes: &[u8], output: SqlOutput) -> anyhow::Result<()> {
    if output != SqlOutput::Table {
        let document: Value = serde_json::from_slice(bytes).context("the answer is not understood")?;
        crate::say(&format!("{document:#}"));
        return Ok(());
    }
    let estimate: Estimate = serde_json::from_slice(bytes).context("the answer is not understood")?;
    crate::say(&told(&estimate));
    Ok(())
}

/// What a statement would read, in words. No rows is no fault of the estimate.
fn told(Estimate { rows, most_rows, allowed }: &Estimate) -> String {
    match (*rows, *allowed) {
        (0, _) => {
            "it would read no rows, and would be run: it is answered from metadata, as a bare count() is, or no row of the \
             views fits; subqueries for single values are run for an estimate, and not counted"
                .to_owned()
        }
        (_, true) => format!("it would read about {rows} rows of at most {most_rows}: it would be run"),
        (_, false) => format!(
            "it would read about {rows} rows of at most {most_rows}: too many: bound `time`, as in time > now() - INTERVAL 1 DAY"
        ),
    }
}

async fn schema(client: &Client, output: SqlOutput) -> anyhow::Result<()> {
    let document: Value = client.http.get("/api/v1/sql/schema", &[]).await?;
    if output != SqlOutput::Table {
        crate::say(&format!("{document:#}"));
        return Ok(());
    }
    let Schema { views, functions, limits } =
        serde_json::from_value(document).context("the answer is not understood")?;
    for view in views {
        crate::say(&format!("{}: {}", view.name, view.comment));
        let titles = [Column::whole("COLUMN"), Column::whole("TYPE"), Column::words("MEANING", LEAST_WIDTH)];
        let mut table = Table::new(titles);
        for Named { name, column_type, comment } in &view.columns {
            table.row(vec![Cell::from(name), Cell::new(column_type, Paint::Dim), Cell::from(comment)]);
        }
        crate::say(&format!("{}\n", table.text(client.look).trim_end()));
    }
    for Family { family, functions } in functions {
        crate::say(&format!("{family} functions: {}\n", functions.join(", ")));
    }
    crate::say(&format!("limits: {limits}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Look;

    #[test]
    fn answers_are_tables_with_their_numbers_to_the_right() {
        let answer: Answer = serde_json::from_value(json!({
            "columns": [{"name": "reason", "type": "LowCardinality(String)"}, {"name": "n", "type": "UInt64"}, {"name": "when", "type": "Nullable(DateTime)"}],
            "rows": [["BackOff", 12, null], ["Pulled", 3, "2026-11-23 14:40:00"]],
            "truncated": true, "statistics": {"rows_read": 15, "bytes_read": 1, "elapsed": 0.25}
        }))
        .unwrap();
        let text = table(&answer).text(Look { width: Some(80), colour: false });
        insta::assert_snapshot!(format!("{}\n{}", text.trim_end(), footer(&answer)));
    }

    #[test]
    fn an_estimate_says_what_no_rows_mean() {
        for (rows, allowed, says) in [
            (0, true, "subqueries for single values are run for an estimate, and not counted"),
            (5, true, "about 5 rows of at most 9: it would be run"),
            (10, false, "too many: bound `time`"),
        ] {
            let text = told(&Estimate { rows, most_rows: 9, allowed });
            assert!(text.contains(says) && (rows == 0) != text.contains("about"), "{text}");
        }
    }

    #[test]
    fn an_empty_statement_is_called_so() {
        assert_eq!(not_empty(" \n").unwrap_err().text, "the statement is empty");
        assert!(not_empty("SELECT 1").is_ok());
    }
}
