//! What Kubernetes said of a run's nodes, over the real engine.

use beidou_model::operation::Board;
use beidou_schemas::{
    Micros,
    operation::{
        Object, OperationId,
        fact::{Body, ClusterRuled, Fact},
    },
};
use serde_json::{Value, json};

use crate::{
    support::{
        events::SECOND,
        operations::{RUN, golden, tell},
        texts,
    },
    world,
};

/// A row of the table: a Pod, or a Node where the name is that of the node.
fn row(number: u64, cluster: &str, name: &str, node: &str, kind_of: &str, time: Micros) -> Value {
    let kind = if name == node { "Node" } else { "Pod" };
    let (time, uid) = (time.micros_text(), uuid::Uuid::from_u128(number.into()));
    json!({"cluster_uid": format!("uid-{cluster}"), "cluster": cluster, "event_uid": uid, "resource_version": number,
        "time": time, "observed": time, "found_by": "watch", "occurrences": 1, "occurrences_delta": 1, "type": kind_of,
        "reason": "NodeNotReady", "message": name, "kind": kind, "name": name, "node": node})
}

/// The facts of the recorded run, in which a machine turned out to be a node of this name.
fn found_as(ip: &str, name: &str) -> Vec<Fact> {
    let mut facts = golden();
    let launched = facts.iter_mut().find_map(|fact| match &mut fact.body {
        Body::AttemptLaunched(launched) if fact.object == Object::Operation(OperationId(RUN)) => Some(launched),
        _ => None,
    });
    launched.unwrap().nodes.insert(ip.into(), name.into());
    facts
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_runs_nodes_stand_beside_it() {
    let world = world().await;
    let facts = found_as("10.0.0.4", "rack-4");
    tell(&world.log, &facts).await;
    let board = Board::fold(&golden());
    let run = &board.operations[&OperationId(RUN)];
    let (start, end) = (run.started.unwrap(), run.ended.unwrap());
    let path = |rest: &str| format!("/api/v1/operations/{RUN}/events{rest}");
    let none = world.api.list(&path("")).await;
    assert_eq!((&none["watched"], &none["items"], &none["truncated"]), (&json!(false), &json!([]), &json!(false)));

    let at = |seconds: i64| start.plus(seconds * SECOND);
    let after = |seconds: i64| end.plus(seconds * SECOND);
    world
        .insert(
            "kube_event",
            [
                row(1, "c1", "10.0.0.1", "10.0.0.1", "Normal", at(-61)),
                row(2, "c1", "10.0.0.2", "10.0.0.2", "Normal", at(-59)),
                row(3, "c1", "web-1", "10.0.0.1", "Warning", at(10)),
                row(4, "c1", "web-2", "10.0.0.77", "Warning", at(11)),
                row(5, "c2", "10.0.0.1", "10.0.0.1", "Warning", at(12)),
                row(6, "c1", "web-3", "10.0.0.5", "Normal", after(0)),
                row(7, "c1", "10.0.0.3", "10.0.0.3", "Warning", after(299)),
                row(8, "c1", "10.0.0.3", "10.0.0.3", "Warning", after(301)),
                row(9, "c1", "rack-4", "rack-4", "Normal", after(1)),
                row(10, "watched-as", "10.0.0.1", "10.0.0.1", "Normal", at(13)),
            ],
        )
        .await;
    let all = world.api.list(&path("")).await;
    assert_eq!(texts(&all, "resource_version"), ["2", "3", "6", "9", "7"], "by time");
    assert_eq!((&all["watched"], &all["truncated"]), (&json!(true), &json!(false)));
    let range = json!({"from": at(-60).micros_text(), "to": after(300).micros_text()});
    assert_eq!(all["range"], range);
    assert_eq!(all["coverage"][0]["complete"], false, "nobody has watched this cluster: {all}");
    let of = async |rest: &str| texts(&world.api.list(&path(rest)).await, "resource_version");
    assert_eq!(of("?order=warnings").await, ["3", "7", "2", "6", "9"]);
    assert_eq!(of("?type=Warning").await, ["3", "7"]);
    let few = world.api.list(&path("?order=warnings&limit=3")).await;
    assert_eq!((texts(&few, "resource_version").len(), &few["truncated"]), (3, &json!(true)));
    for (rest, name) in [("?order=up", "order"), ("?limit=0", "limit"), ("?from=-1h", "from")] {
        let answer = world.api.get(&path(rest)).await;
        assert!(answer.status == 400 && answer.text.contains(name), "{rest}: {}", answer.text);
    }
    let mut rules = board.clusters["c1"].clone();
    rules.cluster_uid = Some("uid-watched-as".into());
    let body = ClusterRuled { cluster: "c1".into(), rules: Some(rules) }.into();
    let Board { seq, epoch, since: time, .. } = board;
    tell(&world.log, &[Fact { object: Object::Board, seq: seq + 1, epoch, time, cause: None, body }]).await;
    assert_eq!(of("").await, ["10"], "where its Events stand is told");
    let strange = world.api.get(&format!("/api/v1/operations/{}/events", uuid::Uuid::from_u128(77))).await;
    assert_eq!((strange.status, strange.json()["type"].as_str()), (404, Some("/problems/unknown-operation")));
}
