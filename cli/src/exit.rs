//! The end of a command: its exit code, and the text of an error.
//!
//! An error says what failed, why, and what to do next. The table of codes stands in `beidou --help`.

use std::process::ExitCode;

use beidou_service::config::{ConfigError, without_types};

/// Why a command ends. The numbers are promised to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// It failed.
    Failure = 1,
    /// The command line or the configuration is not valid.
    Usage = 2,
    /// The named object, cluster or context is not known.
    NotFound = 3,
    /// The token was refused, or is missing.
    Unauthorized = 4,
    /// The server cannot be reached.
    Unreachable = 5,
}

/// An error with its exit code and the next step.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// The exit code.
    pub code: Code,
    /// What failed.
    pub text: String,
    /// What to do next; empty where the text says it.
    pub next: String,
    /// Why, as far as another error says it.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Failure {
    /// A failure with its next step.
    pub fn new(code: Code, text: impl Into<String>, next: impl Into<String>) -> Self {
        Self { code, text: text.into(), next: next.into(), source: None }
    }

    /// The same with its cause.
    pub fn because(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }
}

/// The exit code of an error.
pub fn code(error: &anyhow::Error) -> Code {
    let of_cause = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref::<Failure>() {
        Some(failure) => Some(failure.code),
        None => cause.is::<ConfigError>().then_some(Code::Usage),
    };
    error.chain().find_map(of_cause).unwrap_or(Code::Failure)
}

/// The text of an error: what failed, each cause on a line, the next step.
pub fn text(error: &anyhow::Error) -> String {
    let mut text = format!("error: {error}");
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(|cause| without_types(&cause.to_string())) {
        // Some libraries repeat their cause in their own text.
        if !said.contains(&cause) {
            text += &format!("\n  because: {cause}");
            said = cause;
        }
    }
    let next = error.chain().find_map(|cause| cause.downcast_ref::<Failure>()).map_or("", |failure| &failure.next);
    if !next.is_empty() {
        text += &format!("\n  next: {next}");
    }
    text
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn an_error_tells_cause_and_next_step() {
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused");
        let failure = Failure::new(Code::Unreachable, "cannot reach http://127.0.0.1:1", "start `beidou up`");
        let error = Err::<(), _>(failure.because(refused)).context("cannot list events").unwrap_err();
        assert_eq!(code(&error), Code::Unreachable);
        assert_eq!(
            text(&error),
            "error: cannot list events\n  because: cannot reach http://127.0.0.1:1\n  because: connection refused\n  \
             next: start `beidou up`"
        );
    }

    #[test]
    fn a_bad_configuration_is_a_usage_error_and_all_else_a_failure() {
        let unknown = ConfigError::UnknownKey { key: "a".into(), place: "b".into(), allowed: "c".into() };
        assert_eq!(code(&unknown.into()), Code::Usage);
        assert_eq!(code(&anyhow::anyhow!("x")), Code::Failure);
    }
}
