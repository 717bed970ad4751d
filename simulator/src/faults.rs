//! Faults on purpose, while the server runs. Each stands in the oracle's ledger before it takes effect.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use uuid::Uuid;

use crate::oracle::{Entry, Verb};
use crate::server::shared::Shared;

mod oddity;

pub use oddity::Oddity;

/// How to break a watch stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Between two frames.
    Clean,
    /// In the midst of a frame, that is after some bytes of one.
    MidFrame,
}

/// How a 410 for a watch is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Expiry {
    /// As the status of the answer.
    HttpStatus,
    /// As an ERROR frame in an answer with status 200, which is what real servers do for Events.
    #[default]
    ErrorFrame,
}

/// An error that requests are answered by, whatever they ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Refusal {
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 429.
    TooManyRequests,
    /// 500.
    #[default]
    InternalError,
    /// 503.
    Unavailable,
}

/// The handle that causes faults; clones act on the same server.
#[derive(Clone)]
pub struct Faults {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Faults").field("cluster", &self.shared.cluster.name).finish()
    }
}

impl Faults {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Breaks all running watch streams.
    pub fn cut_streams(&self, cut: Cut) {
        self.shared.note_fault(format!("cut streams, {cut:?}"));
        self.shared.cut.change(|how| *how = cut);
    }

    /// Breaks all connections, whatever they are at.
    pub fn cut_connections(&self) {
        self.shared.note_fault("cut connections".to_owned());
        let mut state = self.shared.lock();
        self.shared.break_connections(&mut state);
    }

    /// Forgets all history up to and including `resource_version`; answers the new floor.
    pub fn compact_to(&self, resource_version: u64) -> u64 {
        let mut state = self.shared.lock();
        let floor = state.storage.compact(resource_version);
        self.shared.note_fault(format!("compacted to {floor}"));
        drop(state);
        self.shared.wake();
        floor
    }

    /// Forgets all history up to now. A stream that has got everything goes on.
    pub fn compact_now(&self) -> u64 {
        self.compact_to(u64::MAX)
    }

    /// Sets how a 410 for a watch is told from now on.
    pub fn tell_expiry_by(&self, expiry: Expiry) {
        self.shared.lock().knobs.expiry = expiry;
    }

    /// Answers the next `times` watches by 410, whatever they ask for.
    pub fn expire_next_watches(&self, times: u32, expiry: Expiry) {
        self.shared.note_fault(format!("expire the next {times} watches by {expiry:?}"));
        let mut state = self.shared.lock();
        state.knobs.expire_watches = times;
        state.knobs.expiry = expiry;
    }

    /// Answers the next `times` lists (or pages of lists) by HTTP 410.
    pub fn expire_next_lists(&self, times: u32) {
        self.shared.note_fault(format!("expire the next {times} lists"));
        self.shared.lock().knobs.expire_lists = times;
    }

    /// Answers the next `times` watches by an empty 200.
    pub fn empty_next_watches(&self, times: u32) {
        self.shared.note_fault(format!("empty the next {times} watches"));
        self.shared.lock().knobs.empty_watches = times;
    }

    /// Lets every request wait this long before it is answered; zero ends it.
    pub fn delay_responses(&self, delay: Duration) {
        self.shared.note_fault(format!("delay responses by {delay:?}"));
        self.shared.lock().knobs.delay = delay;
    }

    /// Sends one frame at a time with this pause after each; zero ends it.
    pub fn slow_frames(&self, pause: Duration) {
        self.shared.note_fault(format!("pause {pause:?} after each frame"));
        self.shared.lock().knobs.frame_pause = pause;
    }

    /// Loses this share of all frames without a word, as etcd once did; zero ends it.
    pub fn drop_frames(&self, share: f64) {
        self.shared.note_fault(format!("drop {share} of all frames"));
        self.shared.lock().knobs.drop_share = share;
    }

    /// Answers the next `times` requests by this error.
    pub fn refuse_next(&self, times: u32, refusal: Refusal) {
        self.shared.note_fault(format!("refuse the next {times} requests by {refusal:?}"));
        let mut state = self.shared.lock();
        state.knobs.refusals = times;
        state.knobs.refusal = refusal;
    }

    /// Breaks all connections and resets new ones at once, until [`Faults::accept_connections`]. The port stays bound,
    /// so that nobody else can take it; a client sees a reset where a dead server would refuse.
    pub fn refuse_connections(&self) {
        self.shared.note_fault("refuse connections".to_owned());
        let mut state = self.shared.lock();
        state.knobs.door_shut = true;
        self.shared.break_connections(&mut state);
    }

    /// Opens the door again.
    pub fn accept_connections(&self) {
        self.shared.note_fault("accept connections".to_owned());
        self.shared.lock().knobs.door_shut = false;
    }

    /// Comes back as after the restore of an etcd snapshot taken at `to`: later states are forgotten, the counter goes
    /// on from there, a new incarnation begins, all connections break. Answers where it stands, which is never below
    /// the compaction floor.
    ///
    /// As with real servers, a client that comes back with a position from before is not told; if the counter has
    /// passed that position meanwhile, it cannot even see it.
    pub fn restart_with_lower_rv(&self, to: u64) -> u64 {
        let mut state = self.shared.lock();
        state.reckoning.restored();
        let at = state.storage.restore(to);
        state.next_floor = state.next_floor.min(at);
        self.shared.note_fault(format!("restarted with lower resourceVersion {at}"));
        let at_us = self.shared.clock.now_us();
        let carried: Vec<_> = state.storage.objects().map(|object| (object.uid, object.resource_version)).collect();
        for (uid, resource_version) in carried {
            let id = self.shared.state_id(&state, uid, resource_version);
            state.reckoning.committed(&id, at_us);
            self.shared.ledger.append(Entry::Committed {
                state: id,
                at_us,
                verb: Verb::Added,
                count: 0,
                carried: true,
            });
        }
        self.shared.break_connections(&mut state);
        self.shared.cut.change(|how| *how = Cut::Clean);
        at
    }

    /// Losses that have begun and that no list has settled yet.
    #[must_use]
    pub fn unsettled_losses(&self) -> usize {
        self.shared.lock().reckoning.unsettled()
    }

    /// Watch streams that run now.
    #[must_use]
    pub fn running_streams(&self) -> usize {
        self.shared.cut.listeners()
    }

    /// Commits a strange but legal Event; answers its uid and resourceVersion.
    pub fn commit_odd(&self, oddity: Oddity) -> (Uuid, u64) {
        self.shared.note_fault(format!("commit {oddity:?}"));
        oddity.commit(&self.shared)
    }

    /// Sends a line as it is to all running streams, once they are idle; it is no state of any Event. Answers how many
    /// streams will get it.
    pub fn send_line(&self, line: &[u8]) -> usize {
        self.shared.note_fault(format!("send a raw line of {} bytes", line.len()));
        let mut bytes = line.to_vec();
        bytes.push(b'\n');
        self.shared.injected.send(Bytes::from(bytes)).unwrap_or(0)
    }

    /// Sends half a frame with its line end, which no parser can read.
    pub fn send_broken_frame(&self) -> usize {
        self.send_line(br#"{"type":"ADDED","object":{"kind":"Event","apiVersion":"v1","metadata":{"name":"broken"#)
    }

    /// Sends a frame whose message is not UTF-8.
    pub fn send_invalid_utf8_frame(&self) -> usize {
        let resource_version = {
            let mut state = self.shared.lock();
            state.storage.resource_version = state.next_resource_version();
            state.storage.resource_version
        };
        let event = json!({
            "type": "ADDED",
            "object": {
                "kind": "Event", "apiVersion": "v1",
                "metadata": {
                    "name": "invalid-utf8.1", "namespace": "default", "uid": Uuid::from_u128(0xbad),
                    "resourceVersion": resource_version.to_string(),
                },
                "involvedObject": { "kind": "Pod", "namespace": "default", "name": "invalid-utf8" },
                "reason": "Strange", "message": "#", "type": "Normal",
            },
        });
        let mut line = event.to_string().into_bytes();
        if let Some(at) = line.iter().position(|byte| *byte == b'#') {
            line[at] = 0xff;
        }
        self.send_line(&line)
    }
}

impl Refusal {
    pub(crate) fn status(self, user: &str) -> crate::server::Refused {
        let (code, reason, message) = match self {
            Self::Unauthorized => (401, "Unauthorized", "Unauthorized".to_owned()),
            Self::Forbidden => (403, "Forbidden", format!("forbidden: User \"{user}\" cannot do this")),
            Self::TooManyRequests => (429, "TooManyRequests", "Too many requests, please try again later.".to_owned()),
            Self::InternalError => {
                (500, "InternalError", "Internal error occurred: etcdserver: request timed out".to_owned())
            }
            Self::Unavailable => (503, "ServiceUnavailable", "apiserver is shutting down".to_owned()),
        };
        crate::server::Refused::new(code, reason, message)
    }
}
