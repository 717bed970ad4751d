//! A state of an Event as lists and tails show it: from a row of the table, or from a record of the log.

use beidou_log::StoredRecord;
use beidou_schemas::{
    Micros,
    envelope::{EventEnvelope, FoundBy},
    kube_event::{EventState, TimeFlags, decode},
};
use beidou_store::query::EventRow;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A longer message is cut in lists; the whole one stands among the Event's states.
const LONGEST_MESSAGE: usize = 64 * 1024;

/// One state of a Kubernetes Event. An Event that repeats has several states; each stands for itself.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventItem {
    /// `epoch.uid.resourceVersion`: unique within the cluster, the same for ever. To tell repetitions on a live tail.
    pub id: String,
    /// The cluster's name when the state was observed.
    pub cluster: String,
    /// The cluster's uid.
    pub cluster_uid: String,
    /// The life of the cluster's etcd: grows when it was restored from a backup.
    pub epoch: u32,
    /// `metadata.uid` of the Event.
    #[schema(value_type = String, format = "uuid")]
    pub uid: Uuid,
    /// `metadata.resourceVersion` of the Event.
    pub resource_version: String,
    /// When it happened: series.lastObservedTime, else lastTimestamp, eventTime, firstTimestamp, creationTimestamp.
    #[schema(value_type = String, format = DateTime)]
    pub time: Micros,
    /// What is odd about the Event's times: `none_given`, `future`, `past` (`time` is then the time of observation),
    /// `unreadable`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub time_flags: Vec<&'static str>,
    /// When Beidou saw it.
    #[schema(value_type = String, format = DateTime)]
    pub observed: Micros,
    /// `watch`, `list` (found after a break), `seed` (made by a demonstration), `import` (read from a dump).
    #[schema(value_type = String)]
    pub found_by: &'static str,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Machine-readable reason.
    pub reason: String,
    /// What was done.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub action: String,
    /// For people.
    pub message: String,
    /// Only the first 64 KiB of the message are here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub message_cut: bool,
    /// Kind of the involved object.
    pub kind: String,
    /// Its namespace; empty for a cluster-scoped object.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    pub object_uid: Option<Uuid>,
    /// The part of it, such as `spec.containers{app}`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field_path: String,
    /// `source.component`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub component: String,
    /// `source.host`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// `reportingComponent`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reporting_component: String,
    /// `reportingInstance`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reporting_instance: String,
    /// The node concerned: the involved Node, else `source.host`, else the instance of a reporting kubelet.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// How often it has happened so far: `series.count`, else `count`, else 1.
    pub occurrences: u32,
    /// How often since the states stored before: adds up over states. Not on live tails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurrences_new: Option<u32>,
    /// Name of the Event object.
    pub event_name: String,
    /// Namespace of the Event object.
    pub event_namespace: String,
}

impl EventItem {
    pub(crate) fn of_row(row: EventRow) -> Self {
        let (message, message_cut) = cut(row.message);
        Self {
            id: id(row.epoch, row.event_uid, row.resource_version),
            cluster: row.cluster,
            cluster_uid: row.cluster_uid,
            epoch: row.epoch,
            uid: row.event_uid,
            resource_version: row.resource_version.to_string(),
            time: Micros(row.time),
            time_flags: flags(TimeFlags(row.time_flags)),
            observed: Micros(row.observed),
            found_by: u8::try_from(row.found_by).ok().and_then(FoundBy::from_number).map_or("unknown", FoundBy::name),
            event_type: row.event_type,
            reason: row.reason,
            action: row.action,
            message,
            message_cut,
            kind: row.kind,
            namespace: row.namespace,
            name: row.name,
            object_uid: Some(row.object_uid).filter(|uid| !uid.is_nil()),
            field_path: row.field_path,
            component: row.component,
            host: row.host,
            reporting_component: row.reporting_component,
            reporting_instance: row.reporting_instance,
            node: row.node,
            occurrences: row.occurrences,
            occurrences_new: Some(row.occurrences_delta),
            event_name: row.meta_name,
            event_namespace: row.meta_namespace,
        }
    }

    /// Decodes a record of the log.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn of_record(stored: &StoredRecord) -> Result<Self, String> {
        let envelope = EventEnvelope::read(&stored.record).map_err(|error| error.to_string())?;
        let state = decode(&stored.record.value).map_err(|error| error.to_string())?;
        Ok(Self::of_state(envelope, &state))
    }

    fn of_state(envelope: EventEnvelope, state: &EventState<'_>) -> Self {
        let (time, time_flags) = state.time(envelope.observed);
        let (message, message_cut) = cut(state.message.as_ref().into());
        Self {
            id: id(envelope.identity.epoch.0, state.uid, state.resource_version),
            cluster: envelope.cluster_name,
            cluster_uid: envelope.identity.cluster.to_string(),
            epoch: envelope.identity.epoch.0,
            uid: state.uid,
            resource_version: state.resource_version.to_string(),
            time,
            time_flags: flags(time_flags),
            observed: envelope.observed,
            found_by: envelope.found_by.name(),
            event_type: state.event_type.as_ref().into(),
            reason: state.reason.as_ref().into(),
            action: state.action.as_ref().into(),
            message,
            message_cut,
            kind: state.object_kind.as_ref().into(),
            namespace: state.object_namespace.as_ref().into(),
            name: state.object_name.as_ref().into(),
            object_uid: Some(state.object_uid).filter(|uid| !uid.is_nil()),
            field_path: state.object_field_path.as_ref().into(),
            component: state.source_component.as_ref().into(),
            host: state.source_host.as_ref().into(),
            reporting_component: state.reporting_component.as_ref().into(),
            reporting_instance: state.reporting_instance.as_ref().into(),
            node: state.node().into(),
            occurrences: state.occurrences(),
            occurrences_new: None,
            event_name: state.name.as_ref().into(),
            event_namespace: state.namespace.as_ref().into(),
        }
    }
}

fn id(epoch: u32, uid: Uuid, version: u64) -> String {
    format!("{epoch}.{uid}.{version}")
}

fn cut(mut message: String) -> (String, bool) {
    if message.len() <= LONGEST_MESSAGE {
        return (message, false);
    }
    let mut end = LONGEST_MESSAGE;
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.truncate(end);
    (message, true)
}

fn flags(flags: TimeFlags) -> Vec<&'static str> {
    let names = [
        (TimeFlags::NONE_GIVEN, "none_given"),
        (TimeFlags::FUTURE, "future"),
        (TimeFlags::PAST, "past"),
        (TimeFlags::UNREADABLE, "unreadable"),
    ];
    names.into_iter().filter(|(bit, _)| flags.0 & bit != 0).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut_between_characters() {
        assert_eq!(cut("short".into()), ("short".into(), false));
        let (message, is_cut) = cut("é".repeat(LONGEST_MESSAGE));
        assert!(is_cut && message.len() <= LONGEST_MESSAGE && message.ends_with('é'));
    }

    #[test]
    fn flags_have_names() {
        assert_eq!(flags(TimeFlags(0)), [""; 0]);
        assert_eq!(flags(TimeFlags(15)), ["none_given", "future", "past", "unreadable"]);
    }
}
