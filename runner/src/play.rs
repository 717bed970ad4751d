//! How the program of a step is started: its words, its environment. Nothing secret is in either.

use std::{env, ffi::OsString, path::Path};

use beidou_schemas::runner::{Assignment, RunKind};
use tokio::process::Command;

use crate::{Arguments, material::Material};

/// More connections at once gain nothing: each costs the runner 20 MB.
const MAX_FORKS: usize = 50;
/// A connection is kept for the next task.
const PERSIST: &str = "60s";

/// What is run, on which hosts, and where its things lie.
pub(crate) struct Play<'a> {
    pub arguments: &'a Arguments,
    pub assignment: &'a Assignment,
    pub material: &'a Material,
    pub bundle: &'a Path,
    pub private: &'a Path,
    pub sockets: &'a Path,
    pub facts: &'a Path,
    /// Ansible's settings.
    pub config: &'a Path,
    /// A path inside the bundle.
    pub file: &'a str,
    pub hosts: &'a [String],
    /// The file that lists them.
    pub limit: &'a Path,
}

/// So many hosts at the same time.
pub(crate) fn forks(assignment: &Assignment, hosts: usize) -> usize {
    let wanted = usize::try_from(assignment.forks).unwrap_or(MAX_FORKS);
    hosts.min(MAX_FORKS).min(wanted).max(1)
}

impl Play<'_> {
    /// The command of a step.
    pub(crate) fn command(&self) -> Command {
        let mut command = match self.assignment.kind {
            RunKind::Ansible => self.ansible(),
            RunKind::Command => self.program(),
        };
        command
            .current_dir(self.bundle)
            .env("PATH", path())
            .env("LANG", "C.UTF-8")
            .env("HOME", self.private.join("home"));
        command.env("BEIDOU_EVENTS", self.private.join("events.sock"));
        command
    }

    fn ansible(&self) -> Command {
        let Self { arguments, assignment, material, private, .. } = self;
        let mut command = Command::new(&arguments.ansible_playbook);
        command.env_clear();
        command.arg("-i").arg(&material.inventory).arg("-e").arg(at(&material.variables));
        if let Some(secrets) = &material.secrets {
            command.arg("-e").arg(at(secrets));
        }
        command.arg("--limit").arg(at(self.limit)).arg("--private-key").arg(&material.key);
        if assignment.check {
            command.args(["--check", "--diff"]);
        }
        if arguments.verbosity > 0 {
            command.arg(format!("-{}", "v".repeat(usize::from(arguments.verbosity.min(4)))));
        }
        command.arg(self.file);
        let ssh: Vec<_> = ssh_words(assignment, material, self.sockets).iter().map(|word| shell(word)).collect();
        let settings: [(&str, OsString); 18] = [
            ("ANSIBLE_CONFIG", self.config.into()),
            ("ANSIBLE_FORKS", forks(assignment, self.hosts.len()).to_string().into()),
            ("ANSIBLE_PIPELINING", "True".into()),
            ("ANSIBLE_TIMEOUT", "20".into()),
            ("ANSIBLE_SSH_ARGS", ssh.join(" ").into()),
            ("ANSIBLE_SSH_CONTROL_PATH", self.sockets.join("%%C").into()),
            ("ANSIBLE_HOST_KEY_CHECKING", "True".into()),
            ("ANSIBLE_HOME", private.join("home").into()),
            ("ANSIBLE_LOCAL_TEMP", private.join("temporary").into()),
            ("ANSIBLE_GATHERING", "smart".into()),
            ("ANSIBLE_CACHE_PLUGIN", "jsonfile".into()),
            ("ANSIBLE_CACHE_PLUGIN_CONNECTION", self.facts.into()),
            ("ANSIBLE_CALLBACK_PLUGINS", private.join("plugins").into()),
            ("ANSIBLE_CALLBACKS_ENABLED", "beidou_events".into()),
            ("ANSIBLE_RETRY_FILES_ENABLED", "False".into()),
            ("ANSIBLE_NOCOLOR", "1".into()),
            ("PYTHONDONTWRITEBYTECODE", "1".into()),
            ("BEIDOU_PATTERNS", private.join("patterns.json").into()),
        ];
        command.envs(settings);
        command
    }

    /// A program of the bundle: what it needs is in files that its environment names.
    fn program(&self) -> Command {
        let material = self.material;
        let mut command = Command::new(self.bundle.join(self.file));
        command.env_clear();
        command.env("BEIDOU_INVENTORY", &material.inventory).env("BEIDOU_VARIABLES", &material.variables);
        command.env("BEIDOU_LIMIT", self.limit).env("BEIDOU_CHECK", if self.assignment.check { "1" } else { "0" });
        if let Some(secrets) = &material.secrets {
            command.env("BEIDOU_SECRETS", secrets);
        }
        command
    }
}

/// Options of `ssh`, for Ansible and for the fence: the same, so that both use one connection.
pub(crate) fn ssh_words(assignment: &Assignment, material: &Material, sockets: &Path) -> Vec<String> {
    let mut words: Vec<String> = ["-F", "none"].map(String::from).into();
    let mut options = vec![
        "ControlMaster=auto".to_owned(),
        format!("ControlPersist={PERSIST}"),
        format!("ControlPath={}", sockets.join("%C").display()),
        "ServerAliveInterval=5".into(),
        "ServerAliveCountMax=3".into(),
    ];
    options.extend(trust(material, &material.key));
    if let Some(hop) = &assignment.ssh.bastion {
        let key = material.hop_key.as_ref().unwrap_or(&material.key);
        let trust: Vec<_> = trust(material, key).iter().map(|option| format!("-o {option}")).collect();
        let trust = trust.join(" ");
        options.push(format!(
            "ProxyCommand=ssh -F none {trust} -o BatchMode=yes -o ConnectTimeout=20 -W [%h]:%p -p {} {}@{}",
            hop.port, hop.user, hop.host
        ));
    }
    words.extend(options.into_iter().flat_map(|option| ["-o".to_owned(), option]));
    words
}

fn trust(material: &Material, key: &Path) -> Vec<String> {
    vec![
        format!("IdentityFile={}", key.display()),
        "IdentitiesOnly=yes".into(),
        format!("UserKnownHostsFile={}", material.known_hosts.display()),
        "GlobalKnownHostsFile=/dev/null".into(),
        "StrictHostKeyChecking=yes".into(),
    ]
}

fn at(path: &Path) -> OsString {
    let mut word = OsString::from("@");
    word.push(path);
    word
}

fn shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\"'\"'"))
}

/// Where programs are looked for.
pub(crate) fn path() -> OsString {
    env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into())
}
