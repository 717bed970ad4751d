//! The characters of a line, one after the other, each with its place.

use super::{Fault, Part, Position, QueryLineError};

/// So much of what stands at a fault is shown.
const SHOWN_CHARS: usize = 40;

/// Blanks part terms and values. The last two come by pasting and from Chinese keyboards.
pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{a0}' | '\u{3000}')
}

/// A line and how far it was read.
pub(super) struct Scanner {
    chars: Vec<char>,
    /// The next character.
    pub at: usize,
}

pub(super) type Outcome<T> = Result<T, QueryLineError>;

impl Scanner {
    pub(super) fn new(line: &str) -> Self {
        Self { chars: line.chars().collect(), at: 0 }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.behind(0)
    }

    /// The character in front of the next one.
    pub(super) fn before(&self) -> Option<char> {
        self.at.checked_sub(1).and_then(|before| self.chars.get(before).copied())
    }

    /// The character so many places behind the next one.
    pub(super) fn behind(&self, places: usize) -> Option<char> {
        self.chars.get(self.at + places).copied()
    }

    /// Whether a term or value ends here.
    pub(super) fn is_end(&self) -> bool {
        self.peek().is_none_or(is_blank)
    }

    pub(super) fn skip_blanks(&mut self) {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
    }

    /// Goes behind these characters, if they stand here.
    pub(super) fn takes(&mut self, text: &str) -> bool {
        let here = text.chars().enumerate().all(|(place, c)| self.behind(place) == Some(c));
        if here {
            self.at += text.chars().count();
        }
        here
    }

    /// The text from a place until here.
    pub(super) fn since(&self, begin: usize) -> String {
        self.chars[begin..self.at].iter().collect()
    }

    /// Behind the letters, hyphens and underscores that begin with a letter here: what could be the name of a field.
    pub(super) fn name_end(&self) -> Option<usize> {
        let is_part = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '-';
        let length = self.chars[self.at..].iter().take_while(|c| is_part(**c)).count();
        self.peek().is_some_and(|c| c.is_ascii_alphabetic()).then_some(self.at + length)
    }

    /// A text in quotation marks; the first of them is next.
    pub(super) fn quoted(&mut self) -> Outcome<String> {
        let (begin, mut text) = (self.at, String::new());
        self.at += 1;
        loop {
            match self.peek() {
                None => {
                    let expected = "a quotation mark that closes this text; \\\" stands for the mark";
                    return Err(self.error(begin, Fault::OpenQuote, expected));
                }
                Some('"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some('\\') => text.push(self.escaped()?),
                Some(c) => {
                    self.at += 1;
                    text.push(c);
                }
            }
        }
    }

    /// A regular expression's source, and where each of its characters stands; the first slash is next.
    pub(super) fn pattern(&mut self) -> Outcome<(String, Vec<usize>)> {
        let (begin, mut source, mut places) = (self.at, String::new(), Vec::new());
        self.at += 1;
        loop {
            match (self.peek(), self.behind(1)) {
                (None, _) | (Some('\\'), None) => {
                    let expected =
                        "a slash that closes this regular expression; for a path put it in quotes: \"/var/lib\"";
                    return Err(self.error(begin, Fault::OpenPattern, expected));
                }
                (Some('/'), _) => {
                    places.push(self.at);
                    self.at += 1;
                    return Ok((source, places));
                }
                (Some('\\'), Some('/')) => {
                    places.push(self.at);
                    source.push('/');
                    self.at += 2;
                }
                (Some('\\'), Some(c)) => {
                    places.extend([self.at, self.at + 1]);
                    source.extend(['\\', c]);
                    self.at += 2;
                }
                (Some(c), _) => {
                    places.push(self.at);
                    source.push(c);
                    self.at += 1;
                }
            }
        }
    }

    /// A word without quotation marks, up to a blank, a quotation mark or a parenthesis.
    pub(super) fn word(&mut self) -> Outcome<Vec<Part>> {
        let mut parts = Vec::new();
        while let Some(c) = self.peek().filter(|c| !is_blank(*c) && !matches!(c, '"' | '(' | ')')) {
            parts.push(match c {
                '\\' => Part::Text(self.escaped()?.into()),
                '*' | '?' => {
                    self.at += 1;
                    if c == '*' { Part::Any } else { Part::One }
                }
                c => {
                    self.at += 1;
                    Part::Text(c.into())
                }
            });
        }
        Ok(parts)
    }

    /// The character behind a backslash, as it is.
    fn escaped(&mut self) -> Outcome<char> {
        let Some(c) = self.behind(1) else {
            let expected = "a character behind the backslash; \\\\ stands for a backslash";
            return Err(self.error(self.at, Fault::OpenEscape, expected));
        };
        self.at += 2;
        Ok(c)
    }

    /// A fault at a place.
    pub(super) fn error(&self, at: usize, fault: Fault, expected: impl Into<String>) -> QueryLineError {
        let at = at.min(self.chars.len());
        let byte = self.chars[..at].iter().map(|c| c.len_utf8()).sum();
        let rest = &self.chars[at..];
        // At least the one character, also where it is a blank.
        let length = rest.iter().skip(1).position(|c| is_blank(*c)).map_or(rest.len(), |length| length + 1);
        let mut found: String = rest.iter().take(length.min(SHOWN_CHARS)).collect();
        if length > SHOWN_CHARS {
            found.push('…');
        }
        QueryLineError { fault, at: Position { char: at, byte }, found, expected: expected.into(), suggestion: None }
    }
}
