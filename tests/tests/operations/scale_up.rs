//! From manifests as users write them to nodes that take pods, on real hosts and a real API server.

use std::fs;

use beidou_tests::{
    beidou::http,
    installed::installed,
    machines::{LIMIT, Site},
    wait,
};
use serde_json::{Value, json};

use crate::{dry_run, task};

/// Machines become nodes: the manifest of an operation.
pub(super) fn operation(name: &str, machines: &[String]) -> Value {
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
        "workprocess": {"mode": "approval", "openUpToHosts": machines.len()},
    }})
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_become_nodes_that_take_pods() {
    let hosts = std::env::var("BEIDOU_HOSTS").ok().map_or(3, |text| text.parse().unwrap());
    let site = Site::start(hosts).await.unwrap();
    let all = site.addresses();
    let (first, rest) = all.split_at(1);

    site.beidou("Operation", operation("scaleup-2024", first)).await.unwrap();
    let status = site.phase("Operation", "scaleup-2024", &["Succeeded", "Failed", "Held", "Unknown"]).await.unwrap();
    assert_eq!(status["phase"], "Succeeded", "{status:#}");
    assert_eq!(status["hosts"]["ok"], 1, "{status:#}");
    assert_eq!(site.nodes().await.unwrap(), [(first[0].clone(), false, true)]);

    let followed = site.follow_nodes().await.unwrap();
    site.beidou("AutoOperationTask", task("scaleup-2024-q3", rest)).await.unwrap();
    let joined = wait::until("the new nodes are there", LIMIT, async || {
        let nodes = site.nodes().await.ok()?;
        (nodes.len() == hosts).then_some(nodes)
    });
    let joined = joined.await.unwrap();
    let off: Vec<_> = joined.iter().filter(|(_, kept_off, _)| *kept_off).map(|(name, ..)| name).collect();
    assert_eq!(off, rest.iter().collect::<Vec<_>>(), "pods are kept off until the checks hold");
    let status =
        site.phase("AutoOperationTask", "scaleup-2024-q3", &["Succeeded", "Failed", "Held", "Unknown"]).await.unwrap();
    assert_eq!(status["phase"], "Succeeded", "{status:#}");
    assert_eq!(site.nodes().await.unwrap(), all.iter().map(|name| (name.clone(), false, true)).collect::<Vec<_>>());
    // Tainted from the first moment, cordoned before they are checked, and opened in one write.
    let opened = wait::until("the last write is seen", LIMIT, async || {
        rest.iter().all(|name| followed.of(name).last() == Some(&(false, false))).then_some(())
    });
    opened.await.unwrap();
    for name in rest {
        assert_eq!(followed.of(name), [(false, true), (true, true), (false, false)], "{name}");
    }
    task::went_forward_alone(&site, "scaleup-2024-q3", 3).await;
    task::kubelets_live(&site).await;

    a_script_runs_on_machines(&site, first).await;
    roles_come_with_the_runner(&site, first, &all).await;
    dry_run::changes_nothing(&site, &first[0]).await;
    task::stands_still_while_a_name_is_taken(&site, &first[0]).await;
    task::takes_a_machine_out_once_somebody_else_agrees(&site, 2).await;
    a_machine_leaves_and_nothing_is_left(&site, &all[2]).await;
    what_does_not_fit_is_refused_before_it_begins(&site, first).await;
    a_bundle_is_tried_on_a_machine(&site).unwrap();
    site.record("hosts").await.unwrap();
}

/// One that may be run twice, and one that may not.
fn a_bundle_is_tried_on_a_machine(site: &Site) -> anyhow::Result<()> {
    let (folder, host) = (site.home.path(), &site.hosts.hosts()[0]);
    let file = |name: &str, text: String| -> anyhow::Result<String> {
        fs::write(folder.join(name), text)?;
        Ok(folder.join(name).display().to_string())
    };
    let known = file("known", site.hosts.known_hosts())?;
    let key = site.hosts.private_key().display();
    let inventory = format!(
        "[hosts]\n{0} ansible_user=root ansible_ssh_private_key_file={key} ansible_ssh_common_args='-o UserKnownHostsFile={known}'\n",
        host.address
    );
    let (inventory, variables) = (file("inventory", inventory)?, file("variables.yaml", "run: tried".into())?);
    let ansible = installed("ansible")?.join("bin/ansible-playbook").display().to_string();
    let tally = concat!(env!("CARGO_MANIFEST_DIR"), "/ansible/bundles/tally");
    let words = |folder: &str| {
        ["bundle", "test", folder, "-i", &inventory, "-e", &variables, "--ansible-playbook", &ansible]
            .map(str::to_owned)
    };
    let again = site.home.run(&words(tally).each_ref().map(String::as_str))?;
    let said = String::from_utf8(again.stdout)?;
    assert!(!again.status.success() && said.contains("it is not repeatable"), "{said}");

    let good = folder.join("good").display().to_string();
    site.home.print(&["bundle", "copy", "cordon", &good])?;
    fs::remove_file(folder.join("good/README.md"))?;
    fs::copy(format!("{tally}/bundle.yaml"), folder.join("good/bundle.yaml"))?;
    for step in ["first", "second"] {
        let play = format!(
            "- hosts: hosts\n  gather_facts: false\n  tasks:\n    - {{name: file, ansible.builtin.copy: {{content: '{{{{ run }}}}', dest: /var/lib/{step}}}}}\n"
        );
        fs::write(folder.join(format!("good/{step}.yml")), play)?;
    }
    let said = site.home.print(&words(&good).each_ref().map(String::as_str))?;
    let wanted = [
        "first          dry run   ok: 1 hosts, 1 changes",
        "first          killed    at its first change",
        "first          run       ok: 1 hosts, 0 changes",
        "first          again     ok: 1 hosts, 0 changes",
        "first          lost host ok: 2 hosts, 0 changes",
    ];
    assert!(wanted.iter().all(|line| said.contains(line)), "{said}");
    let linted = site.home.run(&["bundle", "lint", &good, "--strict", "--ansible-playbook", &ansible])?;
    assert!(!linted.status.success() && String::from_utf8(linted.stdout)?.contains("README.md: is missing"));
    Ok(())
}

/// Where an operation stands once it moves no more by itself.
pub(super) async fn ends(site: &Site, name: &str, spec: Value) -> Value {
    site.beidou("Operation", json!({"metadata": {"name": name}, "spec": spec})).await.unwrap();
    site.phase("Operation", name, &["Succeeded", "Failed", "Held", "Unknown"]).await.unwrap()
}

async fn a_script_runs_on_machines(site: &Site, machines: &[String]) {
    let status = ends(
        site,
        "mark",
        json!({
            "clusterName": "product-cluster", "operationType": "Command", "bundle": "command", "operationFlow": ["command"],
            "operationMachines": machines.iter().map(|ip| json!({"ip": ip})).collect::<Vec<_>>(),
            "parameters": {"script": "echo was here > /var/lib/mark"},
        }),
    );
    assert_eq!(status.await["phase"], "Succeeded");
    assert_eq!(site.hosts.print(1, "cat /var/lib/mark").unwrap(), "was here");
}

/// As those of Kubespray. Machines are in one group with the nodes that the cluster has, under the names of these.
async fn roles_come_with_the_runner(site: &Site, machines: &[String], nodes: &[String]) {
    let spec = |folder: &str| {
        json!({
            "clusterName": "product-cluster", "operationType": "Command", "bundle": "borrowed",
            "operationMachines": machines.iter().map(|ip| json!({"ip": ip})).collect::<Vec<_>>(),
            "parameters": {"folder": folder},
        })
    };
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/ansible/borrowed");
    assert_eq!(ends(site, "told", spec(here)).await["phase"], "Succeeded");
    let mut nodes = nodes.to_vec();
    nodes.sort();
    assert_eq!(site.hosts.print(1, "cat /var/lib/told").unwrap(), format!("{} of {}", machines[0], nodes.join(" ")));
    assert_eq!(ends(site, "nowhere", spec("/nowhere")).await["phase"], "Held");
    let (url, token) = site.home.target().unwrap();
    let ask = async |path: String| {
        let asked = http().get(format!("{url}/api/v1/operations{path}")).bearer_auth(&token).send().await.unwrap();
        asked.json::<Value>().await.unwrap()
    };
    let found = ask("?text=nowhere".into()).await;
    let hosts = ask(format!("/{}/hosts", found["items"][0]["id"].as_str().unwrap())).await.to_string();
    assert!(hosts.contains("/nowhere/ansible.cfg, which is not in the runner's image"), "{hosts}");
    // What is held keeps its locks for a while: others want the machine.
    let mut given_up = spec("/nowhere");
    given_up["cancel"] = true.into();
    site.beidou("Operation", json!({"metadata": {"name": "nowhere"}, "spec": given_up})).await.unwrap();
    site.phase("Operation", "nowhere", &["Cancelled"]).await.unwrap();
}

async fn a_machine_leaves_and_nothing_is_left(site: &Site, machine: &str) {
    let status = ends(
        site,
        "scaledown-2024",
        json!({
            "clusterName": "product-cluster", "operationType": "ScaleDown", "bundle": "node-remove",
            "operationFlow": ["preCheck", "cordon", "drain", "scaleDown", "deleteNode", "postCheck"],
            "operationMachines": [{"ip": machine}],
        }),
    );
    let status = status.await;
    assert_eq!(status["phase"], "Succeeded", "{status:#}");
    assert!(site.nodes().await.unwrap().iter().all(|(name, ..)| name != machine), "the Node is gone");
    assert_eq!(site.left_of_kubelet(3).unwrap(), "");
}

async fn what_does_not_fit_is_refused_before_it_begins(site: &Site, machines: &[String]) {
    let mut wrong = operation("scaleup-odd", machines)["spec"].clone();
    wrong["parameters"] = json!({"min_disk_mb": "plenty"});
    let status = ends(site, "scaleup-odd", wrong).await;
    assert_eq!(status["phase"], "Failed", "{status:#}");
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("parameters.min_disk_mb") && message.contains("integer"), "{message}");

    let mut without = operation("scaleup-bare", machines)["spec"].clone();
    without["secrets"] = json!([]);
    let status = ends(site, "scaleup-bare", without).await;
    assert_eq!(status["phase"], "Failed", "{status:#}");
    let message = status["message"].as_str().unwrap();
    assert!(message.contains("parameters.bootstrap_token") && message.contains("below secrets"), "{message}");
}
