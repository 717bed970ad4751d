//! A site whose runners are Pods: a real scheduler, a real node, and controllers that make Jobs.
//!
//! ```text
//! site (hosts, API server, Beidou) ─ scheduler ─ node on the hosts' bridge ─ Ready
//!                                                   └ images that are taken in ─ Pods ─► the door at the gateway, the hosts
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::json;

use crate::{
    machines::{KUBELET, Site, TALLY},
    node::{self, Image, Node, said_below},
    ssh_hosts::SshHosts,
};

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
            "job": {"image": Image::Runner.name()}, "bundles": [TALLY, CHAIN],
        });
        let mut site = Site::of(hosts, controllers, Path::new(KUBELET)).await?;
        site.control_plane.schedule()?;
        let server = site.parameters["api_server"].as_str().context("hosts know the API server")?;
        let kubeconfig = site.control_plane.kubelet(node::NAME, server)?;
        let mut pods = Self { site, node: Node::start(&gateway, &kubeconfig)? };
        pods.node.ready(&pods.site.admin).await?;
        Ok(pods)
    }

    /// Builds the image of runners, below this name.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn build_image(&self, name: &str) -> anyhow::Result<PathBuf> {
        let archive = self.site.home.path().join(name);
        Image::Runner.build(&archive)?;
        Ok(archive)
    }

    /// Gives an image of runners to the node.
    ///
    /// # Errors
    /// When it does not take it.
    pub fn bring(&self, archive: &Path) -> anyhow::Result<()> {
        self.node.take(Image::Runner, archive)
    }

    /// Process ids of runners, as this machine sees them.
    #[must_use]
    pub fn runners(&self) -> Vec<i32> {
        processes(&["run-step", &format!("http://{}:7330", self.site.hosts.gateway())])
    }

    /// The folder of a volume on the node, by the id of its Pod: of those that lie on the disk, which is everybody's.
    #[must_use]
    pub fn volume(&self, pod: &str, name: &str) -> PathBuf {
        self.node.folder().join("kubelet/pods").join(pod).join("volumes/kubernetes.io~empty-dir").join(name)
    }
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
            #[expect(clippy::print_stderr, reason = "a failed test shows what its runners said")]
            {
                eprintln!("{}", said_below(&self.site.home.data().join("controllers/outputs")));
            }
        }
    }
}
