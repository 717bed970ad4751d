//! Waits for a condition, never for a time: the only place where these tests let time pass.

use std::time::{Duration, Instant};

/// Far above what a busy machine needs; never part of what is proven.
pub const DEADLINE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(10);

/// Looks again and again.
pub async fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "not in time: {what}");
        tokio::time::sleep(POLL).await;
    }
}

/// The same for a question that takes its time.
#[allow(dead_code, reason = "each binary uses its part")]
pub async fn wait_until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !look().await {
        assert!(started.elapsed() < DEADLINE, "not in time: {what}");
        tokio::time::sleep(POLL).await;
    }
}
