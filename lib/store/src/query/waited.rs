//! How long a request has waited for the store: what is left of its time is our own.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Time during which at least one statement of a request was under way, from sending it until its rows were here.
/// Statements side by side count once.
#[derive(Debug, Clone, Default)]
pub struct Waited(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    asking: u32,
    since: Option<Instant>,
    before: Duration,
}

/// A statement under way; dropped, it is over.
pub(super) struct Asking<'a>(&'a Waited);

impl Waited {
    /// The time so far.
    pub fn time(&self) -> Duration {
        let state = self.state();
        state.before + state.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    pub(super) fn begin(&self) -> Asking<'_> {
        let mut state = self.state();
        state.asking += 1;
        state.since.get_or_insert_with(Instant::now);
        Asking(self)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.asking -= 1;
        if state.asking == 0 {
            let since = state.since.take();
            state.before += since.map_or(Duration::ZERO, |since| since.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn side_by_side_counts_once_and_pauses_do_not() {
        let waited = Waited::default();
        let begun = Instant::now();
        let (one, two) = (waited.begin(), waited.clone());
        let other = two.begin();
        drop(one);
        assert!(waited.state().since.is_some(), "the other is still under way");
        drop(other);
        let time = waited.time();
        assert!(time > Duration::ZERO && time <= begun.elapsed());
        assert_eq!(waited.time(), time, "nothing is under way");
    }
}
