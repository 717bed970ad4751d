//! What counts as a rise, and of which nodes.

use beidou_model::operation::{Action, Arrived, Board, begin, decide, next, observe};
use beidou_schemas::{
    Record,
    operation::{
        AttemptEnd, ClusterRules, Object as Whose, Via,
        command::{Command, RequestOperation},
        fact::{AttemptClaimed, AttemptEnded, Fact},
    },
    record::Headers,
    runner::{HostOutcome, HostState},
    time::SECOND,
};
use serde_json::json;
use uuid::Uuid;

use super::*;

fn event(second: i64, kind: &str, node: &str) -> StoredRecord {
    let value = json!({"type": kind, "reason": "NodeNotReady", "involvedObject": {"kind": "Node", "name": node}});
    let headers = [
        ("ce_time", Micros(second * SECOND).to_string()),
        ("ce_clustername", "c".into()),
        ("ce_source", "/clusters/u".into()),
    ];
    let headers: Headers = headers.into_iter().collect();
    StoredRecord { offset: 0, record: Record { key: Default::default(), headers, value: value.to_string().into() } }
}

#[test]
fn only_more_than_before_on_touched_nodes_counts() {
    let mut recent = Recent::default();
    for second in 0..3 {
        recent.take(&event(90 + second, "Warning", "n1"));
    }
    for second in 0..5 {
        recent.take(&event(100 + second, "Warning", "n1"));
        recent.take(&event(100 + second, "Normal", "n1"));
        recent.take(&event(100 + second, "Warning", "other"));
    }
    let nodes = BTreeSet::from(["n1".to_owned()]);
    let at = |second: i64| Micros(second * SECOND);
    let rose = recent.rose(("c", None), &nodes, at(100), at(110), 2).unwrap();
    assert_eq!((rose.count, rose.before, &*rose.reason), (5, 3, "NodeNotReady"));
    assert_eq!(recent.rose(("c", None), &nodes, at(100), at(110), 3), None, "not by so many");
    assert_eq!(recent.rose(("d", None), &nodes, at(100), at(110), 1), None, "another cluster");
    assert!(recent.rose(("d", Some("u")), &nodes, at(100), at(110), 2).is_some(), "known by its uid");
    assert_eq!(recent.rose(("c", Some("v")), &nodes, at(100), at(110), 1), None, "another uid");
}

#[test]
fn memory_is_bounded_by_time() {
    let mut recent = Recent::default();
    recent.take(&event(0, "Warning", "n1"));
    recent.take(&event(3 * 3600, "Warning", "n1"));
    assert_eq!(recent.warnings.len(), 1);
}

#[test]
fn what_is_as_it_was_is_no_rise_however_long_a_step_takes() {
    const MINUTE: i64 = 60;
    let rose = |recent: &Recent, minute: i64| {
        let at = |minute: i64| Micros(minute * MINUTE * SECOND);
        recent.rose(("c", None), &BTreeSet::from(["n1".to_owned()]), at(120), at(minute), 10)
    };
    // Two each minute, before the step and in it.
    let mut recent = Recent::default();
    for minute in 0..600 {
        recent.take(&event(minute * MINUTE, "Warning", "n1"));
        recent.take(&event(minute * MINUTE + 30, "Warning", "n1"));
        assert_eq!(rose(&recent, minute), None, "in minute {minute}");
    }
    // Who has begun to read within the step knows nothing of the time before it.
    let known = Micros(590 * MINUTE * SECOND);
    let since_restart = recent.warnings.iter().filter(|one| one.time >= known).cloned().collect();
    let restarted = Recent { warnings: since_restart, known };
    assert_eq!(rose(&restarted, 600), None);
    for second in 0..100 {
        recent.take(&event(600 * MINUTE + second, "Warning", "n1"));
    }
    let found = rose(&recent, 602).unwrap();
    assert!(found.count >= found.before + 10, "a rise late in a step is one: {found:?}");
}

#[test]
fn what_a_storm_has_driven_out_is_known_to_be_missing() {
    let mut recent = Recent::default();
    recent.take(&event(100, "Warning", "n1"));
    let other = Warning { node: "other".into(), ..recent.warnings[0].clone() };
    recent.warnings.extend(std::iter::repeat_n(other, MOST));
    recent.take(&event(200, "Warning", "n1"));
    assert_eq!((recent.warnings.len(), recent.known), (MOST + 1, Micros(100 * SECOND + 1)));
}

#[test]
fn a_clock_that_is_ahead_makes_no_other_warning_old() {
    let (mut recent, present) = (Recent::default(), now().0 / SECOND);
    for second in [present - 60, present + 86_400 * 365, present - 30] {
        recent.take(&event(second, "Warning", "n1"));
    }
    assert_eq!(recent.warnings.len(), 3);
    let since = Micros((present - 40) * SECOND);
    let rose = recent.rose(("c", None), &BTreeSet::from(["n1".to_owned()]), since, now().plus(100 * SECOND), 0);
    assert_eq!(rose.map(|rose| (rose.count, rose.before)), Some((2, 1)));
}

const RUN: OperationId = OperationId(Uuid::from_u128(1));

fn take(board: &mut Board, facts: &[Fact], now: Micros) {
    facts.iter().for_each(|fact| _ = board.apply(fact));
    while let Some(Action::Record(facts)) = next(board, now).into_iter().next() {
        facts.iter().for_each(|fact| _ = board.apply(fact));
    }
}

/// Joins three machines; nothing was done yet.
fn joining(now: Micros) -> Board {
    let mut board = Board::default();
    let first = begin(&board, "test", now);
    board.apply(&first);
    let bundle = beidou_playbooks::shipped("node-join").unwrap().unwrap();
    let bundle = Box::new(crate::bundles::shape(&bundle).unwrap());
    for seen in [Seen::Cluster("c".into(), Some(ClusterRules::default())), Seen::Bundle(bundle)] {
        let facts = observe(&board, &seen, now).unwrap();
        take(&mut board, &facts, now);
    }
    let spec = serde_json::from_value(json!({
        "clusterName": "c", "operationType": "ScaleUp", "bundle": "node-join",
        "operationFlow": ["preCheck", "scaleUp", "postCheck"],
        "operationMachines": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2", "name": "n2"}, {"ip": "10.0.0.3"}],
    }));
    let ask = RequestOperation { name: "ops/a".into(), spec: spec.unwrap(), owner: None, why: String::new() }.into();
    let (id, object) = (Uuid::from_u128(7), Whose::Operation(RUN));
    let command = Command { id, object, subject: "dev".into(), via: Via::Api, time: now, ask };
    let facts = decide(&board, &Arrived { command, partition: 0, offset: 0 }, now).unwrap();
    take(&mut board, &facts, now);
    board
}

/// The open attempt goes well on all its hosts.
fn work(board: &mut Board, now: Micros) {
    let operation = &board.operations[&RUN];
    let open = operation.open_attempt().unwrap();
    let (attempt, hosts) = (open.id.clone(), operation.addresses(&open.hosts));
    let (state, changed, ok, duration_ms) = (HostState::Ok, 0, 1, 1);
    let well =
        HostOutcome { state, failed_task: None, message: None, code: None, remedy: None, changed, ok, duration_ms };
    let outcomes = hosts.into_iter().map(|host| (host, well.clone())).collect();
    let claimed = AttemptClaimed::new(attempt.clone(), Uuid::from_u128(5));
    let (end, message) = (AttemptEnd::Finished, String::new());
    let ended = AttemptEnded { attempt, end, exit: None, signal: None, message };
    for seen in [Seen::Claimed(RUN, claimed), Seen::Ended(RUN, ended, outcomes)] {
        let facts = observe(board, &seen, now).unwrap();
        take(board, &facts, now);
    }
}

#[test]
fn a_canary_is_watched_while_it_soaks_under_the_name_of_its_node() {
    let (now, later) = (Micros(1_795_444_800 * SECOND), Micros(1_795_444_810 * SECOND));
    let mut board = joining(now);
    let at = |board: &Board, now: Micros| touched(&board.operations[&RUN], now, now);
    assert_eq!(at(&board, now), None, "a check changes nothing");
    work(&mut board, now);
    assert_eq!(at(&board, now), None, "who is made ready is no node yet");
    work(&mut board, now);
    let canary = at(&board, now).unwrap();
    assert_eq!((&*canary.cluster, canary.machines.len(), canary.since), ("c", 1, now));
    work(&mut board, later);
    let found = &board.operations[&RUN];
    assert_eq!((found.stage, found.attempts.len()), (3, 3), "it soaks");
    assert_eq!(at(&board, later), Some(canary));
    assert_eq!(at(&board, found.soak_until), None);
}

#[test]
fn a_machine_whose_clock_is_behind_the_facts_sees_a_rise_all_the_same() {
    let wall = Micros(100_000 * SECOND);
    for behind in [0, 600 * SECOND] {
        let facts = |seconds: i64| wall.plus(seconds * SECOND + behind);
        let mut board = joining(facts(0));
        work(&mut board, facts(0));
        work(&mut board, facts(0));
        // The change began a minute ago, and since then there were Warnings.
        let moment = wall.plus(60 * SECOND);
        let mut recent = Recent::default();
        for second in 100_010..100_020 {
            recent.take(&event(second, "Warning", "10.0.0.1"));
        }
        let touched = touched(&board.operations[&RUN], facts(60), moment).unwrap();
        let rose = recent.rose(("c", None), &touched.names(None), touched.since, moment, 10);
        assert_eq!(rose.map(|rose| (rose.count, rose.before)), Some((10, 0)), "{behind}");
        work(&mut board, facts(60));
        let soaks = &board.operations[&RUN];
        assert!(super::touched(soaks, facts(61), moment).is_some());
        assert_eq!(super::touched(soaks, soaks.soak_until, moment), None);
    }
}

#[test]
fn nodes_are_known_by_address_and_by_both_names() {
    let machines = vec![("10.0.0.1".to_owned(), None), ("10.0.0.2".to_owned(), Some("n2".to_owned()))];
    let touched = Touched { operation: RUN, cluster: "c".into(), since: Micros(0), machines };
    let node = |name: &str, address: &str| (name.to_owned(), (vec![address.to_owned()], false));
    let known = Known::from([node("rack-7", "10.0.0.1"), node("other", "10.0.0.9")]);
    let names = |known| touched.names(known).into_iter().collect::<Vec<_>>();
    assert_eq!(names(None), ["10.0.0.1", "10.0.0.2", "n2"]);
    assert_eq!(names(Some(&known)), ["10.0.0.1", "10.0.0.2", "n2", "rack-7"]);
}
