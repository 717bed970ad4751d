//! Hosts, a door and a runner, put together for a test.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    time::Duration,
};

use anyhow::{Context, bail};
use beidou_playbooks::Bundle;
use beidou_schemas::runner::{
    Assignment, AttemptId, BundleRef, Finish, HostState, Inventory, InventoryHost, RunKind, SecretFile, Ssh,
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    door::{Door, TOKEN},
    installed::installed,
    ssh_hosts::SshHosts,
    wait,
};

/// Waiting ends here: a step on three hosts takes seconds, one with hosts that do not answer a minute, and all of it much longer
/// on a machine with much to do.
const LIMIT: Duration = Duration::from_secs(900);

pub struct Site {
    pub hosts: SshHosts,
    pub folder: tempfile::TempDir,
    fence: std::cell::Cell<u64>,
}

pub struct Runner {
    child: Child,
    log: PathBuf,
}

impl Site {
    pub fn new(count: usize) -> anyhow::Result<Self> {
        Ok(Self { hosts: SshHosts::start(count)?, folder: tempfile::tempdir()?, fence: 0.into() })
    }

    /// An assignment of all hosts.
    pub fn assignment(&self, bundle: &Bundle, step: &str, variables: Value) -> Assignment {
        let step = bundle.manifest().step(step).unwrap();
        let beidou_playbooks::Act::Playbook(playbook) = &step.act else { panic!("no playbook") };
        let hosts: BTreeMap<_, _> = self
            .hosts
            .hosts()
            .iter()
            .map(|host| {
                let address = host.address.clone();
                (
                    host.name.clone(),
                    InventoryHost { ansible_host: address, user: "root".into(), port: 22, vars: Map::new() },
                )
            })
            .collect();
        let names: Vec<_> = hosts.keys().cloned().collect();
        self.fence.set(self.fence.get() + 1);
        let operation = Uuid::from_u128(0x1234_5678 << 96);
        let number = u32::try_from(self.fence.get()).unwrap();
        Assignment {
            attempt: AttemptId::new(operation, &step.name, 0, number).unwrap(),
            operation,
            step: step.name.clone(),
            batch: 0,
            bundle: BundleRef { name: bundle.manifest().name.clone(), digest: bundle.digest().into() },
            kind: RunKind::Ansible,
            playbook: playbook.clone(),
            limit: names.clone(),
            reach: Vec::new(),
            first: None,
            inventory: Inventory { groups: BTreeMap::from([(step.limit.clone(), names)]), hosts },
            variables: variables.as_object().cloned().unwrap(),
            secrets: Vec::new(),
            ssh: Ssh {
                private_key_path: self.hosts.private_key().display().to_string(),
                known_hosts: self.hosts.known_hosts(),
                bastion: None,
            },
            forks: 50,
            mutates: step.mutates,
            fence: self.fence.get(),
            fence_wait_s: 3,
            check: false,
            deadline_ms: 600_000,
            heartbeat_ms: 1_000,
        }
    }

    pub fn secret(&self, name: &str, value: &str) -> SecretFile {
        let path = self.folder.path().join(name);
        fs::write(&path, value).unwrap();
        SecretFile { name: name.into(), path: path.display().to_string() }
    }

    pub fn start(&self, door: &Door, flags: &[&str]) -> anyhow::Result<Runner> {
        let assignment = door.look(|attempt| attempt.assignment.clone()).context("an assignment")?;
        let token = self.folder.path().join("token");
        fs::write(&token, TOKEN)?;
        let log = self.folder.path().join(format!("{}-{}.log", assignment.attempt, Uuid::new_v4().simple()));
        let out = fs::File::create(&log)?;
        let child = Command::new(env!("CARGO_BIN_EXE_beidou-run-step"))
            .args(["--server", &door.url(), "--attempt", assignment.attempt.as_str()])
            .arg("--token-file")
            .arg(token)
            .arg("--work")
            .arg(self.folder.path().join("work"))
            .arg("--ansible-playbook")
            .arg(installed("ansible")?.join("bin/ansible-playbook"))
            .arg("--bundles")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bundles"))
            .args(["--grace-s", "5"])
            .args(flags)
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()?;
        Ok(Runner { child, log })
    }

    /// Runs an assignment to its end.
    pub async fn run(&self, assignment: Assignment) -> anyhow::Result<Door> {
        let door = Door::open(assignment).await?;
        let mut runner = self.start(&door, &[])?;
        let status = runner.end().await?;
        if !status.success() {
            bail!("{status}: {}", runner.log());
        }
        Ok(door)
    }

    /// What the counter of a host says.
    pub fn acts(&self, number: usize) -> String {
        self.hosts.print(number, "tr '\\n' ' ' < /var/lib/acts 2> /dev/null || true").unwrap()
    }

    /// Lets the acts of all hosts come to their end.
    pub fn go(&self) {
        for host in self.hosts.hosts().iter().filter(|host| host.pid.is_some()) {
            self.hosts.print(host.number, "touch /tmp/go").unwrap();
        }
    }
}

impl Runner {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub async fn end(&mut self) -> anyhow::Result<ExitStatus> {
        until("the runner ends", async || self.child.try_wait().unwrap()).await
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// Asks until there is a value.
pub async fn until<T>(what: &str, condition: impl AsyncFnMut() -> Option<T>) -> anyhow::Result<T> {
    Ok(wait::until(what, LIMIT, condition).await?)
}

pub fn finish(door: &Door) -> Finish {
    door.look(|attempt| attempt.finish.clone()).expect("the runner finished")
}

/// State and code of each host.
pub fn states(door: &Door) -> Vec<(HostState, String)> {
    finish(door).hosts.into_values().map(|host| (host.state, host.code.unwrap_or_default())).collect()
}
