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
    let moment = now();
    let touched: Vec<Touched> = keeper.look(|board| {
        let running = board.operations.awake().filter(|found| found.phase == Phase::Running && found.ending.is_none());
        running.filter_map(|operation| touched(operation, moment)).collect()
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
/// ready are no nodes yet.
fn touched(operation: &Operation, now: Micros) -> Option<Touched> {
    let changes = |one: &&Attempt| {
        let step = operation.step(one.step);
        one.purpose == Purpose::Act && step.mutates && !step.readies && step.actor != Actor::Release
    };
    let attempt = operation.attempts.iter().rfind(changes)?;
    if attempt.stage != operation.stage && now >= operation.soak_until {
        return None;
    }
    let addresses = operation.addresses(&attempt.hosts);
    let machines = operation.spec.operation_machines.iter().filter(|machine| addresses.contains(&machine.ip));
    Some(Touched {
        operation: operation.id,
        cluster: operation.spec.cluster_name.clone(),
        // A person who lets it go on has seen those before.
        since: attempt.intended.max(operation.since),
        machines: machines.map(|machine| (machine.ip.clone(), machine.name.clone())).collect(),
    })
}

#[cfg(test)]
mod tests {
    use beidou_model::operation::{Action, Arrived, Board, begin, decide, next, observe};
    use beidou_schemas::{
        Record,
        operation::{
            AttemptEnd, ClusterRules, Object as Whose, Via,
            command::{Command, RequestOperation},
            fact::{AttemptClaimed, AttemptEnded, Fact},
        },
        record::Headers,
        runner::{HostOutcome, HostState},
        time::SECOND,
    };
    use serde_json::json;
    use uuid::Uuid;

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
        assert_eq!(recent.warnings.len(), 1);
    }

    #[test]
    fn what_is_as_it_was_is_no_rise_however_long_a_step_takes() {
        const MINUTE: i64 = 60;
        let rose = |recent: &Recent, minute: i64| {
            let at = |minute: i64| Micros(minute * MINUTE * SECOND);
            recent.rose(("c", None), &BTreeSet::from(["n1".to_owned()]), at(120), at(minute), 10)
        };
        // Two each minute, before the step and in it.
        let mut recent = Recent::default();
        for minute in 0..600 {
            recent.take(&event(minute * MINUTE, "Warning", "n1"));
            recent.take(&event(minute * MINUTE + 30, "Warning", "n1"));
            assert_eq!(rose(&recent, minute), None, "in minute {minute}");
        }
        // Who has begun to read within the step knows nothing of the time before it.
        let known = Micros(590 * MINUTE * SECOND);
        let since_restart = recent.warnings.iter().filter(|one| one.time >= known).cloned().collect();
        let restarted = Recent { warnings: since_restart, known };
        assert_eq!(rose(&restarted, 600), None);
        for second in 0..100 {
            recent.take(&event(600 * MINUTE + second, "Warning", "n1"));
        }
        let found = rose(&recent, 602).unwrap();
        assert!(found.count >= found.before + 10, "a rise late in a step is one: {found:?}");
    }

    #[test]
    fn what_a_storm_has_driven_out_is_known_to_be_missing() {
        let mut recent = Recent::default();
        recent.take(&event(100, "Warning", "n1"));
        let other = Warning { node: "other".into(), ..recent.warnings[0].clone() };
        recent.warnings.extend(std::iter::repeat_n(other, MOST));
        recent.take(&event(200, "Warning", "n1"));
        assert_eq!((recent.warnings.len(), recent.known), (MOST + 1, Micros(100 * SECOND + 1)));
    }

    #[test]
    fn a_clock_that_is_ahead_makes_no_other_warning_old() {
        let (mut recent, present) = (Recent::default(), now().0 / SECOND);
        for second in [present - 60, present + 86_400 * 365, present - 30] {
            recent.take(&event(second, "Warning", "n1"));
        }
        assert_eq!(recent.warnings.len(), 3);
        let since = Micros((present - 40) * SECOND);
        let rose = recent.rose(("c", None), &BTreeSet::from(["n1".to_owned()]), since, now().plus(100 * SECOND), 0);
        assert_eq!(rose.map(|rose| (rose.count, rose.before)), Some((2, 1)));
    }

    const RUN: OperationId = OperationId(Uuid::from_u128(1));

    fn take(board: &mut Board, facts: &[Fact], now: Micros) {
        facts.iter().for_each(|fact| _ = board.apply(fact));
        while let Some(Action::Record(facts)) = next(board, now).into_iter().next() {
            facts.iter().for_each(|fact| _ = board.apply(fact));
        }
    }

    /// Joins three machines; nothing was done yet.
    fn joining(now: Micros) -> Board {
        let mut board = Board::default();
        let first = begin(&board, "test", now);
        board.apply(&first);
        let bundle = beidou_playbooks::shipped("node-join").unwrap().unwrap();
        let bundle = Box::new(crate::bundles::shape(&bundle).unwrap());
        for seen in [Seen::Cluster("c".into(), Some(ClusterRules::default())), Seen::Bundle(bundle)] {
            let facts = observe(&board, &seen, now).unwrap();
            take(&mut board, &facts, now);
        }
        let spec = serde_json::from_value(json!({
            "clusterName": "c", "operationType": "ScaleUp", "bundle": "node-join",
            "operationFlow": ["preCheck", "scaleUp", "postCheck"],
            "operationMachines": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2", "name": "n2"}, {"ip": "10.0.0.3"}],
        }));
        let ask =
            RequestOperation { name: "ops/a".into(), spec: spec.unwrap(), owner: None, why: String::new() }.into();
        let (id, object) = (Uuid::from_u128(7), Whose::Operation(RUN));
        let command = Command { id, object, subject: "dev".into(), via: Via::Api, time: now, ask };
        let facts = decide(&board, &Arrived { command, partition: 0, offset: 0 }, now).unwrap();
        take(&mut board, &facts, now);
        board
    }

    /// The open attempt goes well on all its hosts.
    fn work(board: &mut Board, now: Micros) {
        let operation = &board.operations[&RUN];
        let open = operation.open_attempt().unwrap();
        let (attempt, hosts) = (open.id.clone(), operation.addresses(&open.hosts));
        let (state, changed, ok, duration_ms) = (HostState::Ok, 0, 1, 1);
        let well =
            HostOutcome { state, failed_task: None, message: None, code: None, remedy: None, changed, ok, duration_ms };
        let outcomes = hosts.into_iter().map(|host| (host, well.clone())).collect();
        let claimed = AttemptClaimed { attempt: attempt.clone(), runner: Uuid::from_u128(5) };
        let (end, message) = (AttemptEnd::Finished, String::new());
        let ended = AttemptEnded { attempt, end, exit: None, signal: None, message };
        for seen in [Seen::Claimed(RUN, claimed), Seen::Ended(RUN, ended, outcomes)] {
            let facts = observe(board, &seen, now).unwrap();
            take(board, &facts, now);
        }
    }

    #[test]
    fn a_canary_is_watched_while_it_soaks_under_the_name_of_its_node() {
        let (now, later) = (Micros(1_795_444_800 * SECOND), Micros(1_795_444_810 * SECOND));
        let mut board = joining(now);
        assert_eq!(touched(&board.operations[&RUN], now), None, "a check changes nothing");
        work(&mut board, now);
        assert_eq!(touched(&board.operations[&RUN], now), None, "who is made ready is no node yet");
        work(&mut board, now);
        let canary = touched(&board.operations[&RUN], now).unwrap();
        assert_eq!((&*canary.cluster, canary.machines.len(), canary.since), ("c", 1, now));
        work(&mut board, later);
        let found = &board.operations[&RUN];
        assert_eq!((found.stage, found.attempts.len()), (3, 3), "it soaks");
        assert_eq!(touched(found, later), Some(canary));
        assert_eq!(touched(found, found.soak_until), None);
    }

    #[test]
    fn nodes_are_known_by_address_and_by_both_names() {
        let machines = vec![("10.0.0.1".to_owned(), None), ("10.0.0.2".to_owned(), Some("n2".to_owned()))];
        let touched = Touched { operation: RUN, cluster: "c".into(), since: Micros(0), machines };
        let node = |name: &str, address: &str| (name.to_owned(), (vec![address.to_owned()], false));
        let known = Known::from([node("rack-7", "10.0.0.1"), node("other", "10.0.0.9")]);
        let names = |known| touched.names(known).into_iter().collect::<Vec<_>>();
        assert_eq!(names(None), ["10.0.0.1", "10.0.0.2", "n2"]);
        assert_eq!(names(Some(&known)), ["10.0.0.1", "10.0.0.2", "n2", "rack-7"]);
    }
}
