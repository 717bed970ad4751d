//! Steps that controllers do themselves at API servers: each is an attempt like any other, whose runner is this process. What is
//! to run is read from the board alone, so that a step goes on after a restart as it began: each act may be repeated.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use beidou_model::operation::{Attempt, Board, Operation, Seen};
use beidou_playbooks::ApiAct;
use beidou_schemas::{
    Micros,
    operation::{
        AttemptEnd, Machine, OperationId, UndoKind,
        fact::{AttemptClaimed, AttemptEnded, AttemptLaunched, AttemptOffered, Heard, HostResult},
    },
    runner::{AttemptId, HostOutcome, HostState},
};
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Node;
use serde_json::Value;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::Hands;
use crate::{
    error::chain,
    fault::Point,
    keeper::now,
    target::{DrainOptions, TargetError, drain, is_cordoned, node_of},
};

/// The executor of these steps.
pub(super) const API: &str = "api";
/// Nodes of one step at the same time.
const AT_ONCE: usize = 10;
/// While a drain waits, it is heard of.
const HEARD_EVERY: Duration = Duration::from_secs(10);
/// Names of nodes are waited for so long.
const NAMES_LIMIT: Duration = Duration::from_secs(10);
/// What an API server does not answer is asked again after this, doubled each time.
const FIRST_AGAIN: Duration = Duration::from_secs(1);
const LONGEST_AGAIN: Duration = Duration::from_secs(10);
/// So long in all: longer than an API server takes to restart.
const MOST_AGAIN: Duration = Duration::from_secs(300);

/// Carries out the steps that are on the board, until it is dropped. They may take hours, so that they are no acts.
pub(crate) async fn carry_out(hands: Hands) {
    let mut changes = hands.keeper.changes();
    let (mut begun, mut running) = (BTreeSet::new(), JoinSet::new());
    loop {
        let open = hands.keeper.look(open);
        begun.retain(|known| open.iter().any(|(_, attempt)| attempt == known));
        for (operation, attempt) in open {
            if begun.insert(attempt.clone()) {
                let hands = hands.clone();
                running.spawn(async move {
                    if let Err(error) = hands.run_api(operation, &attempt).await {
                        tracing::warn!(%attempt, error, "a step at an API server did not go on");
                    }
                });
            }
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            Some(done) = running.join_next() => if let Err(error) = done {
                tracing::error!(%error, "a step at an API server panicked: a bug");
            }
        }
    }
}

fn open(board: &Board) -> Vec<(OperationId, AttemptId)> {
    let open = board.operations.awake().filter_map(|operation| Some((operation.id, operation.open_attempt()?)));
    let ours = open.filter(|(_, attempt)| attempt.launched.as_ref().is_some_and(|launch| launch.executor == API));
    ours.map(|(operation, attempt)| (operation, attempt.id.clone())).collect()
}

impl Hands {
    /// It is offered and launched in one go; who carries it out sees that on the board. Which nodes its machines are is told with
    /// it, and which of them are cordoned already before: behind it nobody knows any more who did it.
    pub(super) async fn start_api(&self, operation: &Operation, found: &Attempt, act: ApiAct) -> Result<(), String> {
        let (id, attempt) = (operation.id, &found.id);
        let owes = operation.step(found.step).undo.iter().any(|undo| undo.kind == UndoKind::Cordon);
        let machine = |host: &u32| operation.spec.operation_machines.get(*host as usize);
        let machines: Vec<&Machine> = found.hosts.iter().filter_map(machine).collect();
        let list = async { self.nodes_of(id).await?.list().await };
        let all = if act == ApiAct::Cordon && owes {
            let all = list.await;
            let hosts = match &all {
                Ok(all) => cordoned_of(all, &machines),
                // Why a node cannot be read at all is for the step to say.
                Err(error) if !error.is_retryable() => Vec::new(),
                Err(error) if self.keeper.now() < looked_until(operation, found) => return Err(chain(error)),
                // The step asks on, and says it of each host. What nobody could see is lifted by nobody.
                Err(_) => operation.addresses(&found.hosts),
            };
            self.tell(Seen::Cordoned(id, attempt.clone(), hosts)).await?;
            all.unwrap_or_default()
        } else {
            // Names are of use to who reads of it: no step waits for them.
            tokio::time::timeout(NAMES_LIMIT, list).await.ok().and_then(Result::ok).unwrap_or_default()
        };
        let mut nodes = names_of(&all, &machines);
        nodes.retain(|ip, name| operation.nodes.get(ip) != Some(&*name));
        // Nobody has the token that this is the digest of.
        let token_sha256 = crate::token::digest(&rand::random::<[u8; 32]>());
        self.tell(Seen::Offered(id, AttemptOffered { attempt: attempt.clone(), token_sha256 })).await?;
        let (executor, place) = (API.to_owned(), "controllers".to_owned());
        self.tell(Seen::Launched(id, AttemptLaunched { attempt: attempt.clone(), executor, place, nodes })).await
    }

    /// Does what is left of a step.
    async fn run_api(&self, id: OperationId, name: &AttemptId) -> Result<(), String> {
        if let Err(why) = self.bundle_of(id) {
            let (_, attempt, _) = self.found(id, name)?;
            return self.give_up(id, &attempt, why).await;
        }
        // The same runner after a restart.
        let runner = crate::commands::id_of(&["api", name.as_str()]);
        self.tell(Seen::Claimed(id, AttemptClaimed::new(name.clone(), runner))).await?;
        let (operation, attempt, act) = self.found(id, name)?;
        let act = act.ok_or("the bundle of this step is not there")?;
        let left: Vec<u32> =
            attempt.hosts.iter().filter(|host| !attempt.results.contains_key(*host)).copied().collect();
        let (until, operation) = (end(&attempt, self.keeper.now()), &operation);
        let work = stream::iter(operation.addresses(&left)).map(|host| async move {
            let outcome = self.act_on(operation, &host, act, until).await;
            self.tell(Seen::Result(id, HostResult { attempt: name.clone(), host, outcome })).await
        });
        let work = work.buffer_unordered(AT_ONCE).collect::<Vec<_>>();
        let heard = async {
            loop {
                sleep(HEARD_EVERY).await;
                let _ = self.tell(Seen::Heard(id, Heard { attempt: name.clone(), next: 1 })).await;
            }
        };
        let end = tokio::select! {
            biased;
            () = self.api_stopped(id, name) => AttemptEnd::Stopped,
            () = heard => AttemptEnd::Finished,
            done = work => {
                done.into_iter().collect::<Result<(), String>>()?;
                AttemptEnd::Finished
            }
        };
        self.end_api(id, name, end).await
    }

    async fn api_stopped(&self, id: OperationId, attempt: &AttemptId) {
        let mut changes = self.keeper.changes();
        let stops = || {
            self.keeper.look(|board| {
                let open = board.operations.get(&id).and_then(|operation| operation.open_attempt());
                open.is_none_or(|open| open.id != *attempt || open.stop.is_some())
            })
        };
        while !stops() {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Who carries it out ends with it; what was done is on the board.
    pub(super) async fn end_api(&self, id: OperationId, attempt: &AttemptId, end: AttemptEnd) -> Result<(), String> {
        let ended = AttemptEnded { attempt: attempt.clone(), end, exit: None, signal: None, message: String::new() };
        self.tell(Seen::Ended(id, ended, BTreeMap::new())).await
    }

    /// Asks again while the API server gives no answer, or nobody knows the cluster for the moment.
    async fn act_on(&self, operation: &Operation, host: &str, act: ApiAct, until: Instant) -> HostOutcome {
        let begun = now();
        if operation.spec.dry_run {
            return unchanged(begun);
        }
        let (mut waited, mut wait) = (Duration::ZERO, FIRST_AGAIN);
        loop {
            let (code, error) = match self.try_on(operation, host, act, until).await {
                Ok(()) => return HostOutcome { changed: 1, ..outcome(HostState::Ok, None, begun) },
                Err(failed) => failed,
            };
            if !error.is_retryable() || waited >= MOST_AGAIN || Instant::now() + wait >= until {
                return HostOutcome {
                    code: Some(code.into()),
                    ..outcome(HostState::Failed, Some(chain(&error)), begun)
                };
            }
            tracing::warn!(operation = operation.name, host, error = chain(&error), "an API server is asked again");
            sleep(wait).await;
            (waited, wait) = (waited + wait, (wait * 2).min(LONGEST_AGAIN));
        }
    }

    async fn try_on(
        &self,
        operation: &Operation,
        host: &str,
        act: ApiAct,
        until: Instant,
    ) -> Result<(), (&'static str, TargetError)> {
        let failed = |code| move |error: TargetError| (code, error);
        let nodes = self.nodes_of(operation.id).await.map_err(failed("no-cluster"))?;
        self.faults.reach(Point::BeforeApi).await;
        let node = match self.node(&nodes, operation.id, host).await {
            // A node that is gone is as it was to be.
            Err(TargetError::NoNode { .. }) if act == ApiAct::DeleteNode => return Ok(()),
            found => found.map_err(failed("no-node"))?,
        };
        let name = node.metadata.name.unwrap_or_default();
        let done = match act {
            ApiAct::Cordon => nodes.cordon(&name, true).await.map_err(failed("cordon")),
            ApiAct::Uncordon => nodes.release(&name).await.map_err(failed("uncordon")),
            ApiAct::Drain => drain(&nodes, &name, &options(operation, until)).await.map_err(failed("drain-blocked")),
            ApiAct::DeleteNode => nodes.delete(&name).await.map_err(failed("delete-node")),
        };
        self.faults.reach(Point::AfterApi).await;
        done
    }
}

/// Which of these machines have a node that is cordoned.
fn cordoned_of(all: &[Node], machines: &[&Machine]) -> Vec<String> {
    let shut = |machine: &&&Machine| node_of(all, &machine.ip, machine.name.as_deref()).is_some_and(is_cordoned);
    machines.iter().filter(shut).map(|machine| machine.ip.clone()).collect()
}

/// The names of the nodes that these machines are, by address.
fn names_of(all: &[Node], machines: &[&Machine]) -> BTreeMap<String, String> {
    let name = |machine: &Machine| node_of(all, &machine.ip, machine.name.as_deref())?.metadata.name.clone();
    machines.iter().filter_map(|machine| Some((machine.ip.clone(), name(machine)?))).collect()
}

/// How nodes stand is asked until then: four fifths of what an attempt may take to begin.
fn looked_until(operation: &Operation, attempt: &Attempt) -> Micros {
    attempt.intended.plus(i64::try_from(operation.plan.limits.claim_ms).unwrap_or(i64::MAX).saturating_mul(800))
}

/// Before the attempt's own end, so that what blocks is told and not lost.
fn end(attempt: &Attempt, now: Micros) -> Instant {
    let limit = Duration::from_millis(attempt.deadline_ms);
    let gone = Duration::from_micros(u64::try_from(now.0 - attempt.claimed.unwrap_or(now).0).unwrap_or(0));
    Instant::now() + (limit - limit / 10).saturating_sub(gone)
}

fn options(operation: &Operation, until: Instant) -> DrainOptions {
    let parameter = |name: &str| operation.spec.parameters.get(name);
    DrainOptions {
        grace_seconds: parameter("grace_s").and_then(Value::as_u64).and_then(|grace| u32::try_from(grace).ok()),
        delete_empty_dir: parameter("delete_empty_dir").and_then(Value::as_bool).unwrap_or(true),
        force: parameter("force").and_then(Value::as_bool).unwrap_or(false),
        limit: until.saturating_duration_since(Instant::now()),
    }
}

/// A dry run touches no node.
pub(super) fn unchanged(begun: Micros) -> HostOutcome {
    outcome(HostState::Ok, Some("dry run: nothing was changed".into()), begun)
}

pub(super) fn outcome(state: HostState, message: Option<String>, begun: Micros) -> HostOutcome {
    let duration_ms = u64::try_from((now().0 - begun.0) / 1000).unwrap_or(0);
    let ok = u32::from(state == HostState::Ok);
    HostOutcome { state, failed_task: None, message, code: None, remedy: None, changed: 0, ok, duration_ms }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_list_tells_which_machines_are_cordoned_by_name_or_address() {
        let node = |name: &str, ip: &str, shut: bool| {
            let status = json!({"addresses": [{"type": "InternalIP", "address": ip}]});
            serde_json::from_value::<Node>(
                json!({"metadata": {"name": name}, "spec": {"unschedulable": shut}, "status": status}),
            )
            .unwrap()
        };
        let all = [node("n1", "10.0.0.1", true), node("n2", "10.0.0.2", false), node("n3", "192.0.2.3", true)];
        let machine = |ip: &str, name: Option<&str>| Machine {
            ip: ip.into(),
            name: name.map(str::to_owned),
            ..Machine::default()
        };
        let machines = [
            machine("10.0.0.1", None),
            machine("10.0.0.2", None),
            machine("10.0.0.3", Some("n3")),
            machine("10.0.0.4", None),
            machine("192.0.2.3", Some("n4")),
        ];
        let machines: Vec<&Machine> = machines.iter().collect();
        assert_eq!(cordoned_of(&all, &machines), ["10.0.0.1", "10.0.0.3"]);
        let told = [("10.0.0.1", "n1"), ("10.0.0.2", "n2"), ("10.0.0.3", "n3")];
        let told = BTreeMap::from(told.map(|(ip, name)| (ip.to_owned(), name.to_owned())));
        assert_eq!(names_of(&all, &machines), told);
    }
}
