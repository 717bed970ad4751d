//! `GET /api/v1/fleet/signals`: how often each of several lines matched, cluster by cluster, against the time before.

use std::collections::BTreeMap;

use axum::Json;
use beidou_model::query_line::{Field, LONGEST_LINE, QueryLine};
use beidou_store::query::{
    Reader,
    signals::{SignalRow, SignalsQuery},
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{ClusterParam, RANGE, RangeParams};
use crate::{
    answer::compared::{Compared, compared},
    app::{Ask, now},
    ask::{
        Params,
        line::checked,
        range::{baseline, range},
    },
    problem::{Problem, ProblemBody},
};

/// Columns of a grid.
const MOST_LINES: usize = 20;
/// Rows of a grid: with all lines in all of them an answer has 0.8 MB.
const MOST_CLUSTERS: u64 = 500;

/// How often each line matched in each cluster.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Signals {
    /// In the order of the lines that were asked for.
    signals: Vec<Signal>,
    #[serde(flatten)]
    compared: Compared,
}

/// One line.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Signal {
    /// The line.
    line: String,
    /// By the cluster's uid. A cluster that is not here had none, as far as its coverage goes.
    clusters: BTreeMap<String, SignalCell>,
}

/// One line in one cluster.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignalCell {
    /// States in the range.
    states: u64,
    /// States in the baseline.
    states_before: u64,
    /// How surely that is no chance: the score of `explain`.
    score: f64,
}

/// `line`, `baseline`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameters; `ask` reads them")]
struct SignalsParams {
    /// A query line, which says nothing of clusters: docs/query-line.md. Repeat it, up to twenty times.
    #[param(style = Form, explode, example = json!(["type:Warning", "reason:BackOff"]))]
    line: Vec<String>,
    /// How much earlier the baseline is, such as `1d` or `1w`; it is as long as the range. At least the length of the
    /// range, which is the default: the time right before it.
    #[param(example = "1w")]
    baseline: Option<String>,
}

/// How often each of several lines matched, cluster by cluster, against the time before or a baseline: a grid in one call.
#[utoipa::path(
    get, path = "/api/v1/fleet/signals", tag = "Clusters", params(SignalsParams, ClusterParam, RangeParams),
    responses((status = 200, body = Signals), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn signals(ask: Ask) -> Result<Json<Signals>, Problem> {
    let params = ask.params(&[&["line", "baseline", "cluster"], &RANGE])?;
    let written = params.each("line", MOST_LINES, LONGEST_LINE)?;
    let lines = written.iter().map(|text| without_clusters(text)).collect::<Result<Vec<_>, _>>()?;
    let range = range(&params, now())?;
    let baseline = baseline(&params, range)?;
    let clusters = clusters(&ask, &params).await?;
    let query = SignalsQuery { clusters, lines, range, baseline };
    let rows = async |reader: Reader| Ok(reader.signals(&query, MOST_CLUSTERS).await?);
    let (rows, compared) = compared(&ask, query.clusters.as_deref(), (range, baseline), rows).await?;
    Ok(Json(Signals { signals: by_line(written, rows), compared }))
}

fn without_clusters(text: &str) -> Result<QueryLine, Problem> {
    let line = checked("line", text)?;
    match line.names(Field::Cluster) {
        true => Err(Problem::parameter("line", text, "a line that says nothing of clusters; `cluster` does")),
        false => Ok(line),
    }
}

async fn clusters(ask: &Ask, params: &Params) -> Result<Option<Vec<String>>, Problem> {
    let wanted = params.many("cluster")?;
    match wanted.is_empty() {
        true => Ok(None),
        false => ask.app.catalogue.uids(&ask.reader, &wanted).await.map(Some),
    }
}

fn by_line(written: Vec<String>, rows: Vec<SignalRow>) -> Vec<Signal> {
    let mut signals: Vec<Signal> = written.into_iter().map(|line| Signal { line, clusters: BTreeMap::new() }).collect();
    for row in rows {
        if let Some(signal) = signals.get_mut(row.line as usize) {
            // Digits beyond these depend on the processor.
            let score = (row.score * 1000.0).round() / 1000.0;
            let cell = SignalCell { states: row.after, states_before: row.before, score };
            signal.clusters.insert(row.cluster_uid, cell);
        }
    }
    signals
}
