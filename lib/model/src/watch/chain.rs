//! The machine: its state, its dispatcher, and the way from "nothing is open" to an open watch.

use beidou_schemas::{
    ClusterUid, Epoch, Micros, ResourceVersion,
    coverage::{Broken, CoverageFact, CoverageState, Missed, Position, Reason},
};
use uuid::Uuid;

use super::{
    act::{Action, Asked, Input, Refusal, Settings},
    backoff::Backoff,
    compare::Finding,
    fold::Standing,
    listing::Listing,
    proof::{Proofs, Question},
    session::Session,
};

/// What a chain is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Asks where the server stands, or opens the watch.
    Connecting,
    /// The watch is open.
    Watching,
    /// Reads the list.
    Listing,
    /// Waits before the next try.
    Waiting,
    /// Stopped for good.
    Stopped,
}

#[derive(Debug)]
pub(super) enum State {
    Proving,
    Opening,
    Watching(Session),
    Listing,
    Waiting(Next),
    Stopped,
}

/// What follows a wait.
#[derive(Debug, Clone, Copy)]
pub(super) enum Next {
    Prove,
    List,
}

/// The watch chain of one cluster.
#[derive(Debug)]
pub struct Chain {
    pub(super) settings: Settings,
    pub(super) cluster: ClusterUid,
    pub(super) cluster_name: String,
    pub(super) epoch: Epoch,
    /// Everything before it is in the log or published as broken.
    pub(super) until: Option<Micros>,
    /// Where to go on; `None` where a list must come first.
    pub(super) position: Option<Position>,
    pub(super) state: State,
    pub(super) listing: Option<Listing>,
    /// Broken intervals that go out with the start of the next session, so that no reader sees the one without the
    /// other; if the collector dies before, its successor finds the old position and comes to the same end.
    pub(super) pending: Vec<CoverageFact>,
    pub(super) backoff: Backoff,
    pub(super) empty_answers: u32,
    pub(super) proofs: Proofs,
    pub(super) question: Option<Question>,
    pub(super) next_question: Micros,
}

impl Chain {
    /// Begins where the coverage topic says that the cluster stands.
    pub fn start(
        settings: Settings,
        cluster: ClusterUid,
        cluster_name: String,
        standing: Option<Standing>,
    ) -> (Self, Vec<Action>) {
        let mut chain = Self {
            settings,
            cluster,
            cluster_name,
            epoch: standing.as_ref().map_or_else(Epoch::default, |s| s.epoch),
            until: standing.as_ref().map(|s| s.until),
            position: None,
            state: State::Stopped,
            listing: None,
            pending: Vec::new(),
            backoff: Backoff::default(),
            empty_answers: 0,
            proofs: Proofs::default(),
            question: None,
            next_question: Micros(i64::MIN),
        };
        let actions = match standing {
            None => chain.list_anew(Reason::FirstList, String::new()),
            Some(Standing { position: None, .. }) => chain.list_anew(Reason::Lost, String::new()),
            Some(Standing { position: Some(position), open, .. }) => {
                let end = open.then(|| chain.end_of(position.clone(), Reason::Lost, String::new(), 0));
                chain.position = Some(Position { cluster_name: chain.cluster_name.clone(), ..position });
                chain.state = State::Waiting(Next::Prove);
                end.map(|end| Action::Publish(vec![end])).into_iter().chain([Backoff::pause(&settings)]).collect()
            }
        };
        (chain, actions)
    }

    /// Takes one input and says what to do. An input that does not fit the state (the answer to a question that is no
    /// longer asked) is ignored.
    pub fn step(&mut self, now: Micros, input: Input) -> Vec<Action> {
        match input {
            Input::Tick { reading } => self.tick(now, reading),
            Input::Woke => self.woke(now),
            Input::Proved { version, written, set_back } => self.proved(now, version, written, set_back),
            Input::Refused { of, why, detail } => self.refused(of, why, detail),
            Input::Opened { session } => self.opened(now, session),
            Input::Frame { version, deleted } => self.frame(now, version, deleted),
            Input::Acked { version } => self.acked(now, version),
            Input::Closed { reason, detail } => self.closed(now, reason, detail),
            Input::PageRead { version } => self.page_read(now, version),
            Input::PageStored { next } => self.page_stored(next),
            Input::Stop { reason } => self.stop(reason),
        }
    }

    /// What the chain is doing.
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Proving | State::Opening => Phase::Connecting,
            State::Watching(_) => Phase::Watching,
            State::Listing => Phase::Listing,
            State::Waiting(_) => Phase::Waiting,
            State::Stopped => Phase::Stopped,
        }
    }

    /// The epoch of states that are read now.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Everything up to this version is in the log; `None` before the first list.
    pub fn acknowledged(&self) -> Option<ResourceVersion> {
        self.position.as_ref().map(|p| p.resource_version)
    }

    /// Everything before this moment is in the log or published as broken.
    pub fn until(&self) -> Option<Micros> {
        self.until
    }

    /// Whether no list is owed or under way: all up to [`Chain::acknowledged`] is one chain.
    pub fn is_whole(&self) -> bool {
        self.listing.is_none() && self.position.is_some()
    }

    /// The fact that a comparison found states which the watch did not bring.
    pub fn missed(&self, finding: &Finding, comparison: Uuid) -> CoverageFact {
        CoverageFact::Missed(Missed {
            cluster: self.cluster.clone(),
            cluster_name: self.cluster_name.clone(),
            epoch: self.epoch,
            comparison,
            list: finding.list,
            from: finding.from,
            until: finding.until,
            states: finding.states,
        })
    }

    /// Whether the log knows of all this. It does not between the end of a list and the opening of the watch after it.
    pub fn is_published(&self) -> bool {
        self.pending.is_empty()
    }

    fn woke(&mut self, now: Micros) -> Vec<Action> {
        match self.state {
            State::Waiting(Next::Prove) => {
                self.state = State::Proving;
                vec![self.ask(now)]
            }
            State::Waiting(Next::List) => {
                self.state = State::Listing;
                vec![self.list()]
            }
            State::Proving | State::Opening | State::Watching(_) | State::Listing | State::Stopped => vec![],
        }
    }

    /// Asks where the server stands.
    pub(super) fn ask(&mut self, now: Micros) -> Action {
        let floor = match &self.state {
            State::Watching(session) => session.received,
            State::Proving | State::Opening | State::Listing | State::Waiting(_) | State::Stopped => {
                self.acknowledged().unwrap_or_default()
            }
        };
        self.question = Some(Question { asked: now, floor });
        self.next_question = now.plus(self.settings.heartbeat / 2);
        Action::Prove
    }

    fn proved(&mut self, now: Micros, version: ResourceVersion, written: bool, set_back: bool) -> Vec<Action> {
        let Some(question) = self.question.take() else { return vec![] };
        if set_back || version < question.floor {
            let floor = question.floor;
            return self.set_back(now, format!("the server stands at resource version {version}, after {floor}"));
        }
        self.proofs.add(question.asked, version, written);
        match (&self.state, self.acknowledged()) {
            (State::Proving, Some(from)) => {
                self.state = State::Opening;
                vec![Action::Open { from }]
            }
            (State::Watching(_), _) => self.settle(now, false),
            (State::Proving | State::Opening | State::Listing | State::Waiting(_) | State::Stopped, _) => vec![],
        }
    }

    fn refused(&mut self, of: Asked, why: Refusal, detail: String) -> Vec<Action> {
        match (of, &self.state) {
            (Asked::Prove, State::Watching(_)) => {
                self.question = None;
                vec![]
            }
            (Asked::Prove, State::Proving) => {
                self.question = None;
                self.wait(why, Next::Prove)
            }
            (Asked::Open, State::Opening) if why == Refusal::Expired => self.list_anew(Reason::Expired, detail),
            (Asked::Open, State::Opening) => self.wait(why, Next::Prove),
            (Asked::List, State::Listing) => self.page_refused(why),
            (Asked::Prove | Asked::Open | Asked::List, _) => vec![],
        }
    }

    fn opened(&mut self, now: Micros, session: Uuid) -> Vec<Action> {
        let (State::Opening, Some(position), Some(until)) = (&self.state, &mut self.position, self.until) else {
            return vec![];
        };
        // Nothing is lost between the end of the session before and this start: the chain goes on from its `until`.
        *position = Position {
            session,
            start_resource_version: position.resource_version,
            from: until,
            until,
            ..position.clone()
        };
        let started = CoverageFact::Started(position.clone());
        self.state = State::Watching(Session::open(now, position.resource_version));
        let mut facts = std::mem::take(&mut self.pending);
        facts.push(started);
        let mut actions = vec![Action::Publish(facts)];
        if now >= self.next_question {
            actions.push(self.ask(now));
        }
        actions
    }

    fn stop(&mut self, reason: Reason) -> Vec<Action> {
        let mut actions = vec![Action::Close];
        if let Some(end) = self.end_session(reason, String::new()) {
            actions.push(Action::Publish(vec![end]));
        }
        self.state = State::Stopped;
        actions
    }

    /// The server's etcd was set back: what lies between the last proof and now is lost, a new epoch begins. Published
    /// at once, for states of the new epoch may enter the log only after it.
    pub(super) fn set_back(&mut self, now: Micros, detail: String) -> Vec<Action> {
        let mut facts = std::mem::take(&mut self.pending);
        facts.extend(self.end_session(Reason::Restored, detail.clone()));
        facts.push(self.enter_next_epoch(now, detail.clone()));
        let wait = self.list_anew(Reason::Restored, detail);
        [Action::Close, Action::Publish(facts)].into_iter().chain(wait).collect()
    }

    /// Leaves the position behind; the fact says so.
    pub(super) fn enter_next_epoch(&mut self, now: Micros, detail: String) -> CoverageFact {
        self.epoch = self.epoch.next();
        self.position = None;
        let from = self.until.unwrap_or(now);
        self.until = Some(now);
        self.broken(CoverageState::Gap, from, now, Reason::Restored, detail)
    }

    pub(super) fn broken(
        &self,
        state: CoverageState,
        from: Micros,
        until: Micros,
        reason: Reason,
        detail: String,
    ) -> CoverageFact {
        CoverageFact::Broken(Broken {
            cluster: self.cluster.clone(),
            cluster_name: self.cluster_name.clone(),
            epoch: self.epoch,
            state,
            from,
            until,
            reason,
            detail,
        })
    }

    /// Waits after a failure.
    pub(super) fn wait(&mut self, why: Refusal, next: Next) -> Vec<Action> {
        self.state = State::Waiting(next);
        vec![self.backoff.after(why, &self.settings)]
    }
}
