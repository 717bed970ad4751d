//! `AutoOperationTask`: a whole change, with its checks and work orders, that makes its operations by itself.

use beidou_schemas::operation::{MOST_BUNDLES, MOST_HOSTS, MOST_STEPS};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Batches, Condition, LogPosition, SecretParameter, schema};

/// What a task is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "caas.beidou.io",
    version = "v1alpha1",
    kind = "AutoOperationTask",
    namespaced,
    status = "AutoOperationTaskStatus",
    derive = "PartialEq",
    doc = "A change from its first check to the closing work order; it makes its Operations.",
    shortname = "aot",
    category = "beidou",
    selectable = ".spec.cluster",
    printcolumn(name = "Cluster", type_ = "string", json_path = ".spec.cluster"),
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.operationTaskType"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.reason"),
    printcolumn(name = "Step", type_ = "string", json_path = ".status.step"),
    printcolumn(name = "Machines", type_ = "integer", json_path = ".status.machines"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new(FIXED).message("spec cannot change once the task was taken up, but for suspend and cancel: make a new one").reason(Reason::FieldValueForbidden)
)]
#[x_kube(validation = Rule::new("!has(oldSelf.cancel) || !oldSelf.cancel || (has(self.cancel) && self.cancel)").message("cancel cannot be taken back: make a new task"))]
#[serde(rename_all = "camelCase")]
pub struct AutoOperationTaskSpec {
    /// The cluster: the name of a Cluster of this namespace.
    #[schemars(schema_with = "schema::cluster")]
    pub cluster: String,
    /// What kind of cluster it is, such as `native`.
    #[serde(default)]
    #[schemars(length(max = 63))]
    pub cluster_type: String,
    /// The bundles whose operations it makes, one after the other at each step.
    #[schemars(length(min = 1, max = MOST_BUNDLES), inner(length(min = 1, max = 63)))]
    #[x_kube(validation = Rule::new("self.all(id, self.exists_one(other, other == id))").message("a bundle stands in operationIds once"))]
    pub operation_ids: Vec<String>,
    /// Its machines, each address once.
    #[schemars(length(min = 1, max = MOST_HOSTS))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub operation_task_machines: Vec<TaskMachine>,
    /// Its steps in order, each once.
    #[schemars(length(min = 1, max = MOST_STEPS))]
    #[x_kube(validation = Rule::new("self.all(step, self.exists_one(other, other.step == step.step))").message("a step stands in operationTaskStep once"))]
    pub operation_task_step: Vec<TaskStep>,
    /// What it does.
    #[schemars(schema_with = "schema::operation_type")]
    pub operation_task_type: String,
    /// Parameters of the bundles, none of them secret; each takes those that it knows.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "schema::free")]
    pub parameters: Map<String, Value>,
    /// Secret parameters of the bundles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["parameter".into()]))]
    pub secrets: Vec<SecretParameter>,
    /// How its operations take hosts in batches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batches: Option<Batches>,
    /// The work order before the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workprocess: Option<Gate>,
    /// The closing work order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_workprocess: Option<Gate>,
    /// It is not to begin, or to go on, until this is false.
    #[serde(default)]
    pub suspend: bool,
    /// It is to end, and what it did to be undone.
    #[serde(default)]
    pub cancel: bool,
}

/// All but `suspend` and `cancel` is as it was, from the first status on.
const FIXED: &str = "!has(oldSelf.status) || !has(oldSelf.status.phase) || (\
    self.spec.cluster == oldSelf.spec.cluster && self.spec.clusterType == oldSelf.spec.clusterType && \
    self.spec.operationIds == oldSelf.spec.operationIds && \
    self.spec.operationTaskMachines == oldSelf.spec.operationTaskMachines && \
    self.spec.operationTaskStep == oldSelf.spec.operationTaskStep && \
    self.spec.operationTaskType == oldSelf.spec.operationTaskType && \
    has(self.spec.parameters) == has(oldSelf.spec.parameters) && \
    (!has(self.spec.parameters) || self.spec.parameters == oldSelf.spec.parameters) && \
    has(self.spec.secrets) == has(oldSelf.spec.secrets) && \
    (!has(self.spec.secrets) || self.spec.secrets == oldSelf.spec.secrets) && \
    has(self.spec.batches) == has(oldSelf.spec.batches) && \
    (!has(self.spec.batches) || self.spec.batches == oldSelf.spec.batches) && \
    has(self.spec.workprocess) == has(oldSelf.spec.workprocess) && \
    (!has(self.spec.workprocess) || self.spec.workprocess == oldSelf.spec.workprocess) && \
    has(self.spec.subWorkprocess) == has(oldSelf.spec.subWorkprocess) && \
    (!has(self.spec.subWorkprocess) || self.spec.subWorkprocess == oldSelf.spec.subWorkprocess))";

/// A machine of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskMachine {
    /// Its address.
    #[schemars(schema_with = "schema::address")]
    pub name: String,
    /// Its role; the cluster says, where nothing stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub role: Option<String>,
    /// Who logs in; the cluster says, where nothing stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub user: Option<String>,
    /// The port of its SSH server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
}

/// A step of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskStep {
    /// Which.
    #[schemars(schema_with = "schema::task_step")]
    pub step: String,
}

/// How a work-order gate opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("self.mode != 'webhook' || has(self.webhook)").message("mode webhook needs the name of a webhook"))]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// Who answers.
    #[schemars(schema_with = "schema::gate_mode")]
    pub mode: String,
    /// The webhook, by its name in the configuration of controllers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub webhook: Option<String>,
    /// Changes of at most so many hosts pass by themselves.
    #[serde(default)]
    #[schemars(range(min = 0, max = 5000))]
    pub open_up_to_hosts: u32,
    /// How long an answer is waited for, in seconds; a day where nothing stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 31_536_000))]
    pub deadline_seconds: Option<u64>,
}

/// Where a task stands: a view of the log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoOperationTaskStatus {
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
    /// Its machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machines: Option<u32>,
    /// The operation of the step, by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// How far the log was read for this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogPosition>,
    /// Accepted, Progressing, Succeeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}
