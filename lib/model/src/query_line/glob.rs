//! Texts with wildcards: `*` stands for any characters, `?` for one.

use std::fmt;

/// A piece of a text with wildcards.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    /// These characters.
    Text(String),
    /// `*`: any characters, also none.
    Any,
    /// `?`: one character.
    One,
}

/// A text with at least one wildcard. Texts do not touch one another, nor does `*`; `?` stands before `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob {
    parts: Vec<Part>,
}

impl Glob {
    /// Joins what can be joined: one meaning has one form.
    pub(super) fn new(parts: impl IntoIterator<Item = Part>) -> Self {
        let mut joined: Vec<Part> = Vec::new();
        for part in parts {
            match (joined.last_mut(), part) {
                (Some(Part::Text(text)), Part::Text(more)) => text.push_str(&more),
                (Some(Part::Any), Part::Any) => {}
                (Some(last @ Part::Any), Part::One) => {
                    *last = Part::One;
                    joined.push(Part::Any);
                }
                (_, part) => joined.push(part),
            }
        }
        Self { parts: joined }
    }

    /// The pieces.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether the whole text is so; `any_case` folds ASCII letters.
    pub fn matches(&self, text: &str, any_case: bool) -> bool {
        let same = |a: char, b: char| a == b || (any_case && a.eq_ignore_ascii_case(&b));
        let wanted: Vec<Sign> = self.signs();
        let text: Vec<char> = text.chars().collect();
        let (mut w, mut t) = (0, 0);
        // Where to go back to: behind the last `*`, and how far it has stretched.
        let mut back: Option<(usize, usize)> = None;
        while t < text.len() {
            match wanted.get(w) {
                Some(Sign::Any) => {
                    back = Some((w + 1, t));
                    w += 1;
                }
                Some(Sign::One) => (w, t) = (w + 1, t + 1),
                Some(Sign::Char(c)) if same(*c, text[t]) => (w, t) = (w + 1, t + 1),
                Some(Sign::Char(_)) | None => match &mut back {
                    Some((behind, stretched)) => {
                        *stretched += 1;
                        (w, t) = (*behind, *stretched);
                    }
                    None => return false,
                },
            }
        }
        wanted[w..].iter().all(|sign| matches!(sign, Sign::Any))
    }

    fn signs(&self) -> Vec<Sign> {
        let mut signs = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => signs.extend(text.chars().map(Sign::Char)),
                Part::Any => signs.push(Sign::Any),
                Part::One => signs.push(Sign::One),
            }
        }
        signs
    }

    /// The regular expression that finds it among the words of a message, in any case: it begins and ends where a word
    /// does, and a wildcard passes over no blank. The same text for RE2 and for Rust.
    pub fn in_message(&self) -> String {
        const BEFORE: &str = r"(?i)(?:^|[\x00-/:-@\[-`{-\x7f])";
        const BEHIND: &str = r"(?:$|[\x00-/:-@\[-`{-\x7f])";
        const NO_BLANK: &str = r"[^\t\n\f\r ]";
        let mut out = String::from(BEFORE);
        for part in &self.parts {
            match part {
                Part::Text(text) => text.chars().for_each(|c| push_literal(&mut out, c)),
                Part::Any => out += &format!("{NO_BLANK}*"),
                Part::One => out += NO_BLANK,
            }
        }
        out + BEHIND
    }
}

/// Writes a character as itself, for RE2 and for Rust.
pub(super) fn push_literal(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '\r' => out.push_str("\\r"),
        c => {
            if c.is_ascii_punctuation() && !matches!(c, '<' | '>' | '_') {
                out.push('\\');
            }
            out.push(c);
        }
    }
}

enum Sign {
    Char(char),
    Any,
    One,
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.parts.iter().enumerate() {
            match part {
                Part::Text(text) => super::line::escaped(f, text, place == 0)?,
                Part::Any => f.write_str("*")?,
                Part::One => f.write_str("?")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(text: &str) -> Glob {
        Glob::new(text.chars().map(|c| match c {
            '*' => Part::Any,
            '?' => Part::One,
            c => Part::Text(c.into()),
        }))
    }

    #[test]
    fn the_whole_text_is_meant() {
        for (pattern, text, expected) in [
            ("web-*", "web-0", true),
            ("web-*", "web-", true),
            ("web-*", "aweb-0", false),
            ("*x?", "abxc", true),
            ("*x?", "abx", false),
            ("*x?", "xxxx", true),
            ("*", "", true),
            ("?", "", false),
            ("?", "é", true),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2b3", false),
            ("WEB*", "web", false),
        ] {
            assert_eq!(glob(pattern).matches(text, false), expected, "{pattern} {text}");
        }
        assert!(glob("WEB*").matches("web-0", true));
    }

    #[test]
    fn one_meaning_has_one_form() {
        assert_eq!(glob("**a*?*?b"), glob("*a??*b"));
        assert_eq!(glob("ab*").parts(), [Part::Text("ab".into()), Part::Any]);
    }
}
