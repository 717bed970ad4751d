//! Jobs that runners are, and their Pods, as the API server has them: for the contract of executors, with a kubelet and without.

use beidou_controllers::{
    config::Job as Settings,
    execute::{Executor, KubernetesJob},
};
use beidou_schemas::runner::AttemptId;
use k8s_openapi::api::{
    batch::v1::{Job, JobStatus},
    core::v1::Pod,
};
use kube::{Api, Client, api::ListParams};

use crate::{
    machines::LIMIT,
    wait::{Overdue, until},
};

/// The Jobs of a namespace.
pub struct Jobs {
    client: Client,
    namespace: String,
}

impl Jobs {
    /// Of this one.
    #[must_use]
    pub fn of(client: Client, namespace: &str) -> Self {
        Self { client, namespace: namespace.into() }
    }

    /// A new executor that makes them.
    #[must_use]
    pub fn executor(&self, settings: Settings) -> Box<dyn Executor> {
        Box::new(KubernetesJob::new(self.client.clone(), self.namespace.clone(), settings))
    }

    /// All Pods there.
    #[must_use]
    pub fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The Pods of an attempt, once there is one.
    ///
    /// # Errors
    /// When none comes.
    pub async fn pods_of(&self, attempt: &AttemptId) -> Result<Vec<Pod>, Overdue> {
        let (pods, of) = (self.pods(), of(attempt));
        until("the Job has a Pod", LIMIT, async || {
            let found = pods.list(&of).await.ok()?.items;
            (!found.is_empty()).then_some(found)
        })
        .await
    }

    /// Returns when the Job of an attempt has ended.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ended(&self, attempt: &AttemptId) -> Result<(), Overdue> {
        self.until("the Job has ended", attempt, |status| has(status, &["Complete", "Failed"])).await
    }

    /// Returns when the Job of an attempt was suspended, and counts no Pod any more.
    ///
    /// # Errors
    /// When that does not come.
    pub async fn suspended(&self, attempt: &AttemptId) -> Result<(), Overdue> {
        let holds = |status: &JobStatus| has(status, &["Suspended"]) && status.active.unwrap_or(0) == 0;
        self.until("the Job is suspended", attempt, holds).await
    }

    /// Returns when all Pods of an attempt are gone, or have ended.
    ///
    /// # Errors
    /// When one stays.
    pub async fn over(&self, attempt: &AttemptId) -> Result<(), Overdue> {
        let (pods, of) = (self.pods(), of(attempt));
        until("its Pods have ended", LIMIT, async || {
            let found = pods.list(&of).await.ok()?.items;
            found.iter().all(has_ended).then_some(())
        })
        .await
    }

    async fn until(&self, what: &str, attempt: &AttemptId, holds: impl Fn(&JobStatus) -> bool) -> Result<(), Overdue> {
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), &self.namespace);
        until(what, LIMIT, async || holds(&jobs.get(attempt.as_str()).await.ok()?.status?).then_some(())).await
    }
}

fn of(attempt: &AttemptId) -> ListParams {
    ListParams::default().labels(&format!("beidou.io/attempt={attempt}"))
}

fn has(status: &JobStatus, types: &[&str]) -> bool {
    let mut conditions = status.conditions.iter().flatten();
    conditions.any(|one| one.status == "True" && types.contains(&one.type_.as_str()))
}

fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}
