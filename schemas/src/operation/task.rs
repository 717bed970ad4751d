//! What an automatic task is to do, as users write it. The names of the fields are those of the resource.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Batches, GateMode, OperationType, SecretRef, TaskStepKind};

/// A machine of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamedMachine {
    /// Its address.
    pub name: String,
    /// Its role. The cluster says, where nothing stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Who logs in. The cluster says, where nothing stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The port of its SSH server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// A step of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamedStep {
    /// Which.
    pub step: TaskStepKind,
}

/// How a work-order gate opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gate {
    /// Who answers.
    pub mode: GateMode,
    /// The webhook, by its name in the configuration, where one is asked or told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<String>,
    /// Changes of at most so many hosts pass by themselves.
    #[serde(default)]
    pub open_up_to_hosts: u32,
    /// How long an answer is waited for, in seconds.
    #[serde(default = "Gate::a_day")]
    pub deadline_seconds: u64,
}

impl Gate {
    /// How long an answer is waited for where nobody says: a working day somewhere.
    fn a_day() -> u64 {
        86_400
    }

    /// The gate before a change, where the task names none: somebody else approves.
    pub fn before() -> Self {
        Self { mode: GateMode::Approval, webhook: None, open_up_to_hosts: 0, deadline_seconds: Self::a_day() }
    }

    /// The gate behind a change, where the task names none: it is closed by itself.
    pub fn behind() -> Self {
        Self { mode: GateMode::Open, ..Self::before() }
    }
}

/// What a task is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskSpec {
    /// The cluster.
    pub cluster: String,
    /// What kind of cluster it is, such as `native`.
    #[serde(default)]
    pub cluster_type: String,
    /// The bundles whose operations it makes, one after the other.
    pub operation_ids: Vec<String>,
    /// Its machines.
    pub operation_task_machines: Vec<NamedMachine>,
    /// Its steps in order.
    pub operation_task_step: Vec<NamedStep>,
    /// What it does.
    pub operation_task_type: OperationType,
    /// Parameters of the bundles, none of them secret; each takes those that it knows.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub parameters: Map<String, Value>,
    /// Secret parameters of the bundles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretRef>,
    /// How its operations take hosts in batches.
    #[serde(default)]
    pub batches: Batches,
    /// The work order before the change.
    #[serde(default = "Gate::before")]
    pub workprocess: Gate,
    /// The closing work order.
    #[serde(default = "Gate::behind")]
    pub sub_workprocess: Gate,
    /// It is not to begin, or to go on, until this is false.
    #[serde(default)]
    pub suspend: bool,
}

impl TaskSpec {
    /// Its steps as they are taken. Of several bundles each has its own turn at what is done by bundles, in their order; what a
    /// single one does needs no name.
    pub fn steps(&self) -> impl Iterator<Item = (TaskStepKind, Option<&str>)> {
        self.operation_task_step.iter().flat_map(move |named| {
            let step = named.step;
            let several = self.operation_ids.len() > 1 && step.is_by_bundle();
            let bundles: &[String] = if several { &self.operation_ids } else { &[] };
            let whole = (!several).then_some((step, None));
            whole.into_iter().chain(bundles.iter().map(move |bundle| (step, Some(bundle.as_str()))))
        })
    }
}
