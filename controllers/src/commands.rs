//! Commands: both partitions are read from where the facts say, and controllers' own are appended.

use std::{sync::Arc, time::Duration};

use beidou_log::{Log, LogError, ReadLimit, Writer};
use beidou_model::operation::Arrived;
use beidou_schemas::{
    TopicPartition,
    operation::{
        WISHED,
        command::{Ask, Command},
    },
};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    error::ControllersError,
    keeper::{Keeper, patiently},
    metrics::ControllersMetrics,
    target::Targets,
};

const READ: ReadLimit = ReadLimit { max_bytes: 4 << 20, max_wait: Duration::from_secs(5) };

/// So long nodes are waited for after a start: longer than an API server may take to tell them.
const LOOK_LIMIT: Duration = Duration::from_secs(15);

/// Hands the commands of one partition over, each once and in order.
pub(crate) async fn follow(
    log: Arc<dyn Log>,
    at: TopicPartition,
    keeper: Keeper,
    targets: watch::Receiver<Targets>,
    metrics: ControllersMetrics,
) -> Result<(), ControllersError> {
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
            place(&mut command, targets.clone()).await;
            if keeper.command(Arrived { command, partition: at.partition, offset }).await.is_err() {
                return Ok(());
            }
        }
        next = batch.next;
    }
}

/// Tells where the nodes are that a request names without an address: as their cluster said it last, for a hanging API server must
/// keep no other command waiting. What is not found stays so, and is refused. `targets` were never looked at.
async fn place(command: &mut Command, mut targets: watch::Receiver<Targets>) {
    let Ask::RequestOperation(request) = &mut command.ask else { return };
    let spec = &mut request.spec;
    if spec.operation_machines.iter().all(|machine| !machine.ip.is_empty()) {
        return;
    }
    let _late = tokio::time::timeout(LOOK_LIMIT, targets.changed()).await;
    let targets = targets.borrow();
    let Some(target) = targets.get(&spec.cluster_name) else { return };
    for machine in spec.operation_machines.iter_mut().filter(|machine| machine.ip.is_empty()) {
        let known = machine.name.as_ref().and_then(|name| target.addresses.get(name)?.clone());
        machine.ip = known.unwrap_or_default();
    }
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
