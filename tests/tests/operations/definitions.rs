//! A real API server takes the definitions, and keeps their rules by itself: good manifests pass, bad ones are refused with
//! what is wrong.

use std::time::Duration;

use beidou_crds::{AutoOperationTask, Cluster, GROUP, Operation, definitions};
use beidou_tests::{
    control_plane::{Access, ControlPlane},
    wait,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client,
    api::{DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams},
    discovery::ApiResource,
};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(120);

fn operation() -> Value {
    json!({
        "clusterName": "product-cluster",
        "operationType": "ScaleUp",
        "operationFlow": ["preCheck", "scaleUp", "postCheck"],
        "operationMachines": [{"ip": "10.0.0.11", "role": "Compute", "user": "admin", "vars": {"rack": "7"}}],
        "parameters": {"grace_s": 30},
    })
}

fn task() -> Value {
    let steps = ["ScaleUpPreCheck", "ScaleUpWorkprocess", "ScaleUp", "UncordonNodes", "ScaleUpSubWorkprocess"];
    json!({
        "cluster": "cluster-example",
        "clusterType": "native",
        "operationIds": ["scale-up"],
        "operationTaskMachines": [{"name": "10.0.0.11"}, {"name": "10.0.0.12"}],
        "operationTaskStep": steps.map(|step| json!({"step": step})),
        "operationTaskType": "ScaleUp",
    })
}

fn cluster() -> Value {
    json!({
        "server": "https://10.0.0.1:6443",
        "credentials": {"token": {"name": "target", "key": "token"}},
        "ssh": {"user": "admin", "privateKey": {"name": "ssh", "key": "id"}, "knownHosts": "10.0.0.11 ssh-ed25519 AAAA"},
        "windows": [
            {"days": [6, 7], "start": "22:30", "minutes": 120},
            {"start": "22:30", "minutes": 60, "timeZone": "Europe/Berlin"},
            {"start": "22:30", "minutes": 60, "utcOffsetMinutes": 480},
        ],
        "freezes": [{"from": "2026-12-24T00:00:00Z", "until": "2026-12-27T00:00:00Z", "why": "holidays"}],
    })
}

/// Kind, what is changed in a good one, and what the refusal says.
fn bad() -> Vec<(&'static str, Value, Value, &'static str)> {
    let (o, t, c) = ("Operation", "AutoOperationTask", "Cluster");
    let twice = json!([{"ip": "10.0.0.11"}, {"ip": "10.0.0.11"}]);
    let token = json!({"name": "a", "key": "b"});
    vec![
        (o, operation(), json!({"clusterName": null}), "clusterName"),
        (o, operation(), json!({"operationType": "ScaleSideways"}), "NodeRemove"),
        (o, operation(), json!({"operationFlow": ["a", "a"]}), "stands in operationFlow once"),
        (o, operation(), json!({"operationFlow": ["a b"]}), "operationFlow[0]"),
        (o, operation(), json!({"operationMachines": []}), "should have at least 1 items"),
        (o, operation(), json!({"operationMachines": twice}), "Duplicate value"),
        (o, operation(), json!({"operationMachines": [{"name": "a"}, {"name": "a"}]}), "Duplicate value"),
        (o, operation(), json!({"operationMachines": [{"role": "Compute"}]}), "an ip, or the name of its node"),
        (o, operation(), json!({"operationMachines": [{"ip": "host; rm -rf"}]}), "ip"),
        (o, operation(), json!({"ignoreWindows": true}), "goes with requireApproval"),
        (o, operation(), json!({"batches": {"size": 0}}), "greater than or equal to 1"),
        (t, task(), json!({"operationTaskStep": [{"step": "ScaleUpPrechek"}]}), "ScaleUpSubWorkprocess"),
        (t, task(), json!({"operationTaskStep": [{"step": "ScaleUp"}, {"step": "ScaleUp"}]}), "operationTaskStep once"),
        (t, task(), json!({"operationIds": []}), "should have at least 1 items"),
        (t, task(), json!({"operationIds": ["scale-up", "scale-up"]}), "stands in operationIds once"),
        (
            t,
            task(),
            json!({"operationIds": ["a", "b", "c", "d", "e", "f", "g", "h", "i"]}),
            "must have at most 8 items",
        ),
        (t, task(), json!({"operationTaskMachines": [{"name": "10.0.0.1"}, {"name": "10.0.0.1"}]}), "Duplicate value"),
        (t, task(), json!({"workprocess": {"mode": "webhook"}}), "needs the name of a webhook"),
        (c, cluster(), json!({"server": null}), "needs the server"),
        (c, cluster(), json!({"server": "http://10.0.0.1"}), "server"),
        (c, cluster(), json!({"credentials": {"token": token, "kubeconfig": token}}), "either kubeconfig or token"),
        (c, cluster(), json!({"windows": [{"start": "24:00", "minutes": 5}]}), "start"),
        (
            c,
            cluster(),
            json!({"windows": [{"start": "22:00", "minutes": 5, "timeZone": "UTC", "utcOffsetMinutes": 0}]}),
            "either timeZone or utcOffsetMinutes",
        ),
        (
            c,
            cluster(),
            json!({"freezes": [{"from": "2026-12-27T00:00:00Z", "until": "2026-12-24T00:00:00Z", "why": "x"}]}),
            "ends after it begins",
        ),
    ]
}

fn changed(mut spec: Value, change: &Value) -> Value {
    for (key, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(spec.as_object_mut().unwrap().remove(key)),
            _ => spec[key] = value.clone(),
        }
    }
    spec
}

fn api(client: &Client, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(GROUP, "v1alpha1", kind));
    Api::namespaced_with(client.clone(), "default", &resource)
}

fn object(kind: &str, name: &str, spec: Value) -> DynamicObject {
    let whole =
        json!({"apiVersion": format!("{GROUP}/v1alpha1"), "kind": kind, "metadata": {"name": name}, "spec": spec});
    serde_json::from_value(whole).unwrap()
}

async fn install(admin: &Client) {
    let crds = Api::<CustomResourceDefinition>::all(admin.clone());
    for (_, definition) in definitions() {
        let name = definition.metadata.name.clone().unwrap();
        crds.patch(&name, &PatchParams::apply("test"), &Patch::Apply(&definition)).await.unwrap();
    }
    for (_, definition) in definitions() {
        let name = definition.metadata.name.clone().unwrap();
        wait::until("the kind is established", LIMIT, async || {
            let conditions = crds.get(&name).await.ok()?.status?.conditions?;
            conditions.iter().any(|one| one.type_ == "Established" && one.status == "True").then_some(())
        })
        .await
        .unwrap();
    }
}

fn refusal<T: std::fmt::Debug>(result: Result<T, kube::Error>, what: &str) -> String {
    match result {
        Err(kube::Error::Api(status)) => status.message.clone(),
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test]
async fn the_api_server_keeps_the_rules() {
    let control_plane = ControlPlane::start().await.unwrap();
    let admin = control_plane.client(Access::Admin).await.unwrap();
    install(&admin).await;
    let once = PostParams::default();
    for (kind, spec) in [("Operation", operation()), ("AutoOperationTask", task()), ("Cluster", cluster())] {
        wait::until("the kind is served", LIMIT, async || {
            match api(&admin, kind).create(&once, &object(kind, "good", spec.clone())).await {
                Ok(_) => Some(()),
                Err(kube::Error::Api(status)) if status.code == 404 => None,
                Err(error) => panic!("{kind}: {error}"),
            }
        })
        .await
        .unwrap();
    }
    for (number, (kind, good, change, expected)) in bad().into_iter().enumerate() {
        let one = object(kind, &format!("bad-{number}"), changed(good, &change));
        let message = refusal(api(&admin, kind).create(&once, &one).await, &format!("{kind} {change}"));
        assert!(message.contains(expected), "{kind} {change}: {message}");
    }
    // The types read what the server took.
    Api::<Operation>::default_namespaced(admin.clone()).get("good").await.unwrap().spec.wish().unwrap();
    Api::<AutoOperationTask>::default_namespaced(admin.clone()).get("good").await.unwrap().spec.wish().unwrap();
    Api::<Cluster>::default_namespaced(admin.clone()).get("good").await.unwrap().spec.rules(0).unwrap();
    what_was_taken_up_is_fixed(&admin).await;
    control_plane.stop();
}

async fn what_was_taken_up_is_fixed(admin: &Client) {
    let merge = PatchParams::default();
    for (kind, edits) in [
        (
            "Operation",
            vec![
                json!({"operationMachines": [{"ip": "10.0.0.9"}]}),
                json!({"operationMachines": [{"ip": "10.0.0.11", "role": "Compute", "user": "admin", "vars": {"rack": "8"}}]}),
                json!({"parameters": {"grace_s": 0}}),
                json!({"parameters": {"force": true}}),
                json!({"parameters": null}),
                json!({"dryRun": true}),
                json!({"bundle": "b"}),
            ],
        ),
        (
            "AutoOperationTask",
            vec![
                json!({"operationTaskStep": [{"step": "ScaleUp"}]}),
                json!({"parameters": {"grace_s": 0}}),
                json!({"batches": {"size": 3}}),
            ],
        ),
    ] {
        let api = api(admin, kind);
        let edit = |change: &Value| Patch::Merge(json!({"spec": change}));
        // Before it is taken up it may change; a label may always.
        api.patch("good", &merge, &edit(&json!({"suspend": true}))).await.unwrap();
        api.patch_status("good", &merge, &Patch::Merge(json!({"status": {"phase": "Pending"}}))).await.unwrap();
        for change in edits {
            let message = refusal(api.patch("good", &merge, &edit(&change)).await, &format!("{kind} {change}"));
            assert!(message.contains("spec cannot change once"), "{change}: {message}");
        }
        api.patch("good", &merge, &edit(&json!({"suspend": false}))).await.unwrap();
        api.patch("good", &merge, &edit(&json!({"cancel": true}))).await.unwrap();
        let message = refusal(api.patch("good", &merge, &edit(&json!({"cancel": false}))).await, kind);
        assert!(message.contains("cancel cannot be taken back"), "{message}");
        api.patch("good", &merge, &Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}}))).await.unwrap();
    }
}
