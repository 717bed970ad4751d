//! What leaves the site: work orders to a ticket system and its signed answers, notes to people, and no secret.

use std::fs;

use beidou_model::operation::Board;
use beidou_schemas::operation::fact::Body;
use beidou_tests::{
    beidou::binary,
    installed::installed,
    machines::{KUBELET, NAMESPACE, Site},
    ssh_hosts::SshHosts,
};
use serde_json::{Value, json};

use crate::{
    canaries,
    receiver::{Answer, Message, Receiver, seconds_ago, secret_file, send_unsigned},
};

const SECRET: &str = "what both sign work orders with";

#[tokio::test(flavor = "multi_thread")]
async fn work_orders_notes_and_no_secret_leave_the_site() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let bundle = folder.path().join("leak");
    fs::create_dir(&bundle).unwrap();
    canaries::write_bundle(&bundle);
    let controllers = json!({
        // The most that Ansible says.
        "local": {
            "program": [binary().unwrap(), "run-step", "--verbosity", "3"],
            "ansible_playbook": installed("ansible").unwrap().join("bin/ansible-playbook"),
        },
        "bundles": [bundle],
        "webhooks": [{
            "name": "tickets", "url": format!("{}/tickets", receiver.url),
            "secret_file": secret_file(folder.path(), SECRET),
        }],
        "notifications": [{"url": format!("{}/notes", receiver.url)}],
    });
    let settings = json!({"controllers": controllers, "archive": {"max_age_seconds": 1}});
    let site = Site::set_up(SshHosts::start(1).unwrap(), settings, KUBELET.as_ref()).await.unwrap();
    a_work_order_is_answered_for_itself_alone(&site, &receiver).await;
    canaries::are_nowhere(&site, &receiver).await;
}

/// A task of nothing but its work orders.
fn task(name: &str, machine: &str, closes: bool) -> Value {
    let gate = json!({"mode": "webhook", "webhook": "tickets"});
    let mut task = json!({"metadata": {"name": name}, "spec": {
        "cluster": "product-cluster",
        "clusterType": "native",
        "operationIds": ["node-join"],
        "operationTaskMachines": [{"name": machine, "role": "Compute"}],
        "operationTaskStep": [{"step": "ScaleUpWorkprocess"}, {"step": "ScaleUpSubWorkprocess"}],
        "operationTaskType": "ScaleUp",
        "workprocess": gate,
    }});
    if closes {
        task["spec"]["subWorkprocess"] = gate;
    }
    task
}

/// The work order of a task's step, as the ticket system got it.
async fn order(site: &Site, receiver: &Receiver, name: &str, step: u64) -> String {
    let named = |message: &Message| {
        let order = message.json();
        order["name"] == format!("{NAMESPACE}/{name}") && order["step"] == step
    };
    let message = receiver.one(&format!("the work order {step} of {name} came"), "/tickets", named).await;
    assert!(message.is_signed(SECRET), "{message:?}");
    let order = message.json();
    assert_eq!(order["task"], site.id("AutoOperationTask", name).await.unwrap(), "{order:#}");
    assert_eq!((&order["machines"], &order["cluster"]), (&json!(site.addresses()), &json!("product-cluster")));
    let report = json!({
        "path": format!("/api/v1/tasks/{}", order["task"].as_str().unwrap()), "operations": [], "ok": 0, "failed": 0,
        "machines": [{"ip": &site.addresses()[0], "role": "Compute", "ok": false}],
        "inventory": {"added": [], "removed": []},
    });
    assert_eq!(order["report"], if step == 1 { report } else { Value::Null }, "nothing was done to the machine");
    order["answer"].as_str().unwrap().to_owned()
}

/// How often gates were answered, by who.
async fn answers(site: &Site) -> Vec<(u32, bool, String, String)> {
    let facts = site.facts().await.unwrap();
    let answers = facts.iter().filter_map(|fact| match &fact.body {
        Body::GateAnswered(answer) => Some((answer.step, answer.open, answer.subject.clone(), answer.ticket.clone())),
        _ => None,
    });
    answers.collect()
}

async fn a_work_order_is_answered_for_itself_alone(site: &Site, receiver: &Receiver) {
    let machine = &site.addresses()[0];
    for (name, closes) in [("one", true), ("other", false)] {
        site.beidou("AutoOperationTask", task(name, machine, closes)).await.unwrap();
    }
    let (one, other) = (order(site, receiver, "one", 0).await, order(site, receiver, "other", 0).await);
    assert_ne!(one, other);
    let open = json!({"open": true, "ticket": "CHG-7", "why": "agreed"});
    let good = Answer::to(&one, SECRET, &seconds_ago(0), &open);
    forged_answers_open_nothing(site, &good, (&one, &other), &open).await;
    one_is_agreed_to(site, receiver, &good, &one).await;
    assert_eq!(good.send(&other).await, 401, "nor is it one for the other task, after the end of its own");
    the_other_is_not(site, &other).await;
    let by = |step, open, ticket: &str| (step, open, "webhook:tickets".to_owned(), ticket.to_owned());
    assert_eq!(answers(site).await, [by(0, true, "CHG-7"), by(1, true, "CHG-8"), by(0, false, "CHG-9")]);
    let board = Board::fold(&site.facts().await.unwrap());
    assert!(board.operations.is_empty(), "a task of work orders alone makes no operation");
    for (name, end) in [("one", "Succeeded"), ("other", "Failed")] {
        told(receiver, name, end).await;
    }
}

async fn forged_answers_open_nothing(site: &Site, good: &Answer, (one, other): (&str, &str), open: &Value) {
    let now = seconds_ago(0);
    let forged = [
        ("nobody signed it", send_unsigned(one, open).await),
        ("another secret", Answer::to(one, "what nobody else knows", &now, open).send(one).await),
        ("ten minutes old", Answer::to(one, SECRET, &seconds_ago(600), open).send(one).await),
        ("for another task", good.send(other).await),
        ("for another step", good.send(&format!("{}/1", one.rsplit_once('/').unwrap().0)).await),
    ];
    for (what, status) in forged {
        assert_eq!(status, 401, "{what}");
    }
    assert!(answers(site).await.is_empty(), "no gate is answered by them");
}

async fn one_is_agreed_to(site: &Site, receiver: &Receiver, good: &Answer, one: &str) {
    assert_eq!(good.send(one).await, 202);
    let closing = order(site, receiver, "one", 1).await;
    assert_eq!(good.send(&closing).await, 401, "the answer to the first work order is none to the second");
    let again = good.send(one).await;
    assert!((400..500).contains(&again), "a work order is answered once: {again}");
    let close = Answer::to(&closing, SECRET, &seconds_ago(0), &json!({"open": true, "ticket": "CHG-8"}));
    assert_eq!(close.send(&closing).await, 202);
    let status = site.phase("AutoOperationTask", "one", &["Succeeded", "Failed", "Held"]).await.unwrap();
    assert_eq!(status["phase"], "Succeeded", "{status:#}");
}

async fn the_other_is_not(site: &Site, other: &str) {
    let no = json!({"open": false, "ticket": "CHG-9", "why": "not today"});
    assert_eq!(Answer::to(other, SECRET, &seconds_ago(0), &no).send(other).await, 202);
    let status = site.phase("AutoOperationTask", "other", &["Succeeded", "Failed", "Held"]).await.unwrap();
    assert_eq!((&status["phase"], &status["reason"]), (&json!("Failed"), &json!("Rejected")), "{status:#}");
    assert!(status["message"].as_str().unwrap().contains("not today"), "{status:#}");
}

/// People got a note of how something stands.
pub(crate) async fn told(receiver: &Receiver, name: &str, end: &str) {
    let text = format!("Beidou: {NAMESPACE}/{name} is {end}");
    let says = |message: &Message| message.json()["text"].as_str().is_some_and(|said| said.starts_with(&text));
    receiver.one(&format!("people were told: {text}"), "/notes", says).await;
}
