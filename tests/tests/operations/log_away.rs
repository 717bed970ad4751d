//! The log in Kafka, whose broker is killed under an operation: what runs goes on, what it has to say waits, and what follows
//! begins once the log is there again.

use beidou_tests::{
    beidou::http,
    faults::site::Plan,
    installed::installed,
    kafka::Broker,
    machines::{KUBELET, LIMIT, Site},
    ssh_hosts::SshHosts,
    wait,
};
use serde_json::{Value, json};

use crate::broken_off::{acts, waiting};

#[tokio::test(flavor = "multi_thread")]
async fn a_step_outlives_the_broker_of_the_log_and_acts_once() {
    let mut broker = Broker::start().await.unwrap();
    let ansible = installed("ansible").unwrap().join("bin/ansible-playbook");
    let settings =
        json!({"log": Plan::kafka(&broker.address()), "controllers": {"local": {"ansible_playbook": ansible}}});
    let site = Site::set_up(SshHosts::start(2).unwrap(), settings, KUBELET.as_ref()).await.unwrap();
    let machines = site.addresses();
    let wish = json!({"metadata": {"name": "outage"}, "spec": waiting(&machines, 1)});
    site.beidou("Operation", wish).await.unwrap();

    // The step of the first machine ends while the log is away.
    has(&site, 1, "begun").await;
    broker.kill().unwrap();
    site.hosts.print(1, "touch /var/lib/go").unwrap();
    has(&site, 1, "begun\ndone").await;
    says_that_it_waits(&site, true).await;
    assert_eq!(acts(&site, 2), "", "what follows is a fact before it begins");
    broker.restart().await.unwrap();

    // That of the second one outlasts it.
    has(&site, 2, "begun").await;
    broker.kill().unwrap();
    broker.restart().await.unwrap();
    site.hosts.print(2, "touch /var/lib/go").unwrap();
    let ends = ["Succeeded", "Failed", "Held", "Unknown"];
    let status = site.phase("Operation", "outage", &ends).await.unwrap();
    assert_eq!(status["phase"], "Succeeded", "{status:#}");
    for number in [1, 2] {
        assert_eq!(acts(&site, number), "begun\ndone", "machine {number}");
    }
    let path = format!("/api/v1/operations/{}", site.id("Operation", "outage").await.unwrap());
    let found = get(&site, &path).await;
    let attempts = found["attempts"].as_array().unwrap().iter();
    let attempts: Vec<_> = attempts.map(|one| json!([one["batch"], one["number"], one["end"]])).collect();
    assert_eq!(attempts, [json!([0, 1, "finished"]), json!([1, 1, "finished"])], "{found:#}");
    let told = get(&site, &format!("{path}/log?limit=1000")).await;
    assert_eq!((&told["holes"], &told["next"]), (&json!([]), &json!(null)), "{told:#}");
    says_that_it_waits(&site, false).await;
}

/// The figure that rings where nothing is refused.
async fn says_that_it_waits(site: &Site, waits: bool) {
    let line = format!("beidou_log_waiting {}", u8::from(waits));
    wait::until(&line, LIMIT, async || {
        let (url, token) = site.home.target().ok()?;
        let answer = http().get(format!("{url}/metrics")).bearer_auth(token).send().await.ok()?;
        answer.text().await.ok()?.lines().any(|found| found == line).then_some(())
    })
    .await
    .unwrap();
}

async fn has(site: &Site, number: usize, wanted: &str) {
    let what = format!("machine {number} has {wanted:?}");
    wait::until(&what, LIMIT, async || (acts(site, number) == wanted).then_some(())).await.unwrap();
}

/// The API says nothing until it has read all that the log has.
async fn get(site: &Site, path: &str) -> Value {
    wait::until("the API has read the log", LIMIT, async || site.home.get(path).await.ok()).await.unwrap()
}
