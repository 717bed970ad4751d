//! Flags of the clients.

use std::convert::Infallible;

use clap::{Arg, Args, Subcommand, ValueEnum};

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

/// Where the ranges begin, if nobody says.
pub mod default_since {
    /// Of `events`: what happens now.
    pub const EVENTS: &str = "1h";
    /// Of `timeline`: an object has few Events, and its story is long.
    pub const TIMELINE: &str = "7d";
    /// Of `coverage`: a day.
    pub const COVERAGE: &str = "24h";
    /// Of `rejects`: they are rare.
    pub const REJECTS: &str = "7d";
}

/// Says the default in the help of `--since`, in the words in which clap says defaults.
pub(super) fn since(default: &'static str) -> impl FnOnce(Arg) -> Arg {
    move |arg| {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        arg.help(format!("{help} [default: {default}]"))
    }
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
    /// Query line: words of the message, field:value, name:web-*, count>10, /regex/; a minus in front excludes
    #[arg(value_name = "QUERY", help_heading = "Arguments")]
    pub query: Option<String>,
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
    /// Type: Normal or Warning, in any case
    #[arg(long = "type", value_name = "TYPE", value_parser = event_type)]
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

/// The types that Kubernetes writes.
const EVENT_TYPES: [&str; 2] = ["Normal", "Warning"];

/// The type as Kubernetes writes it. Another one is taken as typed: older API servers stored whatever they were sent.
fn event_type(text: &str) -> Result<String, Infallible> {
    let known = EVENT_TYPES.iter().find(|known| known.eq_ignore_ascii_case(text));
    Ok((*known.unwrap_or(&text)).to_owned())
}

/// Flags of `beidou events`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EVENTS_HELP, mut_arg("since", since(default_since::EVENTS)))]
pub struct Events {
    #[command(flatten)]
    pub range: Range,
    #[command(flatten)]
    pub filters: Filters,
    /// The query line that is saved under this name (`beidou queries`)
    #[arg(long, value_name = "NAME", conflicts_with = "query")]
    pub saved: Option<String>,
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
Every state of an Event is a row; --follow shows those from now on, and with --since also those before. The line below \
the table says whether the range is complete. The API itself answers for 24 hours where `from` is missing.

  beidou events 'reason:BackOff -namespace:kube-system \"connection refused\"'
  beidou events --since 7d --type Warning -c hz-prod-02
  beidou events --for pod/web-0 -n shop --since 36h -o json
  beidou events --follow --reason BackOff";

/// Flags of `beidou timeline`.
#[derive(Debug, Clone, Args)]
#[command(after_help = TIMELINE_HELP, mut_arg("since", since(default_since::TIMELINE)))]
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
    /// Query line, which narrows the timeline: 'type:warning -reason:Pulled'
    #[arg(value_name = "QUERY")]
    pub query: Option<String>,
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
JSON always has every state, newest first.

  beidou timeline pod/web-0 -n shop -c hz-prod-02
  beidou timeline node/hz2-c7-r14-u22 -c hz-prod-02 --since 36h --states";

/// Flags of `beidou clusters`.
#[derive(Debug, Clone, Args)]
#[command(after_help = CLUSTERS_HELP)]
pub struct Clusters {
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

const CLUSTERS_HELP: &str = "\
PROVEN UNTIL says how fresh answers are: all that a watch saw until then can be found. STATES counts versions of Events: \
Kubernetes updates an Event when the same thing happens again. COMPLETE is the share of the last 24 hours, without the \
newest seconds that are not proven yet.";

/// Flags of `beidou coverage`.
#[derive(Debug, Clone, Args)]
#[command(mut_arg("since", since(default_since::COVERAGE)))]
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
#[command(mut_arg("since", since(default_since::REJECTS)))]
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

/// Flags of `beidou space`.
#[derive(Debug, Clone, Args)]
#[command(after_help = SPACE_HELP)]
pub struct Space {
    /// Form of the answer
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub server: Server,
}

const SPACE_HELP: &str = "\
A day's growth is that of the last 24 full hours, by the Events' own time, in tables and archive. The log grows up to its \
bounds, and counts as if it had. What retention will remove is not taken into account.";

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
