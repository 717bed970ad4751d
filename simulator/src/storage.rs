//! An etcd in miniature: objects, the ordered log of their changes, compaction, restore. No I/O, no clock.
//!
//! Invariants: one counter numbers all changes, with holes left by other resources; a watcher that starts at or above
//! the floor gets every later change; a list is a snapshot at one resourceVersion over all of its pages.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Snapshots of paged lists that are kept for their next pages; the oldest is dropped first and its tokens expire.
const MAX_SNAPSHOTS: usize = 16;

/// What a change did; the words of a watch frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verb {
    /// The object is new.
    Added,
    /// The object was written again.
    Modified,
    /// The object is gone.
    Deleted,
}

/// One state of an object.
#[derive(Debug)]
pub(crate) struct Stored {
    /// `namespace/name`.
    pub key: Arc<str>,
    pub uid: Uuid,
    pub resource_version: u64,
    /// When this state was committed.
    pub at_us: i64,
    pub expires_us: i64,
    pub json: Bytes,
}

/// One entry of the log.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub verb: Verb,
    pub object: Arc<Stored>,
    previous: Option<Arc<Stored>>,
}

impl Change {
    pub fn resource_version(&self) -> u64 {
        self.object.resource_version
    }
}

/// History needed for an answer is no longer there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compacted;

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    pub resource_version: u64,
    pub items: Vec<Arc<Stored>>,
    /// Key after which the next page starts, and how many items are still to come.
    pub rest: Option<(Arc<str>, usize)>,
    /// Every item of the snapshot, for the oracle.
    pub snapshot: Arc<[Arc<Stored>]>,
}

#[derive(Debug, Default)]
pub(crate) struct Storage {
    pub incarnation: u32,
    pub resource_version: u64,
    /// Watches from below this are refused.
    pub floor: u64,
    /// Greatest change that compaction threw away; a running watch that has not got it yet is broken.
    trimmed: u64,
    objects: BTreeMap<Arc<str>, Arc<Stored>>,
    log: VecDeque<Change>,
    expiries: VecDeque<(i64, Arc<str>, u64)>,
    snapshots: BTreeMap<(u64, String), Arc<[Arc<Stored>]>>,
}

impl Storage {
    pub fn new(resource_version: u64) -> Self {
        Self { resource_version, floor: resource_version, ..Self::default() }
    }

    pub fn get(&self, key: &str) -> Option<&Arc<Stored>> {
        self.objects.get(key)
    }

    pub fn objects(&self) -> impl Iterator<Item = &Arc<Stored>> {
        self.objects.values()
    }

    /// Appends a write of `object`, whose resourceVersion the caller took from the counter and rendered into the JSON.
    pub fn put(&mut self, object: Stored) -> Change {
        debug_assert!(object.resource_version > self.log.back().map_or(0, Change::resource_version));
        let object = Arc::new(object);
        self.resource_version = self.resource_version.max(object.resource_version);
        self.expiries.push_back((object.expires_us, object.key.clone(), object.resource_version));
        let previous = self.objects.insert(object.key.clone(), object.clone());
        let verb = if previous.is_some() { Verb::Modified } else { Verb::Added };
        self.append(Change { verb, object, previous })
    }

    /// Deletes an object at the next resourceVersion; the change carries the last object with that version.
    pub fn delete(&mut self, key: &str, now_us: i64) -> Option<Change> {
        let previous = self.objects.remove(key)?;
        self.resource_version += 1;
        let object = Arc::new(Stored {
            key: previous.key.clone(),
            uid: previous.uid,
            resource_version: self.resource_version,
            at_us: now_us,
            expires_us: previous.expires_us,
            json: with_resource_version(&previous.json, previous.resource_version, self.resource_version),
        });
        Some(self.append(Change { verb: Verb::Deleted, object, previous: Some(previous) }))
    }

    fn append(&mut self, change: Change) -> Change {
        self.log.push_back(change.clone());
        change
    }

    /// Keys whose time to live has passed.
    pub fn expired(&mut self, now_us: i64) -> Vec<Arc<str>> {
        let mut keys = Vec::new();
        while let Some((at, _, _)) = self.expiries.front() {
            if *at > now_us {
                break;
            }
            let Some((_, key, resource_version)) = self.expiries.pop_front() else { break };
            // A write restarts the time to live and left an entry of its own further back.
            if self.objects.get(&key).is_some_and(|object| object.resource_version == resource_version) {
                keys.push(key);
            }
        }
        keys
    }

    /// Changes after `cursor` of keys under `prefix`, at most `limit`; and up to where the log was looked through.
    pub fn changes_after(&self, cursor: u64, prefix: &str, limit: usize) -> Result<(Vec<Change>, u64), Compacted> {
        if cursor < self.trimmed {
            return Err(Compacted);
        }
        let from = self.log.partition_point(|change| change.resource_version() <= cursor);
        let (mut changes, mut seen) = (Vec::new(), cursor);
        for change in self.log.range(from..) {
            if changes.len() == limit {
                break;
            }
            seen = change.resource_version();
            if change.object.key.starts_with(prefix) {
                changes.push(change.clone());
            }
        }
        Ok((changes, seen))
    }

    /// A page of the present state, or of the snapshot that a token names.
    pub fn list(&mut self, prefix: &str, limit: usize, after: Option<(&str, u64)>) -> Result<Page, Compacted> {
        let (resource_version, snapshot, from) = match after {
            None => {
                let items = self.objects.values().filter(|object| object.key.starts_with(prefix)).cloned().collect();
                (self.resource_version, items, 0)
            }
            Some((key, resource_version)) => {
                let name = (resource_version, prefix.to_owned());
                let snapshot: Arc<[Arc<Stored>]> = self.snapshots.get(&name).cloned().ok_or(Compacted)?;
                let from = snapshot.partition_point(|object| &*object.key <= key);
                (resource_version, snapshot, from)
            }
        };
        let until = if limit == 0 { snapshot.len() } else { (from + limit).min(snapshot.len()) };
        let items = snapshot[from..until].to_vec();
        let rest = match items.last() {
            Some(last) if until < snapshot.len() => {
                self.keep_snapshot((resource_version, prefix.to_owned()), &snapshot);
                Some((last.key.clone(), snapshot.len() - until))
            }
            Some(_) | None => None,
        };
        Ok(Page { resource_version, items, rest, snapshot })
    }

    fn keep_snapshot(&mut self, name: (u64, String), snapshot: &Arc<[Arc<Stored>]>) {
        self.snapshots.insert(name, snapshot.clone());
        while self.snapshots.len() > MAX_SNAPSHOTS {
            self.snapshots.pop_first();
        }
    }

    /// Forgets all history up to and including `floor` (never more than there is); answers the new floor.
    pub fn compact(&mut self, floor: u64) -> u64 {
        self.floor = self.floor.max(floor.min(self.resource_version));
        while self.log.front().is_some_and(|change| change.resource_version() <= self.floor) {
            self.trimmed = self.log.pop_front().map_or(self.trimmed, |change| change.resource_version());
        }
        self.snapshots = self.snapshots.split_off(&(self.floor, String::new()));
        self.floor
    }

    /// Goes back to the state at `to` (not below the floor, where history to undo is gone); answers where it stands.
    pub fn restore(&mut self, to: u64) -> u64 {
        let to = to.clamp(self.floor, self.resource_version);
        while self.log.back().is_some_and(|change| change.resource_version() > to) {
            let Some(change) = self.log.pop_back() else { break };
            match change.previous {
                Some(previous) => self.objects.insert(change.object.key.clone(), previous),
                None => self.objects.remove(&change.object.key),
            };
        }
        self.snapshots.clear();
        self.resource_version = to;
        self.incarnation += 1;
        let mut expiries: Vec<_> = self
            .objects
            .values()
            .map(|object| (object.expires_us, object.key.clone(), object.resource_version))
            .collect();
        expiries.sort();
        self.expiries = expiries.into();
        to
    }
}

/// The JSON with another `metadata.resourceVersion`; metadata always comes before anything else that has one.
fn with_resource_version(json: &Bytes, old: u64, new: u64) -> Bytes {
    let needle = format!("\"resourceVersion\":\"{old}\"");
    let Some(at) = json.windows(needle.len()).position(|window| window == needle.as_bytes()) else {
        return json.clone();
    };
    let mut out = Vec::with_capacity(json.len() + 4);
    out.extend_from_slice(&json[..at]);
    out.extend_from_slice(format!("\"resourceVersion\":\"{new}\"").as_bytes());
    out.extend_from_slice(&json[at + needle.len()..]);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(storage: &mut Storage, key: &str) -> u64 {
        let resource_version = storage.resource_version + 2;
        let json = format!("{{\"metadata\":{{\"resourceVersion\":\"{resource_version}\"}}}}").into();
        let uid = Uuid::from_u128(u128::from(resource_version));
        storage.put(Stored { key: key.into(), uid, resource_version, at_us: 0, expires_us: 10, json });
        resource_version
    }

    fn state(storage: &Storage) -> Vec<(String, u64)> {
        storage.objects().map(|object| (object.key.to_string(), object.resource_version)).collect()
    }

    #[test]
    fn restore_undoes_every_kind_of_change() {
        let mut storage = Storage::new(100);
        write(&mut storage, "a/1");
        write(&mut storage, "a/2");
        let (then, at) = (state(&storage), storage.resource_version);
        write(&mut storage, "a/1");
        write(&mut storage, "a/3");
        storage.delete("a/2", 0);
        assert_eq!(storage.restore(at), at);
        assert_eq!(state(&storage), then);
        assert_eq!((storage.incarnation, storage.resource_version), (1, at));
        storage.compact(at);
        write(&mut storage, "a/4");
        assert_eq!(storage.restore(0), at, "history below the floor cannot be undone");
    }

    #[test]
    fn a_caught_up_watch_survives_compaction_and_a_late_one_does_not() {
        let mut storage = Storage::new(100);
        let first = write(&mut storage, "a/1");
        let second = write(&mut storage, "a/2");
        storage.compact(u64::MAX);
        assert_eq!(storage.changes_after(first, "", 9).unwrap_err(), Compacted);
        assert!(storage.changes_after(second, "", 9).unwrap().0.is_empty());
    }

    #[test]
    fn pages_stay_at_their_snapshot_and_die_with_compaction() {
        let mut storage = Storage::new(100);
        for at in 0..5 {
            write(&mut storage, &format!("a/{at}"));
        }
        let page = storage.list("", 2, None).unwrap();
        let (after, left) = page.rest.unwrap();
        assert_eq!((&*after, left), ("a/1", 3));
        write(&mut storage, "a/00");
        storage.delete("a/3", 0);
        let next = storage.list("", 2, Some((&after, page.resource_version))).unwrap();
        assert_eq!(next.items.iter().map(|item| &*item.key).collect::<Vec<_>>(), ["a/2", "a/3"]);
        storage.compact(u64::MAX);
        assert_eq!(storage.list("", 2, Some((&after, page.resource_version))).unwrap_err(), Compacted);
    }

    #[test]
    fn a_write_restarts_the_time_to_live() {
        let mut storage = Storage::new(100);
        write(&mut storage, "a/1");
        write(&mut storage, "a/1");
        write(&mut storage, "a/2");
        assert!(storage.expired(9).is_empty());
        assert_eq!(storage.expired(10).len(), 2);
        let deleted = storage.delete("a/1", 10).unwrap();
        let text = format!("\"resourceVersion\":\"{}\"", deleted.resource_version());
        assert!(std::str::from_utf8(&deleted.object.json).unwrap().contains(&text));
    }
}
