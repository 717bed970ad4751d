//! `bundle.yaml`: what a bundle is for, its steps, its parameters.
//!
//! Its form is the JSON Schema in `bundle.schema.json`, which names what is wrong; what a schema cannot say (a step that
//! is named and not there) is checked after it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    str::FromStr,
    sync::LazyLock,
};

use beidou_schemas::runner::AttemptId;
use jsonschema::Validator;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::Fault;

/// What `bundle.yaml` says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Always `beidou.io/v1`.
    pub api_version: String,
    /// Always `Bundle`.
    pub kind: String,
    /// The folder's name as well.
    pub name: String,
    /// Three numbers.
    pub version: String,
    /// The `operationType` that it serves.
    pub operation_type: String,
    /// One sentence for people.
    pub description: String,
    /// What a runner must have.
    pub runner: RunnerNeed,
    /// Which versions of ansible-core it works with.
    #[serde(default)]
    pub ansible: Option<String>,
    /// The parameter that names a folder whose `ansible.cfg` is taken, as for roles that the runner's image brings.
    #[serde(default)]
    pub config_from: Option<String>,
    /// What else may not be changed meanwhile.
    pub lock: LockScope,
    /// Whether the target cluster's API must be reachable.
    #[serde(default)]
    pub target_api: TargetApi,
    /// Inventory groups that must be filled.
    #[serde(default)]
    pub groups: BTreeMap<String, Group>,
    /// JSON Schema of the parameters.
    pub parameters: Value,
    /// When a step counts as done.
    #[serde(default)]
    pub success: Success,
    /// How hosts are taken, where it is not the default of the operation type.
    #[serde(default)]
    pub batches: Option<Batches>,
    /// The steps of an operation that names none.
    pub flow: Vec<String>,
    /// All steps.
    pub steps: Vec<Step>,
}

/// What a runner must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunnerNeed {
    /// Ansible.
    Ansible,
    /// Nothing but the bundle's own program.
    Command,
    /// There is no runner: every step acts through the API.
    Api,
}

/// What else may not be changed meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LockScope {
    /// Anything in the cluster.
    Cluster,
    /// The same nodes.
    Node,
    /// Nothing.
    None,
}

/// Whether the target cluster's API must be reachable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetApi {
    /// It must.
    #[default]
    Required,
    /// It is not used.
    None,
}

/// An inventory group.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Which hosts are in it.
    pub from: GroupSource,
    /// At least so many.
    #[serde(default)]
    pub min: u32,
    /// At most so many.
    #[serde(default)]
    pub max: Option<u32>,
}

/// Which hosts are in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GroupSource {
    /// Those of the operation.
    Machines,
    /// All nodes that the cluster has.
    Nodes,
    /// The nodes of its control plane.
    ControlPlane,
    /// All nodes that the cluster has, and those of the operation.
    All,
}

/// When a step counts as done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Success {
    /// At least so many of its hosts, in percent.
    pub min_percent: u32,
    /// At most so many hosts not.
    pub max_failed: Option<u32>,
}

impl Default for Success {
    fn default() -> Self {
        Self { min_percent: 100, max_failed: None }
    }
}

/// How hosts are taken.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Batches {
    /// Hosts of the first batch; 0 for none of its own.
    pub canary: u32,
    /// How long the canary must hold.
    pub soak: Milliseconds,
    /// Hosts of each batch after it, at most.
    pub size: u32,
}

/// A time such as `90s`, `10m` or `2h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Milliseconds(pub u64);

impl<'de> Deserialize<'de> for Milliseconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for Milliseconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no time: a number of at most six digits, then s, m or h");
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
        let second = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        if number > 999_999 { Err(wrong()) } else { Ok(Self(number * second * 1000)) }
    }
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawStep")]
pub struct Step {
    /// Its name, as an operation's flow has it.
    pub name: String,
    /// How it is done.
    pub act: Act,
    /// The group whose hosts it runs on. One that changes something touches the operation's machines alone.
    pub limit: String,
    /// The step of this bundle that comes first in each attempt, whatever the flow names: on all hosts of its own group.
    pub first: Option<String>,
    /// The step of this bundle that is done once before its first batch, on all machines of the operation together, whatever the
    /// flow names. It changes machines, and nothing that is in service.
    pub prepare: Option<String>,
    /// Whether it changes anything.
    pub mutates: bool,
    /// How long one attempt may take.
    pub deadline: Milliseconds,
    /// What is tried again.
    pub retry: RetryScope,
    /// The step of this bundle that undoes it on a host.
    pub undo: Option<String>,
}

/// How a step is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// By a runner with Ansible: a playbook of the bundle.
    Playbook(String),
    /// By a runner: a program of the bundle.
    Command(String),
    /// By the controllers, through the target cluster's API, host after host.
    Api(ApiAct),
}

/// What the controllers do by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ApiAct {
    /// No new Pods on the node.
    Cordon,
    /// The node takes Pods again.
    Uncordon,
    /// Its Pods are evicted.
    Drain,
    /// Its Node object is deleted.
    DeleteNode,
}

/// What is tried again after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RetryScope {
    /// The hosts that failed.
    Host,
    /// All hosts of the batch.
    Step,
    /// Nothing.
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    name: String,
    playbook: Option<String>,
    command: Option<String>,
    api: Option<ApiAct>,
    limit: String,
    first: Option<String>,
    prepare: Option<String>,
    mutates: bool,
    deadline: Milliseconds,
    retry: RetryScope,
    undo: Option<String>,
}

impl TryFrom<RawStep> for Step {
    type Error = String;

    fn try_from(raw: RawStep) -> Result<Self, String> {
        let act = match (raw.playbook, raw.command, raw.api) {
            (Some(playbook), None, None) => Act::Playbook(playbook),
            (None, Some(command), None) => Act::Command(command),
            (None, None, Some(api)) => Act::Api(api),
            _ => return Err(format!("step {} has not exactly one of playbook, command and api", raw.name)),
        };
        let RawStep { name, limit, first, prepare, mutates, deadline, retry, undo, .. } = raw;
        Ok(Self { name, act, limit, first, prepare, mutates, deadline, retry, undo })
    }
}

impl Manifest {
    /// The step of a name.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// Whether a step runs on the operation's machines alone.
    #[must_use]
    pub fn is_of_machines(&self, step: &Step) -> bool {
        self.groups.get(&step.limit).is_some_and(|group| group.from == GroupSource::Machines)
    }

    /// Ansible's settings, where a parameter names the folder that they are in.
    #[must_use]
    pub fn config(&self, parameters: &Map<String, Value>) -> Option<PathBuf> {
        let folder = parameters.get(self.config_from.as_ref()?)?.as_str()?;
        Some(Path::new(folder).join("ansible.cfg"))
    }
}

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("bundle.schema.json")).expect("tested");
    jsonschema::validator_for(&schema).expect("tested")
});

/// Reads a manifest; `has` tells which files are in the bundle.
pub(crate) fn read(file: &str, text: &str, has: impl Fn(&str) -> bool) -> Result<Manifest, Vec<Fault>> {
    let value: Value =
        serde_yaml_ng::from_str(text).map_err(|error| vec![Fault::new(file, "", format!("no YAML: {error}"))])?;
    let faults: Vec<_> = SCHEMA.iter_errors(&value).map(|error| Fault::of(file, &error)).collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    let manifest: Manifest =
        serde_json::from_value(value).map_err(|error| vec![Fault::new(file, "", error.to_string())])?;
    let faults = contradictions(file, &manifest, has);
    if faults.is_empty() { Ok(manifest) } else { Err(faults) }
}

/// Why a step cannot come first in the attempts of another one.
fn not_first(manifest: &Manifest, step: &Step, first: &str) -> Option<&'static str> {
    let is_playbook = |step: &Step| matches!(step.act, Act::Playbook(_));
    match manifest.step(first).filter(|found| found.name != step.name) {
        None => Some("is no other step"),
        Some(_) if !is_playbook(step) => Some("comes first of a step that is no playbook"),
        Some(found) if !is_playbook(found) || found.mutates => Some("is no playbook that changes nothing"),
        Some(found) if found.first.is_some() => Some("has a step before itself"),
        Some(_) => None,
    }
}

/// Why a step cannot ready machines for another one.
fn not_preparing(manifest: &Manifest, step: &Step, prepare: &str) -> Option<&'static str> {
    match manifest.step(prepare).filter(|found| found.name != step.name) {
        None => Some("is no other step"),
        Some(_) if !step.mutates => Some("prepares a step that changes nothing"),
        Some(found) if !found.mutates || matches!(found.act, Act::Api(_)) => {
            Some("is no playbook or command that changes something")
        }
        Some(found) if found.prepare.is_some() => Some("has a step that prepares it"),
        Some(found) if manifest.steps.iter().any(|other| other.undo.as_ref() == Some(&found.name)) => {
            Some("undoes a step: what readies machines takes nothing back")
        }
        Some(found) if found.undo.is_some() => Some("has something to undo: what is in service is prepared by nothing"),
        Some(_) => None,
    }
}

fn contradictions(file: &str, manifest: &Manifest, has: impl Fn(&str) -> bool) -> Vec<Fault> {
    let mut found = Vec::new();
    let mut refuse = |field: String, message: String| found.push(Fault::new(file, &field, message));
    let names: Vec<_> = manifest.steps.iter().map(|step| step.name.as_str()).collect();
    let known = names.join(", ");
    for (index, name) in manifest.flow.iter().enumerate().filter(|(_, name)| !names.contains(&name.as_str())) {
        refuse(format!("flow/{index}"), format!("{name:?} is no step; steps: {known}"));
    }
    for (name, _) in manifest.groups.iter().filter(|(_, group)| group.max.is_some_and(|max| max < group.min)) {
        refuse(format!("groups/{name}/max"), "is less than min: no number of hosts would fit".into());
    }
    let groups = manifest.groups.keys().map(String::as_str).collect::<Vec<_>>();
    for (index, step) in manifest.steps.iter().enumerate() {
        let mut refuse = |field: &str, message| refuse(format!("steps/{index}/{field}"), message);
        if names[..index].contains(&step.name.as_str()) {
            refuse("name", format!("{:?} is twice there", step.name));
        }
        if AttemptId::new(Default::default(), &step.name, 9_999, 9_999).is_err() {
            refuse("name", format!("{:?} is too long for the name of a Job", step.name));
        }
        if !groups.contains(&step.limit.as_str()) {
            refuse("limit", format!("{:?} is no group; groups: {}", step.limit, groups.join(", ")));
        } else if !manifest.is_of_machines(step) && (step.mutates || matches!(step.act, Act::Api(_))) {
            let why =
                "is a group with others than the operation's machines: only a runner that changes nothing may go there";
            refuse("limit", format!("{:?} {why}", step.limit));
        }
        if let Some(first) = &step.first
            && let Some(why) = not_first(manifest, step, first)
        {
            refuse("first", format!("{first:?} {why}"));
        }
        if let Some(prepare) = &step.prepare
            && let Some(why) = not_preparing(manifest, step, prepare)
        {
            refuse("prepare", format!("{prepare:?} {why}"));
        }
        if let Some(undo) = step.undo.as_deref().filter(|undo| !names.contains(undo) || *undo == step.name) {
            refuse("undo", format!("{undo:?} is no other step; steps: {known}"));
        }
        let (act, needs) = match &step.act {
            Act::Playbook(name) => (Some(("playbook", name)), RunnerNeed::Ansible),
            Act::Command(name) => (Some(("command", name)), RunnerNeed::Command),
            Act::Api(_) => (None, RunnerNeed::Api),
        };
        if let Some((field, name)) = act.filter(|(_, name)| !has(name)) {
            refuse(field, format!("{name:?} is no file of the bundle"));
        }
        let met = match manifest.runner {
            RunnerNeed::Ansible => true,
            RunnerNeed::Command => needs != RunnerNeed::Ansible,
            RunnerNeed::Api => needs == RunnerNeed::Api,
        };
        if !met {
            refuse("playbook", format!("the runner of the bundle is {:?}, this step needs {needs:?}", manifest.runner));
        }
    }
    let parameters = manifest.parameters["properties"].as_object();
    if let Some(name) = &manifest.config_from
        && parameters.is_none_or(|all| all.get(name).is_none_or(|one| one["type"] != "string"))
    {
        refuse("configFrom".into(), format!("{name:?} is no parameter with a text"));
    }
    if let Err(error) = jsonschema::validator_for(&manifest.parameters) {
        refuse("parameters".into(), format!("no JSON Schema: {error}"));
    }
    found
}
