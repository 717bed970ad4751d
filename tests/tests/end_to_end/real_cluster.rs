//! A real cluster: what its API server lists is found by the command line, by the API and by SQL, every state of it.

use std::{collections::BTreeSet, time::Duration};

use beidou_tests::{
    beidou::Home,
    control_plane::{Access, ControlPlane},
    wait::until,
};
use k8s_openapi::api::{apps::v1::Deployment, batch::v1::Job, core::v1::Event};
use kube::{
    Api, Client,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

/// From the commit in etcd to the answer takes a second; a starved machine may take far longer.
const LIMIT: Duration = Duration::from_secs(120);

type States = BTreeSet<(String, String)>;

#[tokio::test(flavor = "multi_thread")]
async fn every_event_of_a_real_cluster_is_found() {
    let control_plane = ControlPlane::start().await.unwrap();
    let admin = control_plane.client(Access::Admin).await.unwrap();
    let mut home = Home::new().unwrap();
    let kubeconfig = control_plane.kubeconfig(Access::Collector);
    home.serve(&["up", "--kubeconfig", kubeconfig.to_str().unwrap()]).await.unwrap();

    let deployments = Api::<Deployment>::default_namespaced(admin.clone());
    deployments.create(&PostParams::default(), &deployment()).await.unwrap();
    Api::<Job>::default_namespaced(admin.clone()).create(&PostParams::default(), &job()).await.unwrap();
    let made = |reason: &'static str, count| listed_with(&admin, reason, count);
    made("SuccessfulCreate", 3).await;
    for (replicas, reason, count) in [(5, "SuccessfulCreate", 6), (1, "SuccessfulDelete", 4)] {
        let scale = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        deployments.patch("web", &PatchParams::default(), &scale).await.unwrap();
        made(reason, count).await;
    }
    let wanted = made("ScalingReplicaSet", 3).await;
    let wanted: States = wanted.iter().map(state).collect();

    let found = until("beidou events has them all", LIMIT, async || {
        let lines = home.print(&["events", "--since", "1h", "--limit", "1000", "-o", "ndjson"]).ok()?;
        let found: States =
            lines.lines().map(|line| item(&serde_json::from_str(line).expect("a line is JSON"))).collect();
        wanted.is_subset(&found).then_some(found)
    });
    let found = found.await.unwrap_or_else(|overdue| panic!("{overdue}\n{}", home.log()));
    let page = home.get("/api/v1/events?from=-1h&limit=1000").await.unwrap();
    let by_api: States = page["items"].as_array().unwrap().iter().map(item).collect();
    let rows = home.sql("SELECT event_uid, resource_version FROM kube_event").await.unwrap();
    let by_sql: States =
        rows.iter().filter_map(|row| row.split_once('\t')).map(|(u, v)| (u.into(), v.into())).collect();
    assert!(wanted.is_subset(&by_api) && wanted.is_subset(&by_sql), "{wanted:?}\n{by_api:?}\n{by_sql:?}");
    assert_eq!(rows.len(), by_sql.len(), "no state is stored twice");
    assert!(found.is_subset(&by_sql));

    the_rest_of_the_story(&home, &admin).await;
    control_plane.stop();
}

/// A kubeconfig can prove an identity by certificate, token or plugin; the plugin's turn is above. One cluster is collected
/// twice here, under two ids, and one of the two has no right to write a heartbeat.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_and_a_token_without_rights_both_collect() {
    let control_plane = ControlPlane::start().await.unwrap();
    let mut home = Home::new().unwrap();
    let cluster = |access: Access| json!({"name": access.name(), "id": access.name(), "kubeconfig": control_plane.kubeconfig(access)});
    let config = home.path().join("site.yaml");
    let site = json!({"clusters": [cluster(Access::Admin), cluster(Access::Reader)], "ingest": {"heartbeat_ms": 1000}});
    std::fs::write(&config, site.to_string()).unwrap();
    home.serve(&["up", "--config", config.to_str().unwrap()]).await.unwrap();

    let admin = control_plane.client(Access::Admin).await.unwrap();
    Api::<Job>::default_namespaced(admin.clone()).create(&PostParams::default(), &job()).await.unwrap();
    let wanted: States = listed_with(&admin, "SuccessfulCreate", 1).await.iter().map(state).collect();
    for access in [Access::Admin, Access::Reader] {
        let found = until("the cluster's Events are found under this identity", LIMIT, async || {
            let lines = home.print(&["events", "--since", "1h", "-c", access.name(), "-o", "ndjson"]).ok()?;
            let found: States = lines.lines().map(|line| item(&serde_json::from_str(line).expect("JSON"))).collect();
            wanted.is_subset(&found).then_some(())
        });
        found.await.unwrap_or_else(|overdue| panic!("{}: {overdue}\n{}", access.name(), home.log()));
    }
    let told = home.log();
    assert!(told.contains("heartbeat") && told.contains("create"), "the missing right is not named: {told}");
    control_plane.stop();
}

/// The rebuilt JSON is the API server's, the timeline tells of the object, and the range says how complete it is.
async fn the_rest_of_the_story(home: &Home, admin: &Client) {
    // The API looks for new clusters once a second, and rows of coverage come by a way of their own.
    let cluster = until("the API knows the cluster", LIMIT, async || {
        let first = home.get("/api/v1/clusters").await.ok()?["items"][0].clone();
        first["cluster"].as_str().or_else(|| first["name"].as_str()).map(str::to_owned)
    });
    let cluster = cluster.await.unwrap();
    let timeline = home.print(&["timeline", "deployment/web", "-n", "default", "--since", "1h"]).unwrap();
    assert!(timeline.contains("ScalingReplicaSet"), "{timeline}");
    for theirs in raw(admin).await {
        let path = format!("/api/v1/events/{cluster}/{}", theirs["metadata"]["uid"].as_str().unwrap());
        let states = until("its states are found", LIMIT, async || home.get(&path).await.ok()).await.unwrap();
        let ours = states["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|item| item["object"]["metadata"]["resourceVersion"] == theirs["metadata"]["resourceVersion"]);
        assert_eq!(ours.unwrap()["object"], theirs, "the rebuilt JSON is not the API server's");
    }
    let coverage = home.print(&["coverage", "--since", "1h"]).unwrap();
    assert!(coverage.contains("degraded") || coverage.contains("unknown"), "before the first list: {coverage}");
}

/// All Events, once so many have this reason.
async fn listed_with(client: &Client, reason: &str, count: usize) -> Vec<Event> {
    let what = format!("the cluster has {count} Events with reason {reason}");
    let enough = until(&what, LIMIT, async || {
        let listed = listed(client).await;
        (listed.iter().filter(|event| event.reason.as_deref() == Some(reason)).count() >= count).then_some(listed)
    });
    enough.await.unwrap()
}

async fn listed(client: &Client) -> Vec<Event> {
    let list = Api::<Event>::all(client.clone()).list(&ListParams::default()).await.expect("the admin may list Events");
    list.items.into_iter().filter(|event| event.reason.as_deref() != Some("BeidouHeartbeat")).collect()
}

/// The Events as the API server writes them; a list leaves out what a single object says of its kind.
async fn raw(client: &Client) -> Vec<Value> {
    let request = http::Request::get("/api/v1/namespaces/default/events").body(Vec::new()).unwrap();
    let list: Value = client.request(request).await.unwrap();
    let mut items = list["items"].as_array().unwrap().clone();
    items.retain(|item| item["reason"] != "BeidouHeartbeat");
    for item in &mut items {
        item["kind"] = "Event".into();
        item["apiVersion"] = "v1".into();
        item["metadata"].as_object_mut().unwrap().remove("managedFields");
    }
    items
}

fn state(event: &Event) -> (String, String) {
    let field = |field: &Option<String>| field.clone().expect("the API server sets it");
    (field(&event.metadata.uid), field(&event.metadata.resource_version))
}

fn item(item: &Value) -> (String, String) {
    let field = |name: &str| item[name].as_str().unwrap_or_else(|| panic!("{name} in {item}")).to_owned();
    (field("uid"), field("resource_version"))
}

fn deployment() -> Deployment {
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container()]}});
    let spec = json!({"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template});
    serde_json::from_value(json!({"metadata": {"name": "web"}, "spec": spec})).expect("a Deployment")
}

fn job() -> Job {
    let spec = json!({"template": {"spec": {"restartPolicy": "Never", "containers": [container()]}}});
    serde_json::from_value(json!({"metadata": {"name": "report"}, "spec": spec})).expect("a Job")
}

fn container() -> Value {
    json!({"name": "main", "image": "example.invalid/nothing:1"})
}
