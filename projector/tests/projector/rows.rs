//! What stands in the tables is what stood in the log: types, values, rejects, coverage.

use std::borrow::Cow;

use crate::support::{Running, append, events, log, number, rows, scene};
use beidou_projector::ProjectorConfig;
use beidou_schemas::{
    Epoch, Identity, Micros, Record, ResourceVersion, Topic, TopicPartition,
    coverage::{Broken, CoverageFact, CoverageState, Position, Reason, SessionEnd},
    envelope::EventEnvelope,
    kube_event::{EventState, Shape, rebuild},
    reject::{Reject, RejectReason},
};
use serde_json::{Value, json};
use uuid::Uuid;

const COLUMNS: &str = "SELECT toString(event_uid) AS event_uid, toString(resource_version) AS resource_version, \
    toString(object_uid) AS object_uid, toString(object_resource_version) AS object_resource_version, \
    toString(shape) AS shape, toUnixTimestamp64Micro(creation_time) AS creation, \
    toUnixTimestamp64Micro(first_time) AS first, toUnixTimestamp64Micro(last_time) AS last, \
    toUnixTimestamp64Micro(event_time) AS eventTime, toUnixTimestamp64Micro(series_time) AS seriesTime, \
    * EXCEPT (event_uid, resource_version, object_uid, object_resource_version, shape) FROM kube_event \
    ORDER BY kube_event.resource_version SETTINGS output_format_json_quote_64bit_integers = 0";

fn stored(row: &Value) -> EventState<'static> {
    let text = |name: &str| Cow::Owned(row[name].as_str().unwrap().to_owned());
    let number = |name: &str| row[name].as_str().unwrap().parse().unwrap();
    let time = |name: &str| Micros(row[name].as_i64().unwrap());
    let count = |name: &str| row[name].as_i64().unwrap() as i32;
    let uid = |name: &str| row[name].as_str().unwrap().parse::<Uuid>().unwrap();
    EventState {
        name: text("meta_name"),
        namespace: text("meta_namespace"),
        uid: uid("event_uid"),
        resource_version: number("resource_version"),
        creation: time("creation"),
        object_kind: text("kind"),
        object_namespace: text("namespace"),
        object_name: text("name"),
        object_uid: uid("object_uid"),
        object_api_version: text("object_api_version"),
        object_version: number("object_resource_version"),
        object_field_path: text("field_path"),
        reason: text("reason"),
        message: text("message"),
        source_component: text("component"),
        source_host: text("host"),
        first: time("first"),
        last: time("last"),
        count: count("count"),
        event_type: text("type"),
        event_time: time("eventTime"),
        series_count: count("series_count"),
        series_time: time("seriesTime"),
        action: text("action"),
        reporting_component: text("reporting_component"),
        reporting_instance: text("reporting_instance"),
        shape: Shape(number("shape")),
        residual: text("residual").into_owned(),
    }
}

/// Usual, odd and hostile Events; resource versions count from 1.
fn zoo() -> Vec<Value> {
    let mut zoo = vec![events::event(1, 1, 17, "2026-11-23T13:00:00Z")];
    let mut add = |change: &dyn Fn(&mut Value)| {
        let n = zoo.len() as u64 + 1;
        let mut value = events::event(n.into(), n, 1, "2026-11-23T13:00:00Z");
        change(&mut value);
        zoo.push(value);
    };
    add(&|e| e["series"] = json!({"count": 4, "lastObservedTime": "2026-11-23T13:30:00.000001Z"}));
    add(&|e| e["metadata"]["labels"] = json!({"a": "b\n\n\u{0}\u{1F600}"}));
    add(&|e| e["lastTimestamp"] = json!("2999-01-01T00:00:00Z"));
    add(&|e| e["firstTimestamp"] = json!("1815-12-10T00:00:00Z"));
    add(&|e| e["eventTime"] = json!("2026-11-23T13:00:00.123456Z"));
    add(&|e| e["count"] = json!("many"));
    add(&|e| e["message"] = json!("\u{FEFF}'quoted' \\ \t é 漢字"));
    add(&|e| e["involvedObject"] = json!({"kind": "Node", "name": "hz02-gpu-017", "uid": "hz02-gpu-017"}));
    add(&|e| e["metadata"]["uid"] = json!("not-a-uuid"));
    add(&|e| e["metadata"]["creationTimestamp"] = json!("2026-09-23T13:00:00Z"));
    add(&|e| e.as_object_mut().unwrap().retain(|key, _| key == "metadata"));
    zoo
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_can_be_rebuilt_from_its_row() {
    let (_engine, log, store) = scene(log()).await;
    let zoo = zoo();
    events::append(&log, &zoo).await;
    let mut projector = Running::start(ProjectorConfig::default(), &log, &store);
    projector.caught_up(&log).await;
    let rows = rows(&store, COLUMNS).await;
    assert_eq!(rows.len(), zoo.len());
    for (row, event) in rows.iter().zip(&zoo) {
        assert_eq!(rebuild(&stored(row)).unwrap(), *event);
    }
    let first = &rows[0];
    for (column, value) in [
        ("cluster_uid", json!(events::CLUSTER)),
        ("cluster", json!("hz-prod-02")),
        ("epoch", json!(1)),
        ("event_uid", json!(Uuid::from_u128(1).to_string())),
        ("time", json!("2026-11-23 13:00:00.000000")),
        ("observed", json!("2026-11-23 14:00:00.500000")),
        ("found_by", json!("list")),
        ("occurrences", json!(17)),
        ("occurrences_delta", json!(17)),
        ("node", json!("hz02-gpu-017")),
    ] {
        assert_eq!(first[column], value, "{column}");
    }
    assert_eq!(number(&store, "SELECT count() FROM kube_event WHERE time_flags != 0").await, 2);
    projector.stop().await;
}

/// etcd is set back, the list shows the Event as it was, and it goes on: each state is a row, each occurrence counts once.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_restored_etcd_brings_again_is_a_row_and_no_occurrence() {
    let (_engine, log, store) = scene(log()).await;
    for (epoch, version, count) in [(1, 7, 7), (1, 12, 10), (2, 7, 7), (2, 12, 11)] {
        let (at, record) = events::record(&events::event(1, version, count, "2026-11-23T13:00:00Z"));
        let envelope = EventEnvelope::read(&record).unwrap();
        let identity = Identity { epoch: Epoch(epoch), ..envelope.identity };
        append(&log, at, vec![EventEnvelope { identity, ..envelope }.wrap(record.value)]).await;
    }
    let mut projector = Running::start(ProjectorConfig::default(), &log, &store);
    projector.caught_up(&log).await;
    let found = rows(
        &store,
        "SELECT epoch, occurrences AS told, occurrences_delta AS new FROM kube_event ORDER BY epoch, resource_version",
    );
    let row = |epoch: u32, told: u32, new: u32| json!({"epoch": epoch, "told": told, "new": new});
    assert_eq!(found.await, [row(1, 7, 7), row(1, 10, 3), row(2, 7, 0), row(2, 11, 1)]);
    projector.stop().await;
}

fn position(session: u128, version: u64, until: i64) -> Position {
    Position {
        cluster: events::CLUSTER.parse().unwrap(),
        cluster_name: "hz-prod-02".into(),
        epoch: Epoch(1),
        session: Uuid::from_u128(session),
        start_resource_version: ResourceVersion(100),
        resource_version: ResourceVersion(version),
        from: Micros(1_795_444_800_000_000),
        until: Micros(1_795_444_800_000_000 + until),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn coverage_and_rejects_become_rows() {
    let (_engine, log, store) = scene(log()).await;
    let coverage = TopicPartition::new(Topic::KubeCoverage, 0);
    let end =
        SessionEnd { position: position(7, 140, 60), reason: Reason::Cut, detail: "eof".into(), deleted_frames: 3 };
    let broken = Broken {
        cluster: events::CLUSTER.parse().unwrap(),
        cluster_name: "hz-prod-02".into(),
        epoch: Epoch(1),
        state: CoverageState::Gap,
        from: Micros(1_795_444_860_000_000),
        until: Micros(1_795_444_890_000_000),
        reason: Reason::Expired,
        detail: String::new(),
    };
    let mut facts = vec![
        CoverageFact::Started(position(7, 100, 0)),
        CoverageFact::Advanced(position(7, 120, 30)),
        CoverageFact::Ended(end),
        CoverageFact::Broken(broken),
        CoverageFact::Started(position(8, 150, 90)),
    ];
    let records = |facts: &[CoverageFact]| facts.iter().map(|f| f.to_record(Uuid::new_v4(), Micros(1))).collect();
    append(&log, coverage, records(&facts)).await;
    let broken_event = Record { value: b"\xff{".to_vec().into(), ..events::record(&zoo()[0]).1 };
    append(&log, TopicPartition::new(Topic::KubeEvent, 1), vec![broken_event, Record::default()]).await;
    let reject = Reject {
        cluster: events::CLUSTER.parse().unwrap(),
        cluster_name: "hz-prod-02".into(),
        observed: Micros(1_795_444_800_000_000),
        reason: RejectReason::TooLarge,
        detail: "5 MB".into(),
        frame_bytes: 5_000_000,
        frame: b"\x00\xff\n\n".to_vec().into(),
    };
    let rejects = TopicPartition::new(Topic::KubeReject, 0);
    append(&log, rejects, vec![reject.to_record(&"r-1".parse().unwrap()), Record::default()]).await;

    let mut projector = Running::start(ProjectorConfig::default(), &log, &store);
    projector.caught_up(&log).await;
    facts = vec![CoverageFact::Advanced(position(8, 160, 120))];
    append(&log, coverage, records(&facts)).await;
    projector.caught_up(&log).await;
    let found = rows(
        &store,
        "SELECT state, toUInt32(toUnixTimestamp64Micro(until_time) - 1795444800000000) AS until, \
         toUInt32(resource_version) AS version, reason, detail, toUInt32(deleted_frames) AS deleted \
         FROM kube_coverage FINAL ORDER BY state, until",
    );
    let session = |until: i64, version: u64, reason: &str, detail: &str, deleted: u64| json!({"state": "complete", "until": until, "version": version, "reason": reason, "detail": detail, "deleted": deleted});
    let mut gap = session(90_000_000, 0, "expired", "", 0);
    gap["state"] = json!("gap");
    assert_eq!(found.await, [session(60, 140, "cut", "eof", 3), session(120, 160, "", "", 0), gap]);
    let found = rows(
        &store,
        "SELECT reason, topic, hex(frame) AS frame, cluster FROM kube_reject ORDER BY topic, cluster DESC",
    );
    let row = |reason: &str, topic: Topic, frame: &str, cluster: &str| json!({"reason": reason, "topic": topic.name(), "frame": frame, "cluster": cluster});
    let expected = [
        row("record", Topic::KubeEvent, "FF7B", "hz-prod-02"),
        row("record", Topic::KubeEvent, "", ""),
        row("too_large", Topic::KubeReject, "00FF0A0A", "hz-prod-02"),
        row("record", Topic::KubeReject, "", ""),
    ];
    assert_eq!(found.await, expected);
    projector.stop().await;
}
