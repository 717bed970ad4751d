//! Who may speak to the API server, and the kubeconfig file of each.
//!
//! Three identities, one for each way in which a kubeconfig can prove one: certificate, token, exec plugin; and one of
//! machines that become nodes. Their rights differ on purpose, so that a test can show what happens where a right is missing.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use k8s_openapi::api::{
    core::v1::Secret,
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use kube::{Api, Client, api::PostParams};
use serde_json::{Value, json};

use super::pki::Pki;

/// An identity that the control plane knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// May do everything. Shows a client certificate.
    Admin,
    /// May list and watch Events, and nothing else. Shows a bearer token.
    Reader,
    /// May do what a collector of Events needs: list, watch, create and change Events, read namespaces. Gets its
    /// token from an exec plugin.
    Collector,
    /// May register a Node and keep it. Shows a bearer token.
    Node,
}

impl Access {
    /// All identities.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Reader, Self::Collector, Self::Node];

    /// Name of the user, of the kubeconfig's context, and of the file without `.kubeconfig`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Reader => "reader",
            Self::Collector => "collector",
            Self::Node => "node",
        }
    }

    /// The rules of its ClusterRole; none for the administrator, whose group may do everything anyway.
    fn rules(self) -> Option<Value> {
        match self {
            Self::Admin => None,
            Self::Reader => Some(json!([{"apiGroups": [""], "resources": ["events"], "verbs": ["list", "watch"]}])),
            Self::Collector => Some(json!([
                {"apiGroups": [""], "resources": ["events"], "verbs": ["list", "watch", "get", "create", "patch"]},
                {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
            ])),
            Self::Node => Some(json!([
                {"apiGroups": [""], "resources": ["nodes", "nodes/status"], "verbs": ["get", "create", "patch"]},
                {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "patch"]},
            ])),
        }
    }
}

/// The token of each identity that has one.
pub struct Tokens {
    pub(super) reader: String,
    pub(super) collector: String,
    pub(super) node: String,
}

impl Tokens {
    /// New random tokens.
    pub(super) fn new() -> Self {
        let token = || uuid::Uuid::new_v4().simple().to_string();
        Self { reader: token(), collector: token(), node: token() }
    }

    /// Writes the file for the API server's `--token-auth-file`: token, user, uid.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let line = |token: &str, access: Access| format!("{token},{name},{name}\n", name = access.name());
        fs::write(
            path,
            line(&self.reader, Access::Reader)
                + &line(&self.collector, Access::Collector)
                + &line(&self.node, Access::Node),
        )
    }
}

/// The kubeconfig of `access` in `folder`, whether or not it is written yet.
pub(super) fn kubeconfig_path(folder: &Path, access: Access) -> PathBuf {
    folder.join(format!("{}.kubeconfig", access.name()))
}

/// Writes the kubeconfig files of all identities to `folder`.
pub(super) fn write_kubeconfigs(folder: &Path, server: &str, pki: &Pki, tokens: &Tokens) -> io::Result<()> {
    for access in Access::ALL {
        let user = match access {
            Access::Admin => certificate_user(pki, access.name()),
            Access::Reader => json!({"token": tokens.reader}),
            Access::Collector => exec_user(&exec_plugin(folder, &tokens.collector)?),
            Access::Node => json!({"token": tokens.node}),
        };
        write_kubeconfig(&kubeconfig_path(folder, access), access.name(), server, pki, &user)?;
    }
    Ok(())
}

/// Writes one kubeconfig; it is JSON, which is YAML too.
pub(super) fn write_kubeconfig(path: &Path, name: &str, server: &str, pki: &Pki, user: &Value) -> io::Result<()> {
    let cluster = json!({"server": server, "certificate-authority": pki.path("ca.crt")});
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "control-plane", "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": "control-plane", "user": name}}],
        "current-context": name,
    });
    fs::write(path, format!("{config:#}\n"))
}

/// The user entry of a client with the certificate `name`.
pub(super) fn certificate_user(pki: &Pki, name: &str) -> Value {
    json!({"client-certificate": pki.path(&format!("{name}.crt")), "client-key": pki.path(&format!("{name}.key"))})
}

/// Writes a plugin as cloud providers ship them: a program that prints an `ExecCredential`.
fn exec_plugin(folder: &Path, token: &str) -> io::Result<PathBuf> {
    let path = folder.join("exec-plugin.sh");
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": token},
    });
    fs::write(&path, format!("echo '{credential}'\n"))?;
    Ok(path)
}

/// The user entry. The shell reads the script: to run a file that was just written can fail with "text file busy".
fn exec_user(plugin: &Path) -> Value {
    json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "/bin/sh",
        "args": [plugin],
        "interactiveMode": "Never",
    }})
}

/// Gives each identity its rights, as an administrator would.
pub(super) async fn grant(admin: &Client) -> anyhow::Result<()> {
    let (roles, bindings) = (Api::<ClusterRole>::all(admin.clone()), Api::<ClusterRoleBinding>::all(admin.clone()));
    for access in Access::ALL {
        let Some(rules) = access.rules() else { continue };
        let name = access.name();
        let role = json!({"metadata": {"name": name}, "rules": rules});
        let binding = json!({
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}],
        });
        roles.create(&PostParams::default(), &serde_json::from_value(role)?).await?;
        bindings.create(&PostParams::default(), &serde_json::from_value(binding)?).await?;
    }
    Ok(())
}

/// A token as kubeadm makes it: who shows it may ask for the certificate of a kubelet, which is approved without anybody's doing.
pub(super) async fn bootstrap_token(admin: &Client) -> anyhow::Result<String> {
    let bindings = Api::<ClusterRoleBinding>::all(admin.clone());
    for (name, role) in [
        ("kubelets-ask", "system:node-bootstrapper"),
        ("kubelets-get", "system:certificates.k8s.io:certificatesigningrequests:nodeclient"),
    ] {
        let binding = json!({
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:bootstrappers"}],
        });
        bindings.create(&PostParams::default(), &serde_json::from_value(binding)?).await?;
    }
    let random = uuid::Uuid::new_v4().simple().to_string();
    let (id, secret) = (&random[..6], &random[6..22]);
    let kept = json!({
        "metadata": {"name": format!("bootstrap-token-{id}")},
        "type": "bootstrap.kubernetes.io/token",
        "stringData": {"token-id": id, "token-secret": secret, "usage-bootstrap-authentication": "true"},
    });
    let secrets = Api::<Secret>::namespaced(admin.clone(), "kube-system");
    secrets.create(&PostParams::default(), &serde_json::from_value(kept)?).await?;
    Ok(format!("{id}.{secret}"))
}

#[cfg(test)]
mod tests {
    use kube::config::Kubeconfig;

    use super::*;

    #[test]
    fn the_client_library_reads_every_kubeconfig() {
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::create(&folder.path().join("pki"), &[]).unwrap();
        write_kubeconfigs(folder.path(), "https://127.0.0.1:1", &pki, &Tokens::new()).unwrap();
        for access in Access::ALL {
            let config = Kubeconfig::read_from(kubeconfig_path(folder.path(), access)).unwrap();
            assert_eq!(config.current_context.as_deref(), Some(access.name()));
            let user = config.auth_infos[0].auth_info.clone().unwrap();
            let proofs = [user.client_certificate.is_some(), user.token.is_some(), user.exec.is_some()];
            let expected = match access {
                Access::Admin => 0,
                Access::Reader | Access::Node => 1,
                Access::Collector => 2,
            };
            assert_eq!(proofs.iter().position(|shown| *shown), Some(expected));
        }
    }
}
