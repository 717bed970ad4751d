//! Cluster resources and clusters of the configuration become targets, their rules become facts, and what was found there
//! becomes their status.

use std::time::Duration;

use beidou_crds::{Cluster, ClusterStatus, Condition};
use beidou_model::operation::Seen;
use k8s_openapi::{api::core::v1::Secret as KubeSecret, apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::{ResourceExt, runtime::reflector::Store};
use tokio::sync::watch;

use super::{Resources, follow::cache};
use crate::{
    config::TargetConfig,
    error::chain,
    keeper::Keeper,
    target::{Target, TargetError, Targets, from_config, from_resource},
};

/// Clusters are asked for their nodes so often: shares of a pool, and inventories, follow.
const LOOK_EVERY: Duration = Duration::from_secs(30);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Keeps the targets until it is dropped.
pub(crate) async fn follow_clusters(
    resources: Option<Resources>,
    fixed: Vec<TargetConfig>,
    keeper: Keeper,
    targets: watch::Sender<Targets>,
) {
    let (wake, mut woken) = watch::channel(());
    let watched = resources.as_ref().map(|resources| cache::<Cluster>(resources, wake.clone()));
    let (store, watching) = match watched {
        Some((store, watching)) => (Some(store), futures::future::Either::Left(watching)),
        None => (None, futures::future::Either::Right(std::future::pending())),
    };
    let turns = async {
        if let Some(store) = &store
            && store.wait_until_ready().await.is_err()
        {
            return;
        }
        loop {
            turn(resources.as_ref(), store.as_ref(), &fixed, &keeper, &targets).await;
            tokio::select! {
                _ = woken.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            // Changes that come together are one turn.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = watching => {}
        () = turns => {}
    }
    drop(wake);
}

async fn turn(
    resources: Option<&Resources>,
    store: Option<&Store<Cluster>>,
    fixed: &[TargetConfig],
    keeper: &Keeper,
    targets: &watch::Sender<Targets>,
) {
    let mut all = of_files(fixed).await;
    for cluster in store.map(|store| store.state()).unwrap_or_default() {
        let Some(resources) = resources else { continue };
        let secrets = resources.api::<KubeSecret>();
        let (target, nodes) = match from_resource(&cluster, &secrets).await {
            Ok(target) => {
                let (target, nodes) = found(target).await;
                (Some(target), nodes)
            }
            Err(error) => (None, Err(error)),
        };
        show(resources, &cluster, &nodes).await;
        // Credentials that cannot be read for the moment do not make a cluster unknown.
        let name = cluster.name_any();
        match target.or_else(|| targets.borrow().get(&name).cloned()) {
            Some(target) => keep(&mut all, target),
            None => tracing::warn!(cluster = name, "a cluster cannot be used, its status says why"),
        }
    }
    tell(keeper, all, targets).await;
}

async fn of_files(fixed: &[TargetConfig]) -> Targets {
    let mut all = Targets::new();
    for config in fixed {
        match from_config(config).await {
            Ok(target) => keep(&mut all, found(target).await.0),
            Err(error) => tracing::warn!(cluster = config.name, error = chain(&error), "a cluster cannot be used"),
        }
    }
    all
}

/// Makes the targets usable, and their rules facts.
async fn tell(keeper: &Keeper, all: Targets, targets: &watch::Sender<Targets>) {
    let gone: Vec<String> =
        keeper.look(|board| board.clusters.keys().filter(|name| !all.contains_key(*name)).cloned().collect());
    targets.send_replace(all.clone());
    for target in all.into_values() {
        // Nothing new is no news.
        let _ = keeper.tell(Seen::Cluster(target.name, Some(target.rules))).await;
    }
    for name in gone {
        let _ = keeper.tell(Seen::Cluster(name, None)).await;
    }
}

fn keep(all: &mut Targets, target: Target) {
    all.insert(target.name.clone(), target);
}

/// The target with the size of its pool.
async fn found(mut target: Target) -> (Target, Result<Option<u32>, TargetError>) {
    let Ok(nodes) = target.nodes() else { return (target, Ok(None)) };
    let listed = tokio::time::timeout(ANSWER_LIMIT, nodes.list()).await;
    match listed {
        Ok(Ok(nodes)) => {
            let count = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
            target.rules.pool = count;
            (target, Ok(Some(count)))
        }
        Ok(Err(error)) => (target, Err(error)),
        Err(_) => {
            let late = TargetError::Value { what: "the answers, which come too late,", cluster: target.name.clone() };
            (target, Err(late))
        }
    }
}

async fn show(resources: &Resources, cluster: &Cluster, found: &Result<Option<u32>, TargetError>) {
    let generation = cluster.metadata.generation;
    let old = cluster.status.clone().unwrap_or_default();
    let (status, reason, message, nodes) = match found {
        Ok(Some(nodes)) => ("True", "Reachable", String::new(), Some(*nodes)),
        Ok(None) => ("Unknown", "NoCredentials", "only machines can be touched: no credentials are named".into(), None),
        Err(error) => ("False", "Unreachable", chain(error).chars().take(1024).collect(), old.nodes),
    };
    let before = old.conditions.iter().find(|one| one.type_ == "Reachable" && one.status == status);
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    let condition = Condition {
        type_: "Reachable".into(),
        status: status.into(),
        reason: reason.into(),
        message,
        observed_generation: generation,
        last_transition_time: before.map_or(Time(now), |before| before.last_transition_time.clone()),
    };
    let new = ClusterStatus {
        observed_generation: generation,
        nodes,
        version: old.version.clone(),
        conditions: vec![condition],
    };
    if new != old {
        let value = serde_json::to_value(&new).unwrap_or_default();
        if let Err(error) = resources.status::<Cluster>("Cluster", &cluster.name_any(), value).await {
            tracing::debug!(
                cluster = cluster.name_any(),
                error = chain(&error),
                "the status of a cluster cannot be written"
            );
        }
    }
}
