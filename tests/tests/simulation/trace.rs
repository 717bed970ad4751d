//! What happened, when, and to whom: two runs of a seed must have the same trace.

use std::{
    collections::hash_map::DefaultHasher,
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

/// The lines of a run; clones write to the same ones.
#[derive(Clone)]
pub struct Trace {
    begun: Instant,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Trace {
    pub fn begin() -> Self {
        Self { begun: Instant::now(), lines: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what somebody did. No ids that are new in each run, and nothing that depends on their order.
    pub fn note(&self, who: &str, what: fmt::Arguments<'_>) {
        let at = self.begun.elapsed().as_millis();
        self.lock().push(format!("{at:>7} {who:<12} {what}"));
    }

    /// All lines.
    pub fn lines(&self) -> Vec<String> {
        self.lock().clone()
    }

    /// One number for all of it.
    pub fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.lock().hash(&mut hasher);
        hasher.finish()
    }
}
