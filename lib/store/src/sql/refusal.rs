//! Why a statement is not run: what, where, and what is allowed instead.

use std::fmt;

use sqlparser::tokenizer::{Location, Span};

/// A statement that is not run. Characters are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The kind of fault; stable: `too_long`, `too_deep`, `character`, `syntax`, `statement`, `clause`, `table`,
    /// `function`, `expression`, `name`, `type`, `range`.
    pub fault: &'static str,
    /// What is refused, in words.
    pub what: String,
    /// What is allowed.
    pub allowed: String,
    /// Where it stands.
    pub character: usize,
    /// The same in bytes of UTF-8.
    pub byte: usize,
    /// What stands there, shortened; empty where no place is known.
    pub found: String,
}

/// What, where (counted from 1, as people do), and what is allowed.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.found.is_empty() {
            write!(f, ", at character {}: {:?}", self.character + 1, self.found)?;
        }
        write!(f, "; allowed: {}", self.allowed)
    }
}

impl std::error::Error for Refusal {}

/// So much of the text is repeated.
const SHOWN_CHARS: usize = 40;

/// A refusal before its place is turned into a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub fault: &'static str,
    pub what: String,
    pub allowed: String,
    pub at: Span,
}

/// How parts of the guard answer.
pub(super) type Checking<T = ()> = Result<T, Refused>;

impl Refused {
    pub(super) fn new(fault: &'static str, what: impl Into<String>, allowed: impl Into<String>, at: Span) -> Self {
        Self { fault, what: what.into(), allowed: allowed.into(), at }
    }

    /// A clause that is not allowed.
    pub(super) fn clause<T>(what: &str, allowed: &str, at: Span) -> Checking<T> {
        Err(Self::new("clause", format!("{what} is not allowed"), allowed, at))
    }

    /// Turns the place into numbers.
    pub(super) fn of(self, sql: &str) -> Refusal {
        let (character, byte) = place(sql, self.at.start);
        let found = match self.at.start.line {
            0 => String::new(),
            _ => sql[byte..].lines().next().unwrap_or_default().chars().take(SHOWN_CHARS).collect(),
        };
        Refusal { fault: self.fault, what: self.what, allowed: self.allowed, character, byte, found }
    }
}

/// Lines and columns are counted from 1, in characters; line 0 stands for nowhere.
fn place(sql: &str, at: Location) -> (usize, usize) {
    let (mut line, mut column) = (1, 1);
    for (character, (byte, c)) in sql.char_indices().enumerate() {
        if line > at.line || (line == at.line && column >= at.column) {
            return (character, byte);
        }
        (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    (sql.chars().count(), sql.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_characters_and_bytes() {
        let sql = "SELECT 'ü',\n  file(1)";
        let refused = |line, column| {
            let at = Location { line, column };
            Refused::new("function", "x", "y", Span::new(at, at)).of(sql)
        };
        let found = refused(2, 3);
        assert_eq!((found.character, found.byte, &*found.found), (14, 15, "file(1)"));
        assert_eq!(found.to_string(), "x, at character 15: \"file(1)\"; allowed: y");
        assert_eq!(refused(0, 0).to_string(), "x; allowed: y");
        assert_eq!((refused(0, 0).character, &*refused(0, 0).found), (0, ""));
        assert_eq!((refused(9, 1).character, &*refused(9, 1).found), (21, ""));
    }
}
