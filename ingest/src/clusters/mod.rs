//! Which clusters are collected: configuration, connection, identity, rights.

mod config;
mod connect;
mod file;
mod identify;
mod rights;

pub use config::{ClusterConfig, ConfigError, Secret, clusters_from_kubeconfig, validate};
pub use file::{follow_file, read_file};

pub(crate) use connect::{ConnectError, connect};
pub(crate) use identify::identify;
pub(crate) use rights::missing_rights;
