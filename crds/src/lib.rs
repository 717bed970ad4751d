//! What is wished: the custom resources that people apply, group `caas.beidou.io`.
//!
//! ```text
//!  types (here) ──► CRD YAML (`yaml/`, committed, compared by a test) ──► API server: schema, defaults, CEL rules
//!      └──────────► schemas::operation: what controllers append as a command
//! ```
//!
//! The names of the fields are a contract: users bring manifests with them. What was added beside them is optional.
//!
//! - A resource is immutable once controllers have taken it up, but for `spec.suspend` and `spec.cancel`. Of what has no schema
//!   (`parameters`, `vars` of a machine) a rule of the API server compares values, and how many there are: one name in place
//!   of another one it lets pass, and the fold refuses it.
//! - The status is a view: phase, counters, place in the log. Results and outputs are in the log alone.

#![allow(clippy::duplicated_attributes, reason = "the derive takes one `printcolumn` for each column")]

mod cluster;
mod convert;
mod operation;
mod parts;
mod schema;
mod task;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

pub use self::{
    cluster::{Bastion, Cluster, ClusterSpec, ClusterStatus, Credentials, Freeze, Ssh, Window},
    convert::SpecError,
    operation::{Machine, Operation, OperationSpec, OperationStatus},
    parts::{Batches, HostCounters, LogPosition, SecretKey, SecretParameter},
    task::{AutoOperationTask, AutoOperationTaskSpec, AutoOperationTaskStatus, Gate, TaskMachine, TaskStep},
};

/// The group of all kinds.
pub const GROUP: &str = "caas.beidou.io";
/// Keeps a resource until what it asked for is over, and undone where it was cancelled.
pub const FINALIZER: &str = "caas.beidou.io/cancel";

/// The definitions, each with the name of its file below `yaml/`.
#[must_use]
pub fn definitions() -> [(&'static str, CustomResourceDefinition); 3] {
    [
        ("operations.yaml", Operation::crd()),
        ("autooperationtasks.yaml", AutoOperationTask::crd()),
        ("clusters.yaml", Cluster::crd()),
    ]
    .map(|(file, definition)| (file, schema::tidied(definition)))
}

/// A definition as YAML, as it is committed.
///
/// # Panics
/// Never: the types have string keys.
#[must_use]
pub fn yaml(definition: &CustomResourceDefinition) -> String {
    let text = serde_yaml_ng::to_string(definition).expect("definitions have string keys");
    format!(
        "# Made from crds/src by its own test; do not edit. BEIDOU_BLESS=1 cargo test -p beidou-crds writes it anew.\n{text}"
    )
}
