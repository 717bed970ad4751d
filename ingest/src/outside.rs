//! What differs from one run to the next and comes from neither log nor clusters: the hour, chance, and the way to a cluster.
//!
//! One trait with two implementations: the machine, and the simulation of the whole, which plays a run again from its seed.

use std::{
    ops::RangeInclusive,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use beidou_schemas::{Micros, time::SECOND};

use crate::{clusters::ClusterConfig, own_time::OwnTime};

/// Where ingest gets these from. The provided methods are the machine's.
pub trait Outside: Send + Sync + 'static {
    /// Now. It never goes back.
    fn now(&self) -> Micros {
        let (mut time, wall, steady) = readings();
        let (now, stepped) = time.now(wall, steady);
        if let Some(by) = stepped {
            let seconds = by as f64 / SECOND as f64;
            tracing::warn!(
                seconds,
                "the clock of this machine has stepped; it is followed when that has lasted a minute"
            );
        }
        now
    }

    /// Now, or later where the machine's clock says so: for the end of what was lost.
    fn latest(&self) -> Micros {
        let (mut time, wall, steady) = readings();
        time.latest(wall, steady)
    }

    /// Some number of the range.
    fn any_of(&self, range: RangeInclusive<i64>) -> i64 {
        rand::random_range(range)
    }

    /// A client that reaches the cluster; `None`: one is made as its configuration says.
    fn client(&self, _cluster: &ClusterConfig) -> Option<kube::Client> {
        None
    }
}

/// The machine's time as ingest goes by it, with what its clocks say: one for the process, as the machine has one.
fn readings() -> (MutexGuard<'static, OwnTime>, Micros, i64) {
    static BEGUN: LazyLock<(Instant, Mutex<OwnTime>)> =
        LazyLock::new(|| (Instant::now(), Mutex::new(OwnTime::new(Micros::of(jiff::Timestamp::now()), 0))));
    let (begun, time) = &*BEGUN;
    // Locked before the clocks are read, so that readings come in their order.
    let time = time.lock().unwrap_or_else(PoisonError::into_inner);
    let steady = i64::try_from(begun.elapsed().as_micros()).unwrap_or(i64::MAX);
    (time, Micros::of(jiff::Timestamp::now()), steady)
}

/// The machine that this runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine;

impl Outside for Machine {}
