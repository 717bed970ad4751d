//! The resources of the management cluster: what people apply becomes commands, what the board says becomes their status.
//!
//! ```text
//!  watch (one namespace) ─► cache ─┐
//!  board changed ──────────────────┼─► all resources: wish (pure) ─► commands      show (pure) ─► status, by server-side apply
//!  a minute passed ────────────────┘        finalizer on, before the first command; off, when all is over
//! ```
//!
//! A turn takes no hint: it looks at everything, whatever woke it.

mod clusters;
mod follow;
mod show;
mod wish;

use std::fmt::Debug;

use beidou_crds::{AutoOperationTask, Operation};
use beidou_model::operation::TaskStep;
use beidou_schemas::operation::{TaskId, fact::OperationAsked};
use k8s_openapi::{NamespaceResourceScope, api::core::v1::Secret as KubeSecret};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) use self::{clusters::follow_clusters, follow::follow};
use crate::{target::TargetError, token::Secret};

/// Names the task that made an operation.
const TASK: &str = "caas.beidou.io/task";
/// Names the step of that task.
const STEP: &str = "caas.beidou.io/step";
const MANAGER: &str = "beidou-controllers";

/// A kind of resource that lies in the namespace.
trait Kind:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static
{
}

impl<K> Kind for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}

/// The way to them; clones share it.
#[derive(Clone)]
pub(crate) struct Resources {
    pub client: Client,
    pub namespace: String,
}

impl Resources {
    fn api<K: Kind>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// A value of a Secret.
    pub(crate) async fn secret(&self, name: &str, key: &str) -> Result<Secret, TargetError> {
        let at = beidou_crds::SecretKey { name: name.into(), key: key.into() };
        crate::target::value(&self.api::<KubeSecret>(), &at).await
    }

    /// Makes the operation of a task's step; false where the task is no resource.
    pub(crate) async fn create_operation(
        &self,
        task: TaskId,
        step: &TaskStep,
        asked: &OperationAsked,
    ) -> Result<bool, TargetError> {
        let failed = |act: &str| TargetError::kube(format!("{act} for a task"));
        let tasks = self.api::<AutoOperationTask>().list(&ListParams::default()).await.map_err(failed("list tasks"))?;
        let uid = task.to_string();
        let Some(owner) = tasks.items.into_iter().find(|one| one.uid().as_deref() == Some(&uid)) else {
            return Ok(false);
        };
        let name = resource_name(&owner.name_any(), &step.suffix());
        let mut spec = serde_json::to_value(&asked.spec).unwrap_or_default();
        if let Some(spec) = spec.as_object_mut() {
            spec.remove("labels");
            spec.retain(|_, value| !value.is_null());
        }
        let operation = json!({
            "apiVersion": "caas.beidou.io/v1alpha1",
            "kind": "Operation",
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "labels": {TASK: uid, STEP: step.kind.name()},
                "ownerReferences": [{
                    "apiVersion": "caas.beidou.io/v1alpha1", "kind": "AutoOperationTask", "name": owner.name_any(), "uid": uid,
                    "controller": true, "blockOwnerDeletion": true,
                }],
            },
            "spec": spec,
        });
        let operation = serde_json::from_value(operation).map_err(kube::Error::SerdeError);
        let operation: DynamicObject = operation.map_err(failed("say what an operation is to do"))?;
        let kind = ApiResource::erase::<Operation>(&());
        let operations = Api::<DynamicObject>::namespaced_with(self.client.clone(), &self.namespace, &kind);
        let ours = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
        match operations.create(&ours, &operation).await {
            Ok(_) => Ok(true),
            Err(error) if is_conflict(&error) => self.is_made(&name, &uid, error).await.map(|()| true),
            Err(error) => Err(failed("make an operation")(error)),
        }
    }

    /// Whether what has the name is what was to be made. Anybody else's Operation is never taken over: a task that was made
    /// anew under its old name waits until the old one's are gone.
    async fn is_made(&self, name: &str, task: &str, refused: kube::Error) -> Result<(), TargetError> {
        let failed = |act: &str| TargetError::kube(format!("{act} for a task"));
        let called = ListParams::default().fields(&format!("metadata.name={name}"));
        let found = self.api::<Operation>().list(&called).await.map_err(failed("look for an operation"))?;
        let Some(found) = found.items.into_iter().next() else { return Err(failed("make an operation")(refused)) };
        let owner = found.owner_references().iter().find(|owner| owner.controller == Some(true));
        if owner.is_some_and(|owner| owner.uid == task) {
            return Ok(());
        }
        let owner = owner.map_or("somebody".into(), |owner| format!("{} {} ({})", owner.kind, owner.name, owner.uid));
        let (leaves, remedy) = match found.metadata.deletion_timestamp {
            Some(_) => (true, "it is being deleted, and is waited for"),
            None => (false, "delete it and resume, or give the task another name"),
        };
        Err(TargetError::NameTaken { name: name.into(), owner, remedy, leaves })
    }

    /// Merges into a resource.
    async fn merge<K: Kind>(&self, name: &str, change: Value) -> Result<(), TargetError> {
        match self.api::<K>().patch(name, &PatchParams::default(), &Patch::Merge(change)).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            other => other.map(drop).map_err(TargetError::kube(format!("change {name}"))),
        }
    }

    /// Applies a status.
    async fn status<K: Kind>(&self, kind: &str, name: &str, status: Value) -> Result<(), TargetError> {
        let whole = json!({"apiVersion": "caas.beidou.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "status": status});
        let apply = PatchParams::apply(MANAGER).force();
        match self.api::<K>().patch_status(name, &apply, &Patch::Apply(whole)).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            other => other.map(drop).map_err(TargetError::kube(format!("write the status of {name}"))),
        }
    }
}

fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// `<task>-<step>`, or `<task>-<step>-<bundle>` where the task names several: at most as long as a name may be.
fn resource_name(task: &str, step: &str) -> String {
    let room = 253 - step.len() - 1;
    let task: String = task.chars().take(room).collect();
    format!("{}-{step}", task.trim_end_matches(['-', '.']))
}

#[cfg(test)]
mod tests {
    use super::resource_name;

    #[test]
    fn names_of_operations_end_in_their_step_and_are_never_too_long() {
        assert_eq!(resource_name("q3", "scaleup"), "q3-scaleup");
        assert_eq!(resource_name("q3", "scaleup-command"), "q3-scaleup-command");
        let long = resource_name(&"q".repeat(253), "scaleup-command");
        assert_eq!((long.len(), long.ends_with("q-scaleup-command")), (253, true));
    }
}
