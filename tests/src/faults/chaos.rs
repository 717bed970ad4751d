//! The course of the fault test: load, kills and broken streams; then losses made on purpose; then the verdict.

use std::{
    collections::{HashMap, HashSet},
    fs,
    time::Duration,
};

use anyhow::{Context, bail};
use beidou_simulator::{
    ApiServer, Clock, Cut, EventRecord, Expiry, Feeder, Fleet, Ledger, Live, ServerOptions, StateId,
    generate::EventStream,
    oracle::{Entry, Judge, LossCause, StreamEnd},
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use uuid::Uuid;

use super::{
    site::{HEARTBEAT, Role, Site},
    verdict::{Case, Interval, Oracle, Stored},
};
use crate::{beidou::http, wait::until};

/// Longer than this nothing that the course waits for takes, on a machine of two busy cores.
const LIMIT: Duration = Duration::from_secs(180);
/// Reported intervals may exceed the made loss by at most one heartbeat.
const TOLERANCE_US: i64 = HEARTBEAT.as_micros() as i64;
/// A restore goes back by so many versions, or to the last compaction: some seconds of the load.
const SET_BACK: u64 = 3000;
/// The engine would merge equal rows sooner or later: without merges each row that was ever inserted is counted.
const HIDE_NOTHING: &str = "ALTER TABLE kube_event MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1, \
    parts_to_delay_insert = 100000, parts_to_throw_insert = 100000";
/// So often a busy Event is overwritten while its cluster is out of reach: all of it but the last state is lost for good.
const OVERWRITTEN: u32 = 10;
/// The busy Events are none of the load.
const BUSY_SEED: u64 = 1000;
/// Kills that are aimed at the window between PENDING and DONE.
const WINDOW_SHARE: u32 = 2;

/// How hard to try.
#[derive(Debug, Clone)]
pub struct Course {
    /// The seed of what is killed and cut, and when.
    pub seed: u64,
    /// Processes killed while all history can still be had.
    pub kills: u32,
    /// Rounds of forced losses, each with a kill: 410s, and once per cluster a restore with a lower version.
    pub losses: u32,
    /// Events per second and cluster.
    pub rate: f64,
    /// Kills only this role, to catch a bug that is planted in it.
    pub only: Option<Role>,
    /// How long the last states may take to arrive; a planted bug loses some for good, so its course waits less.
    pub patience: Duration,
    /// The environment of the processes: planted bugs.
    pub environment: Vec<(&'static str, String)>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What is wrong, in words.
    pub wrong: Vec<String>,
    /// Kills by role.
    pub kills: HashMap<&'static str, u32>,
    /// Kills of the projector between PENDING and DONE, by its fail points.
    pub in_window: usize,
    /// States that the simulator committed.
    pub states: usize,
    /// Those of them that are lost for good.
    pub lost: usize,
    /// Streams that it cut.
    pub cuts: usize,
    /// Losses that it made by compaction.
    pub expired: usize,
    /// Losses that it made by a restore.
    pub restored: usize,
}

struct Run {
    course: Course,
    random: StdRng,
    servers: Vec<ApiServer>,
    feeds: Vec<Live>,
    /// Of each cluster an Event that is overwritten while nobody watches.
    busy: Vec<EventRecord>,
    ledger: Ledger,
    site: Site,
    /// Uids of the collector's own heartbeat Events: no history.
    own: HashSet<Uuid>,
    /// All time until then is told, unless something is wrong.
    told_until_us: i64,
    outcome: Outcome,
}

/// Runs the course.
///
/// # Errors
/// When something fails that the course did not break: a process ends by itself, nothing settles.
pub async fn run(course: Course) -> anyhow::Result<Outcome> {
    let mut run = Run::start(course).await?;
    for _ in 0..run.course.kills {
        run.kill_one().await?;
        run.cut_some();
    }
    run.settle().await.context("after the kills inside the compaction window")?;
    run.no_degraded_time().await?;
    if !run.outcome.wrong.is_empty() {
        return run.conclude().await;
    }
    run.set_rate(run.course.rate);
    for round in 0..run.course.losses {
        run.lose_history(round).await?;
    }
    run.settle().await.context("after the forced losses")?;
    run.conclude().await
}

impl Run {
    async fn start(course: Course) -> anyhow::Result<Self> {
        let ledger = Ledger::default();
        let mut servers = Vec::new();
        let (mut feeds, mut busy) = (Vec::new(), Vec::new());
        for cluster in Fleet::new(course.seed, 2, 20).clusters {
            let options = ServerOptions {
                compaction_us: 0,
                seed: course.seed,
                ..ServerOptions::new(cluster.clone(), ledger.clone())
            };
            let server = ApiServer::start(options).await?;
            let now = Clock::Real.now_us();
            let mut others = EventStream::new(course.seed + BUSY_SEED, cluster.clone(), now, course.rate, i64::MAX);
            busy.push(others.next_occurrence().2.clone());
            let stream = EventStream::new(course.seed, cluster, now, course.rate, i64::MAX);
            feeds.push(Live::start(Feeder::new(server.clone(), Clock::Real, stream), course.rate));
            servers.push(server);
        }
        let mut site = Site::new(&servers, course.environment.clone())?;
        for role in [Role::Engine, Role::Ingest, Role::Projector] {
            site.start(role)?;
        }
        site.endpoint().await?;
        let random = StdRng::seed_from_u64(course.seed);
        let (own, outcome) = (HashSet::new(), Outcome::default());
        let mut run = Self { course, random, servers, feeds, busy, ledger, site, own, told_until_us: 0, outcome };
        run.every_cluster_watched().await?;
        run.rows_are_there().await?;
        run.site.command(HIDE_NOTHING).await?;
        Ok(run)
    }

    /// Kills begin when there is something to lose: a projector that is killed before refuses tables that it finds empty,
    /// and a first list that is not told yet is made again.
    async fn rows_are_there(&mut self) -> anyhow::Result<()> {
        let clusters = self.servers.len();
        let there = until("the tables have rows", LIMIT, async || {
            let count = self.site.sql("SELECT count() FROM kube_event").await.ok()?;
            let listed = "SELECT uniqExact(cluster_uid) FROM kube_coverage WHERE reason = 'first_list'";
            let listed = self.site.sql(listed).await.ok()?;
            (count.first()? != "0" && listed.first()?.parse() == Ok(clusters)).then_some(())
        });
        Ok(there.await?)
    }

    /// Kills a role at random, or the projector (or the engine below it) inside its window, and starts it again.
    async fn kill_one(&mut self) -> anyhow::Result<()> {
        let turn = self.outcome.kills.values().sum::<u32>().is_multiple_of(WINDOW_SHARE);
        let aimed = turn && self.course.only != Some(Role::Ingest);
        let any = [Role::Engine, Role::Ingest, Role::Projector];
        let role = match self.course.only {
            _ if aimed => Role::Projector,
            Some(role) => role,
            None => *any.choose(&mut self.random).context("three roles")?,
        };
        if aimed {
            self.projector_in_window().await?;
        } else {
            self.some_records_pass().await?;
        }
        let pid = self.site.pid(role);
        self.site.kill(role)?;
        *self.outcome.kills.entry(role.name()).or_default() += 1;
        if role == Role::Projector && self.died_in_window(pid)? {
            self.outcome.in_window += 1;
        }
        self.site.start(role)
    }

    /// Lets a random number of Events pass, so that kills fall into all moments.
    async fn some_records_pass(&mut self) -> anyhow::Result<()> {
        let wanted = self.feeds[0].reported() + self.random.random_range(1..self.course.rate.max(2.0) as u64);
        let feed = self.feeds[0].clone();
        Ok(until("Events pass", LIMIT, async || (feed.reported() >= wanted).then_some(())).await?)
    }

    fn steps(&self) -> Vec<String> {
        let text = fs::read_to_string(self.site.file("steps")).unwrap_or_default();
        text.lines().map(String::from).collect()
    }

    async fn projector_in_window(&mut self) -> anyhow::Result<()> {
        let pid = self.site.pid(Role::Projector).context("the projector runs")?;
        let inside = until("the projector is between PENDING and DONE", LIMIT, async || {
            if let Err(error) = self.site.all_run() {
                return Some(Err(error));
            }
            in_window(&self.steps(), pid).then_some(Ok(()))
        });
        inside.await?
    }

    fn died_in_window(&self, pid: Option<u32>) -> anyhow::Result<bool> {
        Ok(in_window(&self.steps(), pid.context("the projector ran")?))
    }

    /// Breaks streams in the ways that lose nothing.
    fn cut_some(&mut self) {
        for server in &self.servers {
            match self.random.random_range(0..5) {
                0 => server.faults().cut_streams(Cut::MidFrame),
                1 => server.faults().cut_connections(),
                2 => server.faults().empty_next_watches(1),
                _ => {}
            }
        }
    }

    /// Makes one cluster lose history while it is out of reach, and waits until that was noticed.
    async fn lose_history(&mut self, round: u32) -> anyhow::Result<()> {
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
    async fn overwrite(&mut self, cluster: usize) -> anyhow::Result<()> {
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

    fn set_rate(&self, per_second: f64) {
        for feed in &self.feeds {
            feed.set_rate(per_second);
        }
    }

    async fn coverage_facts(&mut self, server: &ApiServer) -> anyhow::Result<u64> {
        let uid = server.cluster().uid;
        let sql =
            format!("SELECT count() FROM kube_coverage FINAL WHERE state != 'complete' AND cluster_uid = '{uid}'");
        Ok(self.site.sql(&sql).await?.first().context("a count")?.parse()?)
    }

    async fn every_cluster_watched(&mut self) -> anyhow::Result<()> {
        let watched = until("every cluster is watched", LIMIT, async || {
            if let Err(error) = self.site.all_run() {
                return Some(Err(error));
            }
            self.servers.iter().all(|server| server.faults().running_streams() > 0).then_some(Ok(()))
        });
        watched.await?
    }

    /// Stops the load and waits until the table holds every state that can be had, and all time up to now is told.
    async fn settle(&mut self) -> anyhow::Result<()> {
        self.set_rate(0.0);
        self.every_cluster_watched().await?;
        self.remember_heartbeats().await?;
        let now_us = Clock::Real.now_us();
        let settled = until("the table holds every state that can be had", self.course.patience, async || {
            if let Err(error) = self.site.all_run() {
                return Some(Err(error));
            }
            let wanted = Judge::of(&self.ledger.entries());
            let excused = wanted.excused();
            let stored = self.stored().await.unwrap_or_default();
            let mut due =
                wanted.states().keys().filter(|state| !self.own.contains(&state.uid) && !excused.contains(state));
            let all_there = due.all(|state| stored.states.contains(state));
            (all_there && self.proven_until().await? >= now_us).then_some(Ok(()))
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
    async fn no_degraded_time(&mut self) -> anyhow::Result<()> {
        let oracle = Oracle::of(&self.ledger.entries());
        let unsettled: usize = self.servers.iter().map(|server| server.faults().unsettled_losses()).sum();
        if unsettled + oracle.judge.losses().len() > 0 {
            bail!("the simulator lost history, though the course only killed and cut: {:?}", oracle.judge.losses());
        }
        let intervals = self.intervals().await?;
        let called = intervals.iter().filter(|i| i.state != "complete" && i.reason != "first_list");
        self.outcome.wrong.extend(called.map(|i| format!("nothing was lost, yet it is reported: {i:?}")));
        let stored = self.stored().await?;
        self.judge(&oracle, &stored, &intervals);
        Ok(())
    }

    fn judge(&mut self, oracle: &Oracle, stored: &Stored, intervals: &[Interval]) {
        let (own, until_us) = (&self.own, self.told_until_us);
        let case = Case { oracle, own, stored, intervals, tolerance_us: TOLERANCE_US, until_us };
        self.outcome.wrong.extend(case.wrong());
    }

    /// A restore forgets heartbeat objects, and the collector makes new ones: their uids are noted before and after.
    async fn remember_heartbeats(&mut self) -> anyhow::Result<()> {
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

    async fn stored(&mut self) -> anyhow::Result<Stored> {
        let sql = "SELECT cluster_uid, epoch, event_uid, resource_version, occurrences_delta FROM kube_event";
        let lines = self.site.sql(sql).await?;
        let mut stored = Stored { rows: lines.len() as u64, ..Stored::default() };
        for line in lines {
            let fields: Vec<_> = line.split('\t').collect();
            let [cluster, epoch, uid, version, delta] = fields[..] else { bail!("an odd row: {line}") };
            let state = StateId {
                cluster: cluster.parse()?,
                incarnation: epoch.parse()?,
                resource_version: version.parse()?,
                uid: uid.parse()?,
            };
            let event = (state.cluster, state.incarnation, state.uid);
            *stored.occurrences.entry(event).or_default() += delta.parse::<u64>()?;
            stored.states.insert(state);
        }
        Ok(stored)
    }

    async fn intervals(&mut self) -> anyhow::Result<Vec<Interval>> {
        let sql = "SELECT cluster_uid, state, reason, toUnixTimestamp64Micro(from_time), toUnixTimestamp64Micro(until_time) \
                   FROM kube_coverage FINAL";
        let parse = |line: String| -> anyhow::Result<Interval> {
            let fields: Vec<_> = line.split('\t').collect();
            let [cluster, state, reason, from, until] = fields[..] else { bail!("an odd row: {line}") };
            Ok(Interval {
                cluster: cluster.parse()?,
                state: state.into(),
                reason: reason.into(),
                from_us: from.parse()?,
                until_us: until.parse()?,
            })
        };
        self.site.sql(sql).await?.into_iter().map(parse).collect()
    }

    async fn conclude(mut self) -> anyhow::Result<Outcome> {
        let entries = self.ledger.entries();
        let oracle = Oracle::of(&entries);
        let (stored, intervals) = (self.stored().await?, self.intervals().await?);
        self.judge(&oracle, &stored, &intervals);
        let errors =
            self.site.log_lines()?.into_iter().filter(|line| line.contains("ERROR") || line.contains("panicked"));
        self.outcome.wrong.extend(errors.map(|line| format!("an error in the log of {line}")));
        let lost_by = |cause| oracle.judge.losses().iter().filter(|loss| loss.cause == cause).count();
        let is_cut = |entry: &&Entry| matches!(entry, Entry::StreamClosed { end: StreamEnd::Cut, .. });
        self.outcome.cuts = entries.iter().filter(is_cut).count();
        (self.outcome.expired, self.outcome.restored) = (lost_by(LossCause::Expired), lost_by(LossCause::Restored));
        self.outcome.states = oracle.judge.states().len();
        let gone = |state: &&StateId| !self.own.contains(&state.uid) && !stored.states.contains(state);
        self.outcome.lost = oracle.judge.states().keys().filter(gone).count();
        Ok(self.outcome)
    }
}

/// Whether the last step of this process for any partition lies between PENDING and DONE.
fn in_window(steps: &[String], pid: u32) -> bool {
    let mut last = HashMap::new();
    for step in steps {
        let fields: Vec<_> = step.split(' ').collect();
        if let [by, step, partition, _] = fields[..]
            && by == pid.to_string()
        {
            last.insert(partition, step);
        }
    }
    last.values().any(|step| matches!(*step, "pending" | "inserted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_known_by_the_last_step() {
        let steps = |text: &str| text.lines().map(String::from).collect::<Vec<_>>();
        assert!(in_window(&steps("7 pending e/0 0-5"), 7));
        assert!(in_window(&steps("7 pending e/0 0-5\n7 pending e/1 0-5\n7 inserted e/0 0-5\n7 done e/0 0-5"), 7));
        assert!(!in_window(&steps("7 pending e/0 0-5\n7 done e/0 0-5"), 7));
        assert!(!in_window(&steps("8 pending e/0 0-5"), 7));
    }
}
