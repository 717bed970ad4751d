//! What an operation is to do, as users write it. The names of the fields are those of the resource.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{OperationType, TaskId, TaskStepKind};

/// A machine that an operation acts on. Its address is its name within the operation; one that is a node already can be asked for
/// by the name of its node alone, and has its address from the cluster when the operation is accepted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Machine {
    /// Its address; unique within the operation. Empty only where an operation is asked for: never of one that was accepted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// Its role in the cluster, such as `Compute`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Who logs in. The cluster says, where nothing stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The name of its node. Found or made by the bundle, where nothing stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The port of its SSH server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Variables of this host, none of them secret.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub vars: Map<String, Value>,
}

/// A secret parameter of the bundle: where its value is. The value itself is never in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretRef {
    /// The parameter.
    pub parameter: String,
    /// The Secret.
    pub secret: String,
    /// The key in it.
    pub key: String,
}

/// How hosts are taken in batches. What is missing comes from the bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Batches {
    /// Hosts of the first batch; 0 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<u32>,
    /// How long the first batch is watched before the others, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak_seconds: Option<u32>,
    /// Hosts of a later batch at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u32>,
    /// Hosts of a later batch at most, as a share of the cluster's nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_percent: Option<u32>,
    /// Hold when so many hosts of a batch failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_at_hosts: Option<u32>,
    /// Hold when this share of a batch failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_at_percent: Option<u32>,
}

/// The task that an operation belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The task.
    pub task: TaskId,
    /// Its step.
    pub step: TaskStepKind,
}

/// What an operation is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OperationSpec {
    /// The cluster.
    pub cluster_name: String,
    /// What is done.
    pub operation_type: OperationType,
    /// Its steps in order, as the bundle names them; the bundle's own flow where none stands here.
    #[serde(default)]
    pub operation_flow: Vec<String>,
    /// The machines.
    pub operation_machines: Vec<Machine>,
    /// The bundle. Where none is named: the team's own of the type (of several, name one), else the shipped one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
    /// Parameters of the bundle, none of them secret.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    /// Secret parameters of the bundle.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretRef>,
    /// How hosts are taken in batches.
    #[serde(default)]
    pub batches: Batches,
    /// Another subject than the requester must approve before it begins, whatever the cluster says.
    #[serde(default)]
    pub require_approval: bool,
    /// Checks are made, changes only tried.
    #[serde(default)]
    pub dry_run: bool,
    /// Windows and freezes of the cluster do not hold. Only with an approval.
    #[serde(default)]
    pub ignore_windows: bool,
    /// It is not to begin, or to go on, until this is false.
    #[serde(default)]
    pub suspend: bool,
    /// Labels for people and lists.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}
