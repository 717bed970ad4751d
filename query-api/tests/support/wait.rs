//! Waits for a condition, never for a time.

use std::time::{Duration, Instant};

/// Far above what a busy machine needs.
const DEADLINE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks again and again until it is so; `what` tells what was missing.
pub async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !look().await {
        assert!(begun.elapsed() < DEADLINE, "not in time: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
