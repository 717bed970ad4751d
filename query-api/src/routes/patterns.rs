//! `GET /api/v1/events/patterns`: messages folded to templates.

use axum::Json;
use beidou_schemas::Micros;
use beidou_store::query::{
    Reader,
    patterns::{ExampleRow, PatternRow, PatternsQuery},
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{RANGE, RangeParams, events::FilterParams};
use crate::{
    answer::{
        compared::{Compared, compared},
        fit_in, row_room,
    },
    app::Ask,
    ask::{filter::FILTERS, range::baseline},
    problem::{Problem, ProblemBody},
};

/// Of a template, an example and their frame about 3 KB at the most: below 1 MB.
const MOST_PATTERNS: u64 = 200;
const USUAL_PATTERNS: u64 = 50;

/// Messages folded to templates, the most frequent first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Patterns {
    /// The templates.
    items: Vec<PatternItem>,
    /// How many templates the range has in all.
    different: u64,
    #[serde(flatten)]
    compared: Compared,
}

/// A template of messages.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Pattern)]
pub(crate) struct PatternItem {
    /// The message with `*` in place of numbers, ids, names, paths and the like.
    pattern: String,
    /// States in the range: an Event that Kubernetes updates ten times counts ten times.
    states: u64,
    /// Occurrences in the range: what `count` says was repeated counts as often as it happened.
    occurrences: u64,
    /// Different Events (uids) in the range.
    events: u64,
    /// Different clusters in the range.
    clusters: u64,
    /// When the first state in the range happened.
    #[schema(value_type = String, format = DateTime)]
    first_time: Micros,
    /// When the last one did.
    #[schema(value_type = String, format = DateTime)]
    last_time: Micros,
    /// Whether it was not seen in the time before the range.
    new: bool,
    /// States in the time before the range.
    states_before: u64,
    /// The newest state in the range.
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<Example>,
}

/// A state as an example of its template.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PatternExample)]
pub(crate) struct Example {
    /// The cluster's uid.
    cluster_uid: String,
    /// `metadata.uid` of the Event.
    #[schema(value_type = String, format = "uuid")]
    uid: uuid::Uuid,
    /// `metadata.resourceVersion` of the Event.
    resource_version: String,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    time: Micros,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    event_type: String,
    /// Machine-readable reason.
    reason: String,
    /// Kind of the involved object.
    kind: String,
    /// Its namespace; empty for a cluster-scoped object.
    namespace: String,
    /// Its name.
    name: String,
    /// For people: the first 500 characters.
    message: String,
}

/// `top`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; `ask` reads it")]
struct TopParam {
    /// At most so many templates.
    #[param(minimum = 1, maximum = 200, default = 50)]
    top: Option<u32>,
}

/// Messages folded to templates, the most frequent first; those that were not seen in the same length of time before the
/// range are marked as new.
#[utoipa::path(
    get, path = "/api/v1/events/patterns", tag = "Events", params(FilterParams, RangeParams, TopParam),
    responses((status = 200, body = Patterns), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn patterns(ask: Ask) -> Result<Json<Patterns>, Problem> {
    let params = ask.params(&[&FILTERS, &RANGE, &["top"]])?;
    let top = params.number("top", 1..=MOST_PATTERNS, USUAL_PATTERNS)?;
    let (filter, range) = ask.events(&params).await?;
    let baseline = baseline(&params, range)?;
    let query = PatternsQuery { filter, range, known_since: baseline.from, top };
    let rows = async |reader: Reader| {
        let rows = reader.patterns(&query).await?;
        let keys: Vec<_> = rows.iter().map(PatternRow::newest).collect();
        let examples = reader.examples(&keys).await?;
        Ok((rows, examples))
    };
    let clusters = query.filter.clusters.as_deref();
    let ((rows, examples), compared) = compared(&ask, clusters, (range, baseline), rows).await?;
    let different = rows.first().map_or(0, |row| row.different);
    let mut items: Vec<_> = rows.into_iter().map(|row| item(row, &examples)).collect();
    fit_in(&mut items, &mut false, row_room(&compared.coverage));
    Ok(Json(Patterns { items, different, compared }))
}

fn item(row: PatternRow, examples: &[ExampleRow]) -> PatternItem {
    let key = row.newest();
    let example = examples.iter().find(|example| example.key() == key).cloned().map(|example| Example {
        cluster_uid: example.cluster_uid,
        uid: example.event_uid,
        resource_version: example.resource_version.to_string(),
        time: Micros(example.time),
        event_type: example.event_type,
        reason: example.reason,
        kind: example.kind,
        namespace: example.namespace,
        name: example.name,
        message: example.text,
    });
    PatternItem {
        pattern: row.template,
        states: row.states,
        occurrences: row.happened,
        events: row.events,
        clusters: row.clusters,
        first_time: Micros(row.first_seen),
        last_time: Micros(row.last_seen),
        new: row.earlier == 0,
        states_before: row.earlier,
        example,
    }
}
