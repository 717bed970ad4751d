//! Losses made on purpose: 410s, and restores of an older etcd.

use anyhow::Context;
use beidou_simulator::{ApiServer, Clock, Expiry};

use super::{LIMIT, Run};
use crate::wait::until;

/// A restore goes back by so many versions, or to the last compaction: some seconds of the load.
const SET_BACK: u64 = 3000;
/// So often a busy Event is overwritten while its cluster is out of reach: all of it but the last state is lost for good.
const OVERWRITTEN: u32 = 10;

impl Run {
    /// Makes one cluster lose history while it is out of reach, and waits until that was noticed.
    pub(super) async fn lose_history(&mut self, round: u32) -> anyhow::Result<()> {
        let cluster = round as usize % self.servers.len();
        let server = self.servers[cluster].clone();
        self.remember_heartbeats().await?;
        self.kill_one().await?;
        let restore = round as usize >= self.servers.len() * 2 && (round as usize) < self.servers.len() * 3;
        let before = self.coverage_facts(&server).await?;
        server.faults().refuse_connections();
        self.some_records_pass().await?;
        self.overwrite(cluster).await?;
        if restore {
            self.set_back(&server);
        } else {
            server.faults().compact_now();
            server.faults().tell_expiry_by(if round.is_multiple_of(2) {
                Expiry::HttpStatus
            } else {
                Expiry::ErrorFrame
            });
        }
        server.faults().accept_connections();
        let noticed = until("the loss is reported", LIMIT, async || {
            let after = self.coverage_facts(&server).await.unwrap_or(before);
            (after > before).then_some(())
        });
        noticed.await?;
        self.set_rate(self.course.rate);
        self.every_cluster_watched().await
    }

    /// Overwrites the cluster's busy Event, again and again over some time.
    pub(super) async fn overwrite(&mut self, cluster: usize) -> anyhow::Result<()> {
        let (server, record, mut left) = (&self.servers[cluster], &mut self.busy[cluster], OVERWRITTEN);
        let overwritten = until("the busy Event is overwritten", LIMIT, async || {
            record.occur(Clock::Real.now_us(), 1);
            server.report(record);
            left -= 1;
            (left == 0).then_some(())
        });
        Ok(overwritten.await?)
    }

    /// Restores an older etcd. The load stops until it was noticed: a counter that has outgrown the collector's position
    /// while the collector is down cannot be told from one that never went back.
    fn set_back(&self, server: &ApiServer) {
        self.set_rate(0.0);
        let (_, version) = server.position();
        server.faults().restart_with_lower_rv(version.saturating_sub(SET_BACK));
    }

    pub(super) async fn coverage_facts(&mut self, server: &ApiServer) -> anyhow::Result<u64> {
        let uid = server.cluster().uid;
        let sql =
            format!("SELECT count() FROM kube_coverage FINAL WHERE state != 'complete' AND cluster_uid = '{uid}'");
        Ok(self.site.sql(&sql).await?.first().context("a count")?.parse()?)
    }
}
