//! A real node for one test: containerd and a kubelet in namespaces of their own, and the images that are given to it.
//!
//! ```text
//! deploy/image/build ─ archive ─► containerd ◄─ kubelet ◄─ API server at the gateway
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, bail};
use k8s_openapi::api::core::v1::Node as KubeNode;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;
use tempfile::TempDir;

use crate::{beidou::binary, control_plane::part::Part, helm::deploy, installed::installed, machines::LIMIT, wait};

/// Its name in the cluster.
pub const NAME: &str = "pods";
/// What its addresses end with; those of Pods come before it, those of hosts before them.
const ADDRESS: u8 = 200;
/// Images are built one at a time: where the lists of packages are missing, each build gets them, and apt lets in one.
static BUILDING: Mutex<()> = Mutex::new(());

/// What `deploy/image/build` makes of the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Image {
    /// Of all roles.
    Server,
    /// Of runners.
    Runner,
}

impl Image {
    /// Its name without the tag.
    #[must_use]
    pub fn repository(self) -> &'static str {
        match self {
            Self::Server => "beidou.test/beidou",
            Self::Runner => "beidou.test/runner",
        }
    }

    /// Its name, as a node that got it knows it.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}:{}", self.repository(), env!("CARGO_PKG_VERSION"))
    }

    /// Builds it into this file.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn build(self, archive: &Path) -> anyhow::Result<()> {
        let _alone = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut build = Command::new(deploy("image/build"));
        if self == Self::Runner {
            build.arg("--runner");
        }
        run(build.arg(binary()?).arg(archive))
    }
}

/// Containerd and a kubelet; they end when this is dropped, and all containers with them.
pub struct Node {
    part: Part,
    folder: TempDir,
    /// Of its containers, below that of each resource.
    cgroup: String,
    /// Its end at the bridge.
    wire: String,
}

impl Node {
    /// On the network of this gateway, for the kubelet that the kubeconfig is made for.
    ///
    /// # Errors
    /// When a program is missing, or cannot be started.
    pub fn start(gateway: &str, kubeconfig: &Path) -> anyhow::Result<Self> {
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

    /// Returns when Pods may come.
    ///
    /// # Errors
    /// When it ends, or is not Ready in time.
    pub async fn ready(&mut self, admin: &Client) -> anyhow::Result<()> {
        let nodes: Api<KubeNode> = Api::all(admin.clone());
        let part = &mut self.part;
        wait::until("the node is Ready", LIMIT, async || {
            if let Ok(Some(status)) = part.ended() {
                return Some(Err(anyhow::anyhow!("the node has ended: {status}\n{}", part.log_tail())));
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

    /// Gives it an image.
    ///
    /// # Errors
    /// When it does not take it.
    pub fn take(&self, image: Image, archive: &Path) -> anyhow::Result<()> {
        let socket = self.folder().join("containerd.sock");
        let mut import = Command::new("ctr");
        import.arg("--address").arg(socket).args(["--namespace", "k8s.io", "images", "import"]);
        run(import.args(["--base-name", image.repository()]).arg(archive))
    }

    /// Where all of it lies: the kubelet's folder is `kubelet`, and what containers print is below `logs`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "a failed test shows what its node said")]
            {
                eprintln!("--- end of the node's log\n{}", self.part.log_tail());
                eprintln!("{}", said_below(&self.folder().join("logs")));
            }
        }
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

/// All files below a folder, for the message of a failed test.
pub(crate) fn said_below(folder: &Path) -> String {
    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }
    let said = |file: &PathBuf| fs::read_to_string(file).unwrap_or_default();
    files(folder).iter().map(|file| format!("--- {}\n{}\n", file.display(), said(file))).collect()
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
