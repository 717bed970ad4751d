//! Reads just enough of a watch frame to route it: its kind, the object's uid and resource version, and where
//! managedFields stand. Everything else stays as it came.

use std::ops::Range;

use beidou_schemas::{
    EventUid, InvalidId, ResourceVersion,
    reject::{RejectReason, kept},
};
use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    cut::{Members, managed_fields, place},
    quick,
};
use crate::heartbeat;

/// The longest frame: etcd refuses objects above 1.5 MiB by default, some clusters raise it to 8 MiB, JSON escapes
/// may double that.
pub const MAX_FRAME_BYTES: usize = 16 << 20;

/// A state of an Event, ready for its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The Event.
    pub uid: EventUid,
    /// The version of this state.
    pub version: ResourceVersion,
    /// The object's JSON without managedFields.
    pub json: Bytes,
}

/// The kind of a frame that holds an Event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// The Event is new.
    Added,
    /// The Event changed.
    Modified,
}

/// What a frame means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// A state to store.
    State(FrameKind, State),
    /// A heartbeat of a collector: proof, not history.
    Heartbeat(ResourceVersion),
    /// An Event ended: counted, not stored. Its uid, if it has one.
    Deleted(Option<EventUid>, ResourceVersion),
    /// Everything up to this version was delivered.
    Bookmark(ResourceVersion),
    /// The server breaks off. Code 410 means that the version is compacted.
    Error {
        /// The HTTP status code.
        code: u16,
        /// The server's words.
        message: String,
    },
}

/// A frame that is not understood.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Not JSON, or not UTF-8.
    #[error("the frame is not JSON")]
    Json(#[source] serde_json::Error),
    /// No watch frame.
    #[error("the frame has no known type and object")]
    Frame(#[source] serde_json::Error),
    /// A type that no API server sends.
    #[error("the frame's type {0:?} is not known")]
    Kind(String),
    /// The object is no Event.
    #[error("the object has no metadata with uid and resourceVersion")]
    Metadata(#[source] serde_json::Error),
    /// The object calls itself something else.
    #[error("the object's kind is {0}, not Event")]
    NotAnEvent(String),
    /// Its uid or resourceVersion is not usable.
    #[error(transparent)]
    Id(#[from] InvalidId),
}

impl FrameError {
    /// How the reject topic calls it.
    pub fn reason(&self) -> RejectReason {
        match self {
            Self::Json(_) => RejectReason::NotJson,
            Self::Frame(_) | Self::Kind(_) => RejectReason::NotAFrame,
            Self::Metadata(_) | Self::NotAnEvent(_) | Self::Id(_) => RejectReason::NotAnEvent,
        }
    }
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct Refused {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

/// Reads a frame.
///
/// # Errors
/// When it is not understood; the watch goes on.
pub fn decode(line: &Bytes) -> Result<Decoded, FrameError> {
    match quick::decode(line) {
        Some(decoded) => Ok(decoded),
        None => exactly(line),
    }
}

/// The same for any frame.
pub(super) fn exactly(line: &Bytes) -> Result<Decoded, FrameError> {
    let Frame { kind, object } = serde_json::from_slice(line).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => FrameError::Frame(error),
        _ => FrameError::Json(error),
    })?;
    match kind.as_str() {
        "ADDED" => state(line, FrameKind::Added, object),
        "MODIFIED" => state(line, FrameKind::Modified, object),
        "DELETED" => deleted(object),
        "BOOKMARK" => Ok(Decoded::Bookmark(text(&metadata(&members_of(object)?)?, "resourceVersion")?.parse()?)),
        "ERROR" => Ok(error_of(object)),
        _ => Err(FrameError::Kind(kind)),
    }
}

fn state(line: &Bytes, kind: FrameKind, json: &RawValue) -> Result<Decoded, FrameError> {
    let object = Object::read(json)?;
    if object.heartbeat {
        return Ok(Decoded::Heartbeat(object.version));
    }
    let json = object.cut(line, place(line, json.get()), false);
    Ok(Decoded::State(kind, State { uid: object.uid, version: object.version, json }))
}

fn deleted(object: &RawValue) -> Result<Decoded, FrameError> {
    let metadata = metadata(&members_of(object)?)?;
    let uid = text(&metadata, "uid").ok().and_then(|uid| uid.parse().ok());
    Ok(Decoded::Deleted(uid, text(&metadata, "resourceVersion")?.parse()?))
}

fn members_of(object: &RawValue) -> Result<Members<'_>, FrameError> {
    serde_json::from_str(object.get()).map_err(FrameError::Metadata)
}

fn error_of(object: &RawValue) -> Decoded {
    let Refused { code, reason, mut message } = serde_json::from_str(object.get()).unwrap_or_else(|_| Refused {
        code: 0,
        reason: String::new(),
        message: kept(object.get()).to_owned(),
    });
    // It goes into facts, and a frame may have megabytes of words.
    message.truncate(kept(&message).len());
    let expired = matches!(reason.as_str(), "Expired" | "Gone");
    Decoded::Error { code: if expired { 410 } else { code }, message }
}

fn metadata<'a>(object: &Members<'a>) -> Result<Members<'a>, FrameError> {
    let metadata = object.get("metadata").map_or("null", RawValue::get);
    serde_json::from_str(metadata).map_err(FrameError::Metadata)
}

fn text(members: &Members<'_>, name: &str) -> Result<String, FrameError> {
    let written = members.get(name).map_or("null", RawValue::get);
    serde_json::from_str(written).map_err(FrameError::Metadata)
}

/// What is read of an Event.
pub(super) struct Object<'a> {
    pub(super) uid: EventUid,
    pub(super) version: ResourceVersion,
    pub(super) heartbeat: bool,
    typed: bool,
    metadata: Members<'a>,
}

impl<'a> Object<'a> {
    pub(super) fn read(object: &'a RawValue) -> Result<Self, FrameError> {
        let members = members_of(object)?;
        let kind = members.get("kind").map(RawValue::get);
        if let Some(other) = kind.filter(|kind| *kind != "\"Event\"") {
            return Err(FrameError::NotAnEvent(other.chars().take(100).collect()));
        }
        let metadata = metadata(&members)?;
        let raw = |name| members.get(name).map(RawValue::get);
        Ok(Self {
            uid: text(&metadata, "uid")?.parse()?,
            version: text(&metadata, "resourceVersion")?.parse()?,
            heartbeat: heartbeat::is_heartbeat(raw("reason"), raw("reportingComponent")),
            typed: kind.is_some(),
            metadata,
        })
    }

    /// The object's bytes, which stand at `range` of `whole`, without managedFields; with kind and apiVersion in front
    /// where `complete` asks for them and they are missing.
    pub(super) fn cut(&self, whole: &Bytes, range: Range<usize>, complete: bool) -> Bytes {
        const TYPE: &[u8] = br#"{"kind":"Event","apiVersion":"v1","#;
        let cuts = managed_fields(whole, &self.metadata);
        let add_type = complete && !self.typed;
        if cuts.is_empty() && !add_type {
            return whole.slice(range);
        }
        let mut kept = BytesMut::with_capacity(range.len() + TYPE.len());
        let mut from = range.start;
        if add_type {
            // An Event has metadata, so a member follows and the comma is right.
            kept.extend_from_slice(TYPE);
            from += 1;
        }
        for cut in cuts {
            kept.extend_from_slice(&whole[from..cut.start]);
            from = cut.end;
        }
        kept.extend_from_slice(&whole[from..range.end]);
        kept.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Result<Decoded, FrameError> {
        decode(&Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn frames_are_told_apart() {
        let object = r#"{"kind":"Event","metadata":{"uid":"u1","managedFields":[1],"resourceVersion":"7"},"x":1.10}"#;
        let Ok(Decoded::State(FrameKind::Added, state)) = frame(&format!(r#"{{"type":"ADDED","object":{object}}}"#))
        else {
            panic!("an Event is a state")
        };
        assert_eq!(state.version, ResourceVersion(7));
        assert_eq!(state.json, r#"{"kind":"Event","metadata":{"uid":"u1","resourceVersion":"7"},"x":1.10}"#);
        let rest = [
            (
                r#"{"object":{"metadata":{"resourceVersion":"9"}},"type":"DELETED"}"#,
                Decoded::Deleted(None, ResourceVersion(9)),
            ),
            (
                r#"{"object":{"metadata":{"uid":"u1","resourceVersion":"9"}},"type":"DELETED"}"#,
                Decoded::Deleted("u1".parse().ok(), ResourceVersion(9)),
            ),
            (
                r#"{"type":"BOOKMARK","object":{"kind":"Event","metadata":{"resourceVersion":"9","creationTimestamp":null}}}"#,
                Decoded::Bookmark(ResourceVersion(9)),
            ),
            (
                r#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}"#,
                Decoded::Error { code: 410, message: "too old".into() },
            ),
            (r#"{"type":"ERROR","object":{"reason":"Expired"}}"#, Decoded::Error { code: 410, message: String::new() }),
            (r#"{"type":"ERROR","object":"odd"}"#, Decoded::Error { code: 0, message: "\"odd\"".into() }),
            (
                r#"{"type":"MODIFIED","object":{"metadata":{"uid":"h","resourceVersion":"3"},"reason":"BeidouHeartbeat","reportingComponent":"beidou-ingest"}}"#,
                Decoded::Heartbeat(ResourceVersion(3)),
            ),
        ];
        for (text, expected) in rest {
            assert_eq!(frame(text).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        use RejectReason::{NotAFrame, NotAnEvent, NotJson};
        for (text, reason) in [
            (r#"{"type":"ADDED","object":{"#, NotJson),
            ("nonsense", NotJson),
            ("[]", NotAFrame),
            (r#"{"type":"ADDED"}"#, NotAFrame),
            (r#"{"type":"RENAMED","object":{}}"#, NotAFrame),
            (r#"{"type":"ADDED","type":"ADDED","object":{}}"#, NotAFrame),
            (r#"{"type":"ADDED","object":null}"#, NotAnEvent),
            (r#"{"type":"ADDED","object":{}}"#, NotAnEvent),
            (r#"{"type":"ADDED","object":{"metadata":{"uid":"u","resourceVersion":"1"}}} x"#, NotJson),
            (r#"{"type":"ADDED","object":{"kind":"Pod","metadata":{"uid":"u","resourceVersion":"1"}}}"#, NotAnEvent),
            (r#"{"type":"ADDED","object":{"metadata":{"resourceVersion":"1"}}}"#, NotAnEvent),
            (r#"{"type":"ADDED","object":{"metadata":{"uid":"a b","resourceVersion":"1"}}}"#, NotAnEvent),
            (r#"{"type":"ADDED","object":{"metadata":{"uid":"u","resourceVersion":"0x1"}}}"#, NotAnEvent),
            (r#"{"type":"ADDED","object":{"metadata":{"uid":"u","resourceVersion":1}}}"#, NotAnEvent),
            (r#"{"type":"DELETED","object":{}}"#, NotAnEvent),
        ] {
            assert_eq!(frame(text).unwrap_err().reason(), reason, "{text}");
        }
        let invalid = Bytes::from_static(b"{\"type\":\"ADDED\",\"object\":{\"message\":\"\xff\"}}");
        assert_eq!(decode(&invalid).unwrap_err().reason(), NotJson);
    }

    #[test]
    fn what_a_server_says_when_it_breaks_off_is_cut_between_two_letters() {
        let long = "ü".repeat(10_000);
        for object in [format!(r#"{{"code":500,"message":" {long}"}}"#), format!(r#"" {long}""#)] {
            let decoded = frame(&format!(r#"{{"type":"ERROR","object":{object}}}"#)).unwrap();
            let Decoded::Error { message, .. } = decoded else { panic!("{decoded:?}") };
            assert!((1000..=1024).contains(&message.len()) && message.ends_with('ü'), "{} bytes", message.len());
        }
    }

    #[test]
    fn what_has_no_meaning_for_ingest_is_kept_as_it_came() {
        let odd = r#"{"metadata":{"uid":"u","resourceVersion":"1"},"lastTimestamp":null,"eventTime":"9999-12-31T23:59:59Z","unknown":{"a":[1e3]}}"#;
        let Ok(Decoded::State(_, state)) = frame(&format!(r#"{{"type":"MODIFIED","object":{odd}}}"#)) else {
            panic!("odd times and unknown fields are no reason to refuse")
        };
        assert_eq!(state.json, odd);
    }
}
