//! `Cluster`: how a target cluster and its machines are reached, and when they may be touched. Values of Secrets are
//! referred to, never written here.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Condition, SecretKey, schema};

/// How a target cluster is reached.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, CustomResource, KubeSchema)]
#[kube(
    group = "caas.beidou.io",
    version = "v1alpha1",
    kind = "Cluster",
    namespaced,
    status = "ClusterStatus",
    derive = "PartialEq",
    doc = "How a target cluster and its machines are reached, and when they may be touched.",
    shortname = "bcl",
    category = "beidou",
    printcolumn(name = "Server", type_ = "string", json_path = ".spec.server"),
    printcolumn(name = "Reachable", type_ = "string", json_path = ".status.conditions[?(@.type=='Reachable')].status"),
    printcolumn(name = "Nodes", type_ = "integer", json_path = ".status.nodes"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = Rule::new("!has(self.credentials) || !has(self.credentials.token) || has(self.server)").message("a token needs the server that it is for"))]
#[serde(rename_all = "camelCase")]
pub struct ClusterSpec {
    /// The URL of the API server, where no kubeconfig says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 9, max = 2048), regex(pattern = "^https://"))]
    pub server: Option<String>,
    /// How the API server is told who asks. None where only machines are touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// The uid under which the cluster's Events stand in the log; its own where nothing stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub cluster_uid: Option<String>,
    /// How machines are reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<Ssh>,
    /// The role of machines that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub machine_role: Option<String>,
    /// Parameters of bundles that all operations of this cluster begin with, none of them secret.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(schema_with = "schema::free")]
    pub parameters: Map<String, Value>,
    /// When changes may begin; none means always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub windows: Vec<Window>,
    /// When nothing may begin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub freezes: Vec<Freeze>,
    /// Changes of more hosts need the approval of another subject; none means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 5000))]
    pub approve_above_hosts: Option<u32>,
}

/// How the API server is told who asks: one of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.kubeconfig) != has(self.token)").message("name either kubeconfig or token"))]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// A kubeconfig. Exec plugins are not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<SecretKey>,
    /// A bearer token for `server`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretKey>,
    /// The certificates that `server` is trusted by, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::file")]
    pub certificate_authority: Option<String>,
}

/// How machines are reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ssh {
    /// Who logs in, where a machine does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub user: Option<String>,
    /// The port, where a machine does not say; 22.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// The private key.
    pub private_key: SecretKey,
    /// Lines of a `known_hosts` file: a machine whose key is not in it is refused.
    #[schemars(schema_with = "schema::file")]
    pub known_hosts: String,
    /// A host to go through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bastion: Option<Bastion>,
}

/// A host that machines are reached through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bastion {
    /// Its address or name.
    #[schemars(length(min = 1, max = 253))]
    pub host: String,
    /// The port of its SSH server; 22.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// Who logs in.
    #[schemars(length(min = 1, max = 63))]
    pub user: String,
    /// Its own private key, where it is not that of the machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key: Option<SecretKey>,
}

/// A weekly time in which changes may begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("!has(self.timeZone) || !has(self.utcOffsetMinutes)").message("name either timeZone or utcOffsetMinutes"))]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// Days on which it begins: 1 is Monday, 7 Sunday; none means every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 7), inner(range(min = 1, max = 7)))]
    pub days: Vec<u8>,
    /// When it begins, as `22:30`.
    #[schemars(length(min = 5, max = 5), regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub start: String,
    /// How long it is open, in minutes; at most a week.
    #[schemars(range(min = 1, max = 10_080))]
    pub minutes: u32,
    /// The time zone of `start`, by its IANA name, as `Europe/Berlin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,
    /// What the cluster's people add to UTC, in minutes, where no time zone is named; 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -840, max = 840))]
    pub utc_offset_minutes: Option<i32>,
}

/// A time in which nothing may begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("self.from < self.until").message("a freeze ends after it begins"))]
#[serde(rename_all = "camelCase")]
pub struct Freeze {
    /// From when, RFC 3339 in UTC, as `2026-12-24T00:00:00Z`.
    #[schemars(length(max = 20), regex(pattern = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"))]
    pub from: String,
    /// Until when, in the same form.
    #[schemars(length(max = 20), regex(pattern = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"))]
    pub until: String,
    /// Why, for people.
    #[schemars(length(min = 1, max = 1024))]
    pub why: String,
}

/// What was found at a cluster.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// The generation that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Its nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<u32>,
    /// The version of its API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub version: Option<String>,
    /// Reachable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::conditions")]
    pub conditions: Vec<Condition>,
}
