//! The words of a message, and what it takes to find a text among them.
//!
//! A word is a run of ASCII letters and digits and of characters beyond ASCII: what ClickHouse's `splitByNonAlpha` makes
//! of a text, so that the index over the words of the messages finds it.

use std::collections::HashSet;

/// A text to be found in a message: each of its words is a whole word of the message in any case, and the text as a whole
/// stands in it in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The words of the text that are ASCII, in lower case, each once. Others are not in the index in any case.
    pub words: Vec<String>,
    /// The text as a whole, unless the one word says it all.
    pub whole: Option<String>,
}

impl Words {
    /// What it takes to find this text.
    pub fn of(text: &str) -> Self {
        let mut words: Vec<String> = Vec::new();
        for word in split(text).filter(|word| word.is_ascii()) {
            let word = word.to_ascii_lowercase();
            if !words.contains(&word) {
                words.push(word);
            }
        }
        let is_word = words.len() == 1 && words[0].len() == text.len();
        Self { words, whole: (!is_word).then(|| text.to_owned()) }
    }

    /// Whether the text stands in the message.
    pub fn are_in(&self, message: &str) -> bool {
        let lower = message.to_ascii_lowercase();
        let known: HashSet<&str> = split(&lower).collect();
        self.words.iter().all(|word| known.contains(word.as_str()))
            && self.whole.as_deref().is_none_or(|whole| contains(&lower, whole))
    }
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
}

/// `positionCaseInsensitive`, and for texts beyond ASCII `positionCaseInsensitiveUTF8`, which folds character by
/// character.
fn contains(lower: &str, text: &str) -> bool {
    match text.is_ascii() {
        true => lower.contains(&text.to_ascii_lowercase()),
        false => folded(lower).contains(&folded(text)),
    }
}

fn folded(text: &str) -> String {
    let fold = |c: char| {
        let mut lower = c.to_lowercase();
        match (lower.next(), lower.next()) {
            (Some(one), None) => one,
            (_, _) => c,
        }
    };
    text.chars().map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole_and_texts_are_exact() {
        let message = "Back-off pulling image \"Mirror.hz:5000/über/ranker:4.18\": Connection REFUSED";
        for (text, expected) in [
            ("refused", true),
            ("refuse", false),
            ("connection refused", true),
            ("refused connection", false),
            ("back-off", true),
            ("back-of", false),
            ("ranker:4.18", true),
            ("ranker:4.1", false),
            ("ÜBER", true),
            ("ÜBE", true),
            ("5000/über", true),
            ("...", false),
            ("\":", true),
            ("mirror hz", false),
        ] {
            assert_eq!(Words::of(text).are_in(message), expected, "{text}");
        }
    }

    #[test]
    fn one_word_needs_no_second_look() {
        assert_eq!(Words::of("Refused"), Words { words: vec!["refused".into()], whole: None });
        assert_eq!(Words::of("a-B a"), Words { words: vec!["a".into(), "b".into()], whole: Some("a-B a".into()) });
        assert_eq!(Words::of("über"), Words { words: vec![], whole: Some("über".into()) });
    }
}
