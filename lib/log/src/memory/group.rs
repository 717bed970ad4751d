//! Groups of the memory twin: who has which partitions, given on only when they were given back.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem::take,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use beidou_schemas::TopicPartition;
use tokio::sync::mpsc;

use crate::{Change, Given, LogError, Member};

/// A member is told at once here; long enough that a test sees the pause.
const CERTAIN_AFTER: Duration = Duration::from_millis(200);

/// All groups of a log.
#[derive(Default)]
pub(super) struct Groups(Mutex<BTreeMap<String, Group>>);

#[derive(Default)]
struct Group {
    /// By the order of joining.
    seats: BTreeMap<u64, Seat>,
    free: BTreeSet<TopicPartition>,
    joined: u64,
}

struct Seat {
    has: BTreeSet<TopicPartition>,
    /// Asked back, and not given back yet.
    gives: BTreeSet<TopicPartition>,
    changes: mpsc::UnboundedSender<Change>,
}

impl Groups {
    /// Joins a group; the first one of it brings the partitions.
    pub(super) fn join(self: &Arc<Self>, name: &str, partitions: Vec<TopicPartition>) -> MemoryMember {
        let (changes, received) = mpsc::unbounded_channel();
        let mut groups = self.lock();
        let group = groups.entry(name.to_owned()).or_default();
        if group.joined == 0 {
            group.free = partitions.into_iter().collect();
        }
        let number = group.joined;
        group.joined += 1;
        let seat = Seat { has: BTreeSet::new(), gives: BTreeSet::new(), changes };
        seat.tell(Change::Take(Vec::new()));
        group.seats.insert(number, seat);
        group.balance(&Place { groups: Arc::clone(self), name: name.to_owned() });
        MemoryMember { place: Place { groups: Arc::clone(self), name: name.to_owned() }, number, changes: received }
    }

    /// `number` is whose place is taken; the oldest member's, if none is named.
    pub(super) fn expel(self: &Arc<Self>, name: &str, number: Option<u64>) {
        let place = Place { groups: Arc::clone(self), name: name.to_owned() };
        place.with(|group| {
            let Some(number) = number.or_else(|| group.seats.keys().next().copied()) else { return };
            let Some(seat) = group.seats.get_mut(&number) else { return };
            let lost = take(&mut seat.has);
            let stays: Vec<_> = lost.difference(&seat.gives).copied().collect();
            group.free.extend(&lost);
            // The others first: a member that stands still is told last.
            let Some(seat) = group.seats.remove(&number) else { return };
            group.balance(&place);
            seat.tell(Change::Give(stays, Given::new(())));
            group.seats.insert(number, Seat { gives: BTreeSet::new(), ..seat });
            group.balance(&place);
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Group>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    /// Asks those for partitions who have too many, and gives what is free to those who have too few.
    fn balance(&mut self, place: &Place) {
        let held: usize = self.seats.values().map(|seat| seat.has.len()).sum();
        let (all, members) = (held + self.free.len(), self.seats.len().max(1));
        let mut order: Vec<u64> = self.seats.keys().copied().collect();
        // Whoever has most keeps one more where it does not come out even, so that few move.
        order.sort_by_key(|number| std::cmp::Reverse(self.seats[number].has.len()));
        for (rank, number) in order.into_iter().enumerate() {
            let share = all / members + usize::from(rank < all % members);
            let Some(seat) = self.seats.get_mut(&number) else { continue };
            let stays: Vec<_> = seat.has.difference(&seat.gives).copied().collect();
            if let Some(surplus) = stays.get(share..).filter(|surplus| !surplus.is_empty()) {
                seat.gives.extend(surplus);
                let token = GiveBack { place: place.clone(), number, partitions: surplus.to_vec() };
                seat.tell(Change::Give(surplus.to_vec(), Given::new(token)));
            }
            let wanted = share.saturating_sub(stays.len());
            let taken: Vec<_> = self.free.iter().copied().take(wanted).collect();
            if !taken.is_empty() {
                self.free.retain(|at| !taken.contains(at));
                seat.has.extend(&taken);
                seat.tell(Change::Take(taken));
            }
        }
    }
}

impl Seat {
    fn tell(&self, change: Change) {
        let heard = self.changes.send(change).is_ok();
        debug_assert!(heard, "a member leaves before it ends to listen");
    }
}

#[derive(Clone)]
struct Place {
    groups: Arc<Groups>,
    name: String,
}

impl Place {
    fn with(&self, change: impl FnOnce(&mut Group)) {
        if let Some(group) = self.groups.lock().get_mut(&self.name) {
            change(group);
        }
    }
}

/// Gives partitions back when it is dropped.
struct GiveBack {
    place: Place,
    number: u64,
    partitions: Vec<TopicPartition>,
}

impl Drop for GiveBack {
    fn drop(&mut self) {
        self.place.with(|group| {
            let Some(seat) = group.seats.get_mut(&self.number) else { return };
            for at in &self.partitions {
                // One that was taken away meanwhile is somebody else's.
                if seat.gives.remove(at) && seat.has.remove(at) {
                    group.free.insert(*at);
                }
            }
            group.balance(&self.place);
        });
    }
}

/// A member of the memory twin.
pub(super) struct MemoryMember {
    place: Place,
    number: u64,
    changes: mpsc::UnboundedReceiver<Change>,
}

#[async_trait]
impl Member for MemoryMember {
    async fn next(&mut self) -> Result<Change, LogError> {
        self.changes.recv().await.ok_or(LogError::Closed)
    }

    async fn leave(self: Box<Self>) {}

    fn certain_after(&self) -> Option<Duration> {
        Some(CERTAIN_AFTER)
    }
}

impl Drop for MemoryMember {
    fn drop(&mut self) {
        self.place.with(|group| {
            if let Some(seat) = group.seats.remove(&self.number) {
                group.free.extend(seat.has);
            }
            group.balance(&self.place);
        });
    }
}
