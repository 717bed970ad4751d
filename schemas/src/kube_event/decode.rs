//! JSON → columns, once, borrowed.

use std::borrow::Cow;

use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use super::{
    Field, Presence, Shape,
    json::{Members, text},
};
use crate::{Micros, time::DAY};

/// One state of an Event, in columns. Absent texts are empty, absent numbers and times 0; the shape tells them apart.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs, reason = "each field is named like the Event's field that it holds")]
pub struct EventState<'a> {
    pub name: Cow<'a, str>,
    pub namespace: Cow<'a, str>,
    pub uid: Uuid,
    pub resource_version: u64,
    pub creation: Micros,
    pub object_kind: Cow<'a, str>,
    pub object_namespace: Cow<'a, str>,
    pub object_name: Cow<'a, str>,
    pub object_uid: Uuid,
    pub object_api_version: Cow<'a, str>,
    pub object_version: u64,
    pub object_field_path: Cow<'a, str>,
    pub reason: Cow<'a, str>,
    pub message: Cow<'a, str>,
    pub source_component: Cow<'a, str>,
    pub source_host: Cow<'a, str>,
    pub first: Micros,
    pub last: Micros,
    pub count: i32,
    pub event_type: Cow<'a, str>,
    pub event_time: Micros,
    pub series_count: i32,
    pub series_time: Micros,
    pub action: Cow<'a, str>,
    pub reporting_component: Cow<'a, str>,
    pub reporting_instance: Cow<'a, str>,
    /// Where each field is kept.
    pub shape: Shape,
    /// What no column holds: empty, or a JSON object of the Event's own structure.
    pub residual: String,
}

/// What is odd about an Event's times. Such an Event is stored all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeFlags(pub u8);

impl TimeFlags {
    /// No field gave a time: the time of observation stands in for it.
    pub const NONE_GIVEN: u8 = 1;
    /// The time lies more than [`FUTURE_TOLERANCE`] after the observation: the time of observation stands in for it.
    pub const FUTURE: u8 = 2;
    /// The time lies more than [`PAST_TOLERANCE`] before the observation: the time of observation stands in for it.
    pub const PAST: u8 = 4;
    /// A time field holds something that is no time.
    pub const UNREADABLE: u8 = 8;
}

/// Clocks of a cluster differ by seconds; a quarter of an hour is an error, not a skew.
pub const FUTURE_TOLERANCE: i64 = DAY / 96;
/// Events live for an hour unless configured otherwise; imports bring years. Older than ten years is an error.
pub const PAST_TOLERANCE: i64 = 3653 * DAY;

/// JSON that is no Event.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not a JSON object, or not UTF-8.
    #[error("not a JSON object")]
    Json(#[from] serde_json::Error),
    /// A member that must be there is not, or has the wrong form.
    #[error("{field} is {found}, expected {expected}")]
    Field {
        /// The member.
        field: Field,
        /// What was found, shortened.
        found: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// JSON that no reader takes back: a number beyond what numbers hold, or more than 127 levels.
    #[error("a value that cannot be read back")]
    Unreadable(#[source] serde_json::Error),
    /// A member stands twice: which one counts would be a guess.
    #[error("the member {0:?} stands twice in one object")]
    Twice(String),
}

impl EventState<'_> {
    /// How often the thing has happened so far, by the Event's own account: `series.count`, else `count`, else 1.
    pub fn occurrences(&self) -> u32 {
        let counted = if self.series_count > 0 { self.series_count } else { self.count };
        u32::try_from(counted).unwrap_or(0).max(1)
    }

    /// The node concerned: the involved Node, else the host of the source, else the instance of a reporting kubelet,
    /// which is its node's name; empty where none is.
    pub fn node(&self) -> &str {
        if self.object_kind == "Node" {
            &self.object_name
        } else if !self.source_host.is_empty() {
            &self.source_host
        } else if self.reporting_component == "kubelet" {
            &self.reporting_instance
        } else {
            ""
        }
    }

    /// When it happened last: `series.lastObservedTime`, else `lastTimestamp`, `eventTime`, `firstTimestamp`,
    /// `creationTimestamp`. A missing or impossible time gives way to the time of observation, and is flagged.
    pub fn time(&self, observed: Micros) -> (Micros, TimeFlags) {
        let given = [self.series_time, self.last, self.event_time, self.first, self.creation];
        let unreadable = if self.times_unreadable() { TimeFlags::UNREADABLE } else { 0 };
        match given.into_iter().find(|time| time.0 != 0) {
            None => (observed, TimeFlags(TimeFlags::NONE_GIVEN | unreadable)),
            Some(time) if time > observed.plus(FUTURE_TOLERANCE) => {
                (observed, TimeFlags(TimeFlags::FUTURE | unreadable))
            }
            Some(time) if time < observed.plus(-PAST_TOLERANCE) => (observed, TimeFlags(TimeFlags::PAST | unreadable)),
            Some(time) => (time, TimeFlags(unreadable)),
        }
    }

    fn times_unreadable(&self) -> bool {
        let fields = [
            (Field::SeriesTime, self.series_time),
            (Field::Last, self.last),
            (Field::EventTime, self.event_time),
            (Field::First, self.first),
            (Field::MetaCreation, self.creation),
        ];
        fields.into_iter().any(|(field, time)| time.0 == 0 && self.shape.get(field) == Presence::Residual)
    }
}

/// Decodes one Event.
///
/// # Errors
/// When the bytes are no JSON object, or hold values that cannot be read back, a member stands twice, or `metadata.uid` or `metadata.resourceVersion` is missing
/// or malformed. Every other oddity is kept in the residual.
pub fn decode(json: &[u8]) -> Result<EventState<'_>, DecodeError> {
    let mut decoder = Decoder { state: EventState::default(), residual: Level::default() };
    let members: Members<'_> = serde_json::from_slice(json)?;
    let mut seen = Level::default();
    for (key, raw) in members.0 {
        decoder.top(key, raw, &mut seen)?;
    }
    decoder.residual.object.splice(0..0, seen.object);
    decoder.finish()
}

/// An object of the residual under construction: `"key":raw` pairs.
#[derive(Default)]
struct Level<'a> {
    object: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Level<'a> {
    fn put(&mut self, key: Cow<'a, str>, raw: Cow<'a, str>) -> Result<(), DecodeError> {
        if self.object.iter().any(|(known, _)| *known == key) {
            return Err(DecodeError::Twice(key.into_owned()));
        }
        self.object.push((key, raw));
        Ok(())
    }

    fn text(&self) -> String {
        let mut out = String::from("{");
        for (i, (key, raw)) in self.object.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            out.push_str(&serde_json::to_string(key).expect("a text always serialises"));
            out.push(':');
            out.push_str(raw);
        }
        out + "}"
    }
}

/// The column of a field.
type Column<'a, T> = for<'s> fn(&'s mut EventState<'a>) -> &'s mut T;

struct Decoder<'a> {
    state: EventState<'a>,
    residual: Level<'a>,
}

impl<'a> Decoder<'a> {
    fn top(&mut self, key: Cow<'a, str>, raw: &'a str, out: &mut Level<'a>) -> Result<(), DecodeError> {
        use Field::*;
        match key.as_ref() {
            "kind" => self.constant(Kind, key, raw, "\"Event\"", out),
            "apiVersion" => self.constant(ApiVersion, key, raw, "\"v1\"", out),
            "metadata" => self.object(Metadata, key, raw, Self::metadata, out),
            "involvedObject" => self.object(Object, key, raw, Self::involved, out),
            "source" => self.object(Source, key, raw, Self::source, out),
            "series" => self.object(Series, key, raw, Self::series, out),
            "reason" => self.text(Reason, key, raw, |s| &mut s.reason, out),
            "message" => self.text(Message, key, raw, |s| &mut s.message, out),
            "type" => self.text(Type, key, raw, |s| &mut s.event_type, out),
            "action" => self.text(Action, key, raw, |s| &mut s.action, out),
            "reportingComponent" => self.text(ReportingComponent, key, raw, |s| &mut s.reporting_component, out),
            "reportingInstance" => self.text(ReportingInstance, key, raw, |s| &mut s.reporting_instance, out),
            "count" => self.number(Count, key, raw, |s| &mut s.count, out),
            "firstTimestamp" => self.time(First, key, raw, |s| &mut s.first, out),
            "lastTimestamp" => self.time(Last, key, raw, |s| &mut s.last, out),
            "eventTime" => self.time(EventTime, key, raw, |s| &mut s.event_time, out),
            _ => out.put(key, raw.into()),
        }
    }

    fn metadata(&mut self, key: Cow<'a, str>, raw: &'a str, out: &mut Level<'a>) -> Result<(), DecodeError> {
        use Field::*;
        match key.as_ref() {
            "name" => self.text(MetaName, key, raw, |s| &mut s.name, out),
            "namespace" => self.text(MetaNamespace, key, raw, |s| &mut s.namespace, out),
            "uid" => self.uid(MetaUid, key, raw, |s| &mut s.uid, out),
            "resourceVersion" => self.version(MetaVersion, key, raw, |s| &mut s.resource_version, out),
            "creationTimestamp" => self.time(MetaCreation, key, raw, |s| &mut s.creation, out),
            _ => out.put(key, raw.into()),
        }
    }

    fn involved(&mut self, key: Cow<'a, str>, raw: &'a str, out: &mut Level<'a>) -> Result<(), DecodeError> {
        use Field::*;
        match key.as_ref() {
            "kind" => self.text(ObjectKind, key, raw, |s| &mut s.object_kind, out),
            "namespace" => self.text(ObjectNamespace, key, raw, |s| &mut s.object_namespace, out),
            "name" => self.text(ObjectName, key, raw, |s| &mut s.object_name, out),
            "uid" => self.uid(ObjectUid, key, raw, |s| &mut s.object_uid, out),
            "apiVersion" => self.text(ObjectApiVersion, key, raw, |s| &mut s.object_api_version, out),
            "resourceVersion" => self.version(ObjectVersion, key, raw, |s| &mut s.object_version, out),
            "fieldPath" => self.text(ObjectFieldPath, key, raw, |s| &mut s.object_field_path, out),
            _ => out.put(key, raw.into()),
        }
    }

    fn source(&mut self, key: Cow<'a, str>, raw: &'a str, out: &mut Level<'a>) -> Result<(), DecodeError> {
        match key.as_ref() {
            "component" => self.text(Field::SourceComponent, key, raw, |s| &mut s.source_component, out),
            "host" => self.text(Field::SourceHost, key, raw, |s| &mut s.source_host, out),
            _ => out.put(key, raw.into()),
        }
    }

    fn series(&mut self, key: Cow<'a, str>, raw: &'a str, out: &mut Level<'a>) -> Result<(), DecodeError> {
        match key.as_ref() {
            "count" => self.number(Field::SeriesCount, key, raw, |s| &mut s.series_count, out),
            "lastObservedTime" => self.time(Field::SeriesTime, key, raw, |s| &mut s.series_time, out),
            _ => out.put(key, raw.into()),
        }
    }

    /// Notes where a field went; the residual takes it if its column did not.
    fn keep(
        &mut self,
        field: Field,
        key: Cow<'a, str>,
        raw: &'a str,
        fits: bool,
        out: &mut Level<'a>,
    ) -> Result<(), DecodeError> {
        if self.state.shape.get(field) != Presence::Absent {
            return Err(DecodeError::Twice(key.into_owned()));
        }
        let presence = match (raw, fits) {
            ("null", _) => Presence::Null,
            (_, true) => Presence::Column,
            (_, false) => Presence::Residual,
        };
        self.state.shape.set(field, presence);
        if presence == Presence::Residual { out.put(key, raw.into()) } else { Ok(()) }
    }

    fn constant(
        &mut self,
        field: Field,
        key: Cow<'a, str>,
        raw: &'a str,
        usual: &str,
        out: &mut Level<'a>,
    ) -> Result<(), DecodeError> {
        self.keep(field, key, raw, raw == usual, out)
    }

    fn text(
        &mut self,
        field: Field,
        key: Cow<'a, str>,
        raw: &'a str,
        column: Column<'a, Cow<'a, str>>,
        out: &mut Level<'a>,
    ) -> Result<(), DecodeError> {
        let value = text(raw);
        let fits = value.is_some();
        *column(&mut self.state) = value.unwrap_or_default();
        self.keep(field, key, raw, fits, out)
    }

    fn number(
        &mut self,
        field: Field,
        key: Cow<'a, str>,
        raw: &'a str,
        column: Column<'a, i32>,
        out: &mut Level<'a>,
    ) -> Result<(), DecodeError> {
        let value: Option<i32> = raw.parse().ok().filter(|_| raw != "-0");
        *column(&mut self.state) = value.unwrap_or_default();
        self.keep(field, key, raw, value.is_some(), out)
    }

    /// A column holds the two forms that Kubernetes writes; any other readable time still serves to sort by.
    fn time(
        &mut self,
        field: Field,
        key: Cow<'a, str>,
        raw: &'a str,
        column: Column<'a, Micros>,
        out: &mut Level<'a>,
    ) -> Result<(), DecodeError> {
        let written = text(raw);
        let value = written.as_deref().and_then(Micros::parse).filter(|time| time.0 > 0);
        *column(&mut self.state) = value.unwrap_or_default();
        let fits = match (value, written) {
            (Some(time), Some(written)) => time.in_column() && field.time_text(time).as_deref() == Some(&*written),
            _ => false,
        };
        self.keep(field, key, raw, fits, out)
    }

    /// A column holds a UUID in its usual form; for any other text it holds a UUID made from it, and the residual the text.
    fn uid(
        &mut self,
        field: Field,
        key: Cow<'a, str>,
        raw: &'a str,
        column: Column<'a, Uuid>,
        out: &mut Level<'a>,
    ) -> Result<(), DecodeError> {
        let written = text(raw);
        let usual = written.as_deref().and_then(usual_uuid);
        *column(&mut self.state) = match (usual, &written) {
            (Some(uid), _) => uid,
            (None, Some(text)) if !text.is_empty() => uuid_of_text(text),
            (None, _) => Uuid::nil(),
        };
        self.keep(field, key, raw, usual.is_some(), out)
    }

    fn version(
        &mut self,
        field: Field,
        key: Cow<'a, str>,
        raw: &'a str,
        column: Column<'a, u64>,
        out: &mut Level<'a>,
    ) -> Result<(), DecodeError> {
        let value = text(raw).and_then(|text| text.parse::<crate::ResourceVersion>().ok());
        *column(&mut self.state) = value.unwrap_or_default().0;
        self.keep(field, key, raw, value.is_some(), out)
    }

    fn object(
        &mut self,
        field: Field,
        key: Cow<'a, str>,
        raw: &'a str,
        member: fn(&mut Self, Cow<'a, str>, &'a str, &mut Level<'a>) -> Result<(), DecodeError>,
        out: &mut Level<'a>,
    ) -> Result<(), DecodeError> {
        let is_object = raw.starts_with('{');
        self.keep(field, key.clone(), raw, is_object, out)?;
        if !is_object {
            return Ok(());
        }
        let members: Members<'a> = serde_json::from_str(raw)?;
        let mut level = Level::default();
        for (name, raw) in members.0 {
            member(self, name, raw, &mut level)?;
        }
        if level.object.is_empty() { Ok(()) } else { self.residual.put(key, level.text().into()) }
    }

    fn finish(mut self) -> Result<EventState<'a>, DecodeError> {
        if self.state.uid.is_nil() {
            return Err(self.missing(Field::MetaUid, "the object's uid"));
        }
        if self.state.shape.get(Field::MetaVersion) != Presence::Column {
            return Err(self.missing(Field::MetaVersion, "a decimal number below 2^64, as text"));
        }
        if !self.residual.object.is_empty() {
            self.state.residual = self.residual.text();
            // Passing over a value is less strict than reading it, as whoever rebuilds the Event must. Rare and short.
            let _read: serde_json::Value =
                serde_json::from_str(&self.state.residual).map_err(DecodeError::Unreadable)?;
        }
        Ok(self.state)
    }

    fn missing(&self, field: Field, expected: &'static str) -> DecodeError {
        let found = match self.state.shape.get(field) {
            Presence::Absent => "missing",
            Presence::Null => "null",
            Presence::Column => "empty",
            Presence::Residual => "of another form",
        };
        DecodeError::Field { field, found: found.into(), expected }
    }
}

/// What a UUID column holds for a uid: the uid itself, or a UUID made from a text that is none.
pub fn column_uuid(uid: &crate::EventUid) -> Uuid {
    usual_uuid(uid.as_str()).unwrap_or_else(|| uuid_of_text(uid.as_str()))
}

/// The UUID that is written exactly so: hyphenated, lower case.
fn usual_uuid(text: &str) -> Option<Uuid> {
    let uid = Uuid::try_parse(text).ok()?;
    (uid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(uid)
}

/// A UUID for a uid that is none: version 8 (RFC 9562), its bits from XXH3-128 of the text.
fn uuid_of_text(text: &str) -> Uuid {
    uuid::Builder::from_custom_bytes(xxh3_128(text.as_bytes()).to_be_bytes()).into_uuid()
}
