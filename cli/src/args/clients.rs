//! Flags of the clients.

use clap::{Args, Subcommand, ValueEnum};

use super::{kind, time};

/// Which server to ask.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Server")]
pub struct Server {
    /// A context of the context file [default: the current one]
    #[arg(long, env = "BEIDOU_CONTEXT", value_name = "NAME")]
    pub context: Option<String>,
    /// Address of the API, instead of the context's
    #[arg(long, env = "BEIDOU_URL")]
    pub url: Option<String>,
    /// Bearer token, instead of the context's
    #[arg(long, env = "BEIDOU_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

/// The form of the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Columns that fit the terminal
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON object per line
    Ndjson,
}

/// A stretch of time.
#[derive(Debug, Clone, Default, Args)]
pub struct Range {
    /// Begin: a length of time before now (90m, 36h, 7d, 2w), a date, or an RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = time::checked)]
    pub since: Option<String>,
    /// End, in the same forms [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::checked)]
    pub until: Option<String>,
}

/// Which Events.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filters")]
pub struct Filters {
    /// Events about this object, such as pod/web-0; kinds as in kubectl (po, deploy, no, …)
    #[arg(long = "for", value_name = "KIND/NAME", value_parser = kind::object)]
    pub object: Option<kind::Object>,
    /// Cluster, by name or uid; repeatable
    #[arg(short = 'c', long = "cluster", value_name = "CLUSTER")]
    pub clusters: Vec<String>,
    /// Namespace of the object
    #[arg(short = 'n', long)]
    pub namespace: Option<String>,
    /// Kind of the object
    #[arg(long, value_parser = kind::kind, conflicts_with = "object")]
    pub kind: Option<String>,
    /// Reason, such as BackOff
    #[arg(long)]
    pub reason: Option<String>,
    /// Type: Normal or Warning
    #[arg(long = "type", value_name = "TYPE")]
    pub event_type: Option<String>,
    /// Node concerned
    #[arg(long)]
    pub node: Option<String>,
    /// Reporting component, such as kubelet
    #[arg(long)]
    pub component: Option<String>,
    /// Text that the message contains
    #[arg(long)]
    pub text: Option<String>,
    /// Uid of the Event or of its object
    #[arg(long)]
    pub uid: Option<String>,
}

/// Flags of `beidou events`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EVENTS_HELP)]
pub struct Events {
    #[command(flatten)]
    pub range: Range,
    #[command(flatten)]
    pub filters: Filters,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Show new Events as they come, until Ctrl-C
    #[arg(short = 'f', long, conflicts_with_all = ["until", "limit"])]
    pub follow: bool,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

const EVENTS_HELP: &str = "\
Without --since the last hour is shown. The line below the table says whether the range is complete.

  beidou events --since 7d --type Warning -c hz-prod-02
  beidou events --for pod/web-0 -n shop --since 36h -o json
  beidou events --follow --reason BackOff";

/// Flags of `beidou timeline`.
#[derive(Debug, Clone, Args)]
#[command(after_help = TIMELINE_HELP)]
pub struct Timeline {
    /// The object, such as pod/web-0
    #[arg(value_name = "KIND/NAME", value_parser = kind::object)]
    pub object: kind::Object,
    /// Namespace of the object [default: "default"; none for nodes and other cluster-scoped kinds]
    #[arg(short = 'n', long)]
    pub namespace: Option<String>,
    /// Cluster, by name or uid [default: the only one there is]
    #[arg(short = 'c', long)]
    pub cluster: Option<String>,
    #[command(flatten)]
    pub range: Range,
    /// Show every state, not one line for each Event with its count and length
    #[arg(long)]
    pub states: bool,
    /// At most so many states
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

const TIMELINE_HELP: &str = "\
Without --since the last seven days are shown. JSON always has every state, newest first.

  beidou timeline pod/web-0 -n shop -c hz-prod-02
  beidou timeline node/hz2-c7-r14-u22 -c hz-prod-02 --since 36h --states";

/// Flags of `beidou clusters`.
#[derive(Debug, Clone, Args)]
pub struct Clusters {
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

/// Flags of `beidou coverage`.
#[derive(Debug, Clone, Args)]
pub struct Coverage {
    #[command(flatten)]
    pub range: Range,
    /// Cluster, by name or uid; repeatable
    #[arg(short = 'c', long = "cluster", value_name = "CLUSTER")]
    pub clusters: Vec<String>,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

/// Flags of `beidou rejects`.
#[derive(Debug, Clone, Args)]
pub struct Rejects {
    #[command(flatten)]
    pub range: Range,
    /// Cluster, by name or uid; repeatable
    #[arg(short = 'c', long = "cluster", value_name = "CLUSTER")]
    pub clusters: Vec<String>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

/// Flags of `beidou context`.
#[derive(Debug, Clone, Args)]
pub struct Context {
    /// What to do with the contexts.
    #[command(subcommand)]
    pub action: ContextAction,
}

/// What can be done with contexts.
#[derive(Debug, Clone, Subcommand)]
pub enum ContextAction {
    /// List the contexts; the current one is marked
    List,
    /// Make a context the current one
    Use {
        /// Its name
        name: String,
    },
}

/// Flags of `beidou completion`.
#[derive(Debug, Clone, Args)]
pub struct Completion {
    /// Your shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Shells with a completion script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// source <(beidou completion bash)
    Bash,
    /// source <(beidou completion zsh)
    Zsh,
    /// beidou completion fish | source
    Fish,
}
