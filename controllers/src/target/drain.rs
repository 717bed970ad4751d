//! Moves Pods off a node by the eviction API, and tells the truth about each that stays: the budget that holds it with its
//! numbers, a volume that would be lost, a Pod that nobody would make anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use k8s_openapi::api::{
    core::v1::{ContainerStatus, Pod},
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Api, ResourceExt,
    api::{ListParams, PostParams},
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Nodes, TargetError};

/// Between two tries: as `kubectl drain` does.
const TRY_EVERY: Duration = Duration::from_secs(5);
/// Between two looks at Pods that end.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const MIRROR: &str = "kubernetes.io/config.mirror";
/// Pods that a message names.
const MOST_NAMED: usize = 20;

/// How a node is drained.
#[derive(Debug, Clone)]
pub struct DrainOptions {
    /// How long a Pod has to end; its own time where nothing stands here.
    pub grace_seconds: Option<u32>,
    /// Pods with emptyDir volumes may go.
    pub delete_empty_dir: bool,
    /// Pods without a controller may go.
    pub force: bool,
    /// How long it may take.
    pub limit: Duration,
}

/// A Pod that stays, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// `namespace/name`.
    pub pod: String,
    /// Why, with numbers.
    pub why: String,
}

pub(super) fn lines(blocked: &[Blocked]) -> String {
    let named = blocked.iter().take(MOST_NAMED).map(|one| format!("{}: {}", one.pod, one.why));
    let more = blocked.len().saturating_sub(MOST_NAMED);
    let more = (more > 0).then(|| format!("and {more} more"));
    format!("{} Pods stay: {}", blocked.len(), named.chain(more).collect::<Vec<_>>().join("; "))
}

/// Drains a node. Cordon it before.
///
/// # Errors
/// [`TargetError::Blocked`] with all Pods that stay; else when the API server does not answer.
pub async fn drain(nodes: &Nodes, name: &str, options: &DrainOptions) -> Result<(), TargetError> {
    let end = Instant::now() + options.limit;
    let pods: Api<Pod> = Api::all(nodes.client());
    let on_node = ListParams::default().fields(&format!("spec.nodeName={name}"));
    let mut told = BTreeMap::new();
    loop {
        let found = pods.list(&on_node).await.map_err(TargetError::kube("list the Pods of a node"))?.items;
        let (go, stay) = sort(found, options);
        if !stay.is_empty() {
            return Err(TargetError::Blocked(stay));
        }
        if go.is_empty() {
            return Ok(());
        }
        let mut waiting = false;
        told.retain(|key, _| go.iter().any(|pod| full_name(pod) == *key));
        for pod in go.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
            match evict(nodes, pod, options).await? {
                None => drop(told.remove(&full_name(pod))),
                Some(why) => {
                    waiting = true;
                    told.insert(full_name(pod), why);
                }
            }
        }
        if Instant::now() >= end {
            return Err(TargetError::Blocked(overdue(&go, &told)));
        }
        sleep(if waiting { TRY_EVERY } else { LOOK_EVERY }.min(options.limit)).await;
    }
}

/// Those that are to go, and those that must not.
fn sort(pods: Vec<Pod>, options: &DrainOptions) -> (Vec<Pod>, Vec<Blocked>) {
    let (mut go, mut stay) = (Vec::new(), Vec::new());
    for pod in pods {
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default().to_owned();
        let over = matches!(&*phase, "Succeeded" | "Failed");
        let owner = pod.owner_references().iter().find(|owner| owner.controller == Some(true));
        if owner.is_some_and(|owner| owner.kind == "DaemonSet") || pod.annotations().contains_key(MIRROR) {
            continue;
        }
        let mut refuse = |why: &str| stay.push(Blocked { pod: full_name(&pod), why: why.into() });
        if owner.is_none() && !over && !options.force {
            refuse("no controller would make it anew; set force to let it go");
        } else if has_empty_dir(&pod) && !over && !options.delete_empty_dir {
            refuse("its emptyDir volume would be lost; set delete_empty_dir to let it go");
        } else {
            go.push(pod);
        }
    }
    (go, stay)
}

fn has_empty_dir(pod: &Pod) -> bool {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_ref());
    volumes.into_iter().flatten().any(|volume| volume.empty_dir.is_some())
}

fn full_name(pod: &Pod) -> String {
    format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any())
}

/// Why it was not, if it was not.
async fn evict(nodes: &Nodes, pod: &Pod, options: &DrainOptions) -> Result<Option<String>, TargetError> {
    let namespace = pod.namespace().unwrap_or_default();
    let pods: Api<Pod> = Api::namespaced(nodes.client(), &namespace);
    let name = pod.name_any();
    // The client's own call for this (5.0) sends the grace under a name that the API server does not know.
    let delete_options = json!({"gracePeriodSeconds": options.grace_seconds});
    let eviction = json!({
        "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace},
        "deleteOptions": delete_options,
    });
    match pods.create_subresource::<_, Value>("eviction", &name, &PostParams::default(), &eviction).await {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
        Err(kube::Error::Api(status)) if status.code == 429 => Ok(Some(budget(nodes, pod, &status.message).await)),
        // Several budgets of one Pod are a mistake that the API server answers with 500.
        Err(kube::Error::Api(status)) if status.code == 500 => Ok(Some(status.message.clone())),
        Err(error) => Err(TargetError::kube(format!("evict {}", full_name(pod)))(error)),
    }
}

/// The budget that holds a Pod, with its numbers.
async fn budget(nodes: &Nodes, pod: &Pod, message: &str) -> String {
    let budgets: Api<PodDisruptionBudget> = Api::namespaced(nodes.client(), &pod.namespace().unwrap_or_default());
    let Ok(all) = budgets.list(&ListParams::default()).await else { return message.into() };
    let holding = all.items.iter().filter(|budget| selects(budget, pod)).map(|budget| {
        let status = budget.status.clone().unwrap_or_default();
        let [allowed, healthy, expected, wanted] =
            [status.disruptions_allowed, status.current_healthy, status.expected_pods, status.desired_healthy]
                .map(|number| number.unwrap_or(0));
        let never = if expected > 0 && wanted >= expected { ": it never allows one" } else { "" };
        let name = budget.name_any();
        format!("PodDisruptionBudget {name} allows {allowed} disruptions: {healthy} of {expected} Pods are healthy, {wanted} must be{never}")
    });
    let text = holding.collect::<Vec<_>>().join(", ");
    if text.is_empty() { message.into() } else { text }
}

fn selects(budget: &PodDisruptionBudget, pod: &Pod) -> bool {
    let Some(selector) = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref()) else { return false };
    let labels = pod.labels();
    let equal = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    equal
        && selector.match_expressions.iter().flatten().all(|rule| {
            let values: BTreeSet<&String> = rule.values.iter().flatten().collect();
            let value = labels.get(&rule.key);
            match &*rule.operator {
                "In" => value.is_some_and(|value| values.contains(value)),
                "NotIn" => value.is_none_or(|value| !values.contains(value)),
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
}

fn overdue(pods: &[Pod], told: &BTreeMap<String, String>) -> Vec<Blocked> {
    let blocked = |pod: &Pod| {
        let name = full_name(pod);
        let why = told.get(&name).cloned().unwrap_or_else(|| ending(pod));
        Blocked { pod: name, why }
    };
    pods.iter().map(blocked).collect()
}

/// What keeps a Pod that was evicted: first its kubelet, which ends its containers, then its finalizers.
fn ending(pod: &Pod) -> String {
    let status = pod.status.as_ref();
    let containers = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let is_over = |one: &ContainerStatus| one.state.as_ref().is_some_and(|state| state.terminated.is_some());
    let ended = !containers.is_empty() && containers.iter().all(is_over);
    match pod.finalizers() {
        [] => "it is ending and not gone: its kubelet has not let it go".into(),
        all if ended => format!("it has ended and is not gone: finalizers hold it: {}", all.join(", ")),
        all => format!(
            "it is ending and not gone: its kubelet has not ended it, and then finalizers hold it: {}",
            all.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(value: serde_json::Value) -> Pod {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_must_not_go_is_named_with_the_way_out() {
        let owner =
            |kind: &str| json!([{"apiVersion": "v1", "kind": kind, "name": "o", "uid": "u", "controller": true}]);
        let of = |name: &str, owners: serde_json::Value, volumes: serde_json::Value| {
            pod(json!({"metadata": {"name": name, "namespace": "n", "ownerReferences": owners},
                "spec": {"containers": [], "volumes": volumes}, "status": {"phase": "Running"}}))
        };
        let pods = || {
            vec![
                of("daemon", owner("DaemonSet"), json!([])),
                of("plain", owner("ReplicaSet"), json!([])),
                of("scratch", owner("ReplicaSet"), json!([{"name": "v", "emptyDir": {}}])),
                of("alone", json!([]), json!([])),
            ]
        };
        let careful =
            DrainOptions { grace_seconds: None, delete_empty_dir: false, force: false, limit: Duration::ZERO };
        let (go, stay) = sort(pods(), &careful);
        assert_eq!(go.iter().map(full_name).collect::<Vec<_>>(), ["n/plain"]);
        let text = lines(&stay);
        assert!(
            text.contains("2 Pods stay") && text.contains("delete_empty_dir") && text.contains("n/alone"),
            "{text}"
        );
        let (go, stay) = sort(pods(), &DrainOptions { delete_empty_dir: true, force: true, ..careful });
        assert_eq!((go.len(), stay.len()), (3, 0));
    }

    #[test]
    fn what_keeps_an_ending_pod_is_named() {
        let of = |finalizers: serde_json::Value, state: serde_json::Value| {
            let container =
                json!({"name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state});
            let metadata = json!({"name": "p", "namespace": "n", "finalizers": finalizers});
            pod(json!({"metadata": metadata, "status": {"containerStatuses": [container]}}))
        };
        let (runs, ended) = (json!({"running": {}}), json!({"terminated": {"exitCode": 0}}));
        let told = BTreeMap::from([("n/p".to_owned(), "a budget".to_owned())]);
        let why = |pod: Pod, told: &BTreeMap<String, String>| overdue(&[pod], told)[0].why.clone();
        let names = || json!(["example.org/wait", "other"]);
        assert_eq!(why(of(names(), runs.clone()), &told), "a budget");
        let none = BTreeMap::new();
        assert!(why(of(json!([]), runs.clone()), &none).ends_with("its kubelet has not let it go"));
        assert_eq!(
            why(of(names(), ended), &none),
            "it has ended and is not gone: finalizers hold it: example.org/wait, other"
        );
        let both = why(of(names(), runs), &none);
        assert!(both.contains("its kubelet has not ended it") && both.ends_with(": example.org/wait, other"), "{both}");
    }

    #[test]
    fn a_budget_selects_as_the_api_server_does() {
        let one = pod(json!({"metadata": {"name": "p", "labels": {"app": "web", "tier": "b"}}}));
        let budget = |selector: serde_json::Value| {
            selects(&serde_json::from_value(json!({"metadata": {}, "spec": {"selector": selector}})).unwrap(), &one)
        };
        assert!(budget(json!({"matchLabels": {"app": "web"}})));
        assert!(budget(json!({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]})));
        assert!(!budget(json!({"matchLabels": {"app": "db"}})));
        assert!(!budget(json!({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]})));
    }
}
