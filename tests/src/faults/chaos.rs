//! The course of the fault test.
//!
//! ```text
//!  fleet: … ─► a projector that stands still ─► a rolling restart under a live tail ─► verdict
//!  load ─► kills, broken streams ─► rebuilds ─► verdict ─► compaction ─► engine wiped ─► losses made on purpose ─► verdict
//!                                                      ─► files and rows broken on purpose ─► audits ─► verdict
//! ```
//!
//! [`matrix`] has another course on the same installation: one kind of fault after another, each under its own verdict.

mod asked;
mod keeping;
mod kills;
mod losses;
pub mod matrix;
mod network;
mod rolling;
mod rows;
mod settling;
mod tail;
mod zombie;

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use anyhow::Context;
use beidou_simulator::{
    ApiServer, Clock, EventRecord, Feeder, Fleet, Ledger, Live, ServerOptions, StateId,
    generate::EventStream,
    oracle::{Entry, LossCause, StreamEnd},
};
use rand::{SeedableRng, rngs::StdRng};
use uuid::Uuid;

use self::network::Network;
use super::{
    site::{HEARTBEAT, Role, Site},
    verdict::Oracle,
};
use crate::{kafka::Broker, wait::until};

/// Longer than this nothing that the course waits for takes, on a machine of two busy cores.
const LIMIT: Duration = Duration::from_secs(180);
/// Reported intervals may exceed the made loss by at most one heartbeat.
const TOLERANCE_US: i64 = HEARTBEAT.as_micros() as i64;
/// Of so many kills one is followed by one of the broker.
const BROKER_SHARE: u32 = 4;
/// The busy Events are none of the load.
const BUSY_SEED: u64 = 1000;

/// The variable that plants a bug in a process.
pub const PLANTED: &str = "BEIDOU_FAULT";

/// A moment in which the projector is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Between PENDING and DONE.
    Table,
    /// Between PENDING and the insert.
    Insert,
    /// Between ARCHIVING and ARCHIVED.
    Archive,
    /// The same, after the file was put; with `archived-before-put` planted, before and after.
    Put,
}

impl Window {
    /// The steps inside it.
    fn steps(self) -> &'static [&'static str] {
        match self {
            Self::Table => &["pending", "inserted"],
            Self::Insert => &["pending"],
            Self::Archive => &["archiving", "put"],
            Self::Put => &["put"],
        }
    }
}

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
    /// Aims every kill at this window.
    pub aim: Option<Window>,
    /// Whether the log is in a Kafka broker, two ingests watch each cluster, and two projectors share the partitions: broker
    /// and second ones are killed, too.
    pub fleet: bool,
    /// Whether proxies stand before API servers, a broker and a bucket, and the processes go by a clock that can step: for the
    /// matrix.
    pub network: bool,
    /// Whether tables are rebuilt, wiped and broken as well. A planted bug would be mended by that, not caught.
    pub keeping: bool,
    /// How long the last states may take to arrive; a planted bug loses some for good, so its course waits less.
    pub patience: Duration,
    /// The environment of the processes: planted bugs.
    pub environment: Vec<(&'static str, String)>,
}

impl Course {
    /// Whether one of the processes has a bug.
    fn is_planted(&self) -> bool {
        self.environment.iter().any(|(name, _)| *name == PLANTED)
    }
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
    /// Those between ARCHIVING and ARCHIVED.
    pub in_archive: usize,
    /// Rebuilds that ended equal.
    pub rebuilt: usize,
    /// Kills of the projector in the middle of a rebuild.
    pub amid_rebuild: usize,
    /// Projectors that stood still, lost their partitions, and went on as members.
    pub fenced: usize,
    /// How often partitions were handed from one projector to another, by their logs.
    pub handed: usize,
    /// Roles that were restarted one after another under a live tail.
    pub rolled: usize,
    /// States that the tail had to show, and did.
    pub tailed: usize,
    /// How often the tail went on behind its last message.
    pub resumed: usize,
    /// Whether the projector was killed in the middle of the restore.
    pub amid_restore: bool,
    /// Faults made in files and table that the audit has found and repaired, by their names.
    pub mended: Vec<&'static str>,
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
    /// Of a fleet: roles whose turn to be killed has not come in this round.
    turns: Vec<Role>,
    servers: Vec<ApiServer>,
    feeds: Vec<Live>,
    /// Of each cluster an Event that is overwritten while nobody watches.
    busy: Vec<EventRecord>,
    ledger: Ledger,
    site: Site,
    broker: Option<Broker>,
    network: Option<Network>,
    /// Uids of the collector's own heartbeat Events: no history.
    own: HashSet<Uuid>,
    /// All time until then is told, unless something is wrong.
    told_until_us: i64,
    outcome: Outcome,
}

/// Runs the course. `turn` is held while it loads the machine: what a planted bug has lost for good is waited for without
/// it, and another course may begin.
///
/// # Errors
/// When something fails that the course did not break: a process ends by itself, nothing settles.
pub async fn run<T>(course: Course, turn: T) -> anyhow::Result<Outcome> {
    let mut turn = Some(turn);
    let mut run = Run::start(course).await?;
    run.kill_and_cut().await?;
    if run.course.keeping {
        run.rebuild().await.context("the rebuild under load")?;
        run.kill_amid_rebuild().await.context("the rebuild that is killed")?;
    }
    if run.course.is_planted() {
        run.set_rate(0.0);
        drop(turn.take());
    }
    run.settle().await.context("after the kills inside the compaction window")?;
    run.no_degraded_time().await?;
    if !run.outcome.wrong.is_empty() {
        return run.conclude().await;
    }
    if run.course.keeping {
        run.compact().await.context("the compaction")?;
    }
    run.set_rate(run.course.rate);
    if run.course.keeping {
        run.wipe_engine().await.context("the engine that is wiped")?;
    }
    for round in 0..run.course.losses {
        run.lose_history(round).await?;
    }
    run.settle().await.context("after the forced losses")?;
    if run.course.keeping {
        run.judge_archive().await?;
        run.break_and_audit().await.context("the audits")?;
    }
    run.conclude().await
}

impl Run {
    /// What loses nothing.
    async fn kill_and_cut(&mut self) -> anyhow::Result<()> {
        for kill in 0..self.course.kills {
            self.kill_one().await?;
            self.cut_some();
            if self.course.fleet && kill % BROKER_SHARE == 0 {
                self.kill_broker().await?;
            }
        }
        if self.course.fleet {
            self.wake_a_zombie().await.context("the projector that stands still")?;
            self.rolling_restart().await.context("the rolling restart")?;
        }
        Ok(())
    }

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
            // What is overwritten before the first list is no loss, and nobody judges when that comes: with a broker, late.
            let rate = if course.fleet || course.network { 0.0 } else { course.rate };
            feeds.push(Live::start(Feeder::new(server.clone(), Clock::Real, stream), rate));
            servers.push(server);
        }
        let (mut site, broker, network) = place(&course, &servers).await?;
        for role in [Role::Engine, Role::Ingest, Role::Projector] {
            site.start(role)?;
        }
        site.endpoint().await?;
        let random = StdRng::seed_from_u64(course.seed);
        let (own, outcome) = (HashSet::new(), Outcome::default());
        let mut run = Self {
            course,
            random,
            turns: Vec::new(),
            servers,
            feeds,
            busy,
            ledger,
            site,
            broker,
            network,
            own,
            told_until_us: 0,
            outcome,
        };
        run.every_cluster_watched().await?;
        run.set_rate(run.course.rate);
        run.rows_are_there().await?;
        run.site.hide_nothing().await?;
        if run.course.fleet {
            run.site.start(Role::SecondIngest)?;
        }
        if run.course.fleet || run.course.network {
            run.site.start(Role::SecondProjector)?;
            run.both_project().await?;
        }
        Ok(run)
    }

    /// Kills begin when there is something to lose: a projector that is killed before refuses tables that it finds empty,
    /// and a first list that is not told yet is made again.
    async fn rows_are_there(&mut self) -> anyhow::Result<()> {
        let clusters = self.servers.len();
        let there = until("the tables have rows", LIMIT, async || {
            if let Err(error) = self.site.all_run() {
                return Some(Err(error));
            }
            let count = self.site.sql("SELECT count() FROM kube_event").await.ok()?;
            let listed = "SELECT uniqExact(cluster_uid) FROM kube_coverage WHERE reason = 'first_list'";
            let listed = self.site.sql(listed).await.ok()?;
            (count.first()? != "0" && listed.first()?.parse() == Ok(clusters)).then_some(Ok(()))
        });
        there.await?
    }

    fn set_rate(&self, per_second: f64) {
        for feed in &self.feeds {
            feed.set_rate(per_second);
        }
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

    async fn conclude(mut self) -> anyhow::Result<Outcome> {
        let entries = self.ledger.entries();
        let oracle = Oracle::of(&entries);
        let (stored, intervals) = (self.site.stored().await?, self.site.intervals().await?);
        self.judge(&oracle, &stored, &intervals);
        self.judge_archive().await?;
        let errors = self.errors()?;
        self.outcome.wrong.extend(errors);
        let lost_by = |cause| oracle.judge.losses().iter().filter(|loss| loss.cause == cause).count();
        let is_cut = |entry: &&Entry| matches!(entry, Entry::StreamClosed { end: StreamEnd::Cut, .. });
        self.outcome.cuts = entries.iter().filter(is_cut).count();
        (self.outcome.expired, self.outcome.restored) = (lost_by(LossCause::Expired), lost_by(LossCause::Restored));
        self.outcome.states = oracle.judge.states().len();
        let gone = |state: &&StateId| !self.own.contains(&state.uid) && !stored.states.contains(state);
        self.outcome.lost = oracle.judge.states().keys().filter(gone).count();
        Ok(self.outcome)
    }

    /// What roles have logged that must not be, whatever is broken around them.
    fn errors(&self) -> anyhow::Result<Vec<String>> {
        let lines = self.site.log_lines()?.into_iter();
        let errors = lines.filter(|line| line.contains("ERROR") || line.contains("panicked"));
        Ok(errors.map(|line| format!("an error in the log of {line}")).collect())
    }
}

/// The installation, and what it stands on beside the clusters.
async fn place(course: &Course, servers: &[ApiServer]) -> anyhow::Result<(Site, Option<Broker>, Option<Network>)> {
    let environment = course.environment.clone();
    if course.network {
        let (network, broker) = Network::start(servers).await?;
        let site = Site::planned(network.plan(servers, environment))?;
        return Ok((site, Some(broker), Some(network)));
    }
    if course.fleet {
        let broker = Broker::start().await?;
        let site = Site::in_kafka(servers, environment, &broker.address())?;
        return Ok((site, Some(broker), None));
    }
    Ok((Site::new(servers, environment)?, None, None))
}
