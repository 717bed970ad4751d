//! What all requests of one server share: the storage, the knobs, the signals to running streams, and the oracle.
//!
//! One lock guards storage, knobs and reckoning together, so that the ledger tells commits, answers and faults in the
//! order in which they took effect.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rand::RngExt;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Access;
use super::nodes::Nodes;
use super::signal::Signal;
use crate::clock::Clock;
use crate::faults::{Cut, Expiry, Refusal};
use crate::fleet::{Cluster, Random};
use crate::oracle::reckoning::Reckoning;
use crate::oracle::{Entry, Ledger, StateId, Verb};
use crate::storage::{Change, Storage, Stored};

/// resourceVersions skip up to this many numbers per write, which other resources of the cluster took.
const OTHER_RESOURCES: u64 = 3;
/// Lines injected into running streams that may wait for a slow one; further ones overtake it.
const INJECTED_LINES: usize = 16;

/// Faults that wait for their time, and manners.
#[derive(Debug, Default)]
pub(crate) struct Knobs {
    pub delay: Duration,
    pub frame_pause: Duration,
    pub drop_share: f64,
    pub expire_watches: u32,
    pub expire_lists: u32,
    pub expiry: Expiry,
    pub empty_watches: u32,
    pub refusals: u32,
    pub refusal: Refusal,
    pub door_shut: bool,
}

pub(crate) struct State {
    pub storage: Storage,
    pub nodes: Nodes,
    pub knobs: Knobs,
    pub access: Access,
    pub random: Random,
    pub reckoning: Reckoning,
    pub next_stream: u64,
    /// Floor of the next periodic compaction: the resourceVersion when the last one ran.
    pub next_floor: u64,
    pub compacted_at_us: i64,
    connections: CancellationToken,
}

pub(crate) struct Shared {
    pub cluster: Arc<Cluster>,
    pub token: String,
    pub user: String,
    pub clock: Clock,
    pub ledger: Ledger,
    pub ttl_us: i64,
    pub compaction_us: i64,
    pub changed: Signal<()>,
    pub cut: Signal<Cut>,
    pub injected: broadcast::Sender<Bytes>,
    pub stopped: CancellationToken,
    state: Mutex<State>,
}

impl State {
    pub fn new(cluster: &Cluster, storage: Storage, access: Access, random: Random, now_us: i64) -> Self {
        Self {
            next_floor: storage.resource_version,
            storage,
            nodes: Nodes::of(cluster),
            knobs: Knobs::default(),
            access,
            random,
            reckoning: Reckoning::new(cluster.uid),
            next_stream: 1,
            compacted_at_us: now_us,
            connections: CancellationToken::new(),
        }
    }

    /// The next resourceVersion of a write.
    pub fn next_resource_version(&mut self) -> u64 {
        self.storage.resource_version + 1 + self.random.random_range(0..=OTHER_RESOURCES)
    }
}

impl Shared {
    pub fn new(options: super::ServerOptions, state: State) -> Self {
        Self {
            cluster: options.cluster,
            token: options.token,
            user: options.user,
            clock: options.clock,
            ledger: options.ledger,
            ttl_us: options.ttl_us,
            compaction_us: options.compaction_us,
            changed: Signal::new(()),
            cut: Signal::new(Cut::Clean),
            injected: broadcast::Sender::new(INJECTED_LINES),
            stopped: CancellationToken::new(),
            state: Mutex::new(state),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a connection in: the token that will break it, or nothing while the door is shut.
    pub fn admit(&self) -> Option<CancellationToken> {
        let state = self.lock();
        if state.knobs.door_shut { None } else { Some(state.connections.child_token()) }
    }

    /// Breaks all connections there are.
    pub fn break_connections(&self, state: &mut State) {
        std::mem::replace(&mut state.connections, CancellationToken::new()).cancel();
    }

    /// Commits a state: storage, ledger, reckoning, then the watchers. `render` gets the resourceVersion.
    pub fn commit(
        &self,
        state: &mut State,
        key: &str,
        uid: Uuid,
        count: u64,
        render: impl FnOnce(u64) -> Bytes,
    ) -> Change {
        let resource_version = state.next_resource_version();
        let at_us = self.clock.now_us();
        let json = render(resource_version);
        self.commit_at(
            state,
            Stored { key: key.into(), uid, resource_version, at_us, expires_us: at_us + self.ttl_us, json },
            count,
        )
    }

    /// Commits a state whose resourceVersion and time are given, as of a history that happened before.
    pub fn commit_at(&self, state: &mut State, stored: Stored, count: u64) -> Change {
        let change = state.storage.put(stored);
        let id = self.state_id(state, change.object.uid, change.resource_version());
        state.reckoning.committed(&id, change.object.at_us);
        let entry =
            Entry::Committed { state: id, at_us: change.object.at_us, verb: change.verb, count, carried: false };
        self.ledger.append(entry);
        self.wake();
        change
    }

    /// Deletes an object, if it is there.
    pub fn delete(&self, state: &mut State, key: &str) -> Option<Change> {
        let at_us = self.clock.now_us();
        let change = state.storage.delete(key, at_us)?;
        debug_assert_eq!(change.verb, Verb::Deleted);
        let id = self.state_id(state, change.object.uid, change.resource_version());
        self.ledger.append(Entry::Deleted { state: id, at_us });
        self.wake();
        Some(change)
    }

    pub fn state_id(&self, state: &State, uid: Uuid, resource_version: u64) -> StateId {
        StateId { cluster: self.cluster.uid, incarnation: state.storage.incarnation, resource_version, uid }
    }

    /// Writes a fault into the ledger.
    pub fn note_fault(&self, fault: String) {
        self.ledger.append(Entry::Fault { cluster: self.cluster.uid, fault, at_us: self.clock.now_us() });
    }

    /// Tells watchers that there is something new.
    pub fn wake(&self) {
        self.changed.change(|()| {});
    }

    /// Expires Events whose time has passed and compacts history that is old enough.
    pub fn tick(&self) {
        let mut state = self.lock();
        let now_us = self.clock.now_us();
        for key in state.storage.expired(now_us) {
            self.delete(&mut state, &key);
        }
        if self.compaction_us > 0 && now_us - state.compacted_at_us >= self.compaction_us {
            let floor = state.next_floor;
            state.storage.compact(floor);
            state.next_floor = state.storage.resource_version;
            state.compacted_at_us = now_us;
        }
    }
}
