//! SSH hosts for one test: each a namespace of this machine with its own network, disk and SSH server.
//!
//! ```text
//! a free network ─ tests/ansible/hosts COUNT NETWORK ─ keys, addresses ─ ready
//!                        ▲ off, on, hang, wake, fill, free, wipe, cut, join, skew
//! ```
//!
//! The script ends when its stdin does, and every host with it: nothing is left of a test that died.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio},
};

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::installed::installed;

/// Networks to choose from: 198.18.0.0/24 to 198.18.255.0/24.
const NETWORKS: u32 = 256;

/// What may happen to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Its power goes: what runs is lost, its disk is not.
    Off,
    /// Its power comes back.
    On,
    /// It stands still: TCP connects, and nothing answers.
    Hang,
    /// It goes on.
    Wake,
    /// Its network cable is out.
    Cut,
    /// Its network cable is in again.
    Join,
    /// Its disk is full.
    Fill,
    /// Its disk has room again.
    Free,
    /// It gets an empty disk, and starts anew.
    Wipe,
}

impl Fault {
    fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::On => "on",
            Self::Hang => "hang",
            Self::Wake => "wake",
            Self::Cut => "cut",
            Self::Join => "join",
            Self::Fill => "fill",
            Self::Free => "free",
            Self::Wipe => "wipe",
        }
    }
}

/// One host.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// 1, 2, 3…
    pub number: usize,
    /// Its hostname.
    pub name: String,
    /// Its address; SSH listens on port 22, for root and for `ops`, who may become root, with the key.
    pub address: String,
    /// Its first process, while it is on.
    pub pid: Option<u32>,
    /// Of its SSH server, as `known_hosts` wants it.
    pub public_key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    gateway: String,
    private_key: PathBuf,
    hosts: Vec<Host>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    State(State),
    Error { error: String },
}

/// Running hosts; they end when this is dropped.
pub struct SshHosts {
    state: State,
    orders: Option<ChildStdin>,
    said: BufReader<ChildStdout>,
    script: Child,
    // Held while the network is ours.
    _network: File,
}

impl SshHosts {
    /// Starts so many hosts and returns when SSH answers on all of them.
    ///
    /// # Errors
    /// When Ansible or the SSH server is not installed (the message says how), there are no namespaces (the message says
    /// so), or a host does not start.
    pub fn start(count: usize) -> anyhow::Result<Self> {
        installed("ansible")?;
        let (network, lock) = free_network()?;
        let program = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/ansible/hosts"));
        let mut script = Command::new(program)
            .args([count.to_string(), network.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start tests/ansible/hosts")?;
        let orders = script.stdin.take();
        let mut said = BufReader::new(script.stdout.take().context("no output of tests/ansible/hosts")?);
        match answer(&mut said) {
            Ok(state) => Ok(Self { state, orders, said, script, _network: lock }),
            Err(error) => {
                drop(orders);
                script.wait()?;
                Err(error.context("start SSH hosts"))
            }
        }
    }

    /// The address of the machine as the hosts see it: what they shall reach must listen there.
    #[must_use]
    pub fn gateway(&self) -> &str {
        &self.state.gateway
    }

    /// The file of the key that opens all hosts.
    #[must_use]
    pub fn private_key(&self) -> &Path {
        &self.state.private_key
    }

    /// All hosts, as they are now.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.state.hosts
    }

    /// Lines of a `known_hosts` file for all hosts.
    #[must_use]
    pub fn known_hosts(&self) -> String {
        self.hosts().iter().map(|host| format!("{} {}\n", host.address, host.public_key)).collect()
    }

    /// Lets something happen to host `number`, and returns when it has.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn fault(&mut self, number: usize, fault: Fault) -> anyhow::Result<()> {
        self.order(&format!("{} {number}", fault.word()))
    }

    /// Sets the clock of host `number`, as sessions see it, so far off; it restarts.
    ///
    /// # Errors
    /// When `libfaketime` is missing.
    pub fn skew(&mut self, number: usize, seconds: i64) -> anyhow::Result<()> {
        self.order(&format!("skew {number} {seconds}"))
    }

    fn order(&mut self, order: &str) -> anyhow::Result<()> {
        let orders = self.orders.as_mut().context("the hosts have ended")?;
        writeln!(orders, "{order}")?;
        self.state = answer(&mut self.said).with_context(|| order.to_owned())?;
        Ok(())
    }

    /// Runs a shell script inside host `number`, past SSH.
    ///
    /// # Errors
    /// When the host is off.
    pub fn inside(&self, number: usize, script: &str) -> anyhow::Result<Output> {
        let host = self.hosts().iter().find(|host| host.number == number).context("no such host")?;
        let pid = host.pid.with_context(|| format!("{} is off", host.name))?.to_string();
        let spaces = ["-t", pid.as_str(), "-m", "-u", "-i", "-n", "-p", "-r", "-w"];
        Ok(Command::new("nsenter").args(spaces).args(["/bin/sh", "-c", script]).output()?)
    }

    /// What a shell script inside host `number` prints.
    ///
    /// # Errors
    /// When it fails.
    pub fn print(&self, number: usize, script: &str) -> anyhow::Result<String> {
        let output = self.inside(number, script)?;
        if !output.status.success() {
            bail!("{script}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

impl Drop for SshHosts {
    fn drop(&mut self) {
        drop(self.orders.take());
        // It ends with its stdin, once all hosts have.
        let _ = self.script.wait();
    }
}

fn answer(said: &mut BufReader<ChildStdout>) -> anyhow::Result<State> {
    let mut line = String::new();
    if said.read_line(&mut line)? == 0 {
        bail!("tests/ansible/hosts has ended: its messages stand above");
    }
    match serde_json::from_str(&line).with_context(|| format!("tests/ansible/hosts said {line:?}"))? {
        Said::State(state) => Ok(state),
        Said::Error { error } => bail!(error),
    }
}

/// A network that no other test of this machine has: whose lock we got. The lock goes with the process that holds it.
fn free_network() -> anyhow::Result<(u32, File)> {
    let folder = std::env::temp_dir().join("beidou-networks");
    fs::create_dir_all(&folder)?;
    for network in 0..NETWORKS {
        let lock = File::options().create(true).append(true).open(folder.join(network.to_string()))?;
        if lock.try_lock().is_ok() {
            return Ok((network, lock));
        }
    }
    bail!("all {NETWORKS} networks for SSH hosts are in use")
}
