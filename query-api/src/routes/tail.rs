//! `GET /api/v1/events/tail`: new states as they come, resumable.

use axum::{http::HeaderMap, response::Response};
use tracing::Instrument;
use utoipa::IntoParams;

use super::events::FilterParams;
use crate::{
    answer::event::EventItem,
    app::Ask,
    ask::{
        Params,
        filter::{FILTERS, event_filter},
        line::{TailLine, lines},
    },
    follow::{Follower, answer, behind},
    problem::{Kind, Problem, ProblemBody},
    tail::{self, Tail, TailGap, TailReject},
};

/// Where the tail begins.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; the route reads it")]
struct TailParams {
    /// The `id` of an earlier message: the tail goes on behind it. Default: from now on.
    after: Option<String>,
}

/// New states of Events as they reach the log, before queries find them.
///
/// Server-sent events. A message without `event` holds an Event; `gap` tells of records that retention removed before
/// they were read; `reject` of a record that could not be decoded. Every message has an `id`: pass it as `Last-Event-ID`
/// or `after` to go on behind it. A comment every 15 seconds is a sign of life. A reader that takes nothing for 30
/// seconds is let go. A state may come twice where its writer had to repeat itself: `id` in the data tells.
#[utoipa::path(
    get, path = "/api/v1/events/tail", tag = "Events",
    params(
        FilterParams,
        TailParams,
        ("Last-Event-ID" = Option<String>, Header, description = "As `after`, as EventSource sends it when it connects again; wins over `after`")
    ),
    responses(
        (status = 200, description = "Messages without end", content(
            (EventItem = "text/event-stream"), (TailGap = "text/event-stream; event=gap"), (TailReject = "text/event-stream; event=reject")
        )),
        (status = "default", body = ProblemBody, content_type = "application/problem+json")
    ),
    security(("token" = []))
)]
pub(super) async fn tail(ask: Ask, headers: HeaderMap) -> Result<Response, Problem> {
    let params = ask.params(&[&FILTERS, &["after"]])?;
    let (filter, lines) = (event_filter(&params)?, lines(&params)?);
    let position = match behind(&params, &headers)? {
        Some((name, id)) => tail::position(&ask.app, name, id)?,
        None => tail::end(&ask.app).await?,
    };
    let clusters = clusters(&ask, &params).await?;
    let names = ask.app.catalogue.names(&ask.reader).await.unwrap_or_default();
    let line = TailLine::new(&lines, names);
    let (follower, messages) = Follower::new(&ask.app)?;
    let tail = Tail { app: ask.app.clone(), filter, line, clusters, position, follower };
    tokio::spawn(tail::run(tail).in_current_span());
    Ok(answer(messages))
}

/// The clusters as written in the parameter, and the uids of those names. A tail needs no store: without it the written
/// names must do. What the line says of clusters is applied to each state, since clusters may come and be renamed.
async fn clusters(ask: &Ask, params: &Params) -> Result<Option<Vec<String>>, Problem> {
    let mut written = params.many("cluster")?;
    if written.is_empty() {
        return match ask.clusters(params).await {
            Err(problem) if problem.kind == Kind::UnknownCluster => Err(problem),
            Ok(_) | Err(_) => Ok(None),
        };
    }
    match ask.clusters(params).await {
        Ok(None) => Ok(None),
        Ok(Some(uids)) => {
            written.extend(uids);
            Ok(Some(written))
        }
        Err(problem) if problem.kind == Kind::UnknownCluster => Err(problem),
        Err(_) => Ok(Some(written)),
    }
}
