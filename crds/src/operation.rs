//! `Operation`: steps of one bundle on machines of one cluster.

use beidou_schemas::operation::{MOST_HOSTS, MOST_STEPS};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Batches, Condition, HostCounters, LogPosition, SecretParameter, schema};

/// What an operation is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "caas.beidou.io",
    version = "v1alpha1",
    kind = "Operation",
    namespaced,
    status = "OperationStatus",
    derive = "PartialEq",
    doc = "Steps of a bundle on machines of a cluster.",
    shortname = "bop",
    category = "beidou",
    selectable = ".spec.clusterName",
    selectable = ".spec.operationType",
    printcolumn(name = "Cluster", type_ = "string", json_path = ".spec.clusterName"),
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.operationType"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.reason"),
    printcolumn(name = "Step", type_ = "string", json_path = ".status.step"),
    printcolumn(name = "Done", type_ = "integer", json_path = ".status.hosts.ok"),
    printcolumn(name = "Failed", type_ = "integer", json_path = ".status.hosts.failed"),
    printcolumn(name = "Hosts", type_ = "integer", json_path = ".status.hosts.total"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new(FIXED).message("spec cannot change once the operation was taken up, but for suspend and cancel: make a new one").reason(Reason::FieldValueForbidden)
)]
#[x_kube(validation = Rule::new("!has(oldSelf.cancel) || !oldSelf.cancel || (has(self.cancel) && self.cancel)").message("cancel cannot be taken back: make a new operation"))]
#[x_kube(validation = Rule::new("!(has(self.ignoreWindows) && self.ignoreWindows) || (has(self.requireApproval) && self.requireApproval)").message("ignoreWindows goes with requireApproval: true only"))]
#[serde(rename_all = "camelCase")]
pub struct OperationSpec {
    /// The cluster: the name of a Cluster of this namespace.
    #[schemars(schema_with = "schema::cluster")]
    pub cluster_name: String,
    /// What is done.
    #[schemars(schema_with = "schema::operation_type")]
    pub operation_type: String,
    /// Its steps in order, as the bundle names them; the bundle's own flow where none stands here.
    #[serde(default)]
    #[schemars(length(max = MOST_STEPS), inner(length(min = 1, max = 63), regex(pattern = "^[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?$")))]
    #[x_kube(validation = Rule::new("self.all(step, self.exists_one(other, other == step))").message("a step stands in operationFlow once"))]
    pub operation_flow: Vec<String>,
    /// The machines, each address once.
    #[schemars(length(min = 1, max = MOST_HOSTS))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["ip".into(), "name".into()]))]
    pub operation_machines: Vec<Machine>,
    /// The bundle. Where none is named: the team's own of the type (of several, name one), else the shipped one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub bundle: Option<String>,
    /// Parameters of the bundle, none of them secret.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "schema::free")]
    pub parameters: Map<String, Value>,
    /// Secret parameters of the bundle.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["parameter".into()]))]
    pub secrets: Vec<SecretParameter>,
    /// How hosts are taken in batches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batches: Option<Batches>,
    /// Another subject than the requester must approve before it begins.
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
    /// It is to end, and what it did to be undone.
    #[serde(default)]
    pub cancel: bool,
}

/// All but `suspend` and `cancel` is as it was, from the first status on.
const FIXED: &str = "!has(oldSelf.status) || !has(oldSelf.status.phase) || (\
    self.spec.clusterName == oldSelf.spec.clusterName && self.spec.operationType == oldSelf.spec.operationType && \
    self.spec.operationFlow == oldSelf.spec.operationFlow && \
    self.spec.operationMachines == oldSelf.spec.operationMachines && \
    has(self.spec.bundle) == has(oldSelf.spec.bundle) && \
    (!has(self.spec.bundle) || self.spec.bundle == oldSelf.spec.bundle) && \
    has(self.spec.parameters) == has(oldSelf.spec.parameters) && \
    (!has(self.spec.parameters) || self.spec.parameters == oldSelf.spec.parameters) && \
    has(self.spec.secrets) == has(oldSelf.spec.secrets) && \
    (!has(self.spec.secrets) || self.spec.secrets == oldSelf.spec.secrets) && \
    has(self.spec.batches) == has(oldSelf.spec.batches) && \
    (!has(self.spec.batches) || self.spec.batches == oldSelf.spec.batches) && \
    self.spec.requireApproval == oldSelf.spec.requireApproval && self.spec.dryRun == oldSelf.spec.dryRun && \
    self.spec.ignoreWindows == oldSelf.spec.ignoreWindows)";

/// A machine that an operation acts on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("self.ip != '' || self.name != ''").message("a machine has an ip, or the name of its node"))]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// Its address: its name within the operation. Where none stands here, that which its node has when the operation is accepted.
    #[serde(default)]
    #[schemars(schema_with = "schema::address_if_told")]
    pub ip: String,
    /// Its role in the cluster, such as `Compute`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub role: Option<String>,
    /// Who logs in; the cluster says, where nothing stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub user: Option<String>,
    /// The name of its node; found or made by the bundle, where nothing stands here.
    #[serde(default)]
    #[schemars(length(max = 253))]
    pub name: String,
    /// The port of its SSH server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// Variables of this host, none of them secret.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "schema::free")]
    pub vars: Map<String, Value>,
}

/// Where an operation stands: a view of the log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationStatus {
    /// Pending, Running, Held, Cancelling, Succeeded, Failed, Cancelled or Unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Why, as a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::text")]
    pub message: Option<String>,
    /// The step now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Hosts by where they stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts: Option<HostCounters>,
    /// How far the log was read for this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogPosition>,
    /// Accepted, Progressing, Succeeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}
