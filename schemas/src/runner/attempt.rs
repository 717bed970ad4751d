//! The name of one attempt of a step: a runner's claim, a Job's name and a token are all good for this alone.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::InvalidId;

/// A DNS-1123 label: the name is that of a Kubernetes Job as well.
const MAX_BYTES: usize = 63;
const ALLOWED: &str = "1 to 63 lower-case letters, digits and hyphens, a letter or digit at both ends";

/// `<8 hex digits of the operation>-<step>-b<batch>-a<attempt>`, the same whenever it is computed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AttemptId(Arc<str>);

impl AttemptId {
    /// The name of an attempt. Batches and attempts count from 0 and 1, or as the caller does: they only must differ.
    ///
    /// # Errors
    /// When the step's name has other characters than letters, digits and hyphens, or is too long.
    pub fn new(operation: Uuid, step: &str, batch: u32, attempt: u32) -> Result<Self, InvalidId> {
        let operation = operation.simple().to_string();
        format!("{}-{}-b{batch}-a{attempt}", &operation[..8], step.to_ascii_lowercase()).parse()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AttemptId {
    type Err = InvalidId;

    fn from_str(value: &str) -> Result<Self, InvalidId> {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = value.as_bytes();
        let ends = bytes.first().copied().is_some_and(inner) && bytes.last().copied().is_some_and(inner);
        if ends && bytes.len() <= MAX_BYTES && bytes.iter().all(|byte| inner(*byte) || *byte == b'-') {
            return Ok(Self(value.into()));
        }
        Err(InvalidId { what: "attempt", value: value.into(), allowed: ALLOWED })
    }
}

impl TryFrom<String> for AttemptId {
    type Error = InvalidId;

    fn try_from(value: String) -> Result<Self, InvalidId> {
        value.parse()
    }
}

impl From<AttemptId> for String {
    fn from(id: AttemptId) -> String {
        id.0.as_ref().into()
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_made_of_its_parts_and_is_a_name_of_a_job() {
        let operation = Uuid::parse_str("0f1e2d3c-4b5a-4697-8899-aabbccddeeff").unwrap();
        let id = AttemptId::new(operation, "preCheck", 0, 2).unwrap();
        assert_eq!(id.as_str(), "0f1e2d3c-precheck-b0-a2");
        for bad in ["pre check", "pre_check", &"x".repeat(60)] {
            let error = AttemptId::new(operation, bad, 0, 1).unwrap_err().to_string();
            assert!(error.contains("63") && error.contains("-b0-a1"), "{error}");
        }
        for bad in ["", "-a", "a-", "A"] {
            assert!(bad.parse::<AttemptId>().is_err(), "{bad}");
        }
    }
}
