//! The control plane that other tests stand on: a Deployment and a Job make Events, and rights are what they say.

use std::{collections::BTreeSet, time::Duration};

use beidou_tests::{
    control_plane::{Access, ControlPlane},
    wait::until,
};
use k8s_openapi::api::{apps::v1::Deployment, batch::v1::Job, core::v1::Event};
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use serde_json::{Value, json};

/// The controllers answer within a second or two; a starved machine may take far longer.
const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_deployment_and_a_job_make_events() {
    let control_plane = ControlPlane::start().await.unwrap();
    let admin = control_plane.client(Access::Admin).await.unwrap();
    let (deployments, jobs) = (Api::default_namespaced(admin.clone()), Api::default_namespaced(admin));
    deployments.create(&PostParams::default(), &deployment()).await.unwrap();
    jobs.create(&PostParams::default(), &job()).await.unwrap();

    let wanted: BTreeSet<_> =
        [("Deployment", "ScalingReplicaSet"), ("ReplicaSet", "SuccessfulCreate"), ("Job", "SuccessfulCreate")]
            .map(|(kind, reason)| (kind.to_owned(), reason.to_owned()))
            .into();
    let events = Api::<Event>::all(control_plane.client(Access::Reader).await.unwrap());
    until("each kind has its Event", LIMIT, async || {
        let list = events.list(&ListParams::default()).await.expect("the reader may list Events");
        let seen = list.items.into_iter().filter_map(|event| Some((event.involved_object.kind?, event.reason?)));
        wanted.is_subset(&seen.collect()).then_some(())
    })
    .await
    .unwrap();

    rights_are_what_they_say(&control_plane).await;
    control_plane.stop();
}

async fn rights_are_what_they_say(control_plane: &ControlPlane) {
    for (access, may_create) in [(Access::Admin, true), (Access::Collector, true), (Access::Reader, false)] {
        let events =
            Api::<Event>::default_namespaced(control_plane.client(access).await.expect("its kubeconfig is there"));
        let created = events.create(&PostParams::default(), &heartbeat(access)).await;
        match created {
            Ok(_) => assert!(may_create, "{access:?} must not create Events"),
            Err(kube::Error::Api(status)) => assert!(!may_create && status.code == 403, "{access:?}: {status:?}"),
            Err(error) => panic!("{access:?}: {error:?}"),
        }
    }
}

fn heartbeat(access: Access) -> Event {
    read(json!({
        "metadata": {"generateName": "heartbeat-"},
        "involvedObject": {"kind": "Namespace", "name": "default", "namespace": "default"},
        "reason": "Heartbeat",
        "message": access.name(),
    }))
}

fn deployment() -> Deployment {
    read(json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container()]}},
        },
    }))
}

fn job() -> Job {
    read(json!({
        "metadata": {"name": "report"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container()]}}},
    }))
}

fn container() -> Value {
    json!({"name": "main", "image": "example.invalid/nothing:1"})
}

fn read<T: serde::de::DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).expect("the object above is of this type")
}
