//! The window itself: a ring of the partition's recent states, and two tables into it.
//!
//! ```text
//!  states  (event, version) ─► newest slot of this state
//!  events  event ─► front … back: slots of falling counts, so that the front is the greatest of the window
//!  ring    [slot][slot][slot]… oldest first; a slot that leaves takes its table entries along
//! ```

use std::collections::VecDeque;

use beidou_schemas::Offset;
use hashbrown::HashTable;

use super::StateKey;

/// Offsets in the window unless configured otherwise: with four partitions two million states, more than a fleet
/// of 500 Events a second makes in the hour for which Kubernetes keeps an Event and may bring it again. One less than
/// 2^19, since the ring also holds the newest state and grows by doubling.
pub const DEFAULT_WINDOW: u32 = 524_287;
/// The smallest window worth a configuration: with less not even two pages of a list would be recognised.
pub const MIN_WINDOW: u32 = 1000;
/// The largest window: 1.1 GB of memory for one partition. Offsets in slots are cut to 32 bits, which needs less than 2^31.
pub const MAX_WINDOW: u32 = 1 << 24;

/// What the index says about a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not seen inside the window.
    New {
        /// By how much its count exceeds the greatest one seen of its Event.
        delta: u32,
    },
    /// Seen: it must not be stored again.
    Duplicate,
}

/// The recent states of one partition.
#[derive(Debug)]
pub struct RecentStates {
    window: u32,
    /// Offset of the newest slot.
    newest: Offset,
    /// Number of the oldest slot; slots are numbered in order, wrapping.
    base: u32,
    ring: VecDeque<Slot>,
    states: HashTable<u32>,
    events: HashTable<Chain>,
}

/// A state in the window: 40 bytes.
#[derive(Debug)]
struct Slot {
    key: StateKey,
    /// The low half of its offset.
    offset: u32,
    occurrences: u32,
    /// Neighbours in the Event's chain; a slot without one names itself.
    older: u32,
    newer: u32,
}

/// An Event's slots of falling counts, by number.
#[derive(Debug, Clone, Copy)]
struct Chain {
    front: u32,
    back: u32,
}

impl RecentStates {
    /// An empty index over the last `window` offsets, at least 1 and at most [`MAX_WINDOW`].
    pub fn new(window: u32) -> Self {
        Self {
            window: window.clamp(1, MAX_WINDOW),
            newest: 0,
            base: 0,
            ring: VecDeque::new(),
            states: HashTable::new(),
            events: HashTable::new(),
        }
    }

    /// Where a reader must begin so that the index before `next` becomes complete.
    pub fn rebuild_from(&self, next: Offset) -> Offset {
        next.saturating_sub(self.window.into())
    }

    /// Judges the state at `offset` and remembers it. Offsets must grow from call to call.
    ///
    /// `occurrences` is the Event's own cumulative count in this state.
    pub fn observe(&mut self, offset: Offset, key: StateKey, occurrences: u32) -> Verdict {
        debug_assert!(self.ring.is_empty() || offset > self.newest, "offset {offset} after {}", self.newest);
        self.forget_before(offset);
        self.newest = offset;
        let number = self.base.wrapping_add(self.ring.len() as u32);
        let greatest = self.chain(key).map_or(0, |chain| self.slot(chain.front).occurrences);
        self.ring.push_back(Slot { key, offset: offset as u32, occurrences, older: number, newer: number });
        self.link(number, key, occurrences);
        if self.note_state(number, key) {
            Verdict::Duplicate
        } else {
            Verdict::New { delta: occurrences.saturating_sub(greatest) }
        }
    }

    /// States in the window.
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether no state is in the window.
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// Bytes allocated for ring and tables.
    pub fn memory_bytes(&self) -> usize {
        self.ring.capacity() * size_of::<Slot>() + self.states.allocation_size() + self.events.allocation_size()
    }

    fn slot(&self, number: u32) -> &Slot {
        &self.ring[number.wrapping_sub(self.base) as usize]
    }

    fn slot_mut(&mut self, number: u32) -> &mut Slot {
        &mut self.ring[number.wrapping_sub(self.base) as usize]
    }

    fn chain(&self, key: StateKey) -> Option<Chain> {
        self.events.find(key.event_hash(), |chain| self.slot(chain.back).key.event == key.event).copied()
    }

    /// Points the state's entry to its newest slot; whether there was one.
    fn note_state(&mut self, number: u32, key: StateKey) -> bool {
        let Self { states, ring, base, .. } = self;
        let at = |number: u32| &ring[number.wrapping_sub(*base) as usize];
        match states.find_mut(key.state_hash(), |&other| at(other).key == key) {
            Some(entry) => {
                *entry = number;
                true
            }
            None => {
                states.insert_unique(key.state_hash(), number, |&other| at(other).key.state_hash());
                false
            }
        }
    }

    /// Puts a new slot at the back of its Event's chain, in place of all that it exceeds.
    fn link(&mut self, number: u32, key: StateKey, occurrences: u32) {
        let Some(chain) = self.chain(key) else {
            return self.set_chain(key, Chain { front: number, back: number });
        };
        let mut at = chain.back;
        while self.slot(at).occurrences <= occurrences {
            let older = self.slot(at).older;
            if older == at {
                return self.set_chain(key, Chain { front: number, back: number });
            }
            at = older;
        }
        self.slot_mut(at).newer = number;
        self.slot_mut(number).older = at;
        self.set_chain(key, Chain { front: chain.front, back: number });
    }

    fn set_chain(&mut self, key: StateKey, chain: Chain) {
        let Self { events, ring, base, .. } = self;
        let at = |number: u32| &ring[number.wrapping_sub(*base) as usize].key;
        match events.find_mut(key.event_hash(), |known| at(known.back).event == key.event) {
            Some(known) => *known = chain,
            None => {
                events.insert_unique(key.event_hash(), chain, |other| at(other.back).event_hash());
            }
        }
    }

    fn forget_before(&mut self, next: Offset) {
        if next.saturating_sub(self.newest) > self.window.into() {
            self.ring.clear();
            self.states.clear();
            self.events.clear();
            return;
        }
        // No slot is older than two windows here, so that 32 bits tell its age.
        while self.ring.front().is_some_and(|slot| (next as u32).wrapping_sub(slot.offset) > self.window) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let number = self.base;
        let key = self.slot(number).key;
        if let Ok(entry) = self.states.find_entry(key.state_hash(), |&other| other == number) {
            entry.remove();
        }
        match self.chain(key) {
            Some(chain) if chain.back == number => {
                if let Ok(entry) = self.events.find_entry(key.event_hash(), |known| known.back == number) {
                    entry.remove();
                }
            }
            Some(chain) if chain.front == number => {
                let next = self.slot(number).newer;
                self.slot_mut(next).older = next;
                self.set_chain(key, Chain { front: next, back: chain.back });
            }
            Some(_) | None => {}
        }
        self.ring.pop_front();
        self.base = number.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use beidou_schemas::Epoch;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn key(event: u64, version: u64) -> StateKey {
        StateKey { event: [event, event ^ 5], version }
    }

    /// The definition, by search.
    fn by_search(records: &[(Offset, u64, u64, u32)], window: u64) -> Vec<Verdict> {
        let verdict = |i: usize| {
            let (offset, event, version, occurrences) = records[i];
            let inside = || records[..i].iter().filter(|r| r.0 + window >= offset && r.1 == event);
            if inside().any(|r| r.2 == version) {
                return Verdict::Duplicate;
            }
            let greatest = inside().map(|r| r.3).max().unwrap_or(0);
            Verdict::New { delta: occurrences.saturating_sub(greatest) }
        };
        (0..records.len()).map(verdict).collect()
    }

    fn observe(index: &mut RecentStates, records: &[(Offset, u64, u64, u32)]) -> Vec<Verdict> {
        records.iter().map(|&(offset, event, version, n)| index.observe(offset, key(event, version), n)).collect()
    }

    fn records() -> impl Strategy<Value = Vec<(Offset, u64, u64, u32)>> {
        let step = prop_oneof![8 => 1..3u64, 1 => 3..40u64, 1 => (1u64 << 32) - 3..(1 << 32) + 3];
        proptest::collection::vec((step, 0..4u64, 0..6u64, 0..9u32), 0..120).prop_map(|steps| {
            let mut offset = 0;
            steps
                .into_iter()
                .map(|(step, event, version, occurrences)| {
                    offset += step;
                    (offset, event, version, occurrences)
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn agrees_with_its_definition(records in records(), window in 1..30u32) {
            let mut index = RecentStates::new(window);
            prop_assert_eq!(observe(&mut index, &records), by_search(&records, window.into()));
            prop_assert!(index.len() <= window as usize + 1);
        }

        #[test]
        fn rebuilt_before_any_offset_it_answers_as_if_it_had_never_stopped(records in records(), window in 1..30u32, at in 0..120usize) {
            let at = at.min(records.len());
            let continuous = observe(&mut RecentStates::new(window), &records);
            let mut rebuilt = RecentStates::new(window);
            let from = records.get(at).map_or(0, |r| rebuilt.rebuild_from(r.0));
            let before: Vec<_> = records[..at].iter().copied().filter(|r| r.0 >= from).collect();
            observe(&mut rebuilt, &before);
            prop_assert_eq!(observe(&mut rebuilt, &records[at..]), &continuous[at..]);
        }

        #[test]
        fn deltas_add_up_to_the_greatest_count_in_any_order(
            states in proptest::collection::vec((0..3u64, 1..50u32), 1..40),
            shuffle in proptest::collection::vec(any::<proptest::sample::Index>(), 40),
        ) {
            let mut order: Vec<_> = states.iter().enumerate().map(|(version, &(event, n))| (event, version as u64, n)).collect();
            for (i, pick) in shuffle.iter().take(order.len()).enumerate() {
                let other = pick.index(order.len());
                order.swap(i, other);
            }
            let mut index = RecentStates::new(1000);
            let mut sums = [0u32; 3];
            for (offset, &(event, version, n)) in order.iter().enumerate() {
                match index.observe(offset as u64 + 1, key(event, version), n) {
                    Verdict::New { delta } => sums[event as usize] += delta,
                    Verdict::Duplicate => prop_assert!(false, "every state is another one"),
                }
            }
            for event in 0..3 {
                let greatest = states.iter().filter(|s| s.0 == event).map(|s| s.1).max().unwrap_or(0);
                prop_assert_eq!(sums[event as usize], greatest);
            }
        }
    }

    #[test]
    fn what_a_restored_etcd_brings_again_is_another_state_and_counts_nothing() {
        let cluster = "c-1".parse().unwrap();
        let mut index = RecentStates::new(1000);
        let new = |delta| Verdict::New { delta };
        let states = [
            (0, 7, 7, new(7)),
            (0, 12, 10, new(3)),
            // The list of the new life, twice.
            (1, 7, 7, new(0)),
            (1, 7, 7, Verdict::Duplicate),
            // The recorder has gone on counting, and the version was given before.
            (1, 12, 11, new(1)),
            (2, 7, 7, new(0)),
            (2, 12, 14, new(3)),
        ];
        for (offset, (epoch, version, occurrences, expected)) in states.into_iter().enumerate() {
            let key = StateKey::new(&cluster, Epoch(epoch), Uuid::from_u128(7), version);
            assert_eq!(index.observe(offset as u64, key, occurrences), expected, "{epoch}, {version}");
        }
    }

    #[test]
    fn memory_is_bounded_and_compact() {
        let mut index = RecentStates::new(DEFAULT_WINDOW);
        for offset in 0..3 * u64::from(DEFAULT_WINDOW) {
            let event = xxhash_rust::xxh3::xxh3_64(&offset.to_le_bytes());
            index.observe(offset, key(event, offset), 1);
        }
        let (states, bytes) = (index.len(), index.memory_bytes());
        println!("{states} states, {bytes} bytes, {} bytes each", bytes / states);
        assert!(states <= DEFAULT_WINDOW as usize + 1);
        assert!(bytes <= 80 * DEFAULT_WINDOW as usize, "{bytes}");
    }
}
