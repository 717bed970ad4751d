//! Operations as the chart lets them: the real controllers, with the configuration and the account that it makes, carry them
//! out on a real API server. No kubelet is there, so a runner's Pod is admitted and never starts.

use std::{fs, path::Path, sync::Arc};

use beidou_controllers::{
    ControllersConfig, ControllersError, ControllersMetrics, Inputs,
    config::ExecutorKind,
    execute::{Executor, KubernetesJob},
    fault::Faults,
    run, target,
};
use beidou_crds::{AutoOperationTask, Cluster, Operation};
use beidou_log::memory::MemoryLog;
use beidou_schemas::Topic;
use beidou_service::{CancellationToken, Readiness};
use beidou_tests::{
    control_plane::{Access, ControlPlane},
    helm::{CI, Helm, chart, deploy},
    wait::until,
};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        authentication::v1::TokenRequest,
        batch::v1::Job,
        core::v1::{Node, Pod, Secret, ServiceAccount},
    },
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::installed::{LIMIT, allowed, may, namespace};

/// Where the chart is installed, and where operations are.
const HOME: &str = "history";
const PLACE: &str = "beidou-system";
const GROUP: &str = "caas.beidou.io/v1alpha1";

#[tokio::test(flavor = "multi_thread")]
async fn controllers_do_their_work_with_the_rights_of_the_chart_and_have_no_others() {
    let control_plane = ControlPlane::start().await.unwrap();
    let admin = control_plane.client(Access::Admin).await.unwrap();
    let helm = Helm::all().unwrap().remove(1);
    for name in [HOME, "beidou-heartbeat"] {
        namespace(&admin, name, &[]).await;
    }
    namespace(&admin, PLACE, &["enforce", "warn"]).await;
    let kubeconfig = control_plane.kubeconfig(Access::Admin);
    let (chart, values) = (chart(), deploy(CI[1].1));
    let [chart, values, file] = [&chart, &values, &kubeconfig].map(|path| path.to_str().unwrap());
    helm.print(&["install", "beidou", chart, "-n", HOME, "-f", values, "--kubeconfig", file]).unwrap();
    apply(&admin, &fs::read_to_string(deploy("sites/operator-rights.yaml")).unwrap()).await;
    rights(&admin).await;

    let folder = tempfile::tempdir().unwrap();
    let account = write_kubeconfig(&admin, &kubeconfig, folder.path()).await;
    reach(&admin, &kubeconfig).await;
    let (stop, running) = controllers(&helm, folder.path(), &account).await;
    nodes_are_changed(&admin).await;
    a_task_makes_its_operation(&admin).await;
    a_runner_is_made_and_removed(&admin).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    control_plane.stop();
}

fn read<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn api<K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>>(client: &Client) -> Api<K> {
    Api::namespaced(client.clone(), PLACE)
}

/// Applies what `kubectl apply -f` would.
async fn apply(admin: &Client, text: &str) {
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        let object = kube::api::DynamicObject::deserialize(document).unwrap();
        let kind = kube::api::GroupVersionKind::try_from(object.types.as_ref().unwrap()).unwrap();
        let resource = kube::api::ApiResource::from_gvk(&kind);
        let api: Api<kube::api::DynamicObject> = match object.namespace() {
            Some(namespace) => Api::namespaced_with(admin.clone(), &namespace, &resource),
            None => Api::all_with(admin.clone(), &resource),
        };
        api.patch(&object.name_any(), &PatchParams::apply("a-person"), &Patch::Apply(&object)).await.unwrap();
    }
}

/// A token of an account, as its Pods have it.
async fn token(admin: &Client, namespace: &str, account: &str) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), namespace);
    let request: TokenRequest = read(json!({"metadata": {}, "spec": {"audiences": []}}));
    let made = accounts.create_token_request(account, &PostParams::default(), &request).await.unwrap();
    made.status.unwrap().token.unwrap()
}

/// The kubeconfig of the controllers' account.
async fn write_kubeconfig(admin: &Client, of_admin: &Path, folder: &Path) -> std::path::PathBuf {
    let mut config: Value = serde_json::from_str(&fs::read_to_string(of_admin).unwrap()).unwrap();
    config["users"][0]["user"] = json!({"token": token(admin, HOME, "beidou-controllers").await});
    let path = folder.join("controllers.kubeconfig");
    fs::write(&path, config.to_string()).unwrap();
    path
}

/// The cluster itself as a target, with the rights that an operator gives, and a node in it.
async fn reach(admin: &Client, kubeconfig: &Path) {
    let config: Value = serde_json::from_str(&fs::read_to_string(kubeconfig).unwrap()).unwrap();
    let cluster = &config["clusters"][0]["cluster"];
    let authority = fs::read_to_string(cluster["certificate-authority"].as_str().unwrap()).unwrap();
    let secret = json!({"metadata": {"name": "target"}, "stringData": {"token": token(admin, "beidou", "beidou-operator").await}});
    api::<Secret>(admin).create(&PostParams::default(), &read(secret)).await.unwrap();
    let spec = json!({"server": cluster["server"], "credentials": {
        "token": {"name": "target", "key": "token"}, "certificateAuthority": authority,
    }});
    create::<Cluster>(admin, "Cluster", "c", spec).await;
    let nodes: Api<Node> = Api::all(admin.clone());
    nodes.create(&PostParams::default(), &read(json!({"metadata": {"name": "n1"}}))).await.unwrap();
    let status = json!({"status": {
        "addresses": [{"type": "InternalIP", "address": "10.0.0.11"}],
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "",
            "lastHeartbeatTime": "2026-11-29T00:00:00Z", "lastTransitionTime": "2026-11-29T00:00:00Z"}],
    }});
    nodes.patch_status("n1", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
}

/// With what the chart's configuration says, but for the place of the door, which is in this process.
async fn controllers(
    helm: &Helm,
    folder: &Path,
    account: &Path,
) -> (CancellationToken, JoinHandle<Result<(), ControllersError>>) {
    let rendered = helm.template(CI[1].1, &["-s", "templates/configmap.yaml"]).unwrap();
    let map: Value = serde_yaml_ng::from_str(&rendered).unwrap();
    let site: Value = serde_yaml_ng::from_str(map["data"]["site.yaml"].as_str().unwrap()).unwrap();
    let mut config: ControllersConfig = read(site["controllers"].clone());
    assert_eq!(config.executor, ExecutorKind::Job);
    let mut management = config.management.clone().unwrap();
    assert_eq!(management.namespace, PLACE);
    management.kubeconfig = Some(account.into());
    let client = target::management(&management).await.unwrap();
    let jobs: Arc<dyn Executor> = Arc::new(KubernetesJob::new(client, PLACE.into(), config.job.clone()));
    config.management = Some(management);
    (config.listen, config.executor) = ("127.0.0.1:0".into(), ExecutorKind::Local);
    (config.webhooks, config.notifications) = (Vec::new(), Vec::new());
    let topics =
        [(Topic::OperationCommand, 2), (Topic::Operation, 1), (Topic::OperationTask, 1), (Topic::KubeEvent, 1)];
    let inputs = Inputs {
        log: MemoryLog::new(topics),
        folder: folder.join("data"),
        part: Readiness::default().part("controllers"),
        metrics: ControllersMetrics::default(),
        faults: Faults::default(),
        executor: Some(jobs),
    };
    let stop = CancellationToken::new();
    (stop.clone(), tokio::spawn(run(config, inputs, stop)))
}

async fn create<K>(admin: &Client, kind: &str, name: &str, spec: Value)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + serde::Serialize
        + DeserializeOwned,
{
    let object = json!({"apiVersion": GROUP, "kind": kind, "metadata": {"name": name}, "spec": spec});
    api::<K>(admin).create(&PostParams::default(), &read(object)).await.unwrap();
}

async fn operation(admin: &Client, name: &str, kind: &str, flow: &[&str], more: Value) {
    let mut spec = json!({"clusterName": "c", "operationType": kind, "operationFlow": flow, "operationMachines": [{"ip": "10.0.0.11"}]});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    create::<Operation>(admin, "Operation", name, spec).await;
}

async fn succeeded(admin: &Client, name: &str) {
    let operations = api::<Operation>(admin);
    let mut last = None;
    let done = until("the operation has succeeded", LIMIT, async || {
        last = operations.get_opt(name).await.ok()??.status;
        (last.as_ref()?.phase.as_deref()? == "Succeeded").then_some(())
    });
    done.await.unwrap_or_else(|overdue| panic!("{name}: {overdue}: {last:?}"));
}

/// Deleted, undone, let go.
async fn gone<K>(admin: &Client, name: &str)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let all = api::<K>(admin);
    all.delete(name, &DeleteParams::default()).await.unwrap();
    until("the finalizer lets go", LIMIT, async || all.get_opt(name).await.ok()?.is_none().then_some(()))
        .await
        .unwrap();
}

async fn nodes_are_changed(admin: &Client) {
    let clusters = api::<Cluster>(admin);
    let reachable = until("the cluster is reachable", LIMIT, async || {
        let conditions = clusters.get("c").await.ok()?.status?.conditions;
        conditions.iter().any(|one| one.type_ == "Reachable" && one.status == "True").then_some(())
    });
    reachable.await.unwrap();
    operation(admin, "drain", "Drain", &["cordon", "drain"], json!({})).await;
    succeeded(admin, "drain").await;
    let node = Api::<Node>::all(admin.clone()).get("n1").await.unwrap();
    assert_eq!(node.spec.unwrap().unschedulable, Some(true));
    gone::<Operation>(admin, "drain").await;
}

async fn a_task_makes_its_operation(admin: &Client) {
    let spec = json!({
        "cluster": "c", "clusterType": "native", "operationIds": ["scale-up"], "operationTaskType": "ScaleUp",
        "operationTaskMachines": [{"name": "10.0.0.11"}], "operationTaskStep": [{"step": "UncordonNodes"}],
    });
    create::<AutoOperationTask>(admin, "AutoOperationTask", "back", spec).await;
    succeeded(admin, "back-uncordonnodes").await;
    let node = Api::<Node>::all(admin.clone()).get("n1").await.unwrap();
    assert_ne!(node.spec.unwrap().unschedulable, Some(true));
    let tasks = api::<AutoOperationTask>(admin);
    let told = until("the task says so", LIMIT, async || {
        let status = tasks.get("back").await.ok()?.status?;
        (status.phase.as_deref()? == "Succeeded").then_some(())
    });
    told.await.unwrap();
    gone::<AutoOperationTask>(admin, "back").await;
}

async fn a_runner_is_made_and_removed(admin: &Client) {
    let secret = json!({"metadata": {"name": "api"}, "stringData": {"token": "of the script"}});
    api::<Secret>(admin).create(&PostParams::default(), &read(secret)).await.unwrap();
    let more = json!({
        "parameters": {"script": "true"}, "secrets": [{"parameter": "token", "secret": "api", "key": "token"}],
    });
    operation(admin, "script", "Command", &["command"], more).await;
    let all = ListParams::default();
    let pod =
        until("the runner's Pod is admitted", LIMIT, async || api::<Pod>(admin).list(&all).await.ok()?.items.pop());
    let pod = pod.await.unwrap();
    let spec = pod.spec.as_ref().unwrap();
    assert_eq!(spec.service_account_name.as_deref(), Some("beidou-runner-history"));
    assert_eq!(spec.automount_service_account_token, Some(false));
    // What the account has for it, for the image is not public.
    assert_eq!(spec.image_pull_secrets.as_ref().unwrap()[0].name, "registry");
    for (key, value) in [("name", "beidou-runner"), ("managed-by", "beidou")] {
        assert_eq!(pod.labels()[&format!("app.kubernetes.io/{key}")], value, "the network policies select by it");
    }
    let attempt = &pod.labels()["beidou.io/attempt"];
    assert!(api::<Secret>(admin).get(attempt).await.unwrap().data.unwrap().contains_key("token"));
    gone::<Operation>(admin, "script").await;
    let cleared = until("nothing is left of the runner", LIMIT, async || {
        let jobs = api::<Job>(admin).get_opt(attempt).await.ok()?.is_none();
        let secrets = api::<Secret>(admin).get_opt(attempt).await.ok()?.is_none();
        let pods = api::<Pod>(admin).list(&all).await.ok()?.items.is_empty();
        (jobs && secrets && pods).then_some(())
    });
    cleared.await.unwrap();
}

/// What controllers may do, by the API server's own word; runners may do nothing.
async fn rights(admin: &Client) {
    let account = format!("system:serviceaccount:{HOME}:beidou-controllers");
    let (ours, jobs) = ("caas.beidou.io", "batch");
    for (verb, group, resource, place, expected) in [
        ("watch", ours, "operations", PLACE, true),
        ("update", ours, "autooperationtasks/finalizers", PLACE, true),
        ("create", jobs, "jobs", PLACE, true),
        ("deletecollection", "", "pods", PLACE, true),
        ("get", "", "secrets", PLACE, true),
        ("create", ours, "clusters", PLACE, false),
        ("delete", ours, "operations", PLACE, false),
        ("list", "", "secrets", PLACE, false),
        ("create", "", "pods", PLACE, false),
        ("create", "", "pods/exec", PLACE, false),
        ("list", jobs, "jobs", PLACE, false),
        ("watch", ours, "operations", HOME, false),
        ("get", "", "secrets", HOME, false),
        ("create", jobs, "jobs", HOME, false),
        ("list", "", "nodes", "", false),
        ("list", "", "events", "", false),
    ] {
        allowed(admin, &account, verb, (group, resource), place, expected).await;
    }
    let runner = format!("system:serviceaccount:{PLACE}:beidou-runner-history");
    for (verb, resource) in [("get", "secrets"), ("list", "pods"), ("create", "jobs")] {
        assert!(!may(admin, &runner, verb, ("", resource), PLACE).await, "{runner} may {verb} {resource}");
    }
    let operator = "system:serviceaccount:beidou:beidou-operator";
    for (verb, group, resource, expected) in [
        ("update", "", "nodes", true),
        ("delete", "", "nodes", true),
        ("create", "", "pods/eviction", true),
        ("list", "policy", "poddisruptionbudgets", true),
        ("delete", "", "pods", false),
        ("get", "", "secrets", false),
    ] {
        allowed(admin, operator, verb, (group, resource), "", expected).await;
    }
}
