//! A log of which some records cannot be read: as the log in files answers where a byte has changed.

use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use beidou_log::{Log, LogError, ReadBatch, ReadLimit, Writer, memory::MemoryLog};
use beidou_schemas::{Offset, Topic, TopicPartition};

/// The log, and what of it is damaged now.
pub struct DamagedLog {
    log: Arc<MemoryLog>,
    damaged: Mutex<Vec<(TopicPartition, Range<Offset>)>>,
}

impl DamagedLog {
    pub fn on(log: &Arc<MemoryLog>) -> Arc<Self> {
        Arc::new(Self { log: log.clone(), damaged: Mutex::default() })
    }

    pub fn damage(&self, at: TopicPartition, offsets: Range<Offset>) {
        self.damaged.lock().unwrap().push((at, offsets));
    }

    pub fn heal(&self) {
        self.damaged.lock().unwrap().clear();
    }
}

#[async_trait]
impl Log for DamagedLog {
    fn partitions(&self, topic: Topic) -> u32 {
        self.log.partitions(topic)
    }

    async fn writer(&self, at: TopicPartition, name: &str) -> Result<Arc<dyn Writer>, LogError> {
        self.log.writer(at, name).await
    }

    async fn read(&self, at: TopicPartition, from: Offset, limit: ReadLimit) -> Result<ReadBatch, LogError> {
        let batch = self.log.read(at, from, limit).await?;
        for (damaged_at, offsets) in &*self.damaged.lock().unwrap() {
            if *damaged_at == at && batch.records.iter().any(|stored| offsets.contains(&stored.offset)) {
                let what = "the batch body does not match its checksum".into();
                return Err(LogError::Damaged { path: "0.seg".into(), position: 4711, what });
            }
        }
        Ok(batch)
    }

    async fn bounds(&self, at: TopicPartition) -> Result<Range<Offset>, LogError> {
        self.log.bounds(at).await
    }

    async fn release(&self, at: TopicPartition, consumer: &str, upto: Offset) -> Result<(), LogError> {
        self.log.release(at, consumer, upto).await
    }
}
