//! The hash chain of an export: each line is bound to all lines before it.
//!
//! `H(0)` is 64 zeros; `H(n) = SHA-256(H(n-1) as 64 hex digits ‖ line n without its line feed)`, in hex. The last line is
//! not part of the chain: it says how many lines there are before it, and the last hash.

use beidou_model::operation::Operation;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What the format is called in the first line.
pub const FORMAT: &str = "beidou.operation.export.v1";

/// What went into an operation, each with its SHA-256 in hex: the bundle, and specification and plan as JSON.
pub fn digests(operation: &Operation) -> [(&'static str, String); 3] {
    let sha256 = |value: Result<Value, serde_json::Error>| hex(&Sha256::digest(value.unwrap_or_default().to_string()));
    [
        ("bundle", operation.plan.bundle.digest.clone()),
        ("spec", sha256(serde_json::to_value(&operation.spec))),
        ("plan", sha256(serde_json::to_value(&operation.plan))),
    ]
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The state of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Lines so far.
    pub count: u64,
    /// The last hash: 64 hex digits.
    pub head: String,
}

/// The last line of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Always `end`.
    pub kind: String,
    /// Lines before this one.
    pub count: u64,
    /// The last hash: 64 hex digits.
    pub head: String,
}

/// Why an export is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The last line is missing: the file was cut.
    #[error("the last line is missing: the file was cut after line {0}")]
    Cut(u64),
    /// The count differs.
    #[error("the file has {found} lines before its last one, which says {told}")]
    Count {
        /// Lines that are there.
        found: u64,
        /// Lines that the last line tells of.
        told: u64,
    },
    /// The hash differs.
    #[error(
        "the hash of the {count} lines is {found}, and the last line says {told}: a line was changed, added, or moved"
    )]
    Head {
        /// Lines that are there.
        count: u64,
        /// Their hash.
        found: String,
        /// The hash that the last line tells of.
        told: String,
    },
    /// Something follows the last line.
    #[error("line {0} stands behind the last line")]
    Behind(u64),
}

impl Default for Chain {
    fn default() -> Self {
        Self { count: 0, head: "0".repeat(64) }
    }
}

impl Chain {
    /// Takes a line in, without its line feed.
    pub fn push(&mut self, line: &[u8]) {
        let mut hash = Sha256::new();
        hash.update(self.head.as_bytes());
        hash.update(line);
        self.head = hex(&hash.finalize());
        self.count += 1;
    }

    /// The last line.
    pub fn end(&self) -> String {
        let end = End { kind: "end".into(), count: self.count, head: self.head.clone() };
        serde_json::to_string(&end).expect("texts and numbers always serialise")
    }

    /// Verifies a whole export; its lines without the last one.
    ///
    /// # Errors
    /// When it was cut, or a line was changed, added, moved or left out.
    pub fn verify(text: &str) -> Result<Vec<&str>, ChainError> {
        let (mut chain, mut lines) = (Self::default(), Vec::new());
        let mut all = text.lines();
        for line in all.by_ref() {
            if let Ok(end) = serde_json::from_str::<End>(line)
                && end.kind == "end"
            {
                return match all.next() {
                    Some(_) => Err(ChainError::Behind(chain.count + 2)),
                    None => chain.agrees(&end).map(|()| lines),
                };
            }
            chain.push(line.as_bytes());
            lines.push(line);
        }
        Err(ChainError::Cut(chain.count))
    }

    fn agrees(&self, end: &End) -> Result<(), ChainError> {
        if self.count != end.count {
            return Err(ChainError::Count { found: self.count, told: end.count });
        }
        if self.head != end.head {
            let (count, found, told) = (self.count, self.head.clone(), end.head.clone());
            return Err(ChainError::Head { count, found, told });
        }
        Ok(())
    }
}
