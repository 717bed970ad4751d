//! Machines become nodes that take pods: by `beidou up`, by hand, and by Ansible alone with the same settings and batches.
//!
//! A kubelet comes from a server that sends it slowly, and waits at its first start: five parts download, one part boot. By hand
//! means: stock Ansible, one host after the other, the same playbooks and checks, no time to think. Of the hosts of that way only
//! the first few are done, and the time is scaled to all: they do not know of each other.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use beidou_controllers::target::{Nodes, TAINT};
use beidou_tests::{
    installed::installed,
    machines::{KUBELET, Site},
    ssh_hosts::Fault,
};
use k8s_openapi::api::core::v1::Node;
use kube::{Api, api::DeleteParams};
use serde_json::{Value, json};

use crate::report::Report;

const BUNDLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../playbooks/node-join");
const CHECK: &str = "pre-check.yml";
const PREPARE: &str = "prepare.yml";
const JOIN: &str = "join.yml";
const CHECK_AGAIN: &str = "post-check.yml";
/// Of the seconds of waiting, those that are boot: one in so many.
const BOOT: u64 = 6;
/// A node is looked for this often.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long the first machine is watched before the others follow: what an operation does by default.
const SOAK: Duration = Duration::from_secs(30);

pub async fn measure(hosts: usize, by_hand: usize, waits: u64, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let kubelet = slow_kubelet(folder.path(), waits / BOOT)?;
    let mut site = Site::start_with(hosts, &kubelet).await?;
    let all = site.addresses();
    let brought = slow_mirror(site.hosts.gateway(), &kubelet, waits - waits / BOOT)?;
    let ansible = Ansible::new(folder.path(), &site, &brought)?;

    let ours = with_beidou(&site, &all, &brought).await?;
    wipe(&mut site).await?;
    let alone = alone(&ansible, &site, &all).await?;
    wipe(&mut site).await?;
    let begun = Instant::now();
    for host in &all[..by_hand.min(hosts)] {
        ansible.by_hand(host)?;
        release(&site, std::slice::from_ref(host)).await?;
    }
    let each = begun.elapsed().as_secs_f64() / by_hand.min(hosts) as f64;
    let hand = each * hosts as f64;
    let added = ours - alone;
    report.row(
        &format!("{hosts} machines with {waits} s of waiting each → nodes that take pods"),
        format!("{ours:.0} s, {:.1} times as fast as by hand", hand / ours),
        format!(
            "by hand {hand:.0} s ({each:.1} s each, of {}); Ansible alone, same settings and batches {alone:.1} s: {added:+.1} s, {:+.0} %; must 6 times, 10 % + 3 s",
            by_hand.min(hosts),
            100.0 * added / alone
        ),
    );
    Ok(())
}

/// From `apply` to the end of the operation.
async fn with_beidou(site: &Site, all: &[String], brought: &Value) -> anyhow::Result<f64> {
    let operation = json!({"metadata": {"name": "bench"}, "spec": {
        "clusterName": "product-cluster", "operationType": "ScaleUp", "bundle": "node-join",
        "operationFlow": ["preCheck", "scaleUp", "postCheck"],
        "operationMachines": all.iter().map(|ip| json!({"ip": ip})).collect::<Vec<_>>(),
        "secrets": [{"parameter": "bootstrap_token", "secret": "join", "key": "token"}],
        "parameters": brought,
        "batches": {"soakSeconds": SOAK.as_secs()},
    }});
    let begun = Instant::now();
    site.beidou("Operation", operation).await?;
    let status = site.phase("Operation", "bench", &["Succeeded", "Failed", "Held", "Unknown"]).await?;
    let took = begun.elapsed();
    anyhow::ensure!(status["phase"] == "Succeeded", "{status:#}");
    anyhow::ensure!(open(site).await? == all.len(), "not every node takes pods");
    Ok(took.as_secs_f64())
}

async fn alone(ansible: &Ansible, site: &Site, all: &[String]) -> anyhow::Result<f64> {
    let begun = Instant::now();
    ansible.tuned(CHECK, all)?;
    ansible.tuned(PREPARE, all)?;
    let (canary, rest) = all.split_at(1);
    ansible.tuned(JOIN, canary)?;
    tokio::time::sleep(SOAK).await;
    ansible.tuned(JOIN, rest)?;
    ansible.tuned(CHECK_AGAIN, all)?;
    release(site, all).await?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Nodes that pods may be put on.
async fn open(site: &Site) -> anyhow::Result<usize> {
    Ok(site.nodes().await?.iter().filter(|(_, kept_off, ready)| !kept_off && *ready).count())
}

async fn release(site: &Site, hosts: &[String]) -> anyhow::Result<()> {
    let nodes = Nodes::new("product-cluster".into(), site.admin.clone());
    let all = Api::<Node>::all(site.admin.clone());
    for host in hosts {
        while all.get_opt(host).await?.is_none() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        nodes.release(host).await?;
    }
    Ok(())
}

/// Everything as before the first run.
async fn wipe(site: &mut Site) -> anyhow::Result<()> {
    for number in 1..=site.hosts.hosts().len() {
        site.hosts.fault(number, Fault::Wipe)?;
    }
    let nodes = Api::<Node>::all(site.admin.clone());
    for (name, ..) in site.nodes().await? {
        nodes.delete(&name, &DeleteParams::default()).await.with_context(|| format!("delete {name}, {TAINT}"))?;
    }
    Ok(())
}

/// The stand-in of the tests, which waits before its first start is done.
fn slow_kubelet(folder: &Path, seconds: u64) -> anyhow::Result<PathBuf> {
    let text = fs::read_to_string(KUBELET)?;
    let begins = "\ncredentials()\n";
    anyhow::ensure!(text.contains(begins), "{KUBELET} does not begin as this bench knows it");
    let waits = format!("\nif not os.path.exists(FLAGS[\"kubeconfig\"]):\n    time.sleep({seconds})\ncredentials()\n");
    let path = folder.join("kubelet");
    fs::write(&path, text.replace(begins, &waits))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

/// Sends the kubelet to whoever asks, so slowly that it takes these seconds: the parameters that name it.
fn slow_mirror(gateway: &str, kubelet: &Path, seconds: u64) -> anyhow::Result<Value> {
    let sum = Command::new("sha256sum").arg(kubelet).output()?;
    let sum = String::from_utf8(sum.stdout)?.split_whitespace().next().context("sha256sum says a sum")?.to_owned();
    let (listener, body) = (TcpListener::bind((gateway, 0))?, Arc::new(fs::read(kubelet)?));
    let url = format!("http://{}/kubelet", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let body = body.clone();
            // Who hangs up while it is sent asks again, or does not.
            thread::spawn(move || send_slowly(stream, &body, seconds).unwrap_or_default());
        }
    });
    let sum = format!("sha256:{sum}");
    Ok(json!({"start_limit_s": 600, "kubelet_from": "url", "kubelet_url": url, "kubelet_checksum": sum}))
}

fn send_slowly(mut stream: TcpStream, body: &[u8], seconds: u64) -> std::io::Result<()> {
    for line in BufReader::new(stream.try_clone()?).lines() {
        if line?.is_empty() {
            break;
        }
    }
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    let parts = 2 * seconds.max(1);
    for part in body.chunks(body.len().div_ceil(parts as usize)) {
        thread::sleep(Duration::from_millis(1000 * seconds / parts));
        stream.write_all(part)?;
    }
    Ok(())
}

/// The program itself, without Beidou.
struct Ansible {
    program: PathBuf,
    folder: PathBuf,
    key: PathBuf,
    known_hosts: PathBuf,
}

impl Ansible {
    fn new(folder: &Path, site: &Site, brought: &Value) -> anyhow::Result<Self> {
        let known_hosts = folder.join("known_hosts");
        fs::write(&known_hosts, site.hosts.known_hosts())?;
        let mut variables = site.parameters.clone();
        variables["bootstrap_token"] = site.node_token().into();
        for (name, value) in brought.as_object().into_iter().flatten() {
            variables[name] = value.clone();
        }
        for (name, value) in [
            ("existing_nodes", json!([])),
            ("cluster_dns", json!([])),
            ("cluster_domain", json!("cluster.local")),
            ("node_labels", json!({})),
            ("kubelet_settings", json!({})),
            ("min_memory_mb", json!(1024)),
            ("min_kernel", json!("4.19")),
        ] {
            variables[name] = value;
        }
        fs::write(folder.join("variables.json"), variables.to_string())?;
        let program = installed("ansible")?.join("bin/ansible-playbook");
        Ok(Self { program, folder: folder.into(), key: site.hosts.private_key().into(), known_hosts })
    }

    /// Stock: what anybody has who installed it, but for the way to the hosts.
    fn by_hand(&self, host: &str) -> anyhow::Result<()> {
        let host = [host.to_owned()];
        let host = &host[..];
        self.run(&[CHECK], host, &[])?;
        self.run(&[PREPARE, JOIN], host, &[])?;
        self.run(&[CHECK_AGAIN], host, &[])
    }

    /// With the settings that our runner has.
    fn tuned(&self, playbook: &str, hosts: &[String]) -> anyhow::Result<()> {
        let forks = hosts.len().to_string();
        let facts = self.folder.join("facts").display().to_string();
        let ssh = "-o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=5 -o ServerAliveCountMax=3";
        let settings = [
            ("ANSIBLE_FORKS", &*forks),
            ("ANSIBLE_PIPELINING", "True"),
            ("ANSIBLE_SSH_ARGS", ssh),
            ("ANSIBLE_GATHERING", "smart"),
            ("ANSIBLE_CACHE_PLUGIN", "jsonfile"),
            ("ANSIBLE_CACHE_PLUGIN_CONNECTION", &*facts),
        ];
        self.run(&[playbook], hosts, &settings)
    }

    fn run(&self, playbooks: &[&str], hosts: &[String], settings: &[(&str, &str)]) -> anyhow::Result<()> {
        let inventory = self.folder.join("inventory.ini");
        let line = |host: &String| format!("{host} ansible_host={host} ansible_user=root\n");
        fs::write(&inventory, format!("[new]\n{}", hosts.iter().map(line).collect::<String>()))?;
        let mut command = Command::new(&self.program);
        command.current_dir(BUNDLE).arg("-i").arg(&inventory).arg("-e");
        command.arg(format!("@{}", self.folder.join("variables.json").display()));
        command.arg("--private-key").arg(&self.key);
        command.arg("--ssh-common-args").arg(format!("-o UserKnownHostsFile={}", self.known_hosts.display()));
        command.args(playbooks).env("ANSIBLE_HOME", self.folder.join("ansible")).envs(settings.iter().copied());
        // The folder of the sources stays as it is.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        let output = command.stdin(Stdio::null()).output()?;
        anyhow::ensure!(output.status.success(), "{playbooks:?}: {}", String::from_utf8_lossy(&output.stdout));
        Ok(())
    }
}
