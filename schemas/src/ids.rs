//! Typed identifiers: one type per entity, so that a cluster's uid cannot be passed for an Event's.

use std::{
    fmt::{self, Write},
    str::FromStr,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

/// An identifier that does not have the form it must have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value:?} is not valid: {allowed}")]
pub struct InvalidId {
    /// The kind of identifier.
    pub what: &'static str,
    /// The refused text.
    pub value: String,
    /// What would have been accepted.
    pub allowed: &'static str,
}

/// Longest accepted identifier, in bytes: a Kubernetes uid has 36, an explicit cluster id is chosen by people.
const MAX_ID_BYTES: usize = 128;

fn checked(what: &'static str, value: &str) -> Result<Arc<str>, InvalidId> {
    let fits = !value.is_empty() && value.len() <= MAX_ID_BYTES;
    if fits && value.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b'"' | b'\\' | b'\'')) {
        return Ok(value.into());
    }
    let allowed = "1 to 128 visible ASCII characters without slash, backslash and quotes";
    Err(InvalidId { what, value: value.into(), allowed })
}

/// Longest name of a cluster, in characters.
const MAX_NAME_CHARS: usize = 128;

/// Checks a name that people have for a cluster, in the configuration or in a dump. Contexts of a kubeconfig have slashes,
/// colons and spaces in their names, so these may stand in it.
///
/// # Errors
/// When it is empty, blank or too long, or holds control characters.
pub fn cluster_name(name: &str) -> Result<(), InvalidId> {
    let fits = !name.trim().is_empty() && name.chars().count() <= MAX_NAME_CHARS;
    if fits && !name.chars().any(char::is_control) {
        return Ok(());
    }
    let allowed = "1 to 128 characters, not white space alone, and no control characters";
    Err(InvalidId { what: "cluster name", value: name.into(), allowed })
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The identifier's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(value: &str) -> Result<Self, InvalidId> {
                checked($what, value).map(Self)
            }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(value: String) -> Result<Self, InvalidId> {
                value.parse()
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().into()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A cluster: the uid of its `kube-system` namespace, or an explicit id where two clusters share that uid.
    ClusterUid,
    "cluster uid"
);
text_id!(
    /// An Event object's own `metadata.uid`.
    EventUid,
    "event uid"
);

/// How often a cluster's etcd was set back to an older state: 0 for the first life of a cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The epoch after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A `resourceVersion` as a number: comparable within one cluster, resource and epoch (KEP-5504).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceVersion(pub u64);

impl fmt::Display for ResourceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ResourceVersion {
    type Err = InvalidId;
    fn from_str(value: &str) -> Result<Self, InvalidId> {
        let canonical = !value.starts_with('0') || value == "0";
        let digits = value.bytes().all(|b| b.is_ascii_digit());
        value.parse().ok().filter(|_| canonical && digits).map(Self).ok_or_else(|| InvalidId {
            what: "resourceVersion",
            value: value.into(),
            allowed: "a decimal number below 2^64 without leading zeros",
        })
    }
}

/// The place of a record in one partition of one topic. Offsets grow; they may have holes.
pub type Offset = u64;

/// One state of one Event: stored once, however often it was read, produced, consumed or inserted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// The cluster.
    pub cluster: ClusterUid,
    /// The life of the cluster's etcd.
    pub epoch: Epoch,
    /// The Event object.
    pub event: EventUid,
    /// The state of that object.
    pub resource_version: ResourceVersion,
}

impl Identity {
    /// `epoch.uid.resourceVersion`: unique within the cluster; the CloudEvents `id`.
    pub fn id(&self) -> String {
        let mut text = String::new();
        self.write_id(&mut text);
        text
    }

    /// Adds [`Identity::id`] to a text.
    pub fn write_id(&self, text: &mut String) {
        write!(text, "{}.{}.{}", self.epoch.0, self.event, self.resource_version).expect("a String takes any text");
    }

    /// Reads what [`Identity::id`] wrote.
    ///
    /// # Errors
    /// When the text has not three parts of the right form.
    pub fn parse(cluster: ClusterUid, id: &str) -> Result<Self, InvalidId> {
        let bad = || InvalidId {
            what: "event state id",
            value: id.into(),
            allowed: "epoch.uid.resourceVersion, as 0.<uid>.42",
        };
        let (epoch, rest) = id.split_once('.').ok_or_else(bad)?;
        let (event, version) = rest.rsplit_once('.').ok_or_else(bad)?;
        Ok(Self {
            cluster,
            epoch: Epoch(epoch.parse().map_err(|_| bad())?),
            event: event.parse()?,
            resource_version: version.parse()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_reads_back_what_it_wrote() {
        let cluster: ClusterUid = "c-1".parse().unwrap();
        let identity = Identity {
            cluster: cluster.clone(),
            epoch: Epoch(3),
            event: "odd.uid.with.dots".parse().unwrap(),
            resource_version: ResourceVersion(42),
        };
        assert_eq!(Identity::parse(cluster, &identity.id()).unwrap(), identity);
    }

    #[test]
    fn a_cluster_is_called_what_people_can_read_and_write() {
        for good in ["hz-prod-02", "arn:aws:eks:eu-1:7:cluster/shop", "Küche 2", &"é".repeat(128)] {
            assert_eq!(cluster_name(good), Ok(()), "{good:?}");
        }
        for bad in ["", " ", " \u{a0} ", "a/b\n", "a\0", "\u{85}a", &"é".repeat(129)] {
            let error = cluster_name(bad).unwrap_err();
            assert!(
                error.to_string().contains("cluster name") && error.allowed.contains("1 to 128"),
                "{bad:?}: {error}"
            );
        }
    }

    #[test]
    fn odd_identifiers_are_refused_with_what_is_allowed() {
        for bad in ["", "a b", "a/b", "a\"b", "é", &"x".repeat(129)] {
            let error = bad.parse::<EventUid>().unwrap_err().to_string();
            assert!(error.contains("event uid") && error.contains("visible ASCII"), "{error}");
        }
        for bad in ["", "007", "-1", "1.0", "99999999999999999999", "+5"] {
            assert!(bad.parse::<ResourceVersion>().is_err(), "{bad}");
        }
        assert_eq!("0".parse(), Ok(ResourceVersion(0)));
    }
}
