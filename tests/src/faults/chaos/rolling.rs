//! Every role restarted, one after another, as an upgrade does, under load and under a live tail.

use std::collections::HashSet;

use beidou_simulator::{
    StateId,
    oracle::{Entry, Judge},
};

use super::{LIMIT, Run, tail::Tail};
use crate::{
    faults::site::{Role, TOOK},
    wait::until,
};

/// What query-api says once it is there.
pub(super) const LISTENS: &str = "query-api listens";
/// What controllers say once they alone write the facts.
const LEAD: &str = "controllers take commands";

impl Run {
    /// Restarts all roles. What was committed meanwhile must reach the tail, which goes on behind its last message where it is
    /// cut; that the tables lose and double nothing is judged by the verdict.
    pub(super) async fn rolling_restart(&mut self) -> anyhow::Result<()> {
        self.site.start(Role::Controllers)?;
        self.site.changed(Role::Controllers, LEAD, 0).await?;
        self.site.start(Role::QueryApi)?;
        let address = self.site.listening().await?;
        let tail = Tail::start(address);
        until("the live tail runs", LIMIT, async || tail.runs().then_some(())).await?;
        let before = self.states();
        for role in Role::ALL {
            let [took, listened, led] = [TOOK, LISTENS, LEAD].map(|what| self.site.told(role, what));
            self.site.stop(role).await?;
            self.site.start(role)?;
            match role {
                Role::Projector | Role::SecondProjector => self.site.changed(role, TOOK, took?).await?,
                Role::QueryApi => {
                    self.site.changed(role, LISTENS, listened?).await?;
                    tail.goes_on_at(self.site.listening().await?);
                }
                Role::Controllers => self.site.changed(role, LEAD, led?).await?,
                Role::Engine => drop(self.site.endpoint().await?),
                Role::Ingest | Role::SecondIngest => {}
            }
            self.some_records_pass().await?;
            self.outcome.rolled += 1;
        }
        self.outcome.tailed = self.tail_shows(&tail, &before).await?;
        self.outcome.resumed = tail.resumed();
        self.outcome.handed = self.site.told(Role::Projector, TOOK)? + self.site.told(Role::SecondProjector, TOOK)?;
        Ok(())
    }

    /// Waits until the tail has shown all states that were committed since `before` was all; how many of them it has.
    pub(super) async fn tail_shows(&mut self, tail: &Tail, before: &HashSet<StateId>) -> anyhow::Result<usize> {
        self.remember_heartbeats().await?;
        let judge = Judge::of(&self.ledger.entries());
        let is_wanted = |state: &&StateId| !before.contains(state) && !self.own.contains(&state.uid);
        let wanted: Vec<StateId> = judge.states().keys().filter(is_wanted).copied().collect();
        let missing = || {
            let seen = tail.seen();
            wanted.iter().filter(|state| !seen.contains(state)).count()
        };
        if until("the tail has shown all", self.course.patience, async || (missing() == 0).then_some(())).await.is_err()
        {
            self.outcome.wrong.push(self.not_shown(tail, &wanted));
        }
        self.outcome.wrong.extend(tail.wrong());
        Ok(wanted.len() - missing())
    }

    /// All states that there were so far.
    pub(super) fn states(&self) -> HashSet<StateId> {
        Judge::of(&self.ledger.entries()).states().keys().copied().collect()
    }

    /// How many, when they were committed, and whether the tail stands.
    fn not_shown(&self, tail: &Tail, wanted: &[StateId]) -> String {
        let seen = tail.seen();
        let missing: HashSet<StateId> = wanted.iter().filter(|state| !seen.contains(state)).copied().collect();
        let entries = self.ledger.entries();
        let mut when: Vec<i64> = entries
            .iter()
            .filter_map(|entry| match entry {
                Entry::Committed { state, at_us, .. } if missing.contains(state) => Some(*at_us),
                _ => None,
            })
            .collect();
        when.sort_unstable();
        let now_us = jiff::Timestamp::now().as_microsecond();
        let ago = |at: Option<&i64>| at.map_or(0.0, |at| (now_us - at) as f64 / 1e6);
        format!(
            "the live tail has not shown {} of {} states, committed {:.1} to {:.1} s ago; its connection {}",
            missing.len(),
            wanted.len(),
            ago(when.first()),
            ago(when.last()),
            if tail.is_open() { "stands" } else { "has ended" },
        )
    }
}
