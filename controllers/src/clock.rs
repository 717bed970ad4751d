//! The time of facts.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use beidou_schemas::Micros;

use crate::keeper::now;

/// Time that never goes back: what is written later is later, whatever the clock of this machine shows, for fences and the order
/// of operations go by it. While that clock is behind the facts, as after a change to another machine, this one goes half as
/// fast: deadlines still pass, and the two meet.
pub(crate) struct Clock(Mutex<(Micros, Instant)>);

impl Default for Clock {
    fn default() -> Self {
        Self(Mutex::new((Micros::default(), Instant::now())))
    }
}

impl Clock {
    /// A moment after every one before, and after every fact that was seen.
    pub(crate) fn now(&self) -> Micros {
        self.at(now(), Instant::now())
    }

    /// A fact of this time is there.
    pub(crate) fn see(&self, time: Micros) {
        let mut last = self.last();
        if time > last.0 {
            *last = (time, Instant::now());
        }
    }

    fn at(&self, wall: Micros, moment: Instant) -> Micros {
        let mut last = self.last();
        let (time, read) = *last;
        let half = moment.saturating_duration_since(read).as_micros() / 2;
        let slow = time.plus(i64::try_from(half).unwrap_or(i64::MAX).max(1));
        *last = (wall.max(slow), moment);
        last.0
    }

    fn last(&self) -> MutexGuard<'_, (Micros, Instant)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use beidou_schemas::time::{HOUR, SECOND};

    use super::*;

    #[test]
    fn it_never_goes_back_and_the_clock_of_the_machine_catches_up() {
        let (clock, begun, wall) = (Clock::default(), Instant::now(), Micros(1_795_444_800 * SECOND));
        let at = |seconds: u32| {
            clock.at(wall.plus(i64::from(seconds) * SECOND), begun + Duration::from_secs(seconds.into()))
        };
        assert_eq!(at(0), wall);
        let ahead = wall.plus(HOUR);
        clock.see(ahead);
        assert_eq!([at(0), at(0)], [ahead.plus(1), ahead.plus(2)]);
        assert_eq!(at(60), ahead.plus(30 * SECOND + 2));
        assert_eq!(at(7200), ahead.plus(3600 * SECOND + 2));
        assert_eq!(at(7201), wall.plus(7201 * SECOND), "they have met");
        clock.see(ahead);
        assert_eq!(at(7202), wall.plus(7202 * SECOND));
    }
}
