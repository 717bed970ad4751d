//! What holds in every world.

use beidou_schemas::operation::{OperationId, OperationType, TaskId, TaskSpec, fact::Fact};
use proptest::prelude::*;
use uuid::Uuid;

use super::{setting, world::World};
use crate::operation::{Applied, Board, Seen, next, view};

/// Steps that people meddle in; after them the world is left alone.
const MEDDLED: usize = 300;
/// Steps after which all must be over or stand still.
const MOST_STEPS: usize = 6000;

/// Three operations that want the same nodes or cluster, and two tasks, one of several bundles.
fn crowded(seed: u64, luck: u64) -> World {
    let mut world = World::new(seed, luck);
    let reboot = setting::spec(OperationType::Reboot, &["drain", "reboot", "postCheck"], 1..4);
    let all = [setting::scale_up_spec(1..6), reboot, setting::scale_up_spec(20..28)];
    for (number, spec) in (1..).zip(all) {
        let (object, ask) = setting::request(OperationId(Uuid::from_u128(number)), spec, None);
        assert!(world.ask(object, "dev", ask));
    }
    world.see(&Seen::Bundle(Box::new(setting::commands())));
    let several = TaskSpec { operation_ids: vec!["scale-up".into(), "command".into()], ..setting::task_spec() };
    for (number, spec) in [(9, setting::task_spec()), (10, several)] {
        let (object, ask) = setting::request_task(TaskId(Uuid::from_u128(number)), spec);
        assert!(world.ask(object, "dev", ask));
    }
    world
}

pub(super) fn live(world: &mut World) {
    for _ in 0..MEDDLED {
        world.step();
        match world.pick(20) {
            0..=2 => world.meddle(),
            3 => world.crash(),
            _ => {}
        }
    }
    for _ in 0..MOST_STEPS {
        if !world.step() {
            return;
        }
    }
    panic!("it does not end: {:?}", next(&world.board, world.now));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_run_ends_and_no_attempt_is_made_twice(seed: u64, luck in 30u64..100) {
        let mut world = crowded(seed, luck);
        live(&mut world);
        world.check_ends();
    }

    #[test]
    fn any_prefix_folds_and_a_snapshot_with_the_tail_is_the_same(seed: u64, luck in 50u64..100, cut: prop::sample::Index) {
        let mut world = crowded(seed, luck);
        live(&mut world);
        let (head, tail) = world.log.split_at(cut.index(world.log.len()));
        let board = Board::fold(head);
        let _ = next(&board, world.now);
        let snapshot = serde_json::to_string(&board).unwrap();
        let mut board: Board = serde_json::from_str(&snapshot).unwrap();
        tail.iter().for_each(|fact| { board.apply(fact); });
        prop_assert_eq!(board, world.board);
    }

    #[test]
    fn nothing_is_decided_otherwise_where_details_of_what_rests_were_shed(seed: u64, luck in 50u64..100) {
        let mut world = crowded(seed, luck);
        live(&mut world);
        let (mut whole, mut bare) = (Board::default(), Board::default());
        for fact in &world.log {
            whole.apply(fact);
            bare.apply(fact);
            bare.shed(fact.object);
            prop_assert_eq!(next(&bare, fact.time), next(&whole, fact.time));
            for task in whole.tasks.awake() {
                prop_assert_eq!(view::report(&bare, task, None), view::report(&whole, task, None));
            }
        }
        for run in whole.operations.values() {
            bare.operations.change(&run.id, |found| found.restore(run.clone()));
        }
        prop_assert_eq!(bare, whole);
    }

    #[test]
    fn repeated_and_stale_facts_change_nothing(seed: u64, at: prop::sample::Index) {
        let mut world = crowded(seed, 90);
        live(&mut world);
        let before = world.board.clone();
        let fact = world.log[at.index(world.log.len())].clone();
        prop_assert!(matches!(world.board.apply(&fact), Applied::Repeated | Applied::Stale));
        world.crash();
        let after = world.board.clone();
        let late = Fact { epoch: before.epoch, seq: after.seq_of(fact.object) + 1, ..fact };
        prop_assert_eq!(world.board.apply(&late), Applied::Stale, "the writer before is not heard");
        prop_assert_eq!(world.board, after);
    }
}
