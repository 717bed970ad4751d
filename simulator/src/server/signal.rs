//! A value that changes, and those who wait for its next change.
//!
//! They wake in the order in which they began to wait. A watch channel of tokio wakes them by chance, and a simulation of
//! several watchers would go another way each time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The side that changes it.
#[derive(Debug)]
pub(crate) struct Signal<T>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    /// How often it was changed, and what it is now.
    state: Mutex<(u64, T)>,
    told: Notify,
}

/// One who waits for changes.
#[derive(Debug)]
pub(crate) struct Listener<T> {
    inner: Arc<Inner<T>>,
    seen: u64,
}

impl<T> Inner<T> {
    fn lock(&self) -> MutexGuard<'_, (u64, T)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Signal<T> {
    pub fn new(value: T) -> Self {
        Self(Arc::new(Inner { state: Mutex::new((0, value)), told: Notify::new() }))
    }

    /// Changes the value, and wakes whoever waits.
    pub fn change(&self, change: impl FnOnce(&mut T)) {
        {
            let mut state = self.0.lock();
            state.0 += 1;
            change(&mut state.1);
        }
        self.0.told.notify_waiters();
    }

    /// A listener for changes from now on.
    pub fn listen(&self) -> Listener<T> {
        Listener { seen: self.0.lock().0, inner: self.0.clone() }
    }

    /// How many listen.
    pub fn listeners(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

impl<T> Listener<T> {
    /// Waits for a change that was not seen yet. Dropped while it waits, it has missed nothing.
    pub async fn changed(&mut self) {
        loop {
            let told = self.inner.told.notified();
            tokio::pin!(told);
            told.as_mut().enable();
            let turn = self.inner.lock().0;
            if turn != self.seen {
                self.seen = turn;
                return;
            }
            told.await;
        }
    }

    /// All changes up to now are seen.
    pub fn mark_seen(&mut self) {
        self.seen = self.inner.lock().0;
    }
}

impl<T: Clone> Listener<T> {
    /// What it is now.
    pub fn value(&self) -> T {
        self.inner.lock().1.clone()
    }
}
