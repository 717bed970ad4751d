//! The common form of the control plane's own facts: `{"kind": number, …}`.

use serde::Serialize;

use crate::{Topic, numbered::UnknownKind};

/// A value that is no fact of this topic.
#[derive(Debug, thiserror::Error)]
pub enum FactError {
    /// The JSON has not the form of its kind.
    #[error("the value is not a {topic} fact")]
    Json {
        /// The topic's name.
        topic: Topic,
        /// What serde says.
        source: serde_json::Error,
    },
    /// The number of the kind is unknown.
    #[error("this version is too old for the log, upgrade it")]
    Kind(#[from] UnknownKind),
}

/// Writes `{"kind": number, …fact}`.
pub(crate) fn numbered_json<T: Serialize>(kind: u8, fact: &T) -> Vec<u8> {
    let mut value = serde_json::to_value(fact).expect("facts have string keys and no maps that could fail");
    value.as_object_mut().expect("facts are structs").insert("kind".into(), kind.into());
    serde_json::to_vec(&value).expect("a Value always serialises")
}

/// Splits `{"kind": number, …fact}`.
pub(crate) fn split_kind(topic: Topic, json: &[u8]) -> Result<(u64, serde_json::Value), FactError> {
    let mut value: serde_json::Value =
        serde_json::from_slice(json).map_err(|source| FactError::Json { topic, source })?;
    let kind = value.as_object_mut().and_then(|o| o.remove("kind")).and_then(|k| k.as_u64());
    Ok((kind.unwrap_or(0), value))
}

pub(crate) fn body<T: serde::de::DeserializeOwned>(topic: Topic, value: serde_json::Value) -> Result<T, FactError> {
    serde_json::from_value(value).map_err(|source| FactError::Json { topic, source })
}

pub(crate) fn unknown(what: &'static str, kind: u64, allowed: &str) -> FactError {
    FactError::Kind(UnknownKind { what, value: kind.to_string(), allowed: allowed.into() })
}
