//! A dry run on a real node, whose bundle would open it at the end: nothing of it is changed. The same for real changes it.

use beidou_controllers::target::Nodes;
use beidou_tests::{
    machines::{Followed, LIMIT, Site},
    wait,
};
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use serde_json::{Value, json};

use crate::scale_up::ends;

fn spec(kind: &str, machine: &str, more: &Value) -> Value {
    let mut spec = json!({
        "clusterName": "product-cluster", "operationType": kind, "operationMachines": [{"ip": machine}],
        "batches": {"soakSeconds": 0},
    });
    let more = more.as_object().unwrap().clone();
    spec.as_object_mut().unwrap().extend(more);
    spec
}

/// Cordon and taints of the node, and the machine's own count.
async fn standing(site: &Site, machine: &str) -> (Value, String) {
    let node = Api::<Node>::all(site.admin.clone()).get(machine).await.unwrap();
    let acts = site.hosts.print(1, "cat /var/lib/acts 2> /dev/null || true").unwrap();
    (serde_json::to_value(node.spec).unwrap(), acts)
}

/// What became of cordon and taint of a node, once they are these.
async fn seen(followed: &Followed, machine: &str, last: (bool, bool)) -> Vec<(bool, bool)> {
    let seen = wait::until("the last write is seen", LIMIT, async || {
        let states = followed.of(machine);
        (states.last() == Some(&last)).then_some(states)
    });
    seen.await.unwrap()
}

/// On the first host, whose node somebody has shut.
pub(super) async fn changes_nothing(site: &Site, machine: &str) {
    let nodes = Nodes::new("product-cluster".into(), site.admin.clone());
    nodes.cordon(machine, true).await.unwrap();
    nodes.taint(machine).await.unwrap();
    let (before, followed) = (standing(site, machine).await, site.follow_nodes().await.unwrap());
    let shut = seen(&followed, machine, (true, true)).await;
    let upkeep = |run: &str| json!({"bundle": "upkeep", "operationFlow": ["cordon", "act", "uncordon"], "parameters": {"run": run}});
    let opens = json!({"operationFlow": ["uncordon"], "dryRun": true});
    let mut tried = upkeep("tried");
    tried["dryRun"] = true.into();
    for (name, kind, more) in [("dry-upkeep", "Reboot", tried), ("dry-open", "Uncordon", opens)] {
        let status = ends(site, name, spec(kind, machine, &more)).await;
        assert_eq!(status["phase"], "Succeeded", "{status:#}");
        assert_eq!(standing(site, machine).await, before, "{name} is a dry run, and changed something");
    }
    assert_eq!(followed.of(machine), shut, "not even for a moment");

    let status = ends(site, "upkeep", spec("Reboot", machine, &upkeep("real"))).await;
    assert_eq!(status["phase"], "Succeeded", "{status:#}");
    seen(&followed, machine, (false, false)).await;
    let (_, acts) = standing(site, machine).await;
    assert_eq!(acts, format!("{}\nreal act", before.1).trim(), "what is tried leaves no trace, what is done does");
}
