//! What a runner is told when it is started: where the door is, and what it is let in with. All else comes with the claim.

use std::{path::PathBuf, time::Duration};

use beidou_schemas::runner::AttemptId;

/// How a runner is started. Nothing here is secret: the token is in a file.
#[derive(Debug, Clone, clap::Parser)]
pub struct Arguments {
    /// Where the controllers listen, e.g. <http://127.0.0.1:7330>
    #[arg(long, env = "BEIDOU_RUNNER_SERVER")]
    pub server: String,
    /// The attempt to claim
    #[arg(long, env = "BEIDOU_RUNNER_ATTEMPT")]
    pub attempt: AttemptId,
    /// The file with the token of this attempt
    #[arg(long, env = "BEIDOU_RUNNER_TOKEN_FILE")]
    pub token_file: PathBuf,
    /// A folder for spool, bundle and facts; what is left in it has no secrets
    #[arg(long, env = "BEIDOU_RUNNER_WORK")]
    pub work: PathBuf,
    /// The certificates that the door is trusted by, PEM; the system's where it is missing
    #[arg(long, env = "BEIDOU_RUNNER_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// The program ansible-playbook
    #[arg(long, env = "BEIDOU_RUNNER_ANSIBLE", default_value = "ansible-playbook")]
    pub ansible_playbook: PathBuf,
    /// A folder with bundles that are not shipped, each below its name
    #[arg(long, env = "BEIDOU_RUNNER_BUNDLES")]
    pub bundles: Option<PathBuf>,
    /// A folder in memory for keys and secrets; /dev/shm where there is one
    #[arg(long, env = "BEIDOU_RUNNER_PRIVATE")]
    pub private: Option<PathBuf>,
    /// How long a cancelled step has between SIGTERM and SIGKILL, in seconds
    #[arg(long, env = "BEIDOU_RUNNER_GRACE_S", default_value_t = 30)]
    pub grace_s: u64,
    /// How long a door that does not answer is waited for when the step is done, in seconds
    #[arg(long, env = "BEIDOU_RUNNER_PATIENCE_S", default_value_t = 900)]
    pub patience_s: u64,
    /// How much Ansible says: 3 is -vvv
    #[arg(long, env = "BEIDOU_RUNNER_VERBOSITY", default_value_t = 0)]
    pub verbosity: u8,
}

impl Arguments {
    pub(crate) fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_s)
    }

    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.patience_s)
    }
}
