//! The key of a state: a hash for the Event, a number for its version.

use beidou_schemas::{ClusterUid, Epoch};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

/// Longest cluster uid (see `schemas::ids`) plus NUL and uid.
const BUFFER: usize = 128 + 1 + 16;
/// 2^64 divided by the golden ratio: multiples of it lie far apart, those of the first thousand numbers by 2^52 and more.
const APART: u64 = 0x9E37_79B9_7F4A_7C15;

/// Which state this is: XXH3-128 of (cluster, Event uid), and the resource version, moved for each life of the cluster's etcd.
///
/// An Event is the same in all lives: a restored etcd brings it again as it was, under its old uid, and what it has counted
/// till then has happened once. Its states are not: the same version may be another state in each life. Versions of one life
/// are compared exactly, and those of another one meet them nowhere: they grow with the revision of etcd, which is no 2^52.
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
        for part in [cluster, &[0], event.as_bytes()] {
            buffer[length..length + part.len()].copy_from_slice(part);
            length += part.len();
        }
        let hash = xxh3_128(&buffer[..length]);
        let version = resource_version.wrapping_add(APART.wrapping_mul(epoch.0.into()));
        Self { event: [hash as u64, (hash >> 64) as u64], version }
    }

    /// A hash of the Event, for tables.
    pub(super) fn event_hash(self) -> u64 {
        self.event[0]
    }

    /// A hash of the state, for tables.
    pub(super) fn state_hash(self) -> u64 {
        self.event[1] ^ self.version.wrapping_mul(APART)
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

    #[test]
    fn an_event_is_the_same_in_each_life_and_its_states_are_not() {
        let cluster: ClusterUid = "c-1".parse().unwrap();
        let key = |epoch, version| StateKey::new(&cluster, Epoch(epoch), Uuid::from_u128(7), version);
        assert_eq!(key(0, 9).event, key(3, 9).event);
        assert_eq!(key(0, 9).version, 9);
        let mut versions: Vec<_> = (0..1000).map(|epoch| key(epoch, 0).version).collect();
        versions.sort_unstable();
        let nearest =
            versions.windows(2).map(|pair| pair[1] - pair[0]).chain([versions[0].wrapping_sub(versions[999])]).min();
        assert!(nearest >= Some(1 << 52), "{nearest:?}");
    }
}
