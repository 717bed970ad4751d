//! The server in a real Pod: Helm installs the chart, with the image that `deploy/image/build` makes, and a kubelet runs what comes
//! of it, unchanged. All that is claimed is seen from outside.
//!
//! ```text
//! Event ─► API server ─► the Pod ─► the same Event, by its API
//!            forgets it    ends, and another one comes ─► still the same Event: from the volume
//! ```

use std::{
    fmt::Debug,
    fs,
    net::{IpAddr, SocketAddr},
    path::Path,
};

use beidou_store::engine::install::Installer;
use beidou_tests::{
    beidou::http,
    cluster::Cluster,
    control_plane::Access,
    helm::{CI, Helm, chart, deploy},
    machines::LIMIT,
    node::{self, Image},
    pods::processes,
    wait::until,
};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{
    ContainerStateTerminated, ContainerStatus, Event, Namespace, PersistentVolume, Pod, Secret,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, PostParams, WatchEvent, WatchParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::runners::is_confined;

/// Where the chart is installed.
const PLACE: &str = "history";
/// The one Pod of its StatefulSet.
const POD: &str = "beidou-0";
/// How its API is called in the cluster.
const HOST: &str = "beidou.history.svc";
/// The cluster that it runs in and collects.
const CLUSTER: &str = "own";
const TOKEN: &str = "tests-0123456789abcdef";
const EVENT: &str = "noticed";

#[tokio::test(flavor = "multi_thread")]
async fn the_pod_of_the_chart_collects_serves_ends_and_goes_on() {
    let volume = tempfile::tempdir().unwrap();
    let cluster = Cluster::start().await.unwrap();
    let admin = &cluster.admin;
    cluster.bring(Image::Server).unwrap();
    let certificate = prepare(admin, volume.path()).await;
    install(&cluster);

    let pods = Api::<Pod>::namespaced(admin.clone(), PLACE);
    let first = ready(&pods).await;
    let found = processes(&["up", "--config", "/etc/beidou/site/site.yaml"]);
    assert_eq!(found.len(), 1, "{found:?}");
    is_confined(found[0]);

    let api = Outside::of(&first, &certificate);
    serves(&api).await;
    let event = happens(admin).await;
    is_found(&api, &event).await;
    let (status, metrics) = api.get("/metrics", Some(TOKEN)).await;
    assert!(status == 200 && metrics.contains("beidou_ingest_frames_total"), "{status}: {metrics}");

    let events = Api::<Event>::default_namespaced(admin.clone());
    events.delete(EVENT, &DeleteParams::default()).await.unwrap();
    // One that has to be killed, at the end of its grace period, ends with 137.
    let end = ended(&pods).await;
    assert_eq!(end.exit_code, 0, "{end:?}");
    let second = ready(&pods).await;
    assert_ne!(second.uid(), first.uid());
    is_found(&Outside::of(&second, &certificate), &event).await;
}

/// What whoever installs the chart provides: a namespace, a volume, Secrets. The answer is the certificate of the API.
async fn prepare(admin: &Client, volume: &Path) -> String {
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    create(Api::<Namespace>::all(admin.clone()), json!({"metadata": {"name": PLACE, "labels": labels}})).await;

    put_engine(volume);
    let here = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": [node::NAME]});
    let spec = json!({
        "capacity": {"storage": "100Gi"}, "accessModes": ["ReadWriteOnce"], "local": {"path": volume},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
    });
    create(Api::<PersistentVolume>::all(admin.clone()), json!({"metadata": {"name": "disk"}, "spec": spec})).await;

    let secrets = Api::<Secret>::namespaced(admin.clone(), PLACE);
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = json!({"tls.crt": certificate, "tls.key": key});
    let tls = json!({"metadata": {"name": "beidou-tls"}, "type": "kubernetes.io/tls", "stringData": tls});
    create(secrets.clone(), tls).await;
    create(secrets, json!({"metadata": {"name": "beidou-tokens"}, "stringData": {"tests": TOKEN}})).await;
    certificate
}

async fn create<K>(api: Api<K>, object: Value)
where
    K: Clone + Debug + Serialize + DeserializeOwned,
{
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap();
}

/// Pods reach no registry, so the engine lies on the volume already, where the first start would put it. That it is whole the
/// first start finds out itself.
fn put_engine(volume: &Path) {
    let installer = Installer::from_environment().unwrap();
    let library = installer.locate().unwrap().expect("the engine is missing: make pods gets it");
    let there = Installer { library_override: None, cache_dir: volume.join("cache"), ..installer }.library_path();
    fs::create_dir_all(there.parent().unwrap()).unwrap();
    fs::copy(library, there).unwrap();
}

/// The least that an installation needs, and a token.
fn install(cluster: &Cluster) {
    let helm = Helm::all().unwrap().remove(1);
    let files = [chart(), deploy(CI[0].1), cluster.control_plane.kubeconfig(Access::Admin)];
    let [chart, values, kubeconfig] = files.each_ref().map(|path| path.to_str().unwrap());
    let image = Image::Server.repository();
    let set = format!("image.repository={image},ownCluster.name={CLUSTER}");
    let tokens = "api.tokens.secret=beidou-tokens,api.tokens.subjects={tests}";
    let place = ["-n", PLACE, "--kubeconfig", kubeconfig];
    helm.print(&[&["install", "beidou", chart, "-f", values, "--set", &set, "--set", tokens][..], &place].concat())
        .unwrap();
}

/// The Pod, once it is Ready by its own probes, at its first start.
async fn ready(pods: &Api<Pod>) -> Pod {
    let mut last = Value::Null;
    let settled = until("the Pod is Ready", LIMIT, async || {
        let pod = pods.get_opt(POD).await.ok()??;
        last = json!(pod.status);
        (is_ready(&pod) || container(&pod)?.restart_count > 0).then_some(pod)
    });
    let pod = settled.await.unwrap_or_else(|overdue| panic!("{overdue}: {last:#}"));
    assert_eq!(container(&pod).unwrap().restart_count, 0, "{last:#}");
    pod
}

fn is_ready(pod: &Pod) -> bool {
    let mut conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.any(|one| one.type_ == "Ready" && one.status == "True")
}

fn container(pod: &Pod) -> Option<&ContainerStatus> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()
}

/// The API of a Pod: its address, asked under the name of the Service.
struct Outside(reqwest::Client);

impl Outside {
    fn of(pod: &Pod, certificate: &str) -> Self {
        let address: IpAddr = pod.status.as_ref().unwrap().pod_ip.as_ref().unwrap().parse().unwrap();
        // The first client of a process chooses the cryptography for all.
        let _ = http();
        let authority = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([authority]);
        Self(client.resolve(HOST, SocketAddr::new(address, 0)).build().unwrap())
    }

    async fn get(&self, path: &str, token: Option<&str>) -> (u16, String) {
        let mut request = self.0.get(format!("https://{HOST}:7480{path}"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

async fn serves(api: &Outside) {
    assert_eq!(api.get("/healthz", None).await, (200, "ok\n".into()));
    let mut last = String::new();
    // A store that answers late, on a starved machine, is not ready for that moment.
    let ready = until("all parts are ready", LIMIT, async || {
        let (status, told) = api.get("/readyz", None).await;
        last = told;
        (status == 200).then_some(())
    });
    ready.await.unwrap_or_else(|overdue| panic!("{overdue}: {last}"));
    for path in ["/metrics", "/api/v1/events"] {
        let (status, told) = api.get(path, None).await;
        assert_eq!(status, 401, "{path} needs a token: {told}");
    }
}

/// Something happens in the cluster; the answer is the Event as its API server has it.
async fn happens(admin: &Client) -> Value {
    let event = json!({
        "metadata": {"name": EVENT},
        "involvedObject": {"apiVersion": "v1", "kind": "ConfigMap", "namespace": "default", "name": "settings"},
        "type": "Normal", "reason": "Noticed", "message": "somebody looked at the settings",
    });
    create(Api::<Event>::default_namespaced(admin.clone()), event).await;
    let path = format!("/api/v1/namespaces/default/events/{EVENT}");
    let mut event: Value = admin.request(::http::Request::get(path).body(Vec::new()).unwrap()).await.unwrap();
    // Beidou keeps nothing of it.
    event["metadata"].as_object_mut().unwrap().remove("managedFields");
    event
}

/// Waits until the API has the Event, in every field.
async fn is_found(api: &Outside, event: &Value) {
    let path = format!("/api/v1/events/{CLUSTER}/{}", event["metadata"]["uid"].as_str().unwrap());
    let mut last = String::new();
    let found = until("the Event is found", LIMIT, async || {
        let (_, told) = api.get(&path, Some(TOKEN)).await;
        let states: Value = serde_json::from_str(&told).unwrap_or_default();
        last = told;
        states["items"].as_array()?.iter().any(|state| state["object"] == *event).then_some(())
    });
    found.await.unwrap_or_else(|overdue| panic!("{overdue}: {last}"));
}

/// Deletes the Pod, as a drain does. How its container ended the kubelet says before the Pod is gone.
async fn ended(pods: &Api<Pod>) -> ContainerStateTerminated {
    let version = pods.get(POD).await.unwrap().resource_version().unwrap();
    let this_one = WatchParams::default().fields(&format!("metadata.name={POD}"));
    let mut changes = pods.watch(&this_one, &version).await.unwrap().boxed();
    pods.delete(POD, &DeleteParams::default()).await.unwrap();
    while let Some(change) = changes.next().await {
        if let WatchEvent::Deleted(pod) = change.unwrap() {
            let state = container(&pod).and_then(|status| status.state.clone());
            return state.and_then(|state| state.terminated).unwrap_or_else(|| panic!("{:#}", json!(pod.status)));
        }
    }
    panic!("the watch has ended, and the Pod has not");
}
