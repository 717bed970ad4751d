//! Every implementation of the log passes the same contract.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use beidou_log::{
    Log,
    contract::{PARTITIONS, SecondWriter, Subject, appends_read_back},
    contract_tests,
    file::{FileLog, FileOptions},
    memory::MemoryLog,
};
use beidou_schemas::{Offset, Record, Topic, TopicPartition};
use proptest::prelude::*;
use tempfile::TempDir;

const TOPICS: [(Topic, u32); 2] = [(Topic::KubeEvent, PARTITIONS), (Topic::Ledger, PARTITIONS)];

struct Memory(Arc<MemoryLog>);

#[async_trait]
impl Subject for Memory {
    async fn open(&self) -> Arc<dyn Log> {
        Arc::<MemoryLog>::clone(&self.0)
    }

    fn second_writer(&self, _at: TopicPartition) -> SecondWriter {
        SecondWriter::Fences
    }

    fn keeps(&self) -> bool {
        false
    }

    async fn remove_all_allowed(&self, at: TopicPartition) {
        self.0.remove_below(at, Offset::MAX).unwrap();
    }
}

/// The memory twin whose partitions are shared.
struct Shared(Memory);

#[async_trait]
impl Subject for Shared {
    async fn open(&self) -> Arc<dyn Log> {
        self.0.open().await
    }

    fn second_writer(&self, at: TopicPartition) -> SecondWriter {
        self.0.second_writer(at)
    }

    fn shares(&self) -> bool {
        true
    }

    fn keeps(&self) -> bool {
        self.0.keeps()
    }

    async fn remove_all_allowed(&self, at: TopicPartition) {
        self.0.remove_all_allowed(at).await;
    }
}

/// Segments of 4 KiB, so that the suite crosses many.
struct Files {
    dir: TempDir,
    opened: Mutex<Vec<Arc<FileLog>>>,
}

impl Files {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), opened: Mutex::default() }
    }
}

#[async_trait]
impl Subject for Files {
    async fn open(&self) -> Arc<dyn Log> {
        let options = FileOptions { segment_bytes: 4096, ..FileOptions::new(self.dir.path(), TOPICS) };
        let log = FileLog::open(options).unwrap();
        self.opened.lock().unwrap().push(Arc::clone(&log));
        log
    }

    fn second_writer(&self, _at: TopicPartition) -> SecondWriter {
        SecondWriter::Refused
    }

    fn keeps(&self) -> bool {
        true
    }

    async fn remove_all_allowed(&self, _at: TopicPartition) {
        let opened = self.opened.lock().unwrap().clone();
        for log in opened {
            log.enforce_retention(SystemTime::now() + Duration::from_secs(365 * 24 * 60 * 60)).await.unwrap();
        }
    }
}

contract_tests!(memory, Memory(MemoryLog::new(TOPICS)));
contract_tests!(memory_with_holes, Memory(MemoryLog::with_holes(TOPICS)));
contract_tests!(memory_shared, Shared(Memory(MemoryLog::shared(TOPICS))));
contract_tests!(file, Files::new());

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..max),
        1 => (any::<u8>(), 0..max * 100).prop_map(|(byte, times)| vec![byte; times]),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    (bytes(40), prop::collection::vec((bytes(20), bytes(40)), 0..10), bytes(2000)).prop_map(|(key, headers, value)| {
        Record { key: key.into(), headers: headers.into_iter().collect(), value: value.into() }
    })
}

fn batches() -> impl Strategy<Value = Vec<Vec<Record>>> {
    prop::collection::vec(prop::collection::vec(record(), 0..20), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_records_read_back(batches in batches()) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            appends_read_back(&Memory(MemoryLog::new(TOPICS)), batches.clone()).await;
            appends_read_back(&Memory(MemoryLog::with_holes(TOPICS)), batches.clone()).await;
            appends_read_back(&Files::new(), batches).await;
        });
    }
}
