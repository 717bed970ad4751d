//! Facts of locks: who holds what, since when, why, and until when unless renewed.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Micros, numbered::numbered};

/// What can be locked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Lock {
    /// A cluster.
    Cluster {
        /// Its name.
        cluster: String,
    },
    /// A node or a machine of a cluster.
    Node {
        /// The cluster's name.
        cluster: String,
        /// Its address, or the name of the node: who names both locks both.
        host: String,
    },
}

impl Lock {
    /// The address of what is locked, where it is locked by that.
    pub fn address(&self) -> Option<&str> {
        match self {
            Self::Node { host, .. } => Some(&**host).filter(|host| host.parse::<IpAddr>().is_ok()),
            Self::Cluster { .. } => None,
        }
    }
}

numbered! {
    /// Why a lock is free.
    pub enum Released {
        /// Its operation is over.
        Over = 1 => "over",
        /// Its operation stood still for longer than the lock holds.
        Expired = 2 => "expired",
    }
}

/// The operation has locked something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockTaken {
    /// What.
    pub locks: Vec<Lock>,
    /// Until when, unless renewed.
    pub until: Micros,
    /// Why, for people.
    pub why: String,
}

/// All that the operation has locked stays so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockRenewed {
    /// Until when, unless renewed again.
    pub until: Micros,
}

/// All that the operation had locked is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockReleased {
    /// Why.
    pub why: Released,
}
