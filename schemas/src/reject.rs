//! Facts on `beidou.kube.reject.v1`: frames that could not be decoded, kept as they came, up to a bound.
//!
//! The value is the raw frame; what is known of it stands in the headers `ce_clustername`, `ce_reason`, `ce_detail`
//! and `ce_framebytes` (the frame's full length).

use bytes::Bytes;

use crate::{ClusterUid, EventUid, Micros, Record, Topic, envelope::fact, numbered::numbered};

numbered! {
    /// Why a frame was rejected.
    pub enum RejectReason {
        /// Not JSON, or not UTF-8.
        NotJson = 1 => "not_json",
        /// JSON, but not a watch frame.
        NotAFrame = 2 => "not_a_frame",
        /// A frame whose object has no usable uid or resourceVersion, or is not an Event.
        NotAnEvent = 3 => "not_an_event",
        /// Larger than a frame may be; only its head was kept.
        TooLarge = 4 => "too_large",
        /// A record of the event topic that the projector could not decode.
        Record = 5 => "record",
    }
}

/// At most so much of a frame is kept: etcd refuses objects above 1.5 MiB, so a whole Event always fits.
pub const MAX_KEPT_BYTES: usize = 2 << 20;
/// At most so much of an error's text is kept.
const MAX_DETAIL_BYTES: usize = 1024;

/// What is kept of an error's text.
pub fn kept(detail: &str) -> &str {
    &detail[..detail.floor_char_boundary(MAX_DETAIL_BYTES)]
}

/// A rejected frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The cluster that sent it.
    pub cluster: ClusterUid,
    /// Its name at that time.
    pub cluster_name: String,
    /// When it came.
    pub observed: Micros,
    /// Why it was rejected.
    pub reason: RejectReason,
    /// What the decoder said.
    pub detail: String,
    /// The frame's full length in bytes.
    pub frame_bytes: u64,
    /// The frame, or its head.
    pub frame: Bytes,
}

impl Reject {
    /// The record to append. `id` must be new for each fact.
    pub fn to_record(&self, id: &EventUid) -> Record {
        let frame = self.frame.slice(..self.frame.len().min(MAX_KEPT_BYTES));
        let more = [
            ("ce_clustername", self.cluster_name.as_str()),
            ("ce_reason", self.reason.name()),
            ("ce_detail", kept(&self.detail)),
            ("ce_framebytes", &self.frame_bytes.to_string()),
        ];
        let key = self.cluster.as_str();
        fact(Topic::KubeReject, id.as_str(), key, self.observed, ("application/octet-stream", frame), &more)
    }

    /// Reads a record of the topic; `None` where a header is missing or malformed.
    pub fn from_record(record: &Record) -> Option<Self> {
        Some(Self {
            cluster: record.header("ce_partitionkey")?.parse().ok()?,
            cluster_name: record.header("ce_clustername")?.into(),
            observed: Micros::parse(record.header("ce_time")?)?,
            reason: record.header("ce_reason")?.parse().ok()?,
            detail: record.header("ce_detail")?.into(),
            frame_bytes: record.header("ce_framebytes")?.parse().ok()?,
            frame: record.value.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote() {
        let reject = Reject {
            cluster: "c".parse().unwrap(),
            cluster_name: "one".into(),
            observed: Micros(1_795_444_800_000_000),
            reason: RejectReason::NotJson,
            detail: "expected value at line 1 column 1".into(),
            frame_bytes: 3,
            frame: Bytes::from_static(b"\xff{}"),
        };
        let record = reject.to_record(&"r-1".parse().unwrap());
        insta::assert_debug_snapshot!(record);
        assert_eq!(Reject::from_record(&record).unwrap(), reject);
    }
}
