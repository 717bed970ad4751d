//! States that this collector has put into the log lately, so that a list does not append them once more.
//!
//! It only spares work: the projector drops what it has seen, and a state that is not remembered here is appended.
//! The resource version is compared exactly and the uid by a 64-bit hash; within one epoch a version names one write,
//! so that two states would have to share both.

use std::{
    collections::{HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

use beidou_schemas::{EventUid, ResourceVersion};

/// A bounded memory of (uid, resource version); the oldest is forgotten first.
#[derive(Debug)]
pub struct Seen {
    limit: usize,
    order: VecDeque<(u64, u64)>,
    known: HashSet<(u64, u64)>,
}

impl Seen {
    /// A memory of at most `limit` states, about 50 bytes each.
    pub fn new(limit: usize) -> Self {
        Self { limit, order: VecDeque::new(), known: HashSet::new() }
    }

    /// Remembers a state; false where it was known.
    pub fn insert(&mut self, event: &EventUid, version: ResourceVersion) -> bool {
        let key = key(event, version);
        if !self.known.insert(key) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }

    /// Whether the state is remembered.
    pub fn contains(&self, event: &EventUid, version: ResourceVersion) -> bool {
        self.known.contains(&key(event, version))
    }

    /// Forgets everything: a new epoch began.
    pub fn clear(&mut self) {
        self.order.clear();
        self.known.clear();
    }
}

fn key(event: &EventUid, version: ResourceVersion) -> (u64, u64) {
    let mut hasher = DefaultHasher::new();
    event.hash(&mut hasher);
    (hasher.finish(), version.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_up_to_its_limit() {
        let uid = |n: u64| format!("u{n}").parse::<EventUid>().unwrap();
        let mut seen = Seen::new(2);
        assert!(seen.insert(&uid(1), ResourceVersion(1)));
        assert!(!seen.insert(&uid(1), ResourceVersion(1)));
        assert!(seen.insert(&uid(1), ResourceVersion(2)), "another state of the same Event");
        assert!(seen.insert(&uid(2), ResourceVersion(3)));
        assert!(!seen.contains(&uid(1), ResourceVersion(1)), "the oldest is forgotten");
        assert!(seen.contains(&uid(1), ResourceVersion(2)));
        seen.clear();
        assert!(!seen.contains(&uid(2), ResourceVersion(3)));
    }
}
