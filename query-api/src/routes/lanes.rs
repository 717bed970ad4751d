//! `GET /api/v1/objects/{cluster}/{kind}/{namespace}/{name}/lanes`: an object's timeline, folded to pixels.

use axum::{Json, extract::Path};
use beidou_store::query::{
    Reader,
    lanes::{LaneRow, LanesQuery},
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{LineParam, RANGE, RangeParams};
use crate::{
    answer::{
        ColdRead, RangeAnswer,
        coverage::{ClusterCoverage, coverage_of},
    },
    app::{Ask, now},
    ask::{filter::object, line, range::range},
    picture::marks::{Mark, Shape, fold},
    problem::{Problem, ProblemBody},
};

/// Nobody tells more of them apart; the others share one.
const MOST_LANES: u64 = 30;
/// A thumbnail, and a wide screen of twice the usual density.
const WIDTHS: std::ops::RangeInclusive<u64> = 100..=4000;
const USUAL_WIDTH: u64 = 1200;

/// An object's timeline, folded to pixels.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Lanes {
    /// Warnings first, then by number of states; the lane for all others is the last.
    lanes: Vec<Lane>,
    /// Pixels over the whole range.
    width: u64,
    /// So many pixels were folded into one, so that there are not too many marks.
    pixels: u64,
    /// Microseconds of a pixel.
    pixel_micros: i64,
    /// How many marks there are: at most 2,000.
    marks: usize,
    /// The effective range.
    range: RangeAnswer,
    /// How completely the range is known.
    coverage: Vec<ClusterCoverage>,
    /// What was read of the archive; missing where the tables had all.
    #[serde(skip_serializing_if = "Option::is_none")]
    cold: Option<ColdRead>,
}

/// A lane: states of one type and reason.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Lane {
    /// `Normal` or `Warning`; null in the lane for all others.
    #[serde(rename = "type")]
    event_type: Option<String>,
    /// Machine-readable reason; null in the lane for all others.
    reason: Option<String>,
    /// How many types and reasons the lane has: 1, but for the lane for all others.
    different: u64,
    /// States in the range: those of its points and densities.
    states: u64,
    /// Occurrences in the range: what `count` says was repeated counts as often as it happened.
    occurrences: u64,
    /// What to draw: spans first, then points and densities, each in order of time.
    marks: Vec<Mark>,
}

/// `width`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; `ask` reads it")]
struct WidthParam {
    /// Pixels over the whole range.
    #[param(minimum = 100, maximum = 4000, default = 1200)]
    width: Option<u32>,
}

/// What was said about one object, folded to the pixels of a timeline: at most 2,000 marks whatever the range, and every
/// state is counted in one.
#[utoipa::path(
    get, path = "/api/v1/objects/{cluster}/{kind}/{namespace}/{name}/lanes", tag = "Events",
    params(
        ("cluster" = String, Path, description = "Uid of the cluster, or any name it ever had"),
        ("kind" = String, Path, description = "Kind of the object: `Pod`, in any case and by kubectl's short names (`pod`, `po`) where it is one of Kubernetes itself; else as in a manifest"),
        ("namespace" = String, Path, description = "Namespace of the object; `_` for a cluster-scoped one"),
        ("name" = String, Path, description = "Name of the object"),
        RangeParams, WidthParam, LineParam
    ),
    responses((status = 200, body = Lanes), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn lanes(
    ask: Ask,
    Path((cluster, kind, namespace, name)): Path<(String, String, String, String)>,
) -> Result<Json<Lanes>, Problem> {
    let params = ask.params(&[&RANGE, &["width", line::Q]])?;
    let width = params.number("width", WIDTHS, USUAL_WIDTH)?;
    let range = range(&params, now())?;
    let line = line::lines(&params)?.others;
    let clusters = ask.clusters_of_path(cluster, &params).await?;
    let coverage = coverage_of(&ask, Some(&clusters), range).await?;
    let object = object(clusters, kind, namespace, name);
    let cell = (range.until.0 - range.from.0 + width as i64 - 1) / width as i64;
    let query = LanesQuery { object, line: Some(line), range, cell, cells: width };
    let read = async |reader: Reader| {
        let rows = reader.lanes(&query, MOST_LANES).await?;
        let (cells, stretches) = tokio::try_join!(reader.cells(&query, &rows), reader.stretches(&query, &rows))?;
        Ok((rows, cells, stretches))
    };
    let ((rows, cells, stretches), cold) = ask.over(Some(&query.object.clusters), range, read).await?;
    let folded = fold(&cells, &stretches, rows.len(), width);
    let marks = folded.lanes.iter().map(Vec::len).sum();
    let lanes = named(rows, folded.lanes);
    let range = range.into();
    Ok(Json(Lanes { lanes, width, pixels: folded.pixels, pixel_micros: cell, marks, range, coverage, cold }))
}

/// Names the lanes; the first one, for all others, becomes the last, or nothing.
fn named(rows: Vec<LaneRow>, marks: Vec<Vec<Mark>>) -> Vec<Lane> {
    let others = rows.first().map_or(0, |row| row.different.saturating_sub(rows.len() as u64)).max(1);
    let mut marks = marks.into_iter();
    let rest = lane(None, None, others, marks.next().unwrap_or_default());
    let of_row = |(row, marks): (LaneRow, Vec<Mark>)| lane(Some(row.event_type), Some(row.reason), 1, marks);
    let mut lanes: Vec<Lane> = rows.into_iter().zip(marks).map(of_row).collect();
    lanes.extend(Some(rest).filter(|rest| !rest.marks.is_empty()));
    lanes
}

fn lane(event_type: Option<String>, reason: Option<String>, different: u64, marks: Vec<Mark>) -> Lane {
    let counted = || marks.iter().filter(|mark| mark.shape != Shape::Span);
    let states = counted().map(|mark| mark.states).sum();
    let occurrences = counted().map(|mark| mark.occurrences).sum();
    Lane { event_type, reason, different, states, occurrences, marks }
}
