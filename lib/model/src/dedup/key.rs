//! The key of a state: a hash for the Event, the plain number for its version.

use beidou_schemas::{ClusterUid, Epoch};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

/// Longest cluster uid (see `schemas::ids`) plus NUL, epoch and uid.
const BUFFER: usize = 128 + 1 + 4 + 16;

/// Which state this is: XXH3-128 of (cluster, epoch, Event uid), and the resource version as it is.
///
/// Two Events of one window share a hash with a probability below 1e-27 at the largest window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateKey {
    pub(super) event: [u64; 2],
    pub(super) version: u64,
}

impl StateKey {
    /// The key of a state as the table identifies it.
    pub fn new(cluster: &ClusterUid, epoch: Epoch, event: Uuid, resource_version: u64) -> Self {
        let cluster = cluster.as_str().as_bytes();
        let mut buffer = [0; BUFFER];
        let mut length = 0;
        for part in [cluster, &[0], &epoch.0.to_le_bytes(), event.as_bytes()] {
            buffer[length..length + part.len()].copy_from_slice(part);
            length += part.len();
        }
        let hash = xxh3_128(&buffer[..length]);
        Self { event: [hash as u64, (hash >> 64) as u64], version: resource_version }
    }

    /// A hash of the Event, for tables.
    pub(super) fn event_hash(self) -> u64 {
        self.event[0]
    }

    /// A hash of the state, for tables. The multiplier is 2^64 divided by the golden ratio: it spreads small numbers.
    pub(super) fn state_hash(self) -> u64 {
        self.event[1] ^ self.version.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let cluster: ClusterUid = "c-1".parse().unwrap();
        let longest: ClusterUid = "x".repeat(128).parse().unwrap();
        let key = StateKey::new(&cluster, Epoch(1), Uuid::from_u128(7), 9);
        assert_eq!(key, StateKey::new(&cluster.clone(), Epoch(1), Uuid::from_u128(7), 9));
        for other in [
            StateKey::new(&longest, Epoch(1), Uuid::from_u128(7), 9),
            StateKey::new(&cluster, Epoch(2), Uuid::from_u128(7), 9),
            StateKey::new(&cluster, Epoch(1), Uuid::from_u128(8), 9),
            StateKey::new(&cluster, Epoch(1), Uuid::from_u128(7), 10),
        ] {
            assert_ne!(key, other);
        }
    }
}
