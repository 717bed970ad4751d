//! The contract of executors, for the tests of each: what [`super::Executor`] promises.

use std::time::Duration;

use beidou_schemas::runner::AttemptId;

use super::{ExecuteError, Executor, Order, Secret, Standing};

/// Stands in for a runner, as a script of `sh`: says in its folder that it was made, and ends with the exit code that is written
/// there. It does not end when it is asked to.
pub const RUNNER: &str = r#"
trap '' TERM
while [ $# -gt 0 ]; do [ "$1" = --work ] && work=$2; [ "$1" = --token-file ] && token=$2; shift; done
test -s "$token" || exit 9
echo made >> "$work/made"
while ! test -s "$work/end"; do sleep 0.05; done
exit "$(cat "$work/end")"
"#;

/// How an implementation is driven from outside.
pub trait Driver {
    /// A new executor over the same runners: as after a restart of controllers.
    fn executor(&self) -> Box<dyn Executor>;
    /// Lets the runner of an attempt end by itself with this exit code, and waits until it has.
    fn end(&self, attempt: &AttemptId, exit: i32) -> impl Future<Output = ()>;
    /// Brings the runner of an attempt to where it acts, and takes a while to end.
    fn acts(&self, attempt: &AttemptId) -> impl Future<Output = ()>;
    /// Waits until such a runner is about to end, as it was told to.
    fn stopping(&self, attempt: &AttemptId) -> impl Future<Output = ()>;
    /// Waits until the runner of an attempt is gone after it was told to stop at once.
    fn stopped(&self, attempt: &AttemptId) -> impl Future<Output = ()>;
    /// How many runners were made for an attempt.
    fn made(&self, attempt: &AttemptId) -> impl Future<Output = usize>;
}

/// An order for an attempt.
#[must_use]
pub fn order(attempt: &str, input: &str) -> Order {
    Order {
        attempt: attempt.parse().expect("the suite names attempts well"),
        input: input.into(),
        door: "http://127.0.0.1:9".into(),
        token: Secret("0".repeat(64)),
        secrets: vec![("ssh".into(), Secret("key of nobody".into()))],
        deadline: Duration::from_secs(600),
    }
}

/// Runs all of it.
///
/// # Panics
/// Where the implementation breaks its promise.
pub async fn check(driver: &impl Driver) {
    once(driver).await;
    ended(driver).await;
    stopped(driver).await;
}

async fn once(driver: &impl Driver) {
    let (executor, order) = (driver.executor(), order("00000000-contract-b0-a1", "one"));
    assert_eq!(executor.look(&order.attempt).await.expect("look"), Standing::Absent);
    let place = executor.launch(&order).await.expect("launch");
    assert_eq!(executor.launch(&order).await.expect("the same order again"), place);
    // A restart in between changes nothing.
    let again = driver.executor();
    assert_eq!(again.launch(&order).await.expect("the same order after a restart"), place);
    assert_eq!(driver.made(&order.attempt).await, 1, "one order makes one runner");
    let other = Order { input: "other".into(), ..order.clone() };
    assert!(matches!(again.launch(&other).await, Err(ExecuteError::Other(_))), "another order under its name");
    assert_eq!(again.look(&order.attempt).await.expect("look"), Standing::Running);
    driver.end(&order.attempt, 0).await;
    assert!(matches!(again.look(&order.attempt).await.expect("look"), Standing::Gone { .. }));
    assert_eq!(again.launch(&order).await.expect("an order whose runner has ended"), place);
    assert_eq!(driver.made(&order.attempt).await, 1, "what has ended is not made again");
    again.forget(&order.attempt).await.expect("forget");
    again.forget(&order.attempt).await.expect("forget twice");
}

async fn ended(driver: &impl Driver) {
    let (executor, order) = (driver.executor(), order("00000000-contract-b0-a2", "two"));
    executor.launch(&order).await.expect("launch");
    driver.end(&order.attempt, 3).await;
    match executor.look(&order.attempt).await.expect("look") {
        Standing::Gone { exit, .. } => assert_eq!(exit, Some(3), "who made it knows its exit code"),
        other => panic!("it has ended, and is {other:?}"),
    }
    executor.forget(&order.attempt).await.expect("forget");
}

async fn stopped(driver: &impl Driver) {
    let (executor, order) = (driver.executor(), order("00000000-contract-b0-a3", "three"));
    executor.stop(&order.attempt, false).await.expect("stop what was never made");
    executor.launch(&order).await.expect("launch");
    driver.acts(&order.attempt).await;
    executor.stop(&order.attempt, false).await.expect("stop");
    driver.stopping(&order.attempt).await;
    assert_eq!(executor.look(&order.attempt).await.expect("look"), Standing::Running, "it has its grace");
    executor.stop(&order.attempt, true).await.expect("stop at once");
    driver.stopped(&order.attempt).await;
    assert_ne!(executor.look(&order.attempt).await.expect("look"), Standing::Running);
    executor.forget(&order.attempt).await.expect("forget");
}
