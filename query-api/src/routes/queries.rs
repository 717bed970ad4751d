//! `/api/v1/queries`: query lines under a name, kept on the log for all who ask this site.

use axum::{Json, extract::Path, http::StatusCode};
use beidou_schemas::{
    Micros,
    maintenance::fact::{QueryDeleted, QuerySaved, Request},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::{Ask, now},
    ask::{body::Body, line::checked},
    problem::{Kind, Problem, ProblemBody},
    upkeep::{Board, MOST_QUERIES},
};

/// A name is typed on a command line and stands in a URL.
const LONGEST_NAME: usize = 63;
const LONGEST_DESCRIPTION: usize = 1000;
const NAME: &str = "1 to 63 of a-z, 0-9 and '-', beginning with a letter or digit";

/// What is saved under a name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryBody {
    /// The query line: docs/query-line.md.
    #[schema(example = "reason:BackOff -namespace:kube-system")]
    line: String,
    /// For people; at most 1000 characters.
    #[serde(default)]
    description: String,
}

/// A saved query.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueryItem {
    /// Its name.
    name: String,
    /// The query line.
    line: String,
    /// For people.
    description: String,
    /// Who saved it last.
    subject: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    time: Micros,
}

/// All saved queries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueryList {
    /// By name.
    items: Vec<QueryItem>,
}

/// All saved queries, by name.
#[utoipa::path(
    get, path = "/api/v1/queries", tag = "Events",
    responses((status = 200, body = QueryList), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn queries(ask: Ask) -> Result<Json<QueryList>, Problem> {
    ask.params(&[])?;
    let found = ask.app.upkeep.board(|board| board.queries().values().cloned().map(item).collect()).await?;
    Ok(Json(QueryList { items: found }))
}

/// Saves a query line under a name; a name that is taken gets the new line.
#[utoipa::path(
    put, path = "/api/v1/queries/{name}", tag = "Events", request_body = QueryBody,
    params(("name" = String, Path, description = "1 to 63 of a-z, 0-9 and '-', beginning with a letter or digit.")),
    responses((status = 200, body = QueryItem), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn save(
    ask: Ask,
    Path(name): Path<String>,
    Body(QueryBody { line, description }): Body<QueryBody>,
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
    checked("line", &line)?;
    let query = QuerySaved { name, line, description, subject: ask.caller().subject.clone(), time: now() };
    let room = |board: &Board| match board.queries() {
        saved if saved.len() >= MOST_QUERIES && !saved.contains_key(&query.name) => {
            Err(Problem::new(Kind::TooMuch, format!("{MOST_QUERIES} queries are saved, which is the most; delete one")))
        }
        _ => Ok(()),
    };
    ask.app.upkeep.ask(Request::QuerySaved(query.clone()), room).await?;
    Ok(Json(item(query)))
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

fn item(query: QuerySaved) -> QueryItem {
    let QuerySaved { name, line, description, subject, time } = query;
    QueryItem { name, line, description, subject, time }
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
