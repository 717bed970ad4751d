//! Which parts of this process are ready to serve, and what the others wait for.
//!
//! A part registers once with a name and reports by itself. A process without parts is ready: it has nothing to wait for.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;

/// The parts of this process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<String, State>>>);

/// What a part says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "why")]
pub enum State {
    /// It serves.
    Ready,
    /// It serves, but not all of it; why, in plain words.
    Degraded(String),
    /// It waits for something, named in plain words.
    Waiting(String),
}

impl State {
    /// Whether the part serves.
    pub fn serves(&self) -> bool {
        match self {
            Self::Ready | Self::Degraded(_) => true,
            Self::Waiting(_) => false,
        }
    }
}

/// The right of one part to report.
#[derive(Debug, Clone)]
pub struct Part {
    all: Readiness,
    name: String,
}

impl Readiness {
    /// Registers a part; it waits until it says otherwise.
    pub fn part(&self, name: impl Into<String>) -> Part {
        let part = Part { all: self.clone(), name: name.into() };
        part.waiting("it starts");
        part
    }

    /// Whether all parts serve.
    pub fn is_ready(&self) -> bool {
        self.lock().values().all(State::serves)
    }

    /// Every part with what it says, by name.
    pub fn parts(&self) -> BTreeMap<String, State> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// The part serves.
    pub fn ready(&self) {
        self.all.lock().insert(self.name.clone(), State::Ready);
    }

    /// The part serves on, though this is wrong.
    pub fn degraded(&self, why: impl Into<String>) {
        self.all.lock().insert(self.name.clone(), State::Degraded(why.into()));
    }

    /// The part does not serve, and waits for this.
    pub fn waiting(&self, why: impl Into<String>) {
        self.all.lock().insert(self.name.clone(), State::Waiting(why.into()));
    }

    /// The part is gone and holds nobody up any longer.
    pub fn remove(self) {
        self.all.lock().remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_must_be_ready() {
        let readiness = Readiness::default();
        assert!(readiness.is_ready());
        let (log, store) = (readiness.part("log"), readiness.part("store"));
        log.ready();
        assert!(!readiness.is_ready());
        store.waiting("the engine starts");
        assert_eq!(readiness.parts()["store"], State::Waiting("the engine starts".into()));
        store.ready();
        assert!(readiness.is_ready());
        log.waiting("the disk is full");
        assert!(!readiness.is_ready());
        log.degraded("no broker answers");
        assert!(readiness.is_ready(), "it serves on");
        assert_eq!(readiness.parts()["log"], State::Degraded("no broker answers".into()));
        log.waiting("the disk is full");
        log.remove();
        assert!(readiness.is_ready());
    }
}
