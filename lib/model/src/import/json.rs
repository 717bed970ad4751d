//! JSON one level at a time, borrowed, and written again without white space.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The members of an object, in their order, each value as written.
#[derive(Debug, Clone, Default)]
pub(super) struct Members<'a>(pub Vec<(Cow<'a, str>, &'a str)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    members.push((key, map.next_value::<&RawValue>()?.get()));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Members<'a> {
    /// The value of the first member of this name, as written.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, raw)| *raw)
    }

    /// The members of a member that is an object.
    pub(super) fn object(&self, name: &str) -> Option<Members<'a>> {
        serde_json::from_str(self.get(name)?).ok()
    }

    /// A member that is a text, and not an empty one.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?).ok().filter(|text: &String| !text.is_empty())
    }

    /// A member that is an object, as written.
    pub(super) fn raw_object(&self, name: &str) -> Option<&'a str> {
        self.get(name).filter(|raw| raw.starts_with('{'))
    }
}

/// Writes an object member by member.
pub(super) struct Writer {
    out: String,
}

impl Writer {
    pub(super) fn new(room: usize) -> Self {
        let mut out = String::with_capacity(room);
        out.push('{');
        Self { out }
    }

    /// A member with a value as written, white space aside.
    pub(super) fn put(&mut self, key: &str, raw: &str) {
        if self.out.len() > 1 {
            self.out.push(',');
        }
        self.out.push_str(&quoted(key));
        self.out.push(':');
        compact(raw, &mut self.out);
    }

    /// A member with a text.
    pub(super) fn put_text(&mut self, key: &str, text: &str) {
        self.put(key, &quoted(text));
    }

    pub(super) fn finish(mut self) -> String {
        self.out.push('}');
        self.out
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text always serialises")
}

/// Appends valid JSON without the white space between its tokens.
fn compact(raw: &str, out: &mut String) {
    let (mut in_text, mut escaped, mut from) = (false, false, 0);
    for (at, byte) in raw.bytes().enumerate() {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
        } else if byte == b'"' {
            in_text = true;
        } else if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            out.push_str(&raw[from..at]);
            from = at + 1;
        }
    }
    out.push_str(&raw[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_goes_but_not_out_of_texts() {
        for (raw, expected) in
            [("{ \"a b\" : [ 1 ,\n\t2 ] }", r#"{"a b":[1,2]}"#), (r#" "x \" y\\" "#, r#""x \" y\\""#), ("1.10", "1.10")]
        {
            let mut out = String::new();
            compact(raw, &mut out);
            assert_eq!(out, expected);
        }
    }
}
