//! The comparison: every so often a list runs beside the open watch, and what it shows that the watch did not bring was
//! missed. Lists and answers go in, requests and findings come out; no I/O, no clock.
//!
//! ```text
//!   Idle ── due, watching ──► Reading ── page ──► Judging ── the watch has passed what it lacks ──► Storing
//!    ▲                           ▲                  │ nothing is missing                              │ in the log
//!    │                           └──── next page ───┴──────────────────────◄──────────────────────────┘
//!    └── last page: complete · 410, refused, mixed versions, broken chain, too late, too much: given up until the next
//! ```
//!
//! What holds:
//! - A listed state is *missed* when the log has acknowledged a frame at or beyond its version and yet does not know it.
//!   Until then it may still be on its way, and the page waits.
//! - What an earlier process acknowledged ([`Comparer::trust`]) is taken as known: the first list after a restart
//!   rebuilds the index, and counts as missed only what is newer.
//! - A finding is stored first and told after. Its interval comes from the answers around its version, so it exceeds
//!   the truth by at most the time between two of them.
//! - A state that was missed *and* replaced or ended before the list leaves no trace here. Its occurrences are in the
//!   count of the state that replaced it.

use beidou_schemas::{Epoch, Micros, ResourceVersion, time::SECOND};

use super::{
    act::Refusal,
    chain::{Chain, Phase},
    live::{EventKey, Live},
    witness::Witnesses,
};

/// Live Events known: those of an hour at 500 a second. At 7/8 of 2^21, where the table does not grow once more: 36 MB.
const MOST_LIVE: usize = 7 << 18;
/// The longest pause between two pages.
const LONGEST_PAUSE: i64 = SECOND;

/// The times by which comparisons live, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompareSettings {
    /// From the beginning of one to that of the next; 0: none.
    pub every: i64,
    /// A watch that does not reach what a list shows within this is too late to be judged.
    pub patience: i64,
}

/// A state as a list shows it.
pub type Listed = (EventKey, ResourceVersion);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompareInput {
    /// Time passed, or the log acknowledged something.
    Tick,
    /// The page of [`Comparing::Read`] came.
    Page {
        /// The list's version.
        version: ResourceVersion,
        /// Its states.
        states: Vec<Listed>,
        /// The token of the next page.
        next: Option<String>,
    },
    /// It was refused.
    Refused(Refusal),
    /// What [`Comparing::Append`] asked for is in the log.
    Stored,
}

/// What the shell must do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparing {
    /// Wait, then read a page of the list; the first where the token is `None`.
    Read {
        /// The continue token.
        token: Option<String>,
        /// The wait in microseconds: as long as the server worked for the page before.
        pause: i64,
    },
    /// Append these states of the page, by their place in it, as found by a list; then say [`CompareInput::Stored`].
    Append(Vec<usize>),
    /// Publish that the watch missed these.
    Tell(Vec<Finding>),
    /// The comparison has ended.
    Ended(Outcome),
}

/// States that the watch missed, close together in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// They were committed at this moment or later …
    pub from: Micros,
    /// … and before this one.
    pub until: Micros,
    /// So many.
    pub states: u64,
    /// The list that showed them.
    pub list: ResourceVersion,
}

/// How a comparison ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The whole list was compared.
    Complete,
    /// The list's version was compacted while it was read.
    Expired,
    /// A page was refused or did not come.
    Refused,
    /// Pages came from different versions.
    Mixed,
    /// The chain broke meanwhile: its own list follows.
    Broken,
    /// The watch did not reach what the list shows.
    Late,
    /// More changed than can be remembered.
    TooMuch,
}

impl Outcome {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::Mixed => "mixed",
            Self::Broken => "broken",
            Self::Late => "late",
            Self::TooMuch => "too_much",
        }
    }
}

#[derive(Debug)]
enum State {
    Idle,
    Reading(Run),
    Judging(Run, Page),
    Storing(Run, Page),
}

#[derive(Debug)]
struct Run {
    version: Option<ResourceVersion>,
    /// When the page under way was asked for.
    asked: Micros,
    /// How long the server worked for the last one.
    worked: i64,
}

#[derive(Debug)]
struct Page {
    arrived: Micros,
    /// What is not known to be in the log, by its place.
    lacking: Vec<(usize, Listed)>,
    next: Option<String>,
}

/// Compares the watch of one cluster with lists, and knows what the log has.
#[derive(Debug)]
pub struct Comparer {
    settings: CompareSettings,
    epoch: Epoch,
    live: Live,
    witnesses: Witnesses,
    trusted: ResourceVersion,
    newest: ResourceVersion,
    due: Micros,
    state: State,
}

impl Comparer {
    /// Begins with an empty index; the first comparison is due at `first`, which should differ from cluster to cluster.
    pub fn new(settings: CompareSettings, now: Micros, first: Micros) -> Self {
        Self {
            settings,
            epoch: Epoch::default(),
            live: Live::new(MOST_LIVE),
            witnesses: Witnesses::since(now),
            trusted: ResourceVersion(0),
            newest: ResourceVersion(0),
            due: first,
            state: State::Idle,
        }
    }

    /// An earlier process acknowledged everything up to this version of this epoch.
    pub fn trust(&mut self, epoch: Epoch, version: ResourceVersion) {
        (self.epoch, self.trusted) = (epoch, version);
    }

    /// States are of this epoch from now on; of another one nothing is known.
    pub fn enter(&mut self, now: Micros, epoch: Epoch) {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.live.clear();
            self.witnesses = Witnesses::since(now);
            (self.trusted, self.newest) = (ResourceVersion(0), ResourceVersion(0));
        }
    }

    /// The log has acknowledged this state.
    pub fn kept(&mut self, event: EventKey, version: ResourceVersion) {
        self.newest = self.newest.max(version);
        if !self.live.keep(event, version) {
            self.trusted = self.newest;
        }
    }

    /// The Event ended, by a frame that has been acknowledged.
    pub fn ended(&mut self, event: EventKey) {
        self.live.end(event);
    }

    /// Whether the log has this state, as far as is known.
    pub fn has(&self, event: EventKey, version: ResourceVersion) -> bool {
        self.live.has(event, version)
    }

    /// The server was asked where it stands, and answered.
    pub fn witness(&mut self, asked: Micros, answered: Micros, version: ResourceVersion) {
        self.witnesses.add(asked, answered, version);
    }

    /// Live Events known.
    pub fn live(&self) -> usize {
        self.live.len()
    }

    /// Bytes allocated for them.
    pub fn memory_bytes(&self) -> usize {
        self.live.memory_bytes()
    }

    /// Takes one input and says what to do. An input that does not fit is ignored.
    pub fn step(&mut self, now: Micros, chain: &Chain, input: CompareInput) -> Vec<Comparing> {
        if !matches!(self.state, State::Idle) {
            if !chain.is_whole() || chain.epoch() != self.epoch {
                return self.end(now, Outcome::Broken);
            }
            if self.live.overflowed() {
                return self.end(now, Outcome::TooMuch);
            }
        }
        match (input, std::mem::replace(&mut self.state, State::Idle)) {
            (CompareInput::Tick, State::Idle) => self.begin(now, chain),
            (CompareInput::Tick, State::Judging(run, page)) => self.judge(now, chain, run, page),
            (CompareInput::Page { version, states, next }, State::Reading(run)) => {
                self.page(now, chain, run, version, &states, next)
            }
            (CompareInput::Refused(why), State::Reading(_)) => {
                let outcome = if why == Refusal::Expired { Outcome::Expired } else { Outcome::Refused };
                self.end(now, outcome)
            }
            (CompareInput::Stored, State::Storing(run, page)) => self.stored(now, run, page),
            (CompareInput::Tick, state @ (State::Reading(_) | State::Storing(..)))
            | (CompareInput::Page { .. }, state @ (State::Idle | State::Judging(..) | State::Storing(..)))
            | (CompareInput::Refused(_), state @ (State::Idle | State::Judging(..) | State::Storing(..)))
            | (CompareInput::Stored, state @ (State::Idle | State::Reading(_) | State::Judging(..))) => {
                self.state = state;
                vec![]
            }
        }
    }

    fn begin(&mut self, now: Micros, chain: &Chain) -> Vec<Comparing> {
        if self.settings.every <= 0 || now < self.due || chain.phase() != Phase::Watching || !chain.is_whole() {
            return vec![];
        }
        self.live.begin_list();
        self.state = State::Reading(Run { version: None, asked: now, worked: 0 });
        vec![Comparing::Read { token: None, pause: 0 }]
    }

    fn page(
        &mut self,
        now: Micros,
        chain: &Chain,
        mut run: Run,
        version: ResourceVersion,
        states: &[Listed],
        next: Option<String>,
    ) -> Vec<Comparing> {
        if *run.version.get_or_insert(version) != version {
            return self.end(now, Outcome::Mixed);
        }
        self.live.list_is_of(version);
        run.worked = now.0 - run.asked.0;
        let mut lacking = Vec::new();
        for (place, &(event, version)) in states.iter().enumerate() {
            if self.live.has(event, version) {
                self.live.listed(event);
            } else if version <= self.trusted {
                self.kept(event, version);
            } else {
                lacking.push((place, (event, version)));
            }
        }
        self.judge(now, chain, run, Page { arrived: now, lacking, next })
    }

    fn judge(&mut self, now: Micros, chain: &Chain, run: Run, mut page: Page) -> Vec<Comparing> {
        page.lacking.retain(|(_, (event, version))| !self.live.has(*event, *version));
        let Some(last) = page.lacking.iter().map(|(_, (_, version))| *version).max() else {
            return self.proceed(now, run, page.next);
        };
        if chain.acknowledged().is_some_and(|version| version >= last) {
            let places = page.lacking.iter().map(|(place, _)| *place).collect();
            self.state = State::Storing(run, page);
            return vec![Comparing::Append(places)];
        }
        if now.0 - page.arrived.0 >= self.settings.patience {
            return self.end(now, Outcome::Late);
        }
        self.state = State::Judging(run, page);
        vec![]
    }

    fn stored(&mut self, now: Micros, run: Run, page: Page) -> Vec<Comparing> {
        let list = run.version.unwrap_or_default();
        let mut findings: Vec<Finding> = Vec::new();
        let mut brackets: Vec<_> =
            page.lacking.iter().map(|(_, (_, version))| self.witnesses.bracket(*version, page.arrived)).collect();
        brackets.sort_unstable();
        for (from, until) in brackets {
            match findings.last_mut().filter(|last| from < last.until) {
                Some(last) => (last.until, last.states) = (last.until.max(until), last.states + 1),
                None => findings.push(Finding { from, until, states: 1, list }),
            }
        }
        for (_, (event, version)) in &page.lacking {
            self.kept(*event, *version);
        }
        let mut all = vec![Comparing::Tell(findings)];
        all.extend(self.proceed(now, run, page.next));
        all
    }

    fn proceed(&mut self, now: Micros, run: Run, next: Option<String>) -> Vec<Comparing> {
        if next.is_none() {
            return self.end(now, Outcome::Complete);
        }
        let pause = run.worked.clamp(0, LONGEST_PAUSE);
        self.state = State::Reading(Run { asked: now.plus(pause), ..run });
        vec![Comparing::Read { token: next, pause }]
    }

    fn end(&mut self, now: Micros, outcome: Outcome) -> Vec<Comparing> {
        self.state = State::Idle;
        self.live.end_list(outcome == Outcome::Complete);
        // In step with the first one, so that clusters stay apart; what was slept through is left out.
        let behind = (now.0 - self.due.0).max(0) / self.settings.every.max(1);
        self.due = self.due.plus((behind + 1) * self.settings.every);
        vec![Comparing::Ended(outcome)]
    }
}
