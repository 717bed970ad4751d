//! What is wrong with a line: where, what stands there, and what is allowed instead.

use serde::Serialize;

/// A place in a line, counted from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Position {
    /// In characters (Unicode scalar values).
    pub char: usize,
    /// In bytes of UTF-8.
    pub byte: usize,
}

macro_rules! faults {
    ($($(#[$doc:meta])* $fault:ident $name:literal)+) => {
        /// The kinds of fault. Their names are stable: other programs translate them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Fault { $($(#[$doc])* $fault,)+ }

        impl Fault {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$fault,)+];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$fault => $name,)+ }
            }
        }
    };
}

faults! {
    /// The line is longer than allowed.
    TooLong "too_long"
    /// It has more terms than allowed.
    TooManyTerms "too_many_terms"
    /// A list has more values than allowed.
    TooManyValues "too_many_values"
    /// A character that no line has.
    ControlCharacter "control_character"
    /// No field has this name.
    UnknownField "unknown_field"
    /// Nothing stands behind the colon.
    MissingValue "missing_value"
    /// A list has no values.
    EmptyList "empty_list"
    /// Parentheses elsewhere than behind a field.
    Parenthesis "parenthesis"
    /// Two values without a blank between them.
    MissingBlank "missing_blank"
    /// A quotation mark that is not closed.
    OpenQuote "open_quote"
    /// A list that is not closed.
    OpenList "open_list"
    /// A regular expression that is not closed.
    OpenPattern "open_pattern"
    /// A backslash at the end.
    OpenEscape "open_escape"
    /// `OR`, `AND`, `NOT`, `!`: other languages.
    Operator "operator"
    /// A comparison where there is none.
    Comparison "comparison"
    /// Not a number.
    Number "number"
    /// A minus without anything behind it, or in a place where it excludes nothing.
    Minus "minus"
    /// A comma between values.
    Comma "comma"
    /// A value that the field does not take.
    Value "value"
    /// A regular expression that is not understood.
    Pattern "pattern"
    /// A regular expression that is too long, or would cost too much.
    LargePattern "large_pattern"
}

impl Serialize for Fault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("character {}: {}expected {expected}{}", at.char + 1, seen(found), hint(suggestion))]
pub struct QueryLineError {
    /// What is wrong.
    pub fault: Fault,
    /// Where.
    pub at: Position,
    /// What stands there, shortened; empty at the end of the line.
    pub found: String,
    /// What is allowed there, in words.
    pub expected: String,
    /// What may have been meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

fn seen(found: &str) -> String {
    if found.is_empty() { "the line ends here; ".into() } else { format!("found {found:?}, ") }
}

fn hint(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|meant| format!("; did you mean {meant}?")).unwrap_or_default()
}
