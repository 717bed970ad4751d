//! What holds an operation back, and what it leaves to others at its end.

use std::collections::BTreeMap;

use beidou_schemas::{
    operation::{
        AttemptEnd, Batches, ClusterRules, Freeze, Object, OperationId, OperationSpec, OperationType, Phase, Purpose,
        Reason, Settled, TaskStepKind, UndoKind, Window,
        bundle::BundleShape,
        command::{Answer, Ask, Hold, Retry, Word},
        fact::{Body, Fact},
    },
    time::{DAY, SECOND},
};
use uuid::Uuid;

use super::{
    cases::{OTHER, RUN, asked, claim, end, pass, run, with, work},
    planned::ready,
    setting::{self, START},
    world::World,
};
use crate::operation::{Action, DebtState, Seen, plan_of, view};

fn freeze(world: &mut World, days: i64) -> beidou_schemas::Micros {
    let until = START.plus(days * DAY);
    let freezes = vec![Freeze { from: world.now, until, why: "incident 12".into() }];
    world.see(&Seen::Cluster("c1".into(), Some(ClusterRules { freezes, ..setting::rules() })));
    until
}

#[test]
fn a_batch_that_was_begun_is_brought_to_its_end_in_a_freeze() {
    let mut world = World::new(1, 100);
    asked(&mut world, RUN, setting::spec(OperationType::Reboot, &["drain", "reboot", "postCheck"], 1..5));
    assert_eq!(work(&mut world, RUN, &[]), ["10.0.0.1"]);
    let until = freeze(&mut world, 1);
    let frozen = |world: &World| view::summary(&world.board, run(world), world.now).reason == Some(Reason::Frozen);
    while !frozen(&world) {
        assert!(world.step());
    }
    assert!(run(&world).is_through(0), "it is in service again");
    world.now = until.plus(-1);
    world.settle();
    assert!(run(&world).attempts.iter().all(|attempt| attempt.batch == 0), "no other one has begun");
    world.now = until;
    world.settle();
    assert_eq!(run(&world).open_attempt().map(|attempt| attempt.batch), Some(1));
}

/// One that is asked for with a bundle that readies machines, and has checked them.
fn checked(hosts: std::ops::Range<u8>) -> World {
    let mut world = World::new(1, 100);
    world.see(&Seen::Bundle(Box::new(ready(setting::scale_up(), "scaleUp"))));
    asked(&mut world, RUN, setting::scale_up_spec(hosts));
    work(&mut world, RUN, &[]);
    world
}

#[test]
fn machines_that_are_only_ready_have_not_begun() {
    let mut world = checked(1..5);
    claim(&mut world, RUN);
    let until = freeze(&mut world, 1);
    assert_eq!(work(&mut world, RUN, &[]).len(), 4, "all at once, and to its end");
    pass(&mut world, 600);
    assert_eq!(view::summary(&world.board, run(&world), world.now).reason, Some(Reason::Frozen));
    assert_eq!(run(&world).attempts.len(), 2);
    world.now = until;
    world.settle();
    assert_eq!(work(&mut world, RUN, &[]), ["10.0.0.1"]);
}

#[test]
fn what_could_not_be_made_ready_does_not_go_on() {
    let mut world = checked(1..4);
    assert_eq!(work(&mut world, RUN, &["10.0.0.1"]).len(), 3);
    assert_eq!((run(&world).phase, run(&world).reason), (Phase::Held, Some(Reason::FailedHosts)));
    assert!(world.ask(Object::Operation(RUN), "dev", Ask::Resume(Word::default())));
    world.settle();
    pass(&mut world, 30);
    assert_eq!(work(&mut world, RUN, &[]), ["10.0.0.2", "10.0.0.3"]);
}

#[test]
fn time_that_is_frozen_is_not_waited() {
    let mut world = World::new(1, 100);
    let until = freeze(&mut world, 30);
    asked(&mut world, RUN, setting::scale_up_spec(1..4));
    asked(&mut world, OTHER, OperationSpec { require_approval: true, ..setting::scale_up_spec(10..12) });
    world.now = until.plus(-DAY);
    world.settle();
    let phase = |world: &World, id| world.board.operations[&id].phase;
    assert_eq!((phase(&world, RUN), phase(&world, OTHER)), (Phase::Pending, Phase::Pending));
    world.now = until;
    world.settle();
    assert_eq!((phase(&world, RUN), phase(&world, OTHER)), (Phase::Running, Phase::Pending));
    world.now = until.plus(7 * DAY);
    world.settle();
    assert_eq!(world.board.operations[&OTHER].reason, Some(Reason::NeverStarted), "but all else has its end");
}

#[test]
fn who_has_begun_and_may_not_go_on_for_a_week_is_held() {
    let mut world = with(1..6);
    work(&mut world, RUN, &[]);
    work(&mut world, RUN, &[]);
    let (waits, until) = (run(&world).soak_until, freeze(&mut world, 30));
    world.now = waits.plus(7 * DAY - 1);
    world.settle();
    assert_eq!((run(&world).phase, world.board.locks.is_empty()), (Phase::Running, false));
    world.now = waits.plus(7 * DAY);
    let told = world.settle().iter().any(|action| matches!(action, Action::Notify { .. }));
    assert_eq!((run(&world).phase, run(&world).reason, told), (Phase::Held, Some(Reason::NeverStarted), true));
    assert!(run(&world).message.starts_with("scaleUp, batch 1 has waited since "), "{}", run(&world).message);
    assert!(run(&world).message.ends_with(" incident 12"), "{}", run(&world).message);
    pass(&mut world, 3700);
    assert!(world.board.locks.is_empty(), "others may come");
    assert!(world.ask(Object::Operation(RUN), "dev", Ask::Resume(Word::default())));
    world.now = until;
    world.settle();
    assert_eq!(run(&world).open_attempt().map(|attempt| attempt.batch), Some(1));
}

#[test]
fn who_is_approved_late_still_gets_the_window_of_the_week() {
    let mut world = World::new(1, 100);
    // The first moment is a Monday's, and this window that of Wednesday.
    let windows = vec![Window { days: vec![3], start_minute: 0, minutes: 60, time_zone: None, utc_offset_minutes: 0 }];
    world.see(&Seen::Cluster("c1".into(), Some(ClusterRules { windows, ..setting::rules() })));
    asked(&mut world, RUN, OperationSpec { require_approval: true, ..setting::scale_up_spec(1..4) });
    pass(&mut world, 6 * 86_400);
    let answer = Answer { ticket: String::new(), why: String::new() };
    assert!(world.ask(Object::Operation(RUN), "lead", Ask::Approve(answer)));
    pass(&mut world, 2 * 86_400);
    assert_eq!(view::summary(&world.board, run(&world), world.now).reason, Some(Reason::AwaitingWindow));
    pass(&mut world, 10 * 3600);
    assert_eq!(run(&world).phase, Phase::Running);
}

#[test]
fn of_a_pool_that_is_not_known_one_node_is_taken_at_a_time() {
    let sizes = |bundle, kind| {
        let planned = plan_of(&bundle, &setting::spec(kind, &["preCheck", "drain", "scaleUp"], 1..6), None, 0);
        planned.stages.iter().filter(|stage| planned.steps[stage.step as usize].mutates).map(|s| s.hosts.len()).max()
    };
    assert_eq!(sizes(setting::reboot(), OperationType::Reboot), Some(1));
    assert_eq!(sizes(setting::scale_up(), OperationType::ScaleUp), Some(3), "nobody uses those yet");
}

#[test]
fn a_script_takes_no_more_nodes_in_service_at_a_time_than_a_reboot() {
    use TaskStepKind::{ScaleDown, ScaleUp};
    let bundle = BundleShape { batches: Batches::default(), ..setting::commands() };
    let table = [
        (30, None, None, vec![1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2]),
        (300, None, None, vec![1, 20, 9]),
        (0, None, None, vec![1; 30]),
        // Machines that are no nodes, say, and who asks knows it.
        (0, Some(100), None, vec![1, 20, 9]),
        (30, Some(50), None, vec![1, 15, 14]),
        // Nobody uses those yet that a task has just joined.
        (30, None, Some(ScaleUp), vec![1, 20, 9]),
        (300, None, Some(ScaleDown), vec![1, 20, 9]),
        (30, None, Some(ScaleDown), vec![1, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2]),
    ];
    for (pool, pool_percent, of, wanted) in table {
        let batches = Batches { pool_percent, ..Batches::default() };
        let spec = OperationSpec { batches, ..setting::spec(OperationType::Command, &["command"], 1..31) };
        let planned = plan_of(&bundle, &spec, of, pool);
        let sizes: Vec<usize> = planned.stages.iter().map(|stage| stage.hosts.len()).collect();
        assert_eq!(sizes, wanted, "{pool} {pool_percent:?} {of:?}");
    }
}

/// An operation whose first host may have joined, and that stood still until its lock was free.
fn half_joined() -> World {
    let mut world = with(1..4);
    work(&mut world, RUN, &[]);
    claim(&mut world, RUN);
    end(&mut world, RUN, AttemptEnd::Missing, BTreeMap::new());
    world.settle();
    pass(&mut world, 3700);
    assert_eq!((run(&world).phase, world.board.locks.len()), (Phase::Unknown, 0));
    world
}

fn cancel(world: &mut World) {
    assert!(world.ask(Object::Operation(RUN), "dev", Ask::Cancel(Word::default())));
}

#[test]
fn undoing_may_take_as_long_as_its_step_says() {
    for (said, taken) in [(None, 600_000), (Some(1_800_000), 1_800_000)] {
        let mut bundle = setting::scale_up();
        bundle.steps[1].undo[0].deadline_ms = said;
        let mut world = World::new(1, 100);
        world.see(&Seen::Bundle(Box::new(bundle)));
        asked(&mut world, RUN, setting::scale_up_spec(1..4));
        work(&mut world, RUN, &[]);
        work(&mut world, RUN, &["10.0.0.1"]);
        cancel(&mut world);
        claim(&mut world, RUN);
        let undoing = run(&world).open_attempt().unwrap();
        assert_eq!((undoing.purpose, undoing.deadline_ms), (Purpose::Undo, taken));
    }
}

#[test]
fn what_a_later_operation_has_had_is_not_undone_by_an_old_one() {
    let mut world = half_joined();
    asked(&mut world, OTHER, setting::scale_up_spec(1..2));
    while !world.board.operations[&OTHER].phase.is_over() {
        assert!(world.step());
    }
    cancel(&mut world);
    while world.step() {}
    let found = run(&world);
    assert_eq!(found.phase, Phase::Cancelled);
    assert!(
        found.debts.iter().all(|debt| debt.state == DebtState::Settled { why: Settled::Taken }),
        "{:?}",
        found.debts
    );
    assert!(found.attempts.iter().all(|attempt| attempt.purpose == Purpose::Act));
    assert!(found.message.contains("left to later operations: ") && found.message.contains("join of 10.0.0.1"));
}

#[test]
fn who_only_made_a_machine_ready_has_not_taken_it_over() {
    let mut world = half_joined();
    world.see(&Seen::Bundle(Box::new(ready(setting::scale_up(), "scaleUp"))));
    asked(&mut world, OTHER, setting::scale_up_spec(1..2));
    work(&mut world, OTHER, &[]);
    work(&mut world, OTHER, &["10.0.0.1"]);
    assert!(world.board.operations[&OTHER].debts.is_empty());
    assert!(world.ask(Object::Operation(OTHER), "dev", Ask::Cancel(Word::default())));
    cancel(&mut world);
    while world.step() {}
    assert_eq!((run(&world).phase, world.board.operations[&OTHER].phase), (Phase::Cancelled, Phase::Cancelled));
    assert!(run(&world).join_undone("10.0.0.1"), "{:?}", run(&world).debts);
}

#[test]
fn an_undo_waits_for_who_holds_the_cluster() {
    let mut world = half_joined();
    asked(&mut world, OTHER, setting::scale_up_spec(10..12));
    claim(&mut world, OTHER);
    cancel(&mut world);
    world.settle();
    assert!(run(&world).held_locks().is_none() && run(&world).open_attempt().is_none());
    while world.step() {}
    assert_eq!((run(&world).phase, run(&world).locks.len()), (Phase::Cancelled, 2));
    assert!(run(&world).join_undone("10.0.0.1"));
}

#[test]
fn the_node_that_a_playbook_left_behind_is_left_to_controllers() {
    let mut world = with(1..4);
    work(&mut world, RUN, &[]);
    claim(&mut world, RUN);
    assert!(!run(&world).join_undone("10.0.0.1"));
    cancel(&mut world);
    while !run(&world).join_undone("10.0.0.1") {
        assert!(world.step());
    }
    while world.step() {}
    let asked = |fact: &Fact| matches!(&fact.body, Body::UndoStarted(undo) if undo.kind == UndoKind::Taint);
    assert!(world.log.iter().any(asked), "controllers are asked for it");
    assert_eq!(run(&world).phase, Phase::Cancelled);
    assert!(run(&world).debts.iter().all(|debt| debt.state == DebtState::Done), "{:?}", run(&world).debts);
}

#[test]
fn words_have_a_bound() {
    let mut world = World::new(1, 100);
    asked(&mut world, RUN, setting::spec(OperationType::Reboot, &["drain"], 1..2));
    let object = Object::Operation(RUN);
    let hold = |bytes| Ask::Hold(Hold { why: "x".repeat(bytes), suspend: false });
    let ticket = || Ask::Reject(Answer { ticket: "x".repeat(4097), why: String::new() });
    for (ask, field) in [(hold(4097), "why"), (ticket(), "ticket")] {
        assert!(!world.ask(object, "lead", ask));
        let said = &world.log.last().unwrap().body;
        assert!(matches!(said, Body::CommandRefused(said) if said.field == field && said.value == "4097 bytes"));
    }
    assert!(world.ask(object, "lead", hold(4096)));
}

#[test]
fn a_dry_run_tells_nothing_of_how_long_it_takes() {
    let mut world = World::new(1, 100);
    asked(&mut world, RUN, OperationSpec { dry_run: true, ..setting::scale_up_spec(1..4) });
    while world.step() {}
    assert_eq!(run(&world).phase, Phase::Succeeded);
    assert_eq!(view::forecast(&world.board, &run(&world).plan).unknown, ["preCheck", "scaleUp"]);
}

#[test]
fn a_late_note_tells_how_it_stood() {
    let mut world = with(1..4);
    let held = Hold { why: "lunch".into(), suspend: false };
    assert!(world.ask(Object::Operation(RUN), "dev", Ask::Hold(held)));
    assert!(world.ask(Object::Operation(RUN), "dev", Ask::Resume(Word::default())));
    world.settle();
    assert_eq!(run(&world).phase, Phase::Running);
    let stood = run(&world).notices.last().unwrap().stood.clone().unwrap();
    assert_eq!((stood.phase, stood.reason), (Phase::Held, Some(Reason::HeldOnRequest)));
    assert!(stood.message.contains("lunch"), "{}", stood.message);
}

/// Nodes of the open attempt are cordoned before it begins.
fn cordoned(world: &mut World, id: OperationId) {
    world.settle();
    let attempt = world.board.operations[&id].open_attempt().expect("an attempt").id.clone();
    world.see(&Seen::Cordoned(id, attempt, vec!["10.0.0.1".into(), "10.0.0.9".into()]));
}

fn retry(world: &mut World) {
    assert!(world.ask(Object::Operation(RUN), "dev", Ask::Retry(Retry::default())));
}

fn debts(world: &World, id: OperationId) -> Vec<DebtState> {
    world.board.operations[&id].debts.iter().map(|debt| debt.state.clone()).collect()
}

#[test]
fn a_cordon_that_stood_before_is_not_lifted_and_our_own_is() {
    let found = || DebtState::Settled { why: Settled::Found };
    let mut world = World::new(1, 100);
    asked(&mut world, RUN, setting::spec(OperationType::Reboot, &["drain", "reboot", "postCheck"], 1..4));
    cordoned(&mut world, RUN);
    assert_eq!(debts(&world, RUN), [found()]);
    work(&mut world, RUN, &["10.0.0.1"]);
    retry(&mut world);
    cordoned(&mut world, RUN);
    assert_eq!(debts(&world, RUN), [found(), found()], "it still stands");
    work(&mut world, RUN, &["10.0.0.1"]);
    // Somebody has lifted it meanwhile, so that the third try puts it on, and the fourth finds that.
    retry(&mut world);
    work(&mut world, RUN, &["10.0.0.1"]);
    retry(&mut world);
    cordoned(&mut world, RUN);
    assert_eq!(debts(&world, RUN), [found(), found(), DebtState::Owed]);
    cancel(&mut world);
    while world.step() {}
    assert_eq!(debts(&world, RUN), [found(), found(), DebtState::Done]);
    assert_eq!((run(&world).phase, &*run(&world).message), (Phase::Cancelled, "dev cancelled it"));
}

#[test]
fn a_cordon_that_another_operation_owes_goes_over_with_the_node() {
    let mut world = World::new(1, 100);
    let spec = || setting::spec(OperationType::Reboot, &["drain", "reboot", "postCheck"], 1..2);
    asked(&mut world, RUN, spec());
    work(&mut world, RUN, &["10.0.0.1"]);
    pass(&mut world, 3700);
    asked(&mut world, OTHER, spec());
    cordoned(&mut world, OTHER);
    assert_eq!((debts(&world, RUN), debts(&world, OTHER)), (vec![DebtState::Owed], vec![DebtState::Owed]));
}

#[test]
fn a_cordon_that_an_operation_could_not_take_back_goes_over_with_the_node() {
    let mut world = World::new(1, 100);
    let spec = || setting::spec(OperationType::Reboot, &["drain", "reboot", "postCheck"], 1..2);
    asked(&mut world, RUN, spec());
    work(&mut world, RUN, &["10.0.0.1"]);
    cancel(&mut world);
    world.luck = 0;
    while !run(&world).phase.is_over() {
        assert!(world.step());
    }
    asked(&mut world, OTHER, spec());
    cordoned(&mut world, OTHER);
    assert_eq!((debts(&world, RUN), debts(&world, OTHER)), (vec![DebtState::Owed], vec![DebtState::Owed]));
}

#[test]
fn an_attempt_is_found_by_its_id_alone() {
    let mut world = World::new(1, 100);
    let ids = [7_u128, 8].map(|number| OperationId(Uuid::from_u128(number << 96)));
    for (id, host) in ids.into_iter().zip([1, 3]) {
        asked(&mut world, id, setting::spec(OperationType::Reboot, &["drain", "reboot", "postCheck"], host..host + 1));
    }
    world.settle();
    for id in ids {
        let open = world.board.operations[&id].open_attempt().unwrap();
        assert_eq!(world.board.attempt(&open.id).map(|(run, one)| (run.id, one)), Some((id, open)));
    }
    for unknown in ["00000009-drain-b0-a1", "00000007-drain-b0-a9", "drain"] {
        assert_eq!(world.board.attempt(&unknown.parse().unwrap()), None, "{unknown}");
    }
    world.now = world.now.plus(SECOND);
    let alike = OperationId(Uuid::from_u128((7 << 96) + 1));
    asked(&mut world, alike, setting::spec(OperationType::Reboot, &["drain", "reboot", "postCheck"], 5..6));
    world.settle();
    let found = world.board.attempt(&"00000007-drain-b0-a1".parse().unwrap());
    assert_eq!(found.map(|(run, _)| run.id), Some(alike), "the older one had its runner before");
}
