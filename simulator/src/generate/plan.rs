//! The plan of one cluster: which Event occurs when.
//!
//! Scripts add whole Events with all their occurrences; the plan hands occurrences out in time order. It holds only
//! what the running scripts still have to say, so a week of history needs the memory of a few hours.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::record::EventRecord;

/// One planned occurrence, ordered by time, then by the order of planning.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at_us: i64,
    order: u64,
    slot: u32,
    by: u32,
}

#[derive(Debug)]
struct Slot {
    record: Option<EventRecord>,
    left: u32,
}

/// Occurrences to come, in time order.
#[derive(Debug, Default)]
pub struct Plan {
    due: BinaryHeap<Reverse<Due>>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    finished: Option<u32>,
    order: u64,
    horizon_us: i64,
    within_horizon: u64,
}

impl Plan {
    /// An empty plan; [`Plan::within_horizon`] counts the occurrences before `horizon_us`.
    #[must_use]
    pub fn new(horizon_us: i64) -> Self {
        Self { horizon_us, ..Self::default() }
    }

    /// From now on everything counts as within the horizon.
    pub fn lift_horizon(&mut self) {
        self.horizon_us = i64::MAX;
    }

    /// Plans an Event that occurs once.
    pub fn once(&mut self, at_us: i64, record: EventRecord) {
        self.repeated(record, [(at_us, 1)]);
    }

    /// Plans an Event with all its occurrences: `(time, how many since the last)`, in time order.
    pub fn repeated(&mut self, record: EventRecord, times: impl IntoIterator<Item = (i64, u32)>) {
        let slot = self.take_slot(record);
        let mut left = 0;
        for (at_us, by) in times {
            self.due.push(Reverse(Due { at_us, order: self.order, slot, by }));
            self.order += 1;
            self.within_horizon += u64::from(at_us < self.horizon_us);
            left += 1;
        }
        self.slots[slot as usize].left = left;
        if left == 0 {
            self.free_slot(slot);
        }
    }

    fn take_slot(&mut self, record: EventRecord) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize].record = Some(record);
            return slot;
        }
        self.slots.push(Slot { record: Some(record), left: 0 });
        u32::try_from(self.slots.len() - 1).expect("a plan holds the Events of hours, far below four billion")
    }

    fn free_slot(&mut self, slot: u32) {
        self.slots[slot as usize].record = None;
        self.free.push(slot);
    }

    /// Time of the next occurrence.
    #[must_use]
    pub fn next_at(&self) -> Option<i64> {
        self.due.peek().map(|Reverse(due)| due.at_us)
    }

    /// Occurrences planned so far that lie before the horizon.
    #[must_use]
    pub fn within_horizon(&self) -> u64 {
        self.within_horizon
    }

    /// Takes the next occurrence: its planned time, how many it stands for, and its Event, not yet told.
    pub fn pop(&mut self) -> Option<(i64, u32, &mut EventRecord)> {
        if let Some(slot) = self.finished.take() {
            self.free_slot(slot);
        }
        let Reverse(due) = self.due.pop()?;
        let slot = &mut self.slots[due.slot as usize];
        slot.left -= 1;
        if slot.left == 0 {
            self.finished = Some(due.slot);
        }
        let record = slot.record.as_mut().expect("a slot is freed only after its last occurrence was taken");
        Some((due.at_us, due.by, record))
    }
}
