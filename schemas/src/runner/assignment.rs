//! What a runner is to do: the answer to its claim. Nothing secret is in it: secrets are named, and lie in files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::AttemptId;
use crate::numbered::numbered;

numbered! {
    /// How a step is run.
    pub enum RunKind {
        /// `ansible-playbook`; outcomes per host come from its task events.
        Ansible = 1 => "ansible",
        /// A program of the bundle, once, beside the runner; its exit code is the outcome of every host it says nothing of.
        Command = 2 => "command",
    }
}

/// Everything a runner needs for one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// Which attempt.
    pub attempt: AttemptId,
    /// Of which operation.
    pub operation: Uuid,
    /// Which step, as the bundle names it.
    pub step: String,
    /// Which batch of its hosts.
    pub batch: u32,
    /// Where the playbooks are.
    pub bundle: BundleRef,
    /// Ansible, or a program.
    pub kind: RunKind,
    /// The playbook or program, a path inside the bundle.
    pub playbook: String,
    /// The hosts to touch, by their names in the inventory. Never empty.
    pub limit: Vec<String>,
    /// The hosts that it runs on, where a step that changes nothing looks at others than those that it is for. It has not
    /// succeeded for these while one of them fails.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reach: Vec<String>,
    /// What comes first, in the same attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<First>,
    /// All hosts that the playbook may know of.
    pub inventory: Inventory,
    /// The bundle's parameters without those marked secret.
    #[serde(default)]
    pub variables: Map<String, Value>,
    /// The bundle's secret parameters: each is the content of a file.
    #[serde(default)]
    pub secrets: Vec<SecretFile>,
    /// How hosts are reached.
    pub ssh: Ssh,
    /// Hosts at the same time; the runner takes no more than 50 and no more than there are.
    pub forks: u32,
    /// Whether it changes anything: then each host is fenced first, and takes no earlier attempt any more.
    pub mutates: bool,
    /// Grows from claim to claim of all attempts that touch the same hosts, whatever their operation. A host refuses a lower one
    /// than it has seen.
    pub fence: u64,
    /// How long to wait for a host on which a command of an earlier attempt still runs, in seconds.
    pub fence_wait_s: u32,
    /// A dry run: nothing may change.
    #[serde(default)]
    pub check: bool,
    /// How long it may run from now on, in milliseconds.
    pub deadline_ms: u64,
    /// How often the runner must be heard of, in milliseconds.
    pub heartbeat_ms: u64,
}

/// A playbook that changes nothing and comes before that of the step. Where it fails on one of its hosts, the step is not begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct First {
    /// The step of the bundle that it is.
    pub step: String,
    /// The playbook, a path inside the bundle.
    pub playbook: String,
    /// The hosts that it runs on, by their names in the inventory. Never empty.
    pub limit: Vec<String>,
}

/// A bundle, certainly: the runner refuses files with another digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleRef {
    /// Its name.
    pub name: String,
    /// SHA-256 over names and contents of its files, 64 hex digits.
    pub digest: String,
}

/// Groups and hosts of an Ansible inventory.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// Group → names of its hosts.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Host name → how it is reached, and what is known of it.
    pub hosts: BTreeMap<String, InventoryHost>,
}

/// One host of an inventory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InventoryHost {
    /// Its address.
    pub ansible_host: String,
    /// The user to log in as.
    pub user: String,
    /// The port of its SSH server.
    pub port: u16,
    /// Variables of this host, none of them secret.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub vars: Map<String, Value>,
}

/// A secret parameter: its value never travels in a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretFile {
    /// The parameter.
    pub name: String,
    /// The file on the runner's side that holds its value: a mounted Secret, or one that the local executor wrote.
    pub path: String,
}

/// How hosts are reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ssh {
    /// The private key's file on the runner's side.
    pub private_key_path: String,
    /// Lines of a `known_hosts` file: a host whose key is not in it is refused.
    pub known_hosts: String,
    /// A host to go through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bastion: Option<Hop>,
}

/// A host that others are reached through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hop {
    /// Its address.
    pub host: String,
    /// The user.
    pub user: String,
    /// The port of its SSH server.
    pub port: u16,
    /// Its own private key's file, where it is not the same as that of the hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key_path: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assignment() -> Assignment {
        let value = |value: Value| value.as_object().cloned().unwrap();
        let vars = value(json!({"node_name": "n1"}));
        let host = InventoryHost { ansible_host: "10.0.0.11".into(), user: "admin".into(), port: 22, vars };
        Assignment {
            attempt: "0f1e2d3c-scaleup-b0-a1".parse().unwrap(),
            operation: Uuid::from_u128(0x0f1e_2d3c_4b5a_4697_8899_aabb_ccdd_eeff),
            step: "scaleUp".into(),
            batch: 0,
            bundle: BundleRef { name: "node-join".into(), digest: "ab".repeat(32) },
            kind: RunKind::Ansible,
            playbook: "scale-up.yml".into(),
            limit: vec!["10.0.0.11".into()],
            reach: Vec::new(),
            first: None,
            inventory: Inventory {
                groups: BTreeMap::from([("new".to_owned(), vec!["10.0.0.11".to_owned()])]),
                hosts: BTreeMap::from([("10.0.0.11".to_owned(), host)]),
            },
            variables: value(json!({"api_server": "https://10.0.0.1:6443"})),
            secrets: vec![SecretFile { name: "bootstrap_token".into(), path: "/run/secrets/bootstrap_token".into() }],
            ssh: Ssh {
                private_key_path: "/run/secrets/ssh".into(),
                known_hosts: "10.0.0.11 ssh-ed25519 AAAA\n".into(),
                bastion: Some(Hop { host: "10.0.0.2".into(), user: "hop".into(), port: 2222, private_key_path: None }),
            },
            forks: 50,
            mutates: true,
            fence: 1_795_444_800_000_000,
            fence_wait_s: 3,
            check: false,
            deadline_ms: 600_000,
            heartbeat_ms: 10_000,
        }
    }

    #[test]
    fn is_golden_and_reads_back() {
        let text = serde_json::to_string_pretty(&assignment()).unwrap();
        insta::assert_snapshot!(text);
        assert_eq!(serde_json::from_str::<Assignment>(&text).unwrap(), assignment());
    }

    #[test]
    fn an_unknown_field_is_refused_everywhere() {
        let first = First { step: "facts".into(), playbook: "facts.yml".into(), limit: vec!["n1".into()] };
        let whole = serde_json::to_value(Assignment { first: Some(first), ..assignment() }).unwrap();
        for place in
            ["", "/first", "/bundle", "/inventory", "/inventory/hosts/10.0.0.11", "/secrets/0", "/ssh", "/ssh/bastion"]
        {
            let mut value = whole.clone();
            value.pointer_mut(place).unwrap().as_object_mut().unwrap().insert("extra".into(), json!(1));
            let error = serde_json::from_value::<Assignment>(value).unwrap_err().to_string();
            assert!(error.contains("extra"), "{place}: {error}");
        }
    }
}
