//! A command or specification that is not followed: what was wrong, and what would have been followed.

use super::parameters::FIELD;

/// Longest value that is repeated, in characters.
const MOST_CHARS: usize = 200;

/// Not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {value:?} is not possible; {allowed}")]
pub struct Refused {
    /// What was wrong: a field by its path, or the command.
    pub field: String,
    /// What stood there.
    pub value: String,
    /// What would have been followed.
    pub allowed: String,
}

impl Refused {
    /// Names all three.
    pub fn new(field: impl Into<String>, value: impl ToString, allowed: impl Into<String>) -> Self {
        let value = value.to_string().chars().take(MOST_CHARS).collect();
        Self { field: field.into(), value, allowed: allowed.into() }
    }

    /// Whether a parameter is missing: its cluster may bring it yet.
    pub fn is_missing_parameter(&self) -> bool {
        self.value.is_empty() && self.field.starts_with(FIELD)
    }
}

/// Names for people: at most so many, and how many more there are.
pub(crate) fn names<'a>(all: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let all: Vec<&str> = all.into_iter().collect();
    let shown = all[..all.len().min(most)].join(", ");
    match all.len().saturating_sub(most) {
        0 if all.is_empty() => "none".into(),
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
