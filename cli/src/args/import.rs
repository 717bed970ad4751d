//! Flags of `beidou import`.

use std::path::PathBuf;

use beidou_schemas::{InvalidId, ids};
use clap::{Args, ValueEnum};

use super::clients::{Output, Server};

/// Flags of `beidou import`.
#[derive(Debug, Clone, Args)]
#[command(after_help = HELP)]
pub struct Import {
    /// Dumps; - for standard input; gzip is seen by itself
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The cluster of all their Events: a known one, or a new name [default: what the dump calls each Event's cluster]
    #[arg(short = 'c', long, value_name = "CLUSTER", value_parser = cluster)]
    pub cluster: Option<String>,
    /// What the dumps are made of
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Write what cannot be imported here, the first 10,000 of a dump: a line of JSON each, with file, line and reason
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Store nothing; tell what would be
    #[arg(long)]
    pub dry_run: bool,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

/// The server's own check, before a dump is sent.
fn cluster(name: &str) -> Result<String, InvalidId> {
    ids::cluster_name(name).map(|()| name.to_owned())
}

/// What a dump is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Each item tells
    #[default]
    Auto,
    /// Watch frames: {"type":"ADDED","object":{…}}
    Watch,
    /// Events: a list, an array, or one on each line
    Events,
    /// Lines of kubernetes-event-exporter
    Exporter,
    /// Documents with `_source`: of elasticdump, or the answer of a search
    Elasticsearch,
}

impl Format {
    /// As the API takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Watch => "watch",
            Self::Events => "events",
            Self::Exporter => "exporter",
            Self::Elasticsearch => "elasticsearch",
        }
    }
}

const HELP: &str = "\
What is stored already is not stored again, so an import can be repeated, and a dump may overlap with what was watched. \
Where a dump has no uid or resourceVersion, hashes of the content take their place. Items that cannot be imported make \
the exit code 1; the others are imported. Nothing is sent unless all files can be opened. Where one of several fails, those \
before it are imported, and those after it are not. An import proves nothing: coverage stays as it was.

  kubectl get events -A -o json | beidou import - -c hz-prod-02
  beidou import events-2026-*.ndjson.gz --rejects rejects.ndjson";
