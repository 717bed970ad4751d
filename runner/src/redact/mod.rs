//! Secrets are taken out of everything before it leaves the runner, in every form that tools commonly give them.
//!
//! A stream is looked at across the borders of its pieces: the last bytes, which may be the beginning of a secret, are held
//! back until more has come.

#[cfg(test)]
mod canaries;
mod forms;

use std::ops::Range;

use aho_corasick::AhoCorasick;
use serde_json::{Map, Value};

use self::forms::forms;

/// What stands where a secret was.
const MASK: &str = "***";
/// A shorter secret is in every text by chance: what is left after taking it out would tell it.
const LEAST_BYTES: usize = 6;

/// A secret that cannot be hidden.
#[derive(Debug, thiserror::Error)]
#[error("the secret {name} is too short to be kept out of the output: at least {LEAST_BYTES} bytes")]
pub struct TooShort {
    /// Which parameter.
    pub name: String,
}

/// Knows all secrets of a run.
pub struct Redactor {
    patterns: Vec<Vec<u8>>,
    automaton: Option<AhoCorasick>,
    longest: usize,
}

impl Redactor {
    /// Of secrets: name and value.
    ///
    /// # Errors
    /// When one is too short.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, TooShort> {
        let mut patterns = Vec::new();
        for (name, value) in secrets {
            let value = value.trim();
            if value.len() < LEAST_BYTES {
                return Err(TooShort { name: name.into() });
            }
            patterns.extend(forms(value));
        }
        patterns.sort();
        patterns.dedup();
        let longest = patterns.iter().map(Vec::len).max().unwrap_or(0);
        let automaton =
            (!patterns.is_empty()).then(|| AhoCorasick::new(&patterns).expect("patterns of bounded secrets fit"));
        Ok(Self { patterns, automaton, longest })
    }

    /// Everything that is looked for, for the callback plugin: text only, the longest first.
    pub(crate) fn patterns(&self) -> Vec<&str> {
        let mut texts: Vec<_> = self.patterns.iter().filter_map(|pattern| std::str::from_utf8(pattern).ok()).collect();
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        texts
    }

    /// The same text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let Some(automaton) = &self.automaton else { return text.to_owned() };
        let (mut clean, mut done) = (String::with_capacity(text.len()), 0);
        for hidden in hidden(automaton, text.as_bytes()) {
            clean += &text[done..hidden.start];
            clean += MASK;
            done = hidden.end;
        }
        clean + &text[done..]
    }

    /// The same JSON value without secrets, in names as well.
    pub(crate) fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(values) => Value::Array(values.into_iter().map(|value| self.value(value)).collect()),
            Value::Object(values) => Value::Object(self.object(values)),
            // A secret may be a number.
            Value::Number(number) if self.text(&number.to_string()) != number.to_string() => MASK.into(),
            other => other,
        }
    }

    pub(crate) fn object(&self, values: Map<String, Value>) -> Map<String, Value> {
        values.into_iter().map(|(name, value)| (self.text(&name), self.value(value))).collect()
    }

    pub(crate) fn stream(&self) -> Stream<'_> {
        Stream { redactor: self, held: Vec::new(), masked: 0 }
    }
}

/// What is of secrets, in order. Where they overlap, no byte of any is left.
fn hidden(automaton: &AhoCorasick, text: &[u8]) -> Vec<Range<usize>> {
    let mut all: Vec<Range<usize>> = Vec::new();
    // They are found by their ends.
    for found in automaton.find_overlapping_iter(text) {
        let mut start = found.start();
        while let Some(before) = all.pop_if(|before| before.end > start) {
            start = start.min(before.start);
        }
        all.push(start..found.end());
    }
    all
}

/// Bytes that come in pieces.
pub(crate) struct Stream<'a> {
    redactor: &'a Redactor,
    held: Vec<u8>,
    /// So many of the held bytes are of a secret whose mask was given.
    masked: usize,
}

impl Stream<'_> {
    /// Takes a piece, gives what is certain.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        self.cut(false)
    }

    /// Gives the rest.
    pub(crate) fn end(&mut self) -> Vec<u8> {
        self.cut(true)
    }

    fn cut(&mut self, end: bool) -> Vec<u8> {
        let Some(automaton) = &self.redactor.automaton else { return std::mem::take(&mut self.held) };
        // All that begins before `certain` has come to its end: what of these bytes is of a secret is known.
        let certain = if end { self.held.len() } else { self.held.len().saturating_sub(self.redactor.longest - 1) };
        let (mut clean, mut done) = (Vec::with_capacity(certain), self.masked);
        for hidden in hidden(automaton, &self.held) {
            if hidden.start >= certain {
                break;
            }
            if hidden.start >= done {
                clean.extend_from_slice(&self.held[done..hidden.start]);
                clean.extend_from_slice(MASK.as_bytes());
            }
            done = done.max(hidden.end);
        }
        if done < certain {
            clean.extend_from_slice(&self.held[done..certain]);
            done = certain;
        }
        self.held.drain(..certain);
        self.masked = done - certain;
        clean
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "s3cr\"et/pä+ß";

    fn redactor() -> Redactor {
        Redactor::new([("a", SECRET), ("b", "abcdef.0123456789abcdef"), ("c", "9abcdef z")]).unwrap()
    }

    proptest! {
        #[test]
        fn a_stream_hides_what_the_whole_hides(
            parts in prop::collection::vec(prop_oneof!["[a-z \n]{0,9}", Just(SECRET.to_owned()), Just("abcdef.0123456789abcdef".to_owned()), Just(" z".to_owned())], 0..9),
            size in 1usize..40,
        ) {
            let redactor = redactor();
            let whole = parts.concat();
            let mut stream = redactor.stream();
            let mut clean: Vec<u8> = whole.as_bytes().chunks(size).flat_map(|piece| stream.push(piece)).collect();
            clean.extend(stream.end());
            prop_assert_eq!(String::from_utf8(clean).unwrap(), redactor.text(&whole));
        }
    }

    #[test]
    fn of_secrets_that_overlap_nothing_is_left() {
        let redactor = Redactor::new([("a", "hunter22"), ("b", "22-hunter33"), ("c", "aaaaaa")]).unwrap();
        let (long, rest) = (format!("x{}y", "a".repeat(300)), "-".repeat(200));
        for (text, expected) in [
            ("(hunter22-hunter33)", "(***)"),
            ("hunter2222-hunter33", "******"),
            ("hunter22 22-hunter33", "*** ***"),
            (&*long, "x***y"),
        ] {
            let (text, expected) = (format!("{text}{rest}"), format!("{expected}{rest}"));
            assert_eq!(redactor.text(&text), expected);
            for size in 1..40 {
                let mut stream = redactor.stream();
                let mut clean: Vec<u8> = text.as_bytes().chunks(size).flat_map(|piece| stream.push(piece)).collect();
                clean.extend(stream.end());
                assert_eq!(String::from_utf8(clean).unwrap(), expected, "pieces of {size}");
            }
        }
    }

    #[test]
    fn names_numbers_and_nested_values_are_clean() {
        let redactor = Redactor::new([("pin", "123456")]).unwrap();
        let value = redactor.value(serde_json::json!({"a123456": [1, 123_456, {"b": "x123456y"}]}));
        assert_eq!(value.to_string(), r#"{"a***":[1,"***",{"b":"x***y"}]}"#);
    }

    #[test]
    fn a_short_secret_is_refused_by_name() {
        let error = Redactor::new([("token", "12345\n")]).err().unwrap().to_string();
        assert!(error.contains("token") && error.contains('6') && !error.contains("12345"), "{error}");
    }
}
