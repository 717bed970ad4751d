//! A range beside the one that it is compared with.

use beidou_store::query::Reader;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    ColdRead, RangeAnswer,
    coverage::{ClusterCoverage, coverage_of},
};
use crate::{app::Ask, ask::Range, problem::Problem};

/// A range, and the one that it was compared with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Compared {
    /// The effective range.
    range: RangeAnswer,
    /// How completely the range is known, for each cluster concerned.
    pub coverage: Vec<ClusterCoverage>,
    /// What it was compared with.
    baseline: RangeAnswer,
    /// How completely that is known. Where it is not complete, "new" means "not known", and a rise may be none.
    baseline_coverage: Vec<ClusterCoverage>,
    /// What was read of the archive; missing where the tables had all.
    #[serde(skip_serializing_if = "Option::is_none")]
    cold: Option<ColdRead>,
}

/// Answers a question over a range and its baseline, of these clusters or of all.
pub(crate) async fn compared<T, A, F>(
    ask: &Ask,
    clusters: Option<&[String]>,
    (range, baseline): (Range, Range),
    answer: A,
) -> Result<(T, Compared), Problem>
where
    A: Fn(Reader) -> F,
    F: Future<Output = Result<T, Problem>>,
{
    let coverage = coverage_of(ask, clusters, range).await?;
    let baseline_coverage = coverage_of(ask, clusters, baseline).await?;
    let (answer, cold) = ask.over_ranges(clusters, &[baseline, range], answer).await?;
    Ok((answer, Compared { range: range.into(), coverage, baseline: baseline.into(), baseline_coverage, cold }))
}
