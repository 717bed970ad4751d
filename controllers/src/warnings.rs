//! Warnings on touched nodes: a fold of the Events topic from its end, so that controllers need no store. An operation whose
//! nodes have clearly more of them than before its step began is held.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use beidou_log::{Log, LogError, ReadLimit, StoredRecord};
use beidou_model::operation::{Operation, Seen};
use beidou_schemas::{
    Micros, Topic, TopicPartition,
    operation::{Actor, Phase, Purpose, fact::WarningsRose},
    time::HOUR,
};
use serde::Deserialize;
use tokio::sync::watch;

use crate::{
    keeper::{Keeper, now},
    target::Targets,
};

const READ: ReadLimit = ReadLimit { max_bytes: 4 << 20, max_wait: Duration::from_secs(5) };
const RETRY_EVERY: Duration = Duration::from_secs(2);
const JUDGE_EVERY: Duration = Duration::from_secs(5);
/// Warnings that are remembered: of a storm the newest ones.
const MOST: usize = 200_000;
/// Before the uid of a cluster.
const SOURCE: &str = "/clusters/";
/// How far back they are compared.
const SPAN: i64 = 2 * HOUR;
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
struct Recent(VecDeque<Warning>);

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
        let time = stored.record.header("ce_time").and_then(Micros::parse).unwrap_or_default();
        let cluster = stored.record.header("ce_clustername").unwrap_or_default().to_owned();
        let cluster_uid = stored.record.header("ce_source").unwrap_or_default().trim_start_matches(SOURCE).to_owned();
        self.0.push_back(Warning { time, cluster, cluster_uid, node, reason: raw.reason });
        let oldest = time.plus(-SPAN);
        while self.0.len() > MOST || self.0.front().is_some_and(|first| first.time < oldest) {
            self.0.pop_front();
        }
    }

    /// What rose on these nodes since then by at least so many, against as much time before.
    fn rose(
        &self,
        (cluster, uid): (&str, Option<&str>),
        nodes: &BTreeSet<String>,
        since: Micros,
        now: Micros,
        by: u64,
    ) -> Option<WarningsRose> {
        let before = since.plus(-(now.0 - since.0));
        // A cluster may have one name here and another one where it is watched: then its uid is told.
        let is_of = |one: &Warning| uid.map_or(one.cluster == cluster, |uid| one.cluster_uid == uid);
        let fits = |one: &&Warning| is_of(one) && nodes.contains(&one.node);
        let (mut count, mut earlier) = (0, 0);
        let (mut hosts, mut reasons) = (BTreeSet::new(), BTreeMap::<&str, u64>::new());
        for warning in self.0.iter().filter(fits) {
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
        loop {
            tokio::time::sleep(JUDGE_EVERY).await;
            let seen = judge(&recent, &keeper, &targets.borrow(), hold_at);
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
    loop {
        let answer = match next {
            None => log.bounds(at).await.map(|bounds| next = Some(bounds.end)),
            Some(from) => log.read(at, from, READ).await.map(|batch| {
                let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
                batch.records.iter().for_each(|stored| recent.take(stored));
                next = Some(batch.next);
            }),
        };
        match answer {
            Ok(()) => {}
            // Warnings of the past are no reason to hold: on from what is there.
            Err(LogError::Removed { first, .. }) => next = Some(first),
            Err(error) => {
                tracing::debug!(%at, %error, "Warnings cannot be read for now, nothing is held because of them");
                tokio::time::sleep(RETRY_EVERY).await;
            }
        }
    }
}

fn judge(recent: &Mutex<Recent>, keeper: &Keeper, targets: &Targets, hold_at: u64) -> Vec<Seen> {
    let moment = now();
    let recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
    keeper.look(|board| {
        let running = board.operations.values().filter(|found| found.phase == Phase::Running && found.ending.is_none());
        running
            .filter_map(|operation| {
                let (since, nodes) = touched(operation)?;
                let name = &operation.spec.cluster_name;
                let uid = targets.get(name).and_then(|target| target.uid.as_deref());
                let rose = recent.rose((name, uid), &nodes, since, moment, hold_at)?;
                Some(Seen::Warnings(operation.id, rose))
            })
            .collect()
    })
}

/// Since when the present change touches which nodes; none where nothing is changed.
fn touched(operation: &Operation) -> Option<(Micros, BTreeSet<String>)> {
    let attempt =
        operation.attempts.last().filter(|one| one.purpose == Purpose::Act && one.stage == operation.stage)?;
    let step = operation.step(attempt.step);
    if !step.mutates || step.actor == Actor::Release {
        return None;
    }
    // A person who lets it go on has seen those before.
    let since = attempt.intended.max(operation.since);
    let addresses = operation.addresses(&attempt.hosts);
    let machines = operation.spec.operation_machines.iter().filter(|machine| addresses.contains(&machine.ip));
    let names = machines.flat_map(|machine| [Some(machine.ip.clone()), machine.name.clone()]).flatten();
    Some((since, names.collect()))
}

#[cfg(test)]
mod tests {
    use beidou_schemas::{Record, record::Headers, time::SECOND};
    use serde_json::json;

    use super::*;

    fn event(second: i64, kind: &str, node: &str) -> StoredRecord {
        let value = json!({"type": kind, "reason": "NodeNotReady", "involvedObject": {"kind": "Node", "name": node}});
        let headers = [
            ("ce_time", Micros(second * SECOND).to_string()),
            ("ce_clustername", "c".into()),
            ("ce_source", "/clusters/u".into()),
        ];
        let headers: Headers = headers.into_iter().collect();
        StoredRecord { offset: 0, record: Record { key: Default::default(), headers, value: value.to_string().into() } }
    }

    #[test]
    fn only_more_than_before_on_touched_nodes_counts() {
        let mut recent = Recent::default();
        for second in 0..3 {
            recent.take(&event(90 + second, "Warning", "n1"));
        }
        for second in 0..5 {
            recent.take(&event(100 + second, "Warning", "n1"));
            recent.take(&event(100 + second, "Normal", "n1"));
            recent.take(&event(100 + second, "Warning", "other"));
        }
        let nodes = BTreeSet::from(["n1".to_owned()]);
        let at = |second: i64| Micros(second * SECOND);
        let rose = recent.rose(("c", None), &nodes, at(100), at(110), 2).unwrap();
        assert_eq!((rose.count, rose.before, &*rose.reason), (5, 3, "NodeNotReady"));
        assert_eq!(recent.rose(("c", None), &nodes, at(100), at(110), 3), None, "not by so many");
        assert_eq!(recent.rose(("d", None), &nodes, at(100), at(110), 1), None, "another cluster");
        assert!(recent.rose(("d", Some("u")), &nodes, at(100), at(110), 2).is_some(), "known by its uid");
        assert_eq!(recent.rose(("c", Some("v")), &nodes, at(100), at(110), 1), None, "another uid");
    }

    #[test]
    fn memory_is_bounded_by_time() {
        let mut recent = Recent::default();
        recent.take(&event(0, "Warning", "n1"));
        recent.take(&event(3 * 3600, "Warning", "n1"));
        assert_eq!(recent.0.len(), 1);
    }
}
