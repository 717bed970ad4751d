//! Facts of the board: what all operations and tasks stand on.

use serde::{Deserialize, Serialize};

use crate::operation::{ClusterRules, bundle::BundleShape};

/// A writer began. It has read all facts before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriterStarted {
    /// Who: for people.
    pub writer: String,
}

/// There is a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleKnown {
    /// What must be known of it.
    pub bundle: BundleShape,
}

/// A bundle is not there any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleLost {
    /// Its name.
    pub name: String,
}

/// What holds for operations on a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterRuled {
    /// The cluster, by the name that operations use.
    pub cluster: String,
    /// The rules; none when the cluster is not known any more, and no operation may begin on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<ClusterRules>,
}

/// A command was not followed. Its `cause` says which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandRefused {
    /// Who had asked.
    pub subject: String,
    /// What was wrong.
    pub field: String,
    /// What stood there.
    pub value: String,
    /// What would have been followed.
    pub allowed: String,
}
