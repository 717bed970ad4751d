//! The known fields of an Event, and the shape: which of them an Event has, and where each one is kept.

use crate::numbered::numbered;

numbered! {
    /// A known field. The number is its place in the shape; it never changes.
    pub enum Field {
        /// `kind`, always `Event` when in its column.
        Kind = 0 => "kind",
        /// `apiVersion`, always `v1` when in its column.
        ApiVersion = 1 => "apiVersion",
        /// `metadata`, an object.
        Metadata = 2 => "metadata",
        /// `metadata.name`.
        MetaName = 3 => "metadata.name",
        /// `metadata.namespace`.
        MetaNamespace = 4 => "metadata.namespace",
        /// `metadata.uid`.
        MetaUid = 5 => "metadata.uid",
        /// `metadata.resourceVersion`.
        MetaVersion = 6 => "metadata.resourceVersion",
        /// `metadata.creationTimestamp`.
        MetaCreation = 7 => "metadata.creationTimestamp",
        /// `involvedObject`, an object.
        Object = 8 => "involvedObject",
        /// `involvedObject.kind`.
        ObjectKind = 9 => "involvedObject.kind",
        /// `involvedObject.namespace`.
        ObjectNamespace = 10 => "involvedObject.namespace",
        /// `involvedObject.name`.
        ObjectName = 11 => "involvedObject.name",
        /// `involvedObject.uid`.
        ObjectUid = 12 => "involvedObject.uid",
        /// `involvedObject.apiVersion`.
        ObjectApiVersion = 13 => "involvedObject.apiVersion",
        /// `involvedObject.resourceVersion`.
        ObjectVersion = 14 => "involvedObject.resourceVersion",
        /// `involvedObject.fieldPath`.
        ObjectFieldPath = 15 => "involvedObject.fieldPath",
        /// `reason`.
        Reason = 16 => "reason",
        /// `message`.
        Message = 17 => "message",
        /// `source`, an object.
        Source = 18 => "source",
        /// `source.component`.
        SourceComponent = 19 => "source.component",
        /// `source.host`.
        SourceHost = 20 => "source.host",
        /// `firstTimestamp`.
        First = 21 => "firstTimestamp",
        /// `lastTimestamp`.
        Last = 22 => "lastTimestamp",
        /// `count`.
        Count = 23 => "count",
        /// `type`.
        Type = 24 => "type",
        /// `eventTime`.
        EventTime = 25 => "eventTime",
        /// `series`, an object.
        Series = 26 => "series",
        /// `series.count`.
        SeriesCount = 27 => "series.count",
        /// `series.lastObservedTime`.
        SeriesTime = 28 => "series.lastObservedTime",
        /// `action`.
        Action = 29 => "action",
        /// `reportingComponent`.
        ReportingComponent = 30 => "reportingComponent",
        /// `reportingInstance`.
        ReportingInstance = 31 => "reportingInstance",
    }
}

/// Where a known field of one Event is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The Event does not have it.
    Absent,
    /// The Event has it as `null`.
    Null,
    /// In its column (an object: in the columns of its members).
    Column,
    /// In the residual.
    Residual,
}

/// Two bits for each of the 32 known fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Shape(pub u64);

impl Shape {
    /// Where the field is kept.
    pub fn get(self, field: Field) -> Presence {
        match self.0 >> (2 * field.number()) & 3 {
            0 => Presence::Absent,
            1 => Presence::Null,
            2 => Presence::Column,
            _ => Presence::Residual,
        }
    }

    /// Notes where the field is kept.
    pub fn set(&mut self, field: Field, presence: Presence) {
        let bits: u64 = match presence {
            Presence::Absent => 0,
            Presence::Null => 1,
            Presence::Column => 2,
            Presence::Residual => 3,
        };
        let at = 2 * field.number();
        self.0 = self.0 & !(3 << at) | bits << at;
    }
}

impl Field {
    /// How Kubernetes writes a time in this field: `metav1.Time` (seconds) or `metav1.MicroTime` (six digits).
    pub(super) fn time_text(self, time: crate::Micros) -> Option<String> {
        match self {
            Field::EventTime | Field::SeriesTime => Some(time.micros_text()),
            _ => time.seconds_text(),
        }
    }
}
