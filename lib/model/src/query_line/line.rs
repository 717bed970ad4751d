//! What a line says, and its normal form.

use std::fmt;

use serde::Serialize;

use super::{COUNT, Field, Glob, Pattern};

/// A query line that was read: all its terms must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct QueryLine {
    terms: Vec<Term>,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Term {
    /// Whether it must not hold.
    #[serde(rename = "not", skip_serializing_if = "std::ops::Not::not")]
    pub negated: bool,
    /// What must hold.
    #[serde(flatten)]
    pub test: Test,
}

/// What a term looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Test {
    /// A field has any of these values.
    Any {
        /// The field.
        field: Field,
        /// The values; at least one.
        values: Vec<Value>,
    },
    /// The number of occurrences so far.
    Count {
        /// How it is compared.
        comparison: Comparison,
        /// With what.
        number: u32,
    },
}

/// A value as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// This text; of the message: these words.
    Text(String),
    /// A text with wildcards.
    Glob(Glob),
    /// A regular expression, which is found anywhere in the text.
    Pattern(Pattern),
}

/// How numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[allow(missing_docs, reason = "the signs say it")]
pub enum Comparison {
    #[serde(rename = ">")]
    Greater,
    #[serde(rename = ">=")]
    GreaterOrEqual,
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    LessOrEqual,
    #[serde(rename = "=")]
    Equal,
}

impl Comparison {
    /// All of them; a sign that begins with another one stands before it.
    pub const ALL: [Self; 5] = [Self::GreaterOrEqual, Self::Greater, Self::LessOrEqual, Self::Less, Self::Equal];

    /// As it is written.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
        }
    }

    /// Whether a number compares so with the wanted one.
    pub const fn holds(self, number: u32, wanted: u32) -> bool {
        match self {
            Self::Greater => number > wanted,
            Self::GreaterOrEqual => number >= wanted,
            Self::Less => number < wanted,
            Self::LessOrEqual => number <= wanted,
            Self::Equal => number == wanted,
        }
    }
}

impl QueryLine {
    pub(super) fn new(terms: Vec<Term>) -> Self {
        Self { terms }
    }

    /// The terms.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether it says nothing: then everything is meant.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether any term looks at the field.
    pub fn names(&self, field: Field) -> bool {
        self.terms.iter().any(|term| term.of(field).is_some())
    }

    /// Parts it into the terms over a field and all others.
    pub fn split(self, field: Field) -> (Self, Self) {
        let (of, others) = self.terms.into_iter().partition(|term| term.of(field).is_some());
        (Self::new(of), Self::new(others))
    }
}

impl Term {
    /// The values, if the term looks at this field.
    pub fn of(&self, field: Field) -> Option<&[Value]> {
        match &self.test {
            Test::Any { field: own, values } => (*own == field).then_some(values),
            Test::Count { .. } => None,
        }
    }
}

impl fmt::Display for QueryLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, term) in self.terms.iter().enumerate() {
            write!(f, "{}{term}", if place == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negated {
            f.write_str("-")?;
        }
        match &self.test {
            Test::Any { field: Field::Message, values } if values.len() == 1 => values[0].fmt(f),
            Test::Any { field, values } if values.len() == 1 => write!(f, "{field}:{}", values[0]),
            Test::Any { field, values } => {
                write!(f, "{field}:(")?;
                for (place, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if place == 0 { "" } else { " " })?;
                }
                f.write_str(")")
            }
            Test::Count { comparison, number } => write!(f, "{COUNT}{}{number}", comparison.sign()),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) if is_plain(text) => f.write_str(text),
            Self::Text(text) => {
                f.write_str("\"")?;
                for c in text.chars() {
                    write!(f, "{}{c}", if matches!(c, '"' | '\\') { "\\" } else { "" })?;
                }
                f.write_str("\"")
            }
            Self::Glob(glob) => glob.fmt(f),
            Self::Pattern(pattern) => pattern.fmt(f),
        }
    }
}

/// Words of other languages, refused unless they are quoted.
pub(super) const OPERATORS: [&str; 3] = ["OR", "AND", "NOT"];

/// Whether a text can stand without quotation marks.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(['-', '/']) && text.chars().all(is_safe) && !OPERATORS.contains(&text)
}

/// Characters that never mean anything but themselves, except that `-` and `/` must not begin a value.
fn is_safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | '@' | '+' | '%') || is_other(c)
}

/// Characters beyond ASCII that are no blanks.
fn is_other(c: char) -> bool {
    !c.is_ascii() && !super::scan::is_blank(c)
}

/// Writes a text among wildcards: what is not safe gets a backslash.
pub(super) fn escaped(f: &mut fmt::Formatter<'_>, text: &str, begins: bool) -> fmt::Result {
    for (place, c) in text.chars().enumerate() {
        let first = begins && place == 0 && matches!(c, '-' | '/');
        write!(f, "{}{c}", if first || !is_safe(c) { "\\" } else { "" })?;
    }
    Ok(())
}

impl Serialize for Glob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
