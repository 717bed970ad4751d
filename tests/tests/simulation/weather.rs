//! How an outside system is today: what it refuses, what it does without an answer, how slow it is, and whether it is there.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::chance::Chance;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done and answered.
    Done,
    /// It is refused, and not done.
    Refused,
    /// It is done, and not answered.
    Unclear,
}

/// Shares of all requests.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Shares {
    pub refused: f64,
    pub unclear: f64,
    /// Take up to so long, in milliseconds; all others a few.
    pub slow: f64,
    pub slow_ms: i64,
}

/// The weather over one system; clones are under the same sky.
#[derive(Clone)]
pub struct Weather {
    chance: Chance,
    sky: Arc<Mutex<Sky>>,
}

#[derive(Default)]
struct Sky {
    shares: Shares,
    away_until: Option<Instant>,
}

/// The usual way there or back, in milliseconds.
const USUAL_MS: i64 = 4;

impl Weather {
    pub fn new(seed: u64, who: &str) -> Self {
        Self { chance: Chance::of(seed, who), sky: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Sky> {
        self.sky.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn turn(&self, shares: Shares) {
        self.lock().shares = shares;
    }

    /// All is refused for so long.
    pub fn go_away(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut sky = self.lock();
        sky.away_until = sky.away_until.max(Some(until));
    }

    /// From now on all is well.
    pub fn clear(&self) {
        *self.lock() = Sky::default();
    }

    /// What becomes of the next request, and how long it takes there and back.
    pub fn next(&self) -> (Fate, Duration, Duration) {
        let sky = self.lock();
        let Shares { refused, unclear, slow, slow_ms } = sky.shares;
        let way = || {
            let most = if self.chance.in_share(slow) { slow_ms.max(USUAL_MS) } else { USUAL_MS };
            self.chance.ms(0..=most)
        };
        let (there, back) = (way(), way());
        if sky.away_until.is_some_and(|until| Instant::now() < until) || self.chance.in_share(refused) {
            return (Fate::Refused, there, back);
        }
        (if self.chance.in_share(unclear) { Fate::Unclear } else { Fate::Done }, there, back)
    }
}
