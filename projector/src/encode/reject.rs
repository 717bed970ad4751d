//! Rejected frames, and records that could not be decoded, into rows of `kube_reject`.

use std::ops::Range;

use beidou_log::StoredRecord;
use beidou_schemas::{
    ClusterUid, Micros, Offset, Topic, TopicPartition,
    reject::{Reject, RejectReason},
};

use super::{
    CutRange, Encoded,
    column::{Column, rows},
};
use crate::ProjectorError;

/// The table.
pub const TABLE: &str = "kube_reject";

rows! {
    /// Rows of `kube_reject`.
    RejectRows {
        cluster_uid: Text,
        cluster: Text,
        observed: Time,
        reason: Enum,
        detail: Text,
        frame_bytes: UInt64,
        frame: Bytes,
        topic: Text,
        log_partition: UInt16,
        log_offset: UInt64,
    }
}

/// The rejects of one cut, made when the first one comes.
#[derive(Default)]
pub struct Rejects {
    rows: Option<RejectRows>,
    /// How many there are.
    pub count: u64,
}

impl Rejects {
    /// Adds a record that could not be decoded, with what its headers say.
    pub fn put_record(&mut self, at: TopicPartition, stored: &StoredRecord, detail: &str) {
        let record = &stored.record;
        let from_source = record.header("ce_source").and_then(|source| source.strip_prefix("/clusters/"));
        // Facts of operations are of an operation, and name its cluster inside.
        let of_operations = matches!(at.topic, Topic::Operation | Topic::OperationTask);
        let from_key = record.header("ce_partitionkey").filter(|_| !of_operations);
        let cluster = from_source.or(from_key).and_then(|uid| uid.parse::<ClusterUid>().ok());
        let observed = record.header("ce_time").and_then(Micros::parse).unwrap_or_default();
        let name = record.header("ce_clustername").unwrap_or_default();
        let uid = cluster.as_ref().map_or("", ClusterUid::as_str);
        tracing::debug!(source = %at, offset = stored.offset, detail, "record rejected");
        let frame = (record.value.len() as u64, &record.value[..]);
        self.put((at, stored.offset), (uid, name), (observed, RejectReason::Record), detail, frame);
    }

    /// Adds a row for records that are gone: all that can be listed of them is where they stood.
    pub fn put_lost(&mut self, at: TopicPartition, offsets: &Range<Offset>, observed: Micros) {
        let Range { start, end } = offsets;
        let detail = format!("offsets {start}..{end} were removed from the log before they were in the tables");
        self.put((at, *start), ("", ""), (observed, RejectReason::Record), &detail, (0, &[]));
    }

    fn put(
        &mut self,
        (at, offset): (TopicPartition, Offset),
        (uid, name): (&str, &str),
        (observed, reason): (Micros, RejectReason),
        detail: &str,
        (frame_bytes, frame): (u64, &[u8]),
    ) {
        self.count += 1;
        let rows = self.rows.get_or_insert_with(|| RejectRows::with_room(1));
        rows.cluster_uid.put(uid);
        rows.cluster.put(name);
        rows.observed.put(observed);
        rows.reason.put(reason.number());
        rows.detail.put(detail);
        rows.frame_bytes.put(frame_bytes);
        rows.frame.put(frame);
        rows.topic.put(at.topic.name());
        rows.log_partition.put(at.partition as u16);
        rows.log_offset.put(offset);
    }

    /// Adds the block, if there is anything in it.
    pub fn finish(self, range: CutRange, out: &mut Encoded) -> Result<(), ProjectorError> {
        out.rejects += self.count;
        self.add_block(range, "all", out)
    }

    /// The same without counting them as rejects.
    pub fn add_block(self, range: CutRange, part: &str, out: &mut Encoded) -> Result<(), ProjectorError> {
        if let Some(rows) = self.rows {
            let batch = rows.finish().map_err(beidou_store::StoreError::Encode)?;
            out.blocks.push(range.block(TABLE, part, &batch)?);
        }
        Ok(())
    }
}

/// Encodes the reject topic.
#[derive(Debug)]
pub struct RejectEncoder {
    at: TopicPartition,
}

impl RejectEncoder {
    /// The encoder of one partition.
    pub fn new(at: TopicPartition) -> Self {
        Self { at }
    }

    pub(super) fn encode(&self, range: CutRange, records: &[StoredRecord]) -> Result<Encoded, ProjectorError> {
        let mut out = Encoded::default();
        let mut rejects = Rejects::default();
        for stored in records {
            match Reject::from_record(&stored.record) {
                Some(reject) => {
                    out.observed = out.observed.max(reject.observed);
                    out.rows += 1;
                    let named = (reject.cluster.as_str(), reject.cluster_name.as_str());
                    let what = (reject.observed, reject.reason);
                    let frame = (reject.frame_bytes, &reject.frame[..]);
                    rejects.put((self.at, stored.offset), named, what, &reject.detail, frame);
                }
                None => rejects.put_record(self.at, stored, "a reject record lacks a header, or one is malformed"),
            }
        }
        rejects.finish(range, &mut out)?;
        out.rejects -= out.rows;
        Ok(out)
    }
}
