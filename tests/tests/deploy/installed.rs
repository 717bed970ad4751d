//! The chart in a real API server: it is taken, its pods are admitted at the strictest level, its rights are those needed.

use std::time::Duration;

use beidou_tests::{
    control_plane::{Access, ControlPlane},
    helm::{CI, Helm, chart, deploy},
    wait::until,
};
use k8s_openapi::{
    api::{
        authorization::v1::SubjectAccessReview,
        core::v1::{Namespace, Pod},
        rbac::v1::ClusterRole,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, PostParams},
};
use serde_json::{Value, json};

/// A controller makes a Pod in a second; a starved machine may take far longer.
pub const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn helm_3_installs_changes_and_removes_it() {
    installs_every_kind("helm3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_4_installs_changes_and_removes_it() {
    installs_every_kind("helm4").await;
}

async fn installs_every_kind(version: &str) {
    let helm = Helm::all().unwrap().into_iter().find(|helm| helm.name() == version).unwrap();
    let control_plane = ControlPlane::start().await.unwrap();
    let admin = control_plane.client(Access::Admin).await.unwrap();
    namespace(&admin, "beidou-heartbeat", &[]).await;
    namespace(&admin, "beidou-system", &["enforce", "warn"]).await;
    let mut defined = false;
    for (values, file) in CI {
        // Those that another installation has left are taken over where that is said.
        let install: &[&str] = if defined { &["--take-ownership"] } else { &[] };
        installs_changes_removes(&helm, &control_plane, (values, file), install).await;
        defined |= ["fleet", "operating"].contains(&values);
        definitions_stay(&admin, defined).await;
    }
    control_plane.stop();
}

async fn installs_changes_removes(
    helm: &Helm,
    control_plane: &ControlPlane,
    (values, file): (&str, &str),
    install: &[&str],
) {
    let admin = &control_plane.client(Access::Admin).await.unwrap();
    let place = format!("{}-{values}", helm.name());
    namespace(admin, &place, &["enforce", "warn"]).await;
    let act = |act: &str, more: &[&str]| {
        let files = [chart(), deploy(file), control_plane.kubeconfig(Access::Admin)]
            .map(|path| path.to_string_lossy().into_owned());
        let all = [act, "beidou", &files[0], "-f", &files[1], "--kubeconfig", &files[2], "-n", &place];
        let output = helm.run(&[&all, more].concat()).unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{place}: {act}: {told}");
        assert!(!told.contains("would violate PodSecurity"), "{place}: {act}: {told}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let notes = act("install", install);
    let token = "exec statefulset/beidou -- beidou token --data /var/lib/beidou";
    assert_eq!(notes.contains(token), ["embedded", "operating"].contains(&values), "{place}: {notes}");
    if values == "fleet" {
        // Two of ingest, one projector, two of query-api, one of controllers.
        admitted(admin, &place, 6).await;
    }
    rights(admin, &place, values).await;
    act("upgrade", &["--set", "ownCluster.heartbeat=false"]);
    let account = format!("system:serviceaccount:{place}:{}", watcher(values));
    allowed(admin, &account, "create", ("", "events"), heartbeat(values), false).await;

    let kubeconfig = control_plane.kubeconfig(Access::Admin);
    helm.print(&["uninstall", "beidou", "-n", &place, "--kubeconfig", kubeconfig.to_str().unwrap()]).unwrap();
    let roles = Api::<ClusterRole>::all(admin.clone()).list(&ListParams::default()).await.unwrap();
    assert!(roles.iter().all(|role| !role.metadata.name.as_deref().unwrap().starts_with("beidou")));
}

/// Once there, they stay: their resources would go with them. What is installed next finds them.
async fn definitions_stay(admin: &Client, expected: bool) {
    let found = Api::<CustomResourceDefinition>::all(admin.clone()).list(&ListParams::default()).await.unwrap().items;
    let ours: Vec<_> = found.iter().map(|one| one.name_any()).filter(|name| name.ends_with("beidou.io")).collect();
    assert_eq!(ours.len(), if expected { 3 } else { 0 }, "{ours:?}");
}

/// A namespace of this name, with the modes of Pod Security at the level `restricted`.
pub async fn namespace(admin: &Client, name: &str, modes: &[&str]) {
    let label = |mode: &&str| (format!("pod-security.kubernetes.io/{mode}"), Value::from("restricted"));
    let labels: serde_json::Map<_, _> = modes.iter().map(label).collect();
    let namespace = serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}})).unwrap();
    Api::<Namespace>::all(admin.clone()).create(&PostParams::default(), &namespace).await.unwrap();
}

/// The pods of all workloads are made: nothing in them is refused.
async fn admitted(admin: &Client, place: &str, count: usize) {
    let pods = Api::<Pod>::namespaced(admin.clone(), place);
    let made = until("the workloads have their Pods", LIMIT, async || {
        let found = pods.list(&ListParams::default()).await.ok()?;
        (found.items.len() == count).then_some(())
    });
    made.await.unwrap();
}

fn watcher(values: &str) -> &'static str {
    if ["embedded", "operating"].contains(&values) { "beidou" } else { "beidou-ingest" }
}

fn heartbeat(values: &str) -> &'static str {
    if values == "fleet" { "beidou-heartbeat" } else { "default" }
}

/// Who watches may do what the README says, and nothing beside it; the other roles nothing at all.
async fn rights(admin: &Client, place: &str, values: &str) {
    let account = format!("system:serviceaccount:{place}:{}", watcher(values));
    let place_of_heartbeat = heartbeat(values);
    for (verb, resource, namespace, expected) in [
        ("list", "events", "", true),
        ("watch", "events", "", true),
        ("get", "namespaces/kube-system", "", true),
        ("get", "events", place_of_heartbeat, true),
        ("create", "events", place_of_heartbeat, true),
        ("patch", "events", place_of_heartbeat, true),
        ("create", "events", "kube-system", false),
        ("delete", "events", place_of_heartbeat, false),
        ("get", "namespaces/default", "", false),
        ("list", "pods", "", false),
        ("get", "secrets", place, false),
    ] {
        allowed(admin, &account, verb, ("", resource), namespace, expected).await;
    }
    if account.ends_with("-ingest") {
        for role in ["beidou-projector", "beidou-query-api", "beidou-controllers"] {
            let account = format!("system:serviceaccount:{place}:{role}");
            assert!(!may(admin, &account, "list", ("", "events"), "").await, "{account} may list Events");
        }
    }
}

/// Waits until a right is there or not: the authoriser takes up roles a moment after they are written.
pub async fn allowed(admin: &Client, user: &str, verb: &str, resource: (&str, &str), namespace: &str, expected: bool) {
    let what = format!("{user} may{} {verb} {} in {namespace:?}", if expected { "" } else { " not" }, resource.1);
    let found =
        until(&what, LIMIT, async || (may(admin, user, verb, resource, namespace).await == expected).then_some(()));
    found.await.unwrap();
}

/// Asks the API server's own authoriser about a group and a resource, which may name one object or a subresource.
pub async fn may(admin: &Client, user: &str, verb: &str, (group, resource): (&str, &str), namespace: &str) -> bool {
    let (resource, more) = resource.split_once('/').unwrap_or((resource, ""));
    let more_is = if resource == "namespaces" { "name" } else { "subresource" };
    let attributes = json!({"verb": verb, "group": group, "resource": resource, more_is: more, "namespace": namespace});
    let review = json!({"metadata": {}, "spec": {"user": user, "resourceAttributes": attributes}});
    let reviews = Api::<SubjectAccessReview>::all(admin.clone());
    let answer = reviews.create(&PostParams::default(), &serde_json::from_value(review).unwrap()).await.unwrap();
    answer.status.unwrap().allowed
}
