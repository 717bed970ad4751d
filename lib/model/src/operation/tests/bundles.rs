//! Tasks of several bundles: each has its turn at each step, and nodes are opened behind all of them.

use std::collections::BTreeSet;

use beidou_schemas::operation::{
    GateMode, NamedMachine, NamedStep, Object, OperationType, Owner, Phase, Reason, SecretRef, TaskId, TaskSpec,
    TaskStepKind,
    bundle::{BundleShape, StepShape},
    command::{Answer, Ask, Retry, Skip, Word},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    cases::{RUN, pass, work},
    setting,
    tasks::{TASK, child, task, until_made},
    world::World,
};
use crate::operation::{Seen, StepState, view};

const SHUT: &str = "cordoned and tainted stay: 10.0.0.50, 10.0.0.51, 10.0.0.52";

fn spec(steps: &[&str], bundles: &[&str]) -> TaskSpec {
    TaskSpec {
        operation_ids: bundles.iter().map(|name| (*name).to_owned()).collect(),
        operation_task_step: steps.iter().map(|step| NamedStep { step: step.parse().unwrap() }).collect(),
        ..setting::task_spec()
    }
}

/// A task of these steps, by `scale-up` and then by a second bundle.
fn with(steps: &[&str], second: BundleShape) -> World {
    let mut world = World::new(1, 100);
    let spec = spec(steps, &["scale-up", &second.name]);
    world.see(&Seen::Bundle(Box::new(second)));
    let (object, ask) = setting::request_task(TASK, spec);
    assert!(world.ask(object, "dev", ask));
    world
}

fn say(world: &mut World, ask: Ask) {
    assert!(world.ask(Object::Task(TASK), "dev", ask), "{:?}", task(world));
}

#[test]
fn each_bundle_has_its_turn_and_nodes_are_opened_behind_the_last() {
    let mut world = with(&["ScaleUpPreCheck", "ScaleUp", "UncordonNodes"], setting::commands());
    while world.step() {}
    assert_eq!((task(&world).phase, &*task(&world).message), (Phase::Succeeded, "all steps are done"));
    let steps: Vec<String> = task(&world).steps.iter().map(|step| step.name()).collect();
    let [checks, passed, joins, runs, opens] = [0, 1, 2, 3, 4].map(|step| child(&world, step));
    assert_eq!(steps[1..4], ["ScaleUpPreCheck/command", "ScaleUp/scale-up", "ScaleUp/command"]);
    let step = &task(&world).steps[1];
    assert_eq!((step.state, &*step.message), (StepState::Done, "the bundle command has no checks"));
    assert!(passed.is_none());
    let made = [checks, joins, runs, opens].map(Option::unwrap);
    let seen = made.map(|run| (&*run.name, run.spec.operation_flow.join(" "), run.spec.operation_type));
    let wanted = [
        ("ops/q3-scaleupprecheck-scale-up", "preCheck", OperationType::ScaleUp),
        ("ops/q3-scaleup-scale-up", "scaleUp postCheck", OperationType::ScaleUp),
        ("ops/q3-scaleup-command", "command", OperationType::Command),
        ("ops/q3-uncordonnodes", "uncordon", OperationType::Uncordon),
    ];
    assert_eq!(seen, wanted.map(|(name, flow, kind)| (name, flow.to_owned(), kind)));
    assert!(made.windows(2).all(|pair| pair[0].ended.unwrap() <= pair[1].created), "one after the other");
    let report = view::report(&world.board, task(&world), None);
    assert_eq!((report.operations.len(), report.ok, report.inventory.added.len()), (4, 3, 3));
}

#[test]
fn a_crash_at_any_point_changes_nothing() {
    let mut world = with(&["ScaleUpPreCheck", "ScaleUp", "UncordonNodes"], setting::label());
    loop {
        world.crash();
        if !world.step() {
            break;
        }
    }
    assert_eq!((task(&world).phase, world.board.operations.len()), (Phase::Succeeded, 4), "{}", task(&world).message);
}

#[test]
fn where_the_second_bundle_stands_still_the_task_does_and_goes_on_with_it() {
    let mut world = with(&["ScaleUp", "UncordonNodes"], setting::commands());
    until_made(&mut world, 1);
    let id = child(&world, 1).unwrap().id;
    assert_eq!(work(&mut world, id, &["10.0.0.50"]), ["10.0.0.50"]);
    assert_eq!((task(&world).phase, task(&world).reason), (Phase::Held, Some(Reason::OperationHeld)));
    assert!(child(&world, 2).is_none(), "nothing is opened");
    say(&mut world, Ask::Retry(Retry::default()));
    while world.step() {}
    assert_eq!(task(&world).phase, Phase::Succeeded, "{}", task(&world).message);
    assert_eq!(child(&world, 2).unwrap().plan.hosts.len(), 3);
}

#[test]
fn where_the_second_bundle_fails_the_task_does_and_nodes_stay_shut() {
    let mut world = with(&["ScaleUp", "UncordonNodes"], setting::commands());
    until_made(&mut world, 1);
    let id = child(&world, 1).unwrap().id;
    for bad in [&["10.0.0.50"][..], &["10.0.0.51", "10.0.0.52"]] {
        assert_eq!(work(&mut world, id, bad), bad);
        say(&mut world, Ask::Resume(Word::default()));
    }
    while world.step() {}
    let message = format!("ScaleUp/command: ops/q3-scaleup-command: 0 of 3 hosts came through; {SHUT}");
    assert_eq!((task(&world).phase, &*task(&world).message), (Phase::Failed, &*message));
}

#[test]
fn who_cancels_at_a_later_bundle_is_told_which_nodes_the_one_before_left_shut() {
    let mut world = with(&["ScaleUp", "UncordonNodes"], setting::commands());
    until_made(&mut world, 1);
    say(&mut world, Ask::Cancel(Word { why: "wrong rack".into() }));
    while world.step() {}
    let [before, present] = [0, 1].map(|step| child(&world, step).unwrap().phase);
    assert_eq!((before, present, task(&world).phase), (Phase::Succeeded, Phase::Cancelled, Phase::Cancelled));
    assert!(task(&world).message.ends_with(SHUT), "{}", task(&world).message);
}

#[test]
fn a_node_is_opened_where_the_checks_of_all_bundles_hold() {
    let mut world = with(&["ScaleUp", "UncordonNodes"], setting::label());
    until_made(&mut world, 1);
    let id = child(&world, 1).unwrap().id;
    work(&mut world, id, &[]);
    pass(&mut world, 30);
    work(&mut world, id, &[]);
    assert_eq!(work(&mut world, id, &["10.0.0.52"]).len(), 3, "all are checked");
    say(&mut world, Ask::Resume(Word::default()));
    while world.step() {}
    assert_eq!(child(&world, 2).unwrap().plan.hosts, ["10.0.0.50", "10.0.0.51"]);
    let message = "all steps are done; cordoned and tainted stay: 10.0.0.52";
    assert_eq!((task(&world).phase, &*task(&world).message), (Phase::Succeeded, message));
    let report = view::report(&world.board, task(&world), None);
    assert_eq!((report.ok, report.failed, report.inventory.added.len()), (2, 1, 3), "it is a node all the same");
}

#[test]
fn a_bundle_that_was_left_out_has_proven_nothing() {
    let mut world = with(&["ScaleUp", "UncordonNodes"], setting::label());
    until_made(&mut world, 0);
    let id = child(&world, 0).unwrap().id;
    work(&mut world, id, &[]);
    pass(&mut world, 30);
    work(&mut world, id, &[]);
    work(&mut world, id, &[]);
    world.see(&Seen::NotMade(TASK, "the name is taken".into()));
    let skip = |step: &str| Ask::Skip(Skip { step: step.into(), why: String::new() });
    assert!(!world.ask(Object::Task(TASK), "dev", skip("ScaleUp")), "the turn of which bundle?");
    say(&mut world, skip("ScaleUp/label"));
    while world.step() {}
    assert_eq!((task(&world).phase, child(&world, 2)), (Phase::Failed, None));
    assert!(task(&world).message.ends_with(SHUT), "{}", task(&world).message);
}

#[test]
fn one_of_several_bundles_may_change_nothing() {
    let mut checks = setting::label();
    checks.steps.retain(|step| step.checks);
    let mut world = with(&["ScaleUp", "UncordonNodes"], checks);
    while world.step() {}
    let step = &task(&world).steps[1];
    assert_eq!((step.state, &*step.message), (StepState::Done, "the bundle label changes nothing"));
    assert_eq!((task(&world).phase, child(&world, 2).unwrap().plan.hosts.len()), (Phase::Succeeded, 3));
}

#[test]
fn only_the_bundle_whose_turn_it_is_makes_an_operation() {
    let mut world = with(&["ScaleUp"], setting::commands());
    world.settle();
    let asked = task(&world).steps[0].asked.clone().unwrap().0;
    let owner = Some(Owner { task: TASK, step: TaskStepKind::ScaleUp });
    let other = setting::spec(OperationType::Command, &["command"], 50..53);
    let (object, ask) = setting::request(RUN, other, owner);
    assert!(!world.ask(object, "dev", ask));
    let (object, ask) = setting::request(asked.operation, asked.spec, owner);
    assert!(world.ask(object, "dev", ask));
    assert_eq!([0, 1].map(|step| task(&world).steps[step].operation), [Some(asked.operation), None]);
}

#[test]
fn each_bundle_needs_the_approval_that_its_cluster_demands() {
    for gated in [false, true] {
        let mut world = World::new(1, 100);
        world.see(&Seen::Bundle(Box::new(setting::commands())));
        let gate: &[&str] = if gated { &["ScaleUpWorkprocess"] } else { &[] };
        let mut spec = spec(&[gate, &["ScaleUp", "UncordonNodes"]].concat(), &["scale-up", "command"]);
        (spec.workprocess.mode, spec.workprocess.webhook) = (GateMode::Approval, None);
        let named = |host| NamedMachine { name: format!("10.0.0.{host}"), ..machine() };
        spec.operation_task_machines = (1..9).map(named).collect();
        let (object, ask) = setting::request_task(TASK, spec);
        assert!(world.ask(object, "dev", ask));
        let approve = || Ask::Approve(Answer { ticket: String::new(), why: String::new() });
        if gated {
            world.settle();
            assert!(world.ask(object, "lead", approve()));
        }
        for turn in gate.len()..gate.len() + 2 {
            until_made(&mut world, turn);
            let made = child(&world, turn).unwrap();
            let (id, waits) = (made.id, made.plan.approval);
            assert_eq!(waits, !gated, "{}", made.name);
            if waits {
                assert!(world.ask(Object::Operation(id), "lead", approve()));
            }
        }
        while world.step() {}
        assert!(!child(&world, gate.len() + 2).unwrap().plan.approval, "nodes are opened with what shut them");
        assert_eq!(task(&world).phase, Phase::Succeeded, "{}", task(&world).message);
    }
}

fn machine() -> NamedMachine {
    setting::task_spec().operation_task_machines.swap_remove(0)
}

/// What is refused: field, value, and what is allowed.
fn refused(world: &mut World, id: u128, spec: TaskSpec) -> Option<(String, String, String)> {
    let (object, ask) = setting::request_task(TaskId(Uuid::from_u128(id)), spec);
    let followed = world.ask(object, "dev", ask);
    let refused = world.board.refused.get(&Uuid::from_u128(id)).cloned();
    assert_eq!(followed, refused.is_none());
    refused.map(|refused| (refused.field, refused.value, refused.allowed))
}

#[test]
fn names_of_bundles_that_do_not_fit_are_refused() {
    let mut world = World::new(1, 100);
    world.see(&Seen::Bundle(Box::new(setting::commands())));
    let own = "a bundle for ScaleUp: scale-up";
    let (beside, among) = (format!("{own}; beside it also one for Command: command"), format!("among them {own}"));
    let table: [(&[&str], &str, &str, &str); 6] = [
        (&[], "operationIds", "0", "the names of 1 to 8 bundles"),
        (&["a", "b", "c", "d", "e", "f", "g", "h", "i"], "operationIds", "9", "the names of 1 to 8 bundles"),
        (
            &["scale-up", "command", "scale-up"],
            "operationIds[2]",
            "scale-up",
            "each bundle once; operationIds[0] has it too",
        ),
        (&["scale-up", "nope"], "operationIds[1]", "nope", &beside),
        (&["reboot", "scale-up"], "operationIds[0]", "reboot", &beside),
        (&["command"], "operationIds", "command", &among),
    ];
    for (id, (bundles, field, value, allowed)) in (100..).zip(table) {
        let wanted = (field.to_owned(), value.to_owned(), allowed.to_owned());
        assert_eq!(refused(&mut world, id, spec(&["ScaleUp"], bundles)), Some(wanted), "{bundles:?}");
    }
    assert_eq!(refused(&mut world, 200, spec(&["ScaleUp"], &["command", "scale-up"])), None, "in any order");
}

#[test]
fn a_task_is_refused_where_one_of_its_operations_would_be() {
    let mut world = World::new(1, 100);
    for steps in [42, 64] {
        let mut bundle = BundleShape { name: format!("label{steps}"), ..setting::label() };
        let own = bundle.steps[0].clone();
        let more = bundle.steps.len()..steps;
        bundle.steps.extend(more.map(|place| StepShape { name: format!("more{place}"), ..own.clone() }));
        world.see(&Seen::Bundle(Box::new(bundle)));
    }
    let of = |bundle: &str, hosts: usize, steps: &[&str]| {
        let named = |n: usize| NamedMachine { name: format!("10.1.{}.{}", n / 250, n % 250), ..machine() };
        let operation_task_machines = (0..hosts).map(named).collect();
        TaskSpec { operation_task_machines, ..spec(steps, &["scale-up", bundle]) }
    };
    let refused = |world: &mut World, id, spec| refused(world, id, spec).map(|(field, _, allowed)| (field, allowed));
    let wanted = |field: &str, allowed: &str| Some((field.to_owned(), allowed.to_owned()));
    let machines = wanted("operationTaskMachines", "1 to 3720 machines with 42 steps");
    assert_eq!(refused(&mut world, 100, of("label42", 3721, &["ScaleUp"])), machines);
    assert_eq!(refused(&mut world, 101, of("label42", 3720, &["ScaleUp"])), None);
    assert_eq!(refused(&mut world, 102, of("label42", 3721, &["ScaleUpPreCheck"])), None, "it has no checks");
    let steps = wanted("operationIds[1]", "1 to 63 steps");
    assert_eq!(refused(&mut world, 103, of("label64", 3, &["ScaleUp"])), steps);
}

#[test]
fn each_bundle_takes_the_parameters_that_it_knows() {
    let closed = |bundle: BundleShape, needed: &str, known: Value| BundleShape {
        parameters: json!({"type": "object", "additionalProperties": false, "required": [needed], "properties": known}),
        ..bundle
    };
    let given = |value: Value| -> Map<String, Value> { value.as_object().unwrap().clone() };
    let mut world = World::new(1, 100);
    let up = closed(setting::scale_up(), "folder", json!({"folder": {"type": "string"}}));
    let secret = json!({"script": {"type": "string"}, "token": {"type": "string", "x-secret": true}});
    for bundle in [up, closed(setting::commands(), "script", secret)] {
        world.see(&Seen::Bundle(Box::new(bundle)));
    }
    world.board.clusters.get_mut("c1").unwrap().parameters = Some(BTreeSet::new());
    let secrets = vec![SecretRef { parameter: "token".into(), secret: "s".into(), key: "k".into() }];
    let whole = TaskSpec {
        parameters: given(json!({"folder": "/opt", "script": "uptime"})),
        secrets,
        ..spec(&["ScaleUp", "UncordonNodes"], &["scale-up", "command"])
    };
    for (id, parameters, field, allowed) in [
        (
            100,
            json!({"folder": "/opt", "scrip": 1}),
            "scrip",
            "a parameter of bundle scale-up, command: folder, script",
        ),
        (101, json!({"folder": "/opt"}), "script", "a value, from here or from the cluster: bundle command needs it"),
    ] {
        let found = refused(&mut world, id, TaskSpec { parameters: given(parameters), ..whole.clone() }).unwrap();
        assert_eq!((&*found.0, &*found.2), (&*format!("parameters.{field}"), allowed));
    }
    // A secret of one bundle is none of another, which has a parameter of its name.
    let named = closed(setting::label(), "token", json!({"token": {"type": "string"}}));
    world.see(&Seen::Bundle(Box::new(named)));
    let mixed = TaskSpec { operation_ids: ["scale-up", "command", "label"].map(String::from).into(), ..whole.clone() };
    let found = refused(&mut world, 102, mixed).unwrap();
    let allowed = "a value, from here or from the cluster: bundle label needs it";
    assert_eq!((&*found.0, found.2.split(" (").next()), ("parameters.token", Some(allowed)));
    let (object, ask) = setting::request_task(TASK, whole);
    assert!(world.ask(object, "dev", ask));
    while world.step() {}
    let taken = [0, 1, 2].map(|step| child(&world, step).unwrap());
    let taken = taken.map(|run| (Value::Object(run.spec.parameters.clone()), run.spec.secrets.len()));
    assert_eq!(taken, [(json!({"folder": "/opt"}), 0), (json!({"script": "uptime"}), 1), (json!({}), 0)]);
}
