//! `GET /api/v1/coverage/clusters`: for each cluster how much of a range is complete, why not, and how late Events come.

use std::{cmp::Reverse, collections::BTreeMap};

use axum::Json;
use beidou_model::coverage::{Because, Part, PartState, Summary, percent, summarise};
use beidou_schemas::{Micros, time::SECOND};
use beidou_store::query::lag::LagRow;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{ClusterParam, RANGE, RangeParams};
use crate::{
    answer::{
        RangeAnswer,
        coverage::{ClusterCoverage, known_of},
    },
    app::{Ask, now},
    ask::{Range, range::range},
    problem::{Problem, ProblemBody},
};

/// A strip is drawn in pixels; more bins than this nobody tells apart.
const MOST_BINS: u64 = 480;
/// Reasons of one cluster: there are fewer in all.
const MOST_REASONS: usize = 20;
/// A hundred clusters are the plan; ten times as many still make less than 1 MB.
const MOST_CLUSTERS: u64 = 1000;
/// The newest stretch of a range until now waits for its heartbeat and its projection; this long that is no fault.
const FRESH: i64 = 90 * SECOND;

/// How complete a range is, cluster by cluster, for all that were watched or that are named.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Completeness {
    /// The clusters, the least complete first.
    items: Vec<ClusterCompleteness>,
    /// Present names of the clusters that were never watched and are known by imports alone: nobody claimed to have all of
    /// their Events, so they are no item. Empty where the call names clusters, or where there are no others: then each is
    /// an item, with the reason `imported_only`.
    imported_only: Vec<String>,
    /// The effective range.
    range: RangeAnswer,
}

/// How complete a range is for one cluster.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClusterCompleteness {
    /// The cluster's present name.
    cluster: String,
    /// The cluster's uid.
    cluster_uid: String,
    /// All figures are of the time from the range's begin to this moment: a stretch at the end of up to 90 s that only
    /// waits to be proven or projected is left out.
    #[schema(value_type = String, format = DateTime)]
    settled_until: Micros,
    /// How much of it is complete, in per cent, cut off and not rounded: `100` only where nothing at all is missing, else
    /// as many digits as it takes to tell it from 100.
    percent: String,
    /// Seconds that are complete.
    complete_seconds: f64,
    /// Seconds in which intermediate states may be missing.
    degraded_seconds: f64,
    /// Seconds that are lost.
    gap_seconds: f64,
    /// Seconds of which nothing is known.
    unknown_seconds: f64,
    /// What is not complete, by state and reason, the most first.
    because: Vec<BecauseItem>,
    /// The longest stretch in which anything may be missing; null where nothing is.
    longest: Option<RangeAnswer>,
    /// How late Events came; null where the range has none to measure by.
    lag: Option<Lag>,
    /// One letter for each of `bins` equal parts of the whole range, the worst that is known of any of its moments: `c`
    /// complete, `d` degraded, `g` gap, `u` unknown. Only where `bins` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    strip: Option<String>,
}

/// Time that is not complete for one reason.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BecauseItem {
    /// `degraded`, `gap`, `unknown`.
    #[schema(value_type = String)]
    state: &'static str,
    /// Why, as in `coverage`.
    reason: String,
    /// Seconds in all.
    seconds: f64,
    /// In so many stretches.
    parts: usize,
}

/// From the second in which the API server made an Event (`metadata.creationTimestamp`, its own clock, cut to seconds)
/// until Beidou had read it from the watch (Beidou's clock): up to a second too long, and what the clocks differ by.
/// Measured by Events of the range that were new when the watch brought them, as far as the tables have them; updates have no such moment.
/// Percentiles are estimates (t-digest), the maximum is exact.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Lag {
    /// So many Events were measured.
    events: u64,
    /// Seconds within which half of them came.
    p50_seconds: f64,
    /// 90 %.
    p90_seconds: f64,
    /// 99 %.
    p99_seconds: f64,
    /// The longest.
    max_seconds: f64,
}

/// `bins` and `worst`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; `ask` reads them")]
struct StripParams {
    /// Adds a strip of so many equal parts.
    #[param(minimum = 1, maximum = 480, example = 180)]
    bins: Option<u32>,
    /// Only so many clusters: the least complete ones.
    #[param(minimum = 1, maximum = 1000)]
    worst: Option<u32>,
}

/// How complete a range is, cluster by cluster: share, reasons, longest stretch, lag, and a strip for a time axis.
#[utoipa::path(
    get, path = "/api/v1/coverage/clusters", tag = "Clusters", params(ClusterParam, RangeParams, StripParams),
    responses((status = 200, body = Completeness), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn completeness(ask: Ask) -> Result<Json<Completeness>, Problem> {
    let params = ask.params(&[&["cluster", "bins", "worst"], &RANGE])?;
    let bins = params.number("bins", 1..=MOST_BINS, 0)? as usize;
    let worst = params.number("worst", 1..=MOST_CLUSTERS, MOST_CLUSTERS)? as usize;
    let range = range(&params, now())?;
    let clusters = ask.clusters(&params).await?;
    let known = known_of(&ask, clusters.as_deref(), range).await?;
    let mut told: Vec<_> =
        known.clusters.iter().map(|(cluster, parts)| Told::of(cluster, parts, range, bins)).collect();
    told.sort_by_cached_key(|told| {
        (told.complete_billionths(), Reverse(told.summary.total), told.cluster.cluster.clone())
    });
    told.truncate(worst);
    let uids: Vec<String> = told.iter().map(|told| told.cluster.cluster_uid.clone()).collect();
    let lag = ask.reader.lag(&uids, range).await?;
    let mut lag: BTreeMap<_, _> = lag.into_iter().map(|row| (row.cluster_uid.clone(), row)).collect();
    let items = told.into_iter().map(|told| {
        let lag = lag.remove(&told.cluster.cluster_uid);
        told.item(lag)
    });
    Ok(Json(Completeness { items: items.collect(), imported_only: known.imported_only, range: range.into() }))
}

/// What is told of a cluster.
struct Told<'a> {
    cluster: &'a ClusterCoverage,
    settled_until: Micros,
    summary: Summary,
    strip: Option<String>,
}

impl<'a> Told<'a> {
    fn of(cluster: &'a ClusterCoverage, parts: &[Part], range: Range, bins: usize) -> Self {
        let settled_until = settled(parts, range);
        let old: Vec<Part> = parts.iter().filter(|part| part.from < settled_until).cloned().collect();
        let summary = summarise(&old, range.from..settled_until, 0);
        let strip = (bins > 0).then(|| summarise(parts, range.from..range.until, bins).strip);
        Self { cluster, settled_until, summary, strip: strip.map(|strip| strip.into_iter().map(letter).collect()) }
    }

    fn complete_billionths(&self) -> i128 {
        let Summary { complete, total, .. } = self.summary;
        if total == 0 { 0 } else { i128::from(complete) * 1_000_000_000 / i128::from(total) }
    }

    fn item(self, lag: Option<LagRow>) -> ClusterCompleteness {
        let summary = &self.summary;
        let because = summary.because.iter().take(MOST_REASONS).map(because);
        let longest = summary.longest.as_ref().map(|longest| RangeAnswer { from: longest.start, to: longest.end });
        ClusterCompleteness {
            cluster: self.cluster.cluster.clone(),
            cluster_uid: self.cluster.cluster_uid.clone(),
            settled_until: self.settled_until,
            percent: percent(summary.complete, summary.total),
            complete_seconds: seconds(summary.complete),
            degraded_seconds: seconds(summary.micros(PartState::Degraded)),
            gap_seconds: seconds(summary.micros(PartState::Gap)),
            unknown_seconds: seconds(summary.micros(PartState::Unknown)),
            because: because.collect(),
            longest,
            lag: lag.map(|row| Lag {
                events: row.events,
                p50_seconds: row.p50 / 1e6,
                p90_seconds: row.p90 / 1e6,
                p99_seconds: row.p99 / 1e6,
                max_seconds: seconds(row.max),
            }),
            strip: self.strip,
        }
    }
}

/// Where the stretch at the end begins that only waits; the range's end where nothing waits, or it has waited too long.
fn settled(parts: &[Part], range: Range) -> Micros {
    let mut until = range.until;
    for part in parts.iter().rev().take_while(|part| part.state == PartState::Unknown) {
        let waits = matches!(part.reason.as_str(), "not_yet_proven" | "not_yet_projected");
        if !waits || part.until != until {
            break;
        }
        until = part.from;
    }
    if range.until.0 - until.0 <= FRESH { until } else { range.until }
}

fn letter(known: Option<PartState>) -> char {
    match known {
        None => 'c',
        Some(PartState::Degraded) => 'd',
        Some(PartState::Gap) => 'g',
        Some(PartState::Unknown) => 'u',
    }
}

fn because(because: &Because) -> BecauseItem {
    BecauseItem {
        state: because.state.name(),
        reason: because.reason.clone(),
        seconds: seconds(because.micros),
        parts: because.parts,
    }
}

fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(state: PartState, reason: &str, from: i64, until: i64) -> Part {
        Part { state, reason: reason.into(), from: Micros(from * SECOND), until: Micros(until * SECOND) }
    }

    #[test]
    fn what_only_waits_is_left_out_and_no_longer_than_that() {
        use PartState::{Gap, Unknown};
        let range = Range { from: Micros(0), until: Micros(1000 * SECOND) };
        let proven = |from| part(Unknown, "not_yet_proven", from, 1000);
        let late = part(Unknown, "not_yet_projected", 950, 980);
        for (name, parts, until) in [
            ("nothing", vec![], 1000),
            ("a heartbeat", vec![proven(980)], 980),
            ("a heartbeat and the table", vec![late.clone(), proven(980)], 950),
            ("a watch that is behind", vec![proven(900)], 1000),
            ("not the end", vec![late], 1000),
            ("no watch", vec![part(Unknown, "not_watched", 990, 1000)], 1000),
            ("a loss", vec![part(Gap, "restored", 940, 980), proven(980)], 980),
        ] {
            assert_eq!(settled(&parts, range), Micros(until * SECOND), "{name}");
        }
    }
}
