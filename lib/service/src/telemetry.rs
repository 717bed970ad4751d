//! Log lines of the process, on stderr: text for people at a terminal, JSON for a collector.
//!
//! `RUST_LOG` wins over the configured level, so that one run can be looked into without touching a file.

use std::io::IsTerminal;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One line of text per entry.
    Text,
    /// One JSON object per line.
    Json,
}

/// The `telemetry` section of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,beidou_ingest=debug`.
    pub level: String,
    /// How log lines look.
    pub format: Format,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { level: "info".into(), format: Format::Auto }
    }
}

/// Log lines could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level has no valid form.
    #[error("{name} {level:?} is not a log level; use error, warn, info, debug, trace, or target=level,…")]
    Level {
        /// Where it was set.
        name: &'static str,
        /// The refused text.
        level: String,
        /// What the parser says.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Somebody was first.
    #[error("log lines are already set up in this process")]
    Twice(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Sends log lines of this process to stderr from now on.
///
/// # Errors
/// When the level has no valid form, or when called twice.
pub fn init(settings: &Telemetry) -> Result<(), TelemetryError> {
    let from_environment = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|level| !level.is_empty());
    let filter = filter(from_environment, &settings.level)?;
    let terminal = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let set = if as_json(settings.format, terminal) {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
    } else {
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        lines.with_ansi(colour).with_target(false).try_init()
    };
    set.map_err(TelemetryError::Twice)
}

/// Libraries that log an error and return it as well: whoever handles it says it once. `RUST_LOG=info,kube_client=debug`
/// brings them back.
const QUIET: &str = "kube_client=off";

fn filter(from_environment: Option<String>, configured: &str) -> Result<EnvFilter, TelemetryError> {
    let (name, level) = match from_environment {
        Some(level) => (EnvFilter::DEFAULT_ENV, level),
        None => ("telemetry.level", configured.to_owned()),
    };
    EnvFilter::try_new(format!("{QUIET},{level}")).map_err(|source| TelemetryError::Level { name, level, source })
}

fn as_json(format: Format, terminal: bool) -> bool {
    match format {
        Format::Auto => !terminal,
        Format::Text => false,
        Format::Json => true,
    }
}

/// An error's text with all its causes, in one line: for a field that holds no chain.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_wins_and_a_bad_level_names_its_place() {
        let level = |from_environment, configured| filter(from_environment, configured).unwrap().to_string();
        assert_eq!(level(Some("debug".into()), "info"), "kube_client=off,debug");
        assert_eq!(level(None, "warn"), "kube_client=off,warn");
        assert_eq!(level(None, "warn,kube_client=debug"), "kube_client=debug,warn");
        let error = filter(None, "info,beidou=loud").unwrap_err().to_string();
        assert!(error.contains("telemetry.level") && error.contains("loud"), "{error}");
        let error = filter(Some("a=b=c".into()), "info").unwrap_err().to_string();
        assert!(error.contains("RUST_LOG"), "{error}");
    }

    #[test]
    fn only_a_terminal_gets_text_unasked() {
        let cases = [(Format::Auto, true, false), (Format::Auto, false, true), (Format::Text, false, false)];
        for (format, terminal, json) in cases.into_iter().chain([(Format::Json, true, true)]) {
            assert_eq!(as_json(format, terminal), json, "{format:?} {terminal}");
        }
    }
}
