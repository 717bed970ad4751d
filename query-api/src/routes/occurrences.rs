//! `GET /api/v1/events/occurrences`: how often it happened when, in spite of recorders that aggregate.

use axum::Json;
use beidou_model::occurrences::{Growth, LONGEST_SILENCE, burst::closed, spread::Series};
use beidou_schemas::{Micros, time::SECOND};
use beidou_store::query::{
    QueryError, Reader,
    occurrences::{GrowthRow, MOST_GROWTHS, OccurrencesQuery, SourceRow},
};
use futures::TryFutureExt;
use serde::Serialize;
use utoipa::ToSchema;

use super::{RANGE, RangeParams, events::FilterParams};
use crate::{
    answer::{
        ColdRead, RangeAnswer,
        coverage::{ClusterCoverage, known_of},
    },
    app::Ask,
    ask::{Range, filter::FILTERS},
    catalogue::Names,
    picture::bins::{self, BinsParam},
    problem::{Kind, Problem, ProblemBody},
};

/// So many suspects are told.
const MOST_SUSPECTS: usize = 100;

/// Occurrences per bin of time. A count that grew by n between two states is n occurrences between their times, not n at
/// the later one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Occurrences {
    /// Width of a bin in seconds. Bins begin at multiples of it since 1970, UTC.
    bin_seconds: f64,
    /// All bins in order of time, also empty ones.
    bins: Vec<OccurrenceBin>,
    /// Sources of which occurrences probably are missing or folded, the most first; at most 100.
    suspects: Vec<Suspect>,
    /// The effective range.
    range: RangeAnswer,
    /// How completely the range is known, for each cluster concerned.
    coverage: Vec<ClusterCoverage>,
    /// What was read of the archive; missing where the tables had all.
    #[serde(skip_serializing_if = "Option::is_none")]
    cold: Option<ColdRead>,
}

/// A bin. Where it is not complete, all its numbers are lower bounds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OccurrenceBin {
    /// First moment.
    #[schema(value_type = String, format = DateTime)]
    from: Micros,
    /// First moment behind it.
    #[schema(value_type = String, format = DateTime)]
    to: Micros,
    /// Occurrences, where a batch whose moments are not known is spread evenly over its time. The bins add up.
    estimate: f64,
    /// At least so many, however the batches were spread.
    least: u64,
    /// At most so many.
    most: u64,
    /// `complete`, or the worst that is known of a part of the bin: `degraded`, `gap`, `unknown`.
    #[schema(value_type = String)]
    coverage: &'static str,
}

/// One source that wrote about one object, and why occurrences may be missing: recorders drop what their spam filter does
/// not let through, before any API server sees it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Suspect {
    /// The cluster's present name.
    cluster: String,
    /// The cluster's uid.
    cluster_uid: String,
    /// Who wrote: `source.component`, else `reportingComponent`.
    component: String,
    /// On which host.
    host: String,
    /// The object's kind.
    kind: String,
    /// Its namespace.
    namespace: String,
    /// Its name.
    name: String,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    event_type: String,
    /// States in the range.
    states: u64,
    /// Occurrences that they tell.
    occurrences: u64,
    /// `count_jumps`: counts grew by more than one from state to state, so `never_written` occurrences were counted but
    /// not written. `combined`: different messages were folded into one. `spam_filter_closed`: a burst of 25 and then one
    /// every five minutes, which is what client-go's filter lets through; others were dropped, and are not counted at all
    /// until the next one passes.
    #[schema(value_type = Vec<String>)]
    because: Vec<&'static str>,
    /// Occurrences that a jump of the count tells.
    never_written: u64,
    /// States that stand for several messages.
    combined: u64,
    /// From when to when the spam filter seems to have been closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed: Option<RangeAnswer>,
    /// Its first and its last state in the range.
    seen: RangeAnswer,
}

/// How often it happened when: rates that are right in spite of aggregation, with bounds, and where bursts were probably
/// suppressed. At most 200,000 states whose count grew by more than one are spread; more are refused with 422, and take a
/// shorter range or a filter.
#[utoipa::path(
    get, path = "/api/v1/events/occurrences", tag = "Events", params(FilterParams, RangeParams, BinsParam),
    responses((status = 200, body = Occurrences), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn occurrences(ask: Ask) -> Result<Json<Occurrences>, Problem> {
    let params = ask.params(&[&FILTERS, &RANGE, &["bins"]])?;
    let most = bins::most(&params)?;
    let (filter, range) = ask.events(&params).await?;
    let bins = bins::bins(range, most);
    let known = known_of(&ask, filter.clusters.as_deref(), range).await?;
    let query = OccurrencesQuery { filter, range, bins, silence: LONGEST_SILENCE };
    let read = async |reader: Reader| {
        tokio::try_join!(
            reader.known_occurrences(&query).map_err(Problem::from),
            reader.growths(&query).map_err(too_many_growths),
            reader.sources(&query).map_err(Problem::from)
        )
    };
    let wider = Range { from: range.from.plus(-LONGEST_SILENCE), until: range.until.plus(LONGEST_SILENCE) };
    let ((at_once, growths, sources), cold) = ask.over(query.filter.clusters.as_deref(), wider, read).await?;
    let mut series = Series::new(bins.begin, bins.width, bins.count as usize, range.from..range.until);
    at_once.iter().for_each(|row| series.add_known(row.bin as usize, row.happened));
    for batch in growths.iter().filter_map(|row| growth(row).batch()) {
        series.add(&batch);
    }
    let (coverage, parts): (Vec<_>, Vec<_>) = known.clusters.into_iter().unzip();
    let shown = series.bins().iter().zip(bins::known(bins, parts)).enumerate().map(|(place, (bin, known))| {
        let from = bins.begin.plus(bins.width * place as i64);
        OccurrenceBin {
            from,
            to: from.plus(bins.width),
            estimate: (bin.estimate * 1000.0).round() / 1000.0,
            least: bin.least,
            most: bin.most,
            coverage: known.worst.map_or("complete", |worst| worst.name()),
        }
    });
    let names = ask.app.catalogue.names(&ask.reader).await?;
    Ok(Json(Occurrences {
        bin_seconds: bins.width as f64 / 1e6,
        bins: shown.collect(),
        suspects: sources.into_iter().filter_map(|row| suspect(row, &names)).take(MOST_SUSPECTS).collect(),
        range: range.into(),
        coverage,
        cold,
    }))
}

/// More counts grew than are spread, or they take more memory than a query may have: which limit it is, and what to do.
fn too_many_growths(error: QueryError) -> Problem {
    let problem = Problem::from(error);
    if problem.kind != Kind::TooMuch {
        return problem;
    }
    let hours = LONGEST_SILENCE / (3600 * SECOND);
    let detail = format!(
        "{}: at most {MOST_GROWTHS} states whose count grew by more than one can be spread, of the range and of {hours} h \
         before and behind it, within query_api.query_memory_bytes; take a shorter range, or add a filter such as cluster, \
         namespace or reason",
        problem.detail
    );
    Problem { detail, ..problem }
}

fn growth(row: &GrowthRow) -> Growth {
    let time = |micros: i64| (micros > 0).then_some(Micros(micros));
    Growth {
        previous: time(row.previous),
        first: time(row.first),
        earlier: row.earlier,
        time: Micros(row.at),
        growth: row.growth,
    }
}

fn suspect(row: SourceRow, names: &Names) -> Option<Suspect> {
    let times: Vec<Micros> = row.times.iter().map(|time| Micros(*time)).collect();
    let closed = closed(&times).map(|closed| RangeAnswer { from: closed.from, to: closed.until });
    let signs =
        [(row.jumps > 0, "count_jumps"), (row.combined > 0, "combined"), (closed.is_some(), "spam_filter_closed")];
    let because: Vec<_> = signs.into_iter().filter(|(shown, _)| *shown).map(|(_, name)| name).collect();
    (!because.is_empty()).then(|| Suspect {
        cluster: names.get(&row.cluster_uid).and_then(|all| all.first()).unwrap_or(&row.cluster_uid).clone(),
        cluster_uid: row.cluster_uid,
        component: row.component,
        host: row.host,
        kind: row.kind,
        namespace: row.namespace,
        name: row.name,
        event_type: row.event_type,
        states: row.states,
        occurrences: row.happened,
        because,
        never_written: row.jumped,
        combined: row.combined,
        closed,
        seen: RangeAnswer { from: Micros(row.first), to: Micros(row.last) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(jumps: u64, combined: u64, times: Vec<i64>) -> SourceRow {
        SourceRow {
            cluster_uid: "u".into(),
            component: "kubelet".into(),
            host: "n1".into(),
            kind: "Pod".into(),
            namespace: "a".into(),
            name: "b".into(),
            event_type: "Warning".into(),
            states: 30,
            happened: 40,
            jumps,
            jumped: 3,
            combined,
            first: 1,
            last: 2,
            times,
        }
    }

    #[test]
    fn a_source_is_suspect_for_reasons_only() {
        let names: Names = Names::from([("u".to_owned(), vec!["hz-prod-02".to_owned()])]);
        let filtered = (0..25).chain((0..4).map(|n| 300 + 300 * n)).map(|second| second * 1_000_000).collect();
        for (row, expected) in [
            (row(0, 0, vec![]), None),
            (row(2, 0, vec![]), Some(vec!["count_jumps"])),
            (row(2, 1, vec![]), Some(vec!["count_jumps", "combined"])),
            (row(0, 0, filtered), Some(vec!["spam_filter_closed"])),
        ] {
            assert_eq!(suspect(row, &names).map(|suspect| suspect.because), expected);
        }
        assert_eq!(suspect(row(1, 0, vec![]), &names).unwrap().cluster, "hz-prod-02");
    }
}
