//! Tasks: their operations, made one after the other.

use std::fs;

use beidou_controllers::{
    ControllersError,
    config::Webhook,
    fault::{Faults, Point},
};
use beidou_playbooks::Place;
use beidou_schemas::operation::{
    Object, Phase, Reason, TaskId,
    command::RequestTask,
    fact::{Body, Fact},
};
use uuid::Uuid;

use crate::support::{ApiServer, Site, finished};

const GROW: &str = "
apiVersion: beidou.io/v1
kind: Bundle
name: grow
version: 1.0.0
operationType: ScaleUp
description: A check and a change that do nothing.
runner: command
lock: none
targetApi: none
groups:
  hosts: {from: machines, min: 1, max: 500}
parameters: {type: object, additionalProperties: false, properties: {}}
flow: [preCheck, grow]
steps:
  - {name: preCheck, command: run.sh, limit: hosts, mutates: false, deadline: 10m, retry: host}
  - {name: grow, command: run.sh, limit: hosts, mutates: true, deadline: 10m, retry: host}
";

fn is_over(fact: &Fact) -> bool {
    matches!((fact.object, &fact.body), (Object::Task(_), Body::Finished(_) | Body::Refused(_)))
}

/// A site with a bundle for ScaleUp beside `probe`, whose controllers know the cluster `k`.
async fn site() -> (Site, ApiServer) {
    let (mut site, server) = (Site::new(), ApiServer::start().await);
    let bundle = site.folder.path().join("grow");
    fs::create_dir(&bundle).unwrap();
    fs::write(bundle.join("bundle.yaml"), GROW).unwrap();
    fs::write(bundle.join("run.sh"), "#!/bin/sh\n").unwrap();
    site.config.bundles.push(Place::Path(bundle));
    site.knows(&server, "k");
    let (run, stop) = site.start(Faults::default());
    site.known("k").await;
    stop.cancel();
    run.await.unwrap().unwrap();
    (site, server)
}

async fn ask(site: &Site, first: &str) {
    let spec = serde_json::json!({
        "cluster": "k", "operationIds": ["grow", "probe"], "operationTaskType": "ScaleUp",
        "operationTaskMachines": [{"name": "10.0.0.1"}, {"name": "10.0.0.2"}],
        "operationTaskStep": [{"step": first}, {"step": "ScaleUp"}],
        "batches": {"canary": 0, "soakSeconds": 0, "size": 100},
        "workprocess": {"mode": "webhook", "webhook": "tickts"},
    });
    let request = RequestTask { name: "n/q3".into(), spec: serde_json::from_value(spec).unwrap(), why: String::new() };
    site.ask(Object::Task(TaskId(Uuid::from_u128(9))), "alice", request.into()).await;
}

#[tokio::test]
async fn each_bundle_has_its_operation_over_a_crash_at_any_fail_point() {
    for point in Point::ALL {
        // Of these bundles controllers do nothing themselves.
        if matches!(point, Point::BeforeApi | Point::AfterApi) {
            continue;
        }
        for times in [1, 3] {
            let (site, _server) = site().await;
            ask(&site, "ScaleUpPreCheck").await;
            let (run, stop) = site.start(Faults::at(point, times));
            let crashed = tokio::select! {
                ended = run => matches!(ended.unwrap().unwrap_err(), ControllersError::FailPoint(_)),
                _ = site.facts_until(is_over) => false,
            };
            assert!(crashed, "{} {times}: never reached", point.name());
            stop.cancel();
            let (run, stop) = site.start(Faults::default());
            let facts = site.facts_until(is_over).await;
            assert_eq!(finished(&facts), Phase::Succeeded, "{} {times}", point.name());
            let made = facts.iter().filter_map(|fact| match &fact.body {
                Body::Accepted(accepted) => Some(&*accepted.name),
                _ => None,
            });
            let wanted = ["n/q3-scaleupprecheck-grow", "n/q3-scaleup-grow", "n/q3-scaleup-probe"];
            assert_eq!(made.collect::<Vec<_>>(), wanted, "{} {times}", point.name());
            let done = site.runners.done.lock().unwrap().clone();
            assert_eq!((done.len(), done.values().max()), (4, Some(&1)), "{} {times}", point.name());
            stop.cancel();
            run.await.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn a_webhook_that_nobody_configured_holds_its_task_at_once_with_those_that_are_known() {
    let (mut site, _server) = site().await;
    let secret_file = site.folder.path().join("tickets");
    fs::write(&secret_file, "0123456789abcdef").unwrap();
    let url = "https://tickets.example".to_owned();
    site.config.webhooks.push(Webhook { name: "tickets".into(), url, secret_file });
    ask(&site, "ScaleUpWorkprocess").await;
    let (run, stop) = site.start(Faults::default());
    // A message that is not taken is sent again in a minute; this one is not.
    let is_settled = |fact: &Fact| match &fact.body {
        Body::NotifyFailed(failed) => !failed.for_good,
        body => matches!(body, Body::Held(_)),
    };
    let facts = site.facts_until(is_settled).await;
    let Body::Held(held) = &facts.last().unwrap().body else { panic!("{:?}", facts.last()) };
    let wanted = "no webhook is called \"tickts\"; those of `controllers.webhooks`: tickets";
    assert_eq!((held.reason, held.message.ends_with(wanted)), (Reason::WebhookFailed, true), "{}", held.message);
    stop.cancel();
    run.await.unwrap().unwrap();
}
