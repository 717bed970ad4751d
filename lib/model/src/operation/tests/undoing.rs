//! What is owed is undone: what each step did, the last one first, and the node is opened when nothing else is left. What fails is
//! tried again after a while.

use std::collections::BTreeMap;

use beidou_schemas::operation::{
    Actor, AttemptEnd, Object, OperationType, Phase, UndoBy, UndoKind, UndoPlan,
    bundle::{BundleShape, StepShape},
    command::{Ask, Word},
    fact::Body,
};
use proptest::prelude::*;

use super::{
    cases::{RUN, asked, end, pass, run, work},
    properties::live,
    setting,
    world::World,
};
use crate::operation::{Action, Board, DebtState, Seen};

/// A bundle for nodes in service: each of these steps has something to undo, which controllers or a playbook does.
fn upgrade(steps: &[(&str, UndoBy)]) -> BundleShape {
    let mut bundle = setting::reboot();
    let (first, check) = (bundle.steps[0].clone(), bundle.steps.pop());
    let step = |(name, by): &(&str, UndoBy)| StepShape {
        name: (*name).to_owned(),
        actor: if *by == UndoBy::Api { Actor::Command } else { Actor::Ansible },
        undo: vec![UndoPlan { kind: UndoKind::Cordon, by: *by, purpose: false, deadline_ms: None }],
        ..first.clone()
    };
    bundle.steps = steps.iter().map(step).chain(check).collect();
    bundle
}

/// An operation with it on so many nodes.
fn upgrading(mut world: World, steps: &[(&str, UndoBy)], nodes: u8) -> World {
    let bundle = upgrade(steps);
    let flow: Vec<String> = bundle.steps.iter().map(|step| step.name.clone()).collect();
    world.see(&Seen::Bundle(Box::new(bundle)));
    let flow: Vec<&str> = flow.iter().map(String::as_str).collect();
    asked(&mut world, RUN, setting::spec(OperationType::Reboot, &flow, 1..nodes + 1));
    world
}

/// One of a node whose second step failed, and that is cancelled then.
fn broken_off(steps: &[(&str, UndoBy); 2]) -> World {
    let mut world = upgrading(World::new(1, 100), steps, 1);
    work(&mut world, RUN, &[]);
    work(&mut world, RUN, &["10.0.0.1"]);
    assert_eq!(run(&world).phase, Phase::Held);
    assert!(world.ask(Object::Operation(RUN), "dev", Ask::Cancel(Word::default())));
    world
}

/// The steps that were undone, in order.
fn undone(world: &World) -> Vec<&str> {
    let done = world.log.iter().filter_map(|fact| match &fact.body {
        Body::UndoDone(done) => done.step.as_deref(),
        _ => None,
    });
    done.collect()
}

#[test]
fn each_step_is_undone_the_last_one_first_and_the_node_is_opened_at_the_end() {
    use UndoBy::{Api, Playbook};
    let table: [([(&str, UndoBy); 2], &[&str]); 4] = [
        ([("cordon", Api), ("upgrade", Playbook)], &["upgrade", "cordon"]),
        ([("tune", Playbook), ("cordon", Api)], &["tune", "cordon"]),
        ([("tune", Playbook), ("upgrade", Playbook)], &["upgrade", "tune"]),
        // It is cordoned once, whoever says so.
        ([("cordon", Api), ("drain", Api)], &["cordon"]),
    ];
    for (steps, wanted) in table {
        let mut world = broken_off(&steps);
        while world.step() {}
        assert_eq!(undone(&world), wanted);
        assert!(run(&world).debts.iter().all(|debt| debt.state == DebtState::Done), "{:?}", run(&world).debts);
        assert_eq!((run(&world).phase, &*run(&world).message), (Phase::Cancelled, "dev cancelled it"));
    }
}

#[test]
fn a_node_that_could_not_be_put_right_stays_shut() {
    let mut world = broken_off(&[("cordon", UndoBy::Api), ("upgrade", UndoBy::Playbook)]);
    world.luck = 0;
    while !run(&world).phase.is_over() {
        assert!(world.step());
    }
    let opened = |body: &Body| matches!(body, Body::UndoStarted(started) if started.step.as_deref() == Some("cordon"));
    assert!(!world.log.iter().any(|fact| opened(&fact.body)));
    assert!(
        run(&world).message.ends_with("; not undone: cordon of 10.0.0.1, upgrade of 10.0.0.1"),
        "{}",
        run(&world).message
    );
}

#[test]
fn what_could_not_be_undone_is_tried_again_after_a_minute_and_after_ten() {
    const PAUSES: [i64; 2] = [60, 600];
    let mut world = broken_off(&[("cordon", UndoBy::Api), ("upgrade", UndoBy::Playbook)]);
    world.settle();
    for (pause, number) in PAUSES.into_iter().zip(2..) {
        end(&mut world, RUN, AttemptEnd::NotStarted, BTreeMap::new());
        world.settle();
        pass(&mut world, pause - 1);
        assert!(run(&world).open_attempt().is_none(), "the machine may be off");
        pass(&mut world, 1);
        assert_eq!(run(&world).open_attempt().map(|attempt| attempt.number), Some(number));
    }
    work(&mut world, RUN, &[]);
    let opens = |world: &mut World| world.settle().iter().any(|action| matches!(action, Action::Undo { .. }));
    for pause in PAUSES {
        assert!(opens(&mut world));
        world.see(&Seen::UndoFailed(RUN, UndoKind::Cordon, "10.0.0.1".into(), "forbidden".into()));
        pass(&mut world, pause - 1);
        assert!(!opens(&mut world), "the rights may be on their way");
        pass(&mut world, 1);
    }
    assert!(opens(&mut world));
    world.see(&Seen::UndoDone(RUN, UndoKind::Cordon, "10.0.0.1".into()));
    world.settle();
    assert_eq!((run(&world).phase, &*run(&world).message), (Phase::Cancelled, "dev cancelled it"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_undone_before_what_came_later(seed: u64, luck in 30u64..100) {
        let steps = [("cordon", UndoBy::Api), ("tune", UndoBy::Playbook), ("upgrade", UndoBy::Playbook)];
        let mut world = upgrading(World::new(seed, luck), &steps, 3);
        live(&mut world);
        world.check_ends();
        let mut board = Board::default();
        for fact in &world.log {
            if let Body::UndoStarted(started) = &fact.body {
                let run = &board.operations[&RUN];
                let (host, step) = (run.place(&started.host), started.step.as_deref());
                let at = run.plan.steps.iter().position(|one| Some(&*one.name) == step).unwrap() as u32;
                let later = run.debts.iter().filter(|debt| Some(debt.host) == host && debt.step > at);
                let most = run.plan.limits.undo_tries;
                // What was given up is waited for by the opening alone.
                let mut left = later.filter(|debt| if at == 0 { debt.stands() } else { debt.is_open(most) });
                prop_assert!(left.next().is_none(), "{step:?}: {:?}", run.debts);
            }
            board.apply(fact);
        }
    }
}
