//! Acts at the API server of a target cluster: cordon, drain, release, delete; and steps that consist of them.

use std::{collections::BTreeMap, time::Duration};

use beidou_model::operation::{Attempt, Operation, Seen};
use beidou_playbooks::ApiAct;
use beidou_schemas::{
    operation::{
        AttemptEnd, OperationId, Purpose, UndoKind,
        fact::{AttemptClaimed, AttemptEnded, AttemptLaunched, AttemptOffered, Heard, HostResult},
    },
    runner::{AttemptId, HostOutcome, HostState},
};
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Node;
use serde_json::Value;

use super::Hands;
use crate::{
    error::chain,
    fault::Point,
    keeper::now,
    target::{DrainOptions, Nodes, TargetError, drain},
};

/// The executor of steps that controllers do themselves.
pub(super) const API: &str = "api";
/// Nodes of one step at the same time.
const AT_ONCE: usize = 10;
/// While a drain waits, it is heard of.
const HEARD_EVERY: Duration = Duration::from_secs(10);

impl Hands {
    fn nodes_of(&self, operation: OperationId) -> Result<Nodes, String> {
        self.target_of(operation)?.nodes().map_err(|error| chain(&error))
    }

    async fn node(&self, nodes: &Nodes, operation: OperationId, host: &str) -> Result<Node, TargetError> {
        let name = self.keeper.look(|board| {
            let machines = &board.operations.get(&operation)?.spec.operation_machines;
            machines.iter().find(|machine| machine.ip == host)?.name.clone()
        });
        nodes.find(host, name.as_deref()).await
    }

    /// Lifts cordon and taint of a host whose node is Ready.
    pub(super) async fn release(&self, id: OperationId, attempt: &AttemptId, host: &str) -> Result<(), String> {
        let begun = now();
        let nodes = self.nodes_of(id)?;
        self.faults.reach(Point::BeforeApi).await;
        let done = async {
            let node = self.node(&nodes, id, host).await?;
            let name = node.metadata.name.unwrap_or_default();
            // Live, just before: what was Ready at the check may not be any more.
            if !nodes.is_ready(&name).await? {
                return Ok(Some(format!("the node {name} is not Ready")));
            }
            nodes.release(&name).await.map(|()| None)
        };
        let outcome = match done.await {
            Ok(None) => outcome(HostState::Ok, None, begun.0),
            Ok(Some(why)) => {
                HostOutcome { code: Some("node-not-ready".into()), ..outcome(HostState::Failed, Some(why), begun.0) }
            }
            Err(error) if error.is_retryable() => return Err(chain(&error)),
            Err(error) => outcome(HostState::Failed, Some(chain(&error)), begun.0),
        };
        self.faults.reach(Point::AfterApi).await;
        self.tell(Seen::Result(id, HostResult { attempt: attempt.clone(), host: host.into(), outcome })).await
    }

    /// Nodes that joined stay shut until their checks hold: the taint came with their registration, the cordon comes here,
    /// before a step looks at them.
    pub(super) async fn shut(&self, operation: &Operation, attempt: &Attempt) -> Result<(), TargetError> {
        let joined = |host: &&u32| {
            let mut debts = operation.debts.iter().filter(|debt| debt.kind == UndoKind::Taint && debt.stands());
            attempt.purpose == Purpose::Act && debts.any(|debt| debt.host == **host && debt.step < attempt.step)
        };
        let machine = |host: &u32| operation.spec.operation_machines.get(*host as usize);
        let hosts: Vec<_> = attempt.hosts.iter().filter(joined).filter_map(machine).collect();
        if hosts.is_empty() {
            return Ok(());
        }
        let Ok(nodes) = self.nodes_of(operation.id) else { return Ok(()) };
        let hosts: Vec<_> = hosts.iter().map(|machine| (machine.ip.clone(), machine.name.clone())).collect();
        self.faults.reach(Point::BeforeApi).await;
        let shut = stream::iter(nodes.names(&hosts).await?).map(|name| {
            let nodes = &nodes;
            async move {
                nodes.taint(&name).await?;
                nodes.cordon(&name, true).await
            }
        });
        let done = shut.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
        self.faults.reach(Point::AfterApi).await;
        done.into_iter().collect()
    }

    /// Takes back what was done to a host. A node that is not there has nothing to be taken back.
    pub(super) async fn undo(&self, id: OperationId, kind: UndoKind, host: &str) -> Result<(), String> {
        self.faults.reach(Point::BeforeApi).await;
        let undone = async {
            let nodes = self.nodes_of(id)?;
            let name = match self.node(&nodes, id, host).await {
                Ok(node) => node.metadata.name.unwrap_or_default(),
                Err(TargetError::NoNode { .. }) => return Ok(()),
                Err(error) => return Err(chain(&error)),
            };
            let done = match kind {
                UndoKind::Cordon => nodes.cordon(&name, false).await,
                UndoKind::Taint => nodes.release(&name).await,
                UndoKind::Join => nodes.delete(&name).await,
            };
            done.map_err(|error| chain(&error))
        };
        let undone = undone.await;
        self.faults.reach(Point::AfterApi).await;
        let host = host.to_owned();
        self.tell(match undone {
            Ok(()) => Seen::UndoDone(id, kind, host),
            Err(why) => Seen::UndoFailed(id, kind, host, why),
        })
        .await
    }

    /// This process is the runner: it is offered and launched in one go, and goes on after a restart.
    pub(super) async fn start_api(&self, operation: &Operation, attempt: &Attempt, act: ApiAct) -> Result<(), String> {
        let (id, name) = (operation.id, attempt.id.clone());
        // Nobody has the token that this is the digest of.
        let token_sha256 = crate::token::digest(&rand::random::<[u8; 32]>());
        self.tell(Seen::Offered(id, AttemptOffered { attempt: name.clone(), token_sha256 })).await?;
        let (executor, place) = (API.to_owned(), "controllers".to_owned());
        self.tell(Seen::Launched(id, AttemptLaunched { attempt: name, executor, place })).await?;
        self.run_api(operation, attempt, act).await
    }

    /// Does what is left of a step.
    pub(super) async fn run_api(&self, operation: &Operation, attempt: &Attempt, act: ApiAct) -> Result<(), String> {
        let (id, name) = (operation.id, &attempt.id);
        // The same runner after a restart.
        let runner = crate::commands::id_of(&["api", name.as_str()]);
        self.tell(Seen::Claimed(id, AttemptClaimed { attempt: name.clone(), runner })).await?;
        let left: Vec<u32> =
            attempt.hosts.iter().filter(|host| !attempt.results.contains_key(*host)).copied().collect();
        let hosts = operation.addresses(&left);
        let limit = Duration::from_millis(attempt.deadline_ms);
        let work = stream::iter(hosts).map(|host| async move {
            let outcome = self.act_on(operation, &host, act, limit).await;
            self.tell(Seen::Result(id, HostResult { attempt: name.clone(), host, outcome })).await
        });
        let work = work.buffer_unordered(AT_ONCE).collect::<Vec<_>>();
        let heard = async {
            loop {
                tokio::time::sleep(HEARD_EVERY).await;
                let _ = self.tell(Seen::Heard(id, Heard { attempt: name.clone(), next: 1 })).await;
            }
        };
        let stopped = self.api_stopped(id, name);
        let end = tokio::select! {
            done = work => {
                done.into_iter().collect::<Result<(), String>>()?;
                AttemptEnd::Finished
            }
            () = heard => AttemptEnd::Finished,
            () = stopped => AttemptEnd::Stopped,
        };
        let ended = AttemptEnded { attempt: name.clone(), end, exit: None, signal: None, message: String::new() };
        self.tell(Seen::Ended(id, ended, BTreeMap::new())).await
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

    /// The step itself ends it; after a restart nobody runs it, and what was done is on the board.
    pub(super) async fn stop_api(&self, id: OperationId, attempt: &AttemptId) -> Result<(), String> {
        let end = AttemptEnd::Stopped;
        let ended = AttemptEnded { attempt: attempt.clone(), end, exit: None, signal: None, message: String::new() };
        self.tell(Seen::Ended(id, ended, BTreeMap::new())).await
    }

    async fn act_on(&self, operation: &Operation, host: &str, act: ApiAct, limit: Duration) -> HostOutcome {
        let begun = now();
        if operation.spec.dry_run {
            return outcome(HostState::Ok, Some("dry run: nothing was changed".into()), begun.0);
        }
        self.faults.reach(Point::BeforeApi).await;
        let done = async {
            let nodes = self.nodes_of(operation.id).map_err(|why| ("no-cluster", why))?;
            let failed = |code| move |error: TargetError| (code, chain(&error));
            let node = match self.node(&nodes, operation.id, host).await {
                // A node that is gone is as it was to be.
                Err(TargetError::NoNode { .. }) if act == ApiAct::DeleteNode => return Ok(()),
                found => found.map_err(failed("no-node"))?,
            };
            let name = node.metadata.name.unwrap_or_default();
            match act {
                ApiAct::Cordon => nodes.cordon(&name, true).await.map_err(failed("cordon")),
                ApiAct::Uncordon => nodes.release(&name).await.map_err(failed("uncordon")),
                ApiAct::Drain => {
                    drain(&nodes, &name, &options(operation, limit)).await.map_err(failed("drain-blocked"))
                }
                ApiAct::DeleteNode => nodes.delete(&name).await.map_err(failed("delete-node")),
            }
        };
        let done: Result<(), (&str, String)> = done.await;
        self.faults.reach(Point::AfterApi).await;
        match done {
            Ok(()) => HostOutcome { changed: 1, ..outcome(HostState::Ok, None, begun.0) },
            Err((code, why)) => {
                HostOutcome { code: Some(code.into()), ..outcome(HostState::Failed, Some(why), begun.0) }
            }
        }
    }
}

fn options(operation: &Operation, limit: Duration) -> DrainOptions {
    let parameter = |name: &str| operation.spec.parameters.get(name);
    DrainOptions {
        grace_seconds: parameter("grace_s").and_then(Value::as_u64).and_then(|grace| u32::try_from(grace).ok()),
        delete_empty_dir: parameter("delete_empty_dir").and_then(Value::as_bool).unwrap_or(true),
        force: parameter("force").and_then(Value::as_bool).unwrap_or(false),
        // Before the attempt's own end, so that what blocks is told and not lost.
        limit: limit.saturating_sub(limit / 10),
    }
}

fn outcome(state: HostState, message: Option<String>, begun: i64) -> HostOutcome {
    let duration_ms = u64::try_from((now().0 - begun) / 1000).unwrap_or(0);
    let ok = u32::from(state == HostState::Ok);
    HostOutcome { state, failed_task: None, message, code: None, remedy: None, changed: 0, ok, duration_ms }
}
