//! Nodes of a target cluster are shut before they are looked at, released where all is well, and put back where it is not.

use std::time::Duration;

use beidou_model::operation::{Attempt, Operation, Seen};
use beidou_schemas::{
    Micros,
    operation::{OperationId, Purpose, UndoKind, fact::HostResult},
    runner::{AttemptId, HostOutcome, HostState},
};
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Node;

use super::{Hands, steps};
use crate::{
    error::chain,
    fault::Point,
    keeper::now,
    target::{Nodes, TargetError, unready},
};

/// Nodes of one step at the same time.
const AT_ONCE: usize = 10;
/// A node that is not Ready yet is looked at again after a quarter of the time that it has taken so far, within these.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

impl Hands {
    pub(super) async fn node(&self, nodes: &Nodes, operation: OperationId, host: &str) -> Result<Node, TargetError> {
        let name = self.keeper.look(|board| {
            let machines = &board.operations.get(&operation)?.spec.operation_machines;
            machines.iter().find(|machine| machine.ip == host)?.name.clone()
        });
        nodes.find(host, name.as_deref()).await
    }

    /// Lifts cordon and taint of a host as soon as its node is Ready: a network of Pods takes a while to come up on it. How long
    /// until it is looked at again, while it is not.
    pub(super) async fn release(
        &self,
        id: OperationId,
        attempt: &AttemptId,
        host: &str,
    ) -> Result<Option<Duration>, String> {
        let (operation, found, _) = self.found(id, attempt)?;
        let (begun, moment) = (now(), self.keeper.now());
        let outcome = match operation.spec.dry_run {
            true => steps::unchanged(begun),
            false => match self.released(id, host).await {
                Ok(None) => steps::outcome(HostState::Ok, None, begun),
                Ok(Some(_)) if moment < patience(&found) => return Ok(Some(look_again(&found, moment))),
                Ok(Some(why)) => HostOutcome {
                    code: Some("node-not-ready".into()),
                    ..steps::outcome(HostState::Failed, Some(why), begun)
                },
                Err(error) if error.is_retryable() => return Err(chain(&error)),
                Err(error) => steps::outcome(HostState::Failed, Some(chain(&error)), begun),
            },
        };
        self.tell(Seen::Result(id, HostResult { attempt: attempt.clone(), host: host.into(), outcome })).await?;
        Ok(None)
    }

    /// Why it is not, if it is not.
    async fn released(&self, id: OperationId, host: &str) -> Result<Option<String>, TargetError> {
        let nodes = self.nodes_of(id).await?;
        self.faults.reach(Point::BeforeApi).await;
        // Live, just before: what was Ready at the check may not be any more.
        let node = self.node(&nodes, id, host).await?;
        let why = unready(&node);
        let name = node.metadata.name.unwrap_or_default();
        if let Some(why) = why {
            return Ok(Some(format!("the node {name} is not Ready: {why}")));
        }
        let done = nodes.release(&name).await;
        self.faults.reach(Point::AfterApi).await;
        done.map(|()| None)
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
        // Where only machines can be touched there is nothing to shut.
        let Ok(nodes) = self.target_of(operation.id).await?.nodes() else { return Ok(()) };
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

    /// Takes back what was done to a host. A node that is not there has nothing to be taken back. An API server that gives no
    /// answer for the moment has not refused: it is asked again until the limit of the undoing.
    pub(super) async fn undo(&self, id: OperationId, kind: UndoKind, host: &str) -> Result<(), String> {
        let done = match self.undone(id, kind, host).await {
            // Where only machines can be touched nothing was shut.
            Ok(()) | Err(TargetError::NoNode { .. } | TargetError::NoCredentials(_)) => {
                Seen::UndoDone(id, kind, host.to_owned())
            }
            Err(error) if error.is_retryable() => return Err(chain(&error)),
            Err(error) => Seen::UndoFailed(id, kind, host.to_owned(), chain(&error)),
        };
        self.tell(done).await
    }

    async fn undone(&self, id: OperationId, kind: UndoKind, host: &str) -> Result<(), TargetError> {
        let nodes = self.nodes_of(id).await?;
        self.faults.reach(Point::BeforeApi).await;
        let node = self.node(&nodes, id, host).await?;
        let left = self.keeper.look(|board| board.operations.get(&id).is_some_and(|found| found.join_undone(host)));
        let name = node.metadata.name.clone().unwrap_or_default();
        let done = match kind {
            UndoKind::Cordon => nodes.cordon(&name, false).await,
            UndoKind::Taint if left => nodes.delete_joined(&node).await,
            UndoKind::Taint => nodes.release(&name).await,
            UndoKind::Join => nodes.delete(&name).await,
        };
        self.faults.reach(Point::AfterApi).await;
        done
    }
}

/// Until when a node may become Ready: the attempt is to end with the reason, not with its deadline.
fn patience(attempt: &Attempt) -> Micros {
    attempt.intended.plus(i64::try_from(attempt.deadline_ms).unwrap_or(i64::MAX).saturating_mul(900))
}

fn look_again(attempt: &Attempt, now: Micros) -> Duration {
    let waited = Duration::from_micros(u64::try_from(now.0 - attempt.intended.0).unwrap_or(0));
    (waited / 4).clamp(LOOK_AGAIN.0, LOOK_AGAIN.1)
}
