//! Cluster resources and clusters of the configuration become targets, their rules become facts, and what was found there
//! becomes their status.

use std::{collections::BTreeMap, time::Duration};

use beidou_crds::{Cluster, ClusterStatus, Condition};
use beidou_model::operation::Seen;
use beidou_schemas::operation::ClusterRules;
use futures::{FutureExt, StreamExt, stream};
use k8s_openapi::{api::core::v1::Secret as KubeSecret, apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::{ResourceExt, runtime::reflector::Store};
use tokio::{sync::watch, time::Instant};

use super::{Resources, follow::cache};
use crate::{
    config::TargetConfig,
    error::chain,
    keeper::Keeper,
    target::{KnownNodes, Target, TargetError, Targets, Told, addressed, from_config, from_resource},
};

/// Clusters are asked for their nodes so often: shares of a pool, and inventories, follow.
const LOOK_EVERY: Duration = Duration::from_secs(30);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Clusters that are asked at the same time.
const AT_ONCE: usize = 32;

/// Keeps the targets, and where their nodes are, until it is dropped.
pub(crate) async fn follow_clusters(
    resources: Option<Resources>,
    fixed: Vec<TargetConfig>,
    keeper: Keeper,
    targets: watch::Sender<Targets>,
    nodes: watch::Sender<KnownNodes>,
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
            turn(resources.as_ref(), store.as_ref(), &fixed, &keeper, &targets, &nodes).await;
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
    nodes: &watch::Sender<KnownNodes>,
) {
    let stored = store.map(|store| store.state()).unwrap_or_default();
    let by_files = fixed.iter().map(|config| by_file(config, nodes).boxed());
    let by_resources =
        resources.iter().flat_map(|resources| stored.iter().map(move |one| by_resource(resources, one, nodes).boxed()));
    let looks = by_files.chain(by_resources).enumerate();
    let looks: Vec<_> = looks.map(|(place, look)| look.map(move |found| (place, found))).collect();
    // One that does not answer keeps nobody behind it waiting.
    let mut all: Vec<(usize, (String, Named))> = stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
    // Of a file and a resource with one name the resource counts.
    all.sort_by_key(|(place, _)| *place);
    let all: BTreeMap<String, Named> = all.into_iter().map(|(_, found)| found).collect();
    nodes.send_modify(|nodes| nodes.0.retain(|name, _| all.contains_key(name)));
    tell(keeper, all, targets).await;
}

/// A cluster that the configuration or a resource names: what of it can be used now.
#[derive(Default)]
struct Named {
    target: Option<Target>,
    rules: Option<ClusterRules>,
    /// How many it has.
    nodes: Option<u32>,
}

/// What its API server says of itself, the number of nodes and its version; nothing where nobody says how to ask it.
type Said = Option<(u32, Option<String>)>;

async fn by_file(config: &TargetConfig, nodes: &watch::Sender<KnownNodes>) -> (String, Named) {
    let rules = config.rules(0).map_err(TargetError::from);
    let (named, said) = look_at(from_config(config).await, rules, nodes).await;
    if let Err(error) = said {
        tracing::warn!(cluster = config.name, error = chain(&error), "a cluster cannot be used for now");
    }
    (config.name.clone(), named)
}

async fn by_resource(resources: &Resources, cluster: &Cluster, nodes: &watch::Sender<KnownNodes>) -> (String, Named) {
    let target = from_resource(cluster, &resources.api::<KubeSecret>()).await;
    let (named, said) = look_at(target, cluster.spec.rules(0).map_err(TargetError::from), nodes).await;
    show(resources, cluster, &said).await;
    (cluster.name_any(), named)
}

async fn look_at(
    target: Result<Target, TargetError>,
    rules: Result<ClusterRules, TargetError>,
    nodes: &watch::Sender<KnownNodes>,
) -> (Named, Result<Said, TargetError>) {
    let mut named = Named::default();
    let asked = match target {
        Ok(target) => {
            let said = ask(&target, nodes).await;
            named.target = Some(target);
            said
        }
        Err(error) => Err(error),
    };
    // Without an API server nothing is counted; one that does not answer has the nodes of before.
    named.nodes = asked.as_ref().ok().map(|said| said.as_ref().map_or(0, |(count, _)| *count));
    match rules {
        Ok(rules) => {
            named.rules = Some(rules);
            (named, asked)
        }
        Err(error) => (named, Err(error)),
    }
}

/// Which nodes it has, and of which version it is. Where they are is known at once, whoever else is still asked.
async fn ask(target: &Target, known: &watch::Sender<KnownNodes>) -> Result<Said, TargetError> {
    let (Ok(nodes), Some(client)) = (target.nodes(), &target.client) else { return Ok(None) };
    let asked = async {
        let (nodes, version) = tokio::join!(nodes.list(), client.apiserver_version());
        let told = Told { addresses: addressed(&nodes?), at: Instant::now() };
        let count = u32::try_from(told.addresses.len()).unwrap_or(u32::MAX);
        known.send_modify(|known| drop(known.0.insert(target.name.clone(), told)));
        Ok(Some((count, version.ok().map(|version| version.git_version))))
    };
    let late = || TargetError::Value { what: "the answers, which come too late,", cluster: target.name.clone() };
    tokio::time::timeout(ANSWER_LIMIT, asked).await.unwrap_or_else(|_| Err(late()))
}

/// Makes the targets usable, and their rules facts. What cannot be read for the moment stays as it was: only a cluster that
/// nobody names any more is forgotten, for with it its windows and freezes are.
async fn tell(keeper: &Keeper, all: BTreeMap<String, Named>, targets: &watch::Sender<Targets>) {
    let known = keeper.look(|board| board.clusters.clone());
    let (mut usable, mut rules) = (Targets::new(), Vec::new());
    for (name, named) in &all {
        let last = targets.borrow().get(name).cloned();
        let target = named.target.clone().or(last);
        let before = known.get(name);
        if target.is_none() {
            tracing::warn!(cluster = name, "a cluster cannot be used for now: its credentials cannot be read");
        }
        // Nothing begins on a cluster that never could be used.
        if let Some(found) = named.rules.clone().filter(|_| target.is_some() || before.is_some()) {
            let pool = named.nodes.or(before.map(|before| before.pool)).unwrap_or(0);
            rules.push((name.clone(), ClusterRules { pool, ..found }));
        }
        usable.extend(target.map(|target| (name.clone(), target)));
    }
    targets.send_replace(usable);
    // Nothing new is no news.
    for (name, rules) in rules {
        let _ = keeper.tell(Seen::Cluster(name, Some(rules))).await;
    }
    for name in known.into_keys().filter(|name| !all.contains_key(name)) {
        let _ = keeper.tell(Seen::Cluster(name, None)).await;
    }
}

async fn show(resources: &Resources, cluster: &Cluster, found: &Result<Said, TargetError>) {
    let generation = cluster.metadata.generation;
    let old = cluster.status.clone().unwrap_or_default();
    let (status, reason, message, nodes) = match found {
        Ok(Some((nodes, _))) => ("True", "Reachable", String::new(), Some(*nodes)),
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
        version: found.as_ref().ok().and_then(|said| said.as_ref()?.1.clone()).or(old.version.clone()),
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
