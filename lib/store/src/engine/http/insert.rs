//! INSERT with data: the body goes into the engine while it comes.
//!
//! Flow: `body::forward` (async) → bounded channel → [`Insert::run`] on a blocking thread → engine → commit.
//! Invariants: data never goes through the statement's text (the engine cuts it at a blank line); commit only follows
//! the body's explicit end; whatever fails before that leaves nothing of the last block behind. Bodies of up to about
//! 1 M rows are one block and so all or nothing; larger ones are committed block by block, as on a server.

use super::body::{BodyReader, CHANNEL_PIECES, Encoding, Piece, feed, forward};
use super::cancel::{JobTicket, ticket};
use super::fault::Fault;
use super::reply::Reply;
use super::request::Options;
use super::{Shim, place};
use crate::engine::session::Counters;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// The parts of an INSERT that are known before its body.
pub(super) struct Insert {
    /// The statement without FORMAT or VALUES.
    pub head: String,
    pub format: String,
    /// Data that stood behind the statement itself, never compressed.
    pub inline: Bytes,
}

impl Insert {
    /// Runs to the commit. Blocking.
    fn run(
        self,
        shim: &Shim,
        options: &Options,
        job: &JobTicket,
        body: Option<(BodyReader, Encoding)>,
    ) -> Result<Counters, Fault> {
        let session = shim.session(options, &job.marker, None)?;
        let stream = session.insert(&self.head, &self.format, &options.parameters)?;
        let mut taken = self.inline.is_empty() || stream.append(&self.inline);
        if taken && let Some((reader, encoding)) = body {
            taken = feed(reader, encoding, |piece| stream.append(piece))
                .map_err(|error| Fault::broken_body(format!("read the data of the insert: {error}")))?;
        }
        // After a refused piece this gives the reason; should it give none, the data is still not all there.
        let counters = stream.commit()?;
        if taken { Ok(counters) } else { Err(Fault::internal("the engine stopped taking data without a reason")) }
    }
}

/// Answers an INSERT.
pub(super) async fn answer(
    shim: &Arc<Shim>,
    insert: Insert,
    body: Option<(Body, Encoding)>,
    options: Options,
    started: Instant,
) -> Result<Response, Fault> {
    let permit = place(&shim.inserts).await?;
    let (guard, job) = ticket(shim);
    let query_id = options.query_id.clone();
    let (sender, receiver) = mpsc::channel::<Piece>(CHANNEL_PIECES);
    let (body, encoding) = body.unzip();
    let reader = encoding.map(|encoding| (BodyReader::new(receiver), encoding));
    let job_shim = shim.clone();
    let running = tokio::task::spawn_blocking(move || {
        let _place = permit;
        insert.run(&job_shim, &options, &job, reader)
    });
    let forwarded = match body {
        Some(body) => forward(body, sender).await,
        None => Ok(()),
    };
    // From here on the data is complete, or the job fails by itself: a client that leaves now stops nothing any more.
    guard.complete();
    let outcome = running.await.map_err(|error| Fault::internal(format!("the insert's thread failed: {error}")))?;
    forwarded?;
    let reply = Reply { query_id: &query_id, format: "", counters: outcome?, started, exception_tag: "" };
    Ok(reply.with_body(shim, Body::empty()))
}
