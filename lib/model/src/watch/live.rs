//! Which state of each live Event the log has, as far as this collector knows: the newest one of each Event, and while
//! a list is being compared also those that were replaced meanwhile.
//!
//! Two things are asked of it: what a list after a broken chain need not append again, and what a list beside a running
//! watch shows that the watch has not brought. For the second it must be exact while it is complete:
//!
//! - The list is of version *L*, chosen by the server after it was asked. A state replaced or ended before the question
//!   was asked is not in the list; one that was replaced since is kept until the comparison ends.
//! - Events end by DELETED frames. An end that was never told is found by the list: what a complete list of version *L*
//!   does not show, and is not newer than *L*, has ended.
//!
//! An Event is known by a 64-bit hash of its uid; the version is compared exactly. Two of a million live Events share a
//! hash once in 40 million such clusters, and then one of them is appended once more, which the projector drops.

use std::collections::HashSet;

use beidou_schemas::{EventUid, ResourceVersion};
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

/// States that may be replaced or ended during one comparison: those of two minutes at 500 a second, 2 MB.
const MOST_REPLACED: usize = 1 << 16;
/// A table this much larger than its content is made smaller.
const SHRINK_BELOW: usize = 4;

/// A live Event, by its uid's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKey(u64);

impl From<&EventUid> for EventKey {
    fn from(event: &EventUid) -> Self {
        Self(xxh3_64(event.as_str().as_bytes()))
    }
}

/// 16 bytes; with the table's own byte and its free room 20 to 39 for each live Event.
#[derive(Debug, Clone, Copy)]
struct Entry {
    event: EventKey,
    /// The version, and in the lowest bit the mark of the list that has shown it.
    marked: u64,
}

impl Entry {
    fn new(event: EventKey, version: ResourceVersion, mark: bool) -> Self {
        Self { event, marked: version.0 << 1 | u64::from(mark) }
    }

    fn version(self) -> ResourceVersion {
        ResourceVersion(self.marked >> 1)
    }

    fn mark(self) -> bool {
        self.marked & 1 == 1
    }
}

/// The newest state of each live Event that is in the log.
#[derive(Debug)]
pub(super) struct Live {
    limit: usize,
    newest: HashTable<Entry>,
    /// The mark of the list under way, or of the last one.
    mark: bool,
    /// The last list was compared to its end, so that all marks are alike.
    settled: bool,
    /// What was replaced or ended since the list under way was asked for; `None` where none is.
    replaced: Option<HashSet<(EventKey, ResourceVersion)>>,
    /// The version of the list under way, once known: nothing newer can be in it.
    list: Option<ResourceVersion>,
    overflowed: bool,
}

impl Live {
    /// An empty index of at most `limit` Events.
    pub(super) fn new(limit: usize) -> Self {
        let (newest, replaced) = (HashTable::new(), None);
        Self { limit, newest, mark: false, settled: true, replaced, list: None, overflowed: false }
    }

    /// The log has this state. An index that is full forgets everything first, and says so by `false`.
    pub(super) fn keep(&mut self, event: EventKey, version: ResourceVersion) -> bool {
        let entry = Entry::new(event, version, self.mark);
        let old = match self.newest.find_mut(event.0, |known| known.event == event) {
            Some(known) if known.version() < version => std::mem::replace(known, entry),
            Some(known) if known.version() == version => return true,
            Some(_) => entry,
            None => return self.add(entry),
        };
        self.replace(old);
        true
    }

    fn add(&mut self, entry: Entry) -> bool {
        let full = self.newest.len() >= self.limit;
        if full {
            self.clear();
            self.overflowed = true;
        }
        self.newest.insert_unique(entry.event.0, entry, |known| known.event.0);
        !full
    }

    /// The Event has ended.
    pub(super) fn end(&mut self, event: EventKey) {
        if let Ok(entry) = self.newest.find_entry(event.0, |known| known.event == event) {
            let (old, _) = entry.remove();
            self.replace(old);
        }
    }

    fn replace(&mut self, old: Entry) {
        let Some(replaced) = &mut self.replaced else { return };
        if self.list.is_none_or(|list| old.version() <= list) {
            replaced.insert((old.event, old.version()));
            self.overflowed |= replaced.len() > MOST_REPLACED;
        }
    }

    /// Whether the log has this state, as far as is known.
    pub(super) fn has(&self, event: EventKey, version: ResourceVersion) -> bool {
        let newest = self.newest.find(event.0, |known| known.event == event);
        newest.is_some_and(|known| known.version() == version)
            || self.replaced.as_ref().is_some_and(|replaced| replaced.contains(&(event, version)))
    }

    /// A list is asked for.
    pub(super) fn begin_list(&mut self) {
        self.mark ^= self.settled;
        self.settled = false;
        self.replaced = Some(HashSet::new());
        self.list = None;
        self.overflowed = false;
    }

    /// The list under way is of this version.
    pub(super) fn list_is_of(&mut self, version: ResourceVersion) {
        self.list = Some(version);
    }

    /// The list under way shows this Event.
    pub(super) fn listed(&mut self, event: EventKey) {
        let mark = self.mark;
        if let Some(known) = self.newest.find_mut(event.0, |known| known.event == event) {
            *known = Entry::new(event, known.version(), mark);
        }
    }

    /// The list came to its end, or not. Of a complete one, what it has not shown and cannot be newer has ended.
    pub(super) fn end_list(&mut self, complete: bool) {
        self.replaced = None;
        let (mark, list) = (self.mark, self.list.take().unwrap_or_default());
        if !complete {
            return;
        }
        self.settled = true;
        self.newest.retain(|entry| {
            *entry = if entry.version() > list { Entry::new(entry.event, entry.version(), mark) } else { *entry };
            entry.mark() == mark
        });
        if self.newest.capacity() / SHRINK_BELOW > self.newest.len() {
            self.newest.shrink_to(self.newest.len() * 2, |known| known.event.0);
        }
    }

    /// More happened during this list than can be remembered: nothing can be concluded from it.
    pub(super) fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Live Events known.
    pub(super) fn len(&self) -> usize {
        self.newest.len()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.newest = HashTable::new();
        self.replaced = self.replaced.as_ref().map(|_| HashSet::new());
    }

    /// Bytes allocated.
    pub(super) fn memory_bytes(&self) -> usize {
        let replaced = self.replaced.as_ref().map_or(0, HashSet::capacity);
        self.newest.allocation_size() + replaced * size_of::<(EventKey, ResourceVersion)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> EventKey {
        EventKey::from(&format!("u{n}").parse::<EventUid>().unwrap())
    }

    fn at(version: u64) -> ResourceVersion {
        ResourceVersion(version)
    }

    #[test]
    fn only_the_newest_state_is_kept_between_lists() {
        let mut live = Live::new(10);
        live.keep(key(1), at(5));
        live.keep(key(1), at(7));
        live.keep(key(1), at(6));
        assert!(live.has(key(1), at(7)) && !live.has(key(1), at(5)) && !live.has(key(1), at(6)));
        live.end(key(1));
        assert!(!live.has(key(1), at(7)));
        assert_eq!(live.len(), 0);
    }

    #[test]
    fn what_is_replaced_during_a_list_is_known_until_its_end() {
        let mut live = Live::new(10);
        live.keep(key(1), at(5));
        live.keep(key(2), at(6));
        live.begin_list();
        live.keep(key(1), at(7));
        live.end(key(2));
        live.list_is_of(at(8));
        live.keep(key(1), at(9));
        live.keep(key(1), at(10));
        for (event, version, known) in [(1, 5, true), (1, 7, true), (2, 6, true), (1, 9, false), (1, 10, true)] {
            assert_eq!(live.has(key(event), at(version)), known, "{event} at {version}");
        }
        live.end_list(false);
        assert!(!live.has(key(1), at(5)) && live.has(key(1), at(10)));
    }

    #[test]
    fn what_a_complete_list_does_not_show_has_ended() {
        let mut live = Live::new(10);
        for event in 1..=4 {
            live.keep(key(event), at(event));
        }
        for complete in [false, true, true] {
            live.begin_list();
            live.list_is_of(at(10));
            live.keep(key(9), at(11));
            live.listed(key(1));
            if !complete {
                live.listed(key(2));
            }
            live.end_list(complete);
        }
        let known: Vec<_> =
            (1..=9).filter(|event| live.has(key(*event), at(if *event == 9 { 11 } else { *event }))).collect();
        assert_eq!(known, [1, 9], "ended: 2, though an unfinished list showed it once, 3 and 4");
    }

    #[test]
    fn a_full_index_forgets_everything_and_says_so() {
        let mut live = Live::new(2);
        assert!(live.keep(key(1), at(1)) && live.keep(key(2), at(2)));
        assert!(live.keep(key(2), at(3)), "a known Event needs no room");
        live.begin_list();
        assert!(!live.keep(key(3), at(4)) && live.overflowed());
        assert!(live.has(key(3), at(4)) && !live.has(key(1), at(1)));
    }

    #[test]
    fn a_million_live_events_take_less_than_forty_bytes_each() {
        for events in [100_000, 1_000_000, 1_800_000] {
            let mut live = Live::new(usize::MAX);
            assert!((0..events).all(|n| live.keep(EventKey(xxh3_64(&u64::to_le_bytes(n))), at(n))));
            let each = live.memory_bytes() as f64 / events as f64;
            assert!((17.0..40.0).contains(&each), "{each} bytes for each of {events}");
        }
    }
}
