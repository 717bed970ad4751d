//! A small world for the chain: a server with history, compaction, restores and slow answers; a log; a shell without
//! any thought of its own. It knows every state ever committed, and so what was lost.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use beidou_schemas::{
    Epoch, Micros, ResourceVersion,
    coverage::{CoverageFact, Reason},
};
use uuid::Uuid;

use super::{Action, Asked, Chain, Input, Phase, Refusal, Settings, Standings};

/// One committed state. `number` is unique over all lives of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Committed {
    pub number: usize,
    pub uid: u8,
    pub version: u64,
    pub at: Micros,
    pub deleted: bool,
}

#[derive(Debug, Default)]
struct Server {
    version: u64,
    compacted: u64,
    history: Vec<Committed>,
    live: BTreeMap<u8, Committed>,
    heartbeat: Option<u64>,
}

/// A request between shell and server.
#[derive(Debug)]
enum Request {
    Prove,
    Open(u64),
    List(Option<String>),
}

#[derive(Debug)]
pub(super) struct World {
    pub now: Micros,
    server: Server,
    pub truth: Vec<Committed>,
    pub log: HashSet<usize>,
    identities: HashMap<(Epoch, u8, u64), usize>,
    pub facts: Vec<CoverageFact>,
    pub chain: Chain,
    requests: VecDeque<Request>,
    waits: bool,
    stream: Option<u64>,
    /// What was read and is not in the log yet, with the number of its stream.
    unacked: VecDeque<(u128, Epoch, Committed)>,
    snapshot: Option<(u64, Vec<Committed>)>,
    heartbeats: bool,
    last_heartbeat: Option<u64>,
    sessions: u128,
}

/// What may happen.
#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    Write(u8),
    Delete(u8),
    Pass(u32),
    /// The oldest request is answered; so many writes happen before and after the server looks.
    Answer(u8, u8),
    Refuse(Refused),
    Wake,
    Deliver(u8),
    Ack,
    Close(Reason),
    Compact,
    SetBack(u16),
    /// `kill -9`; whether the last append and the last position were still made durable.
    Kill(bool, bool),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Refused {
    Failed,
    Busy,
    Unauthorized,
}

const PAGE: usize = 2;

impl World {
    pub(super) fn new(heartbeats: bool) -> Self {
        let (chain, actions) = Chain::start(Settings::default(), "c".parse().unwrap(), "one".into(), None);
        let server = Server { version: 1_000_000_000, ..Server::default() };
        let mut world = Self {
            now: Micros(1_795_444_800_000_000),
            server,
            truth: vec![],
            log: HashSet::new(),
            identities: HashMap::new(),
            facts: vec![],
            chain,
            requests: VecDeque::new(),
            waits: false,
            stream: None,
            unacked: VecDeque::new(),
            snapshot: None,
            heartbeats,
            last_heartbeat: None,
            sessions: 0,
        };
        world.act(actions);
        world
    }

    pub(super) fn apply(&mut self, op: Op) {
        self.now = self.now.plus(1);
        match op {
            Op::Write(uid) => self.commit(uid, false),
            Op::Delete(uid) => {
                if self.server.live.contains_key(&uid) {
                    self.commit(uid, true);
                }
            }
            Op::Pass(ms) => {
                self.now = self.now.plus(i64::from(ms) * 1000);
                self.input(Input::Tick { reading: true });
            }
            Op::Answer(before, after) => self.answer(before, after),
            Op::Refuse(why) => self.refuse(why),
            Op::Wake => {
                if std::mem::take(&mut self.waits) {
                    self.input(Input::Woke);
                }
            }
            Op::Deliver(count) => (0..count).for_each(|_| self.deliver()),
            Op::Ack => self.ack(),
            Op::Close(reason) => self.close(reason),
            Op::Compact => self.server.compacted = self.server.version,
            Op::SetBack(by) => self.set_back(u64::from(by)),
            Op::Kill(appended, published) => self.kill(appended, published),
        }
    }

    /// Lets everything come to rest: the chain must get from anywhere to a proof that is newer than the faults.
    pub(super) fn heal(&mut self) {
        let began = self.now;
        for _ in 0..200 {
            self.apply(Op::Pass(20_000));
            self.apply(Op::Wake);
            self.apply(Op::Answer(0, 0));
            self.apply(Op::Write(0));
            self.apply(Op::Deliver(255));
            self.apply(Op::Ack);
            if self.chain.phase() == Phase::Watching && self.chain.until() > Some(began) {
                return;
            }
        }
        panic!("the chain did not come back");
    }

    fn commit(&mut self, uid: u8, deleted: bool) {
        self.now = self.now.plus(1);
        self.server.version += 3;
        let state = Committed { number: self.truth.len(), uid, version: self.server.version, at: self.now, deleted };
        self.truth.push(state);
        self.server.history.push(state);
        if deleted {
            self.server.live.remove(&uid);
        } else {
            self.server.live.insert(uid, state);
        }
    }

    fn answer(&mut self, before: u8, after: u8) {
        let Some(request) = self.requests.pop_front() else { return };
        (0..before).for_each(|n| self.commit(n % 4, false));
        let input = match request {
            Request::Prove => {
                let set_back = self.heartbeats && self.server.heartbeat < self.last_heartbeat;
                if self.heartbeats {
                    self.commit(u8::MAX, false);
                    self.server.heartbeat = Some(self.server.version);
                    self.last_heartbeat = self.server.heartbeat;
                }
                let version = ResourceVersion(self.server.version);
                Input::Proved { version, written: self.heartbeats, set_back }
            }
            Request::Open(from) if from < self.server.compacted => {
                Input::Refused { of: Asked::Open, why: Refusal::Expired, detail: String::new() }
            }
            Request::Open(from) => {
                self.stream = Some(from);
                self.sessions += 1;
                Input::Opened { session: Uuid::from_u128(self.sessions) }
            }
            Request::List(token) => return self.answer_list(token, after),
        };
        (0..after).for_each(|n| self.commit(n % 4, false));
        self.input(input);
    }

    fn answer_list(&mut self, token: Option<String>, after: u8) {
        if token.is_none() {
            self.snapshot = Some((self.server.version, self.server.live.values().copied().collect()));
        }
        let (version, rest) = self.snapshot.clone().expect("a token comes from a snapshot");
        if version < self.server.compacted {
            return self.input(Input::Refused { of: Asked::List, why: Refusal::Expired, detail: String::new() });
        }
        let (page, rest) = rest.split_at(rest.len().min(PAGE));
        self.snapshot = Some((version, rest.to_vec()));
        let next = (!rest.is_empty()).then(|| "token".into());
        (0..after).for_each(|n| self.commit(n % 4, false));
        self.input(Input::PageRead { version: ResourceVersion(version) });
        let epoch = self.chain.epoch();
        page.iter().for_each(|state| self.append(epoch, *state));
        self.input(Input::PageStored { next });
    }

    fn refuse(&mut self, why: Refused) {
        let Some(request) = self.requests.pop_front() else { return };
        let of = match request {
            Request::Prove => Asked::Prove,
            Request::Open(_) => Asked::Open,
            Request::List(_) => Asked::List,
        };
        let why = match why {
            Refused::Failed => Refusal::Failed,
            Refused::Busy => Refusal::Busy { wait: 7_000_000 },
            Refused::Unauthorized => Refusal::Unauthorized,
        };
        self.input(Input::Refused { of, why, detail: "no".into() });
    }

    fn deliver(&mut self) {
        let Some(cursor) = self.stream else { return };
        let Some(state) = self.server.history.iter().find(|state| state.version > cursor).copied() else { return };
        self.stream = Some(state.version);
        self.unacked.push_back((self.sessions, self.chain.epoch(), state));
        self.input(Input::Frame { version: Some(ResourceVersion(state.version)), deleted: state.deleted });
    }

    fn ack(&mut self) {
        let Some((stream, _, last)) = self.unacked.back().copied() else { return };
        while let Some((_, epoch, state)) = self.unacked.pop_front() {
            self.append(epoch, state);
        }
        if self.stream.is_none() || stream != self.sessions {
            return;
        }
        self.input(Input::Acked { version: ResourceVersion(last.version) });
    }

    fn append(&mut self, epoch: Epoch, state: Committed) {
        let identity = (epoch, state.uid, state.version);
        let first = *self.identities.entry(identity).or_insert(state.number);
        assert_eq!(first, state.number, "two states share the identity {identity:?}");
        self.log.insert(state.number);
    }

    fn close(&mut self, reason: Reason) {
        if self.stream.is_some() {
            self.ack();
            self.stream = None;
            self.input(Input::Closed { reason, detail: String::new() });
        }
    }

    fn set_back(&mut self, by: u64) {
        let server = &mut self.server;
        server.version -= 100_000 + by;
        server.history.retain(|state| state.version <= server.version);
        server.compacted = server.version.min(server.compacted);
        server.heartbeat = server.heartbeat.filter(|version| *version <= server.version);
        server.live.clear();
        for state in &server.history {
            if state.deleted {
                server.live.remove(&state.uid);
            } else {
                server.live.insert(state.uid, *state);
            }
        }
        self.snapshot = self.snapshot.take().map(|_| (0, vec![]));
        server.compacted = server.compacted.max(1);
        self.close(Reason::Cut);
    }

    fn kill(&mut self, appended: bool, published: bool) {
        if appended {
            while let Some((_, epoch, state)) = self.unacked.pop_front() {
                self.append(epoch, state);
            }
        }
        if !published && matches!(self.facts.last(), Some(CoverageFact::Advanced(_))) {
            self.facts.pop();
        }
        self.unacked.clear();
        self.requests.clear();
        self.stream = None;
        self.last_heartbeat = None;
        self.waits = false;
        let mut standings = Standings::default();
        self.facts.iter().for_each(|fact| standings.apply(fact));
        let cluster = "c".parse().unwrap();
        let standing = standings.of(&cluster).cloned();
        let (chain, actions) = Chain::start(Settings::default(), cluster, "one".into(), standing);
        self.chain = chain;
        self.act(actions);
    }

    pub(super) fn input(&mut self, input: Input) {
        let actions = self.chain.step(self.now, input);
        self.act(actions);
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Prove => {
                    self.requests.retain(|request| !matches!(request, Request::Prove));
                    self.requests.push_back(Request::Prove);
                }
                Action::Open { from } => self.requests.push_back(Request::Open(from.0)),
                Action::List { token } => self.requests.push_back(Request::List(token)),
                Action::Publish(facts) => self.facts.extend(facts),
                Action::Close => {
                    self.stream = None;
                    self.requests.retain(|request| !matches!(request, Request::Prove));
                }
                Action::Wait { shortest, longest } => {
                    assert!(shortest > 0 && longest >= shortest, "a try without a wait before it");
                    self.waits = true;
                }
            }
        }
    }

    /// The states of the server's last life that still exist.
    pub(super) fn live(&self) -> Vec<Committed> {
        self.server.live.values().copied().collect()
    }
}
