//! Table and archive of operations are compared with the log, which keeps all of it: what is broken on purpose is found,
//! named and made again from there; what is whole is left alone.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use crate::support::{
    Engine, PARTITIONS, Running, append, ask,
    damaged::DamagedLog,
    execute, kept, number,
    operations::{archived, golden, in_table, told, world},
    rows,
};
use beidou_log::{Log, ReadLimit, StoredRecord, memory::MemoryLog};
use beidou_projector::{
    ProjectorConfig,
    audit::{AuditConfig, AuditMetrics},
    maintenance::{Asking, Outcome, Wish},
};
use beidou_schemas::{
    Micros, TopicPartition,
    archive::{Collection, PartitionRange},
    ledger::{self, Archived, LedgerFact},
    maintenance::{AuditReport, Fault},
    operation::{FACTS, SAID},
};
use beidou_store::{
    Store,
    archive::{Archive, Compaction, FileWriter, GroupLimit},
};
use prometheus_client::{encoding::text::encode, registry::Registry};
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

const COUNT: &str = "SELECT count() FROM operation_event";

/// Rows of the world: its facts, and what a runner told.
fn all() -> u64 {
    golden().len() as u64 + 20
}

/// A site whose operations are all in table and archive.
struct Site {
    dir: TempDir,
    _engine: Engine,
    archive: Archive,
    log: Arc<MemoryLog>,
    store: Store,
    figures: Registry,
    projector: Running,
    asking: Asking,
}

impl Site {
    async fn archived() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::shared(dir.path()).await;
        let archive = Archive::folder(&dir.path().join("archive")).unwrap();
        let (log, store, mut figures) = (world().await, engine.store(), Registry::default());
        let metrics = AuditMetrics::register(&mut figures);
        let audit = AuditConfig { metrics, ..AuditConfig::default() };
        let config = ProjectorConfig { audit, ..config(&archive) };
        let (projector, asking) = Running::maintained(config, &log, &store);
        let archive = archive.of(Collection::Operations);
        let mut site = Self { dir, _engine: engine, archive, log, store, figures, projector, asking };
        site.all_archived().await;
        site
    }

    async fn all_archived(&mut self) {
        kept::all_archived(&mut self.projector, &self.log).await;
    }

    /// The same site with a projector that remembers nothing, over this log.
    async fn restarted<L: Log>(self, log: &Arc<L>) -> Self {
        let Self { dir, _engine, archive, log: own, store, figures, projector, .. } = self;
        projector.stop().await;
        let (projector, asking) = Running::maintained(config(&archive.of(Collection::Events)), log, &store);
        let mut site = Self { dir, _engine, archive, log: own, store, figures, projector, asking };
        site.all_archived().await;
        site
    }

    fn file(&self, path: &str) -> PathBuf {
        self.dir.path().join("archive").join(path)
    }

    /// Flips a byte in the middle of a file.
    fn flip(&self, path: &str) {
        let mut content = std::fs::read(self.file(path)).unwrap();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        std::fs::write(self.file(path), content).unwrap();
    }

    /// The bytes of every file of operations.
    async fn content(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        for file in self.archive.list(Collection::Operations.folder()).await.unwrap() {
            found.insert(file.path.clone(), self.archive.read(&file.path).await.unwrap().to_vec());
        }
        found
    }

    /// Range files that count, and the range of each.
    async fn ranges(&self) -> Vec<(String, PartitionRange)> {
        let files = self.archive.catalogue().await.unwrap().ranges;
        files.into_iter().map(|file| (file.path, file.range)).collect()
    }

    async fn number(&self, sql: &str) -> u64 {
        number(&self.store, sql).await
    }

    async fn audit(&mut self, full: bool) -> AuditReport {
        match ask(&mut self.asking, Wish::Audit { full }).await {
            Outcome::Audited(report) => report,
            other => panic!("{other:?}"),
        }
    }

    /// Rows of each fault, all repaired, and nothing left for a second audit.
    async fn repaired(&mut self, full: bool) -> BTreeMap<Fault, u64> {
        let report = self.audit(full).await;
        assert_eq!(report.unrepaired, 0, "{:#?}", report.findings);
        let mut found = BTreeMap::new();
        for finding in &report.findings {
            *found.entry(finding.fault).or_default() += finding.rows;
        }
        let again = self.audit(true).await;
        assert_eq!((again.findings.as_slice(), again.unrepaired), ([].as_slice(), 0), "after {:#?}", report.findings);
        found
    }
}

fn config(archive: &Archive) -> ProjectorConfig {
    kept::config(archive, 30, Duration::from_millis(200))
}

/// The table as its readers see it: every column of each row that counts.
async fn table(store: &Store) -> Vec<Value> {
    rows(store, "SELECT * FROM operation_event FINAL ORDER BY object_id, source, attempt, seq").await
}

/// The ledger of the facts.
fn ledger_at() -> TopicPartition {
    ledger::partition_of(FACTS, PARTITIONS).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_whole_is_read_and_left_alone() {
    let mut site = Site::archived().await;
    let before = (table(&site.store).await, site.content().await);
    let files = site.ranges().await.len() as u64;
    assert!(files > 2);
    for full in [true, false] {
        let report = site.audit(full).await;
        assert_eq!(report.findings, [], "full: {full}");
        assert_eq!((report.log_states, report.files), (all(), files), "full: {full}");
    }
    assert_eq!(site.number(COUNT).await, all(), "nothing was inserted again");
    assert!((table(&site.store).await, site.content().await) == before);
    site.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_later_epoch_has_replaced_is_not_missing() {
    let mut site = Site::archived().await;
    append(&site.log, SAID, vec![told(2).to_record()]).await;
    site.all_archived().await;
    execute(&site.store, "OPTIMIZE TABLE operation_event FINAL").await;
    assert_eq!(site.number(COUNT).await, all(), "the engine has merged the rows of the first epoch away");
    let report = site.audit(true).await;
    assert_eq!((report.findings, report.log_states), (vec![], all() + 20));
    // Where the later one is gone, both are.
    execute(&site.store, "ALTER TABLE operation_event DELETE WHERE source = 'told'").await;
    assert_eq!(site.repaired(false).await, [(Fault::Missing, 40)].into());
    let messages = "SELECT DISTINCT message FROM operation_event FINAL WHERE source = 'told'";
    assert_eq!(rows(&site.store, messages).await, [serde_json::json!({"message": "no route, epoch 2"})]);
    site.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_rows_are_made_again_from_the_log() {
    let mut site = Site::archived().await;
    let before = table(&site.store).await;
    // Two are gone, of one a length is another; of some a name that follows from facts before; and one is nobody's.
    execute(&site.store, "ALTER TABLE operation_event DELETE WHERE source = 'told' AND seq IN (3, 4)").await;
    execute(&site.store, "ALTER TABLE operation_event UPDATE duration_ms = 1 WHERE source = 'told' AND seq = 5").await;
    let named = "source = 'decided' AND object = 'operation' AND seq = 2";
    let renamed = site.number(&format!("{COUNT} WHERE {named}")).await;
    assert!(renamed > 1);
    execute(&site.store, &format!("ALTER TABLE operation_event UPDATE name = 'another' WHERE {named}")).await;
    execute(
        &site.store,
        "INSERT INTO operation_event SELECT * REPLACE(toUUID('0f8fad5b-d9cb-469f-a165-00000000dead') AS object_id) \
         FROM operation_event WHERE source = 'told' AND seq = 6",
    )
    .await;
    assert!(table(&site.store).await != before);
    let found = site.repaired(false).await;
    assert_eq!(found, [(Fault::Missing, 2), (Fault::Changed, 1 + renamed), (Fault::Unknown, 1)].into());
    assert_eq!(table(&site.store).await, before);
    let mut text = String::new();
    encode(&mut text, &site.figures).unwrap();
    for (fault, findings) in [("missing", 1), ("changed", 2), ("unknown", 1)] {
        let figure = format!("findings_total{{fault=\"{fault}\"}} {findings}");
        assert!(text.contains(&figure), "{figure}: {text}");
    }
    site.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_names_the_range_of_the_log_and_the_rows() {
    let mut site = Site::archived().await;
    execute(&site.store, "ALTER TABLE operation_event DELETE WHERE source = 'told' AND seq = 3").await;
    let report = site.audit(false).await;
    let [finding] = report.findings.as_slice() else { panic!("{report:#?}") };
    assert_eq!((finding.fault, finding.rows, finding.repaired), (Fault::Missing, 1, true));
    assert!(finding.place.starts_with(&format!("{SAID} ")), "{finding:?}");
    assert!(finding.detail.contains("made again from the log; e.g. c1/00000000-scaleup-b0-a1/3"), "{finding:?}");
    site.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_foreign_rows_than_one_audit_deletes_are_left_to_the_next() {
    let mut site = Site::archived().await;
    let before = table(&site.store).await;
    execute(
        &site.store,
        "INSERT INTO operation_event SELECT e.* REPLACE(generateUUIDv4(n.number) AS object_id) \
         FROM operation_event AS e CROSS JOIN numbers(30001) AS n WHERE e.source = 'told' AND e.seq = 6",
    )
    .await;
    let report = site.audit(false).await;
    let [finding] = report.findings.as_slice() else { panic!("{report:#?}") };
    assert_eq!((finding.fault, finding.rows, finding.repaired), (Fault::Unknown, 30_001, false));
    assert!(finding.detail.contains("the next audit goes on"), "{finding:?}");
    assert_eq!(site.number(COUNT).await, all() + 1);
    assert_eq!(site.repaired(false).await, [(Fault::Unknown, 1)].into());
    assert_eq!(table(&site.store).await, before);
    site.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn range_files_are_made_again_from_the_log() {
    let mut site = Site::archived().await;
    let expected = in_table(&site.store).await;
    let files = site.ranges().await;
    site.flip(&files[0].0);
    std::fs::remove_file(site.file(&files[1].0)).unwrap();
    let found = site.repaired(false).await;
    assert_eq!(found.into_keys().collect::<Vec<_>>(), [Fault::FileMissing, Fault::FileDamaged]);
    assert_eq!((archived(&site.archive).await, site.ranges().await), (expected, files));
    // A restart finds its position where it was, and the files as the ledger says.
    let log = site.log.clone();
    let mut site = site.restarted(&log).await;
    assert_eq!(site.audit(true).await.findings, []);
    site.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn day_files_are_made_again_from_the_log_under_a_new_generation() {
    let mut site = Site::archived().await;
    let expected = in_table(&site.store).await;
    site.archive.compact(&Compaction::new(Micros(i64::MAX), Micros(0))).await.unwrap();
    assert_eq!(site.audit(true).await.findings, []);
    let days: Vec<_> = site.archive.catalogue().await.unwrap().days.into_keys().collect();
    assert_eq!(days.len(), 2, "of a cluster, and of the board");
    site.flip(&days[0]);
    std::fs::remove_file(site.file(&days[1])).unwrap();
    let found = site.repaired(true).await;
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), [Fault::FileMissing, Fault::FileDamaged]);
    assert_eq!(found.values().sum::<u64>(), all());
    let after = site.archive.catalogue().await.unwrap();
    assert_eq!((after.generation, after.days.len(), after.leftovers.len()), (3, 2, 0));
    assert!(days.iter().all(|path| !after.days.contains_key(path)));
    assert_eq!(archived(&site.archive).await, expected);
    site.projector.stop().await;
}

/// A file that is what the ledger says, and lacks a row of the log: as a fault of ours would leave it.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_recorded_as_it_is_must_still_hold_what_the_log_says() {
    let site = Site::archived().await;
    let expected = in_table(&site.store).await;
    let (path, range) = site.ranges().await.swap_remove(0);
    let batch = site.archive.open(&path).await.unwrap().batches().unwrap().next().unwrap().unwrap();
    let mut file = FileWriter::in_memory(batch.schema_ref(), GroupLimit::RANGE).unwrap();
    file.add(&batch.slice(0, batch.num_rows() - 1)).unwrap();
    file.cover(range);
    let file = file.finish().unwrap();
    let put = site.archive.replace_range(&path, &file).await.unwrap();
    let PartitionRange { from, to, .. } = range;
    let (rows, hash, bytes, sha256) = (file.note.rows, file.note.hash, put.bytes, put.sha256);
    let fact = Archived { source: FACTS, from, to, rows, hash, bytes, sha256, path: path.clone() };
    let log = site.log.clone();
    append(&log, ledger_at(), vec![LedgerFact::Archived(fact).to_record(Uuid::new_v4(), Micros(0))]).await;
    let mut site = site.restarted(&log).await;
    let report = site.audit(true).await;
    let [finding] = report.findings.as_slice() else { panic!("{report:#?}") };
    assert_eq!((finding.fault, &finding.place, finding.rows), (Fault::FileDamaged, &path, rows + 1));
    assert!(finding.repaired && finding.detail.contains("made again from the log"), "{finding:?}");
    assert_eq!(archived(&site.archive).await, expected);
    assert_eq!(site.audit(true).await.findings, []);
    site.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_nobody_speaks_of_any_more_is_written() {
    let mut site = Site::archived().await;
    let expected = in_table(&site.store).await;
    let files = site.ranges().await;
    // With the file goes what the ledger said of it.
    let limit = ReadLimit { max_bytes: usize::MAX, max_wait: Duration::ZERO };
    let facts = site.log.read(ledger_at(), 0, limit).await.unwrap().records;
    let is_of_file = |stored: &&StoredRecord| match LedgerFact::from_json(&stored.record.value).unwrap() {
        LedgerFact::Archived(fact) => fact.path == files[0].0,
        LedgerFact::Archiving(_) | LedgerFact::Pending(_) | LedgerFact::Done(_) => false,
    };
    let fact = facts.iter().find(is_of_file).unwrap();
    site.log.lose_below(ledger_at(), fact.offset + 1).unwrap();
    std::fs::remove_file(site.file(&files[0].0)).unwrap();
    let report = site.audit(false).await;
    let [finding] = report.findings.as_slice() else { panic!("{report:#?}") };
    let path = Collection::Operations.range_path(0, 0, files[1].1.from);
    assert_eq!((finding.fault, &finding.place, finding.repaired), (Fault::FileMissing, &path, true));
    assert_eq!(archived(&site.archive).await, expected);
    assert_eq!(site.audit(true).await.findings, []);
    site.projector.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_that_cannot_be_read_are_told_and_what_follows_from_them_is_left_alone() {
    let site = Site::archived().await;
    let log = DamagedLog::on(&site.log);
    let mut site = site.restarted(&log).await;
    let before = table(&site.store).await;
    execute(&site.store, "ALTER TABLE operation_event DELETE WHERE source = 'told' AND seq IN (3, 4)").await;
    let start = site.log.bounds(FACTS).await.unwrap().start;
    log.damage(FACTS, start + 30..start + 60);
    for full in [true, false] {
        let report = site.audit(full).await;
        let [finding] = report.findings.as_slice() else { panic!("{report:#?}") };
        assert_eq!((finding.fault, finding.repaired), (Fault::LogDamaged, false));
        assert!(finding.place.starts_with(&format!("{FACTS} ")) && finding.rows > 0, "{finding:?}");
        assert!(finding.detail.contains("whose names follow from these facts"), "{finding:?}");
        assert!(report.log_states < 60, "{report:?}");
    }
    assert_eq!(site.number(COUNT).await, all() - 2);
    log.heal();
    assert_eq!(site.repaired(false).await, [(Fault::Missing, 2)].into());
    assert_eq!(table(&site.store).await, before);
    site.projector.stop().await;
}
