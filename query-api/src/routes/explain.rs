//! `GET /api/v1/events/explain`: what changed most in a range against the time before.

use std::{cmp::Ordering, collections::BTreeMap};

use axum::Json;
use beidou_store::query::{
    Field, Reader,
    explain::{ChangeRow, ExplainQuery},
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    RANGE, RangeParams,
    events::FilterParams,
    facets::{fields, label},
};
use crate::{
    answer::compared::{Compared, compared},
    app::Ask,
    ask::{filter::FILTERS, range::baseline},
    catalogue::Names,
    problem::{Problem, ProblemBody},
};

/// A panel beside a chart.
const MOST_CHANGES: u64 = 50;
const USUAL_CHANGES: u64 = 10;
/// Type and name tell little: there are two types, and names follow from the others.
const USUAL_FIELDS: [Field; 7] =
    [Field::Cluster, Field::Namespace, Field::Kind, Field::Reason, Field::Component, Field::Node, Field::Pattern];

/// What changed most in a range against another one of the same length.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Explanation)]
pub(crate) struct Explanation {
    /// The changes: first the values that the baseline does not have, then the others; both by score, the highest first.
    changes: Vec<Change>,
    /// States in the range: an Event that Kubernetes updates ten times counts ten times.
    states: u64,
    /// States in the baseline.
    states_before: u64,
    /// Occurrences in the range: what `count` says was repeated counts as often as it happened.
    occurrences: u64,
    /// Occurrences in the baseline.
    occurrences_before: u64,
    #[serde(flatten)]
    compared: Compared,
}

/// A value that came more often, or less often.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Change {
    /// Name of the field.
    #[schema(value_type = String)]
    field: &'static str,
    /// Its value, at most 256 characters of it; empty where the Event has none.
    value: String,
    /// The present name, where the value is a cluster's uid.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// Whether the baseline does not have it.
    new: bool,
    /// States in the range.
    states: u64,
    /// States in the baseline.
    states_before: u64,
    /// Occurrences in the range.
    occurrences: u64,
    /// Occurrences in the baseline.
    occurrences_before: u64,
    /// The log-likelihood ratio `G = 2·(a·ln(2a/(a+b)) + b·ln(2b/(a+b)))` of the states `a` in the range and `b` in the
    /// baseline: 0 where nothing changed; above 10.83 it is chance in one of a thousand cases at most.
    score: f64,
}

/// `baseline`, `fields`, `top`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; `ask` reads them")]
struct ExplainParams {
    /// How much earlier the baseline is, such as `1d` or `1w`; it is as long as the range. At least the length of the
    /// range, which is the default: the time right before it.
    #[param(example = "1w")]
    baseline: Option<String>,
    /// What to compare: names as in `facets`. Default: all but `type` and `name`.
    #[param(style = Form, explode)]
    fields: Option<Vec<String>>,
    /// At most so many new values, and as many others.
    #[param(minimum = 1, maximum = 50, default = 10)]
    top: Option<u32>,
}

/// What changed most in a range against the time before, or against a baseline: values of all fields, ranked by the
/// log-likelihood ratio of their counts. The same data gives the same order.
#[utoipa::path(
    get, path = "/api/v1/events/explain", tag = "Events", params(FilterParams, RangeParams, ExplainParams),
    responses((status = 200, body = Explanation), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn explain(ask: Ask) -> Result<Json<Explanation>, Problem> {
    let params = ask.params(&[&FILTERS, &RANGE, &["baseline", "fields", "top"]])?;
    let fields = fields(&params, &USUAL_FIELDS)?;
    let top = params.number("top", 1..=MOST_CHANGES, USUAL_CHANGES)?;
    let (filter, range) = ask.events(&params).await?;
    let baseline = baseline(&params, range)?;
    let names = ask.app.catalogue.names(&ask.reader).await?;
    let query = ExplainQuery { filter, range, baseline, fields, top };
    let rows = async |reader: Reader| Ok(reader.explain(&query).await?);
    let (rows, compared) = compared(&ask, query.filter.clusters.as_deref(), (range, baseline), rows).await?;
    let (all, rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.field.is_empty());
    let sum = |of: fn(&ChangeRow) -> u64| all.first().map_or(0, of);
    Ok(Json(Explanation {
        states: sum(|row| row.after),
        states_before: sum(|row| row.before),
        occurrences: sum(|row| row.happened_after),
        occurrences_before: sum(|row| row.happened_before),
        changes: ranked(rows, top as usize, &names),
        compared,
    }))
}

/// The best of all fields together: `top` new ones, then `top` others. Of equal ones the order of fields and values decides.
fn ranked(rows: Vec<ChangeRow>, top: usize, names: &Names) -> Vec<Change> {
    let mut by_age: BTreeMap<bool, Vec<(Field, ChangeRow)>> = BTreeMap::new();
    for row in rows {
        if let Some(field) = Field::of_name(&row.field) {
            by_age.entry(row.before > 0).or_default().push((field, row));
        }
    }
    let best = by_age.into_values().flat_map(|mut rows| {
        rows.sort_by(order);
        rows.truncate(top);
        rows
    });
    best.map(|(field, row)| change(field, row, names)).collect()
}

fn order((field, one): &(Field, ChangeRow), (other_field, other): &(Field, ChangeRow)) -> Ordering {
    let by_score = other.score.total_cmp(&one.score).then(other.after.cmp(&one.after));
    by_score.then(field.cmp(other_field)).then_with(|| one.value.cmp(&other.value))
}

fn change(field: Field, row: ChangeRow, names: &Names) -> Change {
    Change {
        field: field.name(),
        label: label(field, &row.value, names),
        value: row.value,
        new: row.before == 0,
        states: row.after,
        states_before: row.before,
        occurrences: row.happened_after,
        occurrences_before: row.happened_before,
        // Digits beyond these depend on the processor.
        score: (row.score * 1000.0).round() / 1000.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(field: &str, value: &str, after: u64, before: u64, score: f64) -> ChangeRow {
        ChangeRow {
            field: field.into(),
            value: value.into(),
            after,
            before,
            happened_after: after,
            happened_before: before,
            score,
        }
    }

    #[test]
    fn new_values_come_first_and_equals_have_an_order() {
        let rows = vec![
            row("node", "n2", 4, 0, 5.5),
            row("reason", "Failed", 90, 10, 73.6),
            row("node", "n1", 4, 0, 5.5),
            row("cluster", "u1", 4, 0, 5.5),
            row("reason", "Pulled", 10, 90, 73.6),
            row("kind", "Pod", 100, 99, 0.01),
        ];
        let names = Names::from([("u1".into(), vec!["hz-prod-02".into()])]);
        let told = |top| {
            let changes = ranked(rows.clone(), top, &names);
            changes.into_iter().map(|c| (c.new, c.value, c.label.unwrap_or_default())).collect::<Vec<_>>()
        };
        let of = |new: bool, value: &str, label: &str| (new, value.to_owned(), label.to_owned());
        assert_eq!(
            told(2),
            [of(true, "u1", "hz-prod-02"), of(true, "n1", ""), of(false, "Failed", ""), of(false, "Pulled", "")]
        );
        assert_eq!(told(9).len(), 6);
    }
}
