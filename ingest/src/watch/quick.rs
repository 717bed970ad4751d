//! The usual frame of a watch, read in one pass: an object as API servers write it, with nothing around it and no escape in
//! the few members that are looked at. Whatever else comes is left to [`super::frame::decode`], which tells all frames apart
//! and says what is wrong; where this one answers, both answer alike.

use std::ops::Range;

use beidou_schemas::{EventUid, ResourceVersion};
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{
    cut::place,
    frame::{Decoded, FrameKind, State},
};
use crate::heartbeat;

/// How frames begin, up to their object.
const ADDED: &str = r#"{"type":"ADDED","object":"#;
const MODIFIED: &str = r#"{"type":"MODIFIED","object":"#;
const DELETED: &str = r#"{"type":"DELETED","object":"#;
/// The name before the value that is cut out.
const MANAGED_FIELDS: &[u8] = br#""managedFields":"#;

/// What is looked at. A member that stands twice is an error here, and nothing for this file.
#[derive(Deserialize)]
struct Object<'a> {
    kind: Option<&'a str>,
    #[serde(borrow)]
    metadata: Metadata<'a>,
    reason: Option<&'a str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    uid: &'a str,
    resource_version: &'a str,
    #[serde(borrow, default, deserialize_with = "as_written")]
    managed_fields: Option<&'a RawValue>,
}

/// A member that is there, be it null.
fn as_written<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads a frame, if it is a usual one.
pub(super) fn decode(line: &Bytes) -> Option<Decoded> {
    let text = std::str::from_utf8(line).ok()?;
    let fronts = [(ADDED, Some(FrameKind::Added)), (MODIFIED, Some(FrameKind::Modified)), (DELETED, None)];
    let (front, kind) = fronts.into_iter().find(|(front, _)| text.starts_with(front))?;
    let json = text[front.len()..].strip_suffix('}').filter(|json| json.starts_with('{') && json.ends_with('}'))?;
    let object: Object<'_> = serde_json::from_str(json).ok()?;
    let uid: EventUid = object.metadata.uid.parse().ok()?;
    let version: ResourceVersion = object.metadata.resource_version.parse().ok()?;
    let Some(kind) = kind else { return Some(Decoded::Deleted(Some(uid), version)) };
    if object.kind.is_some_and(|kind| kind != "Event") || object.reason == Some(heartbeat::REASON) {
        return None;
    }
    let object_at = place(line, json);
    let json = match object.metadata.managed_fields {
        None => line.slice(object_at),
        Some(value) => without(line, object_at, place(line, value.get()))?,
    };
    Some(Decoded::State(kind, State { uid, version, json }))
}

/// The object's bytes without the member of this value, and without one of the commas beside it.
fn without(line: &[u8], object: Range<usize>, value: Range<usize>) -> Option<Bytes> {
    let name = line[..value.start].strip_suffix(MANAGED_FIELDS)?.len();
    let cut = match (line[name - 1], line[value.end]) {
        (b',', b',' | b'}') => name - 1..value.end,
        (b'{', b',') => name..value.end + 1,
        (b'{', b'}') => name..value.end,
        _ => return None,
    };
    let mut kept = BytesMut::with_capacity(object.len() - cut.len());
    kept.extend_from_slice(&line[object.start..cut.start]);
    kept.extend_from_slice(&line[cut.end..object.end]);
    Some(kept.freeze())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::watch::frame;

    /// Members of metadata and of the object, usual and odd.
    fn member() -> impl Strategy<Value = String> {
        prop::sample::select(
            &[
                r#""uid":"u-1""#,
                r#""uid":"u\u002d1""#,
                r#""uid":7"#,
                r#""resourceVersion":"12""#,
                r#""resourceVersion":"012""#,
                r#""managedFields":[{"manager":"kubelet","fieldsV1":{"f:count":{}}}]"#,
                r#""managedFields" : []"#,
                r#""managedFields":null"#,
                r#""managedF\u0069elds":[1]"#,
                r#""name":"web.17a","n":1.10"#,
            ][..],
        )
        .prop_map(str::to_owned)
    }

    fn frame() -> impl Strategy<Value = String> {
        let usual = Just(vec![r#""uid":"u-1""#.to_owned(), r#""resourceVersion":"12""#.to_owned()]);
        let metadata =
            (usual, prop::collection::vec(member(), 0..3), any::<bool>()).prop_map(|(mut all, more, last)| {
                if last {
                    all.extend(more);
                } else {
                    all.splice(0..0, more);
                }
                format!(r#""metadata":{{{}}}"#, all.join(","))
            });
        let rest = prop::sample::subsequence(
            &[
                r#""kind":"Event""#,
                r#""kind":"Pod""#,
                r#""reason":"BackOff""#,
                r#""reason":"BeidouHeartbeat""#,
                r#""reportingComponent":"beidou-ingest""#,
                r#""message":"a \"quoted\" \n text 🙂""#,
                "\"message\":\"a\tb\"",
                r#""series":null"#,
            ][..],
            0..5,
        );
        let kind = prop::sample::select(&["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR", "ODD"][..]);
        (kind, metadata, rest, any::<bool>(), prop::sample::select(&["", " ", "x", "}"][..])).prop_map(
            |(kind, metadata, rest, last, tail)| {
                let mut members: Vec<&str> = rest;
                members.insert(if last { members.len() } else { 0 }, &metadata);
                format!(r#"{{"type":"{kind}","object":{{{}}}}}{tail}"#, members.join(","))
            },
        )
    }

    proptest! {
        #[test]
        fn answers_as_the_exact_one(text in frame()) {
            let line = Bytes::from(text);
            if let Some(quick) = decode(&line) {
                prop_assert_eq!(quick, frame::exactly(&line).unwrap());
            }
        }
    }

    #[test]
    fn usual_frames_are_taken() {
        for object in [
            r#"{"kind":"Event","metadata":{"managedFields":[{"a":1}],"uid":"u","resourceVersion":"7"},"x":1.10}"#,
            r#"{"metadata":{"uid":"u","managedFields":[],"resourceVersion":"7"}}"#,
            r#"{"metadata":{"uid":"u","resourceVersion":"7","managedFields":{}}}"#,
            r#"{"metadata":{"uid":"u","resourceVersion":"7"}}"#,
        ] {
            for kind in ["ADDED", "MODIFIED", "DELETED"] {
                let line = Bytes::from(format!(r#"{{"type":"{kind}","object":{object}}}"#));
                assert_eq!(decode(&line).expect("a usual frame"), frame::exactly(&line).unwrap());
            }
        }
        let alone = Bytes::from_static(br#"{"type":"DELETED","object":{"metadata":{"managedFields":1}}}"#);
        assert_eq!(decode(&alone), None);
    }
}
