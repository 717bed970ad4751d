//! Cuts `metadata.managedFields` out of an object's JSON and leaves every other byte as it came.

use std::{fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members of a JSON object, in order, each key and value as written.
pub(super) struct Members<'a>(pub(super) Vec<(&'a RawValue, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Vec<(&'de RawValue, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Collect).map(Members)
    }
}

impl<'a> Members<'a> {
    /// The value of the first member of this name. Names are compared as text, so that escapes do not hide one.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(key, _)| is(key, name)).map(|(_, value)| *value)
    }
}

fn is(key: &RawValue, name: &str) -> bool {
    let written = key.get();
    if !written.contains('\\') {
        return written.len() == name.len() + 2 && &written[1..written.len() - 1] == name;
    }
    serde_json::from_str::<String>(written).is_ok_and(|key| key == name)
}

/// Where `part`, a slice of `whole`, lies in it.
pub(super) fn place(whole: &[u8], part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    start..start + part.len()
}

/// The byte ranges to leave out of `whole` so that the members named `managedFields` are gone, commas included.
/// `metadata` must be a slice of `whole`.
pub(super) fn managed_fields(whole: &[u8], metadata: &Members<'_>) -> Vec<Range<usize>> {
    let members = &metadata.0;
    let managed = |index: usize| is(members[index].0, "managedFields");
    let start = |index: usize| place(whole, members[index].0.get()).start;
    let end = |index: usize| place(whole, members[index].1.get()).end;
    let mut cuts = Vec::new();
    let mut index = 0;
    while index < members.len() {
        let first = index;
        while index < members.len() && managed(index) {
            index += 1;
        }
        if index > first {
            cuts.push(match (first, index == members.len()) {
                (0, true) => start(0)..end(index - 1),
                (_, true) => end(first - 1)..end(index - 1),
                (_, false) => start(first)..start(index),
            });
        }
        index += 1;
    }
    cuts
}

/// The object without `metadata.managedFields`.
///
/// # Errors
/// When it is not a JSON object, or its metadata is not one.
pub fn without_managed_fields(json: &str) -> Result<String, serde_json::Error> {
    let object: Members<'_> = serde_json::from_str(json)?;
    let Some(metadata) = object.get("metadata") else { return Ok(json.into()) };
    let cuts = managed_fields(json.as_bytes(), &serde_json::from_str(metadata.get())?);
    let mut kept = String::with_capacity(json.len());
    let mut from = 0;
    for cut in cuts {
        kept.push_str(&json[from..cut.start]);
        from = cut.end;
    }
    kept.push_str(&json[from..]);
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(key(), inner, 0..4)
                    .prop_map(|map| Value::from(map.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    fn key() -> impl Strategy<Value = String> {
        prop_oneof![Just("managedFields".to_owned()), "[a-z\"\\\\]{0,6}"]
    }

    proptest! {
        #[test]
        fn equals_removing_the_member(
            metadata in prop::collection::vec((key(), any_json()), 0..6),
            rest in prop::collection::vec((key(), any_json()), 0..3),
            pretty: bool,
        ) {
            let mut object: Map<String, Value> = rest.into_iter().collect();
            object.insert("metadata".into(), Value::from(metadata.into_iter().collect::<Map<_, _>>()));
            let value = Value::from(object);
            let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
            let mut expected = value;
            expected["metadata"].as_object_mut().unwrap().remove("managedFields");
            let kept = without_managed_fields(&text).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), expected);
        }
    }

    #[test]
    fn every_other_byte_stays() {
        for (json, expected) in [
            (r#"{"metadata":{"managedFields":[1],"uid":"u"}}"#, r#"{"metadata":{"uid":"u"}}"#),
            (r#"{"metadata": { "uid":"u" , "managedFields" : {} } }"#, r#"{"metadata": { "uid":"u" } }"#),
            (r#"{"metadata":{"a":1,"managedFields":[],"b":2}}"#, r#"{"metadata":{"a":1,"b":2}}"#),
            (r#"{"metadata":{"managedFields":[]}}"#, r#"{"metadata":{}}"#),
            (r#"{"metadata":{"a":1,"managedFields":1,"managedFields":2}}"#, r#"{"metadata":{"a":1}}"#),
            (r#"{"metadata":{"managedFields":1,"a":1,"managedFields":2}}"#, r#"{"metadata":{"a":1}}"#),
            (r#"{"metadata":{"managedF\u0069elds":1,"a":1}}"#, r#"{"metadata":{"a":1}}"#),
            (r#"{"a":{"managedFields":1},"z":1.0e5}"#, r#"{"a":{"managedFields":1},"z":1.0e5}"#),
        ] {
            assert_eq!(without_managed_fields(json).unwrap(), expected);
        }
        assert!(without_managed_fields("[]").is_err());
    }
}
