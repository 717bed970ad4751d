//! What is done to nodes at the API server. Each act is harmless when repeated.

use std::{collections::BTreeMap, net::IpAddr};

use k8s_openapi::api::core::v1::{Node, Taint};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::json;

use super::{Addresses, TargetError};

/// Keeps Pods off a node until it was checked.
pub const TAINT: &str = "beidou.io/joining";
const PAGE: u32 = 500;
/// Whoever writes a node between our reading and our writing makes us read again.
const TRIES: usize = 8;

/// The nodes of a cluster.
#[derive(Clone)]
pub struct Nodes {
    cluster: String,
    client: Client,
    nodes: Api<Node>,
}

impl Nodes {
    /// Of this cluster.
    #[must_use]
    pub fn new(cluster: String, client: Client) -> Self {
        let nodes = Api::all(client.clone());
        Self { cluster, client, nodes }
    }

    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    /// All nodes.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn list(&self) -> Result<Vec<Node>, TargetError> {
        let (mut all, mut page) = (Vec::new(), ListParams::default().limit(PAGE));
        loop {
            let found = self.nodes.list(&page).await.map_err(self.failed("list nodes"))?;
            all.extend(found.items);
            match found.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(all),
            }
        }
    }

    /// The node of a machine: by its name where it is told, else by its address.
    ///
    /// # Errors
    /// When there is none, or the API server does not answer.
    pub async fn find(&self, host: &str, name: Option<&str>) -> Result<Node, TargetError> {
        let missing = || TargetError::NoNode { cluster: self.cluster.clone(), host: host.into() };
        if let Some(name) = name {
            let found = self.nodes.get_opt(name).await.map_err(self.failed("read a node"))?;
            return found.ok_or_else(missing);
        }
        self.list().await?.into_iter().find(|node| is_at(node, host)).ok_or_else(missing)
    }

    /// The names of the nodes of hosts, each by its address and perhaps its name; hosts without one are left out.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn names(&self, hosts: &[(String, Option<String>)]) -> Result<Vec<String>, TargetError> {
        let all = self.list().await?;
        let of = |(host, name): &(String, Option<String>)| node_of(&all, host, name.as_deref())?.metadata.name.clone();
        Ok(hosts.iter().filter_map(of).collect())
    }

    /// No new Pods, or new ones again.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn cordon(&self, name: &str, cordon: bool) -> Result<(), TargetError> {
        let patch = Patch::Merge(json!({"spec": {"unschedulable": cordon.then_some(true)}}));
        let done = self.nodes.patch(name, &PatchParams::default(), &patch).await;
        done.map(drop).map_err(self.failed("cordon or uncordon a node"))
    }

    /// Puts our taint on.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn taint(&self, name: &str) -> Result<(), TargetError> {
        self.change(name, |node| {
            let taints = &mut node.spec.get_or_insert_default().taints.get_or_insert_default();
            let there = taints.iter().any(|taint| taint.key == TAINT);
            if !there {
                let effect = "NoSchedule".to_owned();
                taints.push(Taint { key: TAINT.into(), effect, ..Taint::default() });
            }
            !there
        })
        .await
    }

    /// Takes our taint and the cordon away, in one write.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn release(&self, name: &str) -> Result<(), TargetError> {
        self.change(name, |node| {
            let spec = node.spec.get_or_insert_default();
            let taints = spec.taints.get_or_insert_default();
            let before = (taints.len(), spec.unschedulable.unwrap_or(false));
            // The controller manager adds its own taint for a cordon, and takes it away with it.
            taints.retain(|taint| taint.key != TAINT);
            spec.unschedulable = None;
            (taints.len(), false) != before
        })
        .await
    }

    /// Removes it. One that is gone is removed.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn delete(&self, name: &str) -> Result<(), TargetError> {
        match self.nodes.delete(name, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            other => other.map(drop).map_err(self.failed("delete a node")),
        }
    }

    /// Removes what is left of a machine that joined and was taken back: only where our taint says that it joined with us,
    /// and only this very node, not one that came meanwhile under its name.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn delete_joined(&self, node: &Node) -> Result<(), TargetError> {
        let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_ref());
        if !taints.into_iter().flatten().any(|taint| taint.key == TAINT) {
            return Ok(());
        }
        let preconditions = Preconditions { uid: node.metadata.uid.clone(), ..Preconditions::default() };
        let this = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        match self.nodes.delete(node.metadata.name.as_deref().unwrap_or_default(), &this).await {
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
            other => other.map(drop).map_err(self.failed("delete a node")),
        }
    }

    /// Reads, changes and writes by resourceVersion: a list of taints cannot be merged.
    async fn change(&self, name: &str, mut edit: impl FnMut(&mut Node) -> bool) -> Result<(), TargetError> {
        let mut tries = 1;
        loop {
            let mut node = self.nodes.get(name).await.map_err(self.failed("read a node"))?;
            if !edit(&mut node) {
                return Ok(());
            }
            match self.nodes.replace(name, &PostParams::default(), &node).await {
                Ok(_) => return Ok(()),
                Err(kube::Error::Api(status)) if status.is_conflict() && tries < TRIES => tries += 1,
                Err(error) => return Err(self.failed("change a node")(error)),
            }
        }
    }

    fn failed(&self, act: &str) -> impl FnOnce(kube::Error) -> TargetError {
        TargetError::kube(format!("{act} of {}", self.cluster))
    }

    /// Name and addresses of each, for bundles that ask.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn known(&self) -> Result<BTreeMap<String, (Vec<String>, bool)>, TargetError> {
        let nodes = self.list().await?.into_iter();
        Ok(nodes.filter_map(|node| Some((node.metadata.name.clone()?, (addresses(&node), leads(&node))))).collect())
    }
}

fn addresses(node: &Node) -> Vec<String> {
    let all = node.status.as_ref().and_then(|status| status.addresses.as_ref());
    all.into_iter().flatten().filter(|one| one.type_ != "Hostname").map(|one| one.address.clone()).collect()
}

/// Each with its first InternalIP, spelled as operations know machines.
pub(crate) fn addressed(nodes: &[Node]) -> Addresses {
    let of = |node: &Node| {
        let all = node.status.as_ref().and_then(|status| status.addresses.as_ref());
        let internal = all.into_iter().flatten().find(|one| one.type_ == "InternalIP")?;
        internal.address.parse::<IpAddr>().ok().map(|address| address.to_canonical().to_string())
    };
    nodes.iter().filter_map(|node| Some((node.metadata.name.clone()?, of(node)))).collect()
}

fn is_at(node: &Node, host: &str) -> bool {
    addresses(node).iter().any(|address| address == host) || node.metadata.name.as_deref() == Some(host)
}

fn leads(node: &Node) -> bool {
    let labels = node.metadata.labels.as_ref();
    labels.is_some_and(|labels| labels.contains_key("node-role.kubernetes.io/control-plane"))
}

/// The node of a machine among these: by its name where it is told, else by its address.
pub(crate) fn node_of<'a>(all: &'a [Node], host: &str, name: Option<&str>) -> Option<&'a Node> {
    all.iter().find(|node| match name {
        Some(name) => node.metadata.name.as_deref() == Some(name),
        None => is_at(node, host),
    })
}

/// Whether no new Pods come to it.
pub(crate) fn is_cordoned(node: &Node) -> bool {
    node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false)
}

/// Why it is not Ready, as its kubelet says it; none where it is.
pub(crate) fn unready(node: &Node) -> Option<String> {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let Some(ready) = conditions.into_iter().flatten().find(|one| one.type_ == "Ready") else {
        return Some("its kubelet has said nothing yet".into());
    };
    let said = [&ready.reason, &ready.message].into_iter().flatten().filter(|text| !text.is_empty());
    let said = said.map(String::as_str).collect::<Vec<_>>().join(": ");
    (ready.status != "True").then(|| if said.is_empty() { format!("Ready is {}", ready.status) } else { said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_known_by_its_first_internal_address_in_the_usual_spelling() {
        let node = |name: &str, addresses: &[(&str, &str)]| -> Node {
            let addresses: Vec<_> =
                addresses.iter().map(|(kind, address)| json!({"type": kind, "address": address})).collect();
            serde_json::from_value(json!({"metadata": {"name": name}, "status": {"addresses": addresses}})).unwrap()
        };
        let nodes = [
            node("a", &[("ExternalIP", "203.0.113.1"), ("InternalIP", "10.0.0.1"), ("InternalIP", "fd00::1")]),
            node("b", &[("InternalIP", "FD00:0:0::2")]),
            node("c", &[("Hostname", "c"), ("InternalIP", "c.internal")]),
            node("d", &[]),
        ];
        let known = [("a", Some("10.0.0.1")), ("b", Some("fd00::2")), ("c", None), ("d", None)];
        let known: Addresses = known.map(|(name, address)| (name.to_owned(), address.map(str::to_owned))).into();
        assert_eq!(addressed(&nodes), known);
    }
}
