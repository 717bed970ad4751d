//! Watch of Events: a stream of JSON lines from a resourceVersion on, until timeout, cut, expiry or the client's end.
//!
//! ```text
//!   storage ──changes after cursor──► frames ──► channel of one ──► HTTP body ──► socket
//! ```
//! As with a real server for Events there are no periodic bookmarks. A stream that falls behind compaction ends with
//! an ERROR frame. Frames count as sent when the body has taken them, which is the most a server can know.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use rand::RngExt;
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

use super::access;
use super::list::{Asked, is_true, note_listed, prefix_of};
use super::shared::{Shared, State};
use super::signal::Listener;
use super::status::Status;
use crate::faults::{Cut, Expiry};
use crate::oracle::{Entry, Loss, LossCause, StreamEnd, Verb};
use crate::storage::{Change, Compacted, Stored};

/// A real server picks 30 to 60 minutes when the client names no timeout.
const DEFAULT_TIMEOUT_S: u64 = 1800;
/// Changes taken from storage at once: enough for a storm, few enough to notice a cut soon.
const BATCH: usize = 256;
/// Frames are joined to chunks of about this size.
const CHUNK_BYTES: usize = 32 * 1024;

/// Opens a watch.
pub(super) fn open(shared: &Arc<Shared>, namespace: &str, asked: &Asked, client: String) -> Result<Response, Status> {
    let mut state = shared.lock();
    access::check(shared, &state.access, "watch", namespace)?;
    let version = asked.version()?;
    if state.knobs.empty_watches > 0 {
        state.knobs.empty_watches -= 1;
        return Ok(([(header::CONTENT_TYPE, "application/json")], Body::empty()).into_response());
    }
    let forced = state.knobs.expire_watches > 0;
    state.knobs.expire_watches = state.knobs.expire_watches.saturating_sub(1);
    if forced || (version > 0 && version < state.storage.floor) {
        let status = Status::expired_watch(version, state.storage.floor);
        let incarnation = state.storage.incarnation;
        state.reckoning.expired(&client, incarnation, version, shared.clock.now_us());
        return match state.knobs.expiry {
            Expiry::HttpStatus => Err(status),
            Expiry::ErrorFrame => {
                Ok(([(header::CONTENT_TYPE, "application/json")], error_frame(&status)).into_response())
            }
        };
    }
    let (sender, receiver) = mpsc::channel(1);
    let stream = Stream::new(shared, &mut state, namespace, asked, (client, version), sender);
    drop(state);
    tokio::spawn(stream.run());
    let body = Body::from_stream(ReceiverStream::new(receiver));
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

type Sender = mpsc::Sender<io::Result<Bytes>>;

struct Stream {
    shared: Arc<Shared>,
    id: u64,
    client: String,
    prefix: String,
    incarnation: u32,
    claimed: u64,
    cursor: u64,
    sent: u64,
    sent_at_us: i64,
    initial: Bytes,
    timeout: Duration,
    sender: Sender,
    changed: Listener<()>,
    cut: Listener<Cut>,
    injected: broadcast::Receiver<Bytes>,
}

/// What to do next, decided under the lock.
enum Step {
    Send { chunk: Vec<u8>, upto: u64, pause: Duration },
    Skip,
    Wait,
    Expired(Status),
}

impl Stream {
    fn new(
        shared: &Arc<Shared>,
        state: &mut State,
        namespace: &str,
        asked: &Asked,
        (client, version): (String, u64),
        sender: Sender,
    ) -> Self {
        let id = state.next_stream;
        state.next_stream += 1;
        let (incarnation, at_us) = (state.storage.incarnation, shared.clock.now_us());
        let prefix = prefix_of(namespace);
        let fresh = version == 0;
        let initial = if fresh { initial(shared, state, &prefix, asked, &client) } else { Bytes::new() };
        let cursor = if fresh { state.storage.resource_version } else { version };
        state.reckoning.opened(&client, id, incarnation, cursor, at_us);
        shared.ledger.append(Entry::StreamOpened {
            cluster: shared.cluster.uid,
            incarnation,
            stream: id,
            client: client.clone(),
            claimed: (!fresh).then_some(version),
            at_us,
        });
        Self {
            shared: shared.clone(),
            id,
            client,
            prefix,
            incarnation,
            claimed: cursor,
            cursor,
            sent: cursor,
            sent_at_us: at_us,
            initial,
            timeout: Duration::from_secs(asked.timeout_seconds.filter(|s| *s > 0).unwrap_or(DEFAULT_TIMEOUT_S)),
            sender,
            changed: shared.changed.listen(),
            cut: shared.cut.listen(),
            injected: shared.injected.subscribe(),
        }
    }

    async fn run(mut self) {
        let deadline = Instant::now() + self.timeout;
        let end = self.serve(deadline).await;
        self.shared.ledger.append(Entry::StreamClosed {
            cluster: self.shared.cluster.uid,
            stream: self.id,
            sent: self.sent,
            sent_at_us: self.sent_at_us,
            at_us: self.shared.clock.now_us(),
            end,
        });
    }

    async fn serve(&mut self, deadline: Instant) -> StreamEnd {
        let initial = std::mem::take(&mut self.initial);
        if !initial.is_empty()
            && let Some(end) = self.send(initial, self.cursor, deadline).await
        {
            return end;
        }
        loop {
            self.changed.mark_seen();
            let ended = match self.step() {
                Step::Send { chunk, upto, pause } => {
                    let ended = self.send(chunk.into(), upto, deadline).await;
                    if ended.is_none() && !pause.is_zero() { self.wait(deadline, Some(pause)).await } else { ended }
                }
                Step::Skip => None,
                Step::Wait => self.wait(deadline, None).await,
                Step::Expired(status) => {
                    self.expire();
                    let _ = self.sender.send(Ok(error_frame(&status))).await;
                    Some(StreamEnd::Expired)
                }
            };
            match ended {
                Some(StreamEnd::Cut) => return self.break_off().await,
                Some(end) => return end,
                None => {}
            }
        }
    }

    fn expire(&self) {
        let mut state = self.shared.lock();
        state.reckoning.expired(&self.client, self.incarnation, self.claimed, self.shared.clock.now_us());
    }

    fn step(&mut self) -> Step {
        let shared = self.shared.clone();
        let mut state = shared.lock();
        let pause = state.knobs.frame_pause;
        let limit = if pause.is_zero() { BATCH } else { 1 };
        match state.storage.changes_after(self.cursor, &self.prefix, limit) {
            Err(Compacted) => {
                Step::Expired(Status::new(410, "Expired", "The resourceVersion for the provided watch is too old."))
            }
            Ok((changes, seen)) if changes.is_empty() => {
                self.cursor = seen;
                Step::Wait
            }
            Ok((changes, seen)) => {
                let (mut chunk, mut upto) = (Vec::new(), seen);
                for change in &changes {
                    upto = change.resource_version();
                    if !self.drops(&mut state, change) {
                        frame(&mut chunk, change.verb, &change.object);
                    }
                    if chunk.len() >= CHUNK_BYTES {
                        break;
                    }
                }
                if chunk.is_empty() {
                    self.cursor = upto;
                    return Step::Skip;
                }
                Step::Send { chunk, upto, pause }
            }
        }
    }

    /// Decides whether to lose this frame without a word; if so, the ledger hears of it.
    fn drops(&self, state: &mut State, change: &Change) -> bool {
        let share = state.knobs.drop_share;
        if share <= 0.0 || !state.random.random_bool(share.min(1.0)) {
            return false;
        }
        if change.verb != Verb::Deleted {
            let at_us = self.shared.clock.now_us();
            let lost = vec![self.shared.state_id(state, change.object.uid, change.resource_version())];
            self.shared.ledger.append(Entry::Lost(Loss {
                cluster: self.shared.cluster.uid,
                client: self.client.clone(),
                cause: LossCause::Dropped,
                from_us: change.object.at_us,
                to_us: at_us,
                claimed: self.claimed,
                sent: self.sent,
                lost,
                at_risk: Vec::new(),
            }));
        }
        true
    }

    /// Hands a chunk to the body; answers how the stream ended, if it did.
    async fn send(&mut self, chunk: Bytes, upto: u64, deadline: Instant) -> Option<StreamEnd> {
        tokio::select! {
            // In this order, or a storm would keep a stream alive for ever.
            biased;
            () = self.cut.changed() => return Some(StreamEnd::Cut),
            () = self.shared.stopped.cancelled() => return Some(StreamEnd::Cut),
            () = tokio::time::sleep_until(deadline) => return Some(StreamEnd::Timeout),
            taken = self.sender.send(Ok(chunk)) => if taken.is_err() { return Some(StreamEnd::Client) },
        }
        self.cursor = upto;
        self.sent = upto;
        self.sent_at_us = self.shared.clock.now_us();
        self.shared.lock().reckoning.sent(&self.client, self.id, upto, self.sent_at_us);
        None
    }

    /// Waits for something to do, or for the end of a pause.
    async fn wait(&mut self, deadline: Instant, pause: Option<Duration>) -> Option<StreamEnd> {
        let until = pause.map_or(deadline, |pause| deadline.min(Instant::now() + pause));
        let line = tokio::select! {
            biased;
            () = self.cut.changed() => return Some(StreamEnd::Cut),
            () = self.shared.stopped.cancelled() => return Some(StreamEnd::Cut),
            () = self.sender.closed() => return Some(StreamEnd::Client),
            () = tokio::time::sleep_until(until) => return (until == deadline).then_some(StreamEnd::Timeout),
            line = self.injected.recv() => line.ok(),
            () = self.changed.changed(), if pause.is_none() => None,
        };
        let sent = self.sender.send(Ok(line?)).await;
        sent.err().map(|_| StreamEnd::Client)
    }

    /// Breaks the connection, in the midst of a frame if asked to.
    async fn break_off(&mut self) -> StreamEnd {
        let how = self.cut.value();
        if how == Cut::MidFrame {
            let half =
                Bytes::from_static(br#"{"type":"MODIFIED","object":{"kind":"Event","apiVersion":"v1","metadata":{"na"#);
            let _ = self.sender.send(Ok(half)).await;
            // Room in the channel means that the half frame is on its way.
            let _ = self.sender.reserve().await.map(drop);
        }
        let _ = self.sender.send(Err(io::ErrorKind::ConnectionReset.into())).await;
        StreamEnd::Cut
    }
}

/// The present state as ADDED frames, for watches that name no version; counts as a full list.
fn initial(shared: &Shared, state: &mut State, prefix: &str, asked: &Asked, client: &str) -> Bytes {
    let mut out = Vec::new();
    let wanted = asked.send_initial_events != "false";
    if let Ok(page) = state.storage.list(prefix, 0, None)
        && wanted
    {
        for object in &page.items {
            frame(&mut out, Verb::Added, object);
        }
        if is_true(&asked.send_initial_events) && is_true(&asked.allow_watch_bookmarks) {
            let line = format!(
                r#"{{"type":"BOOKMARK","object":{{"kind":"Event","apiVersion":"v1","metadata":{{"resourceVersion":"{}","annotations":{{"k8s.io/initial-events-end":"true"}}}}}}}}"#,
                page.resource_version
            );
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
        if prefix.is_empty() {
            note_listed(shared, state, client, &page);
        }
    }
    out.into()
}

fn frame(out: &mut Vec<u8>, verb: Verb, object: &Stored) {
    out.extend_from_slice(match verb {
        Verb::Added => br#"{"type":"ADDED","object":"#.as_slice(),
        Verb::Modified => br#"{"type":"MODIFIED","object":"#.as_slice(),
        Verb::Deleted => br#"{"type":"DELETED","object":"#.as_slice(),
    });
    out.extend_from_slice(&object.json);
    out.extend_from_slice(b"}\n");
}

fn error_frame(status: &Status) -> Bytes {
    let mut line = serde_json::json!({ "type": "ERROR", "object": status.body() }).to_string();
    line.push('\n');
    line.into()
}
