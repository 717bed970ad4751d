//! When did it happen how often, in spite of recorders that aggregate.
//!
//! Kubernetes counts repeats inside one Event: `count` (or `series.count`) grows by whatever happened since the Event
//! was last written, and only the time of the last occurrence is told. To put the whole growth on that moment makes a
//! spike where there was a steady drip. Here a growth of *n* becomes a [`Batch`]: one occurrence at the told moment, and
//! *n* − 1 somewhere between the previous state and this one.
//!
//! ```text
//!   states        count 3 ──────────────────────── count 9
//!   naive             3                                6
//!   here              3      5 spread evenly ·······   1       and bounds: at least 0, at most 5, between them
//! ```
//!
//! [`spread`] puts batches into bins, with bounds that hold whatever the recorder did. [`burst`] tells where occurrences
//! probably never reached the API server at all.

pub mod burst;
pub mod spread;

use beidou_schemas::Micros;

/// An Event that is not written again within this has expired (the API server's default): between two states of one
/// Event lies at most so much time.
pub const LONGEST_SILENCE: i64 = 3_600_000_000;

/// What a state says of the time before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// The time of the Event's previous state; `None` where it has none that its count grew from, or none within
    /// [`LONGEST_SILENCE`].
    pub previous: Option<Micros>,
    /// The Event's own first time, if it has one.
    pub first: Option<Micros>,
    /// There was an earlier state, known or not: the Event's count is greater than its growth.
    pub earlier: bool,
    /// The state's time: its last occurrence.
    pub time: Micros,
    /// By how much its count grew.
    pub growth: u32,
}

/// Occurrences of one Event between two moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// One happened then: the first of an Event.
    pub first: Option<Micros>,
    /// One happened then: the last.
    pub last: Micros,
    /// So many others happened after this moment …
    pub after: Micros,
    /// … and not after `last`.
    pub between: u32,
}

impl Growth {
    /// The occurrences that the state tells; `None` where it tells none.
    pub fn batch(&self) -> Option<Batch> {
        let before_time = |time: &Micros| *time < self.time;
        let others = self.growth.checked_sub(1)?;
        let silent = self.time.plus(-LONGEST_SILENCE);
        let first = self.first.filter(before_time);
        Some(match (self.previous.filter(before_time), self.earlier, first) {
            (Some(previous), _, _) => Batch { first: None, last: self.time, after: previous, between: others },
            // Between a state that is not known and this one.
            (None, true, first) if self.previous.is_none() => {
                let after = first.map_or(silent, |first| first.max(silent));
                Batch { first: None, last: self.time, after, between: others }
            }
            (None, false, Some(first)) if others > 0 => {
                Batch { first: Some(first), last: self.time, after: first, between: others - 1 }
            }
            // Nothing tells them apart from the last one.
            (None, _, _) => Batch { first: None, last: self.time, after: self.time, between: others },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_state_tells() {
        let m = |seconds: i64| Micros(1_795_444_800_000_000 + seconds * 1_000_000);
        let batch = |first: Option<i64>, after: i64, last: i64, between: u32| {
            Some(Batch { first: first.map(m), last: m(last), after: m(after), between })
        };
        for (name, previous, first, earlier, time, growth, expected) in [
            ("a repeat", Some(10), Some(0), true, 70, 1, batch(None, 10, 70, 0)),
            ("a jump", Some(10), Some(0), true, 70, 6, batch(None, 10, 70, 5)),
            ("nothing new", Some(10), Some(0), true, 70, 0, None),
            ("once", None, Some(70), false, 70, 1, batch(None, 70, 70, 0)),
            ("first seen late", None, Some(10), false, 70, 6, batch(Some(10), 10, 70, 4)),
            ("twice", None, Some(10), false, 70, 2, batch(Some(10), 10, 70, 0)),
            ("first seen late, first time unknown", None, None, false, 70, 6, batch(None, 70, 70, 5)),
            ("known before, state unknown", None, Some(-9000), true, 70, 6, batch(None, 70 - 3600, 70, 5)),
            ("known before, young", None, Some(10), true, 70, 6, batch(None, 10, 70, 5)),
            ("a clock that went back", Some(90), Some(0), true, 70, 6, batch(None, 70, 70, 5)),
        ] {
            let growth = Growth { previous: previous.map(m), first: first.map(m), earlier, time: m(time), growth };
            assert_eq!(growth.batch(), expected, "{name}");
        }
    }
}
