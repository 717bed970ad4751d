//! The configuration of a cluster, and where it comes from: the config file, or contexts of a kubeconfig.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use beidou_schemas::{ClusterUid, InvalidId, ids::cluster_name};
use kube::config::{Kubeconfig, KubeconfigError};
use serde::{Deserialize, Serialize};

/// One cluster to collect from. Either `kubeconfig` (with `context`) or `server` says how to reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterConfig {
    /// The name people use; unique within one Beidou.
    pub name: String,
    /// A kubeconfig file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig: Option<PathBuf>,
    /// A context of that file; its current context where this is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The URL of the API server, in place of a kubeconfig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// A bearer token for `server`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// A file with the bearer token, read anew when it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// A file with the certificates that `server` is trusted by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// An explicit identity, in place of the uid of the `kube-system` namespace. Must never change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ClusterUid>,
    /// Whether to write a heartbeat Event.
    #[serde(default = "yes")]
    pub heartbeat: bool,
}

fn yes() -> bool {
    true
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Keeps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<secret>")
    }
}

impl Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("<secret>")
    }
}

/// A configuration of clusters that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Two clusters have one name.
    #[error("two clusters are called {0:?}; names must differ")]
    SameName(String),
    /// The name is empty, blank or too long, or has control characters.
    #[error("{:?} cannot be a cluster's name; use {}", .0.value, .0.allowed)]
    Name(InvalidId),
    /// Neither or both ways to reach it are given.
    #[error("cluster {0:?} needs either `kubeconfig` or `server`, and not both")]
    Way(String),
    /// A key belongs to the other way.
    #[error("cluster {name:?}: `{key}` goes with `{with}` only")]
    Key {
        /// The cluster.
        name: String,
        /// The key.
        key: &'static str,
        /// What it belongs to.
        with: &'static str,
    },
    /// A token would cross the network in the clear.
    #[error("cluster {0:?}: a token over plain http is allowed to a loopback address only; use https")]
    Plain(String),
    /// A kubeconfig cannot be read.
    #[error("cannot read the kubeconfig {path}")]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<KubeconfigError>,
    },
    /// A context does not exist.
    #[error("the kubeconfig {path} has no context {context:?}; it has {known}")]
    Context {
        /// The file.
        path: PathBuf,
        /// The context asked for.
        context: String,
        /// Those it has.
        known: String,
    },
    /// The file of clusters cannot be read.
    #[error("cannot read the cluster file {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file of clusters is not understood.
    #[error("the cluster file {path} is not valid")]
    Yaml {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_yaml_ng::Error,
    },
}

/// Checks clusters by themselves and against each other.
///
/// # Errors
/// With the first thing that is wrong.
pub fn validate(clusters: &[ClusterConfig]) -> Result<(), ConfigError> {
    let mut names = BTreeSet::new();
    for cluster in clusters {
        cluster.validate()?;
        if !names.insert(&cluster.name) {
            return Err(ConfigError::SameName(cluster.name.clone()));
        }
    }
    Ok(())
}

impl ClusterConfig {
    /// A cluster behind a context of a kubeconfig.
    pub fn of_context(name: impl Into<String>, kubeconfig: impl Into<PathBuf>, context: impl Into<String>) -> Self {
        Self { kubeconfig: Some(kubeconfig.into()), context: Some(context.into()), ..Self::empty(name) }
    }

    /// A cluster behind a URL, with a bearer token.
    pub fn of_server(name: impl Into<String>, server: impl Into<String>, token: Option<Secret>) -> Self {
        Self { server: Some(server.into()), token, ..Self::empty(name) }
    }

    fn empty(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kubeconfig: None,
            context: None,
            server: None,
            token: None,
            token_file: None,
            ca_file: None,
            id: None,
            heartbeat: true,
        }
    }

    fn validate(&self) -> Result<(), ConfigError> {
        cluster_name(&self.name).map_err(ConfigError::Name)?;
        if self.kubeconfig.is_some() == self.server.is_some() {
            return Err(ConfigError::Way(self.name.clone()));
        }
        let server_only = [
            ("token", self.token.is_some()),
            ("token_file", self.token_file.is_some()),
            ("ca_file", self.ca_file.is_some()),
        ];
        let wrong = |key, with| Err(ConfigError::Key { name: self.name.clone(), key, with });
        match &self.server {
            None => match server_only.iter().find(|(_, given)| *given) {
                Some((key, _)) => wrong(*key, "server"),
                None => Ok(()),
            },
            Some(_) if self.context.is_some() => wrong("context", "kubeconfig"),
            Some(server) => {
                let secret = self.token.is_some() || self.token_file.is_some();
                if secret && server.starts_with("http://") && !is_loopback(server) {
                    return Err(ConfigError::Plain(self.name.clone()));
                }
                Ok(())
            }
        }
    }
}

fn is_loopback(server: &str) -> bool {
    let host = server.parse::<http::Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The clusters behind contexts of a kubeconfig, each named like its context; all contexts where none is named.
///
/// # Errors
/// When the file cannot be read, or has no such context.
pub fn clusters_from_kubeconfig(path: &Path, contexts: &[String]) -> Result<Vec<ClusterConfig>, ConfigError> {
    let kubeconfig = Kubeconfig::read_from(path)
        .map_err(|source| ConfigError::Kubeconfig { path: path.into(), source: Box::new(source) })?;
    let known: Vec<String> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
    for context in contexts {
        if !known.contains(context) {
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            return Err(ConfigError::Context { path: path.into(), context: context.clone(), known });
        }
    }
    let chosen = if contexts.is_empty() { &known[..] } else { contexts };
    Ok(chosen.iter().map(|context| ClusterConfig::of_context(context, path, context)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<ClusterConfig, String> {
        let config: ClusterConfig = serde_yaml_ng::from_str(yaml).map_err(|error| error.to_string())?;
        config.validate().map(|()| config).map_err(|error| error.to_string())
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_key() {
        for (yaml, expected) in [
            ("{name: a, server: 'https://h', tokn: x}", "unknown field `tokn`"),
            ("{server: 'https://h'}", "missing field `name`"),
            ("{name: '', server: 'https://h'}", "cannot be a cluster's name"),
            ("{name: '  ', server: 'https://h'}", "use 1 to 128 characters"),
            ("{name: a}", "either `kubeconfig` or `server`"),
            ("{name: a, server: 'https://h', kubeconfig: k}", "either `kubeconfig` or `server`"),
            ("{name: a, kubeconfig: k, token: t}", "`token` goes with `server`"),
            ("{name: a, server: 'https://h', context: c}", "`context` goes with `kubeconfig`"),
            ("{name: a, server: 'http://example.org', token: t}", "use https"),
            ("{name: a, server: 'https://h', id: 'a b'}", "cluster uid"),
        ] {
            let error = read(yaml).unwrap_err();
            assert!(error.contains(expected), "{yaml}: {error}");
        }
        for good in
            ["{name: a, server: 'http://127.0.0.1:1', token: t}", "{name: a, server: 'http://[::1]:1', token: t}"]
        {
            assert!(read(good).is_ok_and(|config| config.heartbeat), "{good}");
        }
        let twice =
            [ClusterConfig::of_server("a", "https://h", None), ClusterConfig::of_server("a", "https://i", None)];
        assert!(matches!(validate(&twice), Err(ConfigError::SameName(_))));
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = ClusterConfig::of_server("a", "https://h", Some(Secret::new("hunter2")));
        let shown = format!("{config:?}{}", serde_yaml_ng::to_string(&config).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
