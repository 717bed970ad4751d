//! Flags of the clients that count, fold and compare.

use clap::{Args, ValueEnum};

use super::clients::{Filters, Output, Range, Server, default_since, since};

/// Flags of `beidou histogram` and `beidou occurrences`.
#[derive(Debug, Clone, Args)]
#[command(mut_arg("since", since(default_since::EVENTS)))]
pub struct Binned {
    #[command(flatten)]
    pub range: Range,
    #[command(flatten)]
    pub filters: Filters,
    /// At most so many bins of time
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=240))]
    pub bins: u32,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

pub const HISTOGRAM_HELP: &str = "\
Counts are exact for the whole range. Where a part of a bin is not known, its number is a lower bound: ≥.

  beidou histogram --since 24h --type Warning
  beidou histogram --since 90d --reason BackOff -c hz-prod-02 --bins 90";

pub const OCCURRENCES_HELP: &str = "\
Kubernetes counts repeats inside one Event and tells the time of the last one. Here a count that grew by 6 in five \
minutes is 6 in five minutes, not 6 at once: ≈ where their moments are not known, between AT LEAST and AT MOST. The \
table below lists sources of which more may have happened than was ever written.

  beidou occurrences --since 24h --reason BackOff
  beidou occurrences --for pod/web-0 -n shop --since 6h --bins 72";

/// Flags of `beidou facets`.
#[derive(Debug, Clone, Args)]
#[command(after_help = FACETS_HELP, mut_arg("since", since(default_since::EVENTS)))]
pub struct Facets {
    #[command(flatten)]
    pub range: Range,
    #[command(flatten)]
    pub filters: Filters,
    /// Count by these, with commas between [default: all but name]
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_enum)]
    pub by: Vec<Field>,
    /// At most so many values of each
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub top: u32,
    /// Which come first
    #[arg(long, value_enum, default_value_t)]
    pub sort: FacetSort,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

const FACETS_HELP: &str = "\
  beidou facets --since 24h --type Warning
  beidou facets --since 7d --by reason,node --top 20 -n shop
  beidou facets --by node --sort warnings";

/// Which values come first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum FacetSort {
    /// Those with the most states
    #[default]
    States,
    /// Those with the most Warnings
    Warnings,
}

/// What Events can be counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Field {
    Cluster,
    Namespace,
    Kind,
    Reason,
    Type,
    Component,
    Node,
    Name,
    /// The message folded to a template
    Pattern,
}

/// Flags of `beidou patterns`.
#[derive(Debug, Clone, Args)]
#[command(after_help = PATTERNS_HELP, mut_arg("since", since(default_since::EVENTS)))]
pub struct Patterns {
    #[command(flatten)]
    pub range: Range,
    #[command(flatten)]
    pub filters: Filters,
    /// At most so many templates
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub top: u32,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

const PATTERNS_HELP: &str = "\
A template is new where it was not seen in the same length of time before the range.

  beidou patterns --since 6h --type Warning";

/// Flags of `beidou explain`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXPLAIN_HELP, mut_arg("since", since(default_since::EVENTS)))]
pub struct Explain {
    #[command(flatten)]
    pub range: Range,
    #[command(flatten)]
    pub filters: Filters,
    /// Compare with a range so much earlier, such as 1d or 1w [default: the time right before]
    #[arg(long, value_name = "LENGTH")]
    pub baseline: Option<String>,
    /// Compare by these, with commas between [default: all but type and name]
    #[arg(long, value_name = "FIELD", value_delimiter = ',', value_enum)]
    pub by: Vec<Field>,
    /// At most so many new values, and as many others
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub top: u32,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

const EXPLAIN_HELP: &str = "\
Values are ranked by the log-likelihood ratio of their numbers in both ranges; below 11 it may be chance.

  beidou explain --since 30m --type Warning
  beidou explain --since 2026-11-24T06:00:00Z --until 2026-11-24T06:30:00Z --baseline 1w";

/// Flags of `beidou neighbours`.
#[derive(Debug, Clone, Args)]
#[command(after_help = NEIGHBOURS_HELP)]
pub struct Neighbours {
    /// Uid of the Event: `uid` in the JSON of `beidou events`
    #[arg(value_name = "UID")]
    pub event: String,
    /// What they share with the Event
    #[arg(long, value_enum, default_value_t)]
    pub scope: Scope,
    /// How much time before it and after it, such as 30s, 5m, 1h
    #[arg(long, default_value = "60s", value_name = "LENGTH")]
    pub within: String,
    #[command(flatten)]
    pub filters: Filters,
    /// At most so many before it, and as many after it
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub limit: u32,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

const NEIGHBOURS_HELP: &str = "\
The newest state of the Event is meant. Without -c the only cluster there is.

  beidou neighbours 0f8fad5b-d9cb-469f-a165-70867728950e -c hz-prod-02 --scope node --within 5m";

/// How near a neighbour is, besides time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    #[default]
    Object,
    /// The node that the Event names
    Node,
    Namespace,
    Cluster,
}

/// As the API has it: the name on the command line.
pub fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{Parser, error::ErrorKind};

    use super::*;
    use crate::args::{Cli, Command};

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Cli::try_parse_from(std::iter::once("beidou").chain(line.split_whitespace())).map(|cli| cli.command)
    }

    #[test]
    fn the_filters_are_those_of_events() {
        let filters = "--since 7d --until 1h --for po/web-0 -n shop -c a --reason BackOff --type Warning -o ndjson";
        for command in
            ["histogram --bins 240", "facets --by reason,node --top 50", "patterns --top 200", "explain --baseline 1w"]
        {
            parse(&format!("{command} {filters}")).unwrap_or_else(|error| panic!("{command}: {error}"));
        }
        let Ok(Command::Facets(facets)) = parse("facets --by reason,pattern --sort warnings") else { panic!("facets") };
        assert_eq!(facets.by.into_iter().map(name).collect::<Vec<_>>(), ["reason", "pattern"]);
        assert_eq!(name(facets.sort), "warnings");
        let Ok(Command::Neighbours(near)) = parse("neighbours u1 -c a --scope namespace --within 5m --uid u2") else {
            panic!("neighbours")
        };
        assert_eq!((near.event.as_str(), name(near.scope).as_str(), near.within.as_str()), ("u1", "namespace", "5m"));
        assert_eq!(near.filters.uid.as_deref(), Some("u2"), "the filter is about the others");
    }

    #[test]
    fn what_makes_no_sense_is_a_usage_error() {
        for (line, kind) in [
            ("histogram --bins 0", ErrorKind::ValueValidation),
            ("histogram --bins 241", ErrorKind::ValueValidation),
            ("facets --by message", ErrorKind::InvalidValue),
            ("facets --sort name", ErrorKind::InvalidValue),
            ("facets --top 51", ErrorKind::ValueValidation),
            ("neighbours", ErrorKind::MissingRequiredArgument),
            ("neighbours u --scope rack", ErrorKind::InvalidValue),
        ] {
            assert_eq!(parse(line).unwrap_err().kind(), kind, "{line}");
        }
    }
}
