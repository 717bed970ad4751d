//! One thing that is wrong with a bundle or with parameters: where, and what would be right.

use std::fmt;

use jsonschema::{ValidationError, error::ValidationErrorKind};

/// What is wrong, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// The file, or `parameters` of an operation.
    pub file: String,
    /// The field, as a path: `steps/0/deadline`. Empty for the whole.
    pub field: String,
    /// The value, and what is allowed.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(file: &str, field: &str, message: impl Into<String>) -> Self {
        Self { file: file.into(), field: field.into(), message: message.into() }
    }

    /// Of a value that a schema refuses.
    pub(crate) fn of(file: &str, error: &ValidationError<'_>) -> Self {
        let field = error.instance_path().as_str().trim_start_matches('/').to_owned();
        let message = match error.kind() {
            // The library names only the first few.
            ValidationErrorKind::Enum { options } => format!("{} is not allowed; allowed: {options}", error.instance()),
            _ => error.to_string(),
        };
        Self { file: file.into(), field, message }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => write!(f, "{}: {}", self.file, self.message),
            field => write!(f, "{}: {field}: {}", self.file, self.message),
        }
    }
}

/// One line each.
pub(crate) fn lines(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
