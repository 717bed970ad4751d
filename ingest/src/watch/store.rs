//! From lines and items to the records of a batch.

use beidou_model::watch::{Comparer, EventKey};
use beidou_schemas::{
    ClusterUid, Epoch, Identity, Micros, ResourceVersion,
    envelope::{EventEnvelope, FoundBy},
    reject::{Reject, RejectReason, kept},
};
use bytes::Bytes;

use super::{
    frame::{Decoded, FrameError, FrameKind, MAX_FRAME_BYTES, State, decode},
    lines::Line,
    page::Item,
};
use crate::{
    metrics::{FrameCounters, IngestMetrics, OfKind},
    publish::Batch,
};

/// Puts what one cluster sent into batches.
pub(super) struct Store {
    pub(super) cluster: ClusterUid,
    pub(super) name: String,
    pub(super) partitions: u32,
    pub(super) metrics: IngestMetrics,
    pub(super) frames: FrameCounters,
}

/// What a frame says of an Event.
pub(super) enum Content {
    /// A state to store.
    State(State),
    /// It ended; its key, if the frame names it.
    Ended(Option<EventKey>),
    /// Nothing: a heartbeat or a bookmark.
    Nothing,
}

/// What a line means for the chain.
pub(super) enum Taken {
    /// A frame with this version.
    Frame { version: ResourceVersion, what: Content },
    /// A frame that nobody understands; what to keep of it.
    Reject(Reject),
    /// The server breaks off.
    Error { code: u16, message: String },
}

impl Store {
    pub(super) fn read(&self, line: Line, observed: Micros) -> Taken {
        let line = match line {
            Line::Whole(line) => line,
            Line::TooLong { head, length } => {
                let detail = format!("the frame has {length} bytes, the limit is {MAX_FRAME_BYTES}");
                return Taken::Reject(self.rejected(RejectReason::TooLarge, detail, length, head, observed));
            }
        };
        let (counter, taken) = match decode(&line) {
            Ok(Decoded::State(kind, state)) => {
                let counter = match kind {
                    FrameKind::Added => &self.frames.added,
                    FrameKind::Modified => &self.frames.modified,
                };
                (counter, Taken::Frame { version: state.version, what: Content::State(state) })
            }
            Ok(Decoded::Heartbeat(version)) => {
                (&self.frames.heartbeat, Taken::Frame { version, what: Content::Nothing })
            }
            Ok(Decoded::Deleted(event, version)) => (
                &self.frames.deleted,
                Taken::Frame { version, what: Content::Ended(event.as_ref().map(EventKey::from)) },
            ),
            Ok(Decoded::Bookmark(version)) => (&self.frames.bookmark, Taken::Frame { version, what: Content::Nothing }),
            Ok(Decoded::Error { code, message }) => (&self.frames.error, Taken::Error { code, message }),
            Err(error) => (&self.frames.undecodable, Taken::Reject(self.not_understood(&error, line, observed))),
        };
        counter.inc();
        taken
    }

    pub(super) fn push(&self, batch: &mut Batch, state: State, epoch: Epoch, observed: Micros, found_by: FoundBy) {
        let identity =
            Identity { cluster: self.cluster.clone(), epoch, event: state.uid, resource_version: state.version };
        let envelope = EventEnvelope { identity, cluster_name: self.name.clone(), observed, found_by };
        let record = envelope.wrap(state.json);
        batch.push(&envelope, record, self.partitions);
    }

    /// The items of a page that are not known to be in the log. Returns how many were left out.
    pub(super) fn push_items(
        &self,
        batch: &mut Batch,
        items: Vec<Item>,
        known: &Comparer,
        epoch: Epoch,
        observed: Micros,
    ) -> u64 {
        let mut left_out = 0;
        for item in items {
            match item {
                Item::State(state) if known.has((&state.uid).into(), state.version) => left_out += 1,
                Item::State(state) => self.push(batch, state, epoch, observed, FoundBy::List),
                Item::Heartbeat => {}
                Item::Rejected(error, bytes) => batch.reject(&self.not_understood(&error, bytes, observed)),
            }
        }
        left_out
    }

    fn not_understood(&self, error: &FrameError, bytes: Bytes, observed: Micros) -> Reject {
        let length = bytes.len() as u64;
        self.rejected(error.reason(), super::chain(error), length, bytes, observed)
    }

    fn rejected(
        &self,
        reason: RejectReason,
        mut detail: String,
        length: u64,
        frame: Bytes,
        observed: Micros,
    ) -> Reject {
        // An error may quote what a server has sent.
        detail.truncate(kept(&detail).len());
        let label = OfKind { cluster: self.name.clone(), kind: reason.name() };
        self.metrics.rejects.get_or_create(&label).inc();
        tracing::warn!(cluster = %self.name, reason = reason.name(), %detail, bytes = length, "a frame was rejected");
        Reject {
            cluster: self.cluster.clone(),
            cluster_name: self.name.clone(),
            observed,
            reason,
            detail,
            frame_bytes: length,
            frame,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_frame_is_bounded() {
        let metrics = IngestMetrics::default();
        let frames = metrics.frames_of("one");
        let store = Store { cluster: "c".parse().unwrap(), name: "one".into(), partitions: 1, metrics, frames };
        let long = "é".repeat(1 << 20);
        let taken = store.read(Line::Whole(format!(r#"{{"type":"{long}","object":{{}}}}"#).into()), Micros(0));
        let Taken::Reject(reject) = taken else { panic!("no server sends that type") };
        assert!(reject.reason == RejectReason::NotAFrame && reject.detail.starts_with("the frame's type \"éé"));
        assert!((1000..=1024).contains(&reject.detail.len()), "{}", reject.detail.len());
    }
}
