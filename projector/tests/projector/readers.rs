//! Files of the archive in other hands: the Event's JSON value comes back, and ClickHouse and DuckDB read them.

use std::{collections::BTreeMap, path::Path, process::Command};

use crate::support::{Engine, Running, events, log, number, rows};
use beidou_log::StoredRecord;
use beidou_projector::{
    ProjectorConfig,
    encode::{CutRange, Encoder},
};
use beidou_schemas::{
    Epoch, Identity, Micros, ResourceVersion, Topic, TopicPartition,
    archive::{Collection, PartitionRange},
    envelope::{EventEnvelope, FoundBy},
    kube_event::{ROW_HASH_SQL, RangeHash, rebuild},
};
use beidou_store::archive::{Archive, Compaction, FileWriter, Finished, GroupLimit, states};
use proptest::prelude::*;
use serde_json::{Value, json};

const AT: TopicPartition = TopicPartition { topic: Topic::KubeEvent, partition: 0 };

/// The Event with a resourceVersion of its own, since a state is stored once.
fn numbered(mut event: Value, number: u64) -> Value {
    event["metadata"]["resourceVersion"] = number.to_string().into();
    event
}

fn stored(offset: u64, event: &Value) -> StoredRecord {
    let identity = Identity {
        cluster: events::CLUSTER.parse().unwrap(),
        epoch: Epoch(2),
        event: event["metadata"]["uid"].as_str().unwrap().parse().unwrap(),
        resource_version: ResourceVersion(event["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()),
    };
    let observed = Micros::parse("2026-11-23T14:00:00.5Z").unwrap();
    let envelope = EventEnvelope { identity, cluster_name: "hz-prod-02".into(), observed, found_by: FoundBy::Watch };
    StoredRecord { offset, record: envelope.wrap(serde_json::to_vec(event).unwrap().into()) }
}

/// A range file, by the way of the projector: log records, columns, Parquet.
fn file(events: &[Value]) -> Finished {
    let records: Vec<_> = events.iter().enumerate().map(|(i, event)| stored(i as u64, event)).collect();
    let mut encoder = Encoder::new(AT, 1000).unwrap();
    let to = records.len() as u64;
    let encoded = encoder.encode(CutRange { source: AT, from: 0, to }, &records).unwrap();
    assert_eq!((encoded.rows, encoded.rejects), (to, 0));
    let mut writer = FileWriter::in_memory(&encoded.archive[0].schema(), GroupLimit::RANGE).unwrap();
    encoded.archive.iter().for_each(|rows| writer.add(rows).unwrap());
    writer.cover(PartitionRange { partition: 0, from: 0, to });
    writer.finish().unwrap()
}

async fn put(archive: &Archive, file: &Finished) -> String {
    let path = Collection::Events.range_path(0, 0, file.note.rows);
    archive.put_file(&path, file).await.unwrap();
    path
}

async fn round_trip(events: &[Value]) {
    let archive = Archive::in_memory();
    let path = put(&archive, &file(events)).await;
    let mut found = BTreeMap::new();
    for batch in archive.open(&path).await.unwrap().batches().unwrap() {
        found.extend(states(&batch.unwrap()).unwrap().map(|s| (s.resource_version, rebuild(&s).unwrap())));
    }
    let wanted: BTreeMap<_, _> = (1..).zip(events.iter().cloned()).collect();
    assert_eq!(found, wanted);
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

/// Usual, odd and hostile Events; resource versions count from 1.
fn corpus() -> Vec<Value> {
    (1..).zip(crate::odd::corpus()).map(|(number, event)| numbered(event, number)).collect()
}

#[test]
fn the_corpus_survives_arrow_and_parquet() {
    block_on(round_trip(&corpus()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_event_survives_arrow_and_parquet(events in prop::collection::vec(crate::odd::event(), 1..20)) {
        let events: Vec<_> = (1..).zip(events).map(|(number, event)| numbered(event, number)).collect();
        block_on(round_trip(&events));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clickhouse_reads_a_file_into_a_table_as_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::shared(dir.path()).await;
    let (log, store) = (log(), engine.store());
    let mut projector = Running::start(ProjectorConfig::default(), &log, &store);
    projector.caught_up(&log).await;
    let file = file(&corpus());
    let writer = store.writer().unwrap();
    writer.query_raw("CREATE TABLE copy AS kube_event").execute().await.unwrap();
    // One day each, as in the table: the body is split by the engine.
    let mut insert = writer
        .insert_formatted_with("INSERT INTO copy FORMAT Parquet")
        .with_setting("max_partitions_per_insert_block", "0");
    insert.send(file.content.clone()).await.unwrap();
    insert.end().await.unwrap();
    assert_eq!(number(&store, "SELECT count() FROM copy").await, file.note.rows);
    let sum = number(&store, &format!("SELECT sum({ROW_HASH_SQL}) FROM copy")).await;
    assert_eq!(RangeHash(sum), file.note.hash, "Rust and SQL agree on the hash");
    // The way of the projector gives the same rows, in every column.
    events::append(&log, &corpus()).await;
    projector.caught_up(&log).await;
    let own = "observed, found_by, cluster, epoch, log_partition, log_offset, cluster_uid";
    let rows_of = |table: &str| format!("SELECT * EXCEPT ({own}) FROM {table} ORDER BY resource_version, event_uid");
    assert_eq!(rows(&store, &rows_of("copy")).await, rows(&store, &rows_of("kube_event")).await);
    projector.stop().await;
}

/// A Python with DuckDB, installed on first use.
fn python() -> String {
    let install = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/duckdb/install");
    let output = Command::new(&install).output().unwrap();
    assert!(output.status.success(), "{}: {}", install.display(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().into()
}

const DUCKDB: &str = "
import duckdb, json, sys
duckdb.sql(\"SET TimeZone = 'UTC'\")
files = f\"read_parquet('{sys.argv[1]}/events/dt=*/cluster=*/*.parquet', hive_partitioning = true)\"
types = dict((row[0], row[1]) for row in duckdb.sql(f'DESCRIBE SELECT * FROM {files}').fetchall())
rows = duckdb.sql(f'''SELECT resource_version, event_uid::text, time::text, found_by, name, message, count, dt::text, cluster
    FROM {files} ORDER BY resource_version''').fetchall()
print(json.dumps({'types': types, 'rows': rows}))
";

#[tokio::test(flavor = "multi_thread")]
async fn duckdb_reads_the_days() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::folder(dir.path()).unwrap();
    let file = file(&corpus());
    put(&archive, &file).await;
    let compaction = Compaction::new(file.note.observed.plus(1), file.note.observed);
    archive.compact(&compaction).await.unwrap();
    let output = Command::new(python()).args(["-c", DUCKDB]).arg(dir.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let types = &answer["types"];
    let of =
        ["event_uid", "time", "dt", "cluster", "resource_version", "message"].map(|name| types[name].as_str().unwrap());
    assert_eq!(of, ["UUID", "TIMESTAMP WITH TIME ZONE", "DATE", "VARCHAR", "UBIGINT", "VARCHAR"]);
    let rows = answer["rows"].as_array().unwrap();
    assert_eq!(rows.len(), corpus().len());
    for (row, event) in rows.iter().zip(corpus()) {
        assert_eq!(row[0].as_u64().unwrap().to_string(), event["metadata"]["resourceVersion"].as_str().unwrap());
        assert_eq!(row[5].as_str().unwrap(), event["message"].as_str().unwrap_or_default(), "{event}");
        assert_eq!((&row[3], &row[8]), (&json!(1), &json!("hz-prod-02")));
    }
    // A legacy Event, in all its columns here.
    assert_eq!(rows[0][1], corpus()[0]["metadata"]["uid"]);
    assert_eq!((&rows[0][2], &rows[0][7]), (&json!("2026-11-23 13:00:00+00"), &json!("2026-11-23")));
}
