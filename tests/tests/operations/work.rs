//! What runs while somebody is killed, and what must be true of it afterwards, however it ended.

use anyhow::{Context, ensure};
use beidou_model::operation::{Board, Operation};
use beidou_schemas::operation::Purpose;
use beidou_tests::{
    machines::{LIMIT, NAMESPACE, Site},
    wait,
};
use k8s_openapi::api::{
    core::v1::{Node, Pod},
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{cluster, scale_up::operation};

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Writes down on both machines what it does.
    Tally,
    /// Makes the first machine a node.
    Join,
}

impl Work {
    /// Records that it makes, roughly: a kill falls at any of them.
    pub fn records(self) -> u64 {
        match self {
            Self::Tally => 32,
            Self::Join => 68,
        }
    }

    pub fn spec(self, run: &str, machines: &[String]) -> Value {
        match self {
            Self::Tally => json!({
                "clusterName": "product-cluster", "operationType": "Command", "bundle": "tally",
                "operationFlow": ["first", "second"],
                "operationMachines": machines.iter().map(|ip| json!({"ip": ip})).collect::<Vec<_>>(),
                "parameters": {"run": run}, "batches": {"canary": 0, "poolPercent": 100},
            }),
            Self::Join => operation(run, &machines[..1])["spec"].clone(),
        }
    }

    /// By what machines and cluster show, never by what it says of itself. `phase` is how it ended by itself.
    pub async fn check(self, site: &Site, name: &str, phase: &str, status: &Value) -> anyhow::Result<()> {
        match self {
            Self::Tally => tallied(site, name, phase, status),
            Self::Join => {
                acted_once(site, name).await?;
                joined_or_not(site, phase, status).await
            }
        }
    }
}

/// The machines' own count.
fn tallied(site: &Site, name: &str, phase: &str, status: &Value) -> anyhow::Result<()> {
    for host in site.hosts.hosts() {
        let acts = site.hosts.print(host.number, "cat /var/lib/acts 2> /dev/null || true")?;
        for step in ["first", "second"] {
            let wanted = format!("{name} {step}");
            let times = acts.lines().filter(|line| *line == wanted).count();
            ensure!(times <= 1, "{step} acted {times} times on {}: {status:#}", host.address);
            let missing = phase == "Succeeded" && times == 0;
            ensure!(!missing, "it succeeded, and {step} did not act on {}: {status:#}", host.address);
        }
    }
    Ok(())
}

pub fn of<'a>(board: &'a Board, name: &str) -> Option<&'a Operation> {
    let name = format!("{NAMESPACE}/{name}");
    board.operations.values().find(|one| one.name == name)
}

/// No step had two runners that could act.
async fn acted_once(site: &Site, name: &str) -> anyhow::Result<()> {
    let board = Board::fold(&site.facts().await?);
    let run = of(&board, name).context("it is not among the facts")?;
    for stage in 0..run.plan.stages.len() as u32 {
        let acts = run.attempts.iter().filter(|one| one.stage == stage && one.purpose == Purpose::Act);
        let claimed = acts.filter(|one| one.claimed.is_some()).count();
        ensure!(claimed <= 1, "stage {stage} of {name} was claimed {claimed} times: {:?}", run.attempts);
    }
    Ok(())
}

/// A whole node where it succeeded, and nothing of one where it did not. The machine is free for the next one after it.
async fn joined_or_not(site: &Site, phase: &str, status: &Value) -> anyhow::Result<()> {
    let host = &site.hosts.hosts()[0];
    let nodes = site.nodes().await?;
    let node = nodes.iter().find(|(name, ..)| *name == host.address);
    if phase != "Succeeded" {
        ensure!(node.is_none(), "it did not succeed, and there is {node:?}: {status:#}");
        let left = site.left_of_kubelet(host.number)?;
        ensure!(left.is_empty(), "it did not succeed, and there is left: {left}\n{status:#}");
        return Ok(());
    }
    ensure!(node == Some(&(host.address.clone(), false, true)), "it succeeded, and there is {node:?}: {status:#}");
    let kubelets = site.kubelets(host.number)?;
    ensure!(kubelets == 1, "it succeeded, and {kubelets} kubelets run: {status:#}");
    let files = "/etc/kubernetes /var/lib/kubelet /etc/init.d/kubelet";
    site.hosts.print(host.number, &format!("PATH=/usr/sbin:/sbin:$PATH; /etc/init.d/kubelet stop; rm -rf {files}"))?;
    Api::<Node>::all(site.admin.clone()).delete(&host.address, &DeleteParams::default()).await?;
    Ok(())
}

fn drain(name: &str, address: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {
        "clusterName": "product-cluster", "operationType": "Drain", "operationFlow": ["cordon", "drain"],
        "operationMachines": [{"ip": address}], "parameters": {"force": true, "grace_s": 0},
    }})
}

/// A node with a Pod that must not go.
async fn guarded(site: &Site, name: &str, address: &str) -> anyhow::Result<()> {
    cluster::node(&site.admin, name, address).await;
    let labels = json!({"app": name});
    let pod = json!({"metadata": {"name": name, "labels": labels},
        "spec": {"nodeName": name, "containers": [{"name": "c", "image": "i"}]}});
    let pods = Api::<Pod>::default_namespaced(site.admin.clone());
    pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
    let ready = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
    pods.patch_status(name, &PatchParams::default(), &Patch::Merge(ready)).await?;
    let budget = json!({"metadata": {"name": name}, "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}}});
    let budgets = Api::<PodDisruptionBudget>::default_namespaced(site.admin.clone());
    budgets.create(&PostParams::default(), &serde_json::from_value(budget)?).await?;
    // What the disruption controller would find: it is not among the controllers of this control plane.
    let found = json!({"status": {"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1}});
    budgets.patch_status(name, &PatchParams::default(), &Patch::Merge(found)).await?;
    Ok(())
}

/// Beidou is killed while a drain waits for a Pod: it goes on once the Pod may go, or takes its cordon back.
pub async fn drains_outlive_a_kill(site: &mut Site) -> anyhow::Result<()> {
    let pods = Api::<Pod>::default_namespaced(site.admin.clone());
    let budgets = Api::<PodDisruptionBudget>::default_namespaced(site.admin.clone());
    for (name, address, goes_on) in [("drain-on", "10.9.0.1", true), ("drain-off", "10.9.0.2", false)] {
        guarded(site, name, address).await?;
        let mut wish = drain(name, address);
        site.beidou("Operation", wish.clone()).await?;
        wait::until("the drain waits for its Pod", LIMIT, async || {
            let board = Board::fold(&site.facts().await.ok()?);
            let run = of(&board, name)?;
            let open = run.open_attempt()?;
            (run.step(open.step).name == "drain" && open.claimed.is_some()).then_some(())
        })
        .await?;
        site.restart().await?;
        let wanted = if goes_on {
            budgets.delete(name, &DeleteParams::default()).await?;
            "Succeeded"
        } else {
            wish["spec"]["cancel"] = true.into();
            site.beidou("Operation", wish).await?;
            "Cancelled"
        };
        let ends = ["Succeeded", "Failed", "Cancelled", "Held", "Unknown"];
        let status = site.phase("Operation", name, &ends).await?;
        ensure!(status["phase"] == wanted, "{name} should be {wanted}: {status:#}");
        let node = Api::<Node>::all(site.admin.clone()).get(name).await?;
        let cordoned = node.spec.unwrap_or_default().unschedulable == Some(true);
        ensure!(cordoned == goes_on, "{name}: cordoned is {cordoned}: {status:#}");
        let there = pods.get_opt(name).await?.is_some();
        ensure!(there != goes_on, "{name}: the Pod is there: {there}: {status:#}");
        acted_once(site, name).await?;
    }
    Ok(())
}
