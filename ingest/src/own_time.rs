//! The hour by which ingest tells what it has watched: that of the machine, but it never goes back, and does not follow each step.
//!
//! A machine's clock is set: by hand, by a time service, after the machine has stood still. What a watch proved before and after
//! such a step must still be one line of time, else a gap would end before it began, and nobody would be told of it.
//!
//! ```text
//!  differs by less than a second  ─► followed: at once ahead; back by going slower
//!  by more, for less than a minute ─► not followed: time goes on as it did (the steady clock tells how fast)
//!  by more, for a minute           ─► believed, and followed
//! ```
//!
//! While a step ahead is in doubt the hour may be behind: what is told to be complete is less than could be told. Where history is
//! lost meanwhile the hour that is ahead counts at once ([`OwnTime::latest`]): the gap is told too long rather than too short.

use beidou_schemas::{Micros, time::SECOND};

/// What differs by less is no step: a time service corrects it little by little.
const STEP: i64 = SECOND;
/// A step that lasts so long is believed.
const BELIEVED_AFTER: i64 = 60 * SECOND;
/// Time that must be lost goes by at one of so many parts of its speed.
const SLOWER: i64 = 2;

/// A clock between the wall clock and a steady one. All times in microseconds.
#[derive(Debug, Clone, Copy)]
pub struct OwnTime {
    own: i64,
    steady: i64,
    /// Since when the wall clock has differed, by the steady one, and by how much at last.
    differs: Option<(i64, i64)>,
}

impl OwnTime {
    /// Begins at the hour of the wall clock.
    pub fn new(wall: Micros, steady: i64) -> Self {
        Self { own: wall.0, steady, differs: None }
    }

    /// Now, by these readings; says how far the wall clock has stepped when it has just done so.
    pub fn now(&mut self, wall: Micros, steady: i64) -> (Micros, Option<i64>) {
        let passed = (steady - self.steady).max(0);
        let off = wall.0 - (self.own + passed);
        let before = self.differs;
        self.differs = match before {
            _ if off.abs() < STEP => None,
            Some((since, last)) if (off - last).abs() < STEP => Some((since, off)),
            Some(_) | None => Some((steady, off)),
        };
        let stepped =
            self.differs.is_some_and(|(since, _)| since == steady) && before.is_none_or(|(since, _)| since != steady);
        let believed = self.differs.is_none_or(|(since, _)| steady - since >= BELIEVED_AFTER);
        self.own += match (believed, off) {
            (false, _) => passed,
            (true, 0..) => passed + off,
            (true, _) => (passed + off).max(passed / SLOWER),
        };
        self.steady = self.steady.max(steady);
        (Micros(self.own), stepped.then_some(off))
    }

    /// The latest that it may be: a step ahead is believed at once.
    pub fn latest(&mut self, wall: Micros, steady: i64) -> Micros {
        let (now, _) = self.now(wall, steady);
        self.own = now.0.max(wall.0);
        Micros(self.own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads it once a second for so long, with the wall clock set off by so much; the hour at last, and what was said.
    fn goes(time: &mut OwnTime, now: &mut i64, seconds: i64, off: i64) -> (i64, Vec<i64>) {
        let (mut last, mut said) = (time.own, Vec::new());
        for _ in 0..seconds {
            *now += SECOND;
            let (own, stepped) = time.now(Micros(*now + off * SECOND), *now);
            assert!(own.0 > last, "time goes on");
            last = own.0;
            said.extend(stepped.map(|by| by / SECOND));
        }
        (last / SECOND, said)
    }

    #[test]
    fn a_step_is_ignored_until_it_lasts() {
        for by in [600, -600] {
            let (mut time, mut now) = (OwnTime::new(Micros(0), 0), 0);
            assert_eq!(goes(&mut time, &mut now, 10, 0), (10, vec![]));
            assert_eq!(goes(&mut time, &mut now, 50, by), (60, vec![by]), "not followed, and told once");
            assert_eq!(goes(&mut time, &mut now, 10, -by), (70, vec![-by]), "another step is another doubt");
            assert_eq!(goes(&mut time, &mut now, 60, 0), (130, vec![]), "as if nothing had been");
        }
    }

    #[test]
    fn a_step_ahead_that_lasts_is_followed_at_once_and_one_back_by_going_slower() {
        let (mut time, mut now) = (OwnTime::new(Micros(0), 0), 0);
        assert_eq!(goes(&mut time, &mut now, 60, 100), (60, vec![100]));
        assert_eq!(goes(&mut time, &mut now, 2, 100), (162, vec![]));
        assert_eq!(goes(&mut time, &mut now, 60, 0), (222, vec![-100]), "100 s behind, in doubt");
        assert_eq!(goes(&mut time, &mut now, 100, 0).0, 272, "half of 100 s");
        assert_eq!(goes(&mut time, &mut now, 100, 0), (322, vec![]), "they have met");
        assert_eq!(now / SECOND, 322);
        assert_eq!(goes(&mut time, &mut now, 1, 0), (323, vec![]), "and go together");
    }

    #[test]
    fn what_is_little_is_followed_at_once_and_never_back() {
        let mut time = OwnTime::new(Micros(0), 0);
        assert_eq!(time.now(Micros(10_500), 10_000), (Micros(10_500), None));
        assert_eq!(time.now(Micros(10_400), 10_400), (Micros(10_700), None), "half of 400");
        assert_eq!(time.now(Micros(10_800), 10_800), (Micros(10_900), None));
        assert_eq!(time.now(Micros(11_200), 11_200), (Micros(11_200), None));
        assert_eq!(time.now(Micros(11_100), 11_100), (Micros(11_200), None), "a steady clock is steady, but who knows");
    }

    #[test]
    fn where_history_is_lost_the_hour_that_is_ahead_counts() {
        let mut time = OwnTime::new(Micros(0), 0);
        assert_eq!(time.now(Micros(600 * SECOND), SECOND).0, Micros(SECOND), "in doubt");
        assert_eq!(time.latest(Micros(601 * SECOND), 2 * SECOND), Micros(601 * SECOND));
        assert_eq!(time.now(Micros(602 * SECOND), 3 * SECOND), (Micros(602 * SECOND), None));
        assert_eq!(time.latest(Micros(2 * SECOND), 4 * SECOND), Micros(603 * SECOND), "back is not ahead");
    }
}
