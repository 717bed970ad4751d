//! `GET /api/v1/events/facets`: the most frequent values of each field, or the most warned ones.

use std::collections::BTreeMap;

use axum::Json;
use beidou_store::query::{
    Field, Reader,
    facets::{FacetRow, FacetSort, FacetsQuery},
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{RANGE, RangeParams, events::FilterParams};
use crate::{
    answer::{
        ColdRead, RangeAnswer,
        coverage::{ClusterCoverage, coverage_of},
    },
    app::Ask,
    ask::{Params, filter::FILTERS},
    catalogue::Names,
    problem::{Problem, ProblemBody},
};

/// A list beside a chart; nine fields with so many values of 256 characters stay below 1 MB.
const MOST_VALUES: u64 = 50;
const USUAL_VALUES: u64 = 10;
/// There are as many names as objects: to count by them takes as long as by all others together.
const USUAL_FIELDS: [Field; 8] = [
    Field::Cluster,
    Field::Namespace,
    Field::Kind,
    Field::Reason,
    Field::Type,
    Field::Component,
    Field::Node,
    Field::Pattern,
];

/// The most frequent values of each field, with exact counts under the same filter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Facets {
    /// One for each field that was asked for.
    facets: Vec<Facet>,
    /// States in the range: an Event that Kubernetes updates ten times counts ten times.
    states: u64,
    /// Occurrences in the range: what `count` says was repeated counts as often as it happened.
    occurrences: u64,
    /// The effective range.
    range: RangeAnswer,
    /// How completely the range is known, for each cluster concerned.
    coverage: Vec<ClusterCoverage>,
    /// What was read of the archive; missing where the tables had all.
    #[serde(skip_serializing_if = "Option::is_none")]
    cold: Option<ColdRead>,
}

/// A field.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Facet {
    /// Its name; the filter has the same.
    #[schema(value_type = String)]
    field: &'static str,
    /// How many different values it has in the range.
    different: u64,
    /// Those that come first, in order.
    values: Vec<FacetValue>,
}

/// A value of a field.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FacetValue {
    /// The value, at most 256 characters of it. Empty: the Event has none; as a filter that is `_` for namespaces.
    value: String,
    /// The present name, where the value is a cluster's uid.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// States with it. A state with two components counts for both, as the filter finds it by both.
    states: u64,
    /// Occurrences.
    occurrences: u64,
    /// States with it that are Warnings.
    warnings: u64,
}

/// `fields`, `top` and `sort`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; `fields`, `sort` and `ask` read them")]
struct FacetsParams {
    /// `cluster`, `namespace`, `kind`, `reason`, `type`, `component`, `node`, `name`, `pattern` (the message folded to a
    /// template). Default: all but `name`, which takes as long as the others together.
    #[param(style = Form, explode)]
    fields: Option<Vec<String>>,
    /// At most so many values of each.
    #[param(minimum = 1, maximum = 50, default = 10)]
    top: Option<u32>,
    /// Which come first: `states` (default), `warnings`.
    sort: Option<String>,
}

fn sort(params: &Params) -> Result<FacetSort, Problem> {
    match params.one("sort")? {
        None | Some("states") => Ok(FacetSort::States),
        Some("warnings") => Ok(FacetSort::Warnings),
        Some(other) => Err(Problem::parameter("sort", other, "states, warnings")),
    }
}

/// The fields in a parameter, each once, in their own order; all of these where it is not given.
pub(super) fn fields(params: &Params, usual: &[Field]) -> Result<Vec<Field>, Problem> {
    let wanted = params.many("fields")?;
    if wanted.is_empty() {
        return Ok(usual.to_vec());
    }
    let allowed = || Field::ALL.map(Field::name).join(", ");
    let field = |name: &String| Field::of_name(name).ok_or_else(|| Problem::parameter("fields", name, allowed()));
    let mut fields = wanted.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    fields.sort();
    fields.dedup();
    Ok(fields)
}

/// The present name of a cluster, where the value is one's uid.
pub(super) fn label(field: Field, value: &str, names: &Names) -> Option<String> {
    (field == Field::Cluster).then(|| names.get(value)?.first().cloned()).flatten()
}

/// The most frequent values of each field, with exact counts under the same filter.
#[utoipa::path(
    get, path = "/api/v1/events/facets", tag = "Events", params(FilterParams, RangeParams, FacetsParams),
    responses((status = 200, body = Facets), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn facets(ask: Ask) -> Result<Json<Facets>, Problem> {
    let params = ask.params(&[&FILTERS, &RANGE, &["fields", "top", "sort"]])?;
    let fields = fields(&params, &USUAL_FIELDS)?;
    let sort = sort(&params)?;
    let top = params.number("top", 1..=MOST_VALUES, USUAL_VALUES)?;
    let (filter, range) = ask.events(&params).await?;
    let coverage = coverage_of(&ask, filter.clusters.as_deref(), range).await?;
    let names = ask.app.catalogue.names(&ask.reader).await?;
    let query = FacetsQuery { filter, range, fields: fields.clone(), top, sort };
    let rows = async |reader: Reader| Ok(reader.facets(&query).await?);
    let (rows, cold) = ask.over(query.filter.clusters.as_deref(), range, rows).await?;
    let mut by_field: BTreeMap<String, Vec<FacetRow>> = BTreeMap::new();
    for row in rows {
        by_field.entry(row.field.clone()).or_default().push(row);
    }
    let all = by_field.remove("").unwrap_or_default();
    let facet = |field: Field| {
        let rows = by_field.remove(field.name()).unwrap_or_default();
        let different = rows.first().map_or(0, |row| row.different);
        let value = |row: FacetRow| FacetValue {
            label: label(field, &row.value, &names),
            value: row.value,
            states: row.states,
            occurrences: row.happened,
            warnings: row.warnings,
        };
        Facet { field: field.name(), different, values: rows.into_iter().map(value).collect() }
    };
    Ok(Json(Facets {
        facets: fields.into_iter().map(facet).collect(),
        states: all.first().map_or(0, |row| row.states),
        occurrences: all.first().map_or(0, |row| row.happened),
        range: range.into(),
        coverage,
        cold,
    }))
}
