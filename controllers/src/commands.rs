//! Commands: both partitions are read from where the facts say, and controllers' own are appended.

use std::{sync::Arc, time::Duration};

use beidou_log::{Log, LogError, ReadLimit, Writer};
use beidou_model::operation::Arrived;
use beidou_schemas::{
    TopicPartition,
    operation::{WISHED, command::Command},
};
use uuid::Uuid;

use crate::{
    error::ControllersError,
    keeper::{Keeper, patiently},
    metrics::ControllersMetrics,
};

const READ: ReadLimit = ReadLimit { max_bytes: 4 << 20, max_wait: Duration::from_secs(5) };

/// Hands the commands of one partition over, each once and in order.
pub(crate) async fn follow(
    log: Arc<dyn Log>,
    at: TopicPartition,
    keeper: Keeper,
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
            let command = command.map_err(|source| ControllersError::Fact { at, offset, source })?;
            if keeper.command(Arrived { command, partition: at.partition, offset }).await.is_err() {
                return Ok(());
            }
        }
        next = batch.next;
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
