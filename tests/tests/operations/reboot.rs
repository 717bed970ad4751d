//! Nodes whose machines restart: once each, one after the other, and none behind one that does not come back.

use beidou_model::operation::Board;
use beidou_tests::{
    machines::{Followed, LIMIT, Site},
    wait,
};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{Api, api::PostParams};
use serde_json::{Value, json};

use crate::{
    scale_up::{ends, operation},
    work,
};

fn reboot(machines: &[String], parameters: &Value) -> Value {
    json!({
        "clusterName": "product-cluster", "operationType": "Reboot", "bundle": "reboot",
        "operationMachines": machines.iter().map(|ip| json!({"ip": ip})).collect::<Vec<_>>(),
        "parameters": parameters, "batches": {"soakSeconds": 0},
    })
}

/// The boot ids of each machine, from its first start on, as it has written them down itself.
fn boots(site: &Site) -> Vec<Vec<String>> {
    let told = |number| site.hosts.print(number, "cat /var/lib/boots").unwrap();
    site.hosts.hosts().iter().map(|host| told(host.number).lines().map(str::to_owned).collect()).collect()
}

/// The machines have started so often since, and each time with an id of its own.
fn started(site: &Site, before: &[Vec<String>], times: [usize; 2]) -> bool {
    let after = boots(site);
    let fits = |((before, after), times): ((&Vec<String>, &Vec<String>), usize)| {
        let (old, new) = after.split_at(before.len());
        old == before && new.len() == times && new.iter().all(|id| !before.contains(id))
    };
    before.iter().zip(&after).zip(times).all(fits)
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_restart_once_each_and_none_behind_one_that_stays_away() {
    let site = Site::start(2).await.unwrap();
    let machines = site.addresses();
    let status = ends(&site, "join", operation("join", &machines)["spec"].clone()).await;
    assert_eq!(status["phase"], "Succeeded", "{status:#}");
    each_restarts_once_and_is_a_node_again(&site, &machines).await;
    one_that_stays_away_stops_the_others(&site, &machines).await;
    are_nodes_that_take_pods(&site, &machines).await;
}

/// Each kubelet runs, is of the machine's last start, and is heard of.
async fn are_nodes_that_take_pods(site: &Site, machines: &[String]) {
    let nodes = Api::<Node>::all(site.admin.clone());
    for (machine, ids) in machines.iter().zip(boots(site)) {
        let told = wait::until("the kubelet tells of the last start", LIMIT, async || {
            let info = nodes.get(machine).await.ok()?.status?.node_info?;
            (Some(&info.boot_id) == ids.last()).then_some(())
        });
        told.await.unwrap();
    }
    site.all_heard().await.unwrap();
    let good: Vec<_> = machines.iter().map(|name| (name.clone(), false, true)).collect();
    assert_eq!(site.nodes().await.unwrap(), good);
}

async fn was_shut_and_opened(followed: &Followed, machine: &str) {
    let states = [(false, false), (true, false), (false, false)];
    let seen = wait::until("the node was shut once, and opened", LIMIT, async || {
        followed.of(machine).ends_with(&states).then_some(())
    });
    seen.await.unwrap_or_else(|overdue| panic!("{overdue}: {machine}: {:?}", followed.of(machine)));
}

async fn each_restarts_once_and_is_a_node_again(site: &Site, machines: &[String]) {
    let (before, followed) = (boots(site), site.follow_nodes().await.unwrap());
    let pod = json!({"metadata": {"name": "web"},
        "spec": {"nodeName": machines[0], "containers": [{"name": "c", "image": "i"}]}});
    let pods = Api::<Pod>::default_namespaced(site.admin.clone());
    pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
    let status = ends(site, "restart", reboot(machines, &json!({"force": true, "grace_s": 0}))).await;
    assert_eq!(status["phase"], "Succeeded", "{status:#}");
    assert!(started(site, &before, [1, 1]), "{before:?} became {:?}", boots(site));
    assert!(pods.get_opt("web").await.unwrap().is_none(), "a Pod was on a machine that restarted");

    let board = Board::fold(&site.facts().await.unwrap());
    let run = work::of(&board, "restart").unwrap();
    let done: Vec<_> = run.attempts.iter().map(|one| (&*run.step(one.step).name, &one.hosts[..])).collect();
    let (flow, batches) = (["cordon", "drain", "reboot", "uncordon"], [[0_u32], [1]]);
    let wanted: Vec<_> = batches.iter().flat_map(|hosts| flow.map(move |step| (step, &hosts[..]))).collect();
    assert_eq!(done, wanted, "one machine after the other, each by all steps");
    for machine in machines {
        was_shut_and_opened(&followed, machine).await;
    }
    are_nodes_that_take_pods(site, machines).await;
}

async fn one_that_stays_away_stops_the_others(site: &Site, machines: &[String]) {
    let (before, followed) = (boots(site), site.follow_nodes().await.unwrap());
    site.hosts.print(1, "touch /etc/stays-off").unwrap();
    let mut spec = reboot(machines, &json!({"boot_timeout_s": 10}));
    let status = ends(site, "away", spec.clone()).await;
    assert_eq!((&status["phase"], &status["reason"]), (&json!("Held"), &json!("CanaryFailed")), "{status:#}");
    let id = site.id("Operation", "away").await.unwrap();
    let bad = site.home.get(&format!("/api/v1/operations/{id}/hosts?state=bad")).await.unwrap();
    let named: Vec<_> = bad["items"].as_array().unwrap().iter().map(|item| &item["host"]).collect();
    assert_eq!(named, [&json!(machines[0])], "{bad:#}");
    let error = &bad["items"][0]["error"];
    assert_eq!((&error["step"], &error["code"]), (&json!("reboot"), &json!("reboot-timeout")), "{error:#}");
    assert_eq!(error["remedy"], "Look at the machine's console.", "{error:#}");
    assert!(error["message"].as_str().unwrap().contains("Timed out waiting for last boot time check"), "{error:#}");
    assert!(started(site, &before, [1, 0]), "{before:?} became {:?}", boots(site));
    let shut: Vec<_> = site.nodes().await.unwrap().into_iter().map(|(_, kept_off, _)| kept_off).collect();
    assert_eq!(shut, [true, false], "what is not back takes no Pods, the other one does");

    site.hosts.print(1, "rm /etc/stays-off").unwrap();
    spec["cancel"] = true.into();
    site.beidou("Operation", json!({"metadata": {"name": "away"}, "spec": spec})).await.unwrap();
    let status = site.phase("Operation", "away", &["Cancelled", "Failed"]).await.unwrap();
    assert_eq!(status["phase"], "Cancelled", "{status:#}");
    was_shut_and_opened(&followed, &machines[0]).await;
    assert_eq!(followed.of(&machines[1]), [(false, false)], "the other one was never touched");
    assert!(started(site, &before, [1, 0]), "{before:?} became {:?}", boots(site));
}
