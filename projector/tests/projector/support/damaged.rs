//! A log of which some records cannot be read: as the log in files answers where a byte has changed.

use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use beidou_log::{
    Log, LogError, ReadBatch, ReadLimit,
    memory::{MemoryLog, Overlay},
};
use beidou_schemas::{Offset, TopicPartition};

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
impl Overlay for DamagedLog {
    fn below(&self) -> &MemoryLog {
        &self.log
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
}
