//! Streams of server-sent events that follow the log: where one goes on, its place, the short queue before its connection,
//! and what ends it.

use std::{convert::Infallible, time::Duration};

use axum::{
    http::HeaderMap,
    response::{IntoResponse, Response, Sse, sse::Event},
};
use beidou_service::CancellationToken;
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    app::App,
    ask::Params,
    problem::{Kind, Problem},
};

/// Messages between the log and a connection: a few hundred kilobytes at the usual size of Events, 4 MB at the worst.
pub(crate) const QUEUE: usize = 64;
/// A caller that takes nothing for so long is gone, or too slow to ever catch up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Between two signs of life: proxies cut connections that are silent for a minute.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);
const LAST_EVENT_ID: &str = "last-event-id";

/// The id of the message behind which to go on, and the name of what says it.
pub(crate) fn behind<'a>(
    params: &'a Params,
    headers: &'a HeaderMap,
) -> Result<Option<(&'static str, &'a str)>, Problem> {
    Ok(match (headers.get(LAST_EVENT_ID), params.one("after")?) {
        (Some(id), _) => Some(("Last-Event-ID", id.to_str().unwrap_or_default())),
        (None, after) => after.map(|after| ("after", after)),
    })
}

/// What ended a stream.
pub(crate) enum Ended {
    /// The caller has gone.
    Gone,
    /// The caller took nothing for [`PATIENCE`].
    TooSlow,
    /// The log tells no more.
    Log,
}

/// One caller that follows: one of the places for tails is held until the end.
pub(crate) struct Follower {
    queue: mpsc::Sender<Event>,
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    /// Takes a place; what is sent comes out of the other end.
    pub(crate) fn new(app: &App) -> Result<(Self, mpsc::Receiver<Event>), Problem> {
        let place = app.tail_places.clone().try_acquire_owned();
        let place = place.map_err(|_| Problem::new(Kind::Busy, "as many live tails as allowed are running"))?;
        let (queue, messages) = mpsc::channel(QUEUE);
        Ok((Self { queue, stop: app.stop.clone(), _place: place }, messages))
    }

    pub(crate) async fn send(&self, event: Event) -> Result<(), Ended> {
        match tokio::time::timeout(PATIENCE, self.queue.send(event)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ended::Gone),
            Err(_) => Err(Ended::TooSlow),
        }
    }

    /// Until the caller goes, or the process ends.
    pub(crate) fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        let (stop, queue) = (self.stop.clone(), self.queue.clone());
        async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = queue.closed() => {}
            }
        }
    }
}

/// The answer that brings these messages.
pub(crate) fn answer(messages: mpsc::Receiver<Event>) -> Response {
    let messages = ReceiverStream::new(messages).map(Ok::<Event, Infallible>);
    ([("x-accel-buffering", "no")], Sse::new(messages)).into_response()
}
