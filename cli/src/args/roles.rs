//! Flags of the roles. Those that set a configuration key become the topmost layer of the configuration.

use std::path::PathBuf;

use beidou_service::config::Flag;
use clap::{Args, Subcommand, ValueEnum};

/// What every role takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Role {
    /// Data directory: log, tables, archive, token [default: $XDG_DATA_HOME/beidou, else ~/.local/share/beidou]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Configuration file (YAML); `beidou config --example` prints one
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Log level: error, warn, info, debug, trace, or target=level,…
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// Stop when stdin ends: for a process that starts this one and must not be outlived
    #[arg(long)]
    pub tied_to_stdin: bool,
}

/// Of a role that serves no API.
#[derive(Debug, Clone, Default, Args)]
pub struct Probe {
    /// Serve /healthz, /readyz and /metrics of this process at this address, without a token [default: nowhere]
    #[arg(long, value_name = "ADDRESS")]
    pub probe_listen: Option<String>,
}

/// Flags of `beidou up`.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = UP_HELP)]
pub struct Up {
    #[command(flatten)]
    pub role: Role,
    #[command(flatten)]
    pub kubeconfig: Kubeconfig,
    /// Address of the HTTP API [default: 127.0.0.1:7480]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
}

const UP_HELP: &str = "\
The engine is a child process, installed at the first start and restarted when it crashes; all else runs in this one. \
Clusters that are added to or removed from the configuration file are taken up and let go while this runs.

Beidou asks a cluster for: list and watch on core/v1 events, get on the namespace kube-system; and, for its heartbeat \
(optional), get, create and patch on events in one namespace.";

/// Clusters from a kubeconfig.
#[derive(Debug, Clone, Default, Args)]
pub struct Kubeconfig {
    /// Collect clusters of this kubeconfig
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig, repeatable [default: its current context]
    #[arg(long = "context", value_name = "NAME", requires = "kubeconfig")]
    pub contexts: Vec<String>,
    /// All contexts of the kubeconfig
    #[arg(long, requires = "kubeconfig", conflicts_with = "contexts")]
    pub all_contexts: bool,
}

/// Flags of `beidou ingest`.
#[derive(Debug, Clone, Default, Args)]
pub struct Ingest {
    #[command(flatten)]
    pub role: Role,
    #[command(flatten)]
    pub kubeconfig: Kubeconfig,
    #[command(flatten)]
    pub probe: Probe,
}

/// Flags of `beidou projector`.
#[derive(Debug, Clone, Default, Args)]
pub struct Projector {
    #[command(flatten)]
    pub role: Role,
    #[command(flatten)]
    pub probe: Probe,
}

/// Flags of `beidou controllers`.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = CONTROLLERS_HELP)]
pub struct Controllers {
    #[command(flatten)]
    pub role: Role,
    #[command(flatten)]
    pub probe: Probe,
}

const CONTROLLERS_HELP: &str = "\
Runners come to `controllers.listen`. By itself each step runs in a process beside this one, which needs ansible-playbook; \
with `controllers.executor: job` it runs in a Job of the management cluster.";

/// Flags of `beidou query-api`.
#[derive(Debug, Clone, Default, Args)]
pub struct QueryApi {
    #[command(flatten)]
    pub role: Role,
    /// Address of the HTTP API [default: 127.0.0.1:7480]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
}

/// Flags of `beidou demo`.
#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// Keep the data here [default: a temporary directory that is removed at the end]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address of the HTTP API [default: 127.0.0.1:7480, or a free port where that is taken]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// How many Event states of history to make
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub states: u64,
    /// The same seed tells the same stories
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// No simulated API servers and no live Events after the history
    #[arg(long)]
    pub no_live: bool,
    /// Stop when the history is in the tables
    #[arg(long)]
    pub exit_after_seed: bool,
    /// Log level: error, warn, info, debug, trace, or target=level,…
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
}

/// Flags of `beidou engine`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Engine {
    #[command(flatten)]
    pub role: Role,
    /// What to do with the engine's file, instead of serving.
    #[command(subcommand)]
    pub action: Option<EngineAction>,
}

/// What can be done with the engine's file.
#[derive(Debug, Clone, Subcommand)]
pub enum EngineAction {
    /// Download the engine at its pinned version, check it and unpack it
    Install,
    /// Check the installed engine against its pinned checksum
    Verify,
}

/// Flags of `beidou archive`.
#[derive(Debug, Clone, Args)]
pub struct Archive {
    /// What to do
    #[arg(value_enum, default_value_t)]
    pub action: ArchiveAction,
    #[command(flatten)]
    pub role: Role,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What can be done with the archive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ArchiveAction {
    /// Show what is there
    #[default]
    List,
    /// Put the files of log ranges together to one per cluster and day, now and not at the end of the day
    Compact,
}

/// Flags of `beidou backup`.
#[derive(Debug, Clone, Args)]
#[command(after_help = BACKUP_HELP)]
pub struct Backup {
    /// Where to: a folder that is empty or not there
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    #[command(flatten)]
    pub role: Role,
    /// Copy the token and the key that signs cursors too
    #[arg(long)]
    pub with_secrets: bool,
}

const BACKUP_HELP: &str = "\
The tables are not copied: after a restore they are filled from archive and log. DIR/backup.json lists every file with its \
size and SHA-256; a folder without it is not whole. Files of the archive that are gone or damaged are named, with all else copied, and \
make the exit code 1.";

/// Flags of `beidou restore`.
#[derive(Debug, Clone, Args)]
pub struct Restore {
    /// The folder that `beidou backup` made
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The new data directory: empty or not there
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
}

/// Flags of `beidou config`.
#[derive(Debug, Clone, Default, Args)]
pub struct Config {
    #[command(flatten)]
    pub role: Role,
    /// Print a commented example instead
    #[arg(long)]
    pub example: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "example")]
    pub json: bool,
}

/// Flags of `beidou token`.
#[derive(Debug, Clone, Default, Args)]
pub struct Token {
    #[command(flatten)]
    pub role: Role,
}

impl Role {
    /// The configuration keys that these flags set.
    pub fn flags(&self) -> Vec<Flag> {
        let path = self.data.as_ref().map(|path| path.display().to_string());
        [("--data", "data", path), ("--log-level", "telemetry.level", self.log_level.clone())]
            .into_iter()
            .filter_map(|(name, key, value)| flag(name, key, value))
            .collect()
    }
}

impl Probe {
    /// The flag, if given.
    pub fn flag(&self) -> Option<Flag> {
        flag("--probe-listen", "probe.listen", self.probe_listen.clone())
    }
}

/// The flag `--listen`, if given.
pub fn listen_flag(listen: Option<&String>) -> Option<Flag> {
    flag("--listen", "query_api.listen", listen.cloned())
}

fn flag(name: &'static str, key: &'static str, value: Option<String>) -> Option<Flag> {
    value.map(|value| Flag { name, key, value: value.into() })
}
