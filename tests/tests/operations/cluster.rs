//! On a real API server: Jobs keep the contract of executors, nodes are cordoned, tainted, released and drained with the truth
//! about what blocks, and an Operation that is applied ends with its status. No kubelet is there: what it would report of a
//! Pod, the test writes. With one, Jobs keep the same contract in `pods/runners.rs`.

use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};

use beidou_controllers::{
    ControllersConfig, ControllersError, ControllersMetrics, Inputs,
    config::{Job as JobSettings, Management},
    execute::{
        Executor,
        contract::{Driver, check, order},
    },
    fault::Faults,
    run,
    target::{DrainOptions, Nodes, TAINT, TargetError, drain},
};
use beidou_crds::{Cluster, Operation};
use beidou_log::memory::MemoryLog;
use beidou_schemas::{Topic, runner::AttemptId};
use beidou_service::{CancellationToken, Readiness};
use beidou_tests::{
    control_plane::{Access, ControlPlane},
    jobs::Jobs,
    machines, wait,
};
use k8s_openapi::api::{
    core::v1::{Node, Pod},
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

const LIMIT: Duration = Duration::from_secs(120);

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn a_real_api_server() {
    let control_plane = ControlPlane::start().await.unwrap();
    let admin = control_plane.client(Access::Admin).await.unwrap();
    nodes_are_changed_and_drained(&admin).await;
    check(&Unstarted(Jobs::of(admin.clone(), "default"))).await;
    pods_are_hardened(&admin).await;
    what_is_applied_ends_with_its_status(&control_plane, &admin).await;
    control_plane.stop();
}

/// A Node that nobody runs on.
pub(super) async fn node(admin: &Client, name: &str, address: &str) {
    let nodes: Api<Node> = Api::all(admin.clone());
    nodes.create(&PostParams::default(), &read(json!({"metadata": {"name": name}}))).await.unwrap();
    let status = json!({"status": {
        "addresses": [{"type": "InternalIP", "address": address}],
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "",
            "lastHeartbeatTime": "2026-11-29T00:00:00Z", "lastTransitionTime": "2026-11-29T00:00:00Z"}],
    }});
    nodes.patch_status(name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
}

async fn nodes_are_changed_and_drained(admin: &Client) {
    node(admin, "n1", "10.0.0.11").await;
    let (nodes, all) = (Nodes::new("c".into(), admin.clone()), Api::<Node>::all(admin.clone()));
    assert_eq!(nodes.find("10.0.0.11", None).await.unwrap().metadata.name.as_deref(), Some("n1"));
    assert!(matches!(nodes.find("10.0.0.99", None).await, Err(TargetError::NoNode { .. })));
    for _ in 0..2 {
        nodes.cordon("n1", true).await.unwrap();
        nodes.taint("n1").await.unwrap();
    }
    let spec = all.get("n1").await.unwrap().spec.unwrap();
    assert_eq!(spec.unschedulable, Some(true));
    assert_eq!(spec.taints.unwrap().iter().filter(|taint| taint.key == TAINT).count(), 1);

    what_blocks_a_drain_is_told(admin, &nodes).await;
    nodes.release("n1").await.unwrap();
    let spec = all.get("n1").await.unwrap().spec.unwrap();
    assert_ne!(spec.unschedulable, Some(true));
    assert!(!spec.taints.unwrap_or_default().iter().any(|taint| taint.key == TAINT));
}

async fn what_blocks_a_drain_is_told(admin: &Client, nodes: &Nodes) {
    let labels = json!({"app": "web"});
    let pods: Api<Pod> = Api::default_namespaced(admin.clone());
    let pod = json!({"metadata": {"name": "web", "labels": labels},
        "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "i"}]}});
    pods.create(&PostParams::default(), &read(pod)).await.unwrap();
    let ready = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
    pods.patch_status("web", &PatchParams::default(), &Patch::Merge(ready)).await.unwrap();
    let budgets: Api<PodDisruptionBudget> = Api::default_namespaced(admin.clone());
    let budget =
        json!({"metadata": {"name": "web-budget"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}}});
    budgets.create(&PostParams::default(), &read(budget)).await.unwrap();
    // What the disruption controller would find: it is not among the controllers of this control plane.
    let found = json!({"status": {"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1}});
    budgets.patch_status("web-budget", &PatchParams::default(), &Patch::Merge(found)).await.unwrap();

    let careful = DrainOptions { grace_seconds: Some(0), delete_empty_dir: true, force: false, limit: Duration::ZERO };
    let blocked = drain(nodes, "n1", &careful).await.unwrap_err().to_string();
    assert!(blocked.contains("default/web") && blocked.contains("no controller"), "{blocked}");
    let forced = DrainOptions { force: true, ..careful };
    let blocked = drain(nodes, "n1", &forced).await.unwrap_err().to_string();
    let numbers = "PodDisruptionBudget web-budget allows 0 disruptions: 1 of 1 Pods are healthy, 1 must be";
    assert!(blocked.contains(numbers) && blocked.contains("never allows one"), "{blocked}");
    budgets.delete("web-budget", &DeleteParams::default()).await.unwrap();
    let patient = DrainOptions { limit: LIMIT, ..forced };
    drain(nodes, "n1", &patient).await.unwrap();
}

/// Jobs of the real API server and job controller; only the kubelet is missing.
struct Unstarted(Jobs);

impl Unstarted {
    async fn pod(&self, attempt: &AttemptId) -> String {
        self.0.pods_of(attempt).await.unwrap().pop().unwrap().metadata.name.unwrap()
    }
}

impl Driver for Unstarted {
    fn executor(&self) -> Box<dyn Executor> {
        self.0.executor(JobSettings::default())
    }

    async fn end(&self, attempt: &AttemptId, exit: i32) {
        let pod = self.pod(attempt).await;
        let phase = if exit == 0 { "Succeeded" } else { "Failed" };
        let terminated = json!({"exitCode": exit, "reason": "Completed", "startedAt": "2026-11-29T00:00:00Z", "finishedAt": "2026-11-29T00:00:01Z"});
        let container = json!({"name": "runner", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": terminated}});
        let status = json!({"status": {"phase": phase, "containerStatuses": [container]}});
        self.0.pods().patch_status(&pod, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
        self.0.ended(attempt).await.unwrap();
    }

    async fn acts(&self, attempt: &AttemptId) {
        let pod = self.pod(attempt).await;
        // From then on it is for the kubelet to say that it has ended.
        let target = json!({"apiVersion": "v1", "kind": "Node", "name": "n1"});
        let binding =
            json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod.as_str()}, "target": target});
        let (pods, params) = (self.0.pods(), PostParams::default());
        pods.create_subresource::<_, Value>("binding", &pod, &params, &binding).await.unwrap();
    }

    async fn stopping(&self, attempt: &AttemptId) {
        self.0.suspended(attempt).await.unwrap();
    }

    async fn stopped(&self, attempt: &AttemptId) {
        let pod = self.pod(attempt).await;
        self.0.pods().delete(&pod, &DeleteParams::default().grace_period(0)).await.unwrap();
    }

    async fn made(&self, attempt: &AttemptId) -> usize {
        self.0.pods_of(attempt).await.unwrap().len()
    }
}

async fn pods_are_hardened(admin: &Client) {
    let jobs = Jobs::of(admin.clone(), "default");
    let order = order("00000000-hard-b0-a1", "one");
    let executor = jobs.executor(JobSettings::default());
    executor.launch(&order).await.unwrap();
    let pod = jobs.pods_of(&order.attempt).await.unwrap().pop().unwrap().spec.unwrap();
    let text = serde_json::to_string(&pod).unwrap();
    assert!(!text.contains(&"0".repeat(64)), "the token comes by a Secret");
    assert_eq!(
        (pod.service_account_name.as_deref(), pod.automount_service_account_token),
        (Some("default"), Some(false))
    );
    let security = pod.security_context.unwrap();
    assert_eq!(
        (security.run_as_non_root, security.seccomp_profile.unwrap().type_.as_str()),
        (Some(true), "RuntimeDefault")
    );
    let container = pod.containers[0].security_context.clone().unwrap();
    assert_eq!((container.read_only_root_filesystem, container.allow_privilege_escalation), (Some(true), Some(false)));
    assert!(pod.containers[0].resources.as_ref().unwrap().limits.as_ref().unwrap().contains_key("memory"));
    executor.stop(&order.attempt, true).await.unwrap();
    executor.forget(&order.attempt).await.unwrap();
}

/// Controllers beside this test, with a log in memory.
fn controllers(
    control_plane: &ControlPlane,
    folder: &Path,
) -> (CancellationToken, JoinHandle<Result<(), ControllersError>>) {
    let management = Management {
        kubeconfig: Some(control_plane.kubeconfig(Access::Admin)),
        context: None,
        namespace: "default".into(),
    };
    let config = ControllersConfig {
        listen: "127.0.0.1:0".into(),
        management: Some(management),
        hold_at_warnings: 0,
        ..ControllersConfig::default()
    };
    let topics = [(Topic::OperationCommand, 2), (Topic::Operation, 1), (Topic::OperationTask, 1)];
    let inputs = Inputs {
        log: MemoryLog::new(topics),
        folder: folder.into(),
        part: Readiness::default().part("controllers"),
        metrics: ControllersMetrics::default(),
        faults: Faults::default(),
        executor: None::<Arc<dyn Executor>>,
    };
    let stop = CancellationToken::new();
    let running = tokio::spawn(run(config, inputs, stop.clone()));
    (stop, running)
}

/// A cordon needs no runner: resource, command, facts, the node itself, status.
async fn what_is_applied_ends_with_its_status(control_plane: &ControlPlane, admin: &Client) {
    machines::install(admin).await.unwrap();
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::default_namespaced(admin.clone());
    let kubeconfig = machines::inline(&control_plane.kubeconfig(Access::Admin)).unwrap();
    let secret = json!({"metadata": {"name": "target"}, "stringData": {"kubeconfig": kubeconfig}});
    secrets.create(&PostParams::default(), &read(secret)).await.unwrap();
    let clusters: Api<Cluster> = Api::default_namespaced(admin.clone());
    let cluster = json!({"apiVersion": "caas.beidou.io/v1alpha1", "kind": "Cluster", "metadata": {"name": "c"},
        "spec": {"credentials": {"kubeconfig": {"name": "target", "key": "kubeconfig"}}}});
    clusters.create(&PostParams::default(), &read(cluster)).await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let (stop, running) = controllers(control_plane, folder.path());

    wait::until("the cluster is reachable", LIMIT, async || {
        let conditions = clusters.get("c").await.ok()?.status?.conditions;
        conditions.iter().any(|one| one.type_ == "Reachable" && one.status == "True").then_some(())
    })
    .await
    .unwrap();
    let operations: Api<Operation> = Api::default_namespaced(admin.clone());
    let operation = |name: &str, flow: &str| {
        let spec = json!({"clusterName": "c", "operationType": "Cordon", "operationFlow": [flow], "operationMachines": [{"ip": "10.0.0.11", "vars": {"rack": "7"}}]});
        read::<Operation>(
            json!({"apiVersion": "caas.beidou.io/v1alpha1", "kind": "Operation", "metadata": {"name": name}, "spec": spec}),
        )
    };
    let phase_is = async |name: &str, phases: &[&str]| {
        wait::until("the operation has its phase", LIMIT, async || {
            let status = operations.get(name).await.ok()?.status?;
            phases.contains(&status.phase.as_deref()?).then_some(status)
        })
        .await
        .unwrap()
    };
    operations.create(&PostParams::default(), &operation("cordon", "cordon")).await.unwrap();
    let status = phase_is("cordon", &["Succeeded"]).await;
    assert_eq!((status.hosts.unwrap().ok, status.observed_generation), (1, Some(1)));
    let by_type: HashMap<_, _> = status.conditions.iter().map(|one| (&*one.type_, &*one.status)).collect();
    assert_eq!(by_type, HashMap::from([("Accepted", "True"), ("Progressing", "False"), ("Succeeded", "True")]));
    let nodes: Api<Node> = Api::all(admin.clone());
    assert_eq!(nodes.get("n1").await.unwrap().spec.unwrap().unschedulable, Some(true));

    operations.create(&PostParams::default(), &operation("odd", "cordn")).await.unwrap();
    let status = phase_is("odd", &["Failed"]).await;
    assert!(status.message.unwrap().contains("cordon"), "the known steps are named");

    // A name in place of another one is beyond the rules of the API server: the fold refuses, the condition says so.
    let edit = Patch::Merge(json!({"spec": {"operationMachines": [{"ip": "10.0.0.11", "vars": {"shelf": "7"}}]}}));
    operations.patch("cordon", &PatchParams::default(), &edit).await.unwrap();
    wait::until("the edit is refused", LIMIT, async || {
        let conditions = operations.get("cordon").await.ok()?.status?.conditions;
        conditions.iter().any(|one| one.type_ == "Accepted" && one.reason == "EditedAfterStart").then_some(())
    })
    .await
    .unwrap();
    for name in ["cordon", "odd"] {
        operations.delete(name, &DeleteParams::default()).await.unwrap();
        wait::until("the finalizer lets go", LIMIT, async || {
            operations.get_opt(name).await.ok()?.is_none().then_some(())
        })
        .await
        .unwrap();
    }
    stop.cancel();
    running.await.unwrap().unwrap();
}
