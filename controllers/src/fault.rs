//! Fail points before and after each durable write and each act, for tests of crashes. `BEIDOU_FAIL_POINT=name:n` aborts the
//! process when the point is reached for the n-th time; a test inside one process ends the run in its place.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::watch;

/// The variable that sets a fail point.
pub const FAIL_POINT: &str = "BEIDOU_FAIL_POINT";

/// Where a run can be ended on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Facts are decided, nothing is written.
    BeforeFacts,
    /// Facts are durable, nothing is done.
    AfterFacts,
    /// A token is told, no runner is made.
    BeforeLaunch,
    /// A runner is made, and nobody knows.
    AfterLaunch,
    /// The claim is durable, the runner has no answer.
    AfterClaim,
    /// What a runner told is durable, the runner has no answer.
    AfterSaid,
    /// An act at an API server is about to be done.
    BeforeApi,
    /// It is done, and nobody knows.
    AfterApi,
}

impl Point {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::BeforeFacts,
        Self::AfterFacts,
        Self::BeforeLaunch,
        Self::AfterLaunch,
        Self::AfterClaim,
        Self::AfterSaid,
        Self::BeforeApi,
        Self::AfterApi,
    ];

    /// Its name in the variable.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforeFacts => "before-facts",
            Self::AfterFacts => "after-facts",
            Self::BeforeLaunch => "before-launch",
            Self::AfterLaunch => "after-launch",
            Self::AfterClaim => "after-claim",
            Self::AfterSaid => "after-said",
            Self::BeforeApi => "before-api",
            Self::AfterApi => "after-api",
        }
    }
}

/// The fail point of one run; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Faults(Option<Arc<Set>>);

#[derive(Debug)]
struct Set {
    point: Point,
    left: AtomicU64,
    /// `None` where the process itself ends.
    ended: Option<watch::Sender<bool>>,
}

impl Faults {
    /// The one that the environment asks for.
    #[must_use]
    pub fn from_environment() -> Self {
        let Ok(text) = std::env::var(FAIL_POINT) else { return Self::default() };
        let (name, times) = text.split_once(':').unwrap_or((&text, "1"));
        let point = Point::ALL.into_iter().find(|point| point.name() == name);
        let (Some(point), Ok(times)) = (point, times.parse()) else { return Self::default() };
        tracing::warn!(point = name, times, "a fail point is set for a test, this process will abort");
        Self(Some(Arc::new(Set { point, left: AtomicU64::new(times), ended: None })))
    }

    /// Ends the run, not the process, when the point is reached for the n-th time.
    #[must_use]
    pub fn at(point: Point, times: u64) -> Self {
        Self(Some(Arc::new(Set { point, left: AtomicU64::new(times), ended: Some(watch::Sender::new(false)) })))
    }

    /// Nothing happens after this where the point is the one that is set: as after a kill.
    pub(crate) async fn reach(&self, point: Point) {
        let Some(set) = self.0.as_ref().filter(|set| set.point == point) else { return };
        let reached = set.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        // Whoever comes later in a dead process does nothing either.
        if reached.is_ok_and(|left| left > 1) {
            return;
        }
        match &set.ended {
            Some(ended) => {
                ended.send_replace(true);
                std::future::pending().await
            }
            None => std::process::abort(),
        }
    }

    /// Comes back when the run is to end, with the name of the point.
    pub(crate) async fn ended(&self) -> &'static str {
        let Some((set, ended)) = self.0.as_ref().and_then(|set| Some((set, set.ended.as_ref()?))) else {
            return std::future::pending().await;
        };
        // The sender lives as long as this.
        let _ = ended.subscribe().wait_for(|ended| *ended).await;
        set.point.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ends_a_run_at_the_nth_time_and_only_there() {
        let faults = Faults::at(Point::AfterFacts, 2);
        faults.reach(Point::BeforeFacts).await;
        faults.reach(Point::AfterFacts).await;
        tokio::select! {
            biased;
            () = faults.reach(Point::AfterFacts) => panic!("it went on"),
            name = faults.ended() => assert_eq!(name, "after-facts"),
        }
    }
}
