//! Tasks: which steps their operations have, who must approve them, what is said at their end.

use beidou_schemas::{
    operation::{
        GateMode, HostState, NamedMachine, NamedStep, Object, OperationType, Owner, Phase, Reason, TaskId, TaskSpec,
        TaskStepKind, Via,
        bundle::{BundleShape, StepShape},
        command::{Answer, Ask, Command, Hold, RequestOperation, Skip, Word},
        fact::{Fact, Held, NotifyFailed},
    },
    time::DAY,
};
use uuid::Uuid;

use super::{
    cases::RUN,
    setting::{self, START},
    world::World,
};
use crate::operation::{Action, Applied, DebtState, Operation, Seen, StepState, Task, next, view};

pub(super) const TASK: TaskId = TaskId(Uuid::from_u128(9));

/// A task of these steps that `dev` has asked for.
fn with(steps: &[&str], change: impl FnOnce(&mut BundleShape, &mut TaskSpec)) -> World {
    let mut world = World::new(1, 100);
    let (mut bundle, mut spec) = (setting::scale_up(), setting::task_spec());
    spec.operation_task_step = steps.iter().map(|step| NamedStep { step: step.parse().unwrap() }).collect();
    change(&mut bundle, &mut spec);
    world.see(&Seen::Bundle(Box::new(bundle)));
    let (object, ask) = setting::request_task(TASK, spec);
    assert!(world.ask(object, "dev", ask));
    world
}

pub(super) fn task(world: &World) -> &Task {
    &world.board.tasks[&TASK]
}

pub(super) fn child(world: &World, step: usize) -> Option<&Operation> {
    task(world).steps[step].operation.map(|id| &world.board.operations[&id])
}

pub(super) fn until_made(world: &mut World, step: usize) {
    while child(world, step).is_none() {
        assert!(world.step(), "{:?}", task(world));
    }
}

fn approve() -> Ask {
    Ask::Approve(Answer { ticket: String::new(), why: String::new() })
}

#[test]
fn what_undoes_is_no_step_of_a_task() {
    let mut world = with(&["ScaleUpPreCheck", "ScaleUp", "UncordonNodes"], |bundle, _| {
        let leave = StepShape { name: "leave".into(), undo: Vec::new(), ..bundle.steps[1].clone() };
        bundle.steps.push(leave);
        bundle.flow = ["preCheck", "scaleUp", "postCheck"].map(String::from).into();
    });
    while world.step() {}
    let steps = |step| child(&world, step).unwrap().plan.steps.iter().map(|step| &*step.name).collect::<Vec<_>>();
    assert_eq!([steps(0), steps(1), steps(2)], [vec!["preCheck"], vec!["scaleUp", "postCheck"], vec!["uncordon"]]);
    assert_eq!((task(&world).phase, &*task(&world).message), (Phase::Succeeded, "all steps are done"));
}

#[test]
fn without_checks_nothing_is_touched_before_the_gate() {
    let mut world = with(&["ScaleDownPreCheck", "ScaleDownWorkprocess", "ScaleDown"], |bundle, spec| {
        let (name, operation_type) = ("scale-down".to_owned(), OperationType::ScaleDown);
        *bundle = BundleShape { name: name.clone(), operation_type, ..setting::reboot() };
        (spec.operation_ids, spec.operation_task_type) = (vec![name], operation_type);
        (spec.workprocess.mode, spec.workprocess.webhook) = (GateMode::Approval, None);
    });
    let actions = world.settle();
    let asks = |action: &Action| matches!(action, Action::OpenGate { step: 1, .. });
    assert!(actions.iter().any(asks), "people are told that they are asked: {actions:?}");
    let step = &task(&world).steps[0];
    assert_eq!((step.state, &*step.message), (StepState::Done, "the bundle scale-down has no checks"));
    assert!(world.board.operations.is_empty());
    assert!(world.ask(Object::Task(TASK), "lead", approve()));
    assert!(!world.settle().iter().any(asks), "what is answered is asked no more");
    while world.step() {}
    assert_eq!(child(&world, 2).unwrap().plan.steps.len(), 3);
    assert_eq!(task(&world).phase, Phase::Succeeded);
}

#[test]
fn a_task_does_not_pass_by_the_approval_that_its_cluster_demands() {
    type Change = fn(&mut TaskSpec);
    let table: [(&[&str], Change); 3] = [
        (&["ScaleUp", "UncordonNodes"], |_| {}),
        (&["ScaleUpWorkprocess", "ScaleUp", "UncordonNodes"], |spec| spec.workprocess.mode = GateMode::Open),
        (&["ScaleUpWorkprocess", "ScaleUp", "UncordonNodes"], |spec| spec.workprocess.open_up_to_hosts = 5000),
    ];
    for (steps, change) in table {
        let mut world = with(steps, |_, spec| {
            let of = |host| NamedMachine { name: format!("10.0.0.{host}"), ..spec.operation_task_machines[0].clone() };
            spec.operation_task_machines = (1..9).map(of).collect();
            change(spec);
        });
        let up = steps.len() - 2;
        until_made(&mut world, up);
        world.settle();
        let made = child(&world, up).unwrap();
        let seen = view::summary(&world.board, made, world.now);
        assert_eq!((seen.phase, seen.reason), (Phase::Pending, Some(Reason::AwaitingApproval)), "{steps:?}");
        let object = Object::Operation(made.id);
        assert!(!world.ask(object, "dev", approve()), "not who asked for the task");
        assert!(world.ask(object, "lead", approve()));
        while world.step() {}
        assert!(!child(&world, up + 1).unwrap().plan.approval, "once is enough");
        assert_eq!(task(&world).phase, Phase::Succeeded, "{}", task(&world).message);
    }
}

#[test]
fn a_task_owns_only_what_it_asked_for() {
    let mut world = with(&["ScaleUp"], |_, _| {});
    world.settle();
    let owner = Some(Owner { task: TASK, step: TaskStepKind::ScaleUp });
    let (object, ask) = setting::request(RUN, setting::scale_up_spec(1..4), owner);
    assert!(!world.ask(object, "dev", ask));
    while world.step() {}
    assert_eq!(task(&world).phase, Phase::Succeeded);
}

#[test]
fn an_answered_gate_is_the_approval() {
    let mut world = with(&["ScaleUpWorkprocess", "ScaleUp"], |_, spec| {
        let of = |host| NamedMachine { name: format!("10.0.0.{host}"), ..spec.operation_task_machines[0].clone() };
        spec.operation_task_machines = (1..9).map(of).collect();
        (spec.workprocess.mode, spec.workprocess.webhook) = (GateMode::Approval, None);
    });
    world.settle();
    assert!(world.ask(Object::Task(TASK), "lead", approve()));
    until_made(&mut world, 1);
    assert!(!child(&world, 1).unwrap().plan.approval);
}

#[test]
fn who_asked_for_a_task_does_not_leave_its_work_order_out() {
    for mode in [GateMode::Approval, GateMode::Webhook] {
        let mut world = with(&["ScaleUpWorkprocess", "ScaleUp"], |_, spec| spec.workprocess.mode = mode);
        world.settle();
        let skip = || Ask::Skip(Skip { step: "ScaleUpWorkprocess".into(), why: String::new() });
        assert!(world.ask(Object::Task(TASK), "dev", Ask::Hold(Hold::default())));
        assert!(!world.ask(Object::Task(TASK), "dev", skip()), "{mode:?}");
        assert!(world.ask(Object::Task(TASK), "lead", skip()), "{mode:?}");
        while world.step() {}
        assert_eq!(task(&world).phase, Phase::Succeeded);
    }
}

#[test]
fn people_are_told_of_a_work_order_that_was_left_out_and_are_not_asked_any_more() {
    let mut world = with(&["ScaleUpWorkprocess", "ScaleUp"], |_, spec| {
        (spec.workprocess.mode, spec.workprocess.webhook) = (GateMode::Approval, None);
    });
    world.settle();
    let object = Object::Task(TASK);
    assert!(world.ask(object, "lead", Ask::Hold(Hold::default())));
    assert!(world.ask(object, "lead", Ask::Skip(Skip { step: "ScaleUpWorkprocess".into(), why: "CHG-7".into() })));
    let actions = world.settle();
    let told: Vec<_> = task(&world).notices.iter().map(|notice| (notice.of_seq, notice.stood.as_ref())).collect();
    let [(_, Some(held)), (of_seq, Some(left))] = told[..] else { panic!("{told:?}") };
    assert_eq!((held.phase, left.phase, left.reason), (Phase::Held, Phase::Running, None));
    assert_eq!(left.message, "ScaleUpWorkprocess: lead left it out: CHG-7");
    assert!(actions.contains(&Action::Notify { object, of_seq }), "{actions:?}");
}

#[test]
fn nodes_whose_joining_was_left_out_are_not_opened() {
    let mut world = with(&["ScaleUp", "UncordonNodes"], |_, _| {});
    world.settle();
    world.see(&Seen::NotMade(TASK, "the name is taken".into()));
    let skip = Ask::Skip(Skip { step: "ScaleUp".into(), why: String::new() });
    assert!(world.ask(Object::Task(TASK), "dev", skip));
    while world.step() {}
    assert_eq!((task(&world).phase, child(&world, 1)), (Phase::Failed, None));
    assert!(task(&world).message.contains("no machine came through the step before"), "{}", task(&world).message);
}

#[test]
fn nodes_are_opened_only_where_the_check_was_made_and_those_that_stay_shut_are_named() {
    let mut world = with(&["ScaleUp", "UncordonNodes"], |_, _| {});
    until_made(&mut world, 0);
    let object = Object::Operation(child(&world, 0).unwrap().id);
    assert!(world.ask(object, "dev", Ask::Skip(Skip { step: "postCheck".into(), why: String::new() })));
    while world.step() {}
    let shut = "cordoned and tainted stay: 10.0.0.50, 10.0.0.51, 10.0.0.52";
    assert_eq!((child(&world, 0).unwrap().phase, child(&world, 1)), (Phase::Succeeded, None));
    assert_eq!(task(&world).phase, Phase::Failed);
    assert!(task(&world).message.ends_with(shut), "{}", task(&world).message);

    let mut world = with(&["ScaleUp"], |_, _| {});
    while world.step() {}
    assert_eq!(
        (task(&world).phase, &*task(&world).message),
        (Phase::Succeeded, &*format!("all steps are done; {shut}"))
    );
}

#[test]
fn only_what_was_refused_since_it_was_asked_for_fails_a_step() {
    let bad = || {
        let spec =
            beidou_schemas::operation::OperationSpec { cluster_name: "nowhere".into(), ..setting::scale_up_spec(1..2) };
        Ask::from(RequestOperation { name: "ops/q3-scaleup".into(), spec, owner: None, why: String::new() })
    };
    for fresh in [false, true] {
        let mut world = with(&["ScaleUp"], |_, _| {});
        if fresh {
            world.settle();
        }
        assert!(!world.ask(Object::Operation(RUN), "dev", bad()));
        world.now = world.now.plus(if fresh { 1 } else { 365 * DAY });
        while world.step() {}
        assert_eq!(task(&world).phase, if fresh { Phase::Failed } else { Phase::Succeeded });
    }
}

#[test]
fn a_webhook_that_takes_nothing_is_given_up_with_what_it_said_last() {
    let mut world = with(&["ScaleUpWorkprocess"], |_, _| {});
    world.settle();
    let of_seq = task(&world).notices[0].of_seq;
    for number in 1..=5 {
        let (why, again) = (format!("it answered {}", 500 + number), world.now);
        world.see(&Seen::NotTold(Object::Task(TASK), NotifyFailed { of_seq, why, again, for_good: false }));
    }
    world.settle();
    assert_eq!(task(&world).reason, Some(Reason::WebhookFailed));
    assert!(task(&world).message.ends_with("the work order: it answered 505"), "{}", task(&world).message);
}

#[test]
fn a_webhook_that_nobody_knows_is_given_up_at_once_and_asked_anew_by_a_resume() {
    let mut world = with(&["ScaleUpWorkprocess"], |_, _| {});
    world.settle();
    let (object, of_seq) = (Object::Task(TASK), task(&world).notices[0].of_seq);
    let (why, again) = ("no webhook is called \"tickts\"".to_owned(), world.now);
    world.see(&Seen::NotTold(object, NotifyFailed { of_seq, why, again, for_good: true }));
    world.settle();
    assert_eq!((task(&world).phase, task(&world).reason), (Phase::Held, Some(Reason::WebhookFailed)));
    assert!(task(&world).message.ends_with("no webhook is called \"tickts\""), "{}", task(&world).message);
    assert!(world.ask(object, "dev", Ask::Resume(Word::default())));
    world.settle();
    let asked = |action: &Action| matches!(action, Action::OpenGate { of_seq: again, .. } if *again > of_seq);
    assert!(next(&world.board, world.now).iter().any(asked));
}

#[test]
fn an_order_that_seemed_not_to_be_taken_goes_on_with_its_answer() {
    for open in [true, false] {
        let mut world = with(&["ScaleUpWorkprocess"], |_, _| {});
        world.settle();
        let (object, of_seq) = (Object::Task(TASK), task(&world).notices[0].of_seq);
        for _ in 0..5 {
            let (why, again) = ("timed out".into(), world.now);
            world.see(&Seen::NotTold(object, NotifyFailed { of_seq, why, again, for_good: false }));
        }
        world.settle();
        assert_eq!((task(&world).phase, task(&world).reason), (Phase::Held, Some(Reason::WebhookFailed)));
        let answer = Answer { ticket: "CHG-7".into(), why: String::new() };
        let ask = if open { Ask::Approve(answer) } else { Ask::Reject(answer) };
        let command = setting::command(world.commands, object, "webhook:tickets", ask);
        assert!(world.send(Command { via: Via::Callback, ..command }));
        while world.step() {}
        assert_eq!(task(&world).phase, if open { Phase::Succeeded } else { Phase::Failed }, "{}", task(&world).message);
    }
}

#[test]
fn the_closing_work_order_tells_of_each_machine() {
    let mut world = with(&["ScaleUpPreCheck", "ScaleUp", "UncordonNodes", "ScaleUpSubWorkprocess"], |_, _| ());
    until_made(&mut world, 1);
    let report = |world: &World| view::report(&world.board, task(world), Some("Compute"));
    let checked = report(&world);
    assert!(checked.inventory.added.is_empty(), "they were looked at: {checked:?}");
    while world.step() {}
    assert_eq!(task(&world).phase, Phase::Succeeded);
    let all: Vec<String> = task(&world).spec.operation_task_machines.iter().map(|one| one.name.clone()).collect();
    let entry = |ip: &String| view::Entry {
        ip: ip.clone(),
        node: Some(format!("node-{ip}")),
        cluster: "c1".into(),
        role: Some("Compute".into()),
    };
    let entries: Vec<view::Entry> = all.iter().map(entry).collect();
    let through = report(&world);
    assert_eq!((through.operations.len(), through.ok, through.failed), (3, all.len(), 0));
    assert_eq!((&through.inventory.added, through.inventory.removed.len()), (&entries, 0));
    assert!(through.machines.iter().all(|machine| machine.ok && machine.stopped.is_none()), "{through:?}");
    assert_eq!(through.path, format!("/api/v1/tasks/{TASK}"));

    // One that is looked at in vain is in the report with its reason; it is a node all the same.
    let id = task(&world).steps[1].operation.unwrap();
    let set = |world: &mut World, step, state| {
        world.board.operations.change(&id, |run| run.set(step, 0, state, START, 1)).unwrap();
    };
    set(&mut world, 1, HostState::Failed);
    let one = report(&world);
    assert_eq!((one.ok, one.failed, &one.inventory.added), (all.len() - 1, 1, &entries));
    let stopped = one.machines[0].stopped.as_ref().unwrap();
    assert_eq!((&*stopped.step, stopped.state), ("postCheck", HostState::Failed));
    // One that was left out of the change, or taken back, is none.
    set(&mut world, 0, HostState::Skipped);
    assert_eq!(report(&world).inventory.added, entries[1..]);
    set(&mut world, 0, HostState::Ok);
    assert_eq!(report(&world).inventory.added, entries);
    let undone = |run: &mut Operation| {
        run.debts.iter_mut().filter(|debt| debt.host == 0).for_each(|debt| debt.state = DebtState::Done);
    };
    world.board.operations.change(&id, undone).unwrap();
    assert_eq!(report(&world).inventory.added, entries[1..]);
}

#[test]
fn what_a_task_holds_goes_on_with_the_task_alone() {
    let table = [(true, Reason::Suspended, "its task ops/q3 is suspended"), (false, Reason::HeldOnRequest, "lunch")];
    for (suspend, reason, said) in table {
        let mut world = with(&["ScaleUp", "UncordonNodes"], |_, _| {});
        until_made(&mut world, 0);
        world.settle();
        assert_eq!(child(&world, 0).unwrap().phase, Phase::Running);
        assert!(world.ask(Object::Task(TASK), "dev", Ask::Hold(Hold { why: "lunch".into(), suspend })));
        world.settle();
        assert_eq!((task(&world).phase, task(&world).reason), (Phase::Held, Some(reason)));
        let held = child(&world, 0).unwrap();
        // Not Suspended: a resource of its own that does not say so would let it go on.
        let wanted = (Phase::Held, Some(Reason::HeldOnRequest), said);
        assert_eq!((held.phase, held.reason, &*held.message), wanted);
        assert!(world.ask(Object::Task(TASK), "dev", Ask::Resume(Word::default())));
        assert_eq!(child(&world, 0).unwrap().phase, Phase::Running);
        while world.step() {}
        assert_eq!(task(&world).phase, Phase::Succeeded, "{}", task(&world).message);
    }
}

#[test]
fn what_cannot_be_made_holds_the_task_until_somebody_resumes_it() {
    let mut world = with(&["ScaleUpPreCheck"], |_, _| ());
    let makes =
        |world: &mut World| world.settle().iter().any(|action| matches!(action, Action::CreateOperation { .. }));
    assert!(makes(&mut world));
    world.see(&Seen::NotMade(TASK, "the name is taken".into()));
    let held = task(&world);
    assert_eq!(
        (held.phase, held.reason, &*held.message),
        (Phase::Held, Some(Reason::NeverStarted), "the name is taken")
    );
    assert!(!makes(&mut world));
    assert!(world.ask(Object::Task(TASK), "dev", Ask::Resume(Word::default())));
    assert!(makes(&mut world), "it is tried again");
    while world.step() {}
    assert_eq!(task(&world).phase, Phase::Succeeded);
}

#[test]
fn a_task_that_stands_still_for_good_is_told_of_and_asks_nobody() {
    let mut world = with(&["ScaleUpWorkprocess", "ScaleUp"], |_, _| {});
    world.settle();
    let (object, seq) = (Object::Task(TASK), task(&world).steps[0].gate.as_ref().unwrap().seq);
    let held = Held { reason: Reason::HeldOnRequest, message: String::new(), subject: None };
    // Another writer has written where the gate was opened.
    let epoch = world.board.epoch + 1;
    let fact = Fact { object, seq, epoch, time: world.now, cause: None, body: held.into() };
    assert_eq!(world.board.apply(&fact), Applied::Stopped);
    let notify = || [Action::Notify { object, of_seq: seq }];
    assert_eq!(next(&world.board, world.now), notify());
    let again = world.now.plus(60_000_000);
    world.see(&Seen::NotTold(object, NotifyFailed { of_seq: seq, why: "502".into(), again, for_good: false }));
    assert_eq!(next(&world.board, world.now), [Action::Wait { object, until: again }]);
    assert_eq!(next(&world.board, again), notify());
}
