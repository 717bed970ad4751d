//! Commands: both partitions are read from where the facts say, and controllers' own are appended.

use std::{sync::Arc, time::Duration};

use beidou_log::{Log, LogError, ReadLimit, Writer};
use beidou_model::operation::{Arrived, Refused};
use beidou_schemas::{
    TopicPartition,
    operation::{
        WISHED,
        command::{Ask, Command},
    },
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use crate::{
    error::ControllersError,
    keeper::{Keeper, patiently},
    metrics::ControllersMetrics,
    target::{KnownNodes, TOLD_LIMIT},
};

const READ: ReadLimit = ReadLimit { max_bytes: 4 << 20, max_wait: Duration::from_secs(5) };

/// So long nodes are waited for after a start, in all: longer than an API server may take to tell them.
const LOOK_LIMIT: Duration = Duration::from_secs(15);

/// Hands the commands of one partition over, each once and in order.
pub(crate) async fn follow(
    log: Arc<dyn Log>,
    at: TopicPartition,
    keeper: Keeper,
    mut nodes: watch::Receiver<KnownNodes>,
    metrics: ControllersMetrics,
) -> Result<(), ControllersError> {
    let until = Instant::now() + LOOK_LIMIT;
    let mut next = keeper.look(|board| board.followed.get(&at.partition).copied().unwrap_or(0));
    loop {
        let read = || async {
            match log.read(at, next, READ).await {
                // The size of the topic is bounded: what is gone is old, and was followed by an earlier board.
                Err(LogError::Removed { first, .. }) if first > next => log.read(at, first, READ).await,
                answer => answer,
            }
        };
        let batch = patiently(&metrics, "read", at, read).await?;
        for stored in &batch.records {
            let offset = stored.offset;
            let command = Command::from_json(&stored.record.value);
            let mut command = command.map_err(|source| ControllersError::Fact { at, offset, source })?;
            let untold = place(&mut command, &mut nodes, until).await;
            if keeper.command(Arrived { command, partition: at.partition, offset }, untold).await.is_err() {
                return Ok(());
            }
        }
        next = batch.next;
    }
}

/// Tells where the nodes are that a request names without an address: as their cluster said it last, for a hanging API server must
/// keep no other command waiting. Only for the first answers after a start all wait, `until` then. What the cluster does not have
/// stays without an address, and is refused; where it has told nothing, this says so.
async fn place(command: &mut Command, nodes: &mut watch::Receiver<KnownNodes>, until: Instant) -> Option<Refused> {
    let Ask::RequestOperation(request) = &mut command.ask else { return None };
    let spec = &mut request.spec;
    let first = spec.operation_machines.iter().position(|machine| machine.ip.is_empty())?;
    if spec.operation_type.joins() {
        return None;
    }
    drop(timeout_at(until, nodes.wait_for(|known| known.of(&spec.cluster_name).is_some())).await);
    let known = nodes.borrow();
    let Some(addresses) = known.of(&spec.cluster_name) else {
        let name = spec.operation_machines[first].name.clone().unwrap_or_default();
        let allowed = format!(
            "a node that the API server of {} has: it has told none, or none for {} minutes; ask again when it answers, or name the ip",
            spec.cluster_name,
            TOLD_LIMIT.as_secs() / 60
        );
        return Some(Refused::new(format!("operationMachines[{first}].name"), name, allowed));
    };
    for machine in spec.operation_machines.iter_mut().filter(|machine| machine.ip.is_empty()) {
        let known = machine.name.as_ref().and_then(|name| addresses.get(name)?.clone());
        machine.ip = known.unwrap_or_default();
    }
    None
}

/// Appends what controllers themselves ask for.
pub(crate) struct Wisher {
    writer: Arc<dyn Writer>,
    metrics: ControllersMetrics,
}

impl Wisher {
    pub(crate) async fn open(log: &dyn Log, name: &str, metrics: ControllersMetrics) -> Result<Self, ControllersError> {
        let writer =
            patiently(&metrics, "become the writer of", WISHED, || async { log.writer(WISHED, name).await }).await?;
        Ok(Self { writer, metrics })
    }

    /// Returns when they are durable.
    pub(crate) async fn ask(&self, commands: &[Command]) -> Result<(), ControllersError> {
        let append = || async { self.writer.append(commands.iter().map(Command::to_record).collect()).await };
        patiently(&self.metrics, "append to", WISHED, append).await.map(drop)
    }
}

/// The id of a command that must be the same however often it is made.
pub(crate) fn id_of(parts: &[&str]) -> Uuid {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let bytes = hash.finalize();
    let mut id = [0; 16];
    id.copy_from_slice(&bytes[..16]);
    uuid::Builder::from_random_bytes(id).into_uuid()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use beidou_schemas::operation::{Object, OperationId, Via, command::RequestOperation};
    use tokio::time::advance;

    use super::*;
    use crate::{keeper::now, target::Told};

    fn asked(cluster: &str, kind: &str) -> Command {
        let machines = serde_json::json!([{"ip": "10.0.0.9"}, {"name": "n1"}, {"name": "n2"}]);
        let spec = serde_json::json!({"clusterName": cluster, "operationType": kind, "operationMachines": machines});
        let spec = serde_json::from_value(spec).unwrap();
        let ask = RequestOperation { name: "n/one".into(), spec, owner: None, why: String::new() }.into();
        let (object, subject) = (Object::Operation(OperationId(Uuid::from_u128(1))), "alice".into());
        Command { id: Uuid::from_u128(2), object, subject, via: Via::Api, time: now(), ask }
    }

    fn addresses(command: &Command) -> Vec<&str> {
        let Ask::RequestOperation(request) = &command.ask else { panic!("no request") };
        request.spec.operation_machines.iter().map(|machine| &*machine.ip).collect()
    }

    fn told(nodes: &watch::Sender<KnownNodes>, cluster: &str) {
        let addresses = BTreeMap::from([("n1".to_owned(), Some("10.0.0.1".to_owned())), ("n2".to_owned(), None)]);
        let told = Told { addresses, at: Instant::now() };
        nodes.send_modify(|nodes| drop(nodes.0.insert(cluster.into(), told)));
    }

    #[tokio::test(start_paused = true)]
    async fn clusters_are_waited_for_once_and_one_that_does_not_answer_is_told_from_a_node_that_is_not_there() {
        let (nodes, mut seen) = watch::channel(KnownNodes::default());
        let started = Instant::now();
        let until = started + LOOK_LIMIT;
        // Who else answers does not count.
        told(&nodes, "other");
        for _ in 0..3 {
            let mut command = asked("k", "Drain");
            let untold = place(&mut command, &mut seen, until).await.unwrap();
            assert_eq!((&*untold.field, &*untold.value), ("operationMachines[1].name", "n1"));
            assert!(untold.allowed.contains("has told none"), "{untold}");
            assert_eq!((addresses(&command), started.elapsed().as_secs()), (vec!["10.0.0.9", "", ""], 15));
        }
        let mut joins = asked("other", "ScaleUp");
        assert_eq!(place(&mut joins, &mut seen, until).await, None);
        assert_eq!(addresses(&joins), ["10.0.0.9", "", ""], "what is to join has no node");
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_is_placed_as_soon_as_its_cluster_has_answered_and_not_by_what_is_old() {
        let (nodes, mut seen) = watch::channel(KnownNodes::default());
        let until = Instant::now() + LOOK_LIMIT;
        let mut command = asked("k", "Drain");
        let answers = async {
            advance(Duration::from_secs(1)).await;
            told(&nodes, "k");
        };
        let (untold, ()) = tokio::join!(place(&mut command, &mut seen, until), answers);
        assert!(untold.is_none() && Instant::now() < until);
        assert_eq!(addresses(&command), ["10.0.0.9", "10.0.0.1", ""], "one that has none is refused by who decides");
        advance(TOLD_LIMIT).await;
        let mut command = asked("k", "Drain");
        assert!(place(&mut command, &mut seen, until).await.is_some());
        assert_eq!(addresses(&command), ["10.0.0.9", "", ""]);
    }
}
