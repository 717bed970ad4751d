//! Waits for a condition, never for a time: the only place where these tests let time pass.

use std::time::{Duration, Instant};

/// Longest wait for any condition; far above what a busy machine needs.
pub const DEADLINE: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(20);

/// Waits for a condition by looking again and again; `what` tells what was missing.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "not in time: {what}");
        std::thread::sleep(POLL);
    }
}

/// [`wait_for`] for a condition that must be asked for asynchronously.
pub async fn wait_until<F: Future<Output = bool>>(what: &str, mut look: impl FnMut() -> F) {
    let started = Instant::now();
    while !look().await {
        assert!(started.elapsed() < DEADLINE, "not in time: {what}");
        tokio::time::sleep(POLL).await;
    }
}
