//! What a seed stands for: how the site is set, what happens to it, and when.

use std::time::Duration;

use beidou_ingest::fault::Fault;
use beidou_projector::fault::Bug;

use super::{chance::Chance, process::Who, weather::Shares};

/// A bug that is planted for the whole course.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    Nothing,
    InIngest(Fault),
    InProjector(Bug),
}

impl Planted {
    /// All bugs.
    pub fn all() -> impl Iterator<Item = Self> {
        Fault::ALL.into_iter().map(Self::InIngest).chain(Bug::ALL.into_iter().map(Self::InProjector))
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::InIngest(fault) => fault.name(),
            Self::InProjector(bug) => bug.name(),
        }
    }

    pub fn of_ingest(self) -> Option<Fault> {
        match self {
            Self::InIngest(fault) => Some(fault),
            Self::Nothing | Self::InProjector(_) => None,
        }
    }

    pub fn of_projector(self) -> Vec<Bug> {
        match self {
            Self::InProjector(bug) => vec![bug],
            Self::Nothing | Self::InIngest(_) => Vec::new(),
        }
    }
}

/// An outside system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    Network,
    Log,
    Tables,
    Bucket,
}

impl System {
    pub const ALL: [Self; 4] = [Self::Network, Self::Log, Self::Tables, Self::Bucket];
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// `kill -9`, and a start after so long.
    Kill(Who, Duration),
    /// SIGSTOP, and SIGCONT after so long; a projector loses its partitions meanwhile.
    Hold(Who, Duration),
    /// The same for a projector that has just announced a cut, until the tables have forgotten that another one has made it.
    HoldAtPending(Who, Duration),
    /// The group takes all partitions from its oldest projector.
    Expel,
    /// A system is not there for so long.
    Away(System, Duration),
    /// A system refuses, leaves without an answer, and is slow, in these shares.
    Weather(System, Shares),
    /// Watches end, in the midst of a frame.
    CutStreams(bool),
    /// All connections break.
    BreakConnections,
    /// The API server is out of reach for so long, a busy Event is overwritten meanwhile, and history is compacted.
    Compact(Duration),
    /// History is compacted up to now, and watches end: the next ones are told so by a frame or by a status.
    Expire(bool),
    /// So many pages of lists are answered by 410.
    ExpireLists(u32),
    /// So many watches are answered by nothing.
    Empty(u32),
    /// So many requests are answered by 429, 500 or 503.
    Refuse(u32, u8),
    /// An older etcd is restored, so many versions back.
    Restore(u64),
    /// So many Events at once.
    Burst(u64),
    /// The log's retention runs.
    Retain,
    /// The collectors' clocks are so wrong from now on, in milliseconds.
    Skew(i64),
}

/// How a run goes.
#[derive(Debug, Clone)]
pub struct Course {
    pub seed: u64,
    pub planted: Planted,
    pub collectors: usize,
    pub projectors: usize,
    /// Events a second.
    pub rate: f64,
    pub heartbeat_ms: u64,
    pub watch_timeout_ms: u64,
    pub page_size: u32,
    pub compare_every_seconds: u64,
    pub cut_records: usize,
    pub file_rows: u64,
    pub file_age: Duration,
    pub held_bytes: u64,
    /// Retention takes what it may. Lists bring nothing old then, for the index is as short.
    pub retains: bool,
    /// Clocks are turned: what is told of time is not judged.
    pub skewed: bool,
    /// What happens, each after a pause.
    pub steps: Vec<(Duration, Step)>,
    /// The longest that a collector may not have proven what it was sent.
    pub patience: Duration,
}

/// Bytes of the log that are held for the index where retention runs: some hundred records of each partition.
const HELD_BYTES: u64 = 256 << 10;
/// So long a projector stands still until another one has made its cut, and the tables have forgotten that.
const TAKEN_OVER: Duration = Duration::from_secs(10);
/// Steps of a course.
const STEPS: std::ops::RangeInclusive<i64> = 12..=28;
/// Between two steps, in milliseconds.
const APART: std::ops::RangeInclusive<i64> = 0..=2500;

impl Course {
    pub fn of(seed: u64, planted: Planted) -> Self {
        let chance = Chance::of(seed, "course");
        let any = |from, to| chance.any(from..=to).unsigned_abs();
        let (retains, skewed) = (chance.in_share(0.25), chance.in_share(0.1));
        let mut course = Self {
            seed,
            planted,
            collectors: if chance.in_share(0.35) { 2 } else { 1 },
            projectors: if chance.in_share(0.5) { 2 } else { 1 },
            rate: any(if retains { 8 } else { 2 }, 14) as f64,
            heartbeat_ms: 500 * any(1, 4),
            watch_timeout_ms: 1000 * any(5, 20),
            page_size: any(5, 60) as u32,
            compare_every_seconds: if retains || chance.in_share(0.5) { 0 } else { any(4, 15) },
            cut_records: any(2, 40) as usize,
            file_rows: any(5, 80),
            file_age: Duration::from_millis(any(300, 4000)),
            held_bytes: if retains { HELD_BYTES } else { u64::MAX },
            retains,
            skewed,
            steps: Vec::new(),
            patience: Duration::ZERO,
        };
        course.plan(&chance);
        course
    }

    fn plan(&mut self, chance: &Chance) {
        let mut troubles = [Duration::ZERO; 3];
        for _ in 0..chance.any(STEPS) {
            let step = self.any_step(chance);
            for (longest, time) in troubles.iter_mut().zip(unproven(step)) {
                *longest = time.max(*longest);
            }
            self.steps.push((chance.ms(APART), step));
        }
        self.patience = troubles.iter().sum();
    }

    fn any_step(&self, chance: &Chance) -> Step {
        let list = !self.retains;
        loop {
            let short = chance.ms(50..=3000);
            let process = || match chance.in_share(0.4) {
                true => Who::Ingest(chance.place(self.collectors)),
                false => Who::Projector(chance.place(self.projectors)),
            };
            let step = match chance.any(0..=24) {
                0..=5 => Step::Kill(process(), short),
                6..=7 => Step::Hold(process(), chance.ms(200..=5000)),
                8 => Step::Expel,
                9..=10 => Step::Away(System::ALL[chance.place(4)], short),
                11..=14 => Step::Weather(System::ALL[chance.place(4)], any_shares(chance)),
                15 => Step::CutStreams(chance.in_share(0.5)),
                16 => Step::BreakConnections,
                17 if list => Step::Compact(short),
                18 if list => Step::Expire(chance.in_share(0.5)),
                19 if list && chance.in_share(0.5) => Step::ExpireLists(chance.any(1..=2) as u32),
                20 => Step::Refuse(chance.any(1..=6) as u32, chance.any(0..=2) as u8),
                21 if list && !self.skewed => Step::Restore(chance.any(30..=200).unsigned_abs()),
                22 => Step::Burst(chance.any(5..=if self.retains { 30 } else { 80 }).unsigned_abs()),
                23 if self.retains => Step::Retain,
                23 if self.skewed => Step::Skew(chance.any(-20_000..=20_000)),
                17 if self.retains => Step::Retain,
                18 if self.skewed => Step::Skew(chance.any(-20_000..=20_000)),
                19 if list => Step::Empty(chance.any(1..=2) as u32),
                24 if self.projectors > 1 => {
                    Step::HoldAtPending(Who::Projector(chance.place(self.projectors)), TAKEN_OVER + chance.ms(0..=3000))
                }
                _ => continue,
            };
            return step;
        }
    }
}

/// So long a step may keep a collector from proving what the server has handed over: by network, log, or its own absence.
fn unproven(step: Step) -> [Duration; 3] {
    let none = Duration::ZERO;
    let slow = |shares: Shares| Duration::from_millis(shares.slow_ms.unsigned_abs()) * 4;
    match step {
        Step::Away(System::Network, time) | Step::Compact(time) => [time, none, none],
        Step::Weather(System::Network, shares) => [slow(shares), none, none],
        Step::Away(System::Log, time) => [none, time, none],
        Step::Weather(System::Log, shares) => [none, slow(shares), none],
        Step::Kill(Who::Ingest(_), time) | Step::Hold(Who::Ingest(_), time) => [none, none, time],
        _ => [none; 3],
    }
}

fn any_shares(chance: &Chance) -> Shares {
    let share = || if chance.in_share(0.5) { chance.any(0..=30) as f64 / 100.0 } else { 0.0 };
    Shares { refused: share(), unclear: share(), slow: share(), slow_ms: chance.any(10..=1500) }
}
