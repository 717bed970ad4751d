//! A site whose runners are Pods: a real scheduler, a real node, and controllers that make Jobs.
//!
//! ```text
//! site (hosts, API server, Beidou) ─ scheduler ─ tests/kubernetes/node on the hosts' bridge ─ Ready
//!                                                   └ images that are taken in ─ Pods ─► the door at the gateway, the hosts
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use k8s_openapi::api::core::v1::Node as KubeNode;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    beidou::binary,
    control_plane::part::Part,
    helm::deploy,
    installed::installed,
    machines::{KUBELET, LIMIT, Site, TALLY},
    ssh_hosts::SshHosts,
    wait,
};

const NAME: &str = "pods";
/// What its addresses end with; those of Pods come before it, those of hosts before them.
const ADDRESS: u8 = 200;
/// The image of runners, without its tag.
const IMAGE: &str = "beidou.test/runner";
const CHAIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ansible/bundles/chain");

/// A site with a node; all of it ends with this.
pub struct Pods {
    /// The site.
    pub site: Site,
    node: Node,
}

impl Pods {
    /// With so many hosts. The node has no image of runners yet.
    ///
    /// # Errors
    /// When a server does not start: the message says what is missing.
    pub async fn start(count: usize) -> anyhow::Result<Self> {
        let hosts = SshHosts::start(count)?;
        let gateway = hosts.gateway().to_owned();
        // The address is this site's alone, so the port is free.
        let door = format!("{gateway}:7330");
        let controllers = json!({
            "executor": "job", "listen": door, "url": format!("http://{door}"),
            "job": {"image": image()}, "bundles": [TALLY, CHAIN],
        });
        let mut site = Site::of(hosts, controllers, Path::new(KUBELET)).await?;
        site.control_plane.schedule()?;
        let server = site.parameters["api_server"].as_str().context("hosts know the API server")?;
        let kubeconfig = site.control_plane.kubelet(NAME, server)?;
        let mut pods = Self { site, node: Node::start(&gateway, &kubeconfig)? };
        pods.ready().await?;
        Ok(pods)
    }

    /// Builds the image of runners, below this name.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn build_image(&self, name: &str) -> anyhow::Result<PathBuf> {
        let archive = self.site.home.path().join(name);
        run(Command::new(deploy("image/build")).arg("--runner").arg(binary()?).arg(&archive))?;
        Ok(archive)
    }

    /// Gives an image of runners to the node.
    ///
    /// # Errors
    /// When it does not take it.
    pub fn bring(&self, archive: &Path) -> anyhow::Result<()> {
        let socket = self.node.folder.path().join("containerd.sock");
        let mut import = Command::new("ctr");
        import.arg("--address").arg(socket).args(["--namespace", "k8s.io", "images", "import", "--base-name", IMAGE]);
        run(import.arg(archive))
    }

    /// Process ids of runners, as this machine sees them.
    #[must_use]
    pub fn runners(&self) -> Vec<i32> {
        processes(&["run-step", &format!("http://{}:7330", self.site.hosts.gateway())])
    }

    /// The folder of a volume on the node, by the id of its Pod: of those that lie on the disk, which is everybody's.
    #[must_use]
    pub fn volume(&self, pod: &str, name: &str) -> PathBuf {
        self.node.folder.path().join("kubelet/pods").join(pod).join("volumes/kubernetes.io~empty-dir").join(name)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let nodes: Api<KubeNode> = Api::all(self.site.admin.clone());
        let part = &mut self.node.part;
        wait::until("the node is Ready", LIMIT, async || {
            if let Ok(Some(status)) = part.ended() {
                return Some(Err(anyhow::anyhow!("the node has ended: {status}")));
            }
            let conditions = nodes.get(NAME).await.ok()?.status?.conditions?;
            conditions.iter().any(|one| one.type_ == "Ready" && one.status == "True").then_some(Ok(()))
        })
        .await??;
        // The controller that would take the taint of a node that is not Ready is not among those of this control plane.
        let open = Patch::Merge(json!({"spec": {"taints": null}}));
        nodes.patch(NAME, &PatchParams::default(), &open).await?;
        Ok(())
    }
}

/// The image of runners, as a node that got it knows it.
#[must_use]
pub fn image() -> String {
    format!("{IMAGE}:{}", env!("CARGO_PKG_VERSION"))
}

/// Ids of the processes, as this machine sees them, that were started with all of these words.
#[must_use]
pub fn processes(words: &[&str]) -> Vec<i32> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let found: Vec<_> = line.split('\0').collect();
        words.iter().all(|word| found.contains(word))
    })
    .collect()
}

impl Drop for Pods {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "a failed test shows what its node said")]
            {
                eprintln!("--- end of the node's log\n{}", self.node.part.log_tail());
                let outputs = self.site.home.data().join("controllers/outputs");
                for log in [outputs, self.node.folder.path().join("logs")].iter().flat_map(|folder| logs(folder)) {
                    eprintln!("--- {}\n{}", log.display(), fs::read_to_string(&log).unwrap_or_default());
                }
            }
        }
    }
}

fn logs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { logs(&path) } else { vec![path] }).collect()
}

/// Containerd and a kubelet.
struct Node {
    part: Part,
    folder: TempDir,
    /// Of its containers, below that of each resource.
    cgroup: String,
    /// Its end at the bridge.
    wire: String,
}

impl Node {
    fn start(gateway: &str, kubeconfig: &Path) -> anyhow::Result<Self> {
        let range = gateway.strip_suffix(".1").context("the gateway is the first of its range")?;
        let network = range.rsplit('.').next().unwrap_or_default();
        let (bridge, folder) = (format!("bdb{network}"), tempfile::tempdir()?);
        let cgroup = format!("beidou-{bridge}");
        // What a test left that was killed.
        remove_cgroups(&cgroup);
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/kubernetes/node"));
        command.arg(folder.path()).arg(installed("kubernetes")?).arg(&bridge);
        command.arg(format!("{range}.{ADDRESS}")).arg(kubeconfig);
        let part = Part::launch("node", command, folder.path())?;
        Ok(Self { part, folder, cgroup, wire: format!("bdn{network}") })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // With the first process of its namespace all others end, and only then is it gone, and its parent after it.
        let pid = self.part.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            // SAFETY: kill takes no pointers; the process is a child of our child, which has not been waited for.
            unsafe { libc::kill(child, libc::SIGKILL) };
        }
        if !children.is_empty() {
            let _ = self.part.wait();
        }
        remove_cgroups(&self.cgroup);
        let _ = Command::new("ip").args(["link", "del", &self.wire]).output();
    }
}

fn remove_cgroups(name: &str) {
    fn remove(folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
            remove(&entry.path());
        }
        // One that is not there, or not empty, is not ours to end.
        let _ = fs::remove_dir(folder);
    }
    let root = Path::new("/sys/fs/cgroup");
    remove(&root.join(name));
    for resource in fs::read_dir(root).into_iter().flatten().flatten() {
        remove(&resource.path().join(name));
    }
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
