//! Parts that several kinds share.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// A value in a Secret of the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKey {
    /// The Secret.
    #[schemars(schema_with = "schema::name")]
    pub name: String,
    /// The key in it.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// A secret parameter of the bundle: where its value is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretParameter {
    /// The parameter, as the bundle names it.
    #[schemars(schema_with = "schema::short")]
    pub parameter: String,
    /// The Secret, in the namespace of the resource.
    #[schemars(schema_with = "schema::name")]
    pub secret: String,
    /// The key in it.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// How hosts are taken in batches. What is missing comes from the bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Batches {
    /// Hosts of the first batch; 0 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 5000))]
    pub canary: Option<u32>,
    /// How long the first batch is watched before the others, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86400))]
    pub soak_seconds: Option<u32>,
    /// Hosts of a later batch at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 5000))]
    pub size: Option<u32>,
    /// Hosts of a later batch at most, as a share of the cluster's nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub pool_percent: Option<u32>,
    /// Hold when so many hosts of a batch failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 5000))]
    pub hold_at_hosts: Option<u32>,
    /// Hold when this share of a batch failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub hold_at_percent: Option<u32>,
}

/// How many hosts are where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostCounters {
    /// All of them.
    pub total: u32,
    /// Through the last step.
    pub ok: u32,
    /// A runner acts on them.
    pub running: u32,
    /// Failed, unreachable, cancelled, or not known.
    pub failed: u32,
    /// Their turn has not come.
    pub waiting: u32,
}

/// Where the facts end that a status shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogPosition {
    /// The topic.
    pub topic: String,
    /// The number of the object's last fact.
    pub seq: i64,
    /// The epoch of the writer.
    pub epoch: i64,
}
