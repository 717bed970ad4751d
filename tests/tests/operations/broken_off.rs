//! What is broken off in the middle: a join that is cancelled while it runs, or whose resource is deleted; a machine whose power goes,
//! under a join too.

use std::{
    fs,
    path::{Path, PathBuf},
};

use beidou_model::operation::Board;
use beidou_schemas::operation::{Phase, fact::Body};
use beidou_tests::{
    machines::{KUBELET, LIMIT, Site},
    ssh_hosts::Fault,
    wait,
};
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::{
    scale_up::{ends, operation},
    work,
};

/// While it is there, a kubelet that has registered its Node does not answer yet: a join stands in its middle.
const SLOW: &str = "/var/lib/slow";

/// The kubelet of the tests, but for that.
fn slow_kubelet(folder: &Path) -> PathBuf {
    let text = fs::read_to_string(KUBELET).unwrap();
    let last = "\nhttp.server.ThreadingHTTPServer((";
    assert_eq!(text.matches(last).count(), 1);
    let slow =
        text.replace(last, &format!("\nwhile os.path.exists('{SLOW}'):\n    time.sleep(0.1)\n{}", last.trim_start()));
    let path = folder.join("kubelet");
    fs::write(&path, slow).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_off_in_the_middle_leaves_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = Site::start_with(2, &slow_kubelet(folder.path())).await.unwrap();
    a_join_is_taken_back_once_its_machine_is_on_again(&mut site).await;
    a_join_that_is_broken_off_is_taken_back(&site).await;
    power_goes_in_the_middle(&mut site).await;
}

fn join(name: &str, machines: &[String]) -> Value {
    let mut join = operation(name, machines);
    join["spec"]["batches"] = json!({"canary": 0, "soakSeconds": 0});
    join
}

/// The power goes in the middle of it, and nobody can undo anything for a while.
async fn a_join_is_taken_back_once_its_machine_is_on_again(site: &mut Site) {
    let machine = site.addresses()[1].clone();
    site.hosts.print(2, &format!("touch {SLOW}")).unwrap();
    let mut dark = join("dark", std::slice::from_ref(&machine));
    site.beidou("Operation", dark.clone()).await.unwrap();
    let registered =
        wait::until("the machine has registered", LIMIT, async || (site.nodes().await.ok()?.len() == 1).then_some(()));
    registered.await.unwrap();
    site.hosts.fault(2, Fault::Off).unwrap();
    dark["spec"]["cancel"] = true.into();
    site.beidou("Operation", dark).await.unwrap();
    let failed = wait::until("it could not be undone", LIMIT, async || {
        let facts = site.facts().await.ok()?;
        facts.iter().any(|fact| matches!(fact.body, Body::UndoFailed(_))).then_some(())
    });
    failed.await.unwrap();
    site.hosts.fault(2, Fault::On).unwrap();
    let status = site.phase("Operation", "dark", &["Cancelled", "Failed", "Succeeded"]).await.unwrap();
    assert_eq!(status["phase"], "Cancelled", "{status:#}");
    assert!(!status["message"].as_str().unwrap_or_default().contains("not undone"), "{status:#}");
    let left = site.nodes().await.unwrap();
    assert!(left.is_empty(), "{left:?} are left: {status:#}");
    assert_eq!(site.left_of_kubelet(2).unwrap(), "", "{status:#}");
}

/// How a join is broken off.
#[derive(Debug, Clone, Copy)]
enum Break {
    Cancelled,
    /// Its resource stays until all is taken back.
    Deleted,
}

async fn a_join_that_is_broken_off_is_taken_back(site: &Site) {
    let machines = site.addresses();
    everywhere(site, &format!("touch {SLOW}"));
    for (name, how) in [("halfway", Break::Cancelled), ("deleted", Break::Deleted)] {
        let mut wish = stands_in_its_middle(site, name, &machines).await;
        let operations = site.api("caas.beidou.io", "v1alpha1", "Operation");
        match how {
            Break::Cancelled => {
                wish["spec"]["cancel"] = true.into();
                site.beidou("Operation", wish).await.unwrap();
                let status = site.phase("Operation", name, &["Cancelled", "Failed", "Succeeded"]).await.unwrap();
                assert_eq!(status["phase"], "Cancelled", "{status:#}");
                assert!(!status["message"].as_str().unwrap_or_default().contains("not undone"), "{status:#}");
            }
            Break::Deleted => {
                operations.delete(name, &DeleteParams::default()).await.unwrap();
                let gone = wait::until("the resource is gone", LIMIT, async || {
                    operations.get_opt(name).await.ok()?.is_none().then_some(())
                });
                gone.await.unwrap();
            }
        }
        let left = site.nodes().await.unwrap();
        assert!(left.is_empty(), "{how:?}: {left:?} are left");
        for host in site.hosts.hosts() {
            assert_eq!(site.left_of_kubelet(host.number).unwrap(), "", "{how:?}, on {}", host.address);
        }
        let board = Board::fold(&site.facts().await.unwrap());
        let run = work::of(&board, name).unwrap();
        assert_eq!(run.phase, Phase::Cancelled, "{how:?}: {}", run.message);
        assert!(!run.debts.is_empty() && run.debts.iter().all(|debt| !debt.stands()), "{how:?}: {:?}", run.debts);
    }

    everywhere(site, &format!("rm {SLOW}"));
    let again = join("again", &machines);
    let status = ends(site, "again", again["spec"].clone()).await;
    assert_eq!(status["phase"], "Succeeded", "{status:#}");
    let good: Vec<_> = machines.iter().map(|name| (name.clone(), false, true)).collect();
    assert_eq!(site.nodes().await.unwrap(), good);
    for host in site.hosts.hosts() {
        assert_eq!(site.kubelets(host.number).unwrap(), 1, "kubelets on {}", host.address);
    }
}

fn everywhere(site: &Site, script: &str) {
    for host in site.hosts.hosts() {
        site.hosts.print(host.number, script).unwrap();
    }
}

/// A join whose machines have registered, and whose step runs still.
async fn stands_in_its_middle(site: &Site, name: &str, machines: &[String]) -> Value {
    let mut wish = join(name, machines);
    // What a host was told to wait for goes on there when its run is ended: what undoes it waits for that.
    wish["spec"]["parameters"] = json!({"start_limit_s": 60});
    site.beidou("Operation", wish.clone()).await.unwrap();
    let nodes = wait::until("both machines have registered", LIMIT, async || {
        let nodes = site.nodes().await.ok()?;
        (nodes.len() == machines.len()).then_some(nodes)
    });
    assert!(nodes.await.unwrap().iter().all(|(_, kept_off, _)| *kept_off), "pods are kept off");
    let found = site.api("caas.beidou.io", "v1alpha1", "Operation").get(name).await.unwrap();
    let status = &found.data["status"];
    assert_eq!((&status["phase"], &status["step"]), (&json!("Running"), &json!("scaleUp")), "{status:#}");
    wish
}

/// Writes down on machines that it has begun, waits to be let go, and writes down that it is done.
pub(super) fn waiting(machines: &[String], canary: u32) -> Value {
    let script =
        "echo begun >> /var/lib/acts; until [ -e /var/lib/go ]; do sleep 0.1; done; echo done >> /var/lib/acts";
    json!({
        "clusterName": "product-cluster", "operationType": "Command", "bundle": "command", "operationFlow": ["command"],
        "operationMachines": machines.iter().map(|ip| json!({"ip": ip})).collect::<Vec<_>>(),
        "parameters": {"script": script}, "batches": {"canary": canary, "soakSeconds": 0, "poolPercent": 100},
    })
}

pub(super) fn acts(site: &Site, number: usize) -> String {
    site.hosts.print(number, "cat /var/lib/acts 2> /dev/null || true").unwrap()
}

/// Both machines have begun; then one is off, and the other comes to its end.
async fn power_goes_in_the_middle(site: &mut Site) {
    let machines = site.addresses();
    let mut spec = waiting(&machines, 0);
    site.beidou("Operation", json!({"metadata": {"name": "power"}, "spec": spec})).await.unwrap();
    let begun = wait::until("both have begun", LIMIT, async || {
        [1, 2].iter().all(|number| acts(site, *number) == "begun").then_some(())
    });
    begun.await.unwrap();
    site.hosts.fault(2, Fault::Off).unwrap();
    site.hosts.print(1, "touch /var/lib/go").unwrap();
    let status =
        site.phase("Operation", "power", &["Succeeded", "Failed", "Held", "Unknown", "Cancelled"]).await.unwrap();
    assert!(["Failed", "Held", "Unknown"].contains(&status["phase"].as_str().unwrap()), "{status:#}");
    assert_eq!(acts(site, 1), "begun\ndone", "the other one is not held up");
    let id = site.id("Operation", "power").await.unwrap();
    let bad = site.home.get(&format!("/api/v1/operations/{id}/hosts?state=bad")).await.unwrap();
    let named: Vec<_> = bad["items"].as_array().unwrap().iter().map(|item| &item["host"]).collect();
    assert_eq!(named, [&json!(machines[1])], "{bad:#}");
    let state = bad["items"][0]["steps"][0]["state"].as_str().unwrap();
    assert!(["unreachable", "unknown"].contains(&state), "it is known that nobody knows: {bad:#}");
    assert!(bad["items"][0]["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{bad:#}");

    site.hosts.fault(2, Fault::On).unwrap();
    spec["cancel"] = true.into();
    site.beidou("Operation", json!({"metadata": {"name": "power"}, "spec": spec})).await.unwrap();
    site.phase("Operation", "power", &["Cancelled", "Failed"]).await.unwrap();
    assert_eq!(acts(site, 2), "begun", "what was lost is not done again by itself");
}
