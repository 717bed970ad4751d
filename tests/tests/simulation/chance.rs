//! Chance out of the seed: a stream of its own for each who draws, so that one more draw here changes nothing there.

use std::{
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

/// A stream of chance; clones draw from the same one.
#[derive(Clone)]
pub struct Chance(Arc<Mutex<Xoshiro256PlusPlus>>);

impl Chance {
    /// The stream of somebody.
    pub fn of(seed: u64, who: &str) -> Self {
        let salt = who.bytes().fold(seed ^ 0x9E37_79B9_7F4A_7C15, |salt, byte| {
            (salt ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3).rotate_left(23)
        });
        Self(Arc::new(Mutex::new(Xoshiro256PlusPlus::seed_from_u64(salt))))
    }

    fn lock(&self) -> MutexGuard<'_, Xoshiro256PlusPlus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Some number of the range.
    pub fn any(&self, range: RangeInclusive<i64>) -> i64 {
        self.lock().random_range(range)
    }

    /// A place in a list that is not empty.
    pub fn place(&self, of: usize) -> usize {
        self.lock().random_range(0..of)
    }

    /// True in this share of all cases.
    pub fn in_share(&self, share: f64) -> bool {
        self.lock().random_bool(share.clamp(0.0, 1.0))
    }

    /// Some time of the range, in milliseconds.
    pub fn ms(&self, range: RangeInclusive<i64>) -> Duration {
        Duration::from_millis(self.any(range).unsigned_abs())
    }
}
