//! What becomes of a specification: steps that ready machines, and what its bundle asks for.

use std::collections::BTreeSet;

use beidou_schemas::operation::{
    Batches, MOST_STEPS, Machine, NamedStep, OperationId, OperationSpec, OperationType, Reason, Stage, TaskId,
    TaskStepKind,
    bundle::{BundleShape, MachineCount, StepShape},
    fact::Lock,
};
use uuid::Uuid;

use super::{
    cases::{OTHER, RUN, asked, run, with},
    setting,
    world::World,
};
use crate::operation::{Arrived, Seen, decide, does_same, foresee, plan, plan_of, view};

/// The bundle with a step that readies machines for another one.
pub(super) fn ready(mut bundle: BundleShape, before: &str) -> BundleShape {
    let step = StepShape { name: "prepare".into(), undo: Vec::new(), checks: false, ..bundle.steps[1].clone() };
    bundle.steps.push(step);
    bundle.steps.iter_mut().find(|step| step.name == before).unwrap().prepare = Some("prepare".into());
    bundle
}

#[test]
fn what_readies_machines_takes_all_of_them_before_the_first_batch() {
    let planned = |bundle: &BundleShape, kind, flow: &[&str], dry_run| {
        let spec = OperationSpec { dry_run, ..setting::spec(kind, flow, 1..6) };
        let plan = plan_of(bundle, &spec, Some(TaskStepKind::ScaleUp), 100);
        let name = |stage: &Stage| (plan.steps[stage.step as usize].name.clone(), stage.hosts.len(), stage.canary);
        plan.stages.iter().map(name).collect::<Vec<_>>()
    };
    let named = |all: &[(&str, usize, bool)]| {
        all.iter().map(|(name, hosts, canary)| ((*name).to_owned(), *hosts, *canary)).collect::<Vec<_>>()
    };
    let up = ready(setting::scale_up(), "scaleUp");
    let whole = [("prepare", 5, false), ("scaleUp", 1, true), ("scaleUp", 3, false), ("scaleUp", 1, false)];
    let checked = [&[("preCheck", 5, false)][..], &whole, &[("postCheck", 5, false)]].concat();
    let kind = OperationType::ScaleUp;
    assert_eq!(planned(&up, kind, &["preCheck", "scaleUp", "postCheck"], false), named(&checked));
    assert_eq!(planned(&up, kind, &["preCheck", "prepare", "scaleUp", "postCheck"], false), named(&checked));
    assert_eq!(planned(&up, kind, &["preCheck", "scaleUp", "postCheck", "prepare"], false), named(&checked), "late");
    assert_eq!(planned(&up, kind, &["scaleUp", "postCheck"], false), named(&checked[1..]), "as a task asks for it");
    assert_eq!(planned(&up, kind, &["preCheck", "scaleUp", "postCheck"], true), named(&checked[..5]), "dry");
    assert_eq!(planned(&up, kind, &["preCheck"], false), named(&checked[..1]));

    let reboot = ready(setting::reboot(), "reboot");
    let reboot = BundleShape { batches: Batches { size: Some(4), ..Batches::default() }, ..reboot };
    let batch = |hosts, canary| [("drain", hosts, canary), ("reboot", hosts, canary), ("postCheck", hosts, canary)];
    let all = [&[("prepare", 5, false)][..], &batch(1, true), &batch(4, false)].concat();
    assert_eq!(planned(&reboot, OperationType::Reboot, &["drain", "reboot", "postCheck"], false), named(&all));
}

#[test]
fn what_readies_machines_counts_among_the_steps() {
    let up = ready(setting::scale_up(), "scaleUp");
    let most = MOST_STEPS - 2;
    let mut world = with(1..6);
    let (mut many, step) = (up.clone(), up.steps[0].clone());
    many.steps.extend((0..most).map(|place| StepShape { name: format!("more{place}"), ..step.clone() }));
    let mut flow: Vec<String> = (0..most).map(|place| format!("more{place}")).collect();
    world.board.bundles.insert("scale-up".into(), many);
    let spec = |flow: &[String]| OperationSpec { operation_flow: flow.to_vec(), ..setting::scale_up_spec(1..6) };
    assert!(plan(&world.board, &spec(&flow), None).is_ok());
    let machine = |n: usize| Machine { ip: format!("10.1.{}.{}", n / 250, n % 250), ..Machine::default() };
    let with = |hosts| OperationSpec { operation_machines: (0..hosts).map(machine).collect(), ..spec(&flow) };
    assert!(plan(&world.board, &with(2539), None).is_ok());
    let refused = plan(&world.board, &with(2540), None).unwrap_err();
    assert_eq!((&*refused.field, &*refused.allowed), ("operationMachines", "1 to 2539 machines with 62 steps"));
    flow.push("scaleUp".into());
    let refused = plan(&world.board, &spec(&flow), None).unwrap_err();
    assert_eq!((&*refused.field, &*refused.value), ("operationFlow", "64"), "the one that readies counts too");
}

#[test]
fn a_bundle_says_how_many_machines_it_takes() {
    let mut world = with(1..6);
    let planned = |world: &World, hosts| plan(&world.board, &setting::scale_up_spec(hosts), None);
    assert!(planned(&world, 1..2).is_ok());
    world.board.bundles.get_mut("scale-up").unwrap().machines = Some(MachineCount { least: 2, most: 3 });
    assert!(planned(&world, 1..3).is_ok() && planned(&world, 1..4).is_ok());
    for (hosts, value) in [(1..2, "1"), (1..5, "4")] {
        let refused = planned(&world, hosts).unwrap_err();
        assert_eq!((&*refused.field, &*refused.value), ("operationMachines", value));
        assert_eq!(refused.allowed, "2 to 3 machines, as the groups of bundle scale-up take");
    }
}

#[test]
fn what_neither_operation_nor_cluster_gives_is_refused_before_it_begins() {
    let mut world = with(1..6);
    let join = BundleShape { name: "node-join".into(), operation_type: OperationType::NodeJoin, ..setting::scale_up() };
    world.board.bundles.insert(join.name.clone(), join);
    let parameters = serde_json::json!({"required": ["folder"], "properties": {"folder": {"type": "string"}}});
    world.board.bundles.get_mut("scale-up").unwrap().parameters = parameters;
    let refused = |world: &World| plan(&world.board, &setting::scale_up_spec(1..3), None).err();
    let brings = |world: &mut World, parameters| world.board.clusters.get_mut("c1").unwrap().parameters = parameters;
    assert_eq!(refused(&world), None, "what the cluster brings is not known");
    brings(&mut world, Some(BTreeSet::from(["folder".to_owned()])));
    assert_eq!(refused(&world), None);
    brings(&mut world, Some(BTreeSet::new()));
    let lacks = refused(&world).unwrap();
    assert_eq!((&*lacks.field, &*lacks.value), ("parameters.folder", ""));
    assert!(lacks.allowed.ends_with("(another bundle could be named: node-join)"), "{lacks}");

    // Of a task only what is done by the bundle needs its parameters.
    let task = |id: u128, step| {
        let mut spec = setting::task_spec();
        spec.operation_task_step = vec![NamedStep { step }];
        setting::request_task(TaskId(Uuid::from_u128(id)), spec)
    };
    let (object, ask) = task(8, TaskStepKind::ScaleUp);
    assert!(!world.ask(object, "dev", ask));
    assert_eq!(world.board.refused[&Uuid::from_u128(8)].field, "parameters.folder");
    for (id, step) in [(9, TaskStepKind::ScaleUpWorkprocess), (10, TaskStepKind::UncordonNodes)] {
        let (object, ask) = task(id, step);
        assert!(world.ask(object, "dev", ask), "{step}");
    }
}

#[test]
fn a_node_is_named_in_place_of_its_address_until_the_cluster_has_told_it() {
    let world = with(1..6);
    let named = |kind, names: [&str; 2]| {
        let machine = |name: &str| Machine { name: Some(name.into()), ..Machine::default() };
        let flow: &[&str] = if kind == OperationType::Reboot { &["drain", "reboot"] } else { &["scaleUp"] };
        OperationSpec { operation_machines: names.map(machine).into(), ..setting::spec(kind, flow, 1..1) }
    };
    let spec = named(OperationType::Reboot, ["worker-7", "worker-8"]);
    assert_eq!(plan(&world.board, &spec, None).unwrap().hosts, ["worker-7", "worker-8"]);
    let twice = plan(&world.board, &named(OperationType::Reboot, ["worker-7", "worker-7"]), None).unwrap_err();
    assert_eq!((&*twice.field, &*twice.value), ("operationMachines[1].ip", "worker-7"));
    let joins = plan(&world.board, &named(OperationType::ScaleUp, ["worker-7", "worker-8"]), None).unwrap_err();
    assert_eq!((&*joins.field, &*joins.value), ("operationMachines[0].ip", ""), "what is to join has no node yet");

    let arrived = |spec: &OperationSpec| {
        let (object, ask) = setting::request(OperationId(Uuid::from_u128(9)), spec.clone(), None);
        Arrived { command: setting::command(90, object, "ops", ask), partition: 0, offset: 90 }
    };
    let mut found = spec.clone();
    found.operation_machines[0].ip = "10.0.0.7".into();
    assert!(foresee(&world.board, &arrived(&found), world.now).is_ok(), "who cannot ask the cluster does not refuse");
    let refused = decide(&world.board, &arrived(&found), world.now).unwrap_err();
    assert_eq!((&*refused.field, &*refused.value), ("operationMachines[1].name", "worker-8"));
    found.operation_machines[1].ip = "10.0.0.8".into();
    assert!(decide(&world.board, &arrived(&found), world.now).is_ok());
    assert!(does_same(&found, &spec), "what was accepted has its address beside the name");
    let other = named(OperationType::Reboot, ["worker-7", "worker-9"]);
    assert!(!does_same(&found, &other) && !does_same(&spec, &found));
}

#[test]
fn a_node_stands_once_whatever_addresses_stand_beside_it() {
    let world = with(1..6);
    let machine = |ip: &str, name: &str| Machine { ip: ip.into(), name: Some(name.into()), ..Machine::default() };
    let found = |kind, machines: [Machine; 2]| {
        let flow: &[&str] = if kind == OperationType::Reboot { &["drain", "reboot"] } else { &["scaleUp"] };
        let spec = OperationSpec { operation_machines: machines.into(), ..setting::spec(kind, flow, 1..1) };
        plan(&world.board, &spec, None).map(|plan| plan.hosts.len())
    };
    for kind in [OperationType::Reboot, OperationType::ScaleUp] {
        let twice = found(kind, [machine("10.0.0.7", "worker-7"), machine("10.0.0.8", "worker-7")]).unwrap_err();
        assert_eq!(
            twice.to_string(),
            "operationMachines[1].name: \"worker-7\" is not possible; each node once; operationMachines[0] has it too"
        );
        assert_eq!(found(kind, [machine("10.0.0.7", "worker-7"), machine("10.0.0.8", "worker-8")]), Ok(2));
        assert_eq!(found(kind, [machine("10.0.0.7", ""), machine("10.0.0.8", "")]), Ok(2));
    }
    let twice = found(OperationType::Reboot, [machine("", "worker-7"), machine("10.0.0.7", "worker-7")]).unwrap_err();
    assert_eq!(twice.field, "operationMachines[1].name");
}

#[test]
fn a_machine_is_reached_as_its_fields_say() {
    let world = with(1..6);
    let mut spec = setting::scale_up_spec(1..3);
    spec.operation_machines[1].vars.insert("rack".into(), "{{ 7 }}".into());
    assert!(plan(&world.board, &spec, None).is_ok());
    spec.operation_machines[1].vars.insert("ansible_ssh_host".into(), "10.0.0.99".into());
    let refused = plan(&world.board, &spec, None).unwrap_err();
    assert_eq!((&*refused.field, &*refused.value), ("operationMachines[1].vars", "ansible_ssh_host"));
    for user in ["-oProxyCommand=x", "", "a b", "a@b"] {
        let mut spec = setting::scale_up_spec(1..3);
        spec.operation_machines[0].user = Some(user.into());
        let refused = plan(&world.board, &spec, None).unwrap_err();
        assert_eq!((&*refused.field, &*refused.value), ("operationMachines[0].user", user));
    }
}

#[test]
fn a_node_that_was_made_anew_at_another_address_is_locked_by_its_name() {
    let mut world = World::new(1, 100);
    world.see(&Seen::Bundle(Box::new(setting::commands())));
    for (id, hosts) in [(RUN, 7..8), (OTHER, 17..18)] {
        let mut spec = setting::spec(OperationType::Command, &["command"], hosts);
        spec.operation_machines[0].name = Some("worker-7".into());
        asked(&mut world, id, spec);
    }
    world.settle();
    let other = view::summary(&world.board, &world.board.operations[&OTHER], world.now);
    assert_eq!(other.reason, Some(Reason::AwaitingLock));
    let held = &run(&world).held_locks().unwrap().locks;
    assert_eq!((held.len(), held.iter().filter_map(Lock::address).collect::<Vec<_>>()), (2, vec!["10.0.0.7"]));
    while world.step() {}
    assert!(world.board.locks.is_empty() && world.board.operations[&OTHER].phase.is_over());
}
