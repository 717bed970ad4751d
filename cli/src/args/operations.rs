//! Flags of the clients that act: operations on hosts, and the tasks that make them.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;

use super::{clients::Server, time};

/// The form of the answer about one or few objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Columns that fit the terminal
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One YAML document
    Yaml,
}

/// Flags of `beidou operation`.
#[derive(Debug, Clone, Args)]
#[command(after_help = OPERATION_HELP)]
pub struct Operation {
    /// What to do.
    #[command(subcommand)]
    pub action: OperationAction,
}

const OPERATION_HELP: &str = "\
An operation is named by its id, or by its name where one alone has it.

  beidou operation machines hosts.csv                 read a list of machines
  beidou operation plan -f scaleup.yaml               what would be done; nothing is written
  beidou operation apply -f scaleup.yaml --watch      do it, and look on
  beidou operation list --phase active
  beidou operation retry ops/scaleup-2024 --host 10.0.0.11
  beidou operation export ops/scaleup-2024 && beidou operation replay operation-….ndjson --speed 60";

/// What can be done with operations.
#[derive(Debug, Clone, Subcommand)]
pub enum OperationAction {
    /// Make what manifests say: kinds Operation and AutoOperationTask, several documents
    Apply(Apply),
    /// List operations, the newest first
    List(OperationList),
    /// Show one: steps, stages, what holds it, which hosts failed
    Show(Named),
    /// Look on until it is over; the exit code is 1 unless it succeeded
    Watch(Watch),
    /// Hold it: what runs goes on to its end, nothing more begins
    Hold(Word),
    /// Let it go on; failures that were seen are accepted by it
    Resume(Word),
    /// Cancel it: runners stop, and what was done is undone
    Cancel(Word),
    /// Try hosts of the present step again
    Retry(Retry),
    /// Leave a step out
    Skip(Skip),
    /// Approve it; not by who asked for it
    Approve(Answer),
    /// Reject it: it is over
    Reject(Answer),
    /// Print what its programs printed: all of it, redacted
    Output(Output),
    /// Open an export without a server: verify it, and show any moment of it
    Replay(Replay),
    /// Write it to one file that proves itself
    Export(Export),
    /// Read a list of machines: lines, CSV, an Ansible inventory
    Machines(Machines),
    /// Show what a manifest would do, how long it takes and what holds it back; nothing is written
    Plan(Plan),
}

/// Flags of `beidou task`.
#[derive(Debug, Clone, Args)]
pub struct Task {
    /// What to do.
    #[command(subcommand)]
    pub action: TaskAction,
}

/// What can be done with tasks.
#[derive(Debug, Clone, Subcommand)]
pub enum TaskAction {
    /// Make what manifests say: kinds Operation and AutoOperationTask, several documents
    Apply(Apply),
    /// List tasks, the newest first
    List(TaskList),
    /// Show one: its steps, work orders and operations
    Show(Named),
    /// Look on until it is over; the exit code is 1 unless it succeeded
    Watch(Watch),
    /// Hold it, and the operation of its present step
    Hold(Word),
    /// Let it go on, and the operation of its present step
    Resume(Word),
    /// Cancel it, and its present operation; what ended before stays
    Cancel(Word),
    /// Try hosts of the present step's operation again
    Retry(Retry),
    /// Leave the present step of a held task out; of several bundles the turn of one: ScaleUp/command
    Skip(Skip),
    /// Approve the work order at which it waits; not by who asked for it
    Approve(Answer),
    /// Reject it
    Reject(Answer),
}

/// Flags of `apply`.
#[derive(Debug, Clone, Args)]
pub struct Apply {
    /// The manifests, YAML or JSON; - for stdin
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub file: PathBuf,
    /// Idempotency key: the same key again makes nothing anew; only for one document
    #[arg(long, value_name = "UUID")]
    pub key: Option<Uuid>,
    /// Why, for people: of all that is made
    #[arg(long, default_value = "")]
    pub why: String,
    /// Look on until it is over; only for one document
    #[arg(short = 'w', long)]
    pub watch: bool,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Form,
    #[command(flatten)]
    pub server: Server,
}

/// Flags of `plan`.
#[derive(Debug, Clone, Args)]
pub struct Plan {
    /// The manifest of one Operation, YAML or JSON; - for stdin
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub file: PathBuf,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Form,
    #[command(flatten)]
    pub server: Server,
}

/// Which of them, as far as operations and tasks are alike.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Filters")]
pub struct Which {
    /// Cluster; repeatable
    #[arg(short = 'c', long = "cluster", value_name = "CLUSTER")]
    pub clusters: Vec<String>,
    /// Type, such as ScaleUp or Drain; repeatable
    #[arg(long = "type", value_name = "TYPE")]
    pub types: Vec<String>,
    /// Phase, such as Running or Held; active: all that are not over; repeatable
    #[arg(long = "phase", value_name = "PHASE")]
    pub phases: Vec<String>,
    /// Who asked for it; repeatable
    #[arg(long = "subject", value_name = "SUBJECT")]
    pub subjects: Vec<String>,
    /// Text within name, id, message, bundle or the address of a host
    #[arg(long)]
    pub text: Option<String>,
    /// Those that were there since: a length of time before now (90m, 7d), a date, or an RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = time::checked)]
    pub since: Option<String>,
    /// Those that were accepted before, in the same forms
    #[arg(long, value_name = "TIME", value_parser = time::checked)]
    pub until: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
}

/// Flags of `beidou operation list`.
#[derive(Debug, Clone, Args)]
pub struct OperationList {
    #[command(flatten)]
    pub which: Which,
    /// What its labels say: team=infra, tier!=web, team or !old; repeatable: all of them
    #[arg(short = 'l', long = "label", value_name = "SELECTOR", help_heading = "Filters")]
    pub labels: Vec<String>,
    /// The task that it belongs to, by id
    #[arg(long, value_name = "ID")]
    pub task: Option<Uuid>,
    /// Order: created, updated, name, cluster, phase, bad
    #[arg(long, default_value = "created", value_parser = ["created", "updated", "name", "cluster", "phase", "bad"])]
    pub sort: String,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Form,
    #[command(flatten)]
    pub server: Server,
}

/// Flags of `beidou task list`.
#[derive(Debug, Clone, Args)]
pub struct TaskList {
    #[command(flatten)]
    pub which: Which,
    /// Order: created, updated, name
    #[arg(long, default_value = "created", value_parser = ["created", "updated", "name"])]
    pub sort: String,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Form,
    #[command(flatten)]
    pub server: Server,
}

/// One object.
#[derive(Debug, Clone, Args)]
pub struct Named {
    /// Its id or its name
    #[arg(value_name = "ID|NAME")]
    pub name: String,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Form,
    #[command(flatten)]
    pub server: Server,
}

/// Flags of `watch`.
#[derive(Debug, Clone, Args)]
pub struct Watch {
    /// Its id or its name
    #[arg(value_name = "ID|NAME")]
    pub name: String,
    /// Begin with its first fact, not with now
    #[arg(long)]
    pub from_start: bool,
    #[command(flatten)]
    pub server: Server,
}

/// A word beside an act.
#[derive(Debug, Clone, Args)]
pub struct Word {
    #[command(flatten)]
    pub named: Named,
    /// Why, for people
    #[arg(long, default_value = "")]
    pub why: String,
}

/// Flags of `retry`.
#[derive(Debug, Clone, Args)]
pub struct Retry {
    #[command(flatten)]
    pub named: Named,
    /// A host, by address; repeatable [default: all that failed in the present step]
    #[arg(long = "host", value_name = "ADDRESS")]
    pub hosts: Vec<String>,
    /// Why, for people
    #[arg(long, default_value = "")]
    pub why: String,
}

/// Flags of `skip`.
#[derive(Debug, Clone, Args)]
pub struct Skip {
    #[command(flatten)]
    pub named: Named,
    /// The step; of a task, as `show` calls it
    #[arg(long)]
    pub step: String,
    /// Why, for people
    #[arg(long, default_value = "")]
    pub why: String,
}

/// Flags of `approve` and `reject`.
#[derive(Debug, Clone, Args)]
pub struct Answer {
    #[command(flatten)]
    pub named: Named,
    /// The number of the work order in your system
    #[arg(long, default_value = "")]
    pub ticket: String,
    /// Why, for people
    #[arg(long, default_value = "")]
    pub why: String,
}

/// Flags of `export`.
#[derive(Debug, Clone, Args)]
pub struct Export {
    /// Its id or its name
    #[arg(value_name = "ID|NAME")]
    pub name: String,
    /// The file [default: operation-ID.ndjson here]
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    #[command(flatten)]
    pub server: Server,
}

/// Flags of `output`.
#[derive(Debug, Clone, Args)]
pub struct Output {
    /// Its id or its name
    #[arg(value_name = "ID|NAME")]
    pub name: String,
    /// Of this step alone
    #[arg(long)]
    pub step: Option<String>,
    /// Of this attempt alone, by id
    #[arg(long, value_name = "ID")]
    pub attempt: Option<String>,
    #[command(flatten)]
    pub server: Server,
}

/// Flags of `replay`.
#[derive(Debug, Clone, Args)]
pub struct Replay {
    /// The export
    pub file: PathBuf,
    /// The moment, an RFC 3339 time [default: the last one]
    #[arg(long, value_name = "TIME", conflicts_with = "speed")]
    pub at: Option<jiff::Timestamp>,
    /// Play it, so many times as fast as it was
    #[arg(long, value_name = "FACTOR", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub speed: Option<u32>,
    /// Print what its programs printed
    #[arg(long, conflicts_with_all = ["at", "speed", "output"])]
    pub printed: bool,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t, conflicts_with = "speed")]
    pub output: Form,
}

/// Flags of `machines`.
#[derive(Debug, Clone, Args)]
pub struct Machines {
    /// The list; - for stdin
    pub file: PathBuf,
    /// How to read it: auto, lines, csv, ini, yaml
    #[arg(long, default_value = "auto", value_parser = ["auto", "lines", "csv", "ini", "yaml"])]
    pub format: String,
    /// The cluster that they are of: names of its nodes stand for addresses
    #[arg(short = 'c', long, value_name = "CLUSTER")]
    pub cluster: Option<String>,
    /// Form of the answer; yaml is `operationMachines` of a manifest
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Form,
    #[command(flatten)]
    pub server: Server,
}
