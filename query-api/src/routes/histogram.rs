//! `GET /api/v1/events/histogram`: how many Events per bin of time, by type.

use axum::Json;
use beidou_schemas::Micros;
use beidou_store::query::{
    Reader,
    histogram::{BinRow, Bins, HistogramQuery},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{RANGE, RangeParams, events::FilterParams};
use crate::{
    answer::{
        ColdRead, RangeAnswer,
        coverage::{ClusterCoverage, known_of},
    },
    app::Ask,
    ask::filter::FILTERS,
    picture::bins::{self, BinKnown, BinsParam},
    problem::{Problem, ProblemBody},
};

/// Events per bin of time. Counts are exact for the whole range; a bin that reaches beyond the range counts what lies
/// inside.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Histogram {
    /// Width of a bin in seconds. Bins begin at multiples of it since 1970, UTC.
    bin_seconds: f64,
    /// All bins in order of time, also empty ones.
    bins: Vec<Bin>,
    /// States in the range: an Event that Kubernetes updates ten times counts ten times.
    states: u64,
    /// Occurrences in the range: what `count` says was repeated counts as often as it happened.
    occurrences: u64,
    /// The same by type.
    by_type: Vec<TypeCount>,
    /// The effective range.
    range: RangeAnswer,
    /// How completely the range is known, for each cluster concerned.
    coverage: Vec<ClusterCoverage>,
    /// What was read of the archive; missing where the tables had all.
    #[serde(skip_serializing_if = "Option::is_none")]
    cold: Option<ColdRead>,
}

/// A bin. Where it is not complete, its numbers are lower bounds: draw it hatched, write "≥".
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Bin {
    /// First moment.
    #[schema(value_type = String, format = DateTime)]
    from: Micros,
    /// First moment behind it.
    #[schema(value_type = String, format = DateTime)]
    to: Micros,
    /// States.
    states: u64,
    /// Occurrences.
    occurrences: u64,
    /// Both by type; types without any are left out.
    by_type: Vec<TypeCount>,
    /// `complete`, or the worst that is known of a part of the bin: `degraded`, `gap`, `unknown`.
    #[schema(value_type = String)]
    coverage: &'static str,
    /// Of how many clusters a part of the bin is not complete.
    incomplete_clusters: u64,
}

/// The numbers of one type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct TypeCount {
    /// `Normal`, `Warning`, or `other` for all that are neither.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    event_type: &'static str,
    /// States.
    states: u64,
    /// Occurrences.
    occurrences: u64,
}

/// How many Events per bin of time, by type: exact for the whole range, and each bin says whether it is complete.
#[utoipa::path(
    get, path = "/api/v1/events/histogram", tag = "Events", params(FilterParams, RangeParams, BinsParam),
    responses((status = 200, body = Histogram), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn histogram(ask: Ask) -> Result<Json<Histogram>, Problem> {
    let params = ask.params(&[&FILTERS, &RANGE, &["bins"]])?;
    let most = bins::most(&params)?;
    let (filter, range) = ask.events(&params).await?;
    let known = known_of(&ask, filter.clusters.as_deref(), range).await?;
    let bins = bins::bins(range, most);
    let query = HistogramQuery { filter, range, bins };
    let rows = async |reader: Reader| Ok(reader.histogram(&query).await?);
    let (rows, cold) = ask.over(query.filter.clusters.as_deref(), range, rows).await?;
    let (coverage, parts): (Vec<_>, Vec<_>) = known.clusters.into_iter().unzip();
    let bins = filled(bins, &rows, &bins::known(bins, parts));
    let by_type = TYPES.map(|(_, name)| {
        let of_type = || bins.iter().flat_map(|bin| &bin.by_type).filter(|count| count.event_type == name);
        let states = of_type().map(|count| count.states).sum();
        TypeCount { event_type: name, states, occurrences: of_type().map(|count| count.occurrences).sum() }
    });
    Ok(Json(Histogram {
        bin_seconds: seconds(&bins),
        states: bins.iter().map(|bin| bin.states).sum(),
        occurrences: bins.iter().map(|bin| bin.occurrences).sum(),
        by_type: by_type.into_iter().filter(|count| count.states > 0).collect(),
        bins,
        range: range.into(),
        coverage,
        cold,
    }))
}

/// As the store says it, and as answers do.
const TYPES: [(&str, &str); 3] = [("Normal", "Normal"), ("Warning", "Warning"), ("", "other")];

fn seconds(bins: &[Bin]) -> f64 {
    bins.first().map_or(0.0, |bin| (bin.to.0 - bin.from.0) as f64 / 1e6)
}

fn filled(bins: Bins, rows: &[BinRow], known: &[BinKnown]) -> Vec<Bin> {
    let mut rows = rows.iter().peekable();
    let bin = |(place, known): (usize, &BinKnown)| {
        let from = bins.begin.plus(bins.width * place as i64);
        let mut by_type = Vec::new();
        while let Some(row) = rows.next_if(|row| row.bin == place as u64) {
            let name = TYPES.iter().find(|(stored, _)| *stored == row.severity).map_or("other", |(_, name)| name);
            by_type.push(TypeCount { event_type: name, states: row.states, occurrences: row.happened });
        }
        Bin {
            from,
            to: from.plus(bins.width),
            states: by_type.iter().map(|count| count.states).sum(),
            occurrences: by_type.iter().map(|count| count.occurrences).sum(),
            by_type,
            coverage: known.worst.map_or("complete", |worst| worst.name()),
            incomplete_clusters: known.clusters,
        }
    };
    known.iter().enumerate().map(bin).collect()
}
