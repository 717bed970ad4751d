//! Waits for a condition, never for a time: the only place where a test lets time pass (the tidy test sees to it).
//!
//! A test that sleeps is either slow or wrong on a busy machine. Here a test says what it waits for; the limit only
//! bounds how long a broken program can hold up the run, so it is generous and never part of what is proven.

use std::{fmt, time::Duration};

use tokio::time::{Instant, sleep};

/// How often a condition is looked at: short beside a server's start (seconds), long beside a probe (milliseconds).
const STEP: Duration = Duration::from_millis(50);

/// The condition did not come true in time.
#[derive(Debug)]
pub struct Overdue {
    what: String,
    limit: Duration,
}

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waited {} s in vain until {}", self.limit.as_secs(), self.what)
    }
}

impl std::error::Error for Overdue {}

/// Asks `condition` again and again until it gives a value, and returns that value.
///
/// `what` completes the sentence "waited … until", e.g. `"the Job has an Event"`. The condition is asked at least
/// once, and a last time when the limit is over, so that a starved machine alone does not make it fail.
/// To give up early (the process that should answer has ended), return `Some(Err(…))`.
///
/// # Errors
/// [`Overdue`] when the condition still gives `None` after `limit`.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut condition: impl AsyncFnMut() -> Option<T>,
) -> Result<T, Overdue> {
    let end = Instant::now() + limit;
    loop {
        let last = Instant::now() >= end;
        if let Some(value) = condition().await {
            return Ok(value);
        }
        if last {
            return Err(Overdue { what: what.into(), limit });
        }
        sleep(STEP).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn gives_the_value_as_soon_as_it_is_there() {
        let mut asked = 0;
        let value = until("it is there", Duration::from_secs(60), async || {
            asked += 1;
            (asked == 3).then_some(asked)
        });
        assert_eq!(value.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn says_what_it_waited_for() {
        let overdue = until("pigs fly", Duration::ZERO, async || None::<()>).await.unwrap_err();
        assert_eq!(overdue.to_string(), "waited 0 s in vain until pigs fly");
    }
}
