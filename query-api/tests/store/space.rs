//! What everything takes, from a real engine, a real log and a real archive.

use std::sync::Arc;

use beidou_log::{
    Log,
    file::{FileLog, FileOptions},
};
use beidou_query_api::{bind, serve};
use beidou_schemas::{Record, Topic, TopicPartition, ledger};
use beidou_service::{CancellationToken, Metrics, Readiness};
use beidou_store::archive::Archive;
use serde_json::Value;

use super::world;
use crate::support::{Api, client, config, events::seed};

#[tokio::test]
async fn tables_archive_and_log_are_told_and_so_is_the_growth() {
    let world = world().await;
    let folder = tempfile::tempdir().unwrap();
    let partitions = [(Topic::KubeEvent, 2), (Topic::Ledger, ledger::partitions(2))];
    let log = FileLog::open(FileOptions::new(folder.path().join("log"), partitions)).unwrap();
    let record = Record { value: vec![7; 10_000].into(), ..Record::default() };
    log.writer(TopicPartition::new(Topic::KubeEvent, 1), "test").await.unwrap().append(vec![record]).await.unwrap();
    let archive = Archive::folder(&folder.path().join("archive")).unwrap();
    let range = beidou_schemas::archive::Collection::Events.range_path(0, 0, 5);
    archive.put_new(&range, vec![0; 123].into()).await.unwrap();
    let bound = bind(config()).await.unwrap().with_archive(Some(archive.clone()));
    let (url, readiness, stop) = (bound.url(), Readiness::default(), CancellationToken::new());
    let log: Arc<dyn Log> = log;
    let serving =
        tokio::spawn(serve(bound, log, world.engine.store(), Metrics::default(), readiness.clone(), stop.clone()));
    let api = Api { url, readiness, stop, client: client(), serving };

    let empty = api.list("/api/v1/space").await;
    assert_eq!((&empty["growth"], &empty["growth_unknown"]), (&Value::Null, &"there are no Events yet".into()));
    world.insert("kube_event", (0..1000).map(|number| seed(1, number).row())).await;
    let space = api.list("/api/v1/space").await;
    let of = |list: &str, key: &str, name: &str| {
        let found = space[list].as_array().unwrap().iter().find(|item| item[key] == name);
        found.unwrap_or_else(|| panic!("no {name} in {space}")).clone()
    };
    let events = of("tables", "table", "kube_event");
    let bytes = |name: &str| events[name].as_u64().unwrap();
    assert_eq!(bytes("rows"), 1000);
    assert!(bytes("data_bytes") > 0 && bytes("index_bytes") > 0 && bytes("projection_bytes") > 0, "{events}");
    assert!(bytes("bytes") >= bytes("data_bytes") + bytes("index_bytes") + bytes("projection_bytes"), "{events}");
    assert_eq!((&space["archive"]["ranges"]["bytes"], &space["archive"]["days"]["files"]), (&123.into(), &0.into()));
    let topic = of("log", "topic", Topic::KubeEvent.name());
    let segment = folder.path().join("log").join(Topic::KubeEvent.name()).join("1/00000000000000000000.seg");
    assert_eq!(topic["bytes"], segment.metadata().unwrap().len(), "{topic}");
    assert_eq!(topic["most_bytes"], 20u64 << 30);
    let disk = of("disks", "disk", "default");
    assert!(disk["free_bytes"].as_u64() > Some(0) && disk["total_bytes"].as_u64() >= disk["free_bytes"].as_u64());
    let metrics = api.get("/metrics").await.text;
    for line in ["beidou_space_table_rows{name=\"kube_event\"} 1000", "beidou_space_archive_bytes{name=\"ranges\"} 123"]
    {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    assert_eq!(api.get("/api/v1/space?x=1").await.status, 400);
    // Without the archive the rest is told all the same.
    let newest = beidou_schemas::archive::Collection::Events.manifest_path(1);
    archive.put_new(&newest, vec![b'{'].into()).await.unwrap();
    let blind = api.list("/api/v1/space").await;
    assert_eq!((&blind["archive"], blind["tables"].as_array().unwrap().is_empty()), (&Value::Null, false), "{blind}");
    assert!(blind["archive_unknown"].as_str().unwrap().contains("manifest"), "{blind}");
}
