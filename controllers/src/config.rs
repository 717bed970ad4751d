//! The settings of controllers.

use std::path::{Path, PathBuf};

use beidou_crds::{ClusterSpec, Freeze, SpecError, Window};
use beidou_playbooks::Place;
use beidou_schemas::operation::ClusterRules;
use serde::{Deserialize, Serialize};

use crate::error::ControllersError;

/// The settings. The defaults fit the embedded demo: runners beside this process, no management cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ControllersConfig {
    /// Where runners and callbacks come to. Port 0 is any one, and the same one again after a restart, if it is free.
    pub listen: String,
    /// How runners and ticket systems reach it, where that is not `listen`.
    pub url: Option<String>,
    /// How ticket systems reach it, where that is not how runners do: through a proxy with TLS.
    pub callback_url: Option<String>,
    /// The cluster whose resources are followed; none where nobody applies any.
    pub management: Option<Management>,
    /// How runners are made.
    pub executor: ExecutorKind,
    /// Settings of runners beside this process.
    pub local: Local,
    /// Settings of Jobs.
    pub job: Job,
    /// Bundles of the team: folders, tar archives, artifacts such as `oci://registry.example/team/scale-up:1.4.0`. One
    /// with the name of a shipped bundle stands in its place. The bundle of an operation.
    /// Where none is named: the team's own of the type (of several, name one), else the shipped one.
    pub bundles: Vec<Place>,
    /// Logins of registries, in the form of Docker's `config.json`.
    pub registry_logins: Option<PathBuf>,
    /// Target clusters beside those of Cluster resources.
    pub clusters: Vec<TargetConfig>,
    /// Ticket systems that gates name.
    pub webhooks: Vec<Webhook>,
    /// Who is told when something is held or over.
    pub notifications: Vec<Notification>,
    /// Hold an operation when its nodes have at least so many Warnings more than in as much time before; 0 for never.
    pub hold_at_warnings: u64,
}

impl Default for ControllersConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".into(),
            url: None,
            callback_url: None,
            management: None,
            executor: ExecutorKind::Local,
            local: Local::default(),
            job: Job::default(),
            bundles: Vec::new(),
            registry_logins: None,
            clusters: Vec::new(),
            webhooks: Vec::new(),
            notifications: Vec::new(),
            hold_at_warnings: 10,
        }
    }
}

/// How runners are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExecutorKind {
    /// A process beside this one.
    Local,
    /// A Job of the management cluster.
    Job,
}

/// The management cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Management {
    /// A kubeconfig; the Pod's own account where it is missing.
    #[serde(default)]
    pub kubeconfig: Option<PathBuf>,
    /// A context of it.
    #[serde(default)]
    pub context: Option<String>,
    /// The namespace of resources, Secrets and Jobs.
    #[serde(default = "namespace")]
    pub namespace: String,
}

fn namespace() -> String {
    "beidou-system".into()
}

/// Runners beside this process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Local {
    /// The program and its first arguments; this program with `run-step` where nothing stands here.
    pub program: Vec<String>,
    /// The program ansible-playbook, where it is not in the path.
    pub ansible_playbook: Option<PathBuf>,
}

/// Jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Job {
    /// The image of runners.
    pub image: String,
    /// The program in it, with its first arguments.
    pub command: Vec<String>,
    /// The user in it; never 0.
    pub user: i64,
    /// The account of its Pods, which get no token of it.
    pub service_account: String,
    /// Cores of a runner.
    pub cpu: String,
    /// Memory of a runner, for Ansible and for keys together.
    pub memory: String,
}

impl Default for Job {
    fn default() -> Self {
        // Ansible takes 120 MiB and 20 MiB more per host at the same time: 50 of them fit.
        let (cpu, memory) = ("4".into(), "2Gi".into());
        Self {
            image: "beidou:latest".into(),
            command: vec!["beidou".into(), "run-step".into()],
            user: 65_532,
            service_account: "default".into(),
            cpu,
            memory,
        }
    }
}

/// A target cluster by files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetConfig {
    /// The name that operations use.
    pub name: String,
    /// A kubeconfig; none where only machines are touched.
    #[serde(default)]
    pub kubeconfig: Option<PathBuf>,
    /// A context of it.
    #[serde(default)]
    pub context: Option<String>,
    /// The uid under which its Events stand in the log, where that is not known by its name.
    #[serde(default)]
    pub cluster_uid: Option<String>,
    /// Who logs in at machines.
    #[serde(default)]
    pub ssh_user: Option<String>,
    /// The port, where a machine does not say; 22.
    #[serde(default)]
    pub ssh_port: Option<u16>,
    /// The private key.
    #[serde(default)]
    pub ssh_key: Option<PathBuf>,
    /// The known hosts.
    #[serde(default)]
    pub known_hosts: Option<PathBuf>,
    /// A host to go through.
    #[serde(default)]
    pub bastion: Option<HopConfig>,
    /// The role of machines that name none.
    #[serde(default)]
    pub role: Option<String>,
    /// When changes may begin; none means always.
    #[serde(default)]
    pub windows: Vec<WindowConfig>,
    /// When nothing may begin.
    #[serde(default)]
    pub freezes: Vec<Freeze>,
    /// Changes of more hosts need the approval of another subject; none means never.
    #[serde(default)]
    pub approve_above_hosts: Option<u32>,
    /// Parameters of bundles that all operations begin with.
    #[serde(default)]
    pub parameters: serde_json::Map<String, serde_json::Value>,
}

impl TargetConfig {
    /// A cluster of which only the name is known.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// What holds for its operations; the number of nodes is the caller's knowledge.
    ///
    /// # Errors
    /// When a time is none, a time zone not known, or nothing could ever begin, or be held back.
    pub(crate) fn rules(&self, pool: u32) -> Result<ClusterRules, SpecError> {
        let windows = self.windows.iter().cloned().map(Window::from).collect();
        let (freezes, approve_above_hosts) = (self.freezes.clone(), self.approve_above_hosts);
        let (parameters, cluster_uid) = (self.parameters.clone(), self.cluster_uid.clone());
        ClusterSpec { windows, freezes, approve_above_hosts, parameters, cluster_uid, ..ClusterSpec::default() }
            .rules(pool)
    }
}

/// A host that machines are reached through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HopConfig {
    /// Its address or name.
    pub host: String,
    /// The port of its SSH server.
    #[serde(default = "ssh_port")]
    pub port: u16,
    /// Who logs in.
    pub user: String,
    /// Its own private key, where it is not that of the machines.
    #[serde(default)]
    pub key: Option<PathBuf>,
}

fn ssh_port() -> u16 {
    22
}

/// A weekly time in which changes may begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowConfig {
    /// Days on which it begins: 1 is Monday, 7 Sunday; none means every day.
    #[serde(default)]
    pub days: Vec<u8>,
    /// When it begins, as `22:30`.
    pub start: String,
    /// How long it is open, in minutes; at most a week.
    pub minutes: u32,
    /// The time zone of `start`, by its IANA name, as `Europe/Berlin`.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// What the cluster's people add to UTC, in minutes, where no time zone is named; 0.
    #[serde(default)]
    pub utc_offset_minutes: Option<i32>,
}

impl From<WindowConfig> for Window {
    fn from(window: WindowConfig) -> Self {
        let WindowConfig { days, start, minutes, time_zone, utc_offset_minutes } = window;
        Self { days, start, minutes, time_zone, utc_offset_minutes }
    }
}

/// A ticket system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The name that gates use.
    pub name: String,
    /// Where it is asked.
    pub url: String,
    /// The file with the secret that both sign with.
    pub secret_file: PathBuf,
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notification {
    /// An incoming webhook of Slack, or one that takes the same JSON.
    #[serde(default)]
    pub url: Option<String>,
    /// A file with it: who knows the address of such a webhook can write there.
    #[serde(default)]
    pub url_file: Option<PathBuf>,
}

impl Notification {
    fn is_valid(&self) -> bool {
        match (&self.url, &self.url_file) {
            (Some(url), None) => is_web(url),
            (None, Some(_)) => true,
            (None, None) | (Some(_), Some(_)) => false,
        }
    }
}

/// Whether messages can be sent there.
pub(crate) fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

impl ControllersConfig {
    /// Checks what the types do not say.
    ///
    /// # Errors
    /// When a value would make controllers useless, with what is allowed.
    pub fn validate(&self) -> Result<(), ControllersError> {
        let bad = |key, allowed| Err(ControllersError::Config { key, allowed });
        if self.executor == ExecutorKind::Job && self.management.is_none() {
            return bad("executor", "`local`, or `job` with `controllers.management`");
        }
        if self.executor == ExecutorKind::Job && self.url.is_none() {
            return bad("url", "how Pods reach `controllers.listen`, where the executor is `job`");
        }
        if self.executor == ExecutorKind::Job && self.listen.ends_with(":0") {
            return bad("listen", "an address with a port that stays, where the executor is `job`");
        }
        if self.callback_url.as_deref().is_some_and(|url| !is_web(url)) {
            return bad("callback_url", "an address that begins with https:// or http://");
        }
        if self.job.user < 1 {
            return bad("job.user", "1 or more: runners are never root");
        }
        for cluster in &self.clusters {
            if cluster.name.is_empty() {
                return bad("clusters", "a name each");
            }
            cluster.rules(0).map_err(|why| ControllersError::Cluster { name: cluster.name.clone(), why })?;
        }
        if self.webhooks.iter().any(|hook| !is_web(&hook.url) || hook.name.is_empty()) {
            return bad("webhooks", "a name, a url and a secret_file each");
        }
        if !self.notifications.iter().all(Notification::is_valid) {
            return bad("notifications", "a url or a url_file each");
        }
        Ok(())
    }

    /// Relative paths start at this folder.
    pub fn settle_paths(&mut self, folder: &Path) {
        let of_management = self.management.iter_mut().filter_map(|management| management.kubeconfig.as_mut());
        let of_clusters = self.clusters.iter_mut().flat_map(|c| {
            let of_hop = c.bastion.iter_mut().filter_map(|hop| hop.key.as_mut());
            [&mut c.kubeconfig, &mut c.ssh_key, &mut c.known_hosts].into_iter().flatten().chain(of_hop)
        });
        let of_hooks = self.webhooks.iter_mut().map(|hook| &mut hook.secret_file);
        let of_notes = self.notifications.iter_mut().filter_map(|note| note.url_file.as_mut());
        // A name alone is looked up where programs are.
        let ansible = self.local.ansible_playbook.as_mut().filter(|path| path.components().count() > 1);
        let all = of_management.chain(of_clusters).chain(of_hooks).chain(of_notes);
        for path in all.chain(&mut self.registry_logins).chain(ansible) {
            *path = folder.join(&path);
        }
        self.bundles.iter_mut().for_each(|place| place.settle(folder));
    }

    /// Where runners are sent.
    #[must_use]
    pub fn door(&self, listening: std::net::SocketAddr) -> String {
        self.url.clone().unwrap_or_else(|| format!("http://{listening}"))
    }

    /// Where ticket systems are sent.
    #[must_use]
    pub fn callbacks(&self, listening: std::net::SocketAddr) -> String {
        let url = self.callback_url.clone().unwrap_or_else(|| self.door(listening));
        url.trim_end_matches('/').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_with_the_key() {
        let read = |yaml: &str| -> Result<(), String> {
            let config: ControllersConfig = serde_yaml_ng::from_str(yaml).map_err(|error| error.to_string())?;
            config.validate().map_err(|error| error.to_string())
        };
        assert_eq!(read("{}"), Ok(()));
        for (yaml, expected) in [
            ("{executor: job}", "controllers.executor"),
            ("{executor: job, management: {}}", "controllers.url"),
            ("{executor: job, management: {}, url: 'http://controllers:7330'}", "controllers.listen"),
            ("{executor: ssh}", "unknown variant"),
            ("{callback_url: 'door.example.org'}", "controllers.callback_url"),
            ("{job: {user: 0}}", "never root"),
            ("{webhooks: [{name: a, url: 'ftp://x', secret_file: f}]}", "controllers.webhooks"),
            ("{notifications: [{url: 'ftp://x'}]}", "controllers.notifications"),
            ("{notifications: [{url: 'https://x', url_file: f}]}", "a url or a url_file"),
            ("{bundles: ['oci://up:1']}", "oci://registry.example/team/scale-up:1.4.0"),
            ("{clusters: [{name: ''}]}", "controllers.clusters is not allowed: expected a name each"),
            ("{clusters: [{name: c, windows: [{start: '25:00', minutes: 5}]}]}", "controllers.clusters"),
            (
                "{clusters: [{name: c, windows: [{start: '22:00', minutes: 5, time_zone: Mars}]}]}",
                r#"c: windows.timeZone: "Mars" is no IANA time zone as Europe/Berlin"#,
            ),
            ("{clusters: [{name: c, windows: [{start: '22:00', minutes: 5, day: [1]}]}]}", "unknown field"),
            ("{clusters: [{name: c, freezes: [{from: tomorrow, until: x, why: y}]}]}", "controllers.clusters"),
            (
                "{clusters: [{name: c, windows: [{start: '22:00', minutes: 0}]}]}",
                "c: windows.minutes: 0 is not possible",
            ),
            (
                "{clusters: [{name: c, freezes: [{from: '2026-12-27T00:00:00Z', until: '2026-12-24T00:00:00Z', why: y}]}]}",
                r#"c: freezes.until: "2026-12-24T00:00:00Z" is not possible; a time after freezes.from"#,
            ),
            ("{listn: x}", "unknown field"),
        ] {
            let error = read(yaml).unwrap_err();
            assert!(error.contains(expected), "{yaml}: {error}");
        }
    }

    #[test]
    fn runners_and_ticket_systems_may_come_by_different_ways() {
        let sent = |yaml: &str| {
            let config: ControllersConfig = serde_yaml_ng::from_str(yaml).unwrap();
            config.validate().unwrap();
            let listening = ([127, 0, 0, 1], 7330).into();
            [config.door(listening), config.callbacks(listening)]
        };
        assert_eq!(sent("{}"), ["http://127.0.0.1:7330"; 2]);
        assert_eq!(sent("{url: 'http://door.history.svc:7330'}"), ["http://door.history.svc:7330"; 2]);
        let apart = "{url: 'http://door.history.svc:7330', callback_url: 'https://door.example.org/'}";
        assert_eq!(sent(apart), ["http://door.history.svc:7330", "https://door.example.org"]);
    }

    #[test]
    fn a_cluster_by_files_says_what_a_resource_says() {
        let yaml = "
            {clusters: [{name: c, ssh_port: 2222, role: Compute, approve_above_hosts: 5, bastion: {host: b, user: u, key: k},
              parameters: {kubespray_path: /opt/kubespray},
              windows: [{days: [6], start: '22:30', minutes: 90, utc_offset_minutes: 480},
                        {start: '22:30', minutes: 90, time_zone: Europe/Berlin}],
              freezes: [{from: '2026-12-24T00:00:00Z', until: '2026-12-27T00:00:00Z', why: holidays}]}]}";
        let mut config: ControllersConfig = serde_yaml_ng::from_str(yaml).unwrap();
        config.validate().unwrap();
        config.settle_paths(Path::new("/site"));
        let rules = config.clusters[0].rules(7).unwrap();
        assert_eq!(
            (rules.pool, rules.windows[0].start_minute, rules.windows[0].utc_offset_minutes),
            (7, 22 * 60 + 30, 480)
        );
        assert_eq!(rules.windows[1].time_zone.as_deref(), Some("Europe/Berlin"));
        assert_eq!((rules.freezes.len(), rules.approve_above_hosts), (1, Some(5)));
        assert_eq!(rules.parameters, Some(["kubespray_path".to_owned()].into()), "by name alone");
        let hop = config.clusters[0].bastion.clone().unwrap();
        assert_eq!((hop.port, hop.key.unwrap()), (22, PathBuf::from("/site/k")));
    }
}
