//! `GET /api/v1/complete`: what a query line under the pen can go on with.

use axum::Json;
use beidou_model::query_line::{COUNT, Completing, Completion, Field, LONGEST_LINE, Value, complete as complete_line};
use beidou_store::query::values::{ValueRow, ValuesQuery};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{ClusterParam, RANGE, RangeParams};
use crate::{
    answer::RangeAnswer,
    app::{Ask, now},
    ask::{Params, Range, range::range},
    catalogue::Names,
    problem::{Problem, ProblemBody},
};

/// So many proposals fit a list below a line, with room to scroll.
const USUAL_ITEMS: u64 = 20;
const MOST_ITEMS: u64 = 100;
/// A cluster is looked up by its names here: so many are asked for.
const MOST_CLUSTERS: u64 = 1000;

/// What is completed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; the route reads them")]
struct CompleteParams {
    /// The line as far as it was written. Either this, or `field`.
    #[param(example = "kind:Pod reason:Ba")]
    line: Option<String>,
    /// The place of the pen, in characters. Default: the end of the line.
    at: Option<u32>,
    /// The field whose values are wanted.
    #[param(example = "reason")]
    field: Option<String>,
    /// How the values begin, in any case.
    #[param(example = "Ba")]
    prefix: Option<String>,
    /// At most so many proposals.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
}

/// Proposals for one place of a line.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Proposals {
    /// The field whose values are proposed; null where names of fields are, or nothing is.
    #[schema(value_type = Option<String>)]
    field: Option<Field>,
    /// The characters of the line that a proposal takes the place of.
    replace: Replace,
    /// The proposals, the most frequent first.
    items: Vec<Proposal>,
    /// The range in which the values occur, as far as the tables hold it.
    range: RangeAnswer,
}

/// A part of a line, in characters.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Replace {
    /// The first character.
    from: usize,
    /// The first character behind it.
    to: usize,
}

/// A proposal.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Proposal {
    /// The name or value.
    value: String,
    /// What is to be written: the value in quotation marks where it needs them, a field with its colon.
    insert: String,
    /// States in the range that have the value; null for names of fields.
    states: Option<u64>,
}

/// What a query line can go on with: names of fields, or values of a field with their counts in the range.
///
/// The line need not be complete or right. Of messages and uids nothing is proposed. Proposals have no `coverage`.
#[utoipa::path(
    get, path = "/api/v1/complete", tag = "Events", params(CompleteParams, RangeParams, ClusterParam),
    responses((status = 200, body = Proposals), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn complete(ask: Ask) -> Result<Json<Proposals>, Problem> {
    let params = ask.params(&[&["line", "at", "field", "prefix", "limit", "cluster"], &RANGE])?;
    let completing = completing(&params)?;
    let range = range(&params, now())?;
    let limit = params.number("limit", 1..=MOST_ITEMS, USUAL_ITEMS)?;
    let replace = Replace { from: completing.replace.start, to: completing.replace.end };
    let (field, items) = match completing.what {
        Completion::Nothing => (None, Vec::new()),
        Completion::Field => (None, names(&completing.prefix, limit)),
        Completion::Value(field) => {
            (Some(field), values(&ask, &params, (field, completing.prefix), range, limit).await?)
        }
    };
    Ok(Json(Proposals { field, replace, items, range: range.into() }))
}

/// What is to be completed, by the one or the other way of asking.
fn completing(params: &Params) -> Result<Completing, Problem> {
    match (params.one("line")?, params.one("field")?) {
        (Some(line), None) => {
            let at = params.number("at", 0..=LONGEST_LINE as u64, LONGEST_LINE as u64)?;
            Ok(complete_line(line, at as usize))
        }
        (None, Some(name)) => {
            let field = Field::of(name).ok_or_else(|| {
                let all: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
                Problem::parameter("field", name, all.join(", "))
            })?;
            let prefix = params.one("prefix")?.unwrap_or_default().to_owned();
            Ok(Completing { replace: 0..0, prefix, what: Completion::Value(field) })
        }
        (line, _) => {
            Err(Problem::parameter("line", line.unwrap_or_default(), "either `line` and `at`, or `field` and `prefix`"))
        }
    }
}

/// Fields whose name begins so.
fn names(prefix: &str, limit: u64) -> Vec<Proposal> {
    let prefix = prefix.to_ascii_lowercase();
    let fields = Field::ALL.iter().map(|field| (field.name(), format!("{field}:")));
    let all = fields.chain([(COUNT, format!("{COUNT}>"))]).filter(|(name, _)| name.starts_with(&prefix));
    let proposals = all.map(|(name, insert)| Proposal { value: name.into(), insert, states: None });
    proposals.take(limit as usize).collect()
}

async fn values(
    ask: &Ask,
    params: &Params,
    (field, prefix): (Field, String),
    range: Range,
    limit: u64,
) -> Result<Vec<Proposal>, Problem> {
    ask.app.standing(&ask.reader).await?;
    let by_uid = field == Field::Cluster;
    let query = ValuesQuery {
        field,
        prefix: if by_uid { String::new() } else { prefix.clone() },
        clusters: ask.clusters(params).await?,
        range,
        limit: if by_uid { MOST_CLUSTERS } else { limit },
    };
    let mut rows = ask.reader.values(&query).await?;
    if by_uid {
        let names = ask.app.catalogue.names(&ask.reader).await?;
        rows = of_names(rows, &names, &prefix.to_ascii_lowercase());
    }
    let proposals = rows.into_iter().take(limit as usize).map(|row| Proposal {
        insert: Value::Text(row.value.clone()).to_string(),
        value: row.value,
        states: Some(row.states),
    });
    Ok(proposals.collect())
}

/// Clusters by their present names.
fn of_names(rows: Vec<ValueRow>, names: &Names, prefix: &str) -> Vec<ValueRow> {
    let named = rows.into_iter().map(|row| {
        let name = names.get(&row.value).and_then(|names| names.first()).cloned();
        ValueRow { value: name.unwrap_or(row.value), states: row.states }
    });
    named.filter(|row| row.value.to_ascii_lowercase().starts_with(prefix)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields_come_with_what_follows_them() {
        let found: Vec<String> = names("N", 9).into_iter().map(|proposal| proposal.insert).collect();
        assert_eq!(found, ["namespace:", "name:", "node:"]);
        assert_eq!(names("cou", 9)[0].insert, "count>");
    }

    #[test]
    fn one_way_of_asking_at_a_time() {
        let ask = |query: &str| completing(&Params::parse(Some(query), &["line", "at", "field", "prefix"]).unwrap());
        assert_eq!(ask("line=ns:a+ki&at=4").unwrap().prefix, "a");
        assert_eq!(ask("field=ns&prefix=b").unwrap().what, Completion::Value(Field::Namespace));
        for query in ["", "line=a&field=kind", "field=what", "field=count", "line=a&at=-1"] {
            assert!(ask(query).is_err(), "{query}");
        }
    }
}
