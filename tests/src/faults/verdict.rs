//! Compares what the simulator wrote down with what Beidou stored and reported. No I/O.
//!
//! - A state is missing only where the simulator made it undeliverable, and then inside a reported interval; what a list
//!   could still bring is there.
//! - Nothing is stored that never was, and nothing twice; the deltas of an Event add up to the simulator's own count, also
//!   where a restored etcd has brought it again.
//! - Every loss that was made is covered by reported intervals; what is reported exceeds the made losses by at most
//!   the tolerance, and is called a gap only where an older etcd was restored.
//! - Table and archive hold the same; what is broken on purpose is found and repaired: see [`kept`].
//! - All time since the first list is told, and no moment is told to be complete and not complete.

pub mod kept;
mod time;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use beidou_simulator::oracle::{Entry, Judge, Loss, LossCause, StateId};
use uuid::Uuid;

use time::{exceeds, holes, overlap};

/// A stored interval of a cluster's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interval {
    /// The cluster.
    pub cluster: Uuid,
    /// `complete`, `degraded` or `gap`.
    pub state: String,
    /// Why it ended, or why the chain broke.
    pub reason: String,
    /// First microsecond.
    pub from_us: i64,
    /// First microsecond behind it.
    pub until_us: i64,
}

impl Interval {
    fn is_reported(&self) -> bool {
        self.state != "complete"
    }

    /// Such an interval says of a complete one that it was wrong: the two overlap, and this one counts.
    fn corrects(&self) -> bool {
        matches!(self.reason.as_str(), "missed_by_watch" | "log_removed")
    }

    fn span(&self) -> (i64, i64) {
        (self.from_us, self.until_us)
    }
}

/// An Event in all lives of its cluster's etcd: cluster, uid.
pub type EventId = (Uuid, Uuid);

/// What the table holds.
#[derive(Debug, Default)]
pub struct Stored {
    /// Distinct identities.
    pub states: HashSet<StateId>,
    /// `count()` without FINAL.
    pub rows: u64,
    /// Sum of the deltas of each Event.
    pub occurrences: HashMap<EventId, u64>,
}

/// The simulator's ledger, understood.
#[derive(Debug)]
pub struct Oracle {
    /// States, lives, losses.
    pub judge: Judge,
    /// The Event's own count in each state.
    counts: HashMap<StateId, u64>,
    /// When each cluster was listed first.
    first_lists: HashMap<Uuid, i64>,
}

impl Oracle {
    /// Understands a ledger.
    #[must_use]
    pub fn of(entries: &[Entry]) -> Self {
        let (mut counts, mut first_lists) = (HashMap::new(), HashMap::new());
        for entry in entries {
            match entry {
                Entry::Committed { state, count, carried: false, .. } => drop(counts.insert(*state, *count)),
                Entry::Committed { state, carried: true, .. } => {
                    let before = StateId { incarnation: state.incarnation.saturating_sub(1), ..*state };
                    counts.insert(*state, counts.get(&before).copied().unwrap_or_default());
                }
                Entry::Listed { cluster, at_us, .. } => drop(first_lists.entry(*cluster).or_insert(*at_us)),
                Entry::Deleted { .. }
                | Entry::StreamOpened { .. }
                | Entry::StreamClosed { .. }
                | Entry::Fault { .. }
                | Entry::Lost(_) => {}
            }
        }
        Self { judge: Judge::of(entries), counts, first_lists }
    }
}

/// A case to be judged.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// What was.
    pub oracle: &'a Oracle,
    /// Uids of the collector's own heartbeat Events: no history.
    pub own: &'a HashSet<Uuid>,
    /// What the table holds.
    pub stored: &'a Stored,
    /// What is told of time, complete or not.
    pub intervals: &'a [Interval],
    /// So much more than was lost may be reported, both ends together.
    pub tolerance_us: i64,
    /// Until then all time must be told.
    pub until_us: i64,
}

impl Case<'_> {
    /// What was found wrong, in words; empty if all is right.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        let absent = self.absent();
        [
            self.missing(&absent),
            self.wrongly_excused(),
            self.rows(),
            self.occurrences(),
            self.losses(&absent),
            self.excess(&absent),
            self.told_time(),
        ]
        .concat()
    }

    /// States that are not in the table.
    fn absent(&self) -> HashSet<StateId> {
        let absent = |state: &&StateId| !self.own.contains(&state.uid) && !self.stored.states.contains(state);
        self.oracle.judge.states().keys().filter(absent).copied().collect()
    }

    fn of(&self, cluster: Uuid) -> impl Iterator<Item = &Interval> + Clone {
        self.intervals.iter().filter(move |interval| interval.cluster == cluster)
    }

    fn reported(&self, cluster: Uuid) -> impl Iterator<Item = &Interval> + Clone {
        self.of(cluster).filter(|interval| interval.is_reported())
    }

    fn missing(&self, absent: &HashSet<StateId>) -> Vec<String> {
        let excused = self.oracle.judge.excused();
        let mut missing = BTreeMap::<&str, Vec<String>>::new();
        for state in absent {
            let at = self.oracle.judge.states()[state].from_us;
            let inside = |interval: &Interval| (interval.from_us..interval.until_us).contains(&at);
            let why = if !excused.contains(state) {
                "though it could be delivered"
            } else if !self.reported(state.cluster).any(inside) {
                "outside every reported interval"
            } else if self.reported(state.cluster).any(|interval| interval.corrects() && inside(interval)) {
                continue;
            } else if self.of(state.cluster).any(|interval| !interval.is_reported() && inside(interval)) {
                "inside an interval that is told to be complete"
            } else {
                continue;
            };
            missing.entry(why).or_default().push(format!("{state:?} committed at {at}"));
        }
        let told = |(why, states): (&str, Vec<String>)| {
            format!("{} states are missing {why}, the first: {}", states.len(), states[0])
        };
        missing.into_iter().map(told).collect()
    }

    /// The judge is judged: what the list at the end of a loss could bring is no excuse.
    fn wrongly_excused(&self) -> Vec<String> {
        let judge = &self.oracle.judge;
        let by_list = judge.losses().iter().filter(|loss| loss.cause != LossCause::Dropped);
        let listable = by_list.flat_map(|loss| {
            loss.lost.iter().chain(&loss.at_risk).filter(|state| judge.listable_at(state, loss.to_us))
        });
        listable.map(|state| format!("the list after its loss could bring {state:?}, yet it is excused")).collect()
    }

    fn rows(&self) -> Vec<String> {
        let Stored { states, rows, .. } = self.stored;
        let mut wrong = Vec::new();
        let invented: Vec<_> = states.iter().filter(|state| !self.oracle.judge.states().contains_key(state)).collect();
        if let Some(first) = invented.first() {
            wrong.push(format!("{} stored states never were, the first: {first:?}", invented.len()));
        }
        let heartbeats = states.iter().filter(|state| self.own.contains(&state.uid)).count();
        if heartbeats > 0 {
            wrong.push(format!("{heartbeats} heartbeats are stored as history"));
        }
        if *rows != states.len() as u64 {
            wrong.push(format!("the table has {rows} rows for {} identities", states.len()));
        }
        wrong
    }

    /// Deltas of an Event add up to the greatest count among its stored states.
    fn occurrences(&self) -> Vec<String> {
        let mut greatest = HashMap::<EventId, u64>::new();
        for state in &self.stored.states {
            let count = self.oracle.counts.get(state).copied().unwrap_or_default();
            let known = greatest.entry((state.cluster, state.uid)).or_default();
            *known = count.max(*known);
        }
        let sum = |event: &EventId| self.stored.occurrences.get(event).copied().unwrap_or_default();
        let odd: Vec<_> = greatest.iter().filter(|(event, count)| sum(event) != **count).collect();
        let told = odd.first().map(|(event, count)| {
            let (odd, sum) = (odd.len(), sum(event));
            format!("occurrences of {odd} Events do not add up, the first: {event:?} has {count}, its deltas say {sum}")
        });
        told.into_iter().collect()
    }

    /// Every loss is told, all of it; one by a restored etcd as a gap.
    fn losses(&self, absent: &HashSet<StateId>) -> Vec<String> {
        let mut wrong = Vec::new();
        for loss in self.oracle.judge.losses() {
            let Loss { cause, from_us, to_us, lost, at_risk, .. } = loss;
            let told = self.reported(loss.cluster).filter(|interval| overlap(interval.span(), (*from_us, *to_us)) > 0);
            if told.clone().next().is_none() {
                wrong.push(format!("a loss is not told: {cause:?} {from_us}..{to_us}"));
            }
            if *cause == LossCause::Restored && !told.clone().any(|interval| interval.state == "gap") {
                wrong.push(format!("a restored etcd is not told as a gap: {from_us}..{to_us}"));
            }
            let gone = lost.iter().chain(at_risk.iter().filter(|state| absent.contains(state)));
            let times = gone.filter_map(|state| self.oracle.judge.states().get(state)).map(|life| life.from_us);
            let Some((first, last)) = times.fold(None, |range: Option<(i64, i64)>, at| {
                Some(range.map_or((at, at), |(first, last)| (first.min(at), last.max(at))))
            }) else {
                continue;
            };
            let open = holes(self.reported(loss.cluster).map(Interval::span), (first, last + 1));
            if !open.is_empty() {
                let states = lost.len();
                wrong
                    .push(format!("a loss is not covered: {cause:?} {first}..{last}, {states} states, open: {open:?}"));
            }
        }
        wrong
    }

    /// What is reported was lost, up to the tolerance; before a cluster's first list nothing was watched.
    fn excess(&self, absent: &HashSet<StateId>) -> Vec<String> {
        let mut wrong = Vec::new();
        let judge = &self.oracle.judge;
        for interval in self.intervals.iter().filter(|interval| interval.is_reported()) {
            if interval.reason == "first_list" {
                wrong.extend(self.late_first_list(interval));
                continue;
            }
            let made = judge.intervals(interval.cluster, absent);
            if exceeds(interval.span(), made.clone(), self.tolerance_us) {
                wrong.push(format!("more is reported than was lost: {interval:?}; made: {made:?}"));
            }
            let restored = |loss: &&Loss| loss.cause == LossCause::Restored && loss.cluster == interval.cluster;
            let mut restored = judge.losses().iter().filter(restored);
            if interval.state == "gap" && !restored.any(|l| overlap((l.from_us, l.to_us), interval.span()) > 0) {
                wrong.push(format!("worse is reported than was made: no etcd was restored in {interval:?}"));
            }
        }
        wrong
    }

    fn late_first_list(&self, interval: &Interval) -> Option<String> {
        let listed = self.oracle.first_lists.get(&interval.cluster).copied().unwrap_or(i64::MIN / 2);
        let late = interval.until_us - listed > self.tolerance_us;
        late.then(|| format!("more is reported than was lost: the first list was at {listed}, not as in {interval:?}"))
    }

    /// No moment since the first list is left out, and none is told to be both.
    fn told_time(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for &cluster in self.oracle.first_lists.keys() {
            let firsts = self.reported(cluster).filter(|interval| interval.reason == "first_list").count();
            if firsts != 1 {
                wrong.push(format!("{cluster} has {firsts} first lists"));
            }
            let begin = self.of(cluster).map(|interval| interval.from_us).min().unwrap_or(self.until_us);
            for (from, until) in holes(self.of(cluster).map(Interval::span), (begin, self.until_us)) {
                wrong.push(format!("nothing is told of {cluster} from {from} to {until}"));
            }
            for interval in self.reported(cluster).filter(|interval| !interval.corrects()) {
                let complete = self.of(cluster).filter(|other| !other.is_reported());
                let both = complete.filter(|other| overlap(interval.span(), other.span()) > 0);
                wrong.extend(both.map(|other| format!("time is told twice: {interval:?} and {other:?}")));
            }
        }
        wrong
    }
}
