//! `GET /api/v1/objects/{cluster}/{kind}/{namespace}/{name}/at`: an object at a moment, as far as Events tell it.

use axum::{Json, extract::Path};
use beidou_schemas::Micros;
use beidou_store::query::{
    EventRow, Page, Reader,
    at::{AtQuery, SeenRow},
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::{
    answer::{
        ColdRead, MOST_ANSWER_BYTES, RangeAnswer,
        coverage::{ClusterCoverage, coverage_of, coverage_of_tables},
        event::EventItem,
        fit,
    },
    app::{Ask, now},
    ask::{Range, filter::object, range::moment},
    problem::{Kind, Problem, ProblemBody},
};

/// More types and reasons than this are not said of one object.
const MOST_ROWS: u64 = 100;

/// An object at a moment, as far as Events tell it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ObjectAt {
    /// The moment.
    #[schema(value_type = String, format = DateTime)]
    t: Micros,
    /// Of each type and reason the last state until then, the newest first.
    items: Vec<EventItem>,
    /// Whether there are more.
    more: bool,
    /// How many states there are until then.
    states: u64,
    /// The first state of all, also where it lies behind the moment; null where nothing is known of the object.
    #[schema(value_type = Option<String>, format = DateTime)]
    first_seen: Option<Micros>,
    /// The last state until the moment; null where there is none: then see `first_seen`.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_seen: Option<Micros>,
    /// The first state behind the moment; null where there is none yet.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_seen: Option<Micros>,
    /// From the last state until the moment, or the moment alone where there is none.
    range: RangeAnswer,
    /// How completely that range is known. Where it is not complete, the object may have changed since.
    coverage: Vec<ClusterCoverage>,
    /// What was read of the archive; missing where the tables had all.
    #[serde(skip_serializing_if = "Option::is_none")]
    cold: Option<ColdRead>,
    /// Only where the archive, which has what is older than this, could not be asked, or has more than one question may read:
    /// then nothing here tells of the time before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    tables_from: Option<Micros>,
}

/// `t`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; `ask` reads it")]
struct AtParams {
    /// The moment: RFC 3339, or relative to now (`-6h`). Default: now.
    #[param(example = "-6h")]
    t: Option<String>,
}

/// An object at a moment, as far as Events tell it: of each type and reason the last state, and when it was seen; also of
/// objects that are long gone.
#[utoipa::path(
    get, path = "/api/v1/objects/{cluster}/{kind}/{namespace}/{name}/at", tag = "Events",
    params(
        ("cluster" = String, Path, description = "Uid of the cluster, or any name it ever had"),
        ("kind" = String, Path, description = "Kind of the object: `Pod`, in any case and by kubectl's short names (`pod`, `po`) where it is one of Kubernetes itself; else as in a manifest"),
        ("namespace" = String, Path, description = "Namespace of the object; `_` for a cluster-scoped one"),
        ("name" = String, Path, description = "Name of the object"),
        AtParams
    ),
    responses((status = 200, body = ObjectAt), (status = "default", body = ProblemBody, content_type = "application/problem+json")),
    security(("token" = []))
)]
pub(super) async fn at(
    ask: Ask,
    Path((cluster, kind, namespace, name)): Path<(String, String, String, String)>,
) -> Result<Json<ObjectAt>, Problem> {
    let params = ask.params(&[&["t"]])?;
    let now = now();
    let at = moment(&params, "t", now)?.unwrap_or(now);
    let clusters = ask.clusters_of_path(cluster, &params).await?;
    let object = object(clusters.clone(), kind, namespace, name);
    let query = AtQuery { object, at, limit: MOST_ROWS, most_bytes: MOST_ANSWER_BYTES };
    let (before, read) = seen(&ask, &query).await?;
    let range = Range { from: last(&before).unwrap_or(at), until: at.plus(1) };
    // The range was not known before, and a proof must not be older than the rows that it speaks of: read them again.
    let (coverage, (seen, rows)) = match read {
        Read::All(_) => (coverage_of(&ask, Some(&clusters), range).await?, told(&ask, &query, &before).await?),
        Read::TablesFrom(_) => {
            let coverage = coverage_of_tables(&ask, Some(&clusters), range).await?;
            (coverage, told_by(ask.reader.clone(), &query).await?)
        }
    };
    let (mut items, mut more): (Vec<_>, _) = (rows.rows.into_iter().map(EventItem::of_row).collect(), rows.more);
    fit(&mut items, &mut more, &coverage);
    Ok(Json(ObjectAt {
        t: at,
        items,
        more,
        states: seen.before,
        first_seen: (seen.states > 0).then_some(Micros(seen.first_seen)),
        last_seen: last(&seen),
        next_seen: (seen.states > seen.before).then_some(Micros(seen.next_seen)),
        range: range.into(),
        coverage,
        cold: read.cold(),
        tables_from: read.tables_from(),
    }))
}

/// What was asked of the object.
#[derive(Debug, Clone, Copy)]
enum Read {
    /// Tables and archive, of which this was read.
    All(Option<ColdRead>),
    /// The tables alone, which begin here.
    TablesFrom(Micros),
}

impl Read {
    fn cold(self) -> Option<ColdRead> {
        if let Self::All(cold) = self { cold } else { None }
    }

    fn tables_from(self) -> Option<Micros> {
        if let Self::TablesFrom(from) = self { Some(from) } else { None }
    }
}

/// When the object was spoken of: by the tables alone where the archive has more than a question may read, or cannot be read.
async fn seen(ask: &Ask, query: &AtQuery) -> Result<(SeenRow, Read), Problem> {
    let clusters = Some(query.object.clusters.as_slice());
    let seen = async |reader: Reader| Ok(reader.seen(query).await?);
    let problem = match ask.over_near(clusters, Range::ALL, seen).await {
        Ok((seen, cold)) => return Ok((seen, Read::All(cold))),
        Err(problem) => problem,
    };
    let of_archive = matches!(problem.kind, Kind::TooMuch | Kind::TimeLimit | Kind::ArchiveAway);
    match ask.app.colds.tables_from(&ask.reader, clusters).await?.filter(|_| of_archive) {
        Some(from) => Ok((ask.reader.seen(query).await?, Read::TablesFrom(from))),
        None => Err(problem),
    }
}

type Told = (SeenRow, Page<EventRow>);

/// What is told of the object, of tables and archive: there is nothing from before it was first seen.
async fn told(ask: &Ask, query: &AtQuery, before: &SeenRow) -> Result<Told, Problem> {
    let from = if before.states > 0 { Micros(before.first_seen) } else { query.at };
    let answer = |reader: Reader| told_by(reader, query);
    Ok(ask.over(Some(&query.object.clusters), Range { from, ..Range::ALL }, answer).await?.0)
}

async fn told_by(reader: Reader, query: &AtQuery) -> Result<Told, Problem> {
    Ok(tokio::try_join!(reader.seen(query), reader.at(query))?)
}

fn last(seen: &SeenRow) -> Option<Micros> {
    (seen.before > 0).then_some(Micros(seen.last_seen))
}
