//! Comparisons against a small world: a server that commits, a stream that may lose frames, a log that lags.

use std::collections::{BTreeMap, HashSet, VecDeque};

use beidou_schemas::{Epoch, EventUid, Micros, ResourceVersion, time::SECOND};
use proptest::prelude::*;

use super::{
    Chain, CompareInput, CompareSettings, Comparer, Comparing, EventKey, Finding, Input, Listed, Outcome, Refusal,
    tests::{T, watching},
};

const EVERY: i64 = 60 * SECOND;
const PATIENCE: i64 = 90 * SECOND;
/// Between two answers of the server.
const BEAT: i64 = 15 * SECOND;
/// States in a page.
const PAGE: usize = 2;

#[derive(Debug, Clone, Copy)]
enum Op {
    Write { event: u8, dropped: bool },
    Delete { event: u8, dropped: bool },
    Deliver(u8),
    Ack,
    Pass(i64),
    Answer,
    Expire,
}

#[derive(Debug, Clone, Copy)]
enum Frame {
    State(u8, u64),
    Ended(u8, u64),
    Heartbeat(u64),
}

fn key(event: u8) -> EventKey {
    EventKey::from(&format!("event-{event}").parse::<EventUid>().unwrap())
}

struct World {
    now: Micros,
    version: u64,
    live: BTreeMap<u8, u64>,
    committed: BTreeMap<u64, Micros>,
    dropped: HashSet<u64>,
    stream: VecDeque<Frame>,
    read: Vec<Frame>,
    log: HashSet<u64>,
    beat: Micros,
    chain: Chain,
    comparer: Comparer,
    /// The rest of the list under way and its version.
    list: Option<(u64, VecDeque<(u8, u64)>)>,
    asked: bool,
    page: Vec<(u8, u64)>,
    findings: Vec<Finding>,
    outcomes: Vec<Outcome>,
    found: Vec<u64>,
}

impl World {
    fn new() -> Self {
        let settings = CompareSettings { every: EVERY, patience: PATIENCE };
        let mut comparer = Comparer::new(settings, T, T);
        comparer.trust(Epoch(2), ResourceVersion(100));
        Self {
            now: T,
            version: 101,
            // Acknowledged by an earlier process.
            live: [(0, 50), (1, 60)].into(),
            committed: BTreeMap::new(),
            dropped: HashSet::new(),
            stream: VecDeque::new(),
            read: Vec::new(),
            log: HashSet::from([50, 60]),
            beat: T,
            chain: watching(),
            comparer,
            list: None,
            asked: false,
            page: Vec::new(),
            findings: Vec::new(),
            outcomes: Vec::new(),
            found: Vec::new(),
        }
    }

    fn commit(&mut self) -> u64 {
        self.version += 1;
        self.committed.insert(self.version, self.now);
        self.now = self.now.plus(1);
        self.version
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Write { event, dropped } => {
                let version = self.commit();
                self.live.insert(event, version);
                self.send(Frame::State(event, version), dropped);
            }
            Op::Delete { event, dropped } => {
                if self.live.remove(&event).is_some() {
                    let version = self.commit();
                    self.send(Frame::Ended(event, version), dropped);
                }
            }
            Op::Deliver(frames) => {
                for _ in 0..frames {
                    self.read.extend(self.stream.pop_front());
                }
            }
            Op::Ack => self.ack(),
            Op::Pass(micros) => {
                self.now = self.now.plus(micros);
                if self.now.0 - self.beat.0 >= BEAT {
                    self.prove();
                }
                self.step(CompareInput::Tick);
            }
            Op::Answer => self.answer(),
            Op::Expire if self.asked => {
                self.asked = false;
                self.step(CompareInput::Refused(Refusal::Expired));
            }
            Op::Expire => {}
        }
    }

    fn send(&mut self, frame: Frame, dropped: bool) {
        if dropped {
            if let Frame::State(_, version) = frame {
                self.dropped.insert(version);
            }
        } else {
            self.stream.push_back(frame);
        }
    }

    /// The heartbeat: a write that is answered a little later.
    fn prove(&mut self) {
        let asked = self.now;
        self.beat = asked;
        let version = self.commit();
        self.stream.push_back(Frame::Heartbeat(version));
        self.now = self.now.plus(1000);
        self.comparer.witness(asked, self.now, ResourceVersion(version));
    }

    fn ack(&mut self) {
        let mut last = None;
        for frame in std::mem::take(&mut self.read) {
            let version = match frame {
                Frame::State(event, version) => {
                    self.comparer.kept(key(event), ResourceVersion(version));
                    self.log.insert(version);
                    version
                }
                Frame::Ended(event, version) => {
                    self.comparer.ended(key(event));
                    version
                }
                Frame::Heartbeat(version) => version,
            };
            self.chain.step(self.now, Input::Frame { version: Some(ResourceVersion(version)), deleted: false });
            last = Some(ResourceVersion(version));
        }
        if let Some(version) = last {
            self.chain.step(self.now, Input::Acked { version });
        }
        self.step(CompareInput::Tick);
    }

    fn answer(&mut self) {
        if !std::mem::take(&mut self.asked) {
            return;
        }
        let (version, items) = (self.version, self.live.iter().map(|(event, version)| (*event, *version)).collect());
        let (version, rest) = self.list.get_or_insert((version, items));
        let version = ResourceVersion(*version);
        self.page = rest.drain(..PAGE.min(rest.len())).collect();
        let next = (!rest.is_empty()).then(|| "more".to_owned());
        let states: Vec<Listed> = self.page.iter().map(|(e, v)| (key(*e), ResourceVersion(*v))).collect();
        self.step(CompareInput::Page { version, states, next });
    }

    fn step(&mut self, input: CompareInput) {
        let mut all = VecDeque::from(self.comparer.step(self.now, &self.chain, input));
        while let Some(one) = all.pop_front() {
            match one {
                Comparing::Read { token, .. } => {
                    self.asked = true;
                    if token.is_none() {
                        self.list = None;
                    }
                }
                Comparing::Append(places) => {
                    for place in places {
                        let (_, version) = self.page[place];
                        assert!(!self.log.contains(&version), "{version} is in the log already");
                        self.log.insert(version);
                        self.found.push(version);
                    }
                    all.extend(self.comparer.step(self.now, &self.chain, CompareInput::Stored));
                }
                Comparing::Tell(findings) => self.findings.extend(findings),
                Comparing::Ended(outcome) => {
                    if outcome == Outcome::Complete
                        && let Some((version, _)) = &self.list
                    {
                        let lacking = self.live.values().filter(|v| **v <= *version && !self.log.contains(v)).count();
                        assert_eq!(lacking, 0, "a complete comparison leaves nothing out");
                    }
                    self.list = None;
                    self.outcomes.push(outcome);
                }
            }
        }
    }

    /// Nothing more happens but heartbeats, until a comparison that begins now is complete.
    fn calm(&mut self) {
        let (before, begun) = (self.outcomes.len(), usize::from(self.list.is_some()));
        for _ in 0..200 {
            self.apply(Op::Pass(BEAT));
            self.apply(Op::Deliver(u8::MAX));
            self.apply(Op::Ack);
            (0..20).for_each(|_| self.apply(Op::Answer));
            let complete = self.outcomes[before..].iter().filter(|outcome| **outcome == Outcome::Complete).count();
            if complete > begun {
                return;
            }
        }
        panic!("no comparison came to its end: {:?}", self.outcomes);
    }
}

fn any_op(drops: bool) -> impl Strategy<Value = Op> {
    let dropped = move || if drops { prop::bool::weighted(0.3).boxed() } else { Just(false).boxed() };
    prop_oneof![
        8 => (0u8..6, dropped()).prop_map(|(event, dropped)| Op::Write { event, dropped }),
        2 => (0u8..6, dropped()).prop_map(|(event, dropped)| Op::Delete { event, dropped }),
        6 => (1u8..6).prop_map(Op::Deliver),
        5 => Just(Op::Ack),
        4 => (1i64..40 * SECOND).prop_map(Op::Pass),
        6 => Just(Op::Answer),
        1 => Just(Op::Expire),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_watch_that_brings_everything_has_missed_nothing(ops in prop::collection::vec(any_op(false), 1..200)) {
        let mut world = World::new();
        ops.into_iter().for_each(|op| world.apply(op));
        world.calm();
        prop_assert_eq!(&world.findings, &vec![]);
        prop_assert_eq!(&world.found, &Vec::<u64>::new());
    }

    #[test]
    fn what_still_lives_is_found_once_and_its_interval_is_tight(ops in prop::collection::vec(any_op(true), 1..200)) {
        let mut world = World::new();
        ops.into_iter().for_each(|op| world.apply(op));
        world.calm();
        let lacking: Vec<_> = world.live.values().filter(|version| !world.log.contains(version)).collect();
        prop_assert_eq!(lacking, Vec::<&u64>::new());
        let told: u64 = world.findings.iter().map(|finding| finding.states).sum();
        prop_assert_eq!(told, world.found.len() as u64);
        for version in &world.found {
            prop_assert!(world.dropped.contains(version), "{} was delivered", version);
            let at = world.committed[version];
            let inside = world.findings.iter().any(|finding| finding.from <= at && at < finding.until);
            prop_assert!(inside, "{} at {:?}: {:?}", version, at, world.findings);
        }
        for finding in &world.findings {
            let near = |at: Micros| finding.from.plus(-SECOND) <= at && at < finding.until.plus(SECOND);
            let states = world.found.iter().filter(|version| near(world.committed[version])).count() as i64;
            // A pass of up to 40 s lies between two beats here.
            prop_assert!(finding.until.0 - finding.from.0 <= states * 2 * 45 * SECOND, "{:?}", finding);
        }
    }
}

fn write(event: u8, dropped: bool) -> Op {
    Op::Write { event, dropped }
}

#[test]
fn the_first_list_after_a_restart_takes_the_past_as_known_and_the_present_not() {
    let mut world = World::new();
    world.apply(write(2, true));
    world.apply(write(3, false));
    world.calm();
    assert_eq!(world.found, [102], "50 and 60 were acknowledged by the process before");
    assert_eq!(world.outcomes, [Outcome::Complete]);
    world.apply(write(2, false));
    world.calm();
    assert_eq!(world.found.len(), 1);
    assert_eq!(world.comparer.live(), 4);
}

#[test]
fn what_is_on_its_way_is_waited_for() {
    let mut world = World::new();
    world.apply(Op::Pass(SECOND));
    world.apply(write(2, false));
    world.apply(Op::Answer);
    world.apply(Op::Answer);
    assert_eq!((world.found.len(), world.outcomes.len()), (0, 0), "the page has what the watch has not brought yet");
    world.apply(Op::Deliver(9));
    assert_eq!(world.outcomes.len(), 0, "read is not kept");
    world.apply(Op::Ack);
    assert_eq!((world.found.len(), &world.outcomes[..]), (0, &[Outcome::Complete][..]));
}

#[test]
fn a_watch_that_does_not_get_there_is_too_late_to_be_judged() {
    let mut world = World::new();
    world.apply(Op::Pass(SECOND));
    world.apply(write(2, true));
    world.apply(Op::Answer);
    world.apply(Op::Answer);
    (0..5).for_each(|_| world.apply(Op::Pass(20 * SECOND)));
    assert_eq!(world.outcomes, [Outcome::Late]);
    world.calm();
    assert_eq!(world.found, [102], "the next one finds it");
}

#[test]
fn a_compacted_list_and_a_broken_chain_end_it_until_the_next() {
    let mut world = World::new();
    world.apply(Op::Pass(SECOND));
    world.apply(Op::Answer);
    assert_eq!(world.outcomes, [Outcome::Complete], "a list of one page");
    world.apply(write(2, false));
    world.apply(Op::Deliver(9));
    world.apply(Op::Ack);
    world.apply(Op::Pass(EVERY));
    world.apply(Op::Expire);
    assert_eq!(world.outcomes.last(), Some(&Outcome::Expired));
    world.apply(Op::Pass(EVERY));
    assert!(world.asked);
    let closed = Input::Closed { reason: beidou_schemas::coverage::Reason::Expired, detail: String::new() };
    world.chain.step(world.now, closed);
    world.apply(Op::Pass(SECOND));
    assert_eq!(world.outcomes.last(), Some(&Outcome::Broken));
    world.apply(Op::Pass(10 * EVERY));
    assert!(!world.chain.is_whole() && world.outcomes.len() == 3, "the chain's own list comes first");
}

#[test]
fn nothing_is_asked_where_comparing_is_off_or_not_due() {
    let chain = watching();
    for (every, first, asked) in [(0, T, false), (EVERY, T.plus(SECOND), false), (EVERY, T, true)] {
        let mut comparer = Comparer::new(CompareSettings { every, patience: PATIENCE }, T, first);
        comparer.enter(T, Epoch(2));
        assert_eq!(!comparer.step(T, &chain, CompareInput::Tick).is_empty(), asked, "{every}");
    }
}

#[test]
fn pages_are_paced_by_the_work_that_they_make() {
    let chain = watching();
    let mut comparer = Comparer::new(CompareSettings { every: EVERY, patience: PATIENCE }, T, T);
    comparer.enter(T, Epoch(2));
    comparer.step(T, &chain, CompareInput::Tick);
    let page = |n: u64| CompareInput::Page { version: ResourceVersion(n), states: vec![], next: Some("x".into()) };
    let pause = |all: Vec<Comparing>| match &all[..] {
        [Comparing::Read { pause, .. }] => *pause,
        other => panic!("{other:?}"),
    };
    assert_eq!(pause(comparer.step(T.plus(30_000), &chain, page(9))), 30_000);
    assert_eq!(pause(comparer.step(T.plus(100_000), &chain, page(9))), 40_000, "asked after the pause");
    assert_eq!(pause(comparer.step(T.plus(9 * SECOND), &chain, page(9))), SECOND);
    assert_eq!(comparer.step(T.plus(10 * SECOND), &chain, page(8)), [Comparing::Ended(Outcome::Mixed)]);
}
