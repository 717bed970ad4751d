//! What a runner is told to do: made of the operation's plan, its bundle and its cluster. The same attempt gets the same answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use beidou_model::operation::{Attempt, EXISTING_NODES, Operation};
use beidou_playbooks::{Act, Bundle, GroupSource, Manifest, Step};
use beidou_schemas::{
    operation::{Machine, OperationType, Purpose},
    runner::{Assignment, BundleRef, First, Hop, Inventory, InventoryHost, NODE_NAME, RunKind, SecretFile, Ssh},
};
use serde_json::{Map, Value, json};

use crate::{target::Target, token::digest};

/// Hosts at the same time: more do not make an Ansible run faster.
const MOST_FORKS: u32 = 50;
const HEARTBEAT_MS: u64 = 10_000;
const SSH_PORT: u16 = 22;
/// How long a host is waited for on which a command of an earlier attempt still runs: who undoes has nowhere else to go.
const WAITS_S: u32 = 3;
const UNDO_WAITS_S: u32 = 300;
/// Names of files that every runner gets.
pub(crate) const SSH_KEY: &str = "ssh";
pub(crate) const BASTION_KEY: &str = "bastion";
/// The parameter that names nodes which a step leaves out that looks at others than the operation's machines.
const DEAD: &str = "dead_hosts";

/// Name → addresses, and whether it is of the control plane.
pub(crate) type Known = BTreeMap<String, (Vec<String>, bool)>;

/// An attempt that cannot be assigned: for people.
pub(crate) type Unassignable = String;

/// The file of a secret parameter, which may be called as a file of the runner's own is: `token`.
pub(crate) fn file_of(parameter: &str) -> String {
    format!("parameter-{parameter}")
}

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
    if takes(EXISTING_NODES) {
        let node =
            |(name, (addresses, _)): (&String, &(Vec<String>, bool))| json!({"name": name, "addresses": addresses});
        all.insert(EXISTING_NODES.into(), known.iter().map(node).collect());
    }
    all.extend(operation.spec.parameters.clone());
    let secrets: BTreeSet<String> = operation.spec.secrets.iter().map(|secret| secret.parameter.clone()).collect();
    bundle.parameters(&all, &secrets).map(|checked| checked.plain).map_err(|faults| {
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        let (name, asked) = (&bundle.manifest().name, operation.spec.operation_type);
        format!("the bundle {name} cannot be run so: {}{}", faults.join("; "), stand_ins(name, asked))
    })
}

/// Shipped bundles that would do the same: for people who lack what this one needs.
fn stand_ins(name: &str, asked: OperationType) -> String {
    let does = |other: &&str| {
        let bundle = beidou_playbooks::shipped(other).and_then(Result::ok);
        let kind = bundle.and_then(|bundle| bundle.manifest().operation_type.parse::<OperationType>().ok());
        *other != name && kind.is_some_and(|kind| kind.does(asked))
    };
    let others: Vec<_> = beidou_playbooks::shipped_names().filter(does).collect();
    if others.is_empty() { String::new() } else { format!(" (another bundle could be named: {})", others.join(", ")) }
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
    let (inventory, variables) = (
        inventory(bundle, &operation.spec.operation_machines, target, known),
        variables(bundle, operation, target, known)?,
    );
    // What must be undone is undone with the nodes that are there.
    if attempt.purpose == Purpose::Act {
        fits(bundle.manifest(), &inventory, target)?;
    }
    let others =
        Others { inventory: &inventory, variables: &variables, machines: &operation.plan.hosts, limit: &limit };
    let (reach, first) = (others.reach(bundle, step)?, others.first(bundle, step)?);
    let secret = |secret: &beidou_schemas::operation::SecretRef| SecretFile {
        name: secret.parameter.clone(),
        path: path(&file_of(&secret.parameter)),
    };
    Ok(Assignment {
        attempt: attempt.id.clone(),
        operation: operation.id.0,
        step: step.name.clone(),
        batch: attempt.batch,
        bundle: BundleRef { name: bundle.manifest().name.clone(), digest: bundle.digest().to_owned() },
        kind,
        playbook,
        forks: MOST_FORKS,
        limit,
        reach,
        first,
        inventory,
        variables,
        secrets: operation.spec.secrets.iter().map(secret).collect(),
        ssh: ssh(target, path),
        mutates: step.mutates,
        fence: fence(attempt),
        fence_wait_s: if attempt.purpose == Purpose::Undo { UNDO_WAITS_S } else { WAITS_S },
        check: operation.spec.dry_run && step.mutates,
        deadline_ms: attempt.deadline_ms,
        heartbeat_ms: HEARTBEAT_MS,
    })
}

/// When the claim was recorded: later ones are higher, also those of other operations.
pub(crate) fn fence(attempt: &Attempt) -> u64 {
    attempt.claimed.map_or(0, |at| u64::try_from(at.0).unwrap_or(0))
}

/// What a runner is told that is not in the plan, each by its SHA-256: by name, so that two attempts can be compared. A variable
/// may be of the cluster, whose parameters may change while an operation runs. Of secrets there is nothing: a short one could be
/// guessed by its digest.
pub(crate) fn inputs(assignment: &Assignment) -> BTreeMap<String, String> {
    let Assignment { inventory, variables, ssh, .. } = assignment;
    let inventory = serde_json::to_vec(inventory).unwrap_or_default();
    let whole = [("inventory", digest(&inventory)), ("known_hosts", digest(ssh.known_hosts.as_bytes()))];
    let each =
        variables.iter().map(|(name, value)| (format!("variables.{name}"), digest(value.to_string().as_bytes())));
    whole.into_iter().map(|(name, digest)| (name.to_owned(), digest)).chain(each).collect()
}

/// Names of the nodes that the machines of an attempt are, by address, where the cluster has them or the operation names them.
pub(crate) fn nodes(inventory: &Inventory, machines: &[String]) -> BTreeMap<String, String> {
    let name = |ip: &String| Some((ip.clone(), inventory.hosts.get(ip)?.vars.get(NODE_NAME)?.as_str()?.to_owned()));
    machines.iter().filter_map(name).collect()
}

/// Whether the cluster has as many nodes as the groups of a bundle take. Machines were counted when the operation was accepted.
fn fits(manifest: &Manifest, inventory: &Inventory, target: &Target) -> Result<(), Unassignable> {
    for (name, group) in &manifest.groups {
        let of = match group.from {
            GroupSource::Machines => continue,
            GroupSource::Nodes => "nodes of the cluster",
            GroupSource::ControlPlane => "nodes of its control plane",
            GroupSource::All => "nodes and machines",
        };
        let found = u32::try_from(inventory.groups.get(name).map_or(0, Vec::len)).unwrap_or(u32::MAX);
        if (group.min..=group.max.unwrap_or(u32::MAX)).contains(&found) {
            continue;
        }
        let most = group.max.map(|max| format!(" and at most {max}")).unwrap_or_default();
        let takes = format!("the group {name} of bundle {} takes at least {}{most} {of}", manifest.name, group.min);
        let unseen = if target.client.is_none() { ": it is not known without credentials which it has" } else { "" };
        return Err(format!("{takes}, and the cluster {} has {found}{unseen}", target.name));
    }
    Ok(())
}

/// What a step looks at beside the machines of its attempt.
struct Others<'a> {
    inventory: &'a Inventory,
    variables: &'a Map<String, Value>,
    machines: &'a [String],
    limit: &'a [String],
}

impl Others<'_> {
    /// Hosts of its group, where that is not the one of the machines.
    fn reach(&self, bundle: &Bundle, step: &Step) -> Result<Vec<String>, Unassignable> {
        if bundle.manifest().is_of_machines(step) { Ok(Vec::new()) } else { self.members(step) }
    }

    /// What comes before it.
    fn first(&self, bundle: &Bundle, step: &Step) -> Result<Option<First>, Unassignable> {
        let Some(first) = step.first.as_deref().and_then(|name| bundle.manifest().step(name)) else { return Ok(None) };
        let Act::Playbook(playbook) = &first.act else { return Ok(None) };
        let limit = self.members(first)?;
        Ok(Some(First { step: first.name.clone(), playbook: playbook.clone(), limit }))
    }

    /// Of a group, without nodes that are declared dead and machines that another attempt has.
    fn members(&self, step: &Step) -> Result<Vec<String>, Unassignable> {
        let dead = |host: &String| {
            let declared = self.variables.get(DEAD).and_then(Value::as_array);
            declared.is_some_and(|all| all.iter().any(|one| one == host))
        };
        let kept = |host: &&String| !dead(host) && (!self.machines.contains(host) || self.limit.contains(host));
        let hosts: Vec<_> =
            self.inventory.groups.get(&step.limit).into_iter().flatten().filter(kept).cloned().collect();
        if hosts.is_empty() {
            return Err(format!("the step {} has no host: nobody is in its group {}", step.name, step.limit));
        }
        Ok(hosts)
    }
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

fn inventory(bundle: &Bundle, machines: &[Machine], target: &Target, known: &Known) -> Inventory {
    let all: Vec<String> = machines.iter().map(|machine| machine.ip.clone()).collect();
    let mut hosts: BTreeMap<String, InventoryHost> =
        machines.iter().map(|machine| (machine.ip.clone(), host(machine, target))).collect();
    let machines: BTreeMap<IpAddr, &str> =
        machines.iter().filter_map(|machine| Some((parsed(&machine.ip)?, &*machine.ip))).collect();
    let mut groups = BTreeMap::new();
    for (name, group) in &bundle.manifest().groups {
        let members: Vec<String> = match group.from {
            GroupSource::Machines => all.clone(),
            GroupSource::Nodes | GroupSource::ControlPlane | GroupSource::All => {
                let fits = |leads: bool| leads || group.from != GroupSource::ControlPlane;
                let of_kind = known.iter().filter(|(_, (_, leads))| fits(*leads));
                let mut members: Vec<String> = of_kind
                    .filter_map(|(node, (addresses, _))| add(&mut hosts, &machines, node, addresses, target))
                    .collect();
                if group.from == GroupSource::All {
                    let new: Vec<_> = all.iter().filter(|host| !members.contains(host)).cloned().collect();
                    members.extend(new);
                }
                members
            }
        };
        groups.insert(name.clone(), members);
    }
    Inventory { groups, hosts }
}

/// A node that the cluster has: as the machine that has one of its addresses, if there is one, which learns its name; else under
/// its name.
fn add(
    hosts: &mut BTreeMap<String, InventoryHost>,
    machines: &BTreeMap<IpAddr, &str>,
    node: &str,
    addresses: &[String],
    target: &Target,
) -> Option<String> {
    let machine = addresses.iter().find_map(|address| machines.get(&parsed(address)?));
    if let Some(found) = machine.and_then(|ip| hosts.get_mut(*ip)) {
        found.vars.entry(NODE_NAME).or_insert_with(|| node.into());
        return machine.map(|ip| (*ip).to_owned());
    }
    let address = addresses.iter().find(|address| parsed(address).is_some()).or(addresses.first())?;
    let machine = Machine { ip: address.clone(), name: Some(node.to_owned()), ..Machine::default() };
    hosts.insert(node.to_owned(), host(&machine, target));
    Some(node.to_owned())
}

/// An address has many spellings.
fn parsed(address: &str) -> Option<IpAddr> {
    address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn host(machine: &Machine, target: &Target) -> InventoryHost {
    let mut vars = machine.vars.clone();
    if let Some(role) = machine.role.as_ref().or(target.role.as_ref()) {
        vars.entry("role").or_insert_with(|| role.clone().into());
    }
    if let Some(name) = &machine.name {
        vars.entry(NODE_NAME).or_insert_with(|| name.clone().into());
    }
    InventoryHost {
        ansible_host: machine.ip.clone(),
        user: machine.user.clone().or_else(|| target.reach.user.clone()).unwrap_or_else(|| "root".into()),
        port: machine.port.or(target.reach.port).unwrap_or(SSH_PORT),
        vars,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle() -> Bundle {
        beidou_playbooks::shipped("scale-up").unwrap().unwrap()
    }

    fn known() -> Known {
        let node = |name: &str, addresses: &[&str], leads| {
            (name.to_owned(), (addresses.iter().map(|address| (*address).to_owned()).collect(), leads))
        };
        BTreeMap::from([
            node("lead", &["10.0.0.1"], true),
            node("six", &["2001:db8::1"], false),
            node("two", &["203.0.113.7", "10.0.0.12", "two.internal"], false),
            node("named", &["named.internal", "10.0.0.3"], false),
        ])
    }

    fn found(ips: &[&str]) -> Inventory {
        let machine = |ip: &&str| Machine { ip: (*ip).to_owned(), ..Machine::default() };
        let machines: Vec<_> = ips.iter().map(machine).collect();
        inventory(&bundle(), &machines, &Target::bare("c"), &known())
    }

    #[test]
    fn of_what_a_runner_is_told_each_part_has_its_digest() {
        let told = |url: &str, known_hosts: &str, secret: &str| {
            let host = json!({"ansible_host": "10.0.0.1", "user": "admin", "port": 22});
            let assignment: Assignment = serde_json::from_value(json!({
                "attempt": "00000000-check-b0-a1", "operation": uuid::Uuid::nil(), "step": "check", "batch": 0,
                "bundle": {"name": "b", "digest": "00"}, "kind": "ansible", "playbook": "run.yml", "limit": ["n1"],
                "inventory": {"groups": {}, "hosts": {"n1": host}}, "variables": {"kubelet_url": url, "size": 1},
                "secrets": [{"name": "token", "path": secret}],
                "ssh": {"private_key_path": secret, "known_hosts": known_hosts},
                "forks": 1, "mutates": false, "fence": 1, "fence_wait_s": 3, "deadline_ms": 1000, "heartbeat_ms": 1000,
            }))
            .unwrap();
            inputs(&assignment)
        };
        let canary = told("https://mirror/1", "n1 ssh-ed25519 A", "/run/1");
        let names: Vec<&str> = canary.keys().map(String::as_str).collect();
        assert_eq!(names, ["inventory", "known_hosts", "variables.kubelet_url", "variables.size"]);
        assert!(canary.values().all(|digest| digest.len() == 64), "{canary:?}");
        assert_eq!(told("https://mirror/1", "n1 ssh-ed25519 A", "/run/2"), canary, "nothing of secrets is in it");
        let differs = |other: &BTreeMap<String, String>| {
            canary
                .iter()
                .filter(|(name, digest)| other[*name] != **digest)
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(differs(&told("https://mirror/2", "n1 ssh-ed25519 A", "/run/1")), ["variables.kubelet_url"]);
        assert_eq!(differs(&told("https://mirror/1", "n1 ssh-ed25519 B", "/run/1")), ["known_hosts"]);
    }

    #[test]
    fn no_parameter_takes_the_place_of_a_file_of_the_runner() {
        for own in [SSH_KEY, BASTION_KEY, "token"] {
            assert_ne!(file_of(own), own);
        }
        assert_ne!(file_of("a"), file_of("b"));
    }

    #[test]
    fn a_node_is_a_machine_by_any_of_its_addresses_in_any_spelling() {
        let inventory = found(&["10.0.0.12", "2001:DB8:0:0::1", "::ffff:10.0.0.1", "10.0.0.99"]);
        let told = nodes(&inventory, &["10.0.0.12", "10.0.0.99"].map(String::from));
        assert_eq!(told, BTreeMap::from([("10.0.0.12".to_owned(), "two".to_owned())]));
        let Inventory { groups, hosts } = inventory;
        let name_of = |ip: &str| hosts[ip].vars.get(NODE_NAME).and_then(Value::as_str);
        let names = ["10.0.0.12", "2001:DB8:0:0::1", "::ffff:10.0.0.1", "10.0.0.99"].map(name_of);
        assert_eq!(names, [Some("two"), Some("six"), Some("lead"), None]);
        assert_eq!(hosts.len(), 5, "each once: {:?}", hosts.keys());
        assert_eq!(hosts["named"].ansible_host, "10.0.0.3");
        assert_eq!(groups["etcd"], ["::ffff:10.0.0.1"]);
        assert_eq!(groups["kube_node"].len(), 5);
    }

    #[test]
    fn a_cluster_has_as_many_nodes_as_the_groups_take() {
        let (mut manifest, target) = (bundle().manifest().clone(), Target::bare("c"));
        let inventory = found(&["10.0.0.99"]);
        assert_eq!(fits(&manifest, &inventory, &target), Ok(()));
        let nobody = fits(&manifest, &Inventory::default(), &target).unwrap_err();
        let wanted =
            "the group etcd of bundle scale-up takes at least 1 nodes of its control plane, and the cluster c has 0";
        assert!(nobody.starts_with(wanted) && nobody.ends_with("without credentials which it has"), "{nobody}");
        for (min, max, ok) in [(5, None, true), (6, None, false), (0, Some(5), true), (0, Some(4), false)] {
            let group = manifest.groups.get_mut("kube_node").unwrap();
            (group.min, group.max) = (min, max);
            assert_eq!(fits(&manifest, &inventory, &target).is_ok(), ok, "{min} {max:?}");
        }
        // How many machines there are was said before.
        manifest.groups.get_mut("kube_node").unwrap().max = None;
        manifest.groups.get_mut("new").unwrap().min = 9;
        assert_eq!(fits(&manifest, &inventory, &target), Ok(()));
    }

    #[test]
    fn who_lacks_kubespray_is_told_what_could_stand_in() {
        assert_eq!(stand_ins("scale-up", OperationType::ScaleUp), " (another bundle could be named: node-join)");
        assert_eq!(
            stand_ins("team-down", OperationType::ScaleDown),
            " (another bundle could be named: node-remove, scale-down)"
        );
        assert_eq!(stand_ins("drain", OperationType::Drain), "");
    }

    #[test]
    fn facts_are_those_of_all_nodes_that_are_not_declared_dead_and_of_the_attempts_machines() {
        let (bundle, machines) = (bundle(), ["10.0.0.98", "10.0.0.99"].map(String::from));
        let inventory = found(&["10.0.0.98", "10.0.0.99"]);
        let variables = json!({"dead_hosts": ["two", "elsewhere"]}).as_object().cloned().unwrap();
        let others =
            Others { inventory: &inventory, variables: &variables, machines: &machines, limit: &machines[1..] };
        let step = |name: &str| bundle.manifest().step(name).unwrap();
        let wanted = ["lead", "named", "six", "10.0.0.99"];
        assert_eq!(others.reach(&bundle, step("facts")).unwrap(), wanted);
        let first = others.first(&bundle, step("scaleUp")).unwrap().unwrap();
        assert_eq!(
            (&*first.step, &*first.playbook, &*first.limit),
            ("facts", "facts.yml", &wanted.map(String::from)[..])
        );
        for name in ["preCheck", "scaleUp", "postCheck", "reset"] {
            assert!(others.reach(&bundle, step(name)).unwrap().is_empty(), "{name}");
            assert_eq!(others.first(&bundle, step(name)).unwrap().is_some(), name == "scaleUp");
        }
        let nobody = Others { inventory: &Inventory::default(), ..others };
        assert!(nobody.reach(&bundle, step("facts")).unwrap_err().contains("kube_node"));
    }
}
