//! How completely a range is known: stored intervals and the ledger's watermark, merged for each cluster concerned.
//!
//! A cluster that is known by imports alone was never watched, and nobody claimed to have it all. It is told of where the
//! caller names it; else it stands aside, or one import would make every bin and every answer incomplete for ever.
//! `/api/v1/coverage/clusters` names all that stand aside.

use std::sync::Arc;

use beidou_model::{
    coverage::{Coverage, IN_ARCHIVE_ONLY, Known, Part, Span, merge},
    import::cluster_uid,
};
use beidou_schemas::{Micros, coverage::CoverageState};
use beidou_store::{hot::Hot, query::coverage::ExtentRow};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    app::{Ask, now},
    ask::Range,
    catalogue::Names,
    problem::Problem,
    projected::{Proofs, Reach},
};

/// So many parts of each cluster stand in an answer; `/api/v1/coverage` has them all, page by page.
const MOST_PARTS: usize = 20;

/// How completely the range is known for one cluster. Clusters that are known by imports alone are among them only where
/// the caller names them, or where no other cluster is concerned; `imported_only` of `/api/v1/coverage/clusters` lists them.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ClusterCoverage {
    /// The cluster's present name.
    pub cluster: String,
    /// The cluster's uid.
    pub cluster_uid: String,
    /// Share of the range that is complete, 0 to 1.
    pub share: f64,
    /// Whether all of the range is. If not, "nothing found" is no proof that nothing happened.
    pub complete: bool,
    /// The last moment that a watch proved; null where the cluster was never watched.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub proven_until: Option<Micros>,
    /// Everything proven until this moment can be found by queries; what came later stands in the log alone.
    #[schema(value_type = String, format = DateTime)]
    pub projected_until: Micros,
    /// The earlier of the two: how fresh answers are. What happened later may not be found yet, which makes the end of a
    /// range that reaches until now `unknown`. Null where the cluster was never watched, and for seconds after a start.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub known_until: Option<Micros>,
    /// What is not complete, in order of time; the last 20 parts.
    pub parts: Vec<CoveragePart>,
    /// So many earlier parts are left out.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_parts: usize,
}

/// A part of the range that is not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct CoveragePart {
    /// `degraded`: what still existed was found, intermediate states are lost. `gap`: lost. `unknown`: see `reason`.
    #[schema(value_type = String)]
    pub state: &'static str,
    /// Why: `not_watched_yet`, `imported_only` (of a cluster that was never watched, and is known by imports alone),
    /// `not_watched`, `not_yet_proven`, `not_yet_projected`, `in_archive_only` (it has left the tables, which alone are asked),
    /// `too_many_breaks` (the range has more than 100,000 intervals, of which the older ones are not looked at: ask for a
    /// shorter range or fewer clusters), or why the watch broke.
    pub reason: String,
    /// First moment.
    #[schema(value_type = String, format = DateTime)]
    pub from: Micros,
    /// First moment behind it.
    #[schema(value_type = String, format = DateTime)]
    pub to: Micros,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// What is known of a range.
#[derive(Debug, Default)]
pub(crate) struct KnownRange {
    /// The clusters concerned, beside each all parts of the range that are not complete.
    pub clusters: Vec<(ClusterCoverage, Vec<Part>)>,
    /// The present names of clusters that are known by imports alone, and stand aside.
    pub imported_only: Vec<String>,
}

/// The coverage of the range for these clusters, or for all that were watched. Call it before the rows are read.
pub(crate) async fn coverage_of(
    ask: &Ask,
    clusters: Option<&[String]>,
    range: Range,
) -> Result<Vec<ClusterCoverage>, Problem> {
    Ok(known_of(ask, clusters, range).await?.coverage())
}

/// The same for an answer that the tables alone give: what has left them is a gap to it.
pub(crate) async fn coverage_of_tables(
    ask: &Ask,
    clusters: Option<&[String]>,
    range: Range,
) -> Result<Vec<ClusterCoverage>, Problem> {
    let hot = ask.app.colds.hot(&ask.reader).await?;
    Ok(known_without(ask, clusters, range, hot).await?.coverage())
}

/// The same with all parts that are not complete, and with the clusters that stand aside.
pub(crate) async fn known_of(ask: &Ask, clusters: Option<&[String]>, range: Range) -> Result<KnownRange, Problem> {
    known_without(ask, clusters, range, Arc::default()).await
}

/// The same where nothing is known from before these moments.
async fn known_without(
    ask: &Ask,
    clusters: Option<&[String]>,
    range: Range,
    hot: Arc<Hot>,
) -> Result<KnownRange, Problem> {
    Ok(known_within(ask, clusters, range, hot).await?.of(range))
}

/// What is known at a moment of every part of a range: for rows that tell by themselves how far they reach back.
pub(crate) struct KnownWithin {
    clusters: Vec<String>,
    aside: Vec<String>,
    names: Arc<Names>,
    proofs: Arc<Proofs>,
    reach: Reach,
    at: Micros,
    hot: Arc<Hot>,
}

/// What is known within a range, and nothing from before these moments. Call it before the rows are read.
pub(crate) async fn known_within(
    ask: &Ask,
    clusters: Option<&[String]>,
    range: Range,
    hot: Arc<Hot>,
) -> Result<KnownWithin, Problem> {
    let Ask { app, reader, .. } = ask;
    app.standing(reader).await?;
    let names = app.catalogue.names(reader).await?;
    let named = clusters.is_some() && !ask.excludes_clusters_only();
    let clusters: Vec<String> = clusters.map_or_else(|| names.keys().cloned().collect(), <[_]>::to_vec);
    let proofs = app.projected.proofs(reader, &clusters, range).await?;
    let imported_only = |uid: &String| proofs.extent(uid).is_none() && is_imported(uid, &names);
    let (clusters, aside) = if named { (clusters, Vec::new()) } else { concerned(clusters, imported_only) };
    let (reach, at) = (app.projected.reach(&proofs).await, now());
    Ok(KnownWithin { clusters, aside, names, proofs, reach, at, hot })
}

impl KnownWithin {
    /// Of this part of it.
    pub(crate) fn of(&self, range: Range) -> KnownRange {
        KnownRange {
            clusters: self.clusters.iter().map(|uid| self.told(uid, range)).collect(),
            imported_only: self.aside.iter().map(|uid| present(uid, &self.names)).collect(),
        }
    }

    fn told(&self, uid: &str, range: Range) -> (ClusterCoverage, Vec<Part>) {
        let archived = |until: &Micros| Span {
            from: Micros(0),
            until: *until,
            state: CoverageState::Gap,
            reason: IN_ARCHIVE_ONLY.into(),
        };
        let spans = self.proofs.spans(uid, range).into_iter().chain(self.hot.get(uid).map(archived)).collect();
        let proven = (spans, self.proofs.whole_from(), self.proofs.extent(uid));
        told(uid, &self.names, proven, &self.reach, self.at, range)
    }
}

impl KnownRange {
    /// What answers tell of it.
    pub(crate) fn coverage(self) -> Vec<ClusterCoverage> {
        self.clusters.into_iter().map(|(coverage, _)| coverage).collect()
    }
}

/// Which of the clusters are told of where the caller names none, and which stand aside. Where all are known by imports
/// alone none stands aside: an answer about no cluster would seem complete.
fn concerned(clusters: Vec<String>, imported_only: impl Fn(&String) -> bool) -> (Vec<String>, Vec<String>) {
    let (aside, watched): (Vec<_>, Vec<_>) = clusters.into_iter().partition(imported_only);
    if watched.is_empty() { (aside, watched) } else { (watched, aside) }
}

/// The present name; the uid of a cluster that has none yet.
fn present(uid: &str, names: &Names) -> String {
    names.get(uid).and_then(|all| all.first()).cloned().unwrap_or_else(|| uid.into())
}

/// Whether an import made the cluster. Where none of this name was known, it made the uid from the name, and no other
/// cluster has such a uid; the table says the same, but only to whoever reads all of its rows.
fn is_imported(uid: &str, names: &Names) -> bool {
    names.get(uid).is_some_and(|all| all.iter().any(|name| cluster_uid(name).to_string() == uid))
}

fn told(
    uid: &str,
    names: &Names,
    (spans, whole_from, extent): (Vec<Span>, Micros, Option<&ExtentRow>),
    reach: &Reach,
    now: Micros,
    range: Range,
) -> (ClusterCoverage, Vec<Part>) {
    let proven_until = extent.map(|row| Micros(row.last_time));
    let known = Known {
        spans,
        whole_from,
        first: extent.map(|row| Micros(row.first_time)),
        imported: extent.is_none() && is_imported(uid, names),
        running: proven_until.filter(|_| extent.is_some_and(|row| row.running)),
        projected: reach.of(uid),
    };
    let Coverage { share, complete, parts } = merge(&known, range.from..range.until);
    let more_parts = parts.len().saturating_sub(MOST_PARTS);
    let shown = parts.iter().skip(more_parts).map(|part| CoveragePart {
        state: part.state.name(),
        reason: part.reason.clone(),
        from: part.from,
        to: part.until,
    });
    let projected_until = known.projected.min(now);
    let coverage = ClusterCoverage {
        cluster: present(uid, names),
        cluster_uid: uid.into(),
        share,
        complete,
        proven_until,
        projected_until,
        known_until: proven_until.map(|proven| proven.min(projected_until)).filter(|until| until.0 > 0),
        parts: shown.collect(),
        more_parts,
    };
    (coverage, parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imported_clusters_stand_aside_unless_there_are_no_others() {
        let of = |all: &[&str]| {
            let all = all.iter().map(|uid| (*uid).to_owned()).collect();
            let (told, aside) = concerned(all, |uid| uid.starts_with("old"));
            (told.join(" "), aside.join(" "))
        };
        for (all, told, aside) in [
            (&["a", "old-1", "b", "old-2"][..], "a b", "old-1 old-2"),
            (&["a"], "a", ""),
            (&["old-1", "old-2"], "old-1 old-2", ""),
            (&[], "", ""),
        ] {
            assert_eq!(of(all), (told.to_owned(), aside.to_owned()), "{all:?}");
        }
    }

    #[test]
    fn an_imported_cluster_is_told_from_one_whose_watch_begins() {
        let imported = cluster_uid("hz-old").to_string();
        let watched = "5f3c1b0e-0000-4000-8000-000000000001";
        let names = Names::from([
            (imported.clone(), vec!["hz-old".into()]),
            (watched.into(), vec!["hz-new".into(), "hz-old".into()]),
        ]);
        assert!(is_imported(&imported, &names));
        assert!(!is_imported(watched, &names) && !is_imported("none", &names));
        let range = Range { from: Micros(0), until: Micros(10) };
        let of = |uid: &str, extent: Option<&ExtentRow>| {
            let proven = (Vec::new(), Micros(0), extent);
            let (coverage, _) = told(uid, &names, proven, &Reach::Everything, Micros(10), range);
            coverage.parts.into_iter().map(|part| (part.state, part.reason)).collect::<Vec<_>>()
        };
        assert_eq!(of(&imported, None), [("unknown", "imported_only".to_owned())]);
        assert_eq!(of(watched, None), [("unknown", "not_watched_yet".to_owned())]);
        let extent =
            ExtentRow { cluster_uid: imported.clone(), first_time: 20, last_time: 30, running: true, epoch: 0 };
        assert_eq!(of(&imported, Some(&extent)), [("unknown", "not_watched_yet".to_owned())], "it is watched by now");
    }
}
