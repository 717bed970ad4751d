//! The time that a simulated server lives in: the machine's, or one that a test turns by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds per second: every `_us` value of this crate counts microseconds since the Unix epoch.
pub const SECOND_US: i64 = 1_000_000;
/// Microseconds per minute.
pub const MINUTE_US: i64 = 60 * SECOND_US;
/// Microseconds per hour.
pub const HOUR_US: i64 = 60 * MINUTE_US;
/// Microseconds per day.
pub const DAY_US: i64 = 24 * HOUR_US;

/// A source of "now", cheap to clone; clones of a virtual clock turn together.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    Real,
    /// A clock that moves only when told to.
    Virtual(Arc<AtomicI64>),
}

impl Clock {
    /// A virtual clock that stands at `start_us`.
    #[must_use]
    pub fn virtual_at(start_us: i64) -> Self {
        Self::Virtual(Arc::new(AtomicI64::new(start_us)))
    }

    /// Now, in microseconds since the Unix epoch.
    #[must_use]
    pub fn now_us(&self) -> i64 {
        match self {
            Self::Real => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
            }
            Self::Virtual(us) => us.load(Ordering::SeqCst),
        }
    }

    /// Turns a virtual clock forward; the real one cannot be turned and stays as it is.
    pub fn advance(&self, by_us: i64) {
        match self {
            Self::Real => {}
            Self::Virtual(us) => {
                us.fetch_add(by_us, Ordering::SeqCst);
            }
        }
    }
}
