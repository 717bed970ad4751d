//! Random faults against the reference world, and the cases by name.

use beidou_schemas::{
    Epoch, Micros, ResourceVersion,
    coverage::{Broken, CoverageFact, CoverageState, Position, Reason, SessionEnd},
    time::SECOND,
};
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    Action, Asked, Chain, Input, Phase, Refusal, Settings, Standing, Standings,
    reference::{Op, Refused, World},
};

fn broken(facts: &[CoverageFact]) -> Vec<Broken> {
    facts
        .iter()
        .filter_map(|fact| match fact {
            CoverageFact::Broken(broken) => Some(broken.clone()),
            CoverageFact::Started(_)
            | CoverageFact::Advanced(_)
            | CoverageFact::Ended(_)
            | CoverageFact::Missed(_)
            | CoverageFact::Imported(_)
            | CoverageFact::Snapshot(_) => None,
        })
        .collect()
}

fn harmless() -> impl Strategy<Value = Op> {
    let reason = prop_oneof![Just(Reason::Cut), Just(Reason::Timeout), Just(Reason::Empty), Just(Reason::ServerError)];
    let refused = prop_oneof![Just(Refused::Failed), Just(Refused::Busy), Just(Refused::Unauthorized)];
    prop_oneof![
        6 => (0u8..4).prop_map(Op::Write),
        1 => (0u8..4).prop_map(Op::Delete),
        3 => (1u32..40_000).prop_map(Op::Pass),
        8 => (0u8..3, 0u8..3).prop_map(|(before, after)| Op::Answer(before, after)),
        1 => refused.prop_map(Op::Refuse),
        5 => Just(Op::Wake),
        6 => (1u8..5).prop_map(Op::Deliver),
        5 => Just(Op::Ack),
        1 => reason.prop_map(Op::Close),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(a, p)| Op::Kill(a, p)),
    ]
}

fn any_fault() -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => harmless(),
        1 => Just(Op::Compact),
        1 => (0u16..100).prop_map(Op::SetBack),
    ]
}

/// Each state is in the log, or its moment is published as broken, or nobody claimed anything of that moment.
fn every_loss_is_reported(world: &World) -> Result<(), TestCaseError> {
    let broken = broken(&world.facts);
    let claimed_from = broken.first().expect("the first list is published").from;
    let claimed_until = world.chain.until().expect("the chain has begun");
    for state in world.truth.iter().filter(|s| !s.deleted && s.at >= claimed_from && s.at < claimed_until) {
        let reported = broken.iter().any(|b| b.from <= state.at && state.at < b.until);
        prop_assert!(
            world.log.contains(&state.number) || reported,
            "lost and not reported: {state:?} {:#?}",
            world.facts
        );
    }
    for state in world.live() {
        let owed = world.chain.acknowledged().is_some_and(|version| state.version <= version.0);
        prop_assert!(!owed || world.log.contains(&state.number), "could be listed, is not in the log: {state:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_loss_goes_unreported(ops in prop::collection::vec(any_fault(), 1..150), heartbeats: bool) {
        let mut world = World::new(heartbeats);
        ops.into_iter().for_each(|op| world.apply(op));
        world.heal();
        every_loss_is_reported(&world)?;
    }

    #[test]
    fn inside_the_compaction_window_nothing_is_ever_broken(
        ops in prop::collection::vec(harmless(), 1..150),
        heartbeats: bool,
    ) {
        let mut world = World::new(heartbeats);
        (0..4).for_each(|_| { world.apply(Op::Wake); world.apply(Op::Answer(0, 0)); });
        let empty_answers = ops.iter().filter(|op| matches!(op, Op::Close(Reason::Empty))).count();
        prop_assume!(empty_answers < 5);
        let began = world.facts.len();
        ops.into_iter().for_each(|op| world.apply(op));
        world.heal();
        prop_assert_eq!(broken(&world.facts[began..]), vec![]);
        every_loss_is_reported(&world)?;
    }

    #[test]
    fn a_snapshot_and_its_tail_fold_like_the_whole(
        ops in prop::collection::vec(any_fault(), 1..100),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut world = World::new(true);
        ops.into_iter().for_each(|op| world.apply(op));
        world.heal();
        let cut = cut.index(world.facts.len());
        let mut whole = Standings::default();
        world.facts[..cut].iter().for_each(|fact| whole.apply(fact));
        let mut tail = Standings::default();
        tail.apply(&whole.snapshot());
        for fact in &world.facts[cut..] {
            whole.apply(fact);
            tail.apply(fact);
        }
        prop_assert_eq!(whole, tail);
    }
}

pub(super) const T: Micros = Micros(1_795_444_800_000_000);

fn position(version: u64, until: Micros) -> Position {
    Position {
        cluster: "c".parse().unwrap(),
        cluster_name: "one".into(),
        epoch: Epoch(2),
        session: Uuid::from_u128(9),
        start_resource_version: ResourceVersion(50),
        resource_version: ResourceVersion(version),
        from: until.plus(-SECOND),
        until,
    }
}

fn standing(version: u64, until: Micros, open: bool) -> Standing {
    let position = Some(position(version, until));
    Standing { cluster_name: "one".into(), epoch: Epoch(2), until, position, open }
}

/// A chain that stands at version 100 and watches since `T`.
pub(super) fn watching() -> Chain {
    let (mut chain, _) =
        Chain::start(Settings::default(), "c".parse().unwrap(), "one".into(), Some(standing(100, T, false)));
    assert_eq!(chain.step(T, Input::Woke), vec![Action::Prove]);
    let proved = Input::Proved { version: ResourceVersion(101), written: true, set_back: false };
    assert_eq!(chain.step(T, proved), vec![Action::Open { from: ResourceVersion(100) }]);
    chain.step(T, Input::Opened { session: Uuid::from_u128(1) });
    chain
}

fn facts(actions: &[Action]) -> Vec<CoverageFact> {
    actions.iter().flat_map(|a| if let Action::Publish(facts) = a { facts.clone() } else { vec![] }).collect()
}

fn names(actions: &[Action]) -> Vec<String> {
    let fact = |fact: &CoverageFact| match fact {
        CoverageFact::Started(p) => format!("started {}", p.resource_version),
        CoverageFact::Advanced(p) => format!("advanced {} +{}", p.resource_version, (p.until.0 - T.0) / SECOND),
        CoverageFact::Ended(end) => format!("ended {}", end.reason.name()),
        CoverageFact::Broken(b) => {
            let seconds = |t: Micros| (t.0 - T.0) / SECOND;
            let (from, until) = (seconds(b.from), seconds(b.until));
            format!("{} {} {from}..{until} epoch {}", b.state.name(), b.reason.name(), b.epoch.0)
        }
        CoverageFact::Missed(missed) => format!("missed {}", missed.states),
        CoverageFact::Snapshot(_) => "snapshot".into(),
        CoverageFact::Imported(_) => "imported".into(),
    };
    let action = |action: &Action| match action {
        Action::Prove => vec!["prove".into()],
        Action::Open { from } => vec![format!("open {from}")],
        Action::Close => vec!["close".into()],
        Action::List { token } => vec![format!("list {}", token.clone().unwrap_or_default())],
        Action::Publish(facts) => facts.iter().map(fact).collect(),
        Action::Wait { .. } => vec!["wait".into()],
    };
    actions.iter().flat_map(action).collect()
}

/// Lists in one page at `version`, `seconds` after `T`, and opens.
fn list(chain: &mut Chain, seconds: i64, version: u64) -> Vec<String> {
    let now = T.plus(seconds * SECOND);
    let mut all = chain.step(now, Input::Woke);
    all.extend(chain.step(now, Input::PageRead { version: ResourceVersion(version) }));
    all.extend(chain.step(now, Input::PageStored { next: None }));
    all.extend(chain.step(now, Input::Opened { session: Uuid::from_u128(2) }));
    names(&all)
}

#[test]
fn a_session_that_was_left_open_is_closed_as_lost() {
    let (_, actions) =
        Chain::start(Settings::default(), "c".parse().unwrap(), "one".into(), Some(standing(100, T, true)));
    assert_eq!(names(&actions), ["ended lost", "wait"]);
}

#[test]
fn compacted_history_is_degraded_and_a_gap_where_events_no_longer_live() {
    for (seconds, expected) in [
        (600, vec!["list ", "open 900", "degraded expired 0..600 epoch 2", "started 900", "prove"]),
        (
            5000,
            vec![
                "list ",
                "open 900",
                "gap expired 0..1400 epoch 2",
                "degraded expired 1400..5000 epoch 2",
                "started 900",
                "prove",
            ],
        ),
    ] {
        let (mut chain, _) =
            Chain::start(Settings::default(), "c".parse().unwrap(), "one".into(), Some(standing(100, T, false)));
        let now = T.plus((seconds - 1) * SECOND);
        chain.step(now, Input::Woke);
        chain.step(now, Input::Proved { version: ResourceVersion(800), written: false, set_back: false });
        let refused = Input::Refused { of: Asked::Open, why: Refusal::Expired, detail: "too old".into() };
        assert_eq!(names(&chain.step(now, refused)), ["wait"]);
        assert_eq!(list(&mut chain, seconds, 900), expected);
    }
}

#[test]
fn an_error_frame_410_in_an_open_watch_ends_the_session_and_lists() {
    let mut chain = watching();
    let closed = Input::Closed { reason: Reason::Expired, detail: "too old".into() };
    assert_eq!(names(&chain.step(T.plus(SECOND), closed)), ["close", "ended expired", "wait"]);
    let expected = ["list ", "open 900", "degraded expired 0..2 epoch 2", "started 900", "prove"];
    assert_eq!(list(&mut chain, 2, 900), expected);
}

#[test]
fn every_sign_of_an_older_etcd_begins_a_new_epoch() {
    let older = Input::Proved { version: ResourceVersion(40), written: true, set_back: false };
    let outgrown = Input::Proved { version: ResourceVersion(4000), written: true, set_back: true };
    for sign in [older, outgrown] {
        let mut chain = watching();
        assert_eq!(names(&chain.step(T.plus(15 * SECOND), Input::Tick { reading: true })), ["prove"]);
        let actions = names(&chain.step(T.plus(16 * SECOND), sign));
        assert_eq!(actions, ["close", "ended restored", "gap restored 0..16 epoch 3", "wait"]);
        assert_eq!(chain.epoch(), Epoch(3));
        let expected = ["list ", "open 60", "degraded restored 16..17 epoch 3", "started 60", "prove"];
        assert_eq!(list(&mut chain, 17, 60), expected);
    }
    let mut chain = watching();
    chain.step(T.plus(SECOND), Input::Closed { reason: Reason::Expired, detail: String::new() });
    let expected = ["list ", "gap restored 0..9 epoch 3", "open 60", "started 60", "prove"];
    assert_eq!(list(&mut chain, 9, 60), expected, "the list's version lies below the position");
}

#[test]
fn the_answer_to_a_question_of_an_older_chain_proves_nothing() {
    let mut chain = watching();
    chain.step(T.plus(15 * SECOND), Input::Tick { reading: true });
    chain.step(T.plus(16 * SECOND), Input::Closed { reason: Reason::Expired, detail: String::new() });
    list(&mut chain, 17, 900);
    assert_eq!(chain.phase(), Phase::Watching);
    let late = Input::Proved { version: ResourceVersion(50), written: true, set_back: false };
    let actions = chain.step(T.plus(18 * SECOND), late);
    assert_eq!(names(&actions)[0], "close", "this one answers the new question, asked at version 900");
}

#[test]
fn the_position_moves_with_the_ack_and_until_with_the_proof() {
    let mut chain = watching();
    let frame = |v| Input::Frame { version: Some(ResourceVersion(v)), deleted: false };
    assert_eq!(chain.step(T, frame(101)), vec![]);
    assert_eq!(chain.acknowledged(), Some(ResourceVersion(100)), "read is not kept");
    let acked = Input::Acked { version: ResourceVersion(101) };
    assert_eq!(chain.step(T.plus(SECOND), acked), vec![], "proves T, which is known already; movement can wait");
    let actions = chain.step(T.plus(2 * SECOND), Input::Tick { reading: true });
    assert_eq!(names(&actions), ["advanced 101 +0"]);
    assert_eq!(names(&chain.step(T.plus(15 * SECOND), Input::Tick { reading: true })), ["prove"]);
    let proved = Input::Proved { version: ResourceVersion(130), written: true, set_back: false };
    assert_eq!(chain.step(T.plus(16 * SECOND), proved), vec![], "the watch has not shown it yet");
    chain.step(T.plus(16 * SECOND), frame(130));
    let acked = Input::Acked { version: ResourceVersion(130) };
    assert_eq!(names(&chain.step(T.plus(16 * SECOND), acked)), ["advanced 130 +15"]);
}

#[test]
fn a_silent_stream_is_dropped_and_resumed_but_back_pressure_is_no_silence() {
    let mut chain = watching();
    let mut slow = watching();
    for seconds in (5..=90).step_by(5) {
        let now = T.plus(seconds * SECOND);
        slow.step(now, Input::Tick { reading: false });
        let actions = names(&chain.step(now, Input::Tick { reading: true }));
        if actions.contains(&"prove".into()) {
            chain.step(now, Input::Proved { version: ResourceVersion(200), written: true, set_back: false });
        }
        if seconds == 90 {
            assert_eq!(actions, ["close", "ended silent", "wait"]);
        }
    }
    assert_eq!(slow.phase(), Phase::Watching);
    assert_eq!(names(&chain.step(T.plus(91 * SECOND), Input::Woke)), ["prove"]);
    let proved = Input::Proved { version: ResourceVersion(201), written: true, set_back: false };
    assert_eq!(names(&chain.step(T.plus(91 * SECOND), proved)), ["open 100"], "nothing is lost: from the same version");
}

#[test]
fn an_expired_page_token_begins_the_list_anew() {
    let (mut chain, _) = Chain::start(Settings::default(), "c".parse().unwrap(), "one".into(), None);
    let at = |seconds: i64| T.plus(seconds * SECOND);
    assert_eq!(names(&chain.step(at(0), Input::Woke)), ["list "]);
    chain.step(at(1), Input::PageRead { version: ResourceVersion(10) });
    let second = chain.step(at(1), Input::PageStored { next: Some("two".into()) });
    assert_eq!(names(&second), ["list two"]);
    let refused = Input::Refused { of: Asked::List, why: Refusal::Failed, detail: String::new() };
    chain.step(at(2), refused);
    assert_eq!(names(&chain.step(at(2), Input::Woke)), ["list two"], "another failure asks for the same page again");
    let expired = Input::Refused { of: Asked::List, why: Refusal::Expired, detail: String::new() };
    assert_eq!(names(&chain.step(at(3), expired)), ["wait"]);
    let expected = ["list ", "open 30", "degraded first_list -3595..5 epoch 0", "started 30", "prove"];
    assert_eq!(list(&mut chain, 5, 30), expected);
}

#[test]
fn a_page_that_is_refused_again_and_again_begins_the_list_anew() {
    let (mut chain, _) = Chain::start(Settings::default(), "c".parse().unwrap(), "one".into(), None);
    chain.step(T, Input::Woke);
    chain.step(T, Input::PageRead { version: ResourceVersion(10) });
    chain.step(T, Input::PageStored { next: Some("two".into()) });
    for round in 1..=10 {
        let refused = Input::Refused { of: Asked::List, why: Refusal::Failed, detail: "a future revision".into() };
        chain.step(T, refused);
        let next = names(&chain.step(T, Input::Woke));
        assert_eq!(next, [if round < 10 { "list two" } else { "list " }], "round {round}");
    }
}

#[test]
fn pages_of_two_versions_are_no_list() {
    let (mut chain, _) = Chain::start(Settings::default(), "c".parse().unwrap(), "one".into(), None);
    chain.step(T, Input::Woke);
    chain.step(T, Input::PageRead { version: ResourceVersion(10) });
    chain.step(T, Input::PageStored { next: Some("two".into()) });
    chain.step(T, Input::PageRead { version: ResourceVersion(11) });
    assert_eq!(names(&chain.step(T, Input::PageStored { next: None })), ["wait"]);
    assert_eq!(names(&chain.step(T, Input::Woke)), ["list "]);
}

#[test]
fn empty_answers_in_a_row_make_the_version_unusable() {
    let mut chain = watching();
    for round in 1..=5 {
        let closed = Input::Closed { reason: Reason::Empty, detail: String::new() };
        let actions = chain.step(T, closed);
        assert_eq!(names(&actions), ["close", "ended empty", "wait"]);
        let next = names(&chain.step(T, Input::Woke));
        assert_eq!(next, [if round < 5 { "prove" } else { "list " }], "round {round}");
        chain.step(T, Input::Proved { version: ResourceVersion(101), written: true, set_back: false });
        chain.step(T, Input::Opened { session: Uuid::from_u128(round) });
    }
}

#[test]
fn waits_grow_to_a_limit_and_obey_the_server() {
    let settings = Settings::default();
    let (mut chain, mut actions) =
        Chain::start(settings, "c".parse().unwrap(), "one".into(), Some(standing(100, T, false)));
    let mut longest_seen = 0;
    for _ in 0..100 {
        let [.., Action::Wait { shortest, longest }] = actions[..] else { panic!("{actions:?}") };
        assert!(shortest >= settings.shortest_wait && longest <= settings.longest_wait && longest >= longest_seen / 2);
        longest_seen = longest;
        chain.step(T, Input::Woke);
        actions = chain.step(T, Input::Refused { of: Asked::Prove, why: Refusal::Failed, detail: String::new() });
    }
    assert_eq!(longest_seen, settings.longest_wait);
    chain.step(T, Input::Woke);
    let busy = Refusal::Busy { wait: 77 * SECOND };
    let actions = chain.step(T, Input::Refused { of: Asked::Prove, why: busy, detail: String::new() });
    assert!(matches!(actions[..], [Action::Wait { shortest, .. }] if shortest == 77 * SECOND), "{actions:?}");
}

#[test]
fn a_stop_in_good_order_is_written_down() {
    for reason in [Reason::Shutdown, Reason::Removed] {
        let mut chain = watching();
        chain.step(T, Input::Frame { version: Some(ResourceVersion(101)), deleted: true });
        chain.step(T, Input::Acked { version: ResourceVersion(101) });
        let actions = chain.step(T, Input::Stop { reason });
        let [CoverageFact::Ended(end)] = &facts(&actions)[..] else { panic!("{actions:?}") };
        assert_eq!((end.reason, end.deleted_frames, end.position.resource_version.0), (reason, 1, 101));
        assert_eq!(chain.step(T, Input::Woke), vec![], "stopped for good");
    }
}

#[test]
fn a_broken_chain_survives_a_snapshot() {
    let broken = CoverageFact::Broken(Broken {
        cluster: "c".parse().unwrap(),
        cluster_name: "one".into(),
        epoch: Epoch(4),
        state: CoverageState::Gap,
        from: T,
        until: T.plus(SECOND),
        reason: Reason::Restored,
        detail: String::new(),
    });
    let mut standings = Standings::default();
    standings.apply(&broken);
    let mut tail = Standings::default();
    tail.apply(&standings.snapshot());
    assert_eq!(standings, tail);
    let standing = tail.of(&"c".parse().unwrap()).cloned().unwrap();
    assert_eq!((standing.epoch, standing.position.is_none()), (Epoch(4), true));
    let (mut chain, _) = Chain::start(Settings::default(), "c".parse().unwrap(), "one".into(), Some(standing));
    let expected = ["list ", "open 60", "degraded lost 1..9 epoch 4", "started 60", "prove"];
    assert_eq!(list(&mut chain, 9, 60), expected);
}

fn stand_at(position: Position) -> Standings {
    let mut standings = Standings::default();
    standings.apply(&CoverageFact::Started(position));
    standings
}

#[test]
fn a_collector_without_a_chain_goes_on_from_the_farthest_other() {
    let (mut own, cluster) = (Standings::default(), "c".parse().unwrap());
    let others = [60, 90, 70].map(|version| stand_at(position(version, T.plus(version as i64))));
    assert_eq!(own.adopt(&others), vec![]);
    let adopted = own.of(&cluster).cloned().unwrap();
    assert_eq!(adopted.position.as_ref().map(|at| at.resource_version), Some(ResourceVersion(90)));
    assert!(!adopted.open, "the session is of the other");
    let mut again = Standings::default();
    again.apply(&own.snapshot());
    assert_eq!(again, own, "nor does a snapshot make it ours");
}

#[test]
fn a_chain_of_its_own_is_kept_but_for_a_later_life() {
    let (near, far) = (position(60, T), position(90, T.plus(SECOND)));
    let mut own = stand_at(near.clone());
    assert_eq!(own.adopt(&[stand_at(far.clone())]), vec![]);
    assert_eq!(own, stand_at(near.clone()));
    let later = stand_at(Position { epoch: Epoch(3), ..far });
    let (reason, detail) = (Reason::Lost, String::new());
    let lost = CoverageFact::Ended(SessionEnd { position: near, reason, detail, deleted_frames: 0 });
    assert_eq!(own.adopt(&[later]), vec![lost]);
    assert_eq!(own.of(&"c".parse().unwrap()).map(|s| (s.epoch, s.open)), Some((Epoch(3), false)));
}
