//! Steps that controllers do themselves, at an API server that is away for a while.

use std::sync::atomic::Ordering;

use beidou_controllers::{
    fault::Faults,
    target::{Nodes, TAINT},
};
use beidou_schemas::{
    operation::{
        Object, Phase, Reason,
        command::{Ask, Word},
        fact::Body,
    },
    runner::HostState,
};
use serde_json::{Value, json};

use crate::support::{ApiServer, Site, finished, is_over, names, of_nodes};

async fn site() -> (Site, ApiServer) {
    let (mut site, server) = (Site::new(), ApiServer::start().await);
    site.knows(&server, "k");
    (site, server)
}

fn joining(node: &mut Value) {
    node["spec"] = json!({"unschedulable": true, "taints": [{"key": TAINT, "effect": "NoSchedule"}]});
}

fn is_open(node: &Value) -> bool {
    node["spec"]["unschedulable"] != true
        && node["spec"]["taints"].as_array().is_none_or(|taints| taints.iter().all(|taint| taint["key"] != TAINT))
}

#[tokio::test]
async fn a_step_waits_for_an_api_server_that_is_away_for_a_moment() {
    let (site, server) = site().await;
    server.state.refuse.store(2, Ordering::Relaxed);
    let (run, stop) = site.start(Faults::default());
    site.known("k").await;
    site.act_on_nodes(1, "Cordon", &["10.0.0.1", "10.0.0.2"]).await;
    let facts = site.facts_until(is_over).await;
    assert_eq!(finished(&facts), Phase::Succeeded);
    assert!(server.all(|node| node["spec"]["unschedulable"] == true));
    let told = facts.iter().filter_map(|fact| match &fact.body {
        Body::AttemptLaunched(launched) => Some(launched.nodes.values()),
        _ => None,
    });
    assert_eq!(told.flatten().collect::<Vec<_>>(), ["n1", "n2"], "so their Events are found");
    stop.cancel();
    run.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_owed_is_undone_when_the_api_server_is_back() {
    let (site, server) = site().await;
    let (run, stop) = site.start(Faults::default());
    site.known("k").await;
    // There are no Pods to be asked for, so that the drain fails and the cordon is owed.
    let id = site.act_on_nodes(1, "Drain", &["10.0.0.1"]).await;
    site.facts_until(|fact| matches!(fact.body, Body::Held(_))).await;
    assert!(!is_open(&server.node("n1").unwrap()));
    // More often than an undoing is tried in all.
    server.state.refuse.store(3, Ordering::Relaxed);
    site.ask(Object::Operation(id), "bob", Ask::Cancel(Word::default())).await;
    let facts = site.facts_until(is_over).await;
    assert_eq!(finished(&facts), Phase::Cancelled);
    assert!(!names(&facts).contains(&"UndoFailed") && is_open(&server.node("n1").unwrap()), "{:?}", names(&facts));
    stop.cancel();
    run.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_a_person_has_cordoned_stays_so_after_a_cancel() {
    let (site, server) = site().await;
    server.edit("n1", |node| node["spec"]["unschedulable"] = true.into());
    let (run, stop) = site.start(Faults::default());
    site.known("k").await;
    // There are no Pods to be asked for, so that the drain of both fails.
    let id = site.act_on_nodes(1, "Drain", &["10.0.0.1", "10.0.0.2"]).await;
    site.facts_until(|fact| matches!(fact.body, Body::Held(_))).await;
    assert!(server.all(|node| !is_open(node)));
    site.ask(Object::Operation(id), "bob", Ask::Cancel(Word::default())).await;
    assert_eq!(finished(&site.facts_until(is_over).await), Phase::Cancelled);
    assert_eq!(["n1", "n2"].map(|name| is_open(&server.node(name).unwrap())), [false, true]);
    stop.cancel();
    run.await.unwrap().unwrap();
}

/// Before it begins, and in its middle.
#[tokio::test]
async fn a_step_is_not_done_by_another_bundle_than_the_planned_one() {
    for (begins, reason) in [(false, Reason::StartFailed), (true, Reason::OutcomeUnknown)] {
        let (mut site, server) = site().await;
        server.state.refuse.store(usize::MAX, Ordering::Relaxed);
        let (run, stop) = site.start(Faults::default());
        site.known("k").await;
        let mut spec = of_nodes("Cordon", &["10.0.0.1"]);
        spec["suspend"] = (!begins).into();
        let id = site.request(1, spec).await;
        let stands =
            |body: &Body| if begins { matches!(body, Body::AttemptClaimed(_)) } else { matches!(body, Body::Held(_)) };
        site.facts_until(|fact| stands(&fact.body)).await;
        stop.cancel();
        run.await.unwrap().unwrap();

        server.state.refuse.store(0, Ordering::Relaxed);
        let own = site.folder.path().join("cordon");
        beidou_playbooks::shipped("cordon").unwrap().unwrap().write(&own).unwrap();
        std::fs::write(own.join("README.md"), "ours").unwrap();
        site.config.bundles.push(beidou_playbooks::Place::Path(own));
        let (run, stop) = site.start(Faults::default());
        if !begins {
            site.ask(Object::Operation(id), "bob", Ask::Resume(Word::default())).await;
        }
        let facts = site.facts_until(|fact| matches!(&fact.body, Body::Held(held) if held.reason == reason)).await;
        let ended = facts.iter().find_map(|fact| match &fact.body {
            Body::AttemptEnded(ended) => Some(&*ended.message),
            _ => None,
        });
        assert!(ended.unwrap().contains("cordon is not the one that the plan was made of"), "{ended:?}");
        assert!(is_open(&server.node("n1").unwrap()));
        stop.cancel();
        run.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_node_is_released_once_it_is_ready() {
    let (site, server) = site().await;
    server.edit("n1", |node| {
        joining(node);
        node["status"]["conditions"][0] = json!({"type": "Ready", "status": "False", "reason": "KubeletNotReady"});
    });
    let (run, stop) = site.start(Faults::default());
    site.known("k").await;
    site.act_on_nodes(1, "Uncordon", &["10.0.0.1"]).await;
    site.facts_until(|fact| matches!(fact.body, Body::AttemptIntended(_))).await;
    server.listed(2).await;
    assert!(!is_open(&server.node("n1").unwrap()));
    server.edit("n1", |node| node["status"]["conditions"][0]["status"] = "True".into());
    assert_eq!(finished(&site.facts_until(is_over).await), Phase::Succeeded);
    assert!(is_open(&server.node("n1").unwrap()));
    stop.cancel();
    run.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_dry_run_releases_nothing() {
    let (site, server) = site().await;
    server.edit("n1", joining);
    let (run, stop) = site.start(Faults::default());
    site.known("k").await;
    let mut spec = of_nodes("Uncordon", &["10.0.0.1"]);
    spec["dryRun"] = true.into();
    site.request(1, spec).await;
    let facts = site.facts_until(is_over).await;
    assert_eq!(finished(&facts), Phase::Succeeded);
    let said = facts.iter().find_map(|fact| match &fact.body {
        Body::HostResult(result) => Some(&result.outcome),
        _ => None,
    });
    let said = said.unwrap();
    assert_eq!((said.state, said.changed), (HostState::Ok, 0));
    assert!(said.message.as_ref().unwrap().contains("nothing was changed"));
    assert!(!is_open(&server.node("n1").unwrap()));
    stop.cancel();
    run.await.unwrap().unwrap();
}

#[tokio::test]
async fn only_a_node_that_joined_with_us_is_removed_with_what_was_undone() {
    let (_site, server) = site().await;
    server.edit("n1", joining);
    let nodes = Nodes::new("k".into(), server.client());
    for name in ["n1", "n2"] {
        nodes.delete_joined(&nodes.find(name, Some(name)).await.unwrap()).await.unwrap();
    }
    assert_eq!((server.node("n1"), server.node("n2").is_some()), (None, true));
    // One that came meanwhile under the same name is another one.
    server.edit("n2", joining);
    let before = nodes.find("n2", Some("n2")).await.unwrap();
    server.edit("n2", |node| node["metadata"]["uid"] = "another".into());
    nodes.delete_joined(&before).await.unwrap();
    assert!(server.node("n2").is_some());
}

#[tokio::test]
async fn a_node_that_is_asked_for_by_its_name_is_locked_by_its_address() {
    let (site, server) = site().await;
    let (run, stop) = site.start(Faults::default());
    site.known("k").await;
    // There are no Pods to be asked for, so that the drain is held, and holds its node.
    let first = site.act_on_nodes(1, "Drain", &["10.0.0.1"]).await;
    site.facts_until(|fact| matches!(fact.body, Body::Held(_))).await;
    let named = |name: &str| {
        let mut spec = of_nodes("Cordon", &[]);
        spec["operationMachines"] = json!([{"name": name}]);
        spec
    };
    let second = site.request(2, named("n1")).await;
    let facts = site.facts_until(|fact| fact.object == Object::Operation(second)).await;
    let Body::Accepted(accepted) = &facts.last().unwrap().body else { panic!("{:?}", names(&facts)) };
    assert_eq!(accepted.spec.operation_machines[0].ip, "10.0.0.1");
    assert_eq!(accepted.plan.hosts, ["10.0.0.1"]);
    site.ask(Object::Operation(first), "bob", Ask::Cancel(Word::default())).await;
    let facts = site.facts_until(|fact| fact.object == Object::Operation(second) && is_over(fact)).await;
    assert_eq!(finished(&facts), Phase::Succeeded);
    let place = |of, fits: fn(&Body) -> bool| facts.iter().position(|one| one.object == of && fits(&one.body)).unwrap();
    let free = place(Object::Operation(first), |body| matches!(body, Body::LockReleased(_)));
    let taken = place(Object::Operation(second), |body| matches!(body, Body::LockTaken(_)));
    assert!(free < taken, "both held the node");
    assert!(!is_open(&server.node("n1").unwrap()));

    let third = site.request(3, named("n9")).await;
    let facts = site.facts_until(|fact| fact.object == Object::Operation(third)).await;
    let Body::Refused(refused) = &facts.last().unwrap().body else { panic!("{:?}", names(&facts)) };
    assert_eq!((&*refused.field, &*refused.value), ("operationMachines[0].name", "n9"));
    assert!(refused.allowed.contains("the API server of k"), "{}", refused.allowed);
    stop.cancel();
    run.await.unwrap().unwrap();
}
