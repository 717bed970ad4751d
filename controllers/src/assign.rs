//! What a runner is told to do: made of the operation's plan, its bundle and its cluster. The same attempt gets the same answer.

use std::collections::{BTreeMap, BTreeSet};

use beidou_model::operation::{Attempt, Operation};
use beidou_playbooks::{Act, Bundle, GroupSource, Step};
use beidou_schemas::{
    operation::{Machine, Purpose},
    runner::{Assignment, BundleRef, Hop, Inventory, InventoryHost, RunKind, SecretFile, Ssh},
};
use serde_json::{Map, Value, json};

use crate::target::Target;

/// Hosts at the same time: more do not make an Ansible run faster.
const MOST_FORKS: usize = 50;
const HEARTBEAT_MS: u64 = 10_000;
const SSH_PORT: u16 = 22;
/// Names of files that every runner gets.
pub(crate) const SSH_KEY: &str = "ssh";
pub(crate) const BASTION_KEY: &str = "bastion";

/// Name → addresses, and whether it is of the control plane.
pub(crate) type Known = BTreeMap<String, (Vec<String>, bool)>;

/// An attempt that cannot be assigned: for people.
pub(crate) type Unassignable = String;

/// The step of the bundle that an attempt runs.
pub(crate) fn step<'a>(bundle: &'a Bundle, operation: &Operation, attempt: &Attempt) -> Result<&'a Step, Unassignable> {
    let manifest = bundle.manifest();
    let name = &operation.step(attempt.step).name;
    let missing = |name: &str| format!("the bundle {} has no step {name}", manifest.name);
    let step = manifest.step(name).ok_or_else(|| missing(name))?;
    match attempt.purpose {
        Purpose::Act => Ok(step),
        Purpose::Undo => {
            let undo = step.undo.as_deref().unwrap_or_default();
            manifest.step(undo).ok_or_else(|| missing(undo))
        }
    }
}

/// The parameters of an operation: the cluster's, where the bundle knows them, then its own.
pub(crate) fn variables(
    bundle: &Bundle,
    operation: &Operation,
    target: &Target,
    known: &Known,
) -> Result<Map<String, Value>, Unassignable> {
    let properties = bundle.manifest().parameters.get("properties").and_then(Value::as_object);
    let takes = |name: &str| properties.is_some_and(|all| all.contains_key(name));
    let mut all: Map<String, Value> = target
        .parameters
        .iter()
        .filter(|(name, _)| takes(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if takes("existing_nodes") {
        let node =
            |(name, (addresses, _)): (&String, &(Vec<String>, bool))| json!({"name": name, "addresses": addresses});
        all.insert("existing_nodes".into(), known.iter().map(node).collect());
    }
    all.extend(operation.spec.parameters.clone());
    let secrets: BTreeSet<String> = operation.spec.secrets.iter().map(|secret| secret.parameter.clone()).collect();
    let faults =
        |faults: Vec<beidou_playbooks::Fault>| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    bundle.parameters(&all, &secrets).map(|checked| checked.plain).map_err(faults)
}

/// Everything that a runner needs for one attempt. `path` says where its secret files lie.
pub(crate) fn assignment(
    bundle: &Bundle,
    operation: &Operation,
    attempt: &Attempt,
    target: &Target,
    known: &Known,
    path: impl Fn(&str) -> String,
) -> Result<Assignment, Unassignable> {
    let step = step(bundle, operation, attempt)?;
    let (kind, playbook) = match &step.act {
        Act::Playbook(file) => (RunKind::Ansible, file.clone()),
        Act::Command(file) => (RunKind::Command, file.clone()),
        Act::Api(_) => return Err(format!("the step {} needs no runner", step.name)),
    };
    let limit = operation.addresses(&attempt.hosts);
    let secret = |secret: &beidou_schemas::operation::SecretRef| SecretFile {
        name: secret.parameter.clone(),
        path: path(&secret.parameter),
    };
    Ok(Assignment {
        attempt: attempt.id.clone(),
        operation: operation.id.0,
        step: step.name.clone(),
        batch: attempt.batch,
        bundle: BundleRef { name: bundle.manifest().name.clone(), digest: bundle.digest().to_owned() },
        kind,
        playbook,
        forks: limit.len().min(MOST_FORKS) as u32,
        limit,
        inventory: inventory(bundle, operation, target, known),
        variables: variables(bundle, operation, target, known)?,
        secrets: operation.spec.secrets.iter().map(secret).collect(),
        ssh: ssh(target, path),
        mutates: step.mutates,
        // When the claim was recorded: later ones are higher, also those of other operations.
        fence: attempt.claimed.map_or(0, |at| u64::try_from(at.0).unwrap_or(0)),
        check: operation.spec.dry_run && step.mutates,
        deadline_ms: attempt.deadline_ms,
        heartbeat_ms: HEARTBEAT_MS,
    })
}

fn ssh(target: &Target, path: impl Fn(&str) -> String) -> Ssh {
    let bastion = target.reach.bastion.as_ref().map(|(host, port, user, key)| Hop {
        host: host.clone(),
        user: user.clone(),
        port: *port,
        private_key_path: key.as_ref().map(|_| path(BASTION_KEY)),
    });
    Ssh { private_key_path: path(SSH_KEY), known_hosts: target.reach.known_hosts.clone(), bastion }
}

fn inventory(bundle: &Bundle, operation: &Operation, target: &Target, known: &Known) -> Inventory {
    let mut hosts: BTreeMap<String, InventoryHost> =
        operation.spec.operation_machines.iter().map(|machine| (machine.ip.clone(), host(machine, target))).collect();
    let mut groups = BTreeMap::new();
    for (name, group) in &bundle.manifest().groups {
        let members: Vec<String> = match group.from {
            GroupSource::Machines => operation.plan.hosts.clone(),
            GroupSource::Nodes | GroupSource::ControlPlane | GroupSource::All => {
                let fits = |leads: bool| leads || group.from != GroupSource::ControlPlane;
                let of_kind = known.iter().filter(|(_, (_, leads))| fits(*leads));
                let mut members: Vec<String> = of_kind
                    .filter_map(|(node, (addresses, _))| add(&mut hosts, node, addresses.first()?, target))
                    .collect();
                if group.from == GroupSource::All {
                    let new = operation.plan.hosts.iter().filter(|host| !members.contains(host)).cloned();
                    members.extend(new.collect::<Vec<_>>());
                }
                members
            }
        };
        groups.insert(name.clone(), members);
    }
    Inventory { groups, hosts }
}

/// A node that the cluster has: under its address, if it is one of the machines, which learns its name; else under its name.
fn add(hosts: &mut BTreeMap<String, InventoryHost>, node: &str, address: &str, target: &Target) -> Option<String> {
    if let Some(machine) = hosts.get_mut(address) {
        machine.vars.entry("node_name").or_insert_with(|| node.into());
        return Some(address.to_owned());
    }
    let machine = Machine { ip: address.to_owned(), name: Some(node.to_owned()), ..Machine::default() };
    hosts.insert(node.to_owned(), host(&machine, target));
    Some(node.to_owned())
}

fn host(machine: &Machine, target: &Target) -> InventoryHost {
    let mut vars = machine.vars.clone();
    if let Some(role) = machine.role.as_ref().or(target.role.as_ref()) {
        vars.entry("role").or_insert_with(|| role.clone().into());
    }
    if let Some(name) = &machine.name {
        vars.entry("node_name").or_insert_with(|| name.clone().into());
    }
    InventoryHost {
        ansible_host: machine.ip.clone(),
        user: machine.user.clone().or_else(|| target.reach.user.clone()).unwrap_or_else(|| "root".into()),
        port: machine.port.or(target.reach.port).unwrap_or(SSH_PORT),
        vars,
    }
}
