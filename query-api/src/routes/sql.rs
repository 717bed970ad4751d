//! `/api/v1/sql`: statements of callers over the views, what they would cost, and what there is to ask.

use axum::{
    Json,
    body::{Body as HttpBody, Bytes},
    http::{HeaderValue, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use beidou_store::sql::{COMBINATORS, Checked, FUNCTIONS, Format, LONGEST_SQL, views};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{RANGE, RangeParams};
use crate::{
    answer::{
        RangeAnswer,
        coverage::{ClusterCoverage, coverage_of_tables},
        fit_in,
    },
    app::Ask,
    ask::{
        Range,
        body::{Body, one_of},
    },
    problem::{Kind, Problem, ProblemBody},
    sql::{self, Limits, MOST_BYTES, MOST_READ_ROWS, MOST_ROWS, USUAL_ROWS},
};

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SqlFormat {
    /// Columns, rows as arrays, statistics.
    Json,
    /// With a line of names.
    Csv,
    /// An object a line.
    Ndjson,
    /// Arrow IPC, the stream format.
    Arrow,
    /// Parquet.
    Parquet,
}

impl SqlFormat {
    /// All of them.
    const ALLOWED: &'static str = "json, csv, ndjson, arrow, parquet";

    pub(crate) fn of_store(self) -> Format {
        match self {
            Self::Json => Format::Json,
            Self::Csv => Format::Csv,
            Self::Ndjson => Format::Ndjson,
            Self::Arrow => Format::Arrow,
            Self::Parquet => Format::Parquet,
        }
    }

    /// How its files end.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Arrow => "arrows",
            Self::Parquet => "parquet",
        }
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// A statement.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlQuestion {
    /// One SELECT over the views of `/api/v1/sql/schema`, at most 12 KiB. docs/sql.md has examples.
    #[schema(
        example = "SELECT reason, sum(new_occurrences) AS n FROM events WHERE time > now() - INTERVAL 1 DAY GROUP BY reason ORDER BY n DESC LIMIT 10"
    )]
    query: String,
    /// The form of the answer.
    #[serde(default = "usual_format")]
    #[schema(value_type = SqlFormat)]
    format: String,
    /// At most so many rows. JSON is cut there and says `truncated`; the others, which cannot say so, are refused.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 100000, default = 10000)]
    max_rows: Option<u64>,
    /// JSON alone: its rows are cut where they have more bytes, behind the first one, and it says `truncated`.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 33554432)]
    max_bytes: Option<u64>,
}

/// Where an answer is cut.
#[derive(Debug, Clone, Copy)]
struct Most {
    rows: u64,
    /// Of its rows as JSON, where the caller says it; the engine bounds what it makes them of.
    bytes: Option<u64>,
}

impl Most {
    fn of(question: &SqlQuestion, format: SqlFormat) -> Result<Self, Problem> {
        let (rows, bytes) = (question.max_rows.unwrap_or(USUAL_ROWS), question.max_bytes);
        if !(1..=MOST_ROWS).contains(&rows) {
            return Err(Problem::parameter("max_rows", &rows.to_string(), format!("a number from 1 to {MOST_ROWS}")));
        }
        let can_be = |bytes: &u64| format == SqlFormat::Json && (1..=MOST_BYTES).contains(bytes);
        if let Some(bytes) = bytes.filter(|bytes| !can_be(bytes)) {
            let allowed = format!("a number from 1 to {MOST_BYTES}, with the format json");
            return Err(Problem::parameter("max_bytes", &bytes.to_string(), allowed));
        }
        Ok(Self { rows, bytes })
    }
}

fn usual_format() -> String {
    "json".into()
}

/// A statement whose cost is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlEstimateQuestion {
    /// As for `/api/v1/sql`.
    query: String,
}

/// A column of an answer, or of a view.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct SqlColumn {
    /// Its name.
    name: String,
    /// Its type, as ClickHouse writes it.
    #[serde(rename = "type")]
    column_type: String,
    /// What it means.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    comment: String,
}

/// What an answer cost.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct SqlStatistics {
    /// Rows that were read.
    rows_read: u64,
    /// Their bytes, before compression.
    bytes_read: u64,
    /// Seconds in the engine.
    elapsed: f64,
}

/// An answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SqlAnswer {
    /// The columns, in order.
    columns: Vec<SqlColumn>,
    /// The rows, each with a value for each column. 64-bit numbers are numbers.
    #[schema(value_type = Vec<Vec<Object>>)]
    rows: Vec<Box<RawValue>>,
    /// Whether there are more rows than were asked for.
    truncated: bool,
    /// What it cost.
    statistics: SqlStatistics,
    /// The range of the request, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<RangeAnswer>,
    /// How completely that range is known, for each cluster; empty where the request has no range.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    coverage: Vec<ClusterCoverage>,
}

/// What a statement would read of a table.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SqlPart {
    /// The table behind the view.
    table: String,
    /// Parts of it.
    parts: u64,
    /// Rows.
    rows: u64,
    /// Granules: of Events with at most 2,048 rows each, of all else with 8,192.
    marks: u64,
}

/// What a statement would read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SqlEstimate {
    /// By table; empty where the engine answers from metadata, as it does a bare `count()`, where no row fits, or where
    /// subqueries that it has run for this are all there is.
    parts: Vec<SqlPart>,
    /// Rows in all; 0 where `parts` is empty: beside such subqueries it reads no rows of the views.
    rows: u64,
    /// So many are allowed.
    most_rows: u64,
    /// Whether it would be run.
    allowed: bool,
}

/// A view.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SqlView {
    /// Its name.
    name: &'static str,
    /// What it holds.
    comment: String,
    /// Its columns.
    columns: Vec<SqlColumn>,
}

/// Functions of one use.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SqlFunctions {
    /// What they are for.
    family: &'static str,
    /// Their names.
    functions: Vec<&'static str>,
}

/// Limits of statements.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SqlLimits {
    /// Bytes of a statement.
    statement_bytes: u64,
    /// Rows that it may read.
    read_rows: u64,
    /// Rows of an answer.
    rows: u64,
    /// Bytes of an answer.
    bytes: u64,
    /// Seconds.
    seconds: u64,
    /// Memory in the engine.
    memory_bytes: u64,
}

/// What there is to ask.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SqlSchema {
    /// The views.
    views: Vec<SqlView>,
    /// The functions.
    functions: Vec<SqlFunctions>,
    /// What names of aggregate functions may end in.
    combinators: Vec<&'static str>,
    /// The limits.
    limits: SqlLimits,
}

/// Runs a SELECT over the views.
///
/// Read-only, with limits; before it runs, what it would read is estimated, and refused where it is too much. In the
/// statement `{from}` and `{to}` stand for the ends of the range, and an answer in JSON says how completely that range is
/// known. Without a range SQL does not say it: ask the view `coverage`.
#[utoipa::path(
    post, path = "/api/v1/sql", tag = "SQL", params(RangeParams), request_body = SqlQuestion,
    responses(
        (status = 200, description = "In the format that was asked for; JSON has this shape.", body = SqlAnswer),
        (status = "default", body = ProblemBody, content_type = "application/problem+json")
    ),
    security(("token" = []))
)]
pub(super) async fn sql(ask: Ask, Body(question): Body<SqlQuestion>) -> Result<Response, Problem> {
    let range = ask.range_if_given(&ask.params(&[&RANGE])?)?;
    let format: SqlFormat = one_of("format", &question.format, SqlFormat::ALLOWED)?;
    let most = Most::of(&question, format)?;
    let statement = sql::checked("query", &question.query, range)?;
    sql::in_place(&ask, &question.query, run(&ask, &statement, format, most, range)).await
}

async fn run(
    ask: &Ask,
    statement: &Checked,
    format: SqlFormat,
    most: Most,
    range: Option<Range>,
) -> Result<Response, Problem> {
    let reader = sql::reader(&ask.app, ask.caller().clone(), Limits::Answer(most.rows));
    ask.app.standing(&ask.reader).await?;
    sql::affordable(&reader, statement, MOST_READ_ROWS).await?;
    let coverage = match range {
        Some(range) => coverage_of_tables(ask, None, range).await?,
        None => Vec::new(),
    };
    let cut = format == SqlFormat::Json;
    let bytes = reader.whole(statement, format.of_store(), cut).await?;
    match cut {
        true => {
            let mut answer = answer(&bytes, most)?;
            answer.range = range.map(Into::into);
            answer.coverage = coverage;
            Ok(Json(answer).into_response())
        }
        false => Ok(whole(bytes, format)),
    }
}

fn whole(bytes: Bytes, format: SqlFormat) -> Response {
    let mut response = Response::new(HttpBody::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    response
}

/// The engine's document in our shape.
fn answer(bytes: &[u8], most: Most) -> Result<SqlAnswer, Problem> {
    #[derive(Deserialize)]
    struct Whole {
        meta: Vec<SqlColumn>,
        data: Vec<Box<RawValue>>,
        statistics: SqlStatistics,
    }
    let strange = |error: serde_json::Error| Problem {
        cause: error.to_string(),
        ..Problem::new(Kind::Internal, "the engine's answer is not understood")
    };
    let Whole { meta, mut data, statistics } = serde_json::from_slice(bytes).map_err(strange)?;
    let mut truncated = data.len() as u64 > most.rows;
    data.truncate(most.rows as usize);
    if let Some(bytes) = most.bytes {
        fit_in(&mut data, &mut truncated, bytes as usize);
    }
    Ok(SqlAnswer { columns: meta, rows: data, truncated, statistics, range: None, coverage: Vec::new() })
}

/// What a SELECT would read.
///
/// It is not run, save for subqueries whose values the engine needs to plan it, as `(SELECT max(time) FROM events)`: they are
/// run, and what they read is not counted. So an estimate has a place and a time limit as a statement has.
#[utoipa::path(
    post, path = "/api/v1/sql/estimate", tag = "SQL", params(RangeParams), request_body = SqlEstimateQuestion,
    responses((status = 200, body = SqlEstimate), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn estimate(
    ask: Ask,
    Body(question): Body<SqlEstimateQuestion>,
) -> Result<Json<SqlEstimate>, Problem> {
    let range = ask.range_if_given(&ask.params(&[&RANGE])?)?;
    let statement = sql::checked("query", &question.query, range)?;
    let reader = sql::reader(&ask.app, ask.caller().clone(), Limits::Answer(MOST_ROWS));
    let estimate = sql::in_place(&ask, &question.query, reader.estimate(&statement)).await?;
    let rows = estimate.rows();
    let parts = estimate.parts.into_iter();
    let parts = parts.map(|part| SqlPart { table: part.table, parts: part.parts, rows: part.rows, marks: part.marks });
    Ok(Json(SqlEstimate { parts: parts.collect(), rows, most_rows: MOST_READ_ROWS, allowed: rows <= MOST_READ_ROWS }))
}

/// The views, the functions and the limits.
#[utoipa::path(
    get, path = "/api/v1/sql/schema", tag = "SQL",
    responses((status = 200, body = SqlSchema), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn schema(ask: Ask) -> Result<Json<SqlSchema>, Problem> {
    ask.params(&[])?;
    let views = views().into_iter().map(|view| {
        let columns = view.columns.into_iter().map(|column| SqlColumn {
            name: column.name.into(),
            column_type: column.column_type.into(),
            comment: column.comment,
        });
        SqlView { name: view.name, comment: view.comment, columns: columns.collect() }
    });
    let functions = FUNCTIONS.iter().map(|f| SqlFunctions { family: f.name, functions: f.functions.to_vec() });
    Ok(Json(SqlSchema {
        views: views.collect(),
        functions: functions.collect(),
        combinators: COMBINATORS.to_vec(),
        limits: SqlLimits {
            statement_bytes: LONGEST_SQL as u64,
            read_rows: MOST_READ_ROWS,
            rows: MOST_ROWS,
            bytes: MOST_BYTES,
            seconds: sql::answer_seconds(ask.app.limits),
            memory_bytes: ask.app.limits.query_memory_bytes,
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_those_of_the_list() {
        for name in SqlFormat::ALLOWED.split(", ") {
            one_of::<SqlFormat>("format", name, SqlFormat::ALLOWED).unwrap();
        }
        let zip = one_of::<SqlFormat>("format", "zip", SqlFormat::ALLOWED).unwrap_err();
        assert_eq!(zip.detail, "format is \"zip\"; allowed: json, csv, ndjson, arrow, parquet");
        assert_eq!(one_of::<SqlFormat>("format", &usual_format(), "").unwrap(), SqlFormat::Json);
    }

    #[test]
    fn an_answer_is_cut_where_it_has_too_many_rows_or_bytes() {
        let document = br#"{"meta":[{"name":"n","type":"UInt8"}],"data":[[1],[2],[3]],
            "statistics":{"rows_read":3,"bytes_read":3,"elapsed":0.1}}"#;
        let cut = |rows, bytes| {
            let found = answer(document, Most { rows, bytes }).unwrap();
            (found.rows.len(), found.truncated)
        };
        assert_eq!([cut(3, None), cut(2, None)], [(3, false), (2, true)]);
        assert_eq!([cut(3, Some(100)), cut(3, Some(8)), cut(3, Some(1))], [(3, false), (2, true), (1, true)]);
    }

    #[test]
    fn only_an_answer_that_can_say_so_is_cut() {
        let most = |format, max_bytes| {
            let question = SqlQuestion { query: String::new(), format: String::new(), max_rows: None, max_bytes };
            Most::of(&question, format).map(|most| most.bytes).map_err(|problem| problem.detail)
        };
        assert_eq!(most(SqlFormat::Json, Some(900_000)), Ok(Some(900_000)));
        assert_eq!([most(SqlFormat::Json, None), most(SqlFormat::Csv, None)], [Ok(None), Ok(None)]);
        for (format, bytes) in [(SqlFormat::Csv, 900_000), (SqlFormat::Json, 0), (SqlFormat::Json, MOST_BYTES + 1)] {
            let refused = most(format, Some(bytes)).unwrap_err();
            assert!(refused.contains("max_bytes is") && refused.contains("with the format json"), "{refused}");
        }
    }
}
