//! Flags of the clients that ask for maintenance, and of saved queries.

use clap::{Args, Subcommand};

use super::clients::{Output, Server};

/// Flags of `beidou audit`.
#[derive(Debug, Clone, Args)]
#[command(after_help = AUDIT_HELP)]
pub struct Audit {
    /// Compare everything, not only what is new and a share of the rest
    #[arg(long)]
    pub full: bool,
    /// Do not wait for the end; print the id
    #[arg(long)]
    pub no_wait: bool,
    /// Ask for nothing; list the last audits, those that ran by themselves too
    #[arg(long, conflicts_with_all = ["full", "no_wait"])]
    pub list: bool,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

const AUDIT_HELP: &str = "\
Log, table and archive are compared, of Events and of operations, and what differs is repaired where it can be. The exit \
code is 1 when something is not repaired. Ctrl-C ends the waiting, not the audit.";

/// Flags of `beidou rebuild`.
#[derive(Debug, Clone, Args)]
pub struct Rebuild {
    /// Do not wait for the end; print the id
    #[arg(long)]
    pub no_wait: bool,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

/// Flags of `beidou queries`.
#[derive(Debug, Clone, Args)]
#[command(after_help = QUERIES_HELP)]
pub struct Queries {
    /// What to do instead of listing them.
    #[command(subcommand)]
    pub action: Option<QueriesAction>,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

/// What can be done with saved queries.
#[derive(Debug, Clone, Subcommand)]
pub enum QueriesAction {
    /// Save a query line or a statement of SQL under a name; a name that is taken gets the new one
    Save {
        /// The name: a-z, 0-9 and '-'
        name: String,
        /// The query line: 'reason:BackOff -namespace:kube-system'
        #[arg(required_unless_present = "sql")]
        line: Option<String>,
        /// A statement of SQL, in place of a query line
        #[arg(long, value_name = "SELECT", conflicts_with = "line")]
        sql: Option<String>,
        /// What it is good for
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Delete a saved query
    Delete {
        /// Its name
        name: String,
    },
}

const QUERIES_HELP: &str = "\
  beidou queries save crash-loops 'reason:BackOff -namespace:kube-system'
  beidou events --saved crash-loops --since 7d
  beidou queries save reasons --sql 'SELECT reason, count() FROM events WHERE time >= {from} AND time < {to} GROUP BY reason'
  beidou sql --saved reasons --since 7d";
