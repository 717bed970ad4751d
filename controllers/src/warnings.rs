//! Warnings on touched nodes: a fold of the Events topic from its end, so that controllers need no store. An operation whose
//! nodes have clearly more of them than before its step began is held.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use beidou_log::{Log, LogError, ReadLimit, StoredRecord};
use beidou_model::operation::{Attempt, Operation, Seen};
use beidou_schemas::{
    Micros, Topic, TopicPartition,
    operation::{Actor, OperationId, Phase, Purpose, fact::WarningsRose},
    time::HOUR,
};
use serde::Deserialize;
use tokio::{sync::watch, time::Instant};

use crate::{
    assign::Known,
    keeper::{Keeper, now},
    target::{Target, Targets},
};

const READ: ReadLimit = ReadLimit { max_bytes: 4 << 20, max_wait: Duration::from_secs(5) };
const RETRY_EVERY: Duration = Duration::from_secs(2);
const JUDGE_EVERY: Duration = Duration::from_secs(5);
/// Clusters in which something is changed are asked so often for the names of their nodes.
const LEARN_EVERY: Duration = Duration::from_secs(30);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Warnings of each touched node that hold nothing, whatever `hold_at_warnings` says.
const USUAL: u64 = 3;
/// Warnings that are remembered: of a storm the newest ones.
const MOST: usize = 200_000;
/// Before the uid of a cluster.
const SOURCE: &str = "/clusters/";
/// What is compared with what was before it, at most: of a step that takes longer, its last hour with the hour before.
const COMPARED: i64 = HOUR;
/// Nodes that a fact names.
const MOST_NAMED: usize = 100;

/// A Warning about a node, or about something on it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Warning {
    time: Micros,
    cluster: String,
    cluster_uid: String,
    node: String,
    reason: String,
}

/// Those of the last hours.
#[derive(Debug, Default)]
struct Recent {
    warnings: VecDeque<Warning>,
    /// Since when none is missing: before, none says nothing.
    known: Micros,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    involved_object: Object,
    #[serde(default)]
    source: Source,
    #[serde(default)]
    reporting_instance: String,
}

#[derive(Default, Deserialize)]
struct Object {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
}

#[derive(Default, Deserialize)]
struct Source {
    #[serde(default)]
    host: String,
}

impl Recent {
    fn take(&mut self, stored: &StoredRecord) {
        // Most Events are no Warnings: a look for the word is far cheaper than to parse.
        if !stored.record.value.windows(9).any(|window| window == b"\"Warning\"") {
            return;
        }
        let Ok(raw) = serde_json::from_slice::<Raw>(&stored.record.value) else { return };
        let node = match (&*raw.involved_object.kind, raw.source.host, raw.reporting_instance) {
            ("Node", _, _) => raw.involved_object.name,
            (_, host, _) if !host.is_empty() => host,
            (_, _, instance) => instance,
        };
        if raw.kind != "Warning" || node.is_empty() {
            return;
        }
        // A clock that is ahead must not make all others old.
        let time = stored.record.header("ce_time").and_then(Micros::parse).unwrap_or_default().min(now());
        let cluster = stored.record.header("ce_clustername").unwrap_or_default().to_owned();
        let cluster_uid = stored.record.header("ce_source").unwrap_or_default().trim_start_matches(SOURCE).to_owned();
        self.warnings.push_back(Warning { time, cluster, cluster_uid, node, reason: raw.reason });
        let oldest = time.plus(-2 * COMPARED);
        while self.warnings.front().is_some_and(|first| first.time < oldest) {
            self.warnings.pop_front();
        }
        if self.warnings.len() > MOST
            && let Some(lost) = self.warnings.pop_front()
        {
            self.known = self.known.max(lost.time.plus(1));
        }
    }

    /// What rose on these nodes since then by at least so many, against as much time before. Where that is not known, or the
    /// time is long, less is compared: both spans are equally long and known.
    fn rose(
        &self,
        (cluster, uid): (&str, Option<&str>),
        nodes: &BTreeSet<String>,
        since: Micros,
        now: Micros,
        by: u64,
    ) -> Option<WarningsRose> {
        let span = (now.0 - since.0).min(COMPARED).min((now.0 - self.known.0) / 2);
        let (since, before) = (now.plus(-span), now.plus(-2 * span));
        // A cluster may have one name here and another one where it is watched: then its uid is told.
        let is_of = |one: &Warning| uid.map_or(one.cluster == cluster, |uid| one.cluster_uid == uid);
        let fits = |one: &&Warning| is_of(one) && nodes.contains(&one.node);
        let (mut count, mut earlier) = (0, 0);
        let (mut hosts, mut reasons) = (BTreeSet::new(), BTreeMap::<&str, u64>::new());
        for warning in self.warnings.iter().filter(fits) {
            if warning.time >= since {
                count += 1;
                hosts.insert(warning.node.clone());
                *reasons.entry(&warning.reason).or_default() += 1;
            } else if warning.time >= before {
                earlier += 1;
            }
        }
        let most = reasons.into_iter().max_by_key(|(_, count)| *count).map(|(reason, _)| reason.to_owned());
        (count >= earlier + by).then(|| WarningsRose {
            hosts: hosts.into_iter().take(MOST_NAMED).collect(),
            count,
            before: earlier,
            reason: most.unwrap_or_default(),
        })
    }
}

/// Reads and judges until it is dropped. With 0 nothing is held.
pub(crate) async fn hold_at_rise(log: Arc<dyn Log>, keeper: Keeper, targets: watch::Receiver<Targets>, hold_at: u64) {
    if hold_at == 0 || log.partitions(Topic::KubeEvent) == 0 {
        return std::future::pending().await;
    }
    let recent = Arc::new(Mutex::new(Recent::default()));
    let partitions = (0..log.partitions(Topic::KubeEvent)).map(|number| TopicPartition::new(Topic::KubeEvent, number));
    let reads = partitions.map(|at| read(Arc::clone(&log), at, Arc::clone(&recent)));
    let judged = async {
        let mut named = Named::new();
        loop {
            tokio::time::sleep(JUDGE_EVERY).await;
            let seen = judge(&recent, &keeper, &targets, hold_at, &mut named).await;
            for seen in seen {
                // What is held already is not held twice.
                let _ = keeper.tell(seen).await;
            }
        }
    };
    tokio::join!(futures::future::join_all(reads), judged);
}

async fn read(log: Arc<dyn Log>, at: TopicPartition, recent: Arc<Mutex<Recent>>) {
    let mut next = None;
    let known_from_now = || {
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.known = recent.known.max(now());
    };
    loop {
        let answer = match next {
            None => log.bounds(at).await.map(|bounds| {
                known_from_now();
                next = Some(bounds.end);
            }),
            Some(from) => log.read(at, from, READ).await.map(|batch| {
                let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
                batch.records.iter().for_each(|stored| recent.take(stored));
                next = Some(batch.next);
            }),
        };
        match answer {
            Ok(()) => {}
            // Warnings of the past are no reason to hold: on from what is there.
            Err(LogError::Removed { first, .. }) => {
                known_from_now();
                next = Some(first);
            }
            Err(error) => {
                tracing::debug!(%at, %error, "Warnings cannot be read for now, nothing is held because of them");
                tokio::time::sleep(RETRY_EVERY).await;
            }
        }
    }
}

/// Names and addresses of a cluster's nodes, and when they were asked for.
type Named = BTreeMap<String, (Instant, Known)>;

async fn judge(
    recent: &Mutex<Recent>,
    keeper: &Keeper,
    targets: &watch::Receiver<Targets>,
    hold_at: u64,
    named: &mut Named,
) -> Vec<Seen> {
    // Events have the time of machines, facts have their own.
    let moment = now();
    let of_facts = keeper.now();
    let touched: Vec<Touched> = keeper.look(|board| {
        let running = board.operations.awake().filter(|found| found.phase == Phase::Running && found.ending.is_none());
        running.filter_map(|operation| touched(operation, of_facts, moment)).collect()
    });
    let clusters: BTreeSet<&String> = touched.iter().map(|touched| &touched.cluster).collect();
    for cluster in clusters {
        let target = targets.borrow().get(cluster).cloned();
        if let Some(target) = target {
            learn(&target, named).await;
        }
    }
    let recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
    let judged = touched.iter().filter_map(|touched| {
        let uid = targets.borrow().get(&touched.cluster).and_then(|target| target.uid.clone());
        let nodes = touched.names(named.get(&touched.cluster).map(|(_, known)| known));
        // A starting kubelet has a word or two to say: that much of each node is no rise.
        let by = hold_at.max(USUAL * touched.machines.len() as u64);
        let rose = recent.rose((&touched.cluster, uid.as_deref()), &nodes, touched.since, moment, by)?;
        Some(Seen::Warnings(touched.operation, rose))
    });
    judged.collect()
}

/// Asks a cluster for its nodes. What was known stays while it gives no answer.
async fn learn(target: &Target, named: &mut Named) {
    if named.get(&target.name).is_some_and(|(asked, _)| asked.elapsed() < LEARN_EVERY) {
        return;
    }
    let Ok(nodes) = target.nodes() else { return };
    let known = match tokio::time::timeout(ANSWER_LIMIT, nodes.known()).await {
        Ok(Ok(known)) => known,
        _ => named.remove(&target.name).map(|(_, known)| known).unwrap_or_default(),
    };
    named.insert(target.name.clone(), (Instant::now(), known));
}

/// What an operation changes, or has just changed.
#[derive(Debug, PartialEq)]
struct Touched {
    operation: OperationId,
    cluster: String,
    /// By the clock of this machine.
    since: Micros,
    /// Address, and name where it was told.
    machines: Vec<(String, Option<String>)>,
}

impl Touched {
    /// What Events call them: a node may be named otherwise than its machine.
    fn names(&self, known: Option<&Known>) -> BTreeSet<String> {
        let told = self.machines.iter().flat_map(|(ip, name)| [Some(ip.clone()), name.clone()]).flatten();
        let is_ours = |address: &String| self.machines.iter().any(|(ip, _)| ip == address);
        let found = known.into_iter().flatten().filter(|(_, (addresses, _))| addresses.iter().any(is_ours));
        told.chain(found.map(|(name, _)| name.clone())).collect()
    }
}

/// What the present change touches, or the last one while it soaks; none where nothing is changed. Machines that are only made
/// ready are no nodes yet. The time of facts is ahead while this machine's is behind what was written, and says how long ago the
/// change began.
fn touched(operation: &Operation, of_facts: Micros, now: Micros) -> Option<Touched> {
    let changes = |one: &&Attempt| {
        let step = operation.step(one.step);
        one.purpose == Purpose::Act && step.mutates && !step.readies && step.actor != Actor::Release
    };
    let attempt = operation.attempts.iter().rfind(changes)?;
    if attempt.stage != operation.stage && of_facts >= operation.soak_until {
        return None;
    }
    let addresses = operation.addresses(&attempt.hosts);
    let machines = operation.spec.operation_machines.iter().filter(|machine| addresses.contains(&machine.ip));
    Some(Touched {
        operation: operation.id,
        cluster: operation.spec.cluster_name.clone(),
        // A person who lets it go on has seen those before.
        since: attempt.intended.max(operation.since).plus(now.0 - of_facts.0),
        machines: machines.map(|machine| (machine.ip.clone(), machine.name.clone())).collect(),
    })
}

#[cfg(test)]
mod tests;
