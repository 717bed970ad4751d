//! Target clusters: how they and their machines are reached, and what controllers do at their API servers.
//!
//! ```text
//!  Cluster resource + Secrets ─┐
//!                              ├─► Target ──► node: cordon, taint, release, delete     drain: evict, and what blocks it
//!  config `controllers.clusters` ┘
//! ```

mod connect;
mod drain;
mod node;

use std::{collections::BTreeMap, time::Duration};

use beidou_crds::SpecError;
use kube::Client;
use serde_json::{Map, Value};
use tokio::time::Instant;

pub use self::{
    connect::management,
    drain::{Blocked, DrainOptions, drain},
    node::{Nodes, TAINT},
};
pub(crate) use self::{
    connect::{from_config, from_resource, value},
    node::{addressed, is_cordoned, node_of, unready},
};
use crate::token::Secret;

/// Why a cluster cannot be used, or does not do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// A kubeconfig.
    #[error("cannot use the kubeconfig of {0}; check its context and its credentials")]
    Kubeconfig(String, #[source] Box<kube::config::KubeconfigError>),
    /// A kubeconfig that would run a program.
    #[error("the kubeconfig of {0} names an exec plugin or a file; bring credentials that stand in it")]
    NotPlain(String),
    /// The account of the Pod.
    #[error("there is no kubeconfig, and this is no Pod with an account")]
    NoPod(#[source] Box<kube::config::InClusterError>),
    /// A Secret.
    #[error("the Secret {secret} has no key {key}")]
    NoKey {
        /// The Secret.
        secret: String,
        /// The key.
        key: String,
    },
    /// A URL or certificate.
    #[error("cannot use {what} of {cluster}")]
    Value {
        /// What.
        what: &'static str,
        /// Whose.
        cluster: String,
    },
    /// A file of the configuration.
    #[error("cannot read {path}")]
    File {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nobody says how it is reached: it is not known yet, not any more, or its Secrets cannot be read.
    #[error("{0} is not known, or its Secrets cannot be read")]
    Unknown(String),
    /// A resource that this version does not understand.
    #[error("its resource is not understood")]
    Spec(#[from] SpecError),
    /// A name that a resource is to have is that of another one.
    #[error("the Operation {name} is there already, and {owner} made it: {remedy}")]
    NameTaken {
        /// The name.
        name: String,
        /// Whose it is.
        owner: String,
        /// What to do.
        remedy: &'static str,
        /// It will be free by itself.
        leaves: bool,
    },
    /// Operations of this cluster cannot use its API server: nobody said how.
    #[error("the cluster {0} has no credentials: name them in its Cluster resource")]
    NoCredentials(String),
    /// No node is at this address.
    #[error("the cluster {cluster} has no node at {host}")]
    NoNode {
        /// The cluster.
        cluster: String,
        /// The address.
        host: String,
    },
    /// The API server.
    #[error("cannot {act}")]
    Kube {
        /// What was tried.
        act: String,
        /// Why.
        source: Box<kube::Error>,
    },
    /// Pods stay on a node.
    #[error("{}", drain::lines(.0))]
    Blocked(Vec<Blocked>),
}

impl TargetError {
    pub(crate) fn kube(act: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let act = act.into();
        move |source| Self::Kube { act, source: Box::new(source) }
    }

    /// Whether the same may succeed later by itself.
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::Kube { source, .. } => match &**source {
                kube::Error::Api(status) => status.code >= 500 || matches!(status.code, 409 | 429),
                _ => true,
            },
            Self::Unknown(_) => true,
            _ => false,
        }
    }
}

/// How machines are reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    pub user: Option<String>,
    pub port: Option<u16>,
    pub known_hosts: String,
    pub key: Option<Secret>,
    /// Host, port, user, and its own key.
    pub bastion: Option<(String, u16, String, Option<Secret>)>,
}

/// Nodes by name, each with the address under which it is operated on, where it has one.
pub(crate) type Addresses = BTreeMap<String, Option<String>>;

/// What an API server told longer ago is not believed: a node may have been made anew since, and have another address.
pub(crate) const TOLD_LIMIT: Duration = Duration::from_secs(300);

/// The nodes of a cluster, as its API server told them at this moment.
pub(crate) struct Told {
    pub addresses: Addresses,
    pub at: Instant,
}

/// Of all clusters, by name: each stands here as soon as it has answered.
#[derive(Default)]
pub(crate) struct KnownNodes(pub BTreeMap<String, Told>);

impl KnownNodes {
    /// Those of one, where they are believed.
    pub(crate) fn of(&self, cluster: &str) -> Option<&Addresses> {
        self.0.get(cluster).filter(|told| told.at.elapsed() < TOLD_LIMIT).map(|told| &told.addresses)
    }
}

/// A target cluster.
#[derive(Clone)]
pub(crate) struct Target {
    pub name: String,
    pub client: Option<Client>,
    pub reach: Reach,
    pub role: Option<String>,
    pub parameters: Map<String, Value>,
    /// The uid under which its Events stand in the log, where it is told.
    pub uid: Option<String>,
}

impl Target {
    /// One of which nothing is known but the name.
    pub(crate) fn bare(name: &str) -> Self {
        let (reach, parameters) = (Reach::default(), Map::new());
        Self { name: name.into(), client: None, reach, role: None, parameters, uid: None }
    }

    /// Its nodes.
    pub(crate) fn nodes(&self) -> Result<Nodes, TargetError> {
        let client = self.client.clone().ok_or_else(|| TargetError::NoCredentials(self.name.clone()))?;
        Ok(Nodes::new(self.name.clone(), client))
    }
}

/// All that are known, by name.
pub(crate) type Targets = BTreeMap<String, Target>;
