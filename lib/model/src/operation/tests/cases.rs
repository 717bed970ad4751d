//! Named cases.

use std::collections::BTreeMap;

use beidou_schemas::{
    Micros,
    operation::{
        Actor, AttemptEnd, Batches, ClusterRules, Freeze, HostState, Object, OperationId, OperationSpec, OperationType,
        Phase, Reason, Settled, Stage, UndoKind,
        bundle::BundleShape,
        command::{Answer, Ask, Hold, RequestOperation, Retry, Skip, Word},
        fact::{AttemptClaimed, AttemptEnded, AttemptLaunched, Body, Fact, Held, WarningsRose},
    },
    runner,
    time::SECOND,
};
use uuid::Uuid;

use super::{
    setting::{self, START, outcome},
    world::World,
};
use crate::operation::{
    Action, Applied, Board, DebtState, Ignored, Operation, Seen, next, observe, plan, plan_of, view, wake,
};

pub(super) const RUN: OperationId = OperationId(Uuid::from_u128(1));
pub(super) const OTHER: OperationId = OperationId(Uuid::from_u128(2));

pub(super) fn asked(world: &mut World, id: OperationId, spec: OperationSpec) {
    let (object, ask) = setting::request(id, spec, None);
    assert!(world.ask(object, "dev", ask));
}

pub(super) fn with(hosts: std::ops::Range<u8>) -> World {
    let mut world = World::new(1, 100);
    asked(&mut world, RUN, setting::scale_up_spec(hosts));
    world
}

pub(super) fn run(world: &World) -> &Operation {
    &world.board.operations[&RUN]
}

/// The runner of the open attempt comes and claims.
pub(super) fn claim(world: &mut World, id: OperationId) -> Vec<String> {
    world.settle();
    let found = &world.board.operations[&id];
    let attempt = found.open_attempt().expect("an attempt").clone();
    let hosts = found.addresses(&attempt.hosts);
    let (executor, place, nodes) = ("local".to_owned(), "pid 7".to_owned(), Default::default());
    world.see(&Seen::Launched(id, AttemptLaunched { attempt: attempt.id.clone(), executor, place, nodes }));
    world.see(&Seen::Claimed(id, AttemptClaimed::new(attempt.id, Uuid::from_u128(5))));
    hosts
}

/// The open attempt runs; hosts in `bad` fail. The hosts that it had.
pub(super) fn work(world: &mut World, id: OperationId, bad: &[&str]) -> Vec<String> {
    let hosts = claim(world, id);
    world.now = world.now.plus(5 * SECOND);
    let state = |host: &String| if bad.contains(&&**host) { runner::HostState::Failed } else { runner::HostState::Ok };
    let outcomes: BTreeMap<_, _> = hosts.iter().map(|host| (host.clone(), outcome(state(host)))).collect();
    end(world, id, AttemptEnd::Finished, outcomes);
    world.settle();
    hosts
}

pub(super) fn end(
    world: &mut World,
    id: OperationId,
    end: AttemptEnd,
    outcomes: BTreeMap<String, runner::HostOutcome>,
) {
    let attempt = world.board.operations[&id].open_attempt().expect("an attempt").id.clone();
    let ended = AttemptEnded { attempt, end, exit: None, signal: None, message: "told".into() };
    world.see(&Seen::Ended(id, ended, outcomes));
}

pub(super) fn pass(world: &mut World, seconds: i64) {
    world.now = world.now.plus(seconds * SECOND);
    world.settle();
}

#[test]
fn scale_up_goes_canary_then_batches_and_is_released_behind_the_check() {
    let world = with(1..6);
    let found = run(&world);
    let stages: Vec<(u32, u32, usize, bool, u64)> =
        found.plan.stages.iter().map(|s| (s.step, s.batch, s.hosts.len(), s.canary, s.soak_ms)).collect();
    let expected = [
        (0, 0, 5, false, 0),
        (1, 0, 1, true, 30_000),
        (1, 1, 3, false, 0),
        (1, 2, 1, false, 0),
        (2, 0, 5, false, 0),
        (3, 0, 5, false, 0),
    ];
    assert_eq!(stages, expected);
    assert_eq!(found.plan.steps[3].actor, Actor::Release);
}

#[test]
fn nodes_in_service_take_all_steps_batch_by_batch() {
    let mut world = World::new(1, 100);
    let spec = setting::spec(OperationType::Reboot, &["drain", "reboot", "postCheck"], 1..5);
    asked(&mut world, RUN, spec);
    let order: Vec<(u32, u32)> =
        run(&world).plan.stages.iter().map(|Stage { step, batch, .. }| (*batch, *step)).collect();
    let expected = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3)];
    assert_eq!(order, expected, "one node is through before the others begin");
}

#[test]
fn nothing_is_opened_of_a_node_that_is_taken_away() {
    for (kind, last) in [(OperationType::Reboot, "uncordon"), (OperationType::ScaleDown, "postCheck")] {
        let bundle = BundleShape { operation_type: kind, ..setting::reboot() };
        let spec = setting::spec(kind, &["drain", "reboot", "postCheck"], 1..3);
        let planned = plan_of(&bundle, &spec, None, 100);
        assert_eq!(planned.steps.last().map(|step| &*step.name), Some(last), "{kind}");
    }
}

#[test]
fn who_names_no_steps_gets_the_flow_of_the_bundle() {
    let mut world = with(1..6);
    let spec = OperationSpec { operation_flow: Vec::new(), ..setting::scale_up_spec(1..6) };
    world.board.bundles.get_mut("scale-up").unwrap().flow = vec!["preCheck".into(), "scaleUp".into()];
    let planned = plan(&world.board, &spec, None).unwrap();
    assert_eq!(planned.steps.iter().map(|step| &*step.name).collect::<Vec<_>>(), ["preCheck", "scaleUp"]);
}

#[test]
fn a_dry_run_locks_and_owes_nothing() {
    let world = with(1..6);
    let spec = OperationSpec { dry_run: true, ..setting::scale_up_spec(1..6) };
    let dry = plan(&world.board, &spec, None).unwrap();
    let steps: Vec<&str> = dry.steps.iter().map(|step| &*step.name).collect();
    assert_eq!(steps, ["preCheck", "scaleUp"]);
    assert!(dry.steps.iter().all(|step| step.undo.is_empty()));
    assert_eq!(dry.lock, beidou_schemas::operation::LockScope::None);
}

#[test]
fn what_is_wrong_is_named_with_what_is_allowed() {
    let world = with(1..6);
    type Change = fn(&mut OperationSpec);
    let table: [(Change, &str, &str, &str); 7] = [
        (|spec| spec.cluster_name = "nowhere".into(), "clusterName", "nowhere", "c1"),
        (|spec| spec.operation_type = OperationType::Drain, "operationType", "Drain", "Reboot, ScaleUp"),
        (|spec| spec.bundle = Some("reboot".into()), "bundle", "reboot", "scale-up"),
        (
            |spec| spec.operation_flow[1] = "scaleup".into(),
            "operationFlow[1]",
            "scaleup",
            "preCheck, scaleUp, postCheck",
        ),
        (|spec| spec.operation_flow = Vec::new(), "operationFlow", "0", "1 to 63 steps"),
        (
            |spec| spec.operation_machines[2].ip = "10.0.0.1".into(),
            "operationMachines[2].ip",
            "10.0.0.1",
            "operationMachines[0]",
        ),
        (|spec| spec.operation_machines[0].ip = "rack-7".into(), "operationMachines[0].ip", "rack-7", "IPv4"),
    ];
    for (change, field, value, allowed) in table {
        let mut spec = setting::scale_up_spec(1..6);
        change(&mut spec);
        let refused = plan(&world.board, &spec, None).unwrap_err();
        assert_eq!((&*refused.field, &*refused.value), (field, value));
        assert!(refused.allowed.contains(allowed), "{refused}");
    }
}

#[test]
fn a_failing_canary_holds_and_only_the_failed_host_is_tried_again_before_the_soak() {
    let mut world = with(1..6);
    assert_eq!(work(&mut world, RUN, &[]).len(), 5);
    assert_eq!(work(&mut world, RUN, &["10.0.0.1"]), ["10.0.0.1"]);
    assert_eq!((run(&world).phase, run(&world).reason), (Phase::Held, Some(Reason::CanaryFailed)));
    let other = Ask::Retry(Retry { hosts: vec!["10.0.0.2".into()], ..Retry::default() });
    assert!(!world.ask(Object::Operation(RUN), "dev", other), "it has not failed");
    assert!(world.ask(Object::Operation(RUN), "dev", Ask::Retry(Retry::default())));
    assert_eq!(work(&mut world, RUN, &[]), ["10.0.0.1"]);
    assert_eq!(run(&world).attempts.last().unwrap().number, 2);
    assert!(run(&world).open_attempt().is_none(), "it soaks");
    assert_eq!(wake(&next(&world.board, world.now)), Some(run(&world).soak_until));
    pass(&mut world, 30);
    assert_eq!(work(&mut world, RUN, &[]), ["10.0.0.2", "10.0.0.3", "10.0.0.4"]);
}

#[test]
fn a_canary_that_nobody_came_through_is_not_watched() {
    let canary = ["10.0.0.1", "10.0.0.2"];
    let accept = |world: &mut World| {
        if run(world).phase == Phase::Held {
            assert!(world.ask(Object::Operation(RUN), "dev", Ask::Resume(Word::default())));
            world.settle();
        }
    };
    // How many of the two fail in the check, how many of the others in the change.
    for (unfit, failed, soaks) in
        [(0, 0, true), (1, 0, true), (0, 1, true), (2, 0, false), (0, 2, false), (1, 1, false)]
    {
        let mut world = World::new(1, 100);
        let batches = Batches { canary: Some(2), ..Batches::default() };
        asked(&mut world, RUN, OperationSpec { batches, ..setting::scale_up_spec(1..6) });
        work(&mut world, RUN, &canary[..unfit]);
        accept(&mut world);
        if unfit < canary.len() {
            assert_eq!(work(&mut world, RUN, &canary[unfit..unfit + failed]), canary[unfit..]);
            accept(&mut world);
        }
        let rest = run(&world).open_attempt().map(|attempt| attempt.batch);
        assert_eq!(rest, (!soaks).then_some(1), "{unfit} unfit, {failed} failed");
        let opens = soaks.then_some(run(&world).soak_until);
        assert!(!soaks || wake(&next(&world.board, world.now)) == opens, "it is looked at again when it may go on");
    }
}

#[test]
fn accepted_failures_go_no_further_and_are_undone_at_the_end() {
    let mut world = with(1..6);
    work(&mut world, RUN, &[]);
    work(&mut world, RUN, &[]);
    pass(&mut world, 30);
    work(&mut world, RUN, &["10.0.0.3"]);
    assert_eq!(run(&world).reason, Some(Reason::FailedHosts));
    assert!(world.ask(Object::Operation(RUN), "dev", Ask::Resume(Word::default())));
    work(&mut world, RUN, &[]);
    assert_eq!(work(&mut world, RUN, &[]), ["10.0.0.1", "10.0.0.2", "10.0.0.4", "10.0.0.5"]);
    while world.step() {}
    let found = run(&world);
    assert_eq!((found.phase, &*found.message), (Phase::Succeeded, "4 of 5 hosts came through"));
    let of = |host| {
        found.debts.iter().filter(move |debt| debt.host == host).map(|debt| debt.state.clone()).collect::<Vec<_>>()
    };
    assert_eq!(of(2)[0], DebtState::Done, "the half-joined node is removed");
    assert!(of(0).iter().all(|state| matches!(state, DebtState::Settled { .. })));
    let groups = view::by_error(found);
    assert_eq!(
        (groups.len(), &*groups[0].code, &groups[0].hosts[..]),
        (1, "RegistryUnreachable", &["10.0.0.3".to_owned()][..])
    );
}

#[test]
fn somebody_else_approves() {
    let mut world = World::new(1, 100);
    asked(&mut world, RUN, setting::scale_up_spec(1..9));
    let tells = |action: &Action| *action == Action::Notify { object: Object::Operation(RUN), of_seq: 1 };
    assert!(world.settle().iter().all(|action| matches!(action, Action::Wait { .. }) || tells(action)));
    assert!(world.settle().iter().any(tells));
    let at = |world: &World| view::summary(&world.board, run(world), world.now).reason;
    assert_eq!(at(&world), Some(Reason::AwaitingApproval));
    let approve = || Ask::Approve(Answer { ticket: String::new(), why: String::new() });
    assert!(!world.ask(Object::Operation(RUN), "dev", approve()), "not who asked for it");
    assert!(world.ask(Object::Operation(RUN), "lead", approve()));
    assert!(!world.settle().iter().any(tells));
    assert_eq!((run(&world).phase, run(&world).approved.as_deref()), (Phase::Running, Some("lead")));
}

#[test]
fn one_operation_holds_a_cluster_and_the_next_one_goes_when_it_is_over() {
    let mut world = with(1..6);
    asked(&mut world, OTHER, setting::scale_up_spec(10..12));
    world.settle();
    let other = &world.board.operations[&OTHER];
    let waits = view::summary(&world.board, other, world.now);
    assert_eq!((waits.phase, waits.reason), (Phase::Pending, Some(Reason::AwaitingLock)));
    assert!(world.ask(Object::Operation(RUN), "dev", Ask::Cancel(Word::default())));
    claim_and_stop(&mut world);
    assert_eq!((run(&world).phase, world.board.operations[&OTHER].phase), (Phase::Cancelled, Phase::Running));
}

fn claim_and_stop(world: &mut World) {
    world.settle();
    end(world, RUN, AttemptEnd::Stopped, BTreeMap::new());
    world.settle();
}

#[test]
fn cancel_works_while_queued_running_and_held() {
    for case in ["queued", "running", "held"] {
        let mut world = World::new(1, 100);
        let hosts = if case == "queued" { 1..9 } else { 1..4 };
        asked(&mut world, RUN, setting::scale_up_spec(hosts));
        world.settle();
        if case != "queued" {
            work(&mut world, RUN, &[]);
            claim(&mut world, RUN);
        }
        if case == "held" {
            end(&mut world, RUN, AttemptEnd::Missing, BTreeMap::new());
            world.settle();
            assert_eq!(run(&world).phase, Phase::Unknown);
        }
        assert!(world.ask(Object::Operation(RUN), "dev", Ask::Cancel(Word::default())));
        while world.step() {}
        assert_eq!(run(&world).phase, Phase::Cancelled, "{case}");
        world.check_ends();
        let joins = run(&world).debts.iter().filter(|debt| debt.kind == UndoKind::Join);
        let joined = joins.filter(|debt| debt.state == DebtState::Done).count();
        assert_eq!(joined, usize::from(case != "queued"), "{case}: what was begun is undone");
    }
}

#[test]
fn an_unknown_outcome_is_no_retry() {
    let mut world = with(1..4);
    work(&mut world, RUN, &[]);
    claim(&mut world, RUN);
    pass(&mut world, 120);
    assert_eq!(run(&world).open_attempt().unwrap().stop.as_ref().map(|stop| stop.reason), Some(Reason::RunnerSilent));
    pass(&mut world, 90);
    assert_eq!((run(&world).phase, run(&world).reason), (Phase::Unknown, Some(Reason::RunnerSilent)));
    assert_eq!(run(&world).cell(1, 0).state, HostState::Unknown);
    pass(&mut world, 3 * 86_400);
    assert_eq!(run(&world).attempts.len(), 2, "nobody tries again by himself");
}

#[test]
fn a_new_writer_gives_runners_their_time_again() {
    let mut world = with(1..4);
    claim(&mut world, RUN);
    world.now = world.now.plus(119 * SECOND);
    world.crash();
    pass(&mut world, 100);
    assert!(run(&world).open_attempt().unwrap().stop.is_none());
}

#[test]
fn at_most_one_runner_gets_the_work() {
    let mut world = with(1..4);
    claim(&mut world, RUN);
    let attempt = run(&world).open_attempt().unwrap().id.clone();
    let by = |runner: u128| Seen::Claimed(RUN, AttemptClaimed::new(attempt.clone(), Uuid::from_u128(runner)));
    assert_eq!(observe(&world.board, &by(5), world.now), Err(Ignored::Known), "the same may ask again");
    let runner = Uuid::from_u128(5);
    assert_eq!(observe(&world.board, &by(6), world.now), Err(Ignored::Claimed { attempt: attempt.clone(), runner }));
    end(&mut world, RUN, AttemptEnd::Missing, BTreeMap::new());
    assert_eq!(observe(&world.board, &by(5), world.now), Err(Ignored::Over(attempt)));
}

#[test]
fn warnings_hold_before_the_next_batch_and_hosts_at_work_go_on() {
    let mut world = with(1..6);
    work(&mut world, RUN, &[]);
    claim(&mut world, RUN);
    let rose = WarningsRose { hosts: vec!["10.0.0.1".into()], count: 40, before: 1, reason: "BackOff".into() };
    world.see(&Seen::Warnings(RUN, rose));
    assert_eq!(run(&world).reason, Some(Reason::WarningsRose));
    let found = outcome(runner::HostState::Ok);
    end(&mut world, RUN, AttemptEnd::Finished, BTreeMap::from([("10.0.0.1".to_owned(), found)]));
    pass(&mut world, 600);
    assert_eq!((run(&world).phase, run(&world).attempts.len()), (Phase::Held, 2));
    assert!(world.ask(Object::Operation(RUN), "dev", Ask::Resume(Word::default())));
    world.settle();
    pass(&mut world, 30);
    assert_eq!(run(&world).attempts.len(), 3);
}

#[test]
fn a_freeze_keeps_batches_from_beginning_and_not_hosts_from_ending() {
    let mut world = with(1..6);
    work(&mut world, RUN, &[]);
    claim(&mut world, RUN);
    let until = START.plus(7200 * SECOND);
    let freezes = vec![Freeze { from: world.now, until, why: "incident 12".into() }];
    world.see(&Seen::Cluster("c1".into(), Some(ClusterRules { freezes, ..setting::rules() })));
    let found = outcome(runner::HostState::Ok);
    end(&mut world, RUN, AttemptEnd::Finished, BTreeMap::from([("10.0.0.1".to_owned(), found)]));
    pass(&mut world, 600);
    let seen = view::summary(&world.board, run(&world), world.now);
    assert_eq!((seen.phase, seen.reason, &*seen.message), (Phase::Running, Some(Reason::Frozen), "incident 12"));
    world.now = until;
    world.settle();
    assert_eq!(run(&world).attempts.len(), 3);
}

#[test]
fn a_held_operation_loses_its_locks_in_time_and_takes_them_again() {
    let mut world = with(1..6);
    world.settle();
    assert!(world.ask(Object::Operation(RUN), "dev", Ask::Hold(Hold::default())));
    work(&mut world, RUN, &[]);
    pass(&mut world, 3700);
    assert!(world.board.locks.is_empty());
    assert!(world.ask(Object::Operation(RUN), "dev", Ask::Resume(Word::default())));
    world.settle();
    assert_eq!((run(&world).locks.len(), world.board.locks.len()), (2, 6));
}

#[test]
fn a_skipped_check_releases_nobody() {
    let mut world = with(1..2);
    let skip = |step: &str| Ask::Skip(Skip { step: step.into(), why: String::new() });
    assert!(!world.ask(Object::Operation(RUN), "dev", skip("nonsense")));
    assert!(world.ask(Object::Operation(RUN), "dev", skip("postCheck")));
    while world.step() {}
    let state = run(&world).cell(3, 0).state;
    assert_eq!((state, run(&world).phase), (HostState::Waiting, Phase::Failed));
}

#[test]
fn a_release_that_was_left_out_has_lifted_nothing() {
    let mut world = with(1..2);
    let skip = Ask::Skip(Skip { step: "uncordon".into(), why: String::new() });
    assert!(world.ask(Object::Operation(RUN), "dev", skip));
    while world.step() {}
    assert_eq!(run(&world).phase, Phase::Succeeded);
    let kept = DebtState::Settled { why: Settled::Purpose };
    assert!(run(&world).debts.iter().all(|debt| debt.state == kept), "{:?}", run(&world).debts);
}

#[test]
fn facts_that_do_not_follow_stop_their_operation_and_no_other() {
    let mut world = with(1..6);
    asked(&mut world, OTHER, setting::scale_up_spec(10..12));
    let held = || Body::from(Held { reason: Reason::HeldOnRequest, message: String::new(), subject: None });
    let (object, epoch) = (Object::Operation(RUN), world.board.epoch);
    // The other writer's clock is ahead.
    let time = world.now.plus(3600 * SECOND);
    let fact = |seq| Fact { object, seq, epoch, time, cause: None, body: held() };
    let mut board = world.board.clone();
    let seq = board.seq_of(object);
    assert_eq!(board.apply(&fact(seq + 2)), Applied::Stopped);
    let found = &board.operations[&RUN];
    assert_eq!((found.phase, found.reason), (Phase::Held, Some(Reason::SequenceBroken)));
    assert!(found.message.contains(&format!("fact {} of epoch {epoch} follows fact {seq}", seq + 2)));
    assert_eq!(board.apply(&fact(seq + 1)), Applied::Stopped, "for good");
    let touched = |action: &Action| format!("{action:?}").contains(&RUN.to_string());
    let due: Vec<Action> = next(&board, world.now).into_iter().filter(touched).collect();
    assert_eq!(due, [Action::Notify { object, of_seq: seq + 2 }], "but people are told");
    let told = observe(&board, &Seen::Told(object, seq + 2), world.now).unwrap();
    assert_eq!(board.apply(&told[0]), Applied::Taken);
    assert!(!next(&board, world.now).iter().any(touched), "once");
    let newer = Fact { epoch: epoch + 1, ..fact(seq) };
    assert_eq!(world.board.clone().apply(&newer), Applied::Stopped, "two writers have written the same place");
    assert_eq!(board.operations[&OTHER].phase, Phase::Pending);
}

/// The matrix at `to`, by that at `from` and what changed between.
fn changed(found: &Operation, from: Micros, to: Micros) -> view::Matrix {
    let mut matrix = view::matrix_at(found, from);
    for change in view::changes(found, from, to) {
        matrix.bytes[change.step as usize * matrix.hosts + change.host as usize] = change.state;
    }
    matrix
}

#[test]
fn a_clock_that_was_set_back_hides_no_change() {
    let mut world = with(1..6);
    pass(&mut world, 100);
    claim(&mut world, RUN);
    let claimed = world.now;
    world.now = claimed.plus(-60 * SECOND);
    end(&mut world, RUN, AttemptEnd::Missing, BTreeMap::new());
    let (found, unknown) = (run(&world), HostState::Unknown.number());
    let matrix = changed(found, claimed.plus(-30 * SECOND), claimed);
    assert_eq!((matrix.bytes[0], &matrix), (unknown, &view::matrix_at(found, claimed)));
}

#[test]
fn the_matrix_at_a_time_and_what_changed_until_another_agree() {
    let mut world = with(1..6);
    while world.step() {}
    let found = run(&world);
    assert_eq!(found.phase, Phase::Succeeded);
    let middle = found.changes[found.changes.len() / 2].time;
    let matrix = changed(found, middle, world.now);
    assert_eq!(matrix, view::matrix_at(found, world.now));
    assert!(matrix.bytes.iter().all(|byte| *byte == HostState::Ok.number()));
    assert!(view::matrix_at(found, Micros(0)).bytes.iter().all(|byte| *byte == 0));
    let seen = view::forecast(&world.board, &found.plan);
    assert!(seen.unknown.is_empty() && seen.p50_ms.is_some_and(|p50| p50 <= seen.p90_ms.unwrap_or(0)), "{seen:?}");
    assert_eq!(view::host_times(found, 1).len(), 5);
    let none = view::forecast(&Board::default(), &found.plan);
    assert_eq!((none.unknown.len(), none.p50_ms), (4, None));
}

#[test]
fn who_starts_and_who_retries_say_why() {
    let mut world = World::new(1, 100);
    let (object, ask) = setting::request(RUN, setting::scale_up_spec(1..6), None);
    let Ask::RequestOperation(request) = ask else { panic!("no request") };
    assert!(world.ask(object, "dev", RequestOperation { why: "rack 7".into(), ..request }.into()));
    assert_eq!(run(&world).why, "rack 7");
    work(&mut world, RUN, &[]);
    work(&mut world, RUN, &["10.0.0.1"]);
    assert!(world.ask(object, "dev", Ask::Retry(Retry { why: "a new disk".into(), ..Retry::default() })));
    let asked = |fact: &Fact| matches!(&fact.body, Body::RetryAsked(asked) if asked.why == "a new disk");
    assert!(world.log.iter().any(asked));
}
