//! Simulated nodes: Node objects that are kept Ready by their leases, as kubelets do it. Pods come to them, and nothing runs there.

use std::time::Duration;

use k8s_openapi::{
    api::{coordination::v1::Lease, core::v1::Node},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tokio::{task::AbortHandle, time::interval};

/// As often as a kubelet; a node that was not heard of for 50 s is Ready no more.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Nodes that live as long as this.
pub struct Nodes(AbortHandle);

impl Nodes {
    /// Registers so many nodes, and keeps them Ready.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn start(admin: &Client, count: usize) -> anyhow::Result<Self> {
        let names: Vec<String> = (1..=count).map(|number| format!("node-{number}")).collect();
        let nodes = Api::<Node>::all(admin.clone());
        for name in &names {
            nodes.create(&PostParams::default(), &serde_json::from_value(node(name))?).await?;
        }
        let leases = Api::<Lease>::namespaced(admin.clone(), "kube-node-lease");
        let task = tokio::spawn(async move {
            let mut beats = interval(HEARTBEAT);
            loop {
                beats.tick().await;
                for name in &names {
                    // What is refused is tried with the next beat, as a kubelet does it.
                    let _ =
                        leases.patch(name, &PatchParams::apply("kubelet").force(), &Patch::Apply(lease(name))).await;
                }
            }
        });
        Ok(Self(task.abort_handle()))
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn node(name: &str) -> Value {
    let room = json!({"cpu": "4", "memory": "8Gi", "pods": "110"});
    let ready = json!({"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "simulated"});
    json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        "status": {"capacity": room, "allocatable": room, "conditions": [ready]},
    })
}

fn lease(name: &str) -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": MicroTime(Timestamp::now())},
    })
}
