//! The turns over all resources: commands, finalizers, statuses.

use std::{collections::BTreeSet, time::Duration};

use beidou_crds::{AutoOperationTask, FINALIZER, Operation};
use beidou_model::operation::Refused;
use beidou_schemas::operation::{Object, OperationId, Owner, TaskId};
use futures::StreamExt;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::{
    Resource, ResourceExt,
    runtime::{WatchStreamExt, reflector, reflector::Store, watcher},
};
use serde_json::json;
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    Kind, Resources, STEP, show,
    wish::{Stated, Wish, commands, is_over, lacks},
};
use crate::{act::Hands, error::chain, keeper::now, target::TargetError};

/// All is looked at so often, whatever happens.
const TURN_EVERY: Duration = Duration::from_secs(60);
/// A turn that failed in part is made again after this.
const RETRY_EVERY: Duration = Duration::from_secs(3);
/// Changes that come together are one turn: a status is written no more often.
const GATHER: Duration = Duration::from_millis(200);

/// What is applied together with its cluster may be read before it: so long an Operation is not refused for a cluster that is
/// not known, or for a parameter that it does not bring yet.
const CLUSTER_MAY_COME: SignedDuration = SignedDuration::from_secs(15);

/// Follows operations and tasks until it is dropped.
pub(crate) async fn follow(resources: Resources, hands: Hands) {
    let (wake, woken) = watch::channel(());
    let (operations, watching_operations) = cache::<Operation>(&resources, wake.clone());
    let (tasks, watching_tasks) = cache::<AutoOperationTask>(&resources, wake);
    let turns = turns(resources, hands, operations, tasks, woken);
    futures::future::join3(watching_operations, watching_tasks, turns).await;
}

/// A cache of a kind, and the watch that keeps it.
pub(super) fn cache<K: Kind>(
    resources: &Resources,
    wake: watch::Sender<()>,
) -> (Store<K>, impl Future<Output = ()> + use<K>) {
    let (store, writer) = reflector::store();
    let watched = watcher(resources.api::<K>(), watcher::Config::default()).default_backoff();
    let stream = reflector(writer, watched);
    let watching = stream.for_each(move |event| {
        match event {
            Ok(_) => drop(wake.send(())),
            Err(error) => tracing::warn!(error = chain(&error), "resources cannot be watched, it is tried again"),
        }
        std::future::ready(())
    });
    (store, watching)
}

async fn turns(
    resources: Resources,
    hands: Hands,
    operations: Store<Operation>,
    tasks: Store<AutoOperationTask>,
    mut woken: watch::Receiver<()>,
) {
    // An empty cache is no statement that there are no resources.
    let ready = async { operations.wait_until_ready().await.is_ok() && tasks.wait_until_ready().await.is_ok() };
    if !ready.await {
        return;
    }
    let mut changes = hands.keeper.changes();
    let mut sent = BTreeSet::new();
    loop {
        let mut failed = false;
        let all_operations = operations.state();
        let all_tasks = tasks.state();
        for one in &all_tasks {
            failed |= warned(turn_task(&resources, &hands, one, &mut sent).await, &one.name_any());
        }
        for one in &all_operations {
            failed |= warned(turn_operation(&resources, &hands, one, &mut sent).await, &one.name_any());
        }
        let wait = if failed { RETRY_EVERY } else { TURN_EVERY };
        tokio::select! {
            _ = woken.changed() => {}
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(wait) => {}
        }
        tokio::time::sleep(GATHER).await;
    }
}

fn warned(result: Result<(), Turn>, name: &str) -> bool {
    match result {
        Ok(()) => false,
        Err(error) => {
            tracing::warn!(name, error = chain(&error), "a resource cannot be followed for now");
            true
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Turn {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("its commands cannot be appended: {0}")]
    Ask(String),
    #[error("it has no uid")]
    NoUid,
    #[error("the cluster {0:?} is not known yet")]
    NoCluster(String),
    #[error("its cluster may bring what is missing: {0}")]
    Lacks(Refused),
}

fn uid<K: Resource>(resource: &K) -> Result<Uuid, Turn> {
    resource.meta().uid.as_deref().and_then(|uid| uid.parse().ok()).ok_or(Turn::NoUid)
}

fn full_name<K: Resource>(resource: &K) -> String {
    let meta = resource.meta();
    format!("{}/{}", meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

async fn turn_operation(
    resources: &Resources,
    hands: &Hands,
    one: &Operation,
    sent: &mut BTreeSet<Uuid>,
) -> Result<(), Turn> {
    let owner =
        one.owner_references().iter().find(|owner| owner.controller == Some(true) && owner.kind == "AutoOperationTask");
    let step = one.labels().get(STEP).and_then(|step| step.parse().ok());
    let owner = owner.and_then(|owner| Some(Owner { task: owner.uid.parse::<TaskId>().ok()?, step: step? }));
    let uid = uid(one)?;
    let wish = one.spec.wish().map(|spec| Wish::Operation(Box::new(spec), owner));
    let stated = Stated {
        object: Object::Operation(OperationId(uid)),
        uid,
        name: full_name(one),
        generation: one.metadata.generation.unwrap_or(0),
        deleted: one.metadata.deletion_timestamp.is_some(),
        cancel: one.spec.cancel,
        suspend: one.spec.suspend,
        wish: wish.map_err(|error| chain(&error)),
    };
    if follow_one(resources, hands, one, &stated, &one.spec.cluster_name, sent).await? {
        return Ok(());
    }
    let old = one.status.clone().unwrap_or_default();
    let moment = hands.keeper.now();
    let new = hands.keeper.look(|board| show::operation(board, &stated, &old.conditions, moment));
    if let Some(new) = new.filter(|new| *new != old) {
        let status = serde_json::to_value(&new).unwrap_or_default();
        resources.status::<Operation>("Operation", &one.name_any(), status).await?;
    }
    Ok(())
}

async fn turn_task(
    resources: &Resources,
    hands: &Hands,
    one: &AutoOperationTask,
    sent: &mut BTreeSet<Uuid>,
) -> Result<(), Turn> {
    let uid = uid(one)?;
    let stated = Stated {
        object: Object::Task(TaskId(uid)),
        uid,
        name: full_name(one),
        generation: one.metadata.generation.unwrap_or(0),
        deleted: one.metadata.deletion_timestamp.is_some(),
        cancel: one.spec.cancel,
        suspend: one.spec.suspend,
        wish: one.spec.wish().map(|spec| Wish::Task(Box::new(spec))).map_err(|error| chain(&error)),
    };
    if follow_one(resources, hands, one, &stated, &one.spec.cluster, sent).await? {
        return Ok(());
    }
    let old = one.status.clone().unwrap_or_default();
    let moment = hands.keeper.now();
    let new = hands.keeper.look(|board| show::task(board, &stated, &old.conditions, moment));
    if let Some(new) = new.filter(|new| *new != old) {
        let status = serde_json::to_value(&new).unwrap_or_default();
        resources.status::<AutoOperationTask>("AutoOperationTask", &one.name_any(), status).await?;
    }
    Ok(())
}

/// Finalizer and commands; true where nothing is to be shown.
async fn follow_one<K: Kind>(
    resources: &Resources,
    hands: &Hands,
    one: &K,
    stated: &Stated,
    cluster: &str,
    sent: &mut BTreeSet<Uuid>,
) -> Result<bool, Turn> {
    let kept = one.finalizers().iter().any(|known| known == FINALIZER);
    if stated.deleted && hands.keeper.look(|board| is_over(board, stated, kept)) {
        if kept {
            let others: Vec<_> = one.finalizers().iter().filter(|known| *known != FINALIZER).collect();
            resources.merge::<K>(&one.name_any(), json!({"metadata": {"finalizers": others}})).await?;
        }
        return Ok(true);
    }
    if !stated.deleted && !kept {
        let mut all = one.finalizers().to_vec();
        all.push(FINALIZER.into());
        let version = one.resource_version();
        // Not over somebody else's: the version must still be the one that was read.
        let change = json!({"metadata": {"finalizers": all, "resourceVersion": version}});
        resources.merge::<K>(&one.name_any(), change).await?;
        return Ok(false);
    }
    let early = !stated.deleted && is_early(hands, one);
    let moment = hands.keeper.now();
    let asked = hands.keeper.look(|board| {
        if early && !board.clusters.contains_key(cluster) {
            return Err(Turn::NoCluster(cluster.to_owned()));
        }
        let asked = commands(board, stated, now());
        match early.then(|| lacks(board, &asked, moment)).flatten() {
            Some(refused) => Err(Turn::Lacks(refused)),
            None => Ok(asked),
        }
    })?;
    let new: Vec<_> = asked.into_iter().filter(|command| !sent.contains(&command.id)).collect();
    if !new.is_empty() {
        hands.ask(&new).await.map_err(Turn::Ask)?;
        sent.extend(new.iter().map(|command| command.id));
    }
    Ok(false)
}

/// Whether its cluster may still be on its way: it was made just now, or no cluster was looked at yet.
fn is_early<K: Resource>(hands: &Hands, one: &K) -> bool {
    let made = one.meta().creation_timestamp.as_ref().map(|made| made.0);
    !hands.has_looked_at_clusters() || made.is_some_and(|made| Timestamp::now().duration_since(made) < CLUSTER_MAY_COME)
}
