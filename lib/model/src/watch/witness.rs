//! When was a version committed? Answered questions tell: one asked at *s* and answered at *a* by version *r* says that
//! everything up to *r* was committed before *a*, and everything beyond *r* not before *s*.

use beidou_schemas::{Micros, ResourceVersion};

/// Remembered answers: two hours at two per heartbeat. Then every second one of the older half is forgotten, which
/// makes intervals wider, never wrong.
const MOST: usize = 512;

#[derive(Debug, Clone, Copy)]
struct Witness {
    asked: Micros,
    answered: Micros,
    version: ResourceVersion,
}

/// Answers of one epoch, in order.
#[derive(Debug)]
pub(super) struct Witnesses {
    /// Whatever is asked about was committed since.
    since: Micros,
    all: Vec<Witness>,
}

impl Witnesses {
    pub(super) fn since(since: Micros) -> Self {
        Self { since, all: Vec::new() }
    }

    pub(super) fn add(&mut self, asked: Micros, answered: Micros, version: ResourceVersion) {
        self.all.push(Witness { asked, answered, version });
        if self.all.len() > MOST {
            let mut place = 0;
            self.all.retain(|_| {
                place += 1;
                place > MOST / 2 || place % 2 == 0
            });
        }
    }

    /// The version was committed at the first moment or later, and before the second; `arrived` is when it was seen.
    pub(super) fn bracket(&self, version: ResourceVersion, arrived: Micros) -> (Micros, Micros) {
        let before = self.all.iter().filter(|witness| witness.version < version).map(|witness| witness.asked).max();
        let after = self.all.iter().filter(|witness| witness.version >= version).map(|witness| witness.answered).min();
        let from = before.unwrap_or(self.since);
        (from, after.unwrap_or(arrived).min(arrived).max(from.plus(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_answers_bracket_a_version() {
        let mut witnesses = Witnesses::since(Micros(5));
        for (asked, answered, version) in [(10, 12, 100), (20, 22, 200), (30, 33, 200), (40, 41, 300)] {
            witnesses.add(Micros(asked), Micros(answered), ResourceVersion(version));
        }
        for (version, from, until) in
            [(50, 5, 12), (100, 5, 12), (101, 10, 22), (200, 10, 22), (201, 30, 41), (301, 40, 90)]
        {
            let bracket = witnesses.bracket(ResourceVersion(version), Micros(90));
            assert_eq!(bracket, (Micros(from), Micros(until)), "{version}");
        }
    }

    #[test]
    fn forgetting_only_widens() {
        let mut witnesses = Witnesses::since(Micros(0));
        for n in 1..=5000 {
            witnesses.add(Micros(n * 10), Micros(n * 10 + 3), ResourceVersion(n as u64 * 10));
            let version = ResourceVersion(n as u64 * 5 + 1);
            let (from, until) = witnesses.bracket(version, Micros(60_000));
            let committed = Micros(version.0 as i64);
            assert!(from <= committed && committed < until, "{version}: {from:?} to {until:?}");
        }
        assert!(witnesses.all.len() <= MOST);
    }
}
