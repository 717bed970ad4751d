//! The endless stream of one cluster's Events: scripts start by chance, at the pace that gives the wanted rate.

use std::sync::Arc;

use rand::RngExt;

use super::plan::Plan;
use super::record::EventRecord;
use super::scene::Scene;
use super::{autoscale, crash_loop, image_pull, job, node_outage, probe, rollout, scheduling, storm};
use crate::clock::{DAY_US, HOUR_US};
use crate::fleet::{Cluster, Purpose, Random, stream};

type Script = fn(&mut Scene<'_>, i64) -> i64;

/// Scripts with their weights: how often each starts, out of the sum.
const SCRIPTS: [(u32, Script); 12] = [
    (220, rollout::any),
    (380, job::any),
    (40, crash_loop::any),
    (30, image_pull::any),
    (4, node_outage::wave),
    (2, node_outage::reboot),
    (6, node_outage::pressure),
    (90, scheduling::any),
    (260, probe::any),
    (140, autoscale::any),
    (120, autoscale::housekeeping),
    (1, storm::any),
];

/// A day's curve: busier at noon than at midnight by this share of the mean.
const DAY_SWING: f64 = 0.35;

/// Longest pause between two scripts: a year, far beyond any history, and far from the end of time.
const LONGEST_PAUSE_US: i64 = 365 * DAY_US;
/// Least states per second that live stories are laid out for, so that a feed that begins paused has some to tell.
const SPARSEST_LIVE: f64 = 0.5;

/// The Events of one cluster, in time order, without end.
#[derive(Debug)]
pub struct EventStream {
    cluster: Arc<Cluster>,
    random: Random,
    plan: Plan,
    per_us: f64,
    next_script_us: i64,
}

impl EventStream {
    /// A stream from `from_us` on with a mean rate of `per_second` states; occurrences beyond `horizon_us` do not
    /// count towards the rate, so that a history up to the horizon holds what was asked for.
    #[must_use]
    pub fn new(seed: u64, cluster: Arc<Cluster>, from_us: i64, per_second: f64, horizon_us: i64) -> Self {
        let random = stream(seed, cluster.index, Purpose::Events);
        Self { cluster, random, plan: Plan::new(horizon_us), per_us: per_second / 1e6, next_script_us: from_us }
    }

    /// The cluster that this is about.
    #[must_use]
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// The stream's own chance, for what must be repeatable along with it.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Plans something beside the pace.
    pub fn direct(&mut self, script: impl FnOnce(&mut Scene<'_>)) {
        script(&mut Scene { cluster: &self.cluster, random: &mut self.random, plan: &mut self.plan });
    }

    /// Leaves the horizon behind and goes on without end at a new rate.
    pub fn go_on(&mut self, per_second: f64) {
        self.plan.lift_horizon();
        self.per_us = per_second.max(SPARSEST_LIVE) / 1e6;
    }

    /// Planned time of the next occurrence.
    pub fn next_at(&mut self) -> i64 {
        loop {
            match self.plan.next_at() {
                Some(at) if at < self.next_script_us => return at,
                Some(_) | None => self.start_script(),
            }
        }
    }

    /// The next occurrence: its planned time, how many it stands for, and its Event, not yet told of it.
    pub fn next_occurrence(&mut self) -> (i64, u32, &mut EventRecord) {
        self.next_at();
        self.plan.pop().expect("a time of the next occurrence means that there is one")
    }

    fn start_script(&mut self) {
        let at = self.next_script_us;
        let before = self.plan.within_horizon();
        let script = choose(&mut self.random);
        self.direct(|scene| {
            script(scene, at);
        });
        let added = (self.plan.within_horizon() - before).max(1) as f64;
        let turn = (at - 4 * HOUR_US).rem_euclid(DAY_US) as f64 / DAY_US as f64 * std::f64::consts::TAU;
        let wait = added / (self.per_us * (1.0 - DAY_SWING * turn.cos()));
        self.next_script_us = at + (wait as i64).clamp(1, LONGEST_PAUSE_US);
    }
}

fn choose(random: &mut Random) -> Script {
    let sum: u32 = SCRIPTS.iter().map(|(weight, _)| weight).sum();
    let mut at = random.random_range(0..sum);
    let chosen = SCRIPTS.iter().find(|(weight, _)| {
        let here = at < *weight;
        at = at.saturating_sub(*weight);
        here
    });
    chosen.map_or(autoscale::housekeeping, |(_, script)| *script)
}
