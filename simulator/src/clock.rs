//! The time that a simulated server lives in: the machine's, the runtime's, or one that a test turns by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

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
    /// A clock that goes with the runtime's timers, paused ones too: it stood at this when it was this instant.
    Runtime(i64, Instant),
}

impl Clock {
    /// A virtual clock that stands at `start_us`.
    #[must_use]
    pub fn virtual_at(start_us: i64) -> Self {
        Self::Virtual(Arc::new(AtomicI64::new(start_us)))
    }

    /// A clock of the runtime that stands at `start_us` now.
    #[must_use]
    pub fn runtime_at(start_us: i64) -> Self {
        Self::Runtime(start_us, Instant::now())
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
            Self::Runtime(start_us, begun) => {
                start_us.saturating_add(i64::try_from(begun.elapsed().as_micros()).unwrap_or(i64::MAX))
            }
        }
    }

    /// Turns a virtual clock forward; others cannot be turned and stay as they are.
    pub fn advance(&self, by_us: i64) {
        match self {
            Self::Real | Self::Runtime(..) => {}
            Self::Virtual(us) => {
                us.fetch_add(by_us, Ordering::SeqCst);
            }
        }
    }
}
