//! States of Events into rows of `kube_event`.
//!
//! What has been seen is dropped before anything is counted from it. Rows go to one block per month of the Event's time,
//! the table's partition, so that each block is one part.

use std::collections::BTreeMap;

use beidou_log::StoredRecord;
use beidou_model::dedup::{RecentStates, StateKey, Verdict, WindowSpan};
use beidou_schemas::{
    Micros, TopicPartition,
    envelope::{EventEnvelope, counted},
    kube_event::{EventState, column_uuid, decode, pattern_into},
};

use super::{
    CutRange, Encoded,
    column::{Column, rows},
    reject::Rejects,
};
use crate::error::{ProjectorError, chain};

/// The table.
pub const TABLE: &str = "kube_event";

rows! {
    /// Rows of `kube_event`.
    EventRows {
        cluster_uid: Text,
        cluster: Text,
        epoch: UInt32,
        event_uid: Uid,
        resource_version: UInt64,
        time: Time,
        time_flags: UInt8,
        observed: Time,
        found_by: Enum,
        occurrences: UInt32,
        occurrences_delta: UInt32,
        r#type: Text,
        reason: Text,
        action: Text,
        message: Text,
        pattern: Text,
        kind: Text,
        namespace: Text,
        name: Text,
        object_uid: Uid,
        object_api_version: Text,
        object_resource_version: UInt64,
        field_path: Text,
        component: Text,
        host: Text,
        reporting_component: Text,
        reporting_instance: Text,
        node: Text,
        meta_name: Text,
        meta_namespace: Text,
        creation_time: Time,
        first_time: Time,
        last_time: Time,
        event_time: Time,
        series_time: Time,
        count: Int32,
        series_count: Int32,
        shape: UInt64,
        residual: Text,
        log_partition: UInt16,
        log_offset: UInt64,
    }
}

/// Encodes one partition of the event topic.
#[derive(Debug)]
pub struct EventEncoder {
    at: TopicPartition,
    window: u32,
    seen: RecentStates,
    span: WindowSpan,
}

/// A record, decoded.
struct Decoded<'a> {
    envelope: EventEnvelope,
    state: EventState<'a>,
    key: StateKey,
}

impl EventEncoder {
    /// An encoder that has seen nothing.
    pub fn new(at: TopicPartition, window: u32) -> Self {
        Self { at, window, seen: RecentStates::new(window), span: WindowSpan::new(window) }
    }

    pub(super) fn memory(&self) -> u64 {
        self.window.into()
    }

    pub(super) fn remember(&mut self, records: &[StoredRecord]) {
        for stored in records {
            if let Ok(Decoded { envelope, state, key }) = read(stored) {
                self.span.note(stored.offset, envelope.observed);
                self.seen.observe(stored.offset, key, state.occurrences());
            }
        }
    }

    pub(super) fn encode(&mut self, range: CutRange, records: &[StoredRecord]) -> Result<Encoded, ProjectorError> {
        let (mut out, mut rejects) = (Encoded::default(), Rejects::default());
        let mut months: BTreeMap<u32, EventRows> = BTreeMap::new();
        let mut template = String::new();
        for stored in records {
            let decoded = match read(stored) {
                Ok(decoded) => decoded,
                Err(detail) => {
                    rejects.put_record(self.at, stored, &detail);
                    continue;
                }
            };
            out.observed = out.observed.max(decoded.envelope.observed);
            self.span.note(stored.offset, decoded.envelope.observed);
            match self.seen.observe(stored.offset, decoded.key, decoded.state.occurrences()) {
                Verdict::Duplicate => out.duplicates += 1,
                Verdict::New { delta } => {
                    // What the table had before the import counts as seen, however long ago that was.
                    let delta = delta.min(decoded.state.occurrences().saturating_sub(counted(&stored.record)));
                    out.rows += 1;
                    let (time, flags) = decoded.state.time(decoded.envelope.observed);
                    // Nearly always one month: the first one gets room for all records.
                    let room = if months.is_empty() { records.len() } else { 0 };
                    let rows = months.entry(time.year_month()).or_insert_with(|| EventRows::with_room(room));
                    pattern_into(&decoded.state.message, &mut template);
                    rows.pattern.put(&template);
                    rows.put(&decoded, (time, flags.0), delta);
                    rows.log_partition.put(self.at.partition as u16);
                    rows.log_offset.put(stored.offset);
                }
            }
        }
        for (month, rows) in months {
            let batch = rows.finish().map_err(beidou_store::StoreError::Encode)?;
            out.blocks.push(range.block(TABLE, &month.to_string(), &batch)?);
            out.archive.push(batch);
        }
        rejects.finish(range, &mut out)?;
        out.window_span = self.span.micros();
        Ok(out)
    }
}

/// Decodes a record; an error is a text for people, kept with the reject.
fn read(stored: &StoredRecord) -> Result<Decoded<'_>, String> {
    let record = &stored.record;
    let envelope = EventEnvelope::read(record).map_err(|error| error.to_string())?;
    if !envelope.observed.in_column() {
        return Err(format!("observed at {}, outside of 1970 to 2299", envelope.observed));
    }
    let state = decode(&record.value).map_err(|error| chain(&error))?;
    let identity = &envelope.identity;
    if (column_uuid(&identity.event), identity.resource_version.0) != (state.uid, state.resource_version) {
        let (uid, version) = (state.uid, state.resource_version);
        return Err(format!("the envelope says {}, the value {uid}.{version}", identity.id()));
    }
    let key = StateKey::new(&identity.cluster, identity.epoch, state.uid, state.resource_version);
    Ok(Decoded { envelope, state, key })
}

impl EventRows {
    fn put(&mut self, decoded: &Decoded<'_>, (time, flags): (Micros, u8), delta: u32) {
        let Decoded { envelope, state, .. } = decoded;
        self.cluster_uid.put(envelope.identity.cluster.as_str());
        self.cluster.put(&envelope.cluster_name);
        self.epoch.put(envelope.identity.epoch.0);
        self.event_uid.put(state.uid);
        self.resource_version.put(state.resource_version);
        self.time.put(time);
        self.time_flags.put(flags);
        self.observed.put(envelope.observed);
        self.found_by.put(envelope.found_by.number());
        self.occurrences.put(state.occurrences());
        self.occurrences_delta.put(delta);
        self.r#type.put(&state.event_type);
        self.reason.put(&state.reason);
        self.action.put(&state.action);
        self.message.put(&state.message);
        self.residual.put(&state.residual);
        self.shape.put(state.shape.0);
        self.node.put(state.node());
        self.put_object(state);
        self.put_reporter(state);
        self.put_times(state);
    }

    fn put_object(&mut self, state: &EventState<'_>) {
        self.kind.put(&state.object_kind);
        self.namespace.put(&state.object_namespace);
        self.name.put(&state.object_name);
        self.object_uid.put(state.object_uid);
        self.object_api_version.put(&state.object_api_version);
        self.object_resource_version.put(state.object_version);
        self.field_path.put(&state.object_field_path);
    }

    fn put_reporter(&mut self, state: &EventState<'_>) {
        self.component.put(&state.source_component);
        self.host.put(&state.source_host);
        self.reporting_component.put(&state.reporting_component);
        self.reporting_instance.put(&state.reporting_instance);
        self.meta_name.put(&state.name);
        self.meta_namespace.put(&state.namespace);
    }

    fn put_times(&mut self, state: &EventState<'_>) {
        self.creation_time.put(state.creation);
        self.first_time.put(state.first);
        self.last_time.put(state.last);
        self.event_time.put(state.event_time);
        self.series_time.put(state.series_time);
        self.count.put(state.count);
        self.series_count.put(state.series_count);
    }
}
