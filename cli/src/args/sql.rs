//! Flags of SQL, of exports, and of what runs.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::clients::{Filters, Output, Range, Server, default_since, since};

/// The form of an answer to SQL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum SqlOutput {
    /// Columns that fit the terminal
    #[default]
    Table,
    /// One JSON document: columns, rows as arrays, statistics
    Json,
    /// With a line of names
    Csv,
    /// One JSON object per line
    Ndjson,
    /// Arrow IPC stream
    Arrow,
    /// Parquet
    Parquet,
}

/// Flags of `beidou sql`.
#[derive(Debug, Clone, Args)]
#[command(after_help = SQL_HELP)]
pub struct Sql {
    /// One SELECT over the views that --schema lists [default: standard input]
    #[arg(value_name = "SELECT")]
    pub query: Option<String>,
    /// Take the statement from a file
    #[arg(short = 'f', long, value_name = "FILE", conflicts_with = "query")]
    pub file: Option<PathBuf>,
    /// The statement that is saved under this name (`beidou queries`)
    #[arg(long, value_name = "NAME", conflicts_with_all = ["query", "file"])]
    pub saved: Option<String>,
    /// What `{from}` and `{to}` in the statement stand for; the answer says how completely that range is known
    #[command(flatten)]
    pub range: Range,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: SqlOutput,
    /// Write the answer to a file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["estimate", "schema"])]
    pub out: Option<PathBuf>,
    /// At most so many rows
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_rows: u32,
    /// Tell what it would read, in place of its answer
    #[arg(long)]
    pub estimate: bool,
    /// List the views with their columns, the functions and the limits
    #[arg(long, conflicts_with_all = ["query", "file", "saved", "estimate"])]
    pub schema: bool,
    #[command(flatten)]
    pub server: Server,
}

const SQL_HELP: &str = "\
Bound `time`, or much is read. With --since or --until, {from} and {to} in the statement are those moments, and gaps of that
range are told below the rows; without, SQL does not say what is missing: ask the view coverage. docs/sql.md has thirteen questions.

  beidou sql 'SELECT reason, sum(new_occurrences) AS n FROM events WHERE time > now() - INTERVAL 1 DAY GROUP BY reason ORDER BY n DESC'
  beidou sql --since 6h 'SELECT count() FROM events WHERE time >= {from} AND time < {to}'
  beidou sql -f question.sql -o parquet --out answer.parquet
  beidou sql --saved reasons --since 7d
  beidou sql --schema";

/// Flags of `beidou running`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Running {
    /// What to do with what runs.
    #[command(subcommand)]
    pub action: Option<RunningAction>,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

/// What can be done with what runs.
#[derive(Debug, Clone, Subcommand)]
pub enum RunningAction {
    /// Stop a statement or an export
    Cancel {
        /// Its id in the list
        id: String,
        #[command(flatten)]
        server: Server,
    },
}

/// The form of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ExportForm {
    /// With a line of names
    Csv,
    /// One JSON object per line
    Ndjson,
    /// Arrow IPC stream
    Arrow,
    /// Parquet
    #[default]
    Parquet,
}

/// Flags of `beidou export`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXPORT_HELP, mut_arg("since", since(default_since::COVERAGE)))]
pub struct Export {
    #[command(flatten)]
    pub range: Range,
    #[command(flatten)]
    pub filters: Filters,
    /// The answer to a SELECT, in place of Events
    #[arg(long, value_name = "SELECT", conflicts_with = "query")]
    pub sql: Option<String>,
    /// Form of the file
    #[arg(short = 'o', long = "output", value_enum, default_value_t)]
    pub form: ExportForm,
    /// The file
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    #[command(flatten)]
    pub server: Server,
}

const EXPORT_HELP: &str = "\
Events come oldest first, with the columns of the view `events` (`beidou sql --schema`). The server makes the file and keeps it \
for a week; Ctrl-C leaves it at work, and says its id: `beidou exports get ID` writes its file, `beidou exports remove ID` cancels it.

  beidou export 'reason:BackOff' --since 7d -o parquet --out backoff.parquet
  beidou export --sql 'SELECT cluster, count() FROM events GROUP BY cluster' -o csv --out counts.csv";

/// Flags of `beidou exports`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Exports {
    /// What to do with an export.
    #[command(subcommand)]
    pub action: Option<ExportsAction>,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

/// What can be done with an export.
#[derive(Debug, Clone, Subcommand)]
pub enum ExportsAction {
    /// Write the file of an export that is done
    Get {
        /// Its id
        id: String,
        /// The file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        server: Server,
    },
    /// Cancel an export that runs, remove one that has ended
    Remove {
        /// Its id
        id: String,
        #[command(flatten)]
        server: Server,
    },
}
