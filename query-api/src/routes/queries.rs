//! `/api/v1/queries`: query lines and statements of SQL under a name, kept on the log for all who ask this site.

use axum::{Json, extract::Path, http::StatusCode};
use beidou_schemas::{
    Micros,
    maintenance::fact::{QueryDeleted, QuerySaved, Request, SqlSaved},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::page::{CURSOR, CursorParams, Cut, Direction, Page};
use crate::{
    answer::{Total, row_room},
    app::{Ask, now},
    ask::{Range, body::Body, line},
    problem::{Kind, Problem, ProblemBody},
    sql,
    upkeep::{Board, MOST_QUERIES, Query},
};

/// A name is typed on a command line and stands in a URL.
const LONGEST_NAME: usize = 63;
const LONGEST_DESCRIPTION: usize = 1000;
const EITHER: &str = "either line or sql";
const NAME: &str = "1 to 63 of a-z, 0-9 and '-', beginning with a letter or digit";

/// What is saved under a name: either `line` or `sql`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryBody {
    /// The query line: docs/query-line.md.
    #[schema(example = "reason:BackOff -namespace:kube-system")]
    line: Option<String>,
    /// One SELECT, as for `/api/v1/sql`; `{from}` and `{to}` get their moments when it is run.
    sql: Option<String>,
    /// For people; at most 1000 characters.
    #[serde(default)]
    description: String,
}

/// A saved query: it has either `line` or `sql`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueryItem {
    /// Its name.
    name: String,
    /// The query line.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<String>,
    /// The statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<String>,
    /// For people.
    description: String,
    /// Who saved it last.
    subject: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    time: Micros,
}

/// A page of saved queries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueryList {
    /// By name.
    items: Vec<QueryItem>,
    /// Pass it as `cursor` for the page behind this one; null on the last page.
    next: Option<String>,
    /// How many there are in all.
    total: Total,
}

/// Saved queries, by name.
#[utoipa::path(
    get, path = "/api/v1/queries", tag = "Events", params(CursorParams),
    responses((status = 200, body = QueryList), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn queries(ask: Ask) -> Result<Json<QueryList>, Problem> {
    let page = Page::<String>::read(&ask, &ask.params(&[&CURSOR])?)?;
    let list = ask.app.upkeep.board(|board| {
        let rows = board.queries().iter().map(|(name, query)| (name.clone(), query)).collect();
        let told = |query: &Query| item(query.clone());
        let Cut { items, next, total } = page.of(&ask, rows, Direction::Up, row_room(&[]), told);
        QueryList { items, next, total }
    });
    Ok(Json(list.await?))
}

/// Saves a query line or a statement of SQL under a name; a name that is taken gets the new one.
#[utoipa::path(
    put, path = "/api/v1/queries/{name}", tag = "Events", request_body = QueryBody,
    params(("name" = String, Path, description = "1 to 63 of a-z, 0-9 and '-', beginning with a letter or digit.")),
    responses((status = 200, body = QueryItem), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn save(
    ask: Ask,
    Path(name): Path<String>,
    Body(QueryBody { line, sql, description }): Body<QueryBody>,
) -> Result<Json<QueryItem>, Problem> {
    ask.params(&[])?;
    if !is_name(&name) {
        return Err(Problem::parameter("name", &name, NAME));
    }
    if description.chars().count() > LONGEST_DESCRIPTION {
        return Err(Problem::parameter(
            "description",
            &description,
            format!("at most {LONGEST_DESCRIPTION} characters"),
        ));
    }
    let (subject, time) = (ask.caller().subject.clone(), now());
    let query = match (line, sql) {
        (Some(line), None) => {
            line::checked("line", &line)?;
            Query::Line(QuerySaved { name: name.clone(), line, description, subject, time })
        }
        (None, Some(sql)) => {
            // Any range will do: only its moments depend on it.
            sql::checked("sql", &sql, Some(Range::ALL))?;
            Query::Sql(SqlSaved { name: name.clone(), sql, description, subject, time })
        }
        (line, _) => return Err(not_one(line.is_some())),
    };
    let room = |board: &Board| match board.queries() {
        saved if saved.len() >= MOST_QUERIES && !saved.contains_key(&name) => {
            Err(Problem::new(Kind::TooMuch, format!("{MOST_QUERIES} queries are saved, which is the most; delete one")))
        }
        _ => Ok(()),
    };
    let request = match query.clone() {
        Query::Line(saved) => Request::QuerySaved(saved),
        Query::Sql(saved) => Request::SqlSaved(saved),
    };
    ask.app.upkeep.ask(request, room).await?;
    Ok(Json(item(query)))
}

/// The body has both, or neither.
fn not_one(both: bool) -> Problem {
    let has = if both { "both" } else { "neither" };
    Problem {
        detail: format!("the body has {has} of line and sql; allowed: {EITHER}"),
        ..Problem::parameter("body", "", EITHER)
    }
}

/// Deletes a saved query.
#[utoipa::path(
    delete, path = "/api/v1/queries/{name}", tag = "Events", params(("name" = String, Path, description = "Its name.")),
    responses((status = 204), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn delete(ask: Ask, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    ask.params(&[])?;
    let known = |board: &Board| match board.queries().contains_key(&name) {
        true => Ok(()),
        false => Err(Problem::new(Kind::UnknownQuery, format!("no query is saved as {name:?}"))),
    };
    let deleted = QueryDeleted { name: name.clone(), subject: ask.caller().subject.clone(), time: now() };
    ask.app.upkeep.ask(Request::QueryDeleted(deleted), known).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn is_name(name: &str) -> bool {
    let letter = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= LONGEST_NAME
        && name.bytes().next().is_some_and(letter)
        && name.bytes().all(|c| letter(c) || c == b'-')
}

fn item(query: Query) -> QueryItem {
    match query {
        Query::Line(QuerySaved { name, line, description, subject, time }) => {
            QueryItem { name, line: Some(line), sql: None, description, subject, time }
        }
        Query::Sql(SqlSaved { name, sql, description, subject, time }) => {
            QueryItem { name, line: None, sql: Some(sql), description, subject, time }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_a_url_and_a_command_line() {
        for (name, fits) in [
            ("a", true),
            ("crash-loops-2", true),
            ("9", true),
            ("", false),
            ("-a", false),
            ("A", false),
            ("a b", false),
            ("a/b", false),
            ("é", false),
        ] {
            assert_eq!(is_name(name), fits, "{name}");
        }
        assert!(is_name(&"a".repeat(63)) && !is_name(&"a".repeat(64)));
    }
}
