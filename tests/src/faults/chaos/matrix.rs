//! The fault matrix: each kind of fault under each kind of load, one after another on one installation, and a verdict after
//! each by the simulator's own history.
//!
//! ```text
//!  for each cell: load ─► fault ─► load ─► it ends ─► load ─► everything arrives ─► verdict
//! ```
//!
//! A fault must have struck, by a count that is none of Beidou's: else its cell would prove nothing.

use std::{fmt, time::Duration};

use anyhow::Context;
use beidou_simulator::StateId;
use tokio::time::Instant;

use super::{Course, LIMIT, Run};
use crate::{
    faults::{site::Role, verdict::Oracle},
    wait::until,
};

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// `beidou ingest` is killed.
    IngestKilled,
    /// A projector is killed, between PENDING and DONE.
    ProjectorKilled,
    /// The engine is killed.
    EngineKilled,
    /// The broker is killed, and comes back at once.
    BrokerKilled,
    /// query-api is killed under a live tail.
    QueryApiKilled,
    /// The broker is away for a while, and people ask for what is in the tables.
    BrokerAway,
    /// The network to the API servers is cut.
    ApiCut,
    /// It is cut for longer than the API server remembers: history is lost, and must be told.
    ApiCutTooLong,
    /// The network to the API servers is slow, then silent.
    ApiSlow,
    /// The network to the broker is cut.
    KafkaCut,
    /// The network to the broker is slow, then silent.
    KafkaSlow,
    /// The network to the engine is cut.
    EngineCut,
    /// The network to the engine is slow, then silent.
    EngineSlow,
    /// The network to the bucket is cut.
    StoreCut,
    /// The network to the bucket is slow, then silent.
    StoreSlow,
    /// ingest stands still.
    IngestPaused,
    /// A projector stands still before an insert, beyond its session and the engine's memory of tokens.
    ProjectorPaused,
    /// The disk of the log is full.
    DiskFull,
    /// The clock of all roles steps ahead, back behind, and to the right time; then history is lost.
    ClockSteps,
    /// The bucket answers 500.
    StoreRefuses,
    /// The bucket does what it is asked to, and says nothing, or 500.
    StoreUnclear,
}

impl Row {
    /// All of them. The disk's needs a log of files; the others, a log in Kafka and an archive in a bucket.
    pub const ALL: [Self; 21] = [
        Self::IngestKilled,
        Self::ProjectorKilled,
        Self::EngineKilled,
        Self::BrokerKilled,
        Self::QueryApiKilled,
        Self::BrokerAway,
        Self::ApiCut,
        Self::ApiCutTooLong,
        Self::ApiSlow,
        Self::KafkaCut,
        Self::KafkaSlow,
        Self::EngineCut,
        Self::EngineSlow,
        Self::StoreCut,
        Self::StoreSlow,
        Self::IngestPaused,
        Self::ProjectorPaused,
        Self::DiskFull,
        Self::ClockSteps,
        Self::StoreRefuses,
        Self::StoreUnclear,
    ];
}

/// What happens in the clusters meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Next to nothing: a few Events, so that there is something to lose.
    Idle,
    /// Events all the time.
    Steady,
    /// A storm at the moment of the fault.
    Burst,
}

impl Load {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Idle, Self::Steady, Self::Burst];
}

/// How long faults last, and how hard the storms are.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// A broker is away so long.
    pub away: Duration,
    /// What stands still or is silent is so for as long as this, and for as long as it takes to be felt.
    pub still: Duration,
    /// Events of a storm, in each cluster.
    pub storm: u64,
}

/// A cell of the matrix, and what came of it.
#[derive(Debug)]
pub struct Cell {
    /// The fault.
    pub row: Row,
    /// The load.
    pub load: Load,
    /// How often it has struck.
    pub struck: u64,
    /// States that were committed meanwhile.
    pub states: usize,
    /// Those that are lost for good, and told.
    pub lost: usize,
    /// How long it took, verdict and all.
    pub took: Duration,
    /// What is wrong, in words.
    pub wrong: Vec<String>,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, load, struck, states, lost, took, wrong } = self;
        let (row, load, seconds) = (format!("{row:?}"), format!("{load:?}"), took.as_secs_f64());
        write!(f, "{row:16}{load:8}struck {struck:4}, {states:6} states, {lost:4} lost, {seconds:5.1} s")?;
        wrong.iter().try_for_each(|wrong| write!(f, "\n    {wrong}"))
    }
}

/// Runs these cells on one installation, up to the first one that goes wrong; tells of each.
///
/// # Errors
/// When something fails that no cell broke: a process ends by itself, a fault does not strike.
pub async fn cells(
    course: Course,
    measure: Measure,
    cells: &[(Row, Load)],
    tell: impl Fn(&Cell),
) -> anyhow::Result<Vec<Cell>> {
    let mut run = Run::start(course).await?;
    let mut done = Vec::new();
    for (row, load) in cells {
        let cell = run.cell(*row, *load, measure).await.with_context(|| format!("{row:?}, {load:?}"))?;
        tell(&cell);
        let wrong = !cell.wrong.is_empty();
        done.push(cell);
        if wrong {
            break;
        }
    }
    Ok(done)
}

impl Run {
    async fn cell(&mut self, row: Row, load: Load, measure: Measure) -> anyhow::Result<Cell> {
        let (begun, errors) = (Instant::now(), self.errors()?.len());
        let (states, lost) = self.balance().await?;
        self.set_rate(if load == Load::Steady { self.course.rate } else { 0.0 });
        let struck = self.strike(row, load, measure).await?;
        self.settle().await?;
        let (oracle, stored) = (Oracle::of(&self.ledger.entries()), self.site.stored().await?);
        let intervals = self.site.intervals().await?;
        self.judge(&oracle, &stored, &intervals);
        self.judge_archive().await?;
        let mut wrong = std::mem::take(&mut self.outcome.wrong);
        wrong.extend(self.errors()?.into_iter().skip(errors));
        if struck == 0 {
            wrong.push("the fault has not struck: this cell proves nothing".into());
        }
        let (all_states, all_lost) = self.balance().await?;
        let (states, lost, took) = (all_states - states, all_lost.saturating_sub(lost), begun.elapsed());
        Ok(Cell { row, load, struck, states, lost, took, wrong })
    }

    /// States so far, and those of them that are not in the table.
    async fn balance(&mut self) -> anyhow::Result<(usize, usize)> {
        let (states, stored) = (self.states(), self.site.stored().await?);
        let gone = |state: &&StateId| !self.own.contains(&state.uid) && !stored.states.contains(state);
        Ok((states.len(), states.iter().filter(gone).count()))
    }

    /// Lets some of the load pass.
    pub(super) async fn pass(&mut self, load: Load, measure: Measure) -> anyhow::Result<()> {
        match load {
            Load::Idle => self.report(3, 100.0).await,
            Load::Steady => {
                self.set_rate(self.course.rate);
                self.some_records_pass().await
            }
            Load::Burst => self.report(measure.storm, 4000.0).await,
        }
    }

    /// Lets so many Events happen in each cluster, at this rate; then none do.
    pub(super) async fn report(&mut self, events: u64, per_second: f64) -> anyhow::Result<()> {
        let goals: Vec<u64> = self.feeds.iter().map(|feed| feed.reported() + events).collect();
        self.set_rate(per_second);
        let feeds = self.feeds.clone();
        let reported = until("Events happen", LIMIT, async || {
            feeds.iter().zip(&goals).all(|(feed, goal)| feed.reported() >= *goal).then_some(())
        });
        reported.await?;
        self.set_rate(0.0);
        Ok(())
    }

    /// Lets time pass: that of a fault which lasts.
    pub(super) async fn lasts(&mut self, long: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + long;
        Ok(until("the fault has lasted", long + LIMIT, async || (Instant::now() >= end).then_some(())).await?)
    }

    /// Waits until the condition holds; no role may end by itself meanwhile.
    pub(super) async fn felt(&mut self, what: &str, mut is: impl FnMut(&Self) -> bool) -> anyhow::Result<()> {
        let felt = until(what, LIMIT, async || {
            if let Err(error) = self.site.all_run() {
                return Some(Err(error));
            }
            is(self).then_some(Ok(()))
        });
        felt.await?
    }

    /// Starts a role that was killed; the engine until it answers.
    pub(super) async fn starts_again(&mut self, role: Role) -> anyhow::Result<()> {
        self.site.start(role)?;
        if role == Role::Engine {
            self.site.endpoint().await?;
        }
        Ok(())
    }
}
