//! `node-join` from the first look to the last, and what it says of machines that do not fit.

use std::net::TcpListener;

use beidou_playbooks::{Bundle, shipped};
use beidou_schemas::runner::{Assignment, Ended, HostState, TaskEventKind};
use serde_json::json;

use crate::{
    site::{Site, finish, states},
    ssh_hosts::Fault,
};

const KUBELET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/ansible/kubelet");

fn bundle() -> Bundle {
    shipped("node-join").unwrap().unwrap()
}

fn assignment(site: &Site, api: &TcpListener, step: &str) -> Assignment {
    let bundle = bundle();
    let given = json!({
        "api_server": format!("https://{}", api.local_addr().unwrap()),
        "cluster_ca": "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n",
        "kubelet_from": "runner", "kubelet_source": KUBELET, "kubelet_path": "/usr/local/bin/kubelet",
        "runtime_endpoint": "unix:///dev/null", "min_disk_mb": 50, "min_inodes": 1000, "max_skew_s": 5,
    });
    let secrets = ["bootstrap_token".to_owned()].into();
    let checked = bundle.parameters(given.as_object().unwrap(), &secrets).unwrap();
    let mut assignment = site.assignment(&bundle, step, checked.plain.into());
    assignment.secrets = vec![site.secret("bootstrap_token", "abcdef.0123456789abcdef\n")];
    assignment
}

fn api(site: &Site) -> TcpListener {
    TcpListener::bind((site.hosts.gateway(), 0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_machines_join_and_a_second_run_changes_nothing() {
    let site = Site::new(3).unwrap();
    let api = api(&site);
    for step in ["preCheck", "prepare", "scaleUp", "postCheck"] {
        let door = site.run(assignment(&site, &api, step)).await.unwrap();
        let end = finish(&door);
        let output = door.look(|attempt| attempt.output());
        assert_eq!(states(&door), vec![(HostState::Ok, String::new()); 3], "{step}: {output}");
        assert_eq!((end.ended, end.exit), (Ended::Stats, Some(0)), "{step}");
        assert!(output.contains("PLAY RECAP"), "{output}");
        assert_eq!(["prepare", "scaleUp"].contains(&step), end.hosts.values().all(|host| host.changed > 0), "{step}");
        let kinds = |kind| door.look(|attempt| attempt.events.iter().filter(|event| event.kind == kind).count());
        assert_eq!(kinds(TaskEventKind::Stats), 1);
        assert!(kinds(TaskEventKind::HostStart) >= if step == "prepare" { 3 } else { 6 }, "{step}");
        assert!(!format!("{output}{:?}", door.look(|attempt| attempt.events.clone())).contains("0123456789abcdef"));
    }
    let again = site.run(assignment(&site, &api, "scaleUp")).await.unwrap();
    assert!(
        finish(&again).hosts.values().all(|host| host.state == HostState::Ok && host.changed == 0),
        "{:?}",
        finish(&again)
    );
    for number in 1..=3 {
        let running = site.hosts.print(number, "pgrep -cf '^[^ ]*python3 /usr/local/bin/kubelet'").unwrap();
        assert_eq!(running, "1");
        assert_eq!(site.hosts.print(number, "stat -c %a /etc/kubernetes/kubelet.conf").unwrap(), "600");
    }
    let left = site.run(assignment(&site, &api, "leave")).await.unwrap();
    assert_eq!(states(&left), vec![(HostState::Ok, String::new()); 3]);
    // The shell that asks has the pattern in its own words, and must not match it.
    let left = "ls /etc/kubernetes; pgrep -cf '[/]usr/local/bin/kubelet' || true";
    assert_eq!(site.hosts.print(1, left).unwrap(), "manifests\n0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_all_that_is_wrong_with_each_machine() {
    let mut site = Site::new(3).unwrap();
    let api = api(&site);
    site.hosts.fault(1, Fault::Fill).unwrap();
    site.hosts
        .print(2, "mkdir -p /etc/kubernetes; echo '    server: https://other:6443' > /etc/kubernetes/kubelet.conf")
        .unwrap();
    let mut assignment = assignment(&site, &api, "preCheck");
    let twin = assignment.inventory.hosts["host3"].clone();
    assignment.inventory.hosts.insert("twin".into(), twin);
    assignment.inventory.groups.get_mut("new").unwrap().push("twin".into());
    assignment.limit.push("twin".into());
    assignment.variables.insert("min_memory_mb".into(), json!(1_000_000_000));
    // No clock is that near.
    assignment.variables.insert("max_skew_s".into(), json!(-1));
    let door = site.run(assignment).await.unwrap();
    let hosts = finish(&door).hosts;
    let items = |host: &str| {
        door.look(|attempt| {
            let failed = attempt
                .events
                .iter()
                .filter(|event| event.kind == TaskEventKind::Item && event.host.as_deref() == Some(host));
            failed.filter_map(|event| event.code.clone()).collect::<Vec<_>>()
        })
    };
    assert!(hosts.values().all(|host| host.state == HostState::Failed && host.remedy.is_some()), "{hosts:?}");
    assert_eq!(items("host1"), ["memory-small", "disk-space", "clock-skew"]);
    assert_eq!(items("host2"), ["memory-small", "clock-skew", "other-cluster"]);
    assert_eq!(items("host3"), ["memory-small", "clock-skew", "address-duplicate", "machine-duplicate"]);
    assert_eq!(items("twin"), items("host3"));
    let message = hosts["host2"].message.clone().unwrap();
    assert!(message.contains("https://other:6443") && message.contains("1000000000"), "{message}");
}

/// A kubelet writes its credentials, and answers, before it has the certificate that they name.
#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_its_certificate_has_not_joined_and_joins_when_it_has() {
    let site = Site::new(1).unwrap();
    let api = api(&site);
    site.hosts.print(1, "touch /etc/no-certificate").unwrap();
    site.run(assignment(&site, &api, "prepare")).await.unwrap();
    let mut join = assignment(&site, &api, "scaleUp");
    join.variables.insert("start_limit_s".into(), json!(10));
    let door = site.run(join).await.unwrap();
    assert_eq!(states(&door), [(HostState::Failed, "bootstrap-refused".to_owned())]);
    let credentials = "ls /etc/kubernetes | grep conf";
    assert_eq!(site.hosts.print(1, credentials).unwrap(), "bootstrap-kubelet.conf\nkubelet.conf", "it may ask again");

    site.hosts.print(1, "rm /etc/no-certificate").unwrap();
    let door = site.run(assignment(&site, &api, "scaleUp")).await.unwrap();
    assert_eq!(states(&door), [(HostState::Ok, String::new())]);
    assert_eq!(site.hosts.print(1, credentials).unwrap(), "kubelet.conf");
}
