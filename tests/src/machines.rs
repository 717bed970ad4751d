//! A site with machines: hosts to log in to, an API server that they join, and Beidou beside it, with its resources applied.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use beidou_controllers::target::TAINT;
use beidou_crds::definitions;
use beidou_log::{Log, ReadLimit, file::FileLog};
use beidou_model::operation::Board;
use beidou_schemas::operation::{FACTS, SAID, fact::Fact};
use futures::StreamExt;
use k8s_openapi::{
    api::{
        coordination::v1::Lease,
        core::v1::{Namespace, Node},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams, WatchEvent, WatchParams},
    discovery::ApiResource,
};
use serde_json::{Value, json};
use tokio::{io::copy_bidirectional, net::TcpListener, net::TcpStream, task::AbortHandle};

use crate::{
    beidou::{Home, http},
    control_plane::{Access, ControlPlane},
    installed::installed,
    ssh_hosts::SshHosts,
    wait,
};

/// A whole operation on three hosts takes half a minute on a quiet machine.
pub const LIMIT: Duration = Duration::from_secs(900);
/// Where our resources are.
pub const NAMESPACE: &str = "beidou-system";
const CLUSTER: &str = "product-cluster";
/// What stands in for a kubelet.
pub const KUBELET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ansible/kubelet");

/// A bundle that writes down what it does.
pub const TALLY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ansible/bundles/tally");

/// A bundle whose playbook and roles come with the runner.
pub const BORROWED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ansible/bundles/borrowed");

/// A bundle that shuts nodes, writes down what it does, and opens them again.
pub const UPKEEP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/ansible/bundles/upkeep");

/// A kubelet is heard of every ten seconds; a starved machine takes longer.
const HEARD: Duration = Duration::from_secs(120);

/// The site; all of it ends with this.
pub struct Site {
    /// Where Beidou runs.
    pub home: Home,
    /// The machines.
    pub hosts: SshHosts,
    /// May do anything at the API server.
    pub admin: Client,
    /// What the cluster gives to bundles.
    pub parameters: Value,
    /// The API server that machines join, and the cluster of our resources.
    pub control_plane: ControlPlane,
    relay: AbortHandle,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.relay.abort();
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "a failed test shows what its server said")]
            {
                eprintln!("{}", self.home.log());
                for attempt in
                    fs::read_dir(self.home.data().join("controllers/runners")).into_iter().flatten().flatten()
                {
                    let said = fs::read_to_string(attempt.path().join("runner.log")).unwrap_or_default();
                    eprintln!("--- {}\n{said}", attempt.path().display());
                }
                for what in [&["operation", "list"][..], &["operation", "show", "beidou-system/scaleup-2024"]] {
                    let shown = self.home.run(what).map(|output| output.stdout).unwrap_or_default();
                    eprintln!("{}", String::from_utf8_lossy(&shown));
                }
            }
        }
    }
}

impl Site {
    /// With so many hosts, and all that an operation on them needs.
    ///
    /// # Errors
    /// When a server does not start: the message says what is missing.
    pub async fn start(count: usize) -> anyhow::Result<Self> {
        Self::start_with(count, Path::new(KUBELET)).await
    }

    /// The same with another kubelet.
    ///
    /// # Errors
    /// As [`Site::start`].
    pub async fn start_with(count: usize, kubelet: &Path) -> anyhow::Result<Self> {
        let ansible = installed("ansible")?.join("bin/ansible-playbook");
        let hosts = SshHosts::start(count)?;
        Self::of(hosts, json!({"local": {"ansible_playbook": ansible}, "bundles": [TALLY, BORROWED, UPKEEP]}), kubelet)
            .await
    }

    /// Around these hosts, with more settings of controllers.
    ///
    /// # Errors
    /// As [`Site::start`].
    pub async fn of(hosts: SshHosts, controllers: Value, kubelet: &Path) -> anyhow::Result<Self> {
        Self::set_up(hosts, json!({"controllers": controllers}), kubelet).await
    }

    /// Around these hosts, with more settings of the whole site; those of controllers must be among them.
    ///
    /// # Errors
    /// As [`Site::start`].
    pub async fn set_up(hosts: SshHosts, mut settings: Value, kubelet: &Path) -> anyhow::Result<Self> {
        let control_plane = ControlPlane::start_as(&[hosts.gateway()]).await?;
        let admin = control_plane.client(Access::Admin).await?;
        let (relay, server) = relay(hosts.gateway(), 0, control_plane.server_url()).await?;
        let namespace: Namespace = serde_json::from_value(json!({"metadata": {"name": NAMESPACE}}))?;
        Api::<Namespace>::all(admin.clone()).create(&PostParams::default(), &namespace).await?;
        install(&admin).await?;
        let mut home = Home::new()?;
        let kubeconfig = control_plane.kubeconfig(Access::Admin);
        settings["controllers"]["management"] = json!({"kubeconfig": kubeconfig, "namespace": NAMESPACE});
        settings["clusters"] = json!([{"name": CLUSTER, "kubeconfig": kubeconfig}]);
        let file = home.path().join("site.yaml");
        fs::write(&file, settings.to_string())?;
        serve(&mut home).await?;
        let parameters = json!({
            "api_server": server, "cluster_ca": fs::read_to_string(control_plane.certificate_authority())?,
            "kubelet_from": "runner", "kubelet_source": kubelet, "kubelet_path": "/usr/local/bin/kubelet",
            "runtime_endpoint": "unix:///dev/null", "min_disk_mb": 50, "min_inodes": 1000, "max_skew_s": 30,
        });
        let site = Self { home, hosts, admin, parameters, control_plane, relay };
        site.describe(&kubeconfig).await?;
        Ok(site)
    }

    /// Kills Beidou, all roles of it, and starts it again.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.home.kill();
        serve(&mut self.home).await
    }

    /// Kills the API server, and starts it again.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart_api_server(&mut self) -> anyhow::Result<()> {
        self.control_plane.restart_api_server().await
    }

    /// The Cluster resource, and the Secrets that it and operations name.
    async fn describe(&self, kubeconfig: &Path) -> anyhow::Result<()> {
        for (name, key, value) in [
            ("target", "kubeconfig", inline(kubeconfig)?),
            ("ssh", "id", fs::read_to_string(self.hosts.private_key())?),
            ("join", "token", self.node_token().to_owned()),
        ] {
            self.apply("", "v1", "Secret", json!({"metadata": {"name": name}, "stringData": {key: value}})).await?;
        }
        let cluster = json!({"metadata": {"name": CLUSTER}, "spec": {
            "credentials": {"kubeconfig": {"name": "target", "key": "kubeconfig"}},
            "ssh": {"user": "root", "privateKey": {"name": "ssh", "key": "id"}, "knownHosts": self.hosts.known_hosts()},
            "machineRole": "Compute",
            "parameters": self.parameters,
        }});
        self.beidou("Cluster", cluster).await
    }

    /// What a kubelet asks for its certificate with.
    #[must_use]
    pub fn node_token(&self) -> &str {
        self.control_plane.node_token()
    }

    /// Applies a resource of ours.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn beidou(&self, kind: &str, object: Value) -> anyhow::Result<()> {
        self.apply("caas.beidou.io", "v1alpha1", kind, object).await
    }

    async fn apply(&self, group: &str, version: &str, kind: &str, mut object: Value) -> anyhow::Result<()> {
        let api = self.api(group, version, kind);
        object["apiVersion"] = if group.is_empty() { version.into() } else { format!("{group}/{version}").into() };
        object["kind"] = kind.into();
        let object: DynamicObject = serde_json::from_value(object)?;
        let name = object.metadata.name.clone().unwrap_or_default();
        api.patch(&name, &PatchParams::apply("a-person"), &Patch::Apply(&object)).await?;
        Ok(())
    }

    /// Objects of a kind in our namespace.
    #[must_use]
    pub fn api(&self, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.admin.clone(), NAMESPACE, &resource)
    }

    /// The status of a resource of ours, once its phase is one of these.
    ///
    /// # Errors
    /// When it takes too long.
    pub async fn phase(&self, kind: &str, name: &str, phases: &[&str]) -> anyhow::Result<Value> {
        let api = self.api("caas.beidou.io", "v1alpha1", kind);
        let mut last = Value::Null;
        let what = format!("{kind} {name} is {phases:?}");
        let reached = wait::until(&what, LIMIT, async || {
            last = api.get(name).await.ok()?.data["status"].clone();
            phases.contains(&last["phase"].as_str()?).then(|| last.clone())
        });
        reached.await.map_err(|overdue| anyhow::anyhow!("{overdue}: {last:#}"))
    }

    /// Facts and what runners told, as the log has them so far.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn records(&self) -> anyhow::Result<u64> {
        let log = FileLog::open_existing(self.home.data().join("log"))?;
        Ok(log.bounds(FACTS).await?.end + log.bounds(SAID).await?.end)
    }

    /// All facts so far.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn facts(&self) -> anyhow::Result<Vec<Fact>> {
        let log = FileLog::open_existing(self.home.data().join("log"))?;
        let (mut at, mut facts) = (0, Vec::new());
        loop {
            let batch = log.read(FACTS, at, ReadLimit { max_bytes: 1 << 20, max_wait: Duration::ZERO }).await?;
            if batch.records.is_empty() {
                return Ok(facts);
            }
            for stored in batch.records {
                facts.push(Fact::from_json(&stored.record.value)?);
            }
            at = batch.next;
        }
    }

    /// Writes all facts, and what they fold to, to the folder that `BEIDOU_RECORD` names, where it does: for golden files.
    ///
    /// # Errors
    /// When the log cannot be read, or the files not be written.
    pub async fn record(&self, name: &str) -> anyhow::Result<()> {
        let Some(folder) = std::env::var_os("BEIDOU_RECORD").map(PathBuf::from) else { return Ok(()) };
        let facts = self.facts().await?;
        let mut lines = String::new();
        for fact in &facts {
            lines.push_str(&String::from_utf8(fact.to_json())?);
            lines.push('\n');
        }
        fs::write(folder.join(format!("{name}.log")), lines)?;
        fs::write(folder.join(format!("{name}.json")), serde_json::to_string_pretty(&Board::fold(&facts))? + "\n")?;
        Ok(())
    }

    /// The cluster's nodes by name: whether pods are kept off, and whether they are Ready.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn nodes(&self) -> anyhow::Result<Vec<(String, bool, bool)>> {
        let nodes = Api::<Node>::all(self.admin.clone()).list(&Default::default()).await?;
        let mut found: Vec<_> = nodes
            .items
            .into_iter()
            .map(|node| {
                let spec = node.spec.unwrap_or_default();
                // The taint of a node that is not Ready is taken away by a controller that this control plane has not.
                let ours = spec.taints.is_some_and(|taints| taints.iter().any(|taint| taint.key == TAINT));
                let kept_off = spec.unschedulable == Some(true) || ours;
                let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
                let ready = conditions.iter().any(|one| one.type_ == "Ready" && one.status == "True");
                (node.metadata.name.unwrap_or_default(), kept_off, ready)
            })
            .collect();
        found.sort();
        Ok(found)
    }

    /// How many kubelets run on host `number`.
    ///
    /// # Errors
    /// When the host is off.
    pub fn kubelets(&self, number: usize) -> anyhow::Result<usize> {
        // The pattern does not match itself among the words of the shell.
        Ok(self.hosts.print(number, "pgrep -cf '[k]ubelet --config' || true")?.parse()?)
    }

    /// What a kubelet left on host `number`: its files, and itself; nothing where it is gone.
    ///
    /// # Errors
    /// When the host is off.
    pub fn left_of_kubelet(&self, number: usize) -> anyhow::Result<String> {
        let files = "ls /etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf /var/lib/kubelet/pki /etc/init.d/kubelet";
        self.hosts.print(number, &format!("{files} 2> /dev/null; pgrep -f '[k]ubelet --config'; true"))
    }

    /// When the kubelet of each node was last heard of.
    async fn leases(&self) -> anyhow::Result<BTreeMap<String, MicroTime>> {
        let leases = Api::<Lease>::namespaced(self.admin.clone(), "kube-node-lease").list(&Default::default()).await?;
        let heard = leases.items.into_iter().filter_map(|lease| Some((lease.metadata.name?, lease.spec?.renew_time?)));
        Ok(heard.collect())
    }

    /// Returns when the kubelet of each node has been heard of once more: that a node is Ready says nothing here, for no
    /// controller takes it from one whose kubelet has ended.
    ///
    /// # Errors
    /// When one of them is not heard of any more: the message names the nodes.
    pub async fn all_heard(&self) -> anyhow::Result<()> {
        let (nodes, before) = (self.nodes().await?, self.leases().await?);
        let mut silent = Vec::new();
        let heard = wait::until("every kubelet was heard of once more", HEARD, async || {
            let now = self.leases().await.ok()?;
            let later = |name: &String| now.get(name).is_some_and(|now| before.get(name).is_none_or(|then| now > then));
            silent = nodes.iter().map(|(name, ..)| name.clone()).filter(|name| !later(name)).collect();
            silent.is_empty().then_some(())
        });
        let heard = heard.await;
        heard.map_err(|overdue| anyhow::anyhow!("{overdue}: silent are {silent:?}"))
    }

    /// Says a word to an operation or a task by the API, as somebody else than who applied it: `tasks/<id>/approve`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn say(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let (url, token) = self.home.target()?;
        let answer = http().post(format!("{url}/api/v1/{path}")).bearer_auth(token).json(body).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        anyhow::ensure!(status.is_success(), "{path}: {status}: {text}");
        Ok(())
    }

    /// The id of an operation or a task that was applied: that of its resource.
    ///
    /// # Errors
    /// When there is no such resource.
    pub async fn id(&self, kind: &str, name: &str) -> anyhow::Result<String> {
        let found = self.api("caas.beidou.io", "v1alpha1", kind).get(name).await?;
        found.metadata.uid.with_context(|| format!("{name} has no uid"))
    }

    /// Follows the nodes from now on: name, cordon, our taint, at each change.
    ///
    /// # Errors
    /// When the API server does not let us.
    pub async fn follow_nodes(&self) -> anyhow::Result<Followed> {
        let nodes = Api::<Node>::all(self.admin.clone());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let mut changes = nodes.watch(&WatchParams::default(), "0").await?.boxed();
        let task = tokio::spawn(async move {
            let mut version = String::from("0");
            loop {
                while let Some(change) = changes.next().await {
                    let Ok(WatchEvent::Added(node) | WatchEvent::Modified(node)) = change else { continue };
                    version = node.metadata.resource_version.unwrap_or(version);
                    let spec = node.spec.unwrap_or_default();
                    let tainted = spec.taints.is_some_and(|taints| taints.iter().any(|taint| taint.key == TAINT));
                    let state = (node.metadata.name.unwrap_or_default(), spec.unschedulable == Some(true), tainted);
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(state);
                }
                // The API server ends each watch after some minutes; an operation on a starved machine takes longer.
                let Ok(more) = nodes.watch(&WatchParams::default(), &version).await else { break };
                changes = more.boxed();
            }
        });
        Ok(Followed { seen, task: task.abort_handle() })
    }

    /// The addresses of all hosts.
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        self.hosts.hosts().iter().map(|host| host.address.clone()).collect()
    }
}

/// What became of nodes.
pub struct Followed {
    seen: Arc<Mutex<Vec<(String, bool, bool)>>>,
    task: AbortHandle,
}

impl Followed {
    /// Cordon and taint of a node, in order, each once.
    #[must_use]
    pub fn of(&self, name: &str) -> Vec<(bool, bool)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut states: Vec<_> = seen.iter().filter(|(of, ..)| of == name).map(|(_, c, t)| (*c, *t)).collect();
        states.dedup();
        states
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(home: &mut Home) -> anyhow::Result<()> {
    let file = home.path().join("site.yaml");
    home.serve(&["up", "--config", &file.display().to_string()]).await
}

/// Hosts and Pods reach the API server, which listens on loopback, at their gateway: at this port, or at any where it is 0.
pub(crate) async fn relay(gateway: &str, port: u16, server: &str) -> anyhow::Result<(AbortHandle, String)> {
    let listener = TcpListener::bind((gateway, port)).await?;
    let address = listener.local_addr()?;
    let to = server.trim_start_matches("https://").to_owned();
    let task = tokio::spawn(async move {
        while let Ok((mut here, _)) = listener.accept().await {
            let to = to.clone();
            tokio::spawn(async move {
                if let Ok(mut there) = TcpStream::connect(to).await {
                    // Either end may close as it likes.
                    let _ = copy_bidirectional(&mut here, &mut there).await;
                }
            });
        }
    });
    Ok((task.abort_handle(), format!("https://{address}")))
}

/// Makes our kinds known, and returns when they are.
///
/// # Errors
/// When the API server refuses, or takes too long.
pub async fn install(admin: &Client) -> anyhow::Result<()> {
    let crds = Api::<CustomResourceDefinition>::all(admin.clone());
    for (_, definition) in definitions() {
        let name = definition.metadata.name.clone().unwrap_or_default();
        crds.patch(&name, &PatchParams::apply("a-person"), &Patch::Apply(&definition)).await?;
        wait::until("the kind is established", LIMIT, async || {
            let conditions = crds.get(&name).await.ok()?.status?.conditions?;
            conditions.iter().any(|one| one.type_ == "Established" && one.status == "True").then_some(())
        })
        .await?;
    }
    Ok(())
}

/// A kubeconfig without files: those of others are not read.
///
/// # Errors
/// When it cannot be read.
pub fn inline(path: &Path) -> anyhow::Result<String> {
    let mut config: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    for (pointer, files) in [
        ("/clusters/0/cluster", &["certificate-authority"][..]),
        ("/users/0/user", &["client-certificate", "client-key"]),
    ] {
        let Some(part) = config.pointer_mut(pointer).and_then(Value::as_object_mut) else { continue };
        for file in files {
            let Some(path) = part.remove(*file) else { continue };
            let bytes = fs::read(path.as_str().unwrap_or_default())?;
            part.insert(format!("{file}-data"), STANDARD.encode(bytes).into());
        }
    }
    Ok(config.to_string())
}
