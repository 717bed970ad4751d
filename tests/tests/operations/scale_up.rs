//! From manifests as users write them to nodes that take pods, on real hosts and a real API server.

use beidou_tests::wait;
use serde_json::{Value, json};

use crate::site::{LIMIT, Site};

fn operation(name: &str, machines: &[String]) -> Value {
    let machine = |ip: &String| json!({"ip": ip, "role": "Compute", "user": "root"});
    json!({"metadata": {"name": name}, "spec": {
        "clusterName": "product-cluster",
        "operationType": "ScaleUp",
        "operationFlow": ["preCheck", "scaleUp", "postCheck"],
        "operationMachines": machines.iter().map(machine).collect::<Vec<_>>(),
        "bundle": "node-join",
        "secrets": [{"parameter": "bootstrap_token", "secret": "join", "key": "token"}],
        "batches": {"soakSeconds": 0},
    }})
}

fn task(name: &str, machines: &[String]) -> Value {
    let steps = ["ScaleUpPreCheck", "ScaleUpWorkprocess", "ScaleUp", "UncordonNodes", "ScaleUpSubWorkprocess"];
    json!({"metadata": {"name": name}, "spec": {
        "cluster": "product-cluster",
        "clusterType": "native",
        "operationIds": ["node-join"],
        "operationTaskMachines": machines.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
        "operationTaskStep": steps.map(|step| json!({"step": step})),
        "operationTaskType": "ScaleUp",
        "secrets": [{"parameter": "bootstrap_token", "secret": "join", "key": "token"}],
        "batches": {"soakSeconds": 0},
        "workprocess": {"mode": "approval", "openUpToHosts": 5},
    }})
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_become_nodes_that_take_pods() {
    let site = Site::start(3).await.unwrap();
    let all = site.addresses();
    let (first, rest) = all.split_at(1);

    site.beidou("Operation", operation("scaleup-2024", first)).await.unwrap();
    let status = site.phase("Operation", "scaleup-2024", &["Succeeded", "Failed", "Held", "Unknown"]).await;
    assert_eq!(status["phase"], "Succeeded", "{status:#}");
    assert_eq!(status["hosts"]["ok"], 1, "{status:#}");
    assert_eq!(site.nodes().await, [(first[0].clone(), false, true)]);

    site.beidou("AutoOperationTask", task("scaleup-2024-q3", rest)).await.unwrap();
    let joined = wait::until("the new nodes are there", LIMIT, async || {
        let nodes = site.nodes().await;
        (nodes.len() == 3).then_some(nodes)
    });
    let joined = joined.await.unwrap();
    let off: Vec<_> = joined.iter().filter(|(_, kept_off, _)| *kept_off).map(|(name, ..)| name).collect();
    assert_eq!(off, rest.iter().collect::<Vec<_>>(), "pods are kept off until the checks hold");
    let status = site.phase("AutoOperationTask", "scaleup-2024-q3", &["Succeeded", "Failed", "Held", "Unknown"]).await;
    assert_eq!(status["phase"], "Succeeded", "{status:#}");
    assert_eq!(site.nodes().await, all.iter().map(|name| (name.clone(), false, true)).collect::<Vec<_>>());
}
