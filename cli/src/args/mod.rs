//! The command line: what may be typed. Nothing here acts.
//!
//! Roles run a part of Beidou in this process; clients only speak HTTP to query-api.

pub mod bundle;
pub mod clients;
pub mod import;
pub mod kind;
pub mod line;
pub mod operations;
pub mod pictures;
pub mod roles;
pub mod sql;
pub mod time;
pub mod upkeep;

use clap::{Parser, Subcommand};

/// All Kubernetes Events of many clusters, kept and found again.
#[derive(Debug, Parser)]
#[command(name = "beidou", version, propagate_version = true, max_term_width = 110, after_help = AFTER_HELP)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "\
First steps:
  beidou demo                              three simulated clusters with a week of history
  beidou up --kubeconfig ~/.kube/config    collect your own clusters
  beidou events --since 1h                 what happened

Exit codes:
  0  done
  1  failed
  2  the command line or the configuration is not valid
  3  the named object, cluster or context is not known
  4  the token was refused, or is missing
  5  the server cannot be reached

Environment: BEIDOU_URL, BEIDOU_TOKEN and BEIDOU_CONTEXT choose the server; BEIDOU_<SECTION>_<KEY> sets a key \
of the configuration (`beidou config` shows all); RUST_LOG sets the log level; NO_COLOR switches colour off.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Try Beidou: three simulated clusters, 300 nodes, seven days of history, one incident
    Demo(roles::Demo),
    /// Collect the Events of your clusters: all roles in one process
    Up(roles::Up),
    /// What is one role alone.
    #[command(flatten)]
    Alone(Alone),
    /// List the archive: files, rows and bytes per cluster and day; or compact it
    Archive(roles::Archive),
    /// Print the effective configuration and where each value comes from
    Config(roles::Config),
    /// Print the token that the first start has made in the data directory
    Token(roles::Token),
    /// List Events, newest first
    Events(clients::Events),
    /// Count Events per bin of time, by type
    #[command(after_help = pictures::HISTOGRAM_HELP)]
    Histogram(pictures::Binned),
    /// Tell how often it happened when, with bounds, and where occurrences may be missing
    #[command(after_help = pictures::OCCURRENCES_HELP)]
    Occurrences(pictures::Binned),
    /// Count Events by cluster, reason, node and so on: the most frequent values
    Facets(pictures::Facets),
    /// Fold like messages to one line each
    Patterns(pictures::Patterns),
    /// Tell what changed most against the time before
    Explain(pictures::Explain),
    /// List what else happened around an Event
    Neighbours(pictures::Neighbours),
    /// Show what happened to one object
    Timeline(clients::Timeline),
    /// List the clusters, how far each is collected, and how it fares
    Clusters(clients::Clusters),
    /// Show how much of the time is complete, degraded or lost, and how late Events come
    Coverage(clients::Coverage),
    /// List the frames that could not be decoded
    Rejects(clients::Rejects),
    /// What runs statements.
    #[command(flatten)]
    Statement(Statement),
    /// Import dumps of Events: watch frames, kubectl lists, exporter lines, Elasticsearch documents
    Import(import::Import),
    /// What keeps Events well.
    #[command(flatten)]
    Keeping(Keeping),
    /// What acts on hosts.
    #[command(flatten)]
    Acting(Acting),
    /// Choose among the servers that `demo` and `up` have made known
    Context(clients::Context),
    /// Print a completion script for your shell
    Completion(clients::Completion),
}

/// The roles, each alone in its process.
#[derive(Debug, Subcommand)]
pub enum Alone {
    /// Role: watch clusters and write their Events to the log
    Ingest(roles::Ingest),
    /// Role: project the log into ClickHouse
    Projector(roles::Projector),
    /// Role: make operations of commands, and runners of their steps
    Controllers(roles::Controllers),
    /// Run one step of an operation: what controllers start, in a Job or beside them
    #[command(hide = true)]
    RunStep(Box<beidou_runner::Arguments>),
    /// Role: serve the HTTP API
    QueryApi(roles::QueryApi),
    /// Role: serve the embedded ClickHouse engine; or install and verify it
    Engine(roles::Engine),
}

/// The commands about statements and the files they make.
#[derive(Debug, Subcommand)]
pub enum Statement {
    /// Ask in SQL, over views of the history
    Sql(sql::Sql),
    /// Write Events or an SQL answer of any length to a file
    Export(Box<sql::Export>),
    /// List the exports; get the file of one, or remove it
    Exports(sql::Exports),
    /// List the statements that run now, or cancel one
    Running(sql::Running),
}

/// The commands about the keeping of Events.
#[derive(Debug, Subcommand)]
pub enum Keeping {
    /// List, save and delete query lines under a name
    Queries(upkeep::Queries),
    /// Compare log, table and archive, and repair what differs
    Audit(upkeep::Audit),
    /// Fill the table of Events anew from archive and log; queries go on meanwhile
    Rebuild(upkeep::Rebuild),
    /// Show what tables, archive and log take, and when the disk is full
    Space(clients::Space),
    /// Copy log, archive and small files of the data directory, while Beidou runs
    Backup(roles::Backup),
    /// Make a new data directory of a backup
    Restore(roles::Restore),
}

/// The commands that act on hosts.
#[derive(Debug, Subcommand)]
pub enum Acting {
    /// Do something to hosts: apply, look on, hold, retry, cancel, export, replay
    #[command(visible_alias = "op")]
    Operation(Box<operations::Operation>),
    /// Run an automatic task: operations one after the other, with work orders between them
    Task(Box<operations::Task>),
    /// Look at bundles of playbooks: list, copy, lint, test on hosts
    Bundle(bundle::Bundle),
}

/// Prints the completion script of a shell.
pub fn completion(shell: clients::Shell) {
    let generator = match shell {
        clients::Shell::Bash => clap_complete::Shell::Bash,
        clients::Shell::Zsh => clap_complete::Shell::Zsh,
        clients::Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(generator, &mut <Cli as clap::CommandFactory>::command(), "beidou", &mut script);
    crate::say(String::from_utf8_lossy(&script).trim_end());
}

#[cfg(test)]
mod tests;
