//! Runners as Jobs of the management cluster: one Pod, no second try, nothing in it that a runner does not need.
//!
//! Token and secrets come by a Secret of the same name, which is made before the Job and removed with it. Making a Job that is
//! there is success, if it was made of the same order; the finalizer keeps it until what became of it is known.

use std::collections::BTreeMap;

use async_trait::async_trait;
use beidou_schemas::runner::AttemptId;
use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Pod, Secret as KubeSecret},
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, PropagationPolicy},
};
use serde_json::json;

use super::{ExecuteError, Executor, Order, Standing};
use crate::config;

const INPUT: &str = "beidou.io/input";
const ATTEMPT: &str = "beidou.io/attempt";
const FINALIZER: &str = "beidou.io/observed";
const MANAGER: &str = "beidou-controllers";
const SECRETS: &str = "/run/beidou/secrets";
const TOKEN: &str = "token";
/// A runner that is told to stop gives its program 30 s, and tells what became of the hosts.
const GRACE_SECONDS: i64 = 75;

/// Makes runners as Jobs.
pub struct KubernetesJob {
    client: Client,
    namespace: String,
    settings: config::Job,
}

impl KubernetesJob {
    /// In a namespace, with these settings.
    #[must_use]
    pub fn new(client: Client, namespace: String, settings: config::Job) -> Self {
        Self { client, namespace, settings }
    }

    fn jobs(&self) -> Api<Job> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn secrets(&self) -> Api<KubeSecret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn secret(&self, order: &Order) -> KubeSecret {
        let token = std::iter::once((TOKEN.to_owned(), order.token.0.clone()));
        let secrets = order.secrets.iter().map(|(name, secret)| (name.clone(), secret.0.clone()));
        let data: BTreeMap<_, _> = token.chain(secrets).collect();
        let labels = json!({ATTEMPT: order.attempt.as_str(), "app.kubernetes.io/managed-by": "beidou"});
        let metadata = json!({"name": order.attempt.as_str(), "labels": labels});
        serde_json::from_value(json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}))
            .expect("it has the form of a Secret")
    }

    fn job(&self, order: &Order) -> Job {
        let name = order.attempt.as_str();
        let labels =
            json!({ATTEMPT: name, "app.kubernetes.io/name": "beidou-runner", "app.kubernetes.io/managed-by": "beidou"});
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": labels, "annotations": {INPUT: order.input}, "finalizers": [FINALIZER]},
            "spec": {
                "backoffLimit": 0,
                "completions": 1,
                "parallelism": 1,
                "podReplacementPolicy": "Failed",
                "activeDeadlineSeconds": order.deadline.as_secs().max(1),
                "template": {"metadata": {"labels": labels}, "spec": self.pod(order)},
            },
        }))
        .expect("it has the form of a Job")
    }

    fn pod(&self, order: &Order) -> serde_json::Value {
        let config::Job { image, command, user, service_account, cpu, memory } = &self.settings;
        let arguments = [
            "--server",
            &order.door,
            "--attempt",
            order.attempt.as_str(),
            "--token-file",
            "/run/beidou/secrets/token",
            "--work",
            "/work",
            "--private",
            "/private",
        ];
        let limits = json!({"cpu": cpu, "memory": memory});
        json!({
            "restartPolicy": "Never",
            "serviceAccountName": service_account,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": user, "runAsGroup": user, "fsGroup": user,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "runner",
                "image": image,
                "command": command,
                "args": arguments,
                "env": [{"name": "HOME", "value": "/work"}, {"name": "TMPDIR", "value": "/work"}],
                "securityContext": {
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
                },
                "resources": {"limits": limits, "requests": {"cpu": "100m", "memory": "256Mi"}},
                "volumeMounts": [
                    {"name": "secrets", "mountPath": SECRETS, "readOnly": true},
                    {"name": "work", "mountPath": "/work"},
                    {"name": "private", "mountPath": "/private"},
                ],
            }],
            "volumes": [
                {"name": "secrets", "secret": {"secretName": order.attempt.as_str(), "defaultMode": 0o440}},
                {"name": "work", "emptyDir": {}},
                // Keys, secrets, inventory and variables alone: it counts as memory.
                {"name": "private", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
            ],
        })
    }

    async fn pods(&self, attempt: &AttemptId) -> Result<Vec<Pod>, ExecuteError> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let of = ListParams::default().labels(&format!("{ATTEMPT}={attempt}"));
        Ok(pods.list(&of).await.map_err(kube_error("look at"))?.items)
    }
}

#[async_trait]
impl Executor for KubernetesJob {
    fn name(&self) -> &'static str {
        "job"
    }

    fn secret_path(&self, _: &AttemptId, name: &str) -> String {
        format!("{SECRETS}/{name}")
    }

    async fn launch(&self, order: &Order) -> Result<String, ExecuteError> {
        let place = format!("{}/{}", self.namespace, order.attempt);
        // Before the Job, so that its Pod never waits for it.
        let apply = PatchParams::apply(MANAGER).force();
        let secret = self.secrets().patch(order.attempt.as_str(), &apply, &Patch::Apply(self.secret(order))).await;
        secret.map_err(kube_error("make the Secret of"))?;
        match self.jobs().create(&PostParams::default(), &self.job(order)).await {
            Ok(_) => Ok(place),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                let there = self.jobs().get(order.attempt.as_str()).await.map_err(kube_error("look at"))?;
                let input = there.metadata.annotations.as_ref().and_then(|all| all.get(INPUT));
                if input == Some(&order.input) { Ok(place) } else { Err(ExecuteError::Other(place)) }
            }
            Err(error) => Err(kube_error("make")(error)),
        }
    }

    async fn look(&self, attempt: &AttemptId) -> Result<Standing, ExecuteError> {
        let job = self.jobs().get_opt(attempt.as_str()).await.map_err(kube_error("look at"))?;
        let Some(job) = job else { return Ok(Standing::Absent) };
        let suspended = job.spec.as_ref().and_then(|spec| spec.suspend) == Some(true);
        let active = job.status.as_ref().and_then(|status| status.active).unwrap_or(0);
        let conditions = job.status.and_then(|status| status.conditions).unwrap_or_default();
        let stopped = conditions.iter().any(|one| one.status == "True" && one.type_ == "Suspended");
        let end =
            conditions.into_iter().find(|one| one.status == "True" && matches!(&*one.type_, "Complete" | "Failed"));
        if end.is_none() && !(suspended && stopped && active == 0) {
            return Ok(Standing::Running);
        }
        // The Job does not count Pods that are told to end: those have their grace yet.
        let pods = self.pods(attempt).await?;
        if pods.iter().any(may_act) {
            return Ok(Standing::Running);
        }
        let Some(end) = end else {
            return Ok(Standing::Gone { exit: None, signal: None, message: "the Job was stopped".into() });
        };
        let (exit, signal, said) = ending(pods);
        let text = format!("the Job is {} {} {said}", end.type_, end.reason.unwrap_or_default());
        Ok(Standing::Gone { exit, signal, message: text.trim().to_owned() })
    }

    async fn waits_for(&self, attempt: &AttemptId) -> Option<String> {
        self.pods(attempt).await.ok()?.into_iter().find_map(waits_for)
    }

    async fn stop(&self, attempt: &AttemptId, force: bool) -> Result<(), ExecuteError> {
        // A suspended Job ends its Pods and makes no new ones; it stays, so that what became of it can be seen.
        let suspend = Patch::Merge(json!({"spec": {"suspend": true}}));
        match self.jobs().patch(attempt.as_str(), &PatchParams::default(), &suspend).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(()),
            Err(error) => return Err(kube_error("stop")(error)),
        }
        if force {
            let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
            let of = ListParams::default().labels(&format!("{ATTEMPT}={attempt}"));
            // With none at all the API server would forget it at once, and its node may not even have heard of it.
            pods.delete_collection(&DeleteParams::default().grace_period(1), &of).await.map_err(kube_error("end"))?;
        }
        Ok(())
    }

    async fn forget(&self, attempt: &AttemptId) -> Result<(), ExecuteError> {
        let name = attempt.as_str();
        gone(self.secrets().delete(name, &DeleteParams::default()).await.map(drop), "remove the Secret of")?;
        let unfinalized = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        gone(self.jobs().patch(name, &PatchParams::default(), &unfinalized).await.map(drop), "let go of")?;
        let all = DeleteParams { propagation_policy: Some(PropagationPolicy::Background), ..DeleteParams::default() };
        gone(self.jobs().delete(name, &all).await.map(drop), "remove")
    }
}

/// Whether its containers may run, or may yet be started.
fn may_act(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    !matches!(phase, Some("Succeeded" | "Failed"))
}

/// How its container ended: only for people.
fn ending(pods: Vec<Pod>) -> (Option<i32>, Option<i32>, String) {
    let statuses = pods.into_iter().filter_map(|pod| pod.status?.container_statuses).flatten();
    let ended = statuses.filter_map(|status| status.state?.terminated).next();
    ended.map_or((None, None, String::new()), |end| {
        let reason = end.reason.unwrap_or_default();
        (Some(end.exit_code), end.signal, format!("exit {} {reason}", end.exit_code))
    })
}

/// Its container cannot be made, or no node takes it.
fn waits_for(pod: Pod) -> Option<String> {
    let status = pod.status?;
    let containers = status.container_statuses.unwrap_or_default();
    let waiting = containers.into_iter().find_map(|container| container.state?.waiting);
    let unbound = status.conditions.unwrap_or_default().into_iter().find(|one| one.status == "False");
    let (reason, message) = match (waiting, unbound) {
        (Some(waiting), _) => (waiting.reason, waiting.message),
        (None, Some(condition)) => (condition.reason, condition.message),
        (None, None) => return None,
    };
    let words: Vec<_> = reason.into_iter().chain(message).collect();
    Some(format!("its Pod waits: {}", words.join(": ")))
}

fn kube_error(act: &'static str) -> impl FnOnce(kube::Error) -> ExecuteError {
    move |source| ExecuteError::Kube { act, source: Box::new(source) }
}

/// What is not there need not be removed.
fn gone(result: Result<(), kube::Error>, act: &'static str) -> Result<(), ExecuteError> {
    match result {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.map_err(kube_error(act)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_acts_until_its_phase_says_that_it_has_ended() {
        let metadata = json!({"deletionTimestamp": "2026-11-29T00:00:00Z"});
        let table = [(json!({}), true), (json!({"phase": "Pending"}), true), (json!({"phase": "Running"}), true)];
        let ended = [(json!({"phase": "Succeeded"}), false), (json!({"phase": "Failed"}), false)];
        for (status, acts) in table.into_iter().chain(ended) {
            let pod = serde_json::from_value(json!({"metadata": metadata, "status": status})).unwrap();
            assert_eq!(may_act(&pod), acts, "{status}");
        }
    }

    #[test]
    fn what_a_pod_waits_for_is_told() {
        let told = |status: serde_json::Value| {
            waits_for(serde_json::from_value(json!({"metadata": {}, "status": status})).unwrap())
        };
        let container = |state| json!({"name": "runner", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state});
        let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}});
        let unready = json!({"type": "Ready", "status": "False", "reason": "ContainersNotReady"});
        assert_eq!(
            told(json!({"containerStatuses": [container(waiting)], "conditions": [unready]})).as_deref(),
            Some("its Pod waits: ImagePullBackOff: Back-off pulling image")
        );
        let unbound =
            json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"});
        assert_eq!(told(json!({"conditions": [unbound]})).as_deref(), Some("its Pod waits: Unschedulable: 0/1 nodes"));
        let running = json!({"running": {"startedAt": "2026-11-29T00:00:00Z"}});
        assert_eq!(told(json!({"containerStatuses": [container(running)], "conditions": []})), None);
    }
}
