//! A real Kubernetes control plane for one test: etcd, kube-apiserver, kube-controller-manager; no nodes, or simulated ones.
//!
//! ```text
//! binaries ─ certificates, tokens, kubeconfigs ─ etcd ─ kube-apiserver ─ /readyz ─ kube-controller-manager
//!                                                                                       │
//!                           rights of the test's users, Pods can be made ◄──────────────┘  ready
//! ```
//!
//! That is all a Deployment and a Job need to make Events: their controllers run, and their Pods stay pending.
//! Each control plane has its own folder, ports and certificate authority, so tests may run several at once.
//! Programs and folder are gone when the value is dropped; when a test fails, the ends of the logs are printed.

mod access;
pub mod nodes;
pub mod part;
pub mod pki;
pub mod witness;

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use beidou_service::held_port::HeldPort;
use k8s_openapi::api::core::v1::{Event, Namespace, ServiceAccount};
use kube::{
    Api, Client, Config,
    api::ListParams,
    config::{KubeConfigOptions, Kubeconfig},
};
use tempfile::TempDir;

pub use self::access::Access;
use self::{
    access::{Tokens, bootstrap_token, certificate_user, grant, kubeconfig_path, write_kubeconfig, write_kubeconfigs},
    part::Part,
    pki::Pki,
};
use crate::{installed::installed, wait::until};

/// A start takes 5 s on an idle machine and 10 s on a busy one; longer than this, something is broken.
const READY_LIMIT: Duration = Duration::from_secs(180);

/// The controllers behind a Deployment, a StatefulSet and a Job, the accounts that Pods need, and the cleaning up after a delete.
const CONTROLLERS: &str = "deployment-controller,replicaset-controller,statefulset-controller,job-controller,\
     serviceaccount-controller,namespace-controller,garbage-collector-controller";

/// The one that judges by their leases which Nodes are Ready.
const NODE_CONTROLLER: &str = "node-lifecycle-controller";

/// Those that give Pods what they wait for: the API server's authority beside the token of their account, and volumes for claims.
const PROVIDERS: &str = "root-ca-certificate-publisher-controller,persistentvolume-binder-controller";

/// Those that approve what kubelets ask for, and sign it.
const SIGNERS: &str = "certificatesigningrequest-approving-controller,certificatesigningrequest-signing-controller";

const API_SERVER: &str = "kube-apiserver";

/// A running control plane; it ends when this is dropped.
pub struct ControlPlane {
    // Fields are dropped in this order: first the programs, the last started first, then the folder they write to.
    parts: Vec<Part>,
    folder: TempDir,
    server_url: String,
    tokens: Tokens,
    pki: Pki,
    /// What the API server was started with.
    api_server: Vec<String>,
    _ports: [HeldPort; 3],
}

impl ControlPlane {
    /// Starts a control plane and returns when Events can be made and read by all of [`Access::ALL`].
    ///
    /// # Errors
    /// When the programs are not installed (the message says how), or one of them ends or does not get ready; the
    /// message then holds the ends of their logs.
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_as(&[]).await
    }

    /// The same, with a certificate for more names or addresses: of whatever stands before it.
    ///
    /// # Errors
    /// As [`ControlPlane::start`].
    pub async fn start_as(names: &[&str]) -> anyhow::Result<Self> {
        Self::begin(&installed("kubernetes")?, names).await.context("start the Kubernetes control plane")
    }

    /// The kubeconfig file of one identity; its only context bears the identity's name.
    #[must_use]
    pub fn kubeconfig(&self, access: Access) -> PathBuf {
        kubeconfig_path(self.folder.path(), access)
    }

    /// Where the API server listens: `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn server_url(&self) -> &str {
        &self.server_url
    }

    /// The bearer token of [`Access::Reader`].
    #[must_use]
    pub fn token(&self) -> &str {
        &self.tokens.reader
    }

    /// The bearer token of [`Access::Node`].
    #[must_use]
    pub fn node_token(&self) -> &str {
        &self.tokens.node
    }

    /// The certificate authority's file, for clients that take no kubeconfig.
    #[must_use]
    pub fn certificate_authority(&self) -> PathBuf {
        self.folder.path().join("pki/ca.crt")
    }

    /// A client of one identity, made from its kubeconfig file.
    ///
    /// # Errors
    /// When the file cannot be read or its credentials cannot be had.
    pub async fn client(&self, access: Access) -> anyhow::Result<Client> {
        let kubeconfig = Kubeconfig::read_from(self.kubeconfig(access)).context("read the kubeconfig")?;
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        // Refusals are what tests ask for.
        config.default_retry = false;
        Ok(Client::try_from(config)?)
    }

    /// Starts the scheduler, so that Pods come to nodes.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn schedule(&mut self) -> anyhow::Result<()> {
        let kubeconfig = self.kubeconfig(Access::Admin).display().to_string();
        let given = [("kubeconfig", kubeconfig), ("leader-elect", "false".into()), ("secure-port", "0".into())];
        self.launch(&installed("kubernetes")?, "kube-scheduler", &flags(given))
    }

    /// Starts the controller that takes Nodes for Ready as long as their leases are renewed, and the taint of new ones away: in a
    /// manager of its own, since other tests judge their Nodes themselves.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn judge_nodes(&mut self) -> anyhow::Result<()> {
        let flags = controller_manager_flags(&self.pki, &self.server_url, NODE_CONTROLLER)?;
        self.launch(&installed("kubernetes")?, "kube-controller-manager", &flags)
    }

    /// Starts the controllers without which a Pod that has an account or a claim does not start.
    ///
    /// # Errors
    /// When they cannot be started.
    pub fn provide(&mut self) -> anyhow::Result<()> {
        let mut given = controller_manager_flags(&self.pki, &self.server_url, PROVIDERS)?;
        given.extend(flags([("root-ca-file", self.pki.path("ca.crt").display().to_string())]));
        self.launch(&installed("kubernetes")?, "kube-controller-manager", &given)
    }

    /// A bootstrap token, and the controllers that give their certificates to kubelets that come with it.
    ///
    /// # Errors
    /// When they cannot be started, or the API server refuses.
    pub async fn bootstrap(&mut self) -> anyhow::Result<String> {
        let mut given = controller_manager_flags(&self.pki, &self.server_url, SIGNERS)?;
        let file = |name: &str| self.pki.path(name).display().to_string();
        given.extend(flags([
            ("cluster-signing-cert-file", file("ca.crt")),
            ("cluster-signing-key-file", file("ca.key")),
        ]));
        self.launch(&installed("kubernetes")?, "kube-controller-manager", &given)?;
        bootstrap_token(&self.client(Access::Admin).await?).await
    }

    /// The kubeconfig of a node's kubelet, which reaches the API server there.
    ///
    /// # Errors
    /// When its certificate cannot be made or written.
    pub fn kubelet(&self, node: &str, server: &str) -> anyhow::Result<PathBuf> {
        self.pki.client("kubelet", &format!("system:node:{node}"), Some("system:nodes"))?;
        let path = self.folder.path().join("kubelet.kubeconfig");
        write_kubeconfig(&path, "kubelet", server, &self.pki, &certificate_user(&self.pki, "kubelet"))?;
        Ok(path)
    }

    /// Kills the API server, starts it again, and returns when it is ready. What it keeps is in etcd.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn restart_api_server(&mut self) -> anyhow::Result<()> {
        let place = self.parts.iter().position(|part| part.name() == API_SERVER).context("the API server runs")?;
        self.parts.remove(place).kill()?;
        let flags = self.api_server.clone();
        self.launch(&installed("kubernetes")?, API_SERVER, &flags)?;
        let admin = self.client(Access::Admin).await?;
        self.ready("the API server is ready", async || healthy(&admin).await).await
    }

    /// Ends the programs and removes their folder. Dropping does the same; this only says so in a test's text.
    pub fn stop(self) {
        drop(self);
    }

    async fn begin(programs: &Path, names: &[&str]) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("beidou-control-plane-")?;
        let ports = [HeldPort::any()?, HeldPort::any()?, HeldPort::any()?];
        let [etcd, peer, secure] = ports.each_ref().map(HeldPort::number);
        let pki = Pki::create(&folder.path().join("pki"), names)?;
        pki.client(Access::Admin.name(), Access::Admin.name(), Some("system:masters"))?;
        pki.client("controller-manager", "system:kube-controller-manager", None)?;
        let tokens = Tokens::new();
        tokens.write(&pki.path("tokens.csv"))?;
        let server_url = format!("https://127.0.0.1:{secure}");
        write_kubeconfigs(folder.path(), &server_url, &pki, &tokens)?;

        let api_server = api_server_flags(&pki, etcd, secure);
        let manager = controller_manager_flags(&pki, &server_url, CONTROLLERS)?;
        let mut this = Self { parts: Vec::new(), folder, server_url, tokens, pki, api_server, _ports: ports };
        this.launch(programs, "etcd", &etcd_flags(etcd, peer))?;
        let flags = this.api_server.clone();
        this.launch(programs, API_SERVER, &flags)?;
        let admin = this.client(Access::Admin).await?;
        this.ready("the API server is ready", async || healthy(&admin).await).await?;
        this.launch(programs, "kube-controller-manager", &manager)?;
        grant(&admin).await.context("give the test's users their rights")?;
        this.usable(&admin).await?;
        Ok(this)
    }

    fn launch(&mut self, programs: &Path, name: &'static str, flags: &[String]) -> anyhow::Result<()> {
        let part = Part::start(programs, name, flags, self.folder.path()).with_context(|| format!("start {name}"))?;
        self.parts.insert(0, part);
        Ok(())
    }

    /// Waits until Pods are no longer refused, and until the API server has taken up the rights just given.
    async fn usable(&mut self, admin: &Client) -> anyhow::Result<()> {
        let accounts = Api::<ServiceAccount>::default_namespaced(admin.clone());
        let events = Api::<Event>::all(self.client(Access::Reader).await?);
        let namespaces = Api::<Namespace>::all(self.client(Access::Collector).await?);
        self.ready("Pods and Events can be used", async || {
            accounts.get("default").await.is_ok()
                && events.list(&ListParams::default().limit(1)).await.is_ok()
                && namespaces.get("kube-system").await.is_ok()
        })
        .await
    }

    /// Waits until `condition` holds; fails as soon as one of the programs has ended.
    async fn ready(&mut self, what: &str, mut condition: impl AsyncFnMut() -> bool) -> anyhow::Result<()> {
        let parts = &mut self.parts;
        let waited = until(what, READY_LIMIT, async || match all_run(parts) {
            Ok(()) => condition().await.then_some(Ok(())),
            Err(ended) => Some(Err(ended)),
        });
        match waited.await {
            Ok(result) => result,
            Err(overdue) => Err(anyhow!(overdue).context(logs(&self.parts))),
        }
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "a failed test shows what its servers said")]
            {
                eprintln!("{}", logs(&self.parts));
            }
        }
    }
}

async fn healthy(admin: &Client) -> bool {
    match http::Request::get("/readyz").body(Vec::new()) {
        Ok(request) => admin.request_text(request).await.is_ok(),
        Err(_) => false,
    }
}

fn all_run(parts: &mut [Part]) -> anyhow::Result<()> {
    for index in 0..parts.len() {
        if let Some(status) = parts[index].ended()? {
            bail!("{} has ended ({status})\n{}", parts[index].name(), logs(parts));
        }
    }
    Ok(())
}

fn logs(parts: &[Part]) -> String {
    parts.iter().map(|part| format!("--- end of {}.log\n{}\n", part.name(), part.log_tail())).collect()
}

/// `--name=value` for each pair.
fn flags<const N: usize>(pairs: [(&str, String); N]) -> Vec<String> {
    pairs.map(|(name, value)| format!("--{name}={value}")).into()
}

fn etcd_flags(client: u16, peer: u16) -> Vec<String> {
    let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    flags([
        ("name", "test".into()),
        ("data-dir", "etcd".into()),
        ("unsafe-no-fsync", "true".into()),
        ("listen-client-urls", client.clone()),
        ("advertise-client-urls", client),
        ("listen-peer-urls", peer.clone()),
        ("initial-advertise-peer-urls", peer.clone()),
        ("initial-cluster", format!("test={peer}")),
        ("log-level", "warn".into()),
    ])
}

fn api_server_flags(pki: &Pki, etcd: u16, secure: u16) -> Vec<String> {
    let file = |name: &str| pki.path(name).display().to_string();
    flags([
        ("etcd-servers", format!("http://127.0.0.1:{etcd}")),
        ("bind-address", "127.0.0.1".into()),
        ("advertise-address", "127.0.0.1".into()),
        ("endpoint-reconciler-type", "none".into()),
        ("secure-port", secure.to_string()),
        ("tls-cert-file", file("server.crt")),
        ("tls-private-key-file", file("server.key")),
        ("client-ca-file", file("ca.crt")),
        ("token-auth-file", file("tokens.csv")),
        ("enable-bootstrap-token-auth", "true".into()),
        ("service-account-issuer", "https://kubernetes.default.svc".into()),
        ("service-account-key-file", file("service-accounts.pub")),
        ("service-account-signing-key-file", file("service-accounts.key")),
        ("service-cluster-ip-range", "10.96.0.0/16".into()),
        ("authorization-mode", "Node,RBAC".into()),
    ])
}

fn controller_manager_flags(pki: &Pki, server: &str, controllers: &str) -> io::Result<Vec<String>> {
    let kubeconfig = pki.path("controller-manager.kubeconfig");
    let user = certificate_user(pki, "controller-manager");
    write_kubeconfig(&kubeconfig, "controller-manager", server, pki, &user)?;
    Ok(flags([
        ("kubeconfig", kubeconfig.display().to_string()),
        ("leader-elect", "false".into()),
        ("secure-port", "0".into()),
        ("use-service-account-credentials", "true".into()),
        ("controllers", controllers.into()),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_has_ended_is_told_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let script = ["-c".into(), "echo 'no such file'; exit 3".into()];
        let mut parts = [Part::start(Path::new("/bin"), "sh", &script, folder.path()).unwrap()];
        parts[0].wait().unwrap();
        let told = all_run(&mut parts).unwrap_err().to_string();
        assert!(told.contains("sh has ended") && told.contains("no such file"), "{told}");
    }
}
