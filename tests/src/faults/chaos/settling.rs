//! Waits until everything is told, and judges it.

use anyhow::{Context, bail};
use beidou_simulator::{Clock, oracle::Judge};

use super::{Run, TOLERANCE_US};
use crate::{
    beidou::http,
    faults::verdict::{Case, Interval, Oracle, Stored, kept::unlike},
    wait::until,
};

impl Run {
    /// Stops the load and waits until the table holds every state that can be had, the archive as many rows, and all time
    /// up to now is told.
    pub(super) async fn settle(&mut self) -> anyhow::Result<()> {
        self.set_rate(0.0);
        self.every_cluster_watched().await?;
        self.remember_heartbeats().await?;
        let now_us = Clock::Real.now_us();
        let settled = until("table and archive hold every state that can be had", self.course.patience, async || {
            if let Err(error) = self.site.all_run() {
                return Some(Err(error));
            }
            let wanted = Judge::of(&self.ledger.entries());
            let excused = wanted.excused();
            let stored = self.site.stored().await.unwrap_or_default();
            let mut due =
                wanted.states().keys().filter(|state| !self.own.contains(&state.uid) && !excused.contains(state));
            let all_there = due.all(|state| stored.states.contains(state));
            let all_told = all_there && self.proven_until().await? >= now_us;
            (all_told && self.site.is_archived(stored.rows).await).then_some(Ok(()))
        });
        match settled.await {
            Ok(result) => result?,
            // A planted bug loses states for good: the verdict names them.
            Err(overdue) => self.outcome.wrong.push(overdue.to_string()),
        }
        self.told_until_us = now_us;
        Ok(())
    }

    /// The moment until which a watch has proven every cluster; nothing while one has none, or the engine is away.
    async fn proven_until(&mut self) -> Option<i64> {
        let sql = "SELECT toUnixTimestamp64Micro(max(until_time)) FROM kube_coverage WHERE state = 'complete' GROUP BY cluster_uid";
        let proven = self.site.sql(sql).await.ok().filter(|proven| proven.len() == self.servers.len())?;
        proven.iter().map(|text| text.parse().ok()).collect::<Option<Vec<i64>>>()?.into_iter().min()
    }

    /// Inside the compaction window nothing may be lost, and nothing may be called lost, or not be told.
    pub(super) async fn no_degraded_time(&mut self) -> anyhow::Result<()> {
        let oracle = Oracle::of(&self.ledger.entries());
        let unsettled: usize = self.servers.iter().map(|server| server.faults().unsettled_losses()).sum();
        if unsettled + oracle.judge.losses().len() > 0 {
            bail!("the simulator lost history, though the course only killed and cut: {:?}", oracle.judge.losses());
        }
        let intervals = self.site.intervals().await?;
        let called = intervals.iter().filter(|i| i.state != "complete" && i.reason != "first_list");
        self.outcome.wrong.extend(called.map(|i| format!("nothing was lost, yet it is reported: {i:?}")));
        let stored = self.site.stored().await?;
        self.judge(&oracle, &stored, &intervals);
        self.judge_archive().await
    }

    pub(super) fn judge(&mut self, oracle: &Oracle, stored: &Stored, intervals: &[Interval]) {
        let (own, until_us) = (&self.own, self.told_until_us);
        let case = Case { oracle, own, stored, intervals, tolerance_us: TOLERANCE_US, until_us };
        self.outcome.wrong.extend(case.wrong());
    }

    /// Table and archive hold the same rows, each once.
    pub(super) async fn judge_archive(&mut self) -> anyhow::Result<()> {
        let (table, archive) = (self.site.table().await?, self.site.archived().await?);
        self.outcome.wrong.extend(unlike(&table, &archive));
        Ok(())
    }

    /// A restore forgets heartbeat objects, and the collector makes new ones: their uids are noted before and after.
    pub(super) async fn remember_heartbeats(&mut self) -> anyhow::Result<()> {
        for server in &self.servers {
            let url = format!("{}/api/v1/namespaces/default/events", server.url());
            let answer = http().get(url).bearer_auth(server.token()).send().await?;
            let list: serde_json::Value = answer.error_for_status()?.json().await?;
            let items = list["items"].as_array().context("a list has items")?;
            let own = items.iter().filter(|item| item["reason"] == "BeidouHeartbeat");
            for item in own {
                self.own.insert(item["metadata"]["uid"].as_str().context("an Event has a uid")?.parse()?);
            }
        }
        Ok(())
    }
}
