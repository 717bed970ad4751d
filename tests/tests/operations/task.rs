//! What a whole task leaves behind, and that it changes nothing before its gate is open.

use std::time::Duration;

use beidou_model::operation::{Board, Task, built_in};
use beidou_schemas::operation::{
    Object, Purpose,
    fact::{Body, Fact},
};
use beidou_tests::{
    machines::{NAMESPACE, Site},
    wait,
};
use k8s_openapi::api::core::v1::Node;
use kube::{Api, api::DeleteParams};
use serde_json::{Value, json};

/// From one step of a task to the next; a starved machine takes longer.
const LIMIT: Duration = Duration::from_secs(300);

fn of<'a>(board: &'a Board, name: &str) -> &'a Task {
    let name = format!("{NAMESPACE}/{name}");
    board.tasks.values().find(|task| task.name == name).unwrap()
}

/// No step of its operations undoes anything: not by the flow, which has the bundle's own steps alone, nor by the ledger.
pub(super) async fn went_forward_alone(site: &Site, name: &str, operations: usize) {
    let board = Board::fold(&site.facts().await.unwrap());
    let (task, own) = (of(&board, name), built_in());
    let children = board.operations.values().filter(|one| one.owner.is_some_and(|owner| owner.task == task.id));
    let children: Vec<_> = children.collect();
    assert_eq!(children.len(), operations, "{:?}", children.iter().map(|child| &child.name).collect::<Vec<_>>());
    for child in children {
        let bundle = board.bundles.get(&child.plan.bundle.name).unwrap_or(&own);
        let goes_forward = |name: &String| {
            bundle.flow.contains(name) || bundle.steps.iter().any(|step| step.prepare.as_ref() == Some(name))
        };
        let undoing: Vec<_> =
            child.plan.steps.iter().map(|step| &step.name).filter(|name| !goes_forward(name)).collect();
        assert!(undoing.is_empty(), "{} has steps that only undo: {undoing:?}", child.name);
        assert!(child.attempts.iter().all(|attempt| attempt.purpose == Purpose::Act), "{} undid something", child.name);
        assert!(child.debts.iter().all(|debt| !debt.stands()), "{} owes something: {:?}", child.name, child.debts);
    }
}

/// Every host has its kubelet, and every node is heard of after the end.
pub(super) async fn kubelets_live(site: &Site) {
    for host in site.hosts.hosts() {
        assert_eq!(site.kubelets(host.number).unwrap(), 1, "kubelets on {}", host.address);
    }
    site.all_heard().await.unwrap();
}

/// What there is of a node: its Node, and all that its kubelet has on the machine.
async fn standing(site: &Site, number: usize, name: &str) -> (Value, String) {
    let node = Api::<Node>::all(site.admin.clone()).get(name).await.unwrap();
    let files = "find /etc/kubernetes /var/lib/kubelet /etc/init.d/kubelet -type f -exec sha256sum {} + | sort";
    let files = site.hosts.print(number, &format!("{files}; pgrep -f '[k]ubelet --config'")).unwrap();
    (serde_json::to_value(node.spec).unwrap(), files)
}

fn removal(machine: &str) -> Value {
    let steps = ["ScaleDownPreCheck", "ScaleDownWorkprocess", "ScaleDown", "ScaleDownSubWorkprocess"];
    json!({"metadata": {"name": "scaledown-2024-q4"}, "spec": {
        "cluster": "product-cluster",
        "clusterType": "native",
        "operationIds": ["node-remove"],
        "operationTaskMachines": [{"name": machine}],
        "operationTaskStep": steps.map(|step| json!({"step": step})),
        "operationTaskType": "ScaleDown",
        "workprocess": {"mode": "approval"},
    }})
}

/// Waits until a gate of a task is open for an answer.
pub(super) async fn waits_at(site: &Site, id: &str, step: usize) {
    let path = format!("/api/v1/tasks/{id}");
    let mut last = Value::Null;
    let waits = wait::until("the task waits at its gate", LIMIT, async || {
        last = site.home.get(&path).await.ok()?;
        last["summary"]["steps"][step]["gate"]["open"].is_null().then_some(())?;
        last["summary"]["steps"][step]["gate"]["asked"].is_string().then_some(())
    });
    let waits = waits.await;
    waits.unwrap_or_else(|overdue| panic!("{overdue}: {:#}", last["summary"]));
}

/// All checks, then the gate, then the whole removal.
pub(super) async fn takes_a_machine_out_once_somebody_else_agrees(site: &Site, number: usize) {
    let name = site.hosts.hosts().iter().find(|host| host.number == number).unwrap().address.clone();
    let (before, others) = (standing(site, number, &name).await, site.nodes().await.unwrap());
    let followed = site.follow_nodes().await.unwrap();
    site.beidou("AutoOperationTask", removal(&name)).await.unwrap();
    let id = site.id("AutoOperationTask", "scaledown-2024-q4").await.unwrap();
    waits_at(site, &id, 1).await;
    // A round of heartbeats in which something could have begun.
    site.all_heard().await.unwrap();
    assert_eq!(standing(site, number, &name).await, before, "something was changed before the gate was open");
    assert_eq!(followed.of(&name), [(false, false)], "the node was touched before the gate was open");

    let agreed = json!({"ticket": "CHG-4711", "why": "its lease ends"});
    site.say(&format!("tasks/{id}/approve"), &agreed).await.unwrap();
    let ends = ["Succeeded", "Failed", "Held", "Unknown"];
    let status = site.phase("AutoOperationTask", "scaledown-2024-q4", &ends).await.unwrap();
    assert_eq!(status["phase"], "Succeeded", "{status:#}");
    let left: Vec<_> = others.into_iter().filter(|(node, ..)| *node != name).collect();
    assert_eq!(site.nodes().await.unwrap(), left, "one node is gone, the others are as they were");
    assert_eq!(site.left_of_kubelet(number).unwrap(), "");
    went_forward_alone(site, "scaledown-2024-q4", 2).await;
    nothing_that_changes_was_meant_before(&site.facts().await.unwrap(), "scaledown-2024-q4");
}

/// The facts have the answer before the operation that changes something, with who gave it and why.
fn nothing_that_changes_was_meant_before(facts: &[Fact], name: &str) {
    let board = Board::fold(facts);
    let task = of(&board, name);
    let of_task = |fact: &Fact| fact.object == Object::Task(task.id);
    let answered = facts.iter().position(|fact| of_task(fact) && matches!(&fact.body, Body::GateAnswered(_))).unwrap();
    let meant = |fact: &Fact| matches!(&fact.body, Body::OperationAsked(asked) if asked.step == 2);
    let meant = facts.iter().position(|fact| of_task(fact) && meant(fact)).unwrap();
    assert!(answered < meant, "the change was asked for at {meant}, and the gate was answered at {answered}");
    let Body::GateAnswered(answer) = &facts[answered].body else { unreachable!() };
    assert!(answer.open && answer.subject != task.subject, "{answer:?}");
    assert_eq!((&*answer.ticket, &*answer.why), ("CHG-4711", "its lease ends"));
    let check = board.operations.values().find(|one| one.name.ends_with("-scaledownprecheck")).unwrap();
    assert!(check.plan.steps.iter().all(|step| !step.mutates), "a check changes something: {:?}", check.plan.steps);
}

/// An Operation that somebody else made under the name of one of the task's is left alone, and the task says so.
pub(super) async fn stands_still_while_a_name_is_taken(site: &Site, machine: &str) {
    let (taken, of_task) = ("taken-scaleupprecheck", ("AutoOperationTask", "taken"));
    let other = json!({"metadata": {"name": taken}, "spec": {
        "clusterName": "product-cluster", "operationType": "Command", "bundle": "tally", "operationFlow": ["first"],
        "operationMachines": [{"ip": machine}], "parameters": {"run": taken}, "suspend": true,
    }});
    site.beidou("Operation", other).await.unwrap();
    let task = json!({"metadata": {"name": "taken"}, "spec": {
        "cluster": "product-cluster", "clusterType": "native", "operationIds": ["node-join"],
        "operationTaskMachines": [{"name": machine}], "operationTaskStep": [{"step": "ScaleUpPreCheck"}],
        "operationTaskType": "ScaleUp",
        "secrets": [{"parameter": "bootstrap_token", "secret": "join", "key": "token"}],
    }});
    site.beidou(of_task.0, task).await.unwrap();
    let ends = ["Held", "Succeeded", "Failed"];
    let status = site.phase(of_task.0, of_task.1, &ends).await.unwrap();
    let message = status["message"].as_str().unwrap();
    assert_eq!((&status["phase"], &status["reason"]), (&json!("Held"), &json!("NeverStarted")), "{status:#}");
    assert!(message.contains(taken) && message.contains("somebody made it: delete it and resume"), "{message}");

    let operations = site.api("caas.beidou.io", "v1alpha1", "Operation");
    operations.delete(taken, &DeleteParams::default()).await.unwrap();
    let free =
        wait::until("the name is free", LIMIT, async || operations.get_opt(taken).await.ok()?.is_none().then_some(()));
    free.await.unwrap();
    let id = site.id(of_task.0, of_task.1).await.unwrap();
    site.say(&format!("tasks/{id}/resume"), &json!({"why": "the name is free"})).await.unwrap();
    let status = site.phase(of_task.0, of_task.1, &["Succeeded", "Failed"]).await.unwrap();
    assert_eq!(status["phase"], "Succeeded", "{status:#}");
}
