//! A cluster that runs whatever is applied: a real control plane, and one real node on a network of its own.
//!
//! ```text
//! API server on loopback ─ relay at the gateway, port 443 ◄─ kubelet
//!                                                         ◄─ Pods: https://kubernetes.default.svc, as the name server tells them
//! ```
//! Absent on purpose: Services. That one name leads straight to the gateway; whoever asks a Pod takes the Pod's own address.

use kube::Client;
use tokio::task::AbortHandle;

use crate::{
    control_plane::{Access, ControlPlane},
    machines::relay,
    name_server,
    node::{self, Image, Node},
    ssh_hosts::SshHosts,
};

/// Where Pods look for an API server.
const HTTPS: u16 = 443;

/// The cluster; all of it ends with this.
pub struct Cluster {
    // Fields are dropped in this order: first what stands on the others.
    node: Node,
    /// Its servers and controllers.
    pub control_plane: ControlPlane,
    /// May do anything there.
    pub admin: Client,
    at_the_gateway: [AbortHandle; 2],
    _network: SshHosts,
}

impl Cluster {
    /// Returns when Pods may come. The node has no image yet.
    ///
    /// # Errors
    /// When a part does not start: the message says what is missing.
    pub async fn start() -> anyhow::Result<Self> {
        // Of hosts only their network is wanted.
        let network = SshHosts::start(0)?;
        let gateway = network.gateway();
        let mut control_plane = ControlPlane::start_as(&[gateway]).await?;
        control_plane.schedule()?;
        control_plane.provide()?;
        let admin = control_plane.client(Access::Admin).await?;
        // The address is this cluster's alone, so its ports are free.
        let (relay, server) = relay(gateway, HTTPS, control_plane.server_url()).await?;
        let names = name_server::serve(gateway.parse()?).await?;
        let kubeconfig = control_plane.kubelet(node::NAME, &server)?;
        let node = Node::start(gateway, &kubeconfig)?;
        let mut cluster = Self { node, control_plane, admin, at_the_gateway: [relay, names], _network: network };
        cluster.node.ready(&cluster.admin).await?;
        Ok(cluster)
    }

    /// Builds an image, and gives it to the node.
    ///
    /// # Errors
    /// When it cannot be built, or is not taken.
    pub fn bring(&self, image: Image) -> anyhow::Result<()> {
        let archive = self.node.folder().join("image.tar");
        image.build(&archive)?;
        self.node.take(image, &archive)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for task in &self.at_the_gateway {
            task.abort();
        }
    }
}
