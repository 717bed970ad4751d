//! The hash of stored states: what log, table and archive are compared by.
//!
//! ```text
//!  row hash    XXH3-64 of  identity NUL name NUL message NUL residual
//!  identity    {cluster_uid}/{epoch}/{event_uid}/{resource_version}, the uid lower case and hyphenated
//!  range hash  sum of the row hashes, wrapping at 2^64: no order, and a doubled row changes it
//! ```
//!
//! The identity says which state it is; name, message and residual are the parts of a row that have most to lose. The
//! SQL beside the Rust gives the same number on the engine.

use std::{fmt, fmt::Write, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::{Uuid, fmt::Hyphenated};
use xxhash_rust::xxh3::xxh3_64;

use crate::InvalidId;

/// The hash of a row of `kube_event`, as SQL.
pub const ROW_HASH_SQL: &str = "xxh3(concat(cluster_uid, '/', toString(epoch), '/', toString(event_uid), '/', \
     toString(resource_version), '\\0', name, '\\0', message, '\\0', residual))";

/// What a row's hash is made of, named as the columns.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "the columns of kube_event")]
pub struct HashedRow<'a> {
    pub cluster_uid: &'a str,
    pub epoch: u32,
    pub event_uid: Uuid,
    pub resource_version: u64,
    pub name: &'a str,
    pub message: &'a str,
    pub residual: &'a str,
}

/// Hashes rows, with one buffer for all of them.
#[derive(Debug, Default)]
pub struct RowHasher {
    text: String,
}

impl RowHasher {
    /// The hash of a row.
    pub fn hash(&mut self, row: &HashedRow<'_>) -> u64 {
        self.text.clear();
        row.write_identity(&mut self.text);
        for part in [row.name, row.message, row.residual] {
            self.text.push('\0');
            self.text.push_str(part);
        }
        xxh3_64(self.text.as_bytes())
    }
}

impl HashedRow<'_> {
    /// The state's identity as text.
    pub fn identity(&self) -> String {
        let mut text = String::new();
        self.write_identity(&mut text);
        text
    }

    fn write_identity(&self, text: &mut String) {
        let mut uid = [0; Hyphenated::LENGTH];
        let uid = self.event_uid.hyphenated().encode_lower(&mut uid);
        let (cluster, epoch, version) = (self.cluster_uid, self.epoch, self.resource_version);
        write!(text, "{cluster}/{epoch}/{uid}/{version}").expect("a String takes all");
    }
}

/// The hash of a set of rows: 0 for none. Written as 16 hexadecimal digits, since JSON's numbers end at 2^53.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RangeHash(pub u64);

impl RangeHash {
    /// The same set with one more row.
    pub fn with(self, row: u64) -> Self {
        Self(self.0.wrapping_add(row))
    }

    /// Both sets together.
    pub fn and(self, other: Self) -> Self {
        self.with(other.0)
    }
}

impl FromIterator<u64> for RangeHash {
    fn from_iter<T: IntoIterator<Item = u64>>(rows: T) -> Self {
        rows.into_iter().fold(Self::default(), Self::with)
    }
}

impl fmt::Display for RangeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for RangeHash {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let digits = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let value = u64::from_str_radix(text, 16).ok().filter(|_| digits);
        let allowed = "16 hexadecimal digits in lower case";
        value.map(Self).ok_or_else(|| InvalidId { what: "range hash", value: text.into(), allowed })
    }
}

impl TryFrom<String> for RangeHash {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<RangeHash> for String {
    fn from(hash: RangeHash) -> String {
        hash.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> HashedRow<'static> {
        HashedRow {
            cluster_uid: "0f8fad5b-d9cb-469f-a165-70867728950e",
            epoch: 1,
            event_uid: Uuid::from_u128(0x7c9e_6679_7425_40de_944b_e07f_c1f9_0ae7),
            resource_version: 4711,
            name: "recsys-ranker-7d9f8b5c-x2k9q",
            message: "Back-off pulling image \"ranker:2.9\" é",
            residual: "{\"x\":1}",
        }
    }

    #[test]
    fn hashes_are_golden() {
        let mut hasher = RowHasher::default();
        let hash = hasher.hash(&row());
        let empty = HashedRow { name: "", message: "", residual: "", ..row() };
        let both = RangeHash::from_iter([hash, hasher.hash(&empty)]);
        let text = format!("{}\n{}\n{both}", row().identity(), RangeHash(hash));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn every_part_counts_and_parts_do_not_run_together() {
        let mut hasher = RowHasher::default();
        let base = hasher.hash(&row());
        for other in [
            HashedRow { cluster_uid: "c", ..row() },
            HashedRow { epoch: 2, ..row() },
            HashedRow { event_uid: Uuid::from_u128(1), ..row() },
            HashedRow { resource_version: 4712, ..row() },
            HashedRow { name: "", ..row() },
            HashedRow { message: "", ..row() },
            HashedRow { residual: "", ..row() },
        ] {
            assert_ne!(hasher.hash(&other), base, "{other:?}");
        }
        let shifted = |name, message| HashedRow { name, message, ..row() };
        assert_ne!(hasher.hash(&shifted("a", "bc")), hasher.hash(&shifted("ab", "c")));
    }

    #[test]
    fn a_range_has_no_order_and_sees_doubled_rows() {
        let hash = |rows: &[u64]| rows.iter().copied().collect::<RangeHash>();
        assert_eq!(hash(&[u64::MAX, 5, 7]), hash(&[7, u64::MAX, 5]));
        assert_ne!(hash(&[5, 7]), hash(&[5, 7, 7]));
        assert_eq!(hash(&[5]).and(hash(&[7])), hash(&[5, 7]));
        assert_eq!(hash(&[5]).to_string().parse(), Ok(hash(&[5])));
        for bad in ["", "5", "00000000000000GG", "000000000000000A", "+000000000000005"] {
            assert!(bad.parse::<RangeHash>().is_err(), "{bad}");
        }
    }
}
