//! `GET /api/v1/events/tail`: new states as they come, resumable.

use std::convert::Infallible;

use axum::{
    http::HeaderMap,
    response::{IntoResponse, Response, Sse, sse::Event},
};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
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
    problem::{Kind, Problem, ProblemBody},
    tail::{self, QUEUE, Tail, TailGap, TailReject},
};

/// Where the tail begins.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "names and describes the parameter; the route reads it")]
struct TailParams {
    /// The `id` of an earlier message: the tail goes on behind it. Default: from now on.
    after: Option<String>,
}

const LAST_EVENT_ID: &str = "last-event-id";

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
    let from = match (headers.get(LAST_EVENT_ID), params.one("after")?) {
        (Some(id), _) => Some(("Last-Event-ID", id.to_str().unwrap_or_default())),
        (None, Some(after)) => Some(("after", after)),
        (None, None) => None,
    };
    let position = match from {
        Some((name, id)) => tail::position(&ask.app, name, id)?,
        None => tail::end(&ask.app).await?,
    };
    let clusters = clusters(&ask, &params).await?;
    let names = ask.app.catalogue.names(&ask.reader).await.unwrap_or_default();
    let line = TailLine::new(&lines, names);
    let place = ask.app.tail_places.clone().try_acquire_owned();
    let place = place.map_err(|_| Problem::new(Kind::Busy, "as many live tails as allowed are running"))?;
    let (queue, messages) = mpsc::channel(QUEUE);
    let tail = Tail { app: ask.app.clone(), filter, line, clusters, position, queue, place };
    tokio::spawn(tail::run(tail).in_current_span());
    let messages = ReceiverStream::new(messages).map(Ok::<Event, Infallible>);
    Ok(([("x-accel-buffering", "no")], Sse::new(messages)).into_response())
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
