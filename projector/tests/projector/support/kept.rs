//! A site whose rows are all in the archive, and the proof that table and archive hold the same.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use beidou_log::memory::MemoryLog;
use beidou_projector::{CutLimit, ProjectorConfig, Status, archive::ArchiveConfig, maintenance::Asking};
use beidou_schemas::{
    Epoch, Micros, Record, ResourceVersion, Topic, TopicPartition,
    archive::Collection,
    coverage::{CoverageFact, Position},
    kube_event::{ROW_HASH_SQL, RangeHash, rebuild},
};
use beidou_store::{
    Store,
    archive::{Archive, hash, states},
};
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use super::{DEADLINE, Engine, Running, append, events, log, number};

const TIMES: [&str; 3] = ["2026-09-30T23:59:59Z", "2026-10-01T00:00:00Z", "2026-11-23T13:00:00Z"];

/// States with growing versions; every third Event is repeated, every seventh time.
pub fn history(states: std::ops::Range<u64>) -> Vec<Value> {
    let state = |i: u64| events::event((1 + i / 3).into(), i + 1, 1 + (i % 3) as u32, TIMES[(i / 3 % 3) as usize]);
    states.flat_map(|i| std::iter::repeat_n(state(i), if i % 7 == 0 { 2 } else { 1 })).collect()
}

/// Small cuts; files of so many rows, or so old.
pub fn config(archive: &Archive, max_rows: u64, max_age: Duration) -> ProjectorConfig {
    let cut = CutLimit { records: 16, linger: Duration::from_millis(5), pace: Duration::ZERO, ..CutLimit::default() };
    let archive = ArchiveConfig { max_rows, max_age, ..ArchiveConfig::new(archive.clone()) };
    ProjectorConfig { cut, archive: Some(archive), ..ProjectorConfig::default() }
}

/// The site.
pub struct Kept {
    pub dir: TempDir,
    pub engine: Engine,
    pub archive: Archive,
    pub log: Arc<MemoryLog>,
    pub store: Store,
    pub history: Vec<Value>,
    pub projector: Running,
    pub asking: Asking,
}

impl Kept {
    /// With small files, all of it archived.
    pub async fn archived() -> Self {
        let mut kept = Self::with(30, Duration::from_millis(200)).await;
        kept.all_archived().await;
        kept
    }

    /// With files of so many rows, or so old.
    pub async fn with(max_rows: u64, max_age: Duration) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::shared(dir.path()).await;
        let archive = Archive::folder(&dir.path().join("archive")).unwrap();
        let (log, store, history) = (log(), engine.store(), history(0..300));
        let coverage = TopicPartition::new(Topic::KubeCoverage, 0);
        append(&log, coverage, vec![watched()]).await;
        // A record that nobody can decode.
        append(&log, TopicPartition::new(Topic::KubeEvent, 0), vec![Record::default()]).await;
        events::append(&log, &history).await;
        let (mut projector, asking) = Running::maintained(config(&archive, max_rows, max_age), &log, &store);
        projector.caught_up(&log).await;
        Self { dir, engine, archive, log, store, history, projector, asking }
    }

    /// The file of a path of the archive.
    pub fn file(&self, path: &str) -> PathBuf {
        self.dir.path().join("archive").join(path)
    }

    /// Flips a byte in the middle of a file.
    pub fn flip(&self, path: &str) {
        let mut content = std::fs::read(self.file(path)).unwrap();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        std::fs::write(self.file(path), content).unwrap();
    }

    pub async fn all_archived(&mut self) {
        all_archived(&mut self.projector, &self.log).await;
    }

    /// Table and archive hold the same rows, and these Events.
    pub async fn check(&self) {
        check(&self.store, &self.archive, &self.history).await;
    }
}

/// Waits until all that is in the tables is in the archive.
pub async fn all_archived(projector: &mut Running, log: &Arc<MemoryLog>) {
    projector.caught_up(log).await;
    let even = |status: &Status| {
        let mut kept = status.partitions.iter().filter(|(at, _)| Collection::of(**at).is_some());
        kept.all(|(_, partition)| partition.archived == Some(partition.watermark))
    };
    let in_time = tokio::time::timeout(DEADLINE, projector.status.wait_for(even)).await.is_ok();
    assert!(in_time, "not archived in time: {:#?}", projector.status.borrow());
}

/// Table and archive hold the same rows, and these Events.
pub async fn check(store: &Store, archive: &Archive, history: &[Value]) {
    let version = |event: &Value| event["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap();
    let wanted: BTreeMap<_, _> = history.iter().map(|event| (version(event), event.clone())).collect();
    let (mut rows, mut sum, mut found) = (0, RangeHash::default(), BTreeMap::new());
    let catalogue = archive.catalogue().await.unwrap();
    let paths = catalogue.ranges.into_iter().map(|file| file.path).chain(catalogue.days.into_keys());
    for path in paths {
        for batch in archive.open(&path).await.unwrap().batches().unwrap() {
            let batch = batch.unwrap();
            rows += batch.num_rows() as u64;
            sum = sum.and(hash(&batch).unwrap());
            found.extend(states(&batch).unwrap().map(|s| (s.resource_version, rebuild(&s).unwrap())));
        }
    }
    assert_eq!((rows, found.len()), (wanted.len() as u64, wanted.len()), "rows of the archive");
    assert!(found == wanted, "rows of the archive differ");
    in_table(store, rows, sum).await;
}

/// The table holds exactly so many rows with this hash, and adds up.
pub async fn in_table(store: &Store, rows: u64, hash: RangeHash) {
    assert_eq!(number(store, "SELECT count() FROM kube_event").await, rows);
    assert_eq!(number(store, "SELECT uniqExact(resource_version) FROM kube_event").await, rows);
    assert_eq!(RangeHash(number(store, &format!("SELECT sum({ROW_HASH_SQL}) FROM kube_event")).await), hash);
}

/// No rebuild or restore has left its table.
pub async fn nothing_half_made(store: &Store) {
    let sql = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = 'kube_event_next'";
    assert_eq!(number(store, sql).await, 0);
}

fn watched() -> Record {
    let time = |text| Micros::parse(text).unwrap();
    let position = Position {
        cluster: events::CLUSTER.parse().unwrap(),
        cluster_name: "hz-prod-02".into(),
        epoch: Epoch(1),
        session: Uuid::from_u128(7),
        start_resource_version: ResourceVersion(100),
        resource_version: ResourceVersion(140),
        from: time("2026-11-23T13:45:00Z"),
        until: time("2026-11-23T14:15:00Z"),
    };
    CoverageFact::Advanced(position).to_record(Uuid::new_v4(), time("2026-11-23T14:15:00Z"))
}
